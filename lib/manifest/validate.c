/* SPDX-License-Identifier: MIT */
/*
 * Checks the records of a manifest: each reference, number, string and the rule of authority, so that the root task can work
 * through the table without looking twice. Pure: reads the manifest, writes the fault. Sections are checked in an order in which
 * a record refers only to what was checked before, save that objects and tasks refer to each other by bounded indices.
 */
#include "records.h"

static enum manifest_error check_record(const struct manifest *manifest, uint32_t section, uint32_t record)
{
	switch (section) {
	case MANIFEST_SECTION_ARGUMENTS:
		return manifest_check_argument(manifest, record);
	case MANIFEST_SECTION_MODULES:
		return manifest_check_module(manifest, record);
	case MANIFEST_SECTION_VMS:
		return manifest_check_vm(manifest, record);
	case MANIFEST_SECTION_TASKS:
		return manifest_check_task(manifest, record);
	case MANIFEST_SECTION_OBJECTS:
		return manifest_check_object(manifest, record);
	case MANIFEST_SECTION_CAPABILITIES:
		return manifest_check_capability(manifest, record);
	case MANIFEST_SECTION_MAPPINGS:
		return manifest_check_mapping(manifest, record);
	case MANIFEST_SECTION_GUEST_MAPPINGS:
		return manifest_check_guest_mapping(manifest, record);
	case MANIFEST_SECTION_ROUTES:
		return manifest_check_route(manifest, record);
	case MANIFEST_SECTION_EXITS:
		return manifest_check_exit(manifest, record);
	case MANIFEST_SECTION_BINDINGS:
		return manifest_check_binding(manifest, record);
	default:
		return MANIFEST_OK; /* the strings are judged where they are referred to */
	}
}

/* A VCPU may come before its guest space in the table, so scopes of all objects are known good before any is followed. */
static enum manifest_error check_all_scopes(const struct manifest *manifest, struct manifest_fault *fault)
{
	for (uint32_t record = 0; record < manifest->object_count; record++) {
		enum manifest_error error = manifest_check_scope(manifest, &manifest->objects[record]);

		if (error != MANIFEST_OK) {
			*fault = (struct manifest_fault){ MANIFEST_SECTION_OBJECTS, record };
			return error;
		}
	}
	return MANIFEST_OK;
}

enum manifest_error manifest_validate(const struct manifest *manifest, struct manifest_fault *fault)
{
	enum manifest_error error = manifest_check_name(manifest, manifest->header->name);

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
		if (!manifest_capabilities_fit(manifest, task)) {
			*fault = (struct manifest_fault){ MANIFEST_SECTION_TASKS, task };
			return MANIFEST_ERROR_VALUE;
		}
	}
	return MANIFEST_OK;
}
