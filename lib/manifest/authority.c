/* SPDX-License-Identifier: MIT */
/*
 * The rule of authority (bulkhead/manifest.h states it): who may refer to which object. Pure. An object that is asked about has a scope
 * that was checked.
 */
#include "records.h"

const struct manifest_object *manifest_object_of_type(
	const struct manifest *manifest, uint32_t index, uint32_t type)
{
	if (index >= manifest->object_count || manifest->objects[index].type != type) {
		return NULL;
	}
	return &manifest->objects[index];
}

int manifest_in_reach(const struct manifest_subject *subject, const struct manifest_object *object)
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

int manifest_is_shared_endpoint(const struct manifest_subject *subject, const struct manifest_object *object)
{
	return object->type == MANIFEST_OBJECT_ENDPOINT && object->scope == MANIFEST_SCOPE_SYSTEM &&
	       subject->vm != MANIFEST_NONE;
}

struct manifest_subject manifest_subject_of_object(
	const struct manifest *manifest, const struct manifest_object *object)
{
	switch (object->scope) {
	case MANIFEST_SCOPE_VM:
		return (struct manifest_subject){ object->scope_index, MANIFEST_NONE };
	case MANIFEST_SCOPE_TASK:
		return (struct manifest_subject){ manifest->tasks[object->scope_index].vm,
			object->scope_index };
	default:
		return (struct manifest_subject){ MANIFEST_NONE, MANIFEST_NONE };
	}
}

enum manifest_error manifest_subject_of_task(
	const struct manifest *manifest, uint32_t task, struct manifest_subject *subject)
{
	if (task == MANIFEST_ROOT) {
		*subject = (struct manifest_subject){ MANIFEST_NONE, MANIFEST_ROOT };
		return MANIFEST_OK;
	}
	if (task >= manifest->task_count) {
		return MANIFEST_ERROR_REFERENCE;
	}
	*subject = (struct manifest_subject){ manifest->tasks[task].vm, task };
	return MANIFEST_OK;
}

int manifest_is_part_of_function(const struct manifest_object *object)
{
	return object->type == MANIFEST_OBJECT_DEVICE_MEMORY ||
	       (object->flags & MANIFEST_OBJECT_MESSAGE) != 0;
}

int manifest_is_its_function(
	const struct manifest *manifest, uint32_t task, const struct manifest_object *object)
{
	uint32_t function = task < manifest->task_count ? manifest->tasks[task].function : 0;

	if (!manifest_is_part_of_function(object)) {
		return 1;
	}
	if ((object->flags & MANIFEST_OBJECT_TABLE) != 0) {
		return task < manifest->task_count && manifest->tasks[task].vm == MANIFEST_NONE &&
		       function == 0;
	}
	return function == object->first + 1;
}
