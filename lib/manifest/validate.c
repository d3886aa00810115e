/* SPDX-License-Identifier: MIT */
/*
 * Checks the records of a manifest: each reference, number, string and the rule of authority, so that the root task can work
 * through the table without looking twice. Pure: reads the manifest, writes the fault. Sections are checked in an order in which
 * a record refers only to what was checked before, save that objects and tasks refer to each other by bounded indices.
 */
#include "validate.h"

#define MAX_PERIOD_US UINT64_C(10000000) /* the kernel's limit for a scheduling context's period */
#define MIN_BUDGET_US UINT64_C(10)
#define MAX_PRIORITY 255u
#define MAX_CNODE_SIZE_BITS 12u
#define PORT_COUNT 65536u
#define MAX_IRQ_LINE 1023u
#define ISA_IRQ_LINES 16u

/* Who refers to an object: a VM's index or MANIFEST_NONE, a task's index, MANIFEST_ROOT or MANIFEST_NONE. */
struct subject {
	uint32_t vm;
	uint32_t task;
};

static enum manifest_error check_text(const struct manifest *manifest, uint32_t offset, uint32_t limit)
{
	if (offset >= manifest->string_size) {
		return MANIFEST_ERROR_STRING;
	}
	const char *text = manifest->strings + offset;
	uint32_t room = manifest->string_size - offset; /* at least 1, and a NUL is in it */
	uint32_t length = 0;

	while (length < limit && length < room && text[length] != '\0') {
		length++;
	}
	if (length == limit || length == 0) {
		return MANIFEST_ERROR_STRING;
	}
	return MANIFEST_OK;
}

static enum manifest_error check_name(const struct manifest *manifest, uint32_t offset)
{
	return check_text(manifest, offset, MANIFEST_NAME_SIZE);
}

static int same_string(const struct manifest *manifest, uint32_t left, uint32_t right)
{
	return left == right ||
	       manifest_same_text(manifest_string(manifest, left), manifest_string(manifest, right));
}

/* Both zero is a passive task's "no context of its own". */
static int is_share(uint64_t budget_us, uint64_t period_us)
{
	return budget_us >= MIN_BUDGET_US && budget_us <= period_us && period_us <= MAX_PERIOD_US;
}

static int is_priority(uint32_t priority) { return priority >= 1 && priority <= MAX_PRIORITY; }

static int is_restart(const struct manifest_restart *restart)
{
	if (restart->on_exit == MANIFEST_ON_EXIT_RESTART) {
		return restart->max >= 1 && restart->max <= MANIFEST_MAX_RESTARTS && restart->seconds >= 1;
	}
	return restart->on_exit == MANIFEST_ON_EXIT_STOP && restart->max == 0 && restart->seconds == 0;
}

/* Rights of memory: reading, or reading and writing. */
static int is_memory_rights(uint32_t rights)
{
	return rights == MANIFEST_RIGHT_READ || rights == (MANIFEST_RIGHT_READ | MANIFEST_RIGHT_WRITE);
}

static const struct manifest_object *object_of_type(
	const struct manifest *manifest, uint32_t index, uint32_t type)
{
	if (index >= manifest->object_count || manifest->objects[index].type != type) {
		return NULL;
	}
	return &manifest->objects[index];
}

/* The rule of authority: may `subject` refer to `object`? */
static int in_reach(const struct subject *subject, const struct manifest_object *object)
{
	switch (object->scope) {
	case MANIFEST_SCOPE_SYSTEM:
		return 1;
	case MANIFEST_SCOPE_VM:
		return subject->task == MANIFEST_ROOT || subject->vm == object->scope_index;
	case MANIFEST_SCOPE_TASK:
		return subject->task == MANIFEST_ROOT || subject->task == object->scope_index;
	default:
		return 0;
	}
}

/* An endpoint that VMs share would let one VM's empty budget stall another: only the system's tasks may hold one. */
static int is_shared_endpoint(const struct subject *subject, const struct manifest_object *object)
{
	return object->type == MANIFEST_OBJECT_ENDPOINT && object->scope == MANIFEST_SCOPE_SYSTEM &&
	       subject->vm != MANIFEST_NONE;
}

static struct subject subject_of_object(const struct manifest *manifest, const struct manifest_object *object)
{
	switch (object->scope) {
	case MANIFEST_SCOPE_VM:
		return (struct subject){ object->scope_index, MANIFEST_NONE };
	case MANIFEST_SCOPE_TASK:
		return (struct subject){ manifest->tasks[object->scope_index].vm, object->scope_index };
	default:
		return (struct subject){ MANIFEST_NONE, MANIFEST_NONE };
	}
}

static enum manifest_error subject_of_task(
	const struct manifest *manifest, uint32_t task, struct subject *subject)
{
	if (task == MANIFEST_ROOT) {
		*subject = (struct subject){ MANIFEST_NONE, MANIFEST_ROOT };
		return MANIFEST_OK;
	}
	if (task >= manifest->task_count) {
		return MANIFEST_ERROR_REFERENCE;
	}
	*subject = (struct subject){ manifest->tasks[task].vm, task };
	return MANIFEST_OK;
}

static enum manifest_error check_argument(const struct manifest *manifest, uint32_t index)
{
	return check_text(manifest, manifest->arguments[index], MANIFEST_ARGUMENT_SIZE);
}

static enum manifest_error check_module(const struct manifest *manifest, uint32_t index)
{
	const struct manifest_module *module = &manifest->modules[index];
	enum manifest_error error = check_name(manifest, module->name);

	if (error != MANIFEST_OK) {
		return error;
	}
	return module->reserved == 0 && module->size != 0 ? MANIFEST_OK : MANIFEST_ERROR_VALUE;
}

static enum manifest_error check_vm(const struct manifest *manifest, uint32_t index)
{
	const struct manifest_vm *vm = &manifest->vms[index];
	enum manifest_error error = check_name(manifest, vm->name);

	if (error != MANIFEST_OK) {
		return error;
	}
	if (vm->reserved != 0 || vm->trust_domain == 0 || vm->hang_limit_ms == 0 || vm->memory == 0 ||
		vm->memory % MANIFEST_LARGE_PAGE_SIZE != 0 || !is_share(vm->budget_us, vm->period_us) ||
		!is_restart(&vm->on_crash) || !is_restart(&vm->on_reset)) {
		return MANIFEST_ERROR_VALUE;
	}
	for (uint32_t other = 0; other < index; other++) {
		if (same_string(manifest, manifest->vms[other].name, vm->name)) {
			return MANIFEST_ERROR_DUPLICATE;
		}
	}
	return MANIFEST_OK;
}

static enum manifest_error check_task_values(const struct manifest_task *task)
{
	int is_passive = task->budget_us == 0 && task->period_us == 0;

	if (task->function > MANIFEST_MAX_FUNCTIONS || task->trust_domain == 0 ||
		!is_priority(task->priority) || task->cnode_size_bits == 0 ||
		task->cnode_size_bits > MAX_CNODE_SIZE_BITS ||
		(task->flags & ~(MANIFEST_TASK_FPU | MANIFEST_TASK_ESSENTIAL | MANIFEST_TASK_ALLOW_DMA)) !=
			0 ||
		((task->flags & MANIFEST_TASK_ALLOW_DMA) != 0 && task->function == 0) ||
		task->handler_count > MANIFEST_MAX_HANDLERS ||
		(!is_passive && !is_share(task->budget_us, task->period_us)) ||
		task->heap_size % MANIFEST_PAGE_SIZE != 0 || task->stack_size % MANIFEST_PAGE_SIZE != 0 ||
		task->stack_size == 0 || !is_restart(&task->restart)) {
		return MANIFEST_ERROR_VALUE;
	}
	return MANIFEST_OK;
}

static enum manifest_error check_task(const struct manifest *manifest, uint32_t index)
{
	const struct manifest_task *task = &manifest->tasks[index];
	enum manifest_error error = check_name(manifest, task->name);

	if (error != MANIFEST_OK) {
		return error;
	}
	error = check_task_values(task);
	if (error != MANIFEST_OK) {
		return error;
	}
	if (task->module >= manifest->module_count || task->first_argument > manifest->argument_count ||
		task->argument_count > manifest->argument_count - task->first_argument) {
		return MANIFEST_ERROR_REFERENCE;
	}
	if (task->vm != MANIFEST_NONE) {
		if (task->vm >= manifest->vm_count) {
			return MANIFEST_ERROR_REFERENCE;
		}
		if (manifest->vms[task->vm].trust_domain != task->trust_domain) {
			return MANIFEST_ERROR_SCOPE;
		}
		if (task->function != 0) {
			return MANIFEST_ERROR_SCOPE;
		}
	} else if ((task->flags & MANIFEST_TASK_ESSENTIAL) != 0) {
		return MANIFEST_ERROR_VALUE;
	}
	for (uint32_t other = 0; other < index; other++) {
		if (same_string(manifest, manifest->tasks[other].name, task->name) ||
			(task->function != 0 && manifest->tasks[other].function == task->function)) {
			return MANIFEST_ERROR_DUPLICATE;
		}
	}
	return MANIFEST_OK;
}

static enum manifest_error check_scope(const struct manifest *manifest, const struct manifest_object *object)
{
	switch (object->scope) {
	case MANIFEST_SCOPE_SYSTEM:
		return object->scope_index == MANIFEST_NONE ? MANIFEST_OK : MANIFEST_ERROR_VALUE;
	case MANIFEST_SCOPE_VM:
		return object->scope_index < manifest->vm_count ? MANIFEST_OK : MANIFEST_ERROR_REFERENCE;
	case MANIFEST_SCOPE_TASK:
		return object->scope_index < manifest->task_count ? MANIFEST_OK : MANIFEST_ERROR_REFERENCE;
	default:
		return MANIFEST_ERROR_VALUE;
	}
}

static enum manifest_error check_memory(const struct manifest *manifest, const struct manifest_object *object)
{
	int is_large = (object->flags & MANIFEST_OBJECT_LARGE_PAGES) != 0;
	int is_dma = (object->flags & MANIFEST_OBJECT_DMA) != 0;

	if (object->module != MANIFEST_NONE) {
		if (object->module >= manifest->module_count) {
			return MANIFEST_ERROR_REFERENCE;
		}
		if (object->size != manifest->modules[object->module].size || is_large || is_dma ||
			object->scope != MANIFEST_SCOPE_SYSTEM) {
			return MANIFEST_ERROR_VALUE;
		}
		return MANIFEST_OK;
	}
	/* A device may go on writing after its driver has died: memory that it knows is never used for anything else. */
	if (is_dma && (is_large || object->scope != MANIFEST_SCOPE_SYSTEM)) {
		return MANIFEST_ERROR_VALUE;
	}
	uint64_t page_size = is_large ? MANIFEST_LARGE_PAGE_SIZE : MANIFEST_PAGE_SIZE;

	return object->size != 0 && object->size % page_size == 0 ? MANIFEST_OK : MANIFEST_ERROR_VALUE;
}

static enum manifest_error check_thread(const struct manifest *manifest, uint32_t index)
{
	const struct manifest_object *thread = &manifest->objects[index];

	if (thread->scope != MANIFEST_SCOPE_TASK || !is_priority(thread->priority) || thread->index == 0 ||
		thread->index > manifest->tasks[thread->scope_index].handler_count) {
		return MANIFEST_ERROR_VALUE;
	}
	for (uint32_t other = 0; other < index; other++) {
		const struct manifest_object *object = &manifest->objects[other];

		if (object->type == MANIFEST_OBJECT_THREAD && object->scope_index == thread->scope_index &&
			object->index == thread->index) {
			return MANIFEST_ERROR_DUPLICATE;
		}
	}
	return MANIFEST_OK;
}

static enum manifest_error check_vcpu(const struct manifest *manifest, const struct manifest_object *vcpu)
{
	const struct manifest_object *space =
		object_of_type(manifest, vcpu->guest_space, MANIFEST_OBJECT_GUEST_SPACE);
	const struct manifest_object *context =
		object_of_type(manifest, vcpu->sched_context, MANIFEST_OBJECT_SCHED_CONTEXT);

	if (space == NULL || context == NULL) {
		return MANIFEST_ERROR_REFERENCE;
	}
	if (vcpu->scope != MANIFEST_SCOPE_VM || !is_priority(vcpu->priority) || vcpu->cpu != context->cpu) {
		return MANIFEST_ERROR_VALUE;
	}
	if (space->scope != MANIFEST_SCOPE_VM || space->scope_index != vcpu->scope_index ||
		context->scope != MANIFEST_SCOPE_VM || context->scope_index != vcpu->scope_index) {
		return MANIFEST_ERROR_SCOPE;
	}
	return MANIFEST_OK;
}

/* Which fields of an object its type uses; the others are 0, or MANIFEST_NONE. */
#define USES_FIRST (1u << 0)
#define USES_COUNT (1u << 1)
#define USES_SPACE (1u << 2) /* guest_space and sched_context */
#define USES_PRIORITY (1u << 3)
#define USES_INDEX (1u << 4)
#define USES_CPU (1u << 5)
#define USES_SIZE (1u << 6)
#define USES_SHARE (1u << 7) /* budget_us and period_us */
#define USES_MODULE (1u << 8)

static const uint32_t USED_FIELDS[MANIFEST_OBJECT_TYPE_END] = {
	[MANIFEST_OBJECT_THREAD] = USES_PRIORITY | USES_INDEX,
	[MANIFEST_OBJECT_SCHED_CONTEXT] = USES_SHARE | USES_CPU,
	[MANIFEST_OBJECT_MEMORY] = USES_SIZE | USES_MODULE,
	[MANIFEST_OBJECT_VCPU] = USES_SPACE | USES_PRIORITY | USES_INDEX | USES_CPU,
	[MANIFEST_OBJECT_IRQ_HANDLER] = USES_FIRST | USES_INDEX,
	[MANIFEST_OBJECT_IO_PORTS] = USES_FIRST | USES_COUNT,
	[MANIFEST_OBJECT_DEVICE_MEMORY] = USES_FIRST | USES_INDEX | USES_SIZE,
};

static int unused_fields_are_empty(const struct manifest_object *object)
{
	uint32_t used = USED_FIELDS[object->type];

	return ((used & USES_FIRST) != 0 || object->first == 0) &&
	       ((used & USES_COUNT) != 0 || object->count == 0) &&
	       ((used & USES_SPACE) != 0 ||
		       (object->guest_space == MANIFEST_NONE && object->sched_context == MANIFEST_NONE)) &&
	       ((used & USES_PRIORITY) != 0 || object->priority == 0) &&
	       ((used & USES_INDEX) != 0 || object->index == 0) &&
	       ((used & USES_CPU) != 0 || object->cpu == 0) &&
	       ((used & USES_SIZE) != 0 || object->size == 0) &&
	       ((used & USES_SHARE) != 0 || (object->budget_us == 0 && object->period_us == 0)) &&
	       ((used & USES_MODULE) != 0 || object->module == MANIFEST_NONE) && object->reserved == 0;
}

static enum manifest_error check_irq_handler(const struct manifest_object *object)
{
	int is_valid;

	if ((object->flags & MANIFEST_OBJECT_MESSAGE) != 0) {
		is_valid = object->flags == MANIFEST_OBJECT_MESSAGE &&
			   object->scope == MANIFEST_SCOPE_SYSTEM && object->first < MANIFEST_MAX_FUNCTIONS &&
			   object->index < MANIFEST_MAX_MESSAGES;
	} else {
		is_valid = object->index == 0 && object->first <= MAX_IRQ_LINE &&
			   ((object->flags & MANIFEST_OBJECT_ISA) == 0 || object->first < ISA_IRQ_LINES);
	}
	return is_valid ? MANIFEST_OK : MANIFEST_ERROR_VALUE;
}

/* The same registers, or the same message, in two objects would be two owners of one thing. */
static int is_same_part(const struct manifest_object *left, const struct manifest_object *right)
{
	return left->type == right->type && left->flags == right->flags && left->first == right->first &&
	       left->index == right->index;
}

static int is_part_of_function(const struct manifest_object *object)
{
	return object->type == MANIFEST_OBJECT_DEVICE_MEMORY ||
	       (object->flags & MANIFEST_OBJECT_MESSAGE) != 0;
}

static enum manifest_error check_device_memory(const struct manifest_object *object)
{
	int is_table = (object->flags & MANIFEST_OBJECT_TABLE) != 0;

	return object->scope == MANIFEST_SCOPE_SYSTEM && object->first < MANIFEST_MAX_FUNCTIONS &&
			       object->index < (is_table ? 1u : MANIFEST_MAX_BARS) && object->size != 0 &&
			       object->size % MANIFEST_PAGE_SIZE == 0
		       ? MANIFEST_OK
		       : MANIFEST_ERROR_VALUE;
}

/* May a task, or the root task, hold or map this? Parts of a PCI function are its driver's, its MSI-X table is not. */
static int is_its_function(
	const struct manifest *manifest, uint32_t task, const struct manifest_object *object)
{
	uint32_t function = task < manifest->task_count ? manifest->tasks[task].function : 0;

	if (!is_part_of_function(object)) {
		return 1;
	}
	if ((object->flags & MANIFEST_OBJECT_TABLE) != 0) {
		return task < manifest->task_count && manifest->tasks[task].vm == MANIFEST_NONE &&
		       function == 0;
	}
	return function == object->first + 1;
}

/* What a type alone has to say about an object. Scope and flags were checked before. */
static enum manifest_error check_parameters(const struct manifest *manifest, uint32_t index)
{
	const struct manifest_object *object = &manifest->objects[index];

	switch (object->type) {
	case MANIFEST_OBJECT_ENDPOINT:
	case MANIFEST_OBJECT_REPLY:
	case MANIFEST_OBJECT_NOTIFICATION:
	case MANIFEST_OBJECT_TIMER:
		return MANIFEST_OK;
	case MANIFEST_OBJECT_THREAD:
		return check_thread(manifest, index);
	case MANIFEST_OBJECT_SCHED_CONTEXT:
		return is_share(object->budget_us, object->period_us) ? MANIFEST_OK : MANIFEST_ERROR_VALUE;
	case MANIFEST_OBJECT_MEMORY:
		return check_memory(manifest, object);
	case MANIFEST_OBJECT_GUEST_SPACE:
		return object->scope == MANIFEST_SCOPE_VM ? MANIFEST_OK : MANIFEST_ERROR_VALUE;
	case MANIFEST_OBJECT_VCPU:
		return check_vcpu(manifest, object);
	case MANIFEST_OBJECT_IRQ_HANDLER:
		return check_irq_handler(object);
	case MANIFEST_OBJECT_DEVICE_MEMORY:
		return check_device_memory(object);
	case MANIFEST_OBJECT_IO_PORTS:
		return object->count >= 1 && object->first < PORT_COUNT &&
				       object->count <= PORT_COUNT - object->first
			       ? MANIFEST_OK
			       : MANIFEST_ERROR_VALUE;
	default:
		return MANIFEST_ERROR_VALUE;
	}
}

static const uint32_t ALLOWED_FLAGS[MANIFEST_OBJECT_TYPE_END] = {
	[MANIFEST_OBJECT_MEMORY] = MANIFEST_OBJECT_LARGE_PAGES | MANIFEST_OBJECT_DMA,
	[MANIFEST_OBJECT_IRQ_HANDLER] = MANIFEST_OBJECT_LEVEL | MANIFEST_OBJECT_ISA | MANIFEST_OBJECT_MESSAGE,
	[MANIFEST_OBJECT_DEVICE_MEMORY] = MANIFEST_OBJECT_TABLE,
};

static enum manifest_error check_object(const struct manifest *manifest, uint32_t index)
{
	const struct manifest_object *object = &manifest->objects[index];
	enum manifest_error error = check_text(manifest, object->name, MANIFEST_OBJECT_NAME_SIZE);

	if (error != MANIFEST_OK) {
		return error;
	}
	if (object->type == 0 || object->type >= MANIFEST_OBJECT_TYPE_END ||
		(object->flags & ~ALLOWED_FLAGS[object->type]) != 0 || !unused_fields_are_empty(object)) {
		return MANIFEST_ERROR_VALUE;
	}
	for (uint32_t other = 0; is_part_of_function(object) && other < index; other++) {
		if (is_same_part(object, &manifest->objects[other])) {
			return MANIFEST_ERROR_DUPLICATE;
		}
	}
	return check_parameters(manifest, index);
}

/* Slot 0 stays empty; every listed capability needs a slot of its own. */
static int capabilities_fit(const struct manifest *manifest, uint32_t task)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < manifest->capability_count; i++) {
		count += manifest->capabilities[i].task == task;
	}
	return count < (UINT32_C(1) << manifest->tasks[task].cnode_size_bits);
}

static enum manifest_error check_capability(const struct manifest *manifest, uint32_t index)
{
	const struct manifest_capability *capability = &manifest->capabilities[index];
	struct subject holder;
	enum manifest_error error = check_name(manifest, capability->name);

	if (error != MANIFEST_OK) {
		return error;
	}
	error = subject_of_task(manifest, capability->task, &holder);
	if (error != MANIFEST_OK) {
		return error;
	}
	if (capability->object >= manifest->object_count) {
		return MANIFEST_ERROR_REFERENCE;
	}
	const struct manifest_object *object = &manifest->objects[capability->object];

	if (capability->rights == 0 || (capability->rights & ~MANIFEST_RIGHT_ALL) != 0 ||
		object->type == MANIFEST_OBJECT_MEMORY || object->type == MANIFEST_OBJECT_DEVICE_MEMORY ||
		(capability->badge != 0 && object->type != MANIFEST_OBJECT_ENDPOINT &&
			object->type != MANIFEST_OBJECT_NOTIFICATION)) {
		return MANIFEST_ERROR_VALUE;
	}
	if (!in_reach(&holder, object) || is_shared_endpoint(&holder, object) ||
		!is_its_function(manifest, capability->task, object)) {
		return MANIFEST_ERROR_SCOPE;
	}
	for (uint32_t other = 0; other < index; other++) {
		if (manifest->capabilities[other].task == capability->task &&
			same_string(manifest, manifest->capabilities[other].name, capability->name)) {
			return MANIFEST_ERROR_DUPLICATE;
		}
	}
	return MANIFEST_OK;
}

static enum manifest_error check_mapped_range(
	const struct manifest_object *object, uint64_t offset, uint64_t length, uint32_t rights)
{
	uint64_t size = object->type == MANIFEST_OBJECT_VCPU ? MANIFEST_PAGE_SIZE : object->size;
	uint64_t page_size = (object->flags & MANIFEST_OBJECT_LARGE_PAGES) != 0 ? MANIFEST_LARGE_PAGE_SIZE
										: MANIFEST_PAGE_SIZE;
	int is_module = object->module != MANIFEST_NONE;

	if (!is_memory_rights(rights) || (is_module && rights != MANIFEST_RIGHT_READ) || length == 0 ||
		offset % page_size != 0 || offset > size || length > size - offset) {
		return MANIFEST_ERROR_VALUE;
	}
	/* A module's last page is only partly the module's. */
	return length % page_size == 0 || (is_module && offset + length == size) ? MANIFEST_OK
										 : MANIFEST_ERROR_VALUE;
}

static enum manifest_error check_mapping(const struct manifest *manifest, uint32_t index)
{
	const struct manifest_mapping *mapping = &manifest->mappings[index];
	struct subject holder;
	enum manifest_error error = check_name(manifest, mapping->name);

	if (error != MANIFEST_OK) {
		return error;
	}
	error = subject_of_task(manifest, mapping->task, &holder);
	if (error != MANIFEST_OK) {
		return error;
	}
	if (mapping->object >= manifest->object_count) {
		return MANIFEST_ERROR_REFERENCE;
	}
	const struct manifest_object *object = &manifest->objects[mapping->object];

	if (object->type != MANIFEST_OBJECT_MEMORY && object->type != MANIFEST_OBJECT_VCPU &&
		object->type != MANIFEST_OBJECT_DEVICE_MEMORY) {
		return MANIFEST_ERROR_REFERENCE;
	}
	if (!in_reach(&holder, object) || !is_its_function(manifest, mapping->task, object)) {
		return MANIFEST_ERROR_SCOPE;
	}
	error = object->type == MANIFEST_OBJECT_DEVICE_MEMORY && mapping->length != object->size
			? MANIFEST_ERROR_VALUE
			: check_mapped_range(object, mapping->offset, mapping->length, mapping->rights);
	if (error != MANIFEST_OK) {
		return error;
	}
	for (uint32_t other = 0; other < index; other++) {
		if (manifest->mappings[other].task == mapping->task &&
			same_string(manifest, manifest->mappings[other].name, mapping->name)) {
			return MANIFEST_ERROR_DUPLICATE;
		}
	}
	return MANIFEST_OK;
}

static enum manifest_error check_guest_mapping(const struct manifest *manifest, uint32_t index)
{
	const struct manifest_guest_mapping *mapping = &manifest->guest_mappings[index];
	const struct manifest_object *space =
		object_of_type(manifest, mapping->guest_space, MANIFEST_OBJECT_GUEST_SPACE);
	const struct manifest_object *memory =
		object_of_type(manifest, mapping->object, MANIFEST_OBJECT_MEMORY);

	if (space == NULL || memory == NULL || memory->module != MANIFEST_NONE) {
		return MANIFEST_ERROR_REFERENCE;
	}
	struct subject guest = subject_of_object(manifest, space);

	if (!in_reach(&guest, memory)) {
		return MANIFEST_ERROR_SCOPE;
	}
	enum manifest_error error =
		check_mapped_range(memory, mapping->offset, mapping->length, mapping->rights);

	if (error != MANIFEST_OK) {
		return error;
	}
	uint64_t page_size = (memory->flags & MANIFEST_OBJECT_LARGE_PAGES) != 0 ? MANIFEST_LARGE_PAGE_SIZE
										: MANIFEST_PAGE_SIZE;

	if (mapping->reserved != 0 || mapping->guest_physical % page_size != 0 ||
		mapping->length > UINT64_MAX - mapping->guest_physical) {
		return MANIFEST_ERROR_VALUE;
	}
	for (uint32_t i = 0; i < index; i++) {
		const struct manifest_guest_mapping *other = &manifest->guest_mappings[i];

		if (other->guest_space == mapping->guest_space &&
			other->guest_physical < mapping->guest_physical + mapping->length &&
			mapping->guest_physical < other->guest_physical + other->length) {
			return MANIFEST_ERROR_DUPLICATE;
		}
	}
	return MANIFEST_OK;
}

static enum manifest_error check_route(const struct manifest *manifest, uint32_t index)
{
	const struct manifest_route *route = &manifest->routes[index];
	const struct manifest_object *space =
		object_of_type(manifest, route->guest_space, MANIFEST_OBJECT_GUEST_SPACE);
	const struct manifest_object *vcpu = object_of_type(manifest, route->vcpu, MANIFEST_OBJECT_VCPU);

	if (space == NULL || vcpu == NULL || vcpu->guest_space != route->guest_space ||
		route->target >= manifest->object_count) {
		return MANIFEST_ERROR_REFERENCE;
	}
	const struct manifest_object *target = &manifest->objects[route->target];
	struct subject guest = subject_of_object(manifest, space);

	if (target->type != MANIFEST_OBJECT_ENDPOINT && target->type != MANIFEST_OBJECT_NOTIFICATION) {
		return MANIFEST_ERROR_REFERENCE;
	}
	if (!in_reach(&guest, target) || is_shared_endpoint(&guest, target)) {
		return MANIFEST_ERROR_SCOPE;
	}
	if (route->first_port >= PORT_COUNT || route->port_count > PORT_COUNT - route->first_port ||
		route->number > MANIFEST_MAX_ROUTE_NUMBER) {
		return MANIFEST_ERROR_VALUE;
	}
	/* Without ports: only a doorbell, to which the VMM gives them. */
	if (route->port_count == 0 &&
		(route->first_port != 0 || target->type != MANIFEST_OBJECT_NOTIFICATION)) {
		return MANIFEST_ERROR_VALUE;
	}
	for (uint32_t i = 0; i < index; i++) {
		const struct manifest_route *other = &manifest->routes[i];

		if (other->vcpu == route->vcpu &&
			(other->number == route->number ||
				(other->first_port < route->first_port + route->port_count &&
					route->first_port < other->first_port + other->port_count))) {
			return MANIFEST_ERROR_DUPLICATE;
		}
	}
	return MANIFEST_OK;
}

static enum manifest_error check_exit(const struct manifest *manifest, uint32_t index)
{
	const struct manifest_exit *exit = &manifest->exits[index];
	const struct manifest_object *vcpu = object_of_type(manifest, exit->vcpu, MANIFEST_OBJECT_VCPU);
	const struct manifest_object *endpoint =
		object_of_type(manifest, exit->endpoint, MANIFEST_OBJECT_ENDPOINT);

	if (vcpu == NULL || endpoint == NULL) {
		return MANIFEST_ERROR_REFERENCE;
	}
	struct subject guest = subject_of_object(manifest, vcpu);

	if (!in_reach(&guest, endpoint) || is_shared_endpoint(&guest, endpoint)) {
		return MANIFEST_ERROR_SCOPE;
	}
	for (uint32_t other = 0; other < index; other++) {
		if (manifest->exits[other].vcpu == exit->vcpu) {
			return MANIFEST_ERROR_DUPLICATE;
		}
	}
	return MANIFEST_OK;
}

/* Finds who a binding's notification serves. */
static enum manifest_error subject_of_binding(
	const struct manifest *manifest, const struct manifest_binding *binding, struct subject *subject)
{
	static const uint32_t SUBJECT_TYPES[] = {
		[MANIFEST_BINDING_VCPU] = MANIFEST_OBJECT_VCPU,
		[MANIFEST_BINDING_TIMER] = MANIFEST_OBJECT_TIMER,
		[MANIFEST_BINDING_IRQ] = MANIFEST_OBJECT_IRQ_HANDLER,
	};

	switch (binding->kind) {
	case MANIFEST_BINDING_THREAD:
		return subject_of_task(manifest, binding->subject, subject);
	case MANIFEST_BINDING_VCPU:
	case MANIFEST_BINDING_TIMER:
	case MANIFEST_BINDING_IRQ: {
		const struct manifest_object *object =
			object_of_type(manifest, binding->subject, SUBJECT_TYPES[binding->kind]);

		if (object == NULL) {
			return MANIFEST_ERROR_REFERENCE;
		}
		*subject = subject_of_object(manifest, object);
		return MANIFEST_OK;
	}
	default:
		return MANIFEST_ERROR_VALUE;
	}
}

static enum manifest_error check_binding(const struct manifest *manifest, uint32_t index)
{
	const struct manifest_binding *binding = &manifest->bindings[index];
	const struct manifest_object *notification =
		object_of_type(manifest, binding->notification, MANIFEST_OBJECT_NOTIFICATION);
	struct subject subject;
	enum manifest_error error = subject_of_binding(manifest, binding, &subject);

	if (error != MANIFEST_OK) {
		return error;
	}
	if (notification == NULL) {
		return MANIFEST_ERROR_REFERENCE;
	}
	if (!in_reach(&subject, notification)) {
		return MANIFEST_ERROR_SCOPE;
	}
	int needs_badge = binding->kind == MANIFEST_BINDING_TIMER || binding->kind == MANIFEST_BINDING_IRQ;

	if (binding->reserved != 0 || needs_badge != (binding->badge != 0)) {
		return MANIFEST_ERROR_VALUE;
	}
	for (uint32_t i = 0; i < index; i++) {
		const struct manifest_binding *other = &manifest->bindings[i];

		if (other->kind == binding->kind && other->subject == binding->subject) {
			return MANIFEST_ERROR_DUPLICATE;
		}
	}
	return MANIFEST_OK;
}

static enum manifest_error check_record(const struct manifest *manifest, uint32_t section, uint32_t record)
{
	switch (section) {
	case MANIFEST_SECTION_ARGUMENTS:
		return check_argument(manifest, record);
	case MANIFEST_SECTION_MODULES:
		return check_module(manifest, record);
	case MANIFEST_SECTION_VMS:
		return check_vm(manifest, record);
	case MANIFEST_SECTION_TASKS:
		return check_task(manifest, record);
	case MANIFEST_SECTION_OBJECTS:
		return check_object(manifest, record);
	case MANIFEST_SECTION_CAPABILITIES:
		return check_capability(manifest, record);
	case MANIFEST_SECTION_MAPPINGS:
		return check_mapping(manifest, record);
	case MANIFEST_SECTION_GUEST_MAPPINGS:
		return check_guest_mapping(manifest, record);
	case MANIFEST_SECTION_ROUTES:
		return check_route(manifest, record);
	case MANIFEST_SECTION_EXITS:
		return check_exit(manifest, record);
	case MANIFEST_SECTION_BINDINGS:
		return check_binding(manifest, record);
	default:
		return MANIFEST_OK; /* the strings are judged where they are referred to */
	}
}

/* A VCPU may come before its guest space in the table, so scopes of all objects are known good before any is followed. */
static enum manifest_error check_all_scopes(const struct manifest *manifest, struct manifest_fault *fault)
{
	for (uint32_t record = 0; record < manifest->object_count; record++) {
		enum manifest_error error = check_scope(manifest, &manifest->objects[record]);

		if (error != MANIFEST_OK) {
			*fault = (struct manifest_fault){ MANIFEST_SECTION_OBJECTS, record };
			return error;
		}
	}
	return MANIFEST_OK;
}

enum manifest_error manifest_validate(const struct manifest *manifest, struct manifest_fault *fault)
{
	enum manifest_error error = check_name(manifest, manifest->header->name);

	if (error != MANIFEST_OK) {
		return error;
	}
	for (uint32_t section = MANIFEST_SECTION_ARGUMENTS; section < MANIFEST_SECTION_COUNT; section++) {
		uint32_t count = manifest->header->sections[section].count;

		if (section == MANIFEST_SECTION_OBJECTS) {
			error = check_all_scopes(manifest, fault);
			if (error != MANIFEST_OK) {
				return error;
			}
		}
		for (uint32_t record = 0; record < count; record++) {
			error = check_record(manifest, section, record);
			if (error != MANIFEST_OK) {
				*fault = (struct manifest_fault){ section, record };
				return error;
			}
		}
	}
	for (uint32_t task = 0; task < manifest->task_count; task++) {
		if (!capabilities_fit(manifest, task)) {
			*fault = (struct manifest_fault){ MANIFEST_SECTION_TASKS, task };
			return MANIFEST_ERROR_VALUE;
		}
	}
	return MANIFEST_OK;
}
