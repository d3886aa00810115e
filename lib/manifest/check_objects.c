/* SPDX-License-Identifier: MIT */
/* Judges the records of objects, each type by its own parameters. Scopes are judged first, all of them, before any is followed. */
#include "records.h"

#define MAX_IRQ_LINE 1023u
#define ISA_IRQ_LINES 16u

enum manifest_error manifest_check_scope(
	const struct manifest *manifest, const struct manifest_object *object)
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
	return object->size != 0 && manifest_is_paged(object, object->size) ? MANIFEST_OK
									    : MANIFEST_ERROR_VALUE;
}

static enum manifest_error check_thread(const struct manifest *manifest, uint32_t index)
{
	const struct manifest_object *thread = &manifest->objects[index];

	if (thread->scope != MANIFEST_SCOPE_TASK || !manifest_is_priority(thread->priority) ||
		thread->index == 0 || thread->index > manifest->tasks[thread->scope_index].handler_count) {
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
		manifest_object_of_type(manifest, vcpu->guest_space, MANIFEST_OBJECT_GUEST_SPACE);
	const struct manifest_object *context =
		manifest_object_of_type(manifest, vcpu->sched_context, MANIFEST_OBJECT_SCHED_CONTEXT);

	if (space == NULL || context == NULL) {
		return MANIFEST_ERROR_REFERENCE;
	}
	if (vcpu->scope != MANIFEST_SCOPE_VM || !manifest_is_priority(vcpu->priority) ||
		vcpu->cpu != context->cpu) {
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

static enum manifest_error check_device_memory(const struct manifest_object *object)
{
	int is_table = (object->flags & MANIFEST_OBJECT_TABLE) != 0;

	return object->scope == MANIFEST_SCOPE_SYSTEM && object->first < MANIFEST_MAX_FUNCTIONS &&
			       object->index < (is_table ? 1u : MANIFEST_MAX_BARS) && object->size != 0 &&
			       object->size % MANIFEST_PAGE_SIZE == 0
		       ? MANIFEST_OK
		       : MANIFEST_ERROR_VALUE;
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
		return manifest_is_share(object->budget_us, object->period_us) ? MANIFEST_OK
									       : MANIFEST_ERROR_VALUE;
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

enum manifest_error manifest_check_object(const struct manifest *manifest, uint32_t index)
{
	const struct manifest_object *object = &manifest->objects[index];
	enum manifest_error error = manifest_check_text(manifest, object->name, MANIFEST_OBJECT_NAME_SIZE);

	if (error != MANIFEST_OK) {
		return error;
	}
	if (object->type == 0 || object->type >= MANIFEST_OBJECT_TYPE_END ||
		(object->flags & ~ALLOWED_FLAGS[object->type]) != 0 || !unused_fields_are_empty(object)) {
		return MANIFEST_ERROR_VALUE;
	}
	for (uint32_t other = 0; manifest_is_part_of_function(object) && other < index; other++) {
		if (is_same_part(object, &manifest->objects[other])) {
			return MANIFEST_ERROR_DUPLICATE;
		}
	}
	return check_parameters(manifest, index);
}
