/* SPDX-License-Identifier: MIT */
/* Judges the records of what tasks hold, and of what they and guests see: capabilities, mappings, guest mappings. */
#include "records.h"

/* Rights of memory: reading, or reading and writing. */
static int is_memory_rights(uint32_t rights)
{
	return rights == MANIFEST_RIGHT_READ || rights == (MANIFEST_RIGHT_READ | MANIFEST_RIGHT_WRITE);
}

/* Who holds what under which name: the name is one, the holder and the object are there. Writes `holder`. */
static enum manifest_error check_holder(const struct manifest *manifest, uint32_t name, uint32_t task,
	uint32_t object, struct manifest_subject *holder)
{
	enum manifest_error error = manifest_check_name(manifest, name);

	if (error == MANIFEST_OK) {
		error = manifest_subject_of_task(manifest, task, holder);
	}
	if (error == MANIFEST_OK && object >= manifest->object_count) {
		error = MANIFEST_ERROR_REFERENCE;
	}
	return error;
}

int manifest_capabilities_fit(const struct manifest *manifest, uint32_t task)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < manifest->capability_count; i++) {
		count += manifest->capabilities[i].task == task;
	}
	return count < (UINT32_C(1) << manifest->tasks[task].cnode_size_bits);
}

enum manifest_error manifest_check_capability(const struct manifest *manifest, uint32_t index)
{
	const struct manifest_capability *capability = &manifest->capabilities[index];
	struct manifest_subject holder;
	enum manifest_error error =
		check_holder(manifest, capability->name, capability->task, capability->object, &holder);

	if (error != MANIFEST_OK) {
		return error;
	}
	const struct manifest_object *object = &manifest->objects[capability->object];

	if (capability->rights == 0 || (capability->rights & ~MANIFEST_RIGHT_ALL) != 0 ||
		object->type == MANIFEST_OBJECT_MEMORY || object->type == MANIFEST_OBJECT_DEVICE_MEMORY ||
		(capability->badge != 0 && object->type != MANIFEST_OBJECT_ENDPOINT &&
			object->type != MANIFEST_OBJECT_NOTIFICATION)) {
		return MANIFEST_ERROR_VALUE;
	}
	if (!manifest_in_reach(&holder, object) || manifest_is_shared_endpoint(&holder, object) ||
		!manifest_is_its_function(manifest, capability->task, object)) {
		return MANIFEST_ERROR_SCOPE;
	}
	for (uint32_t other = 0; other < index; other++) {
		if (manifest->capabilities[other].task == capability->task &&
			manifest_same_name(manifest, manifest->capabilities[other].name, capability->name)) {
			return MANIFEST_ERROR_DUPLICATE;
		}
	}
	return MANIFEST_OK;
}

static enum manifest_error check_mapped_range(
	const struct manifest_object *object, uint64_t offset, uint64_t length, uint32_t rights)
{
	uint64_t size = object->type == MANIFEST_OBJECT_VCPU ? MANIFEST_PAGE_SIZE : object->size;
	int is_module = object->module != MANIFEST_NONE;

	if (!is_memory_rights(rights) || (is_module && rights != MANIFEST_RIGHT_READ) || length == 0 ||
		!manifest_is_paged(object, offset) || offset > size || length > size - offset) {
		return MANIFEST_ERROR_VALUE;
	}
	/* A module's last page is only partly the module's. */
	return manifest_is_paged(object, length) || (is_module && offset + length == size)
		       ? MANIFEST_OK
		       : MANIFEST_ERROR_VALUE;
}

enum manifest_error manifest_check_mapping(const struct manifest *manifest, uint32_t index)
{
	const struct manifest_mapping *mapping = &manifest->mappings[index];
	struct manifest_subject holder;
	enum manifest_error error =
		check_holder(manifest, mapping->name, mapping->task, mapping->object, &holder);

	if (error != MANIFEST_OK) {
		return error;
	}
	const struct manifest_object *object = &manifest->objects[mapping->object];

	if (object->type != MANIFEST_OBJECT_MEMORY && object->type != MANIFEST_OBJECT_VCPU &&
		object->type != MANIFEST_OBJECT_DEVICE_MEMORY) {
		return MANIFEST_ERROR_REFERENCE;
	}
	if (!manifest_in_reach(&holder, object) ||
		!manifest_is_its_function(manifest, mapping->task, object)) {
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
			manifest_same_name(manifest, manifest->mappings[other].name, mapping->name)) {
			return MANIFEST_ERROR_DUPLICATE;
		}
	}
	return MANIFEST_OK;
}

enum manifest_error manifest_check_guest_mapping(const struct manifest *manifest, uint32_t index)
{
	const struct manifest_guest_mapping *mapping = &manifest->guest_mappings[index];
	const struct manifest_object *space =
		manifest_object_of_type(manifest, mapping->guest_space, MANIFEST_OBJECT_GUEST_SPACE);
	const struct manifest_object *memory =
		manifest_object_of_type(manifest, mapping->object, MANIFEST_OBJECT_MEMORY);

	if (space == NULL || memory == NULL || memory->module != MANIFEST_NONE) {
		return MANIFEST_ERROR_REFERENCE;
	}
	struct manifest_subject guest = manifest_subject_of_object(manifest, space);

	if (!manifest_in_reach(&guest, memory)) {
		return MANIFEST_ERROR_SCOPE;
	}
	enum manifest_error error =
		check_mapped_range(memory, mapping->offset, mapping->length, mapping->rights);

	if (error != MANIFEST_OK) {
		return error;
	}
	if (mapping->reserved != 0 || !manifest_is_paged(memory, mapping->guest_physical) ||
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
