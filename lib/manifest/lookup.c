/* SPDX-License-Identifier: MIT */
/* Looks into a manifest: its strings, and records by their names. No libc, because the root task and the proofs use this code as it is. */
#include "records.h"

const char *manifest_string(const struct manifest *manifest, uint32_t offset)
{
	return offset < manifest->string_size ? manifest->strings + offset : "";
}

const char *manifest_argument(
	const struct manifest *manifest, const struct manifest_task *task, uint32_t number)
{
	if (number >= task->argument_count) {
		return "";
	}
	return manifest_string(manifest, manifest->arguments[task->first_argument + number]);
}

int manifest_same_text(const char *left, const char *right)
{
	while (*left != '\0' && *left == *right) {
		left++;
		right++;
	}
	return *left == *right;
}

uint32_t manifest_find_task(const struct manifest *manifest, const char *name)
{
	for (uint32_t i = 0; i < manifest->task_count; i++) {
		if (manifest_same_text(manifest_string(manifest, manifest->tasks[i].name), name)) {
			return i;
		}
	}
	return MANIFEST_NONE;
}

uint32_t manifest_find_vm(const struct manifest *manifest, const char *name)
{
	for (uint32_t i = 0; i < manifest->vm_count; i++) {
		if (manifest_same_text(manifest_string(manifest, manifest->vms[i].name), name)) {
			return i;
		}
	}
	return MANIFEST_NONE;
}

const struct manifest_mapping *manifest_find_mapping(
	const struct manifest *manifest, uint32_t task, const char *name)
{
	for (uint32_t i = 0; i < manifest->mapping_count; i++) {
		const struct manifest_mapping *mapping = &manifest->mappings[i];

		if (mapping->task == task &&
			manifest_same_text(manifest_string(manifest, mapping->name), name)) {
			return mapping;
		}
	}
	return NULL;
}
