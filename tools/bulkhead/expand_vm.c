/* SPDX-License-Identifier: MIT */
/*
 * The template of a VM: its VMM, its device models, and what each of them holds. docs/appliance-file.md shows the result as a table.
 *
 * Of the VM's share each model gets its part for event work, over a period four times the VM's, the VCPU all the rest. The VMM's main thread,
 * which loads the guest and then sleeps, has the whole share once more but runs below every VCPU: it uses only what all others
 * leave, so no VM can take another's share by it.
 */
#include "builder.h"

#include <bulkhead/wall_clock.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODEL_PERIODS 4u /* a model's period, in its VM's periods */
#define MODEL_STACK_SIZE \
	0x4000u /* the deepest, of virtio-net's handler, is half of it. Models and VMMs have no heap: nobody there allocates */
#define MAX_VMM_ARGUMENTS 224u
#define FIRST_PCI_DEVICE 3u   /* behind the bridges, and where a display would be */
#define FIRST_DOORBELL_BIT 8u /* of a model's notification */
#define READ MANIFEST_RIGHT_READ
#define WRITE MANIFEST_RIGHT_WRITE
#define VM_SIGNAL_BITS \
	61u /* of a VCPU's notification, for models; above are the timer's and the root task's */

_Static_assert(VM_MAX_DEVICES <= VM_SIGNAL_BITS, "each device model needs a bit of the VCPU's notification");

/* A VM during its expansion. */
struct vm_builder {
	struct builder *builder;
	const struct vm *vm;
	uint32_t index;
	uint32_t clock;
	uint32_t guest_space;
	uint32_t vcpu;
	uint32_t vcpu_notification;
	uint32_t vmm; /* task */
	uint32_t route_count;
	uint32_t lines[VM_MAX_DEVICES];     /* each model's line page */
	uint32_t endpoints[VM_MAX_DEVICES]; /* each model's endpoint */
	uint32_t tasks[VM_MAX_DEVICES];
	uint32_t notifications[VM_MAX_DEVICES];
	uint32_t ram;      /* memory objects */
	uint32_t ram_high; /* MANIFEST_NONE: none */
	unsigned function_count;
	uint32_t arguments[MAX_VMM_ARGUMENTS];
	uint32_t argument_count;
};

static uint32_t trust_domain(uint32_t vm) { return vm + 1; }

static uint64_t model_budget(const struct vm *vm, const struct device *device)
{
	return vm->budget_us * MODEL_PERIODS * device->template->share_per_mille / 1000;
}

static uint64_t vcpu_budget(const struct vm *vm)
{
	uint64_t models = 0;

	for (unsigned i = 0; i < vm->device_count; i++) {
		models += model_budget(vm, &vm->devices[i]) + MODEL_PERIODS - 1;
	}
	return vm->budget_us - models / MODEL_PERIODS;
}

static void argue(struct vm_builder *this, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One more argument of the VMM. There is room for all that the appliance file can ask for: see MAX_VMM_ARGUMENTS' check. */
static void argue(struct vm_builder *this, const char *format, ...)
{
	char text[MANIFEST_ARGUMENT_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (this->argument_count < MAX_VMM_ARGUMENTS) {
		this->arguments[this->argument_count++] =
			manifest_writer_string(&this->builder->writer, "%s", text);
	}
}

_Static_assert(6 + APPLIANCE_MAX_GUEST_FILES + VM_MAX_DEVICES * (4 + DEVICE_MAX_RANGES + DEVICE_MAX_LINES) <=
		       MAX_VMM_ARGUMENTS,
	"the VMM's arguments must fit: protocol, command line, name, two interfaces, clocks, modules, devices");

static uint32_t add_memory_of_guest(
	struct vm_builder *this, const char *name, uint64_t guest_physical, uint64_t size)
{
	struct builder *builder = this->builder;
	uint32_t memory = add_memory(builder, owned_by_vm(this->vm->name, this->index), name, size);
	struct manifest_object *object =
		manifest_writer_record(&builder->writer, MANIFEST_SECTION_OBJECTS, memory);

	object->flags = MANIFEST_OBJECT_LARGE_PAGES;
	add_mapping(builder, this->vmm, name, memory, READ | WRITE);

	struct manifest_guest_mapping mapping = {
		.guest_space = this->guest_space,
		.object = memory,
		.rights = READ | WRITE,
		.guest_physical = guest_physical,
		.length = size,
	};

	(void)manifest_writer_add(&builder->writer, MANIFEST_SECTION_GUEST_MAPPINGS, &mapping);
	return memory;
}

/* A boot file: memory of the module, which outlives the VM and is shown to it read-only. */
static void add_boot_file(struct vm_builder *this, const char *region, const struct guest_file *file)
{
	add_mapping(this->builder, this->vmm, region, add_module_memory(this->builder, file->path), READ);
}

static void add_vcpu(struct vm_builder *this)
{
	struct builder *builder = this->builder;
	struct owner owner = owned_by_vm(this->vm->name, this->index);
	struct manifest_object context = {
		.type = MANIFEST_OBJECT_SCHED_CONTEXT,
		.module = MANIFEST_NONE,
		.guest_space = MANIFEST_NONE,
		.sched_context = MANIFEST_NONE,
		.budget_us = vcpu_budget(this->vm),
		.period_us = this->vm->period_us,
	};

	this->guest_space = add_object(builder, owner, "guest-space", MANIFEST_OBJECT_GUEST_SPACE);

	struct manifest_object vcpu = {
		.type = MANIFEST_OBJECT_VCPU,
		.module = MANIFEST_NONE,
		.guest_space = this->guest_space,
		.sched_context = add_object_with(builder, owner, "vcpu0-context", context),
		.priority = PRIORITY_VCPU,
	};

	this->vcpu = add_object_with(builder, owner, "vcpu0", vcpu);
	this->vcpu_notification =
		add_object(builder, owner, "vcpu0-notification", MANIFEST_OBJECT_NOTIFICATION);
	add_binding(builder, MANIFEST_BINDING_VCPU, this->vcpu, this->vcpu_notification, 0);
	this->clock = add_memory(builder, owner, "clock", MANIFEST_PAGE_SIZE);
}

/* ---- Device models ---- */

static uint32_t add_model_task(struct vm_builder *this, const struct device *device, const char *name)
{
	struct builder *builder = this->builder;
	uint32_t arguments[3];
	uint32_t count = 0;

	arguments[count++] = manifest_writer_string(&builder->writer, "vm=%s", this->vm->name);
	if (strcmp(device->template->argument, "memory=%M") == 0) {
		arguments[count++] = manifest_writer_string(
			&builder->writer, "memory=%llu", (unsigned long long)this->vm->memory);
	}
	if (device->template->frames) {
		char mac[MAC_TEXT_SIZE];

		mac_print(this->vm->nics[device->number].mac, mac);
		arguments[count++] = manifest_writer_string(&builder->writer, "mac=%s", mac);
	}
	if (device->template->volume) {
		arguments[count++] = manifest_writer_string(&builder->writer, "rights=%s",
			this->vm->disks[device->number].is_read_only ? "r" : "rw");
	}

	struct manifest_task task = {
		.vm = this->index,
		.trust_domain = trust_domain(this->index),
		.priority = PRIORITY_MODEL,
		.handler_count = 1,
		.budget_us = model_budget(this->vm, device),
		.period_us = MODEL_PERIODS * this->vm->period_us,
		.stack_size = MODEL_STACK_SIZE,
		.restart = device->on_crash,
	};

	return add_task(builder, name, device->template->image, task, arguments, count);
}

static void add_model_console(struct vm_builder *this, const struct device *device, uint32_t task,
	uint32_t notification, unsigned console_bit)
{
	struct builder *builder = this->builder;
	char *signal = format_text("signal:%s", device->console);

	add_mapping(builder, task, "console", console_memory(builder, device->console), READ | WRITE);
	add_capability(builder, task, "console-signal", builder->console_notification, WRITE,
		UINT64_C(1) << console_bit);
	/* the console's task was added first, so it has index 0 */
	add_capability(builder, 0, signal, notification, WRITE, 2);
	free(signal);
}

static void add_model_routes(struct vm_builder *this, const struct device *device, uint32_t endpoint)
{
	for (uint32_t region = 0; region < device->template->range_count; region++) {
		struct manifest_route route = {
			.guest_space = this->guest_space,
			.vcpu = this->vcpu,
			.number = this->route_count++,
			.first_port = device->ranges[region].first,
			.port_count = device->ranges[region].count,
			.target = endpoint,
			.badge = region,
		};

		(void)manifest_writer_add(&this->builder->writer, MANIFEST_SECTION_ROUTES, &route);
	}
}

static void add_model(struct vm_builder *this, unsigned number, unsigned console_bit)
{
	struct builder *builder = this->builder;
	const struct device *device = &this->vm->devices[number];
	char *name = format_text("%s/%s", this->vm->name, device->name);
	struct owner vm_owner = owned_by_vm(name, this->index);
	uint32_t task = add_model_task(this, device, name);

	this->tasks[number] = task;
	this->endpoints[number] = add_handler(builder, name, this->index, task, "");
	/* the console backend signals a UART's notification, entropy task, switch and volume servers their clients': those outlive the VM */
	bool is_client = device->console != NULL || device->template->entropy || device->template->frames ||
			 device->template->volume;
	uint32_t notification = add_object(builder, is_client ? owned_by_system(name) : vm_owner,
		"notification", MANIFEST_OBJECT_NOTIFICATION);
	uint32_t timer =
		add_object(builder, owned_by_task(name, this->index, task), "timer", MANIFEST_OBJECT_TIMER);

	this->notifications[number] = notification;
	add_capability(builder, task, "notification", notification, READ, 0);
	add_capability(builder, task, "timer", timer, MANIFEST_RIGHT_ALL, 0);
	add_binding(builder, MANIFEST_BINDING_TIMER, timer, notification, 1);
	add_capability(builder, task, "interrupt", this->vcpu_notification, WRITE, UINT64_C(1) << number);
	add_log_signal(builder, task);
	this->lines[number] = add_memory(builder, vm_owner, "lines", MANIFEST_PAGE_SIZE);
	add_mapping(builder, task, "lines", this->lines[number], READ | WRITE);
	add_mapping(builder, task, "state", add_memory(builder, vm_owner, "state", MANIFEST_PAGE_SIZE),
		READ | WRITE);
	add_mapping(builder, task, "clock", this->clock, READ);
	if (device->console != NULL) {
		add_model_console(this, device, task, notification, console_bit);
	}
	if (device->template->entropy) {
		entropy_client(builder, name, task, notification);
	}
	if (device->template->frames) {
		add_card(builder, network_port(builder->appliance, this->index, device->number), task,
			notification);
	}
	if (device->template->volume) {
		add_volume_client(builder, this->vm->disks[device->number].volume, name, task, notification);
	}
	if (device->template->power_button) {
		char *button = format_text(MANIFEST_ROOT_BUTTON "%s", this->vm->name);

		/* the bit that the model takes for the button; 1 is its timer, 2 a console */
		add_capability(builder, MANIFEST_ROOT, button, notification, WRITE, 4);
		free(button);
	}
	add_model_routes(this, device, this->endpoints[number]);
	free(name);
}

/* ---- The VMM ---- */

/* The root task may signal one of its bits of the VCPU's notification. */
static void add_order(struct vm_builder *this, const char *prefix, uint64_t bit)
{
	char *name = format_text("%s%s", prefix, this->vm->name);

	add_capability(this->builder, MANIFEST_ROOT, name, this->vcpu_notification, WRITE, bit);
	free(name);
}

/* A virtio device: its model does DMA, so it holds all of the VM's RAM. Its doorbells are routes that have no ports yet: the VMM gives them
 * those of the BAR, and rings them itself where the guest does it in memory. */
static void introduce_function(struct vm_builder *this, unsigned number)
{
	struct builder *builder = this->builder;
	const struct device *device = &this->vm->devices[number];
	const struct device_template *template = device->template;
	char name[MANIFEST_NAME_SIZE];

	add_mapping(builder, this->tasks[number], "ram", this->ram, READ | WRITE);
	if (this->ram_high != MANIFEST_NONE) {
		add_mapping(builder, this->tasks[number], "ram-high", this->ram_high, READ | WRITE);
	}
	snprintf(name, sizeof name, "model:%s", device->name);
	add_capability(builder, this->vmm, name, this->endpoints[number], WRITE, 0);
	argue(this, "virtio=%s,%u,%u,0x%x,%u,%u", device->name, FIRST_PCI_DEVICE + this->function_count++,
		template->virtio.type, template->virtio.class_code, template->virtio.queues,
		this->route_count);
	if (this->function_count == 1) {
		add_capability(builder, this->vmm, "guest-space", this->guest_space, WRITE, 0);
	}
	for (unsigned queue = 0; queue < template->virtio.queues; queue++) {
		struct manifest_route route = {
			.guest_space = this->guest_space,
			.vcpu = this->vcpu,
			.number = this->route_count++,
			.target = this->notifications[number],
			.badge = UINT64_C(1) << (FIRST_DOORBELL_BIT + queue),
		};

		(void)manifest_writer_add(&builder->writer, MANIFEST_SECTION_ROUTES, &route);
		snprintf(name, sizeof name, "doorbell:%s:%u", device->name, queue);
		add_capability(builder, this->vmm, name, this->notifications[number], WRITE, route.badge);
	}
}

/* What the VMM is told of a model, and the capabilities by which it repeats accesses. */
static void introduce_model(struct vm_builder *this, unsigned number)
{
	const struct device *device = &this->vm->devices[number];
	const struct device_template *template = device->template;
	char name[MANIFEST_NAME_SIZE];

	argue(this, "model=%s,%u", device->name, number);
	for (unsigned region = 0; region < template->range_count; region++) {
		if (region == 0) {
			snprintf(name, sizeof name, "model:%s", device->name);
		} else {
			snprintf(name, sizeof name, "model:%s:%u", device->name, region);
		}
		add_capability(this->builder, this->vmm, name, this->endpoints[number], WRITE, region);
		argue(this, "port=0x%x,%u,%s", device->ranges[region].first, device->ranges[region].count,
			name);
	}
	if (template->memory.size != 0) {
		snprintf(name, sizeof name, "model:%s:%u", device->name, template->range_count);
		add_capability(this->builder, this->vmm, name, this->endpoints[number], WRITE,
			template->range_count);
		argue(this, "memory=0x%x,%u,%s", template->memory.first, template->memory.size, name);
	}
	for (unsigned line = 0; line < template->line_count; line++) {
		if (device->irq != 0) {
			argue(this, "line=%s,%u,gsi,%u", device->name, template->lines[line].number,
				device->irq);
		} else {
			argue(this, "line=%s,%u,%s", device->name, template->lines[line].number,
				template->lines[line].action);
		}
	}
	if (template->virtio.type != 0) {
		introduce_function(this, number);
	}
	if (device->irq != 0) {
		argue(this, "serial=0x%x,%u", device->ranges[0].first, device->irq);
	}
	snprintf(name, sizeof name, "lines:%s", device->name);
	add_mapping(this->builder, this->vmm, name, this->lines[number], READ);
}

static void add_vmm_arguments(struct vm_builder *this)
{
	const struct vm *vm = this->vm;

	argue(this, "vm=%s", vm->name);
	argue(this, "protocol=%s", vm->protocol == PROTOCOL_LINUX ? "linux" : "multiboot");
	argue(this, "cmdline=%s", vm->command_line);
	for (unsigned i = 0; i < vm->module_count; i++) {
		argue(this, "module=module%u,%s", i, vm->modules[i].text);
	}
	if (vm->paravirtual_clock) {
		argue(this, "paravirtual=kvm-clock");
	}
	if (vm->paravirtual_eoi) {
		argue(this, "paravirtual=pv-eoi");
	}
	if (vm->catches_up) {
		argue(this, "after_pause=catch-up");
	}
}

static void add_vmm_task(struct vm_builder *this)
{
	char *name = format_text("%s/vmm", this->vm->name);
	struct manifest_task task = {
		.vm = this->index,
		.trust_domain = trust_domain(this->index),
		.priority = PRIORITY_VMM_LOADING,
		.flags = MANIFEST_TASK_ESSENTIAL | MANIFEST_TASK_FPU, /* the main thread uses libc */
		.handler_count = 1,
		.budget_us = this->vm->budget_us,
		.period_us = this->vm->period_us,
	};

	this->vmm = add_task(this->builder, name, "vmm-server", task, NULL, 0);
	free(name);
}

/* The arguments speak of models, which are introduced after the task record exists: put in at the end. */
static void attach_vmm_arguments(struct vm_builder *this)
{
	struct manifest_writer *writer = &this->builder->writer;
	struct manifest_task *task = manifest_writer_record(writer, MANIFEST_SECTION_TASKS, this->vmm);

	task->first_argument = writer->sections[MANIFEST_SECTION_ARGUMENTS].count;
	task->argument_count = this->argument_count;
	for (uint32_t i = 0; i < this->argument_count; i++) {
		(void)manifest_writer_add(writer, MANIFEST_SECTION_ARGUMENTS, &this->arguments[i]);
	}
}

static void add_vmm_objects(struct vm_builder *this)
{
	struct builder *builder = this->builder;
	const struct vm *vm = this->vm;
	char *prefix = format_text("%s/vmm", vm->name);
	char *status_region = format_text("status:%s", vm->name);
	struct owner owner = owned_by_vm(prefix, this->index);
	struct manifest_exit exit = { .vcpu = this->vcpu };
	uint64_t low = vm->memory < GUEST_LOW_MEMORY_END ? vm->memory : GUEST_LOW_MEMORY_END;

	exit.endpoint = add_handler(builder, prefix, this->index, this->vmm, "0");
	(void)manifest_writer_add(&builder->writer, MANIFEST_SECTION_EXITS, &exit);
	add_capability(builder, this->vmm, "vcpu0", this->vcpu, MANIFEST_RIGHT_ALL, 0);

	uint32_t timer = add_object(
		builder, owned_by_task(prefix, this->index, this->vmm), "timer0", MANIFEST_OBJECT_TIMER);

	add_capability(builder, this->vmm, "timer0", timer, MANIFEST_RIGHT_ALL, 0);
	add_binding(
		builder, MANIFEST_BINDING_TIMER, timer, this->vcpu_notification, MANIFEST_VCPU_SIGNAL_TIMER);
	add_order(this, MANIFEST_ROOT_PAUSE, MANIFEST_VCPU_SIGNAL_PAUSE);
	add_order(this, MANIFEST_ROOT_RESUME, MANIFEST_VCPU_SIGNAL_RESUME);
	/* nobody signals this one: the main thread sleeps on it once the guest runs */
	add_capability(builder, this->vmm, "notification",
		add_object(builder, owned_by_task(prefix, this->index, this->vmm), "notification",
			MANIFEST_OBJECT_NOTIFICATION),
		READ, 0);
	add_capability(builder, this->vmm, "status-signal", builder->root_notification, WRITE,
		UINT64_C(1) << this->index % MANIFEST_ROOT_SIGNAL_VMS);
	add_log_signal(builder, this->vmm);
	add_mapping(builder, this->vmm, "vcpu0-state", this->vcpu, READ | WRITE);
	this->ram = add_memory_of_guest(this, "ram", 0, low);
	this->ram_high = MANIFEST_NONE;
	if (vm->memory > low) {
		this->ram_high = add_memory_of_guest(this, "ram-high", GUEST_HIGH_MEMORY, vm->memory - low);
	}
	add_mapping(builder, this->vmm, "clock", this->clock, READ | WRITE);
	add_mapping(builder, this->vmm, WALL_CLOCK_NAME, builder->wall_clock, READ);

	uint32_t status = add_memory(builder, owner, "status", MANIFEST_PAGE_SIZE);

	add_mapping(builder, this->vmm, "status", status, READ | WRITE);
	add_mapping(builder, MANIFEST_ROOT, status_region, status, READ);
	add_boot_file(this, "kernel", &vm->kernel);
	if (vm->initrd.line != 0) {
		add_boot_file(this, "initrd", &vm->initrd);
	}
	for (unsigned i = 0; i < vm->module_count; i++) {
		char region[MANIFEST_NAME_SIZE];

		snprintf(region, sizeof region, "module%u", i);
		add_boot_file(this, region, &vm->modules[i]);
	}
	free(status_region);
	free(prefix);
}

/* The number of consoles of the VMs before this one: bits of the console's notification are given in that order. */
static unsigned consoles_before(const struct appliance *appliance, uint32_t vm)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < vm; i++) {
		for (unsigned j = 0; j < appliance->vms[i].device_count; j++) {
			count += appliance->vms[i].devices[j].console != NULL;
		}
	}
	return count;
}

void expand_vm(struct builder *builder, uint32_t index)
{
	const struct vm *vm = &builder->appliance->vms[index];
	struct vm_builder this = { .builder = builder, .vm = vm, .index = index };
	unsigned console_bit = consoles_before(builder->appliance, index);
	struct manifest_vm record = {
		.name = manifest_writer_string(&builder->writer, "%s", vm->name),
		.trust_domain = trust_domain(index),
		.on_crash = vm->on_crash,
		.on_reset = vm->on_reset,
		.hang_limit_ms = (uint32_t)(vm->hang_limit_us / 1000),
		.memory = vm->memory,
		.budget_us = vm->budget_us,
		.period_us = vm->period_us,
	};

	(void)manifest_writer_add(&builder->writer, MANIFEST_SECTION_VMS, &record);
	add_vcpu(&this);
	for (unsigned i = 0; i < vm->device_count; i++) {
		add_model(&this, i, console_bit);
		console_bit += vm->devices[i].console != NULL;
	}
	add_vmm_task(&this);
	add_vmm_objects(&this);
	add_vmm_arguments(&this);
	for (unsigned i = 0; i < vm->device_count; i++) {
		introduce_model(&this, i);
	}
	attach_vmm_arguments(&this);
}
