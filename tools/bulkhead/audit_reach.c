/* SPDX-License-Identifier: MIT */
/* What a manifest's records mean for reach: who holds and maps what, and what one task can do to another. See audit_reach.h. */
#include "audit_reach.h"

#include <string.h>

const char *audit_task_name(const struct manifest *manifest, uint32_t task)
{
	return task == MANIFEST_ROOT ? "roottask" : NAME_OF(manifest, &manifest->tasks[task]);
}

const char *audit_function_name(const struct manifest *manifest, uint32_t number)
{
	static const char ARGUMENT[] = "function=";

	for (uint32_t task = 0; task < manifest->task_count; task++) {
		for (uint32_t i = 0; i < manifest->tasks[task].argument_count; i++) {
			const char *text = manifest_argument(manifest, &manifest->tasks[task], i);

			if (strncmp(text, ARGUMENT, sizeof ARGUMENT - 1) == 0 && number-- == 0) {
				return text + sizeof ARGUMENT - 1;
			}
		}
	}
	return "?";
}

const char *audit_rights_text(uint32_t rights)
{
	static const char *const TEXTS[] = { "---", "r--", "-w-", "rw-", "--g", "r-g", "-wg", "rwg" };

	return TEXTS[rights & MANIFEST_RIGHT_ALL];
}

uint32_t audit_nth_task(const struct manifest *manifest, uint32_t i)
{
	return i < manifest->task_count ? i : MANIFEST_ROOT;
}

bool audit_holds(const struct manifest *manifest, uint32_t task, uint32_t object, uint32_t right)
{
	for (uint32_t i = 0; i < manifest->capability_count; i++) {
		const struct manifest_capability *capability = &manifest->capabilities[i];

		if (capability->task == task && capability->object == object &&
			(capability->rights & right) != 0) {
			return true;
		}
	}
	for (uint32_t i = 0; i < manifest->binding_count; i++) {
		const struct manifest_binding *binding = &manifest->bindings[i];

		if (right == MANIFEST_RIGHT_READ && binding->kind == MANIFEST_BINDING_THREAD &&
			binding->subject == task && binding->notification == object) {
			return true;
		}
	}
	return false;
}

static bool maps(const struct manifest *manifest, uint32_t task, uint32_t object, uint32_t right)
{
	for (uint32_t i = 0; i < manifest->mapping_count; i++) {
		const struct manifest_mapping *mapping = &manifest->mappings[i];

		if (mapping->task == task && mapping->object == object && (mapping->rights & right) != 0) {
			return true;
		}
	}
	return false;
}

const char *audit_reach(const struct manifest *manifest, uint32_t from, uint32_t to, uint32_t object)
{
	switch (manifest->objects[object].type) {
	case MANIFEST_OBJECT_ENDPOINT:
		return audit_holds(manifest, from, object, MANIFEST_RIGHT_WRITE) &&
				       audit_holds(manifest, to, object, MANIFEST_RIGHT_READ)
			       ? "calls"
			       : NULL;
	case MANIFEST_OBJECT_NOTIFICATION:
		return audit_holds(manifest, from, object, MANIFEST_RIGHT_WRITE) &&
				       audit_holds(manifest, to, object, MANIFEST_RIGHT_READ)
			       ? "signals"
			       : NULL;
	case MANIFEST_OBJECT_MEMORY:
		return maps(manifest, from, object, MANIFEST_RIGHT_WRITE) &&
				       maps(manifest, to, object, MANIFEST_RIGHT_READ)
			       ? "writes"
			       : NULL;
	default:
		return NULL;
	}
}
