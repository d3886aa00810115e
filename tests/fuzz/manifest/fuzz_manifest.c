/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer on the manifest's reader. The first byte of an input chooses: 0 the rest is a manifest as it stands; odd: one whose magic, sizes
 * and checksum are put right, so that the records get read; even: a list of {offset, 32-bit value} that is written over a sound manifest.
 * Whatever the reader accepts is walked and its promises are checked once more, in other words than the reader's own.
 */
#include "manifest_writer.h"
#include "sample.h"

#include <bulkhead/manifest.h>

#include <stdlib.h>
#include <string.h>

#define PATCH_SIZE 6u /* two bytes of offset, four of value */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void promise(int is_kept)
{
	if (!is_kept) {
		abort();
	}
}

static void check_strings(const struct manifest *manifest)
{
	for (uint32_t i = 0; i < manifest->task_count; i++) {
		const struct manifest_task *task = &manifest->tasks[i];

		promise(strlen(manifest_string(manifest, task->name)) < MANIFEST_NAME_SIZE);
		for (uint32_t j = 0; j < task->argument_count; j++) {
			promise(manifest_argument(manifest, task, j)[0] != '\0');
		}
		promise(manifest_find_task(manifest, manifest_string(manifest, task->name)) == i);
		promise(task->module < manifest->module_count);
	}
	for (uint32_t i = 0; i < manifest->object_count; i++) {
		promise(strlen(manifest_string(manifest, manifest->objects[i].name)) <
			MANIFEST_OBJECT_NAME_SIZE);
	}
}

/* The VM to which a holder belongs, and no object of another VM may come into its hands. */
static void check_authority(const struct manifest *manifest, uint32_t task, uint32_t object)
{
	promise(object < manifest->object_count);
	if (task == MANIFEST_ROOT) {
		return;
	}
	promise(task < manifest->task_count);
	const struct manifest_object *record = &manifest->objects[object];

	if (record->scope == MANIFEST_SCOPE_VM) {
		promise(manifest->tasks[task].vm == record->scope_index);
	} else if (record->scope == MANIFEST_SCOPE_TASK) {
		promise(task == record->scope_index);
	} else {
		promise(record->type != MANIFEST_OBJECT_ENDPOINT ||
			manifest->tasks[task].vm == MANIFEST_NONE);
	}
}

static void check_guests(const struct manifest *manifest)
{
	for (uint32_t i = 0; i < manifest->guest_mapping_count; i++) {
		const struct manifest_guest_mapping *mapping = &manifest->guest_mappings[i];
		const struct manifest_object *memory = &manifest->objects[mapping->object];
		const struct manifest_object *space = &manifest->objects[mapping->guest_space];

		promise(memory->size >= mapping->length && mapping->offset <= memory->size - mapping->length);
		promise(mapping->guest_physical + mapping->length > mapping->guest_physical);
		promise(memory->scope == MANIFEST_SCOPE_SYSTEM || memory->scope_index == space->scope_index);
	}
	for (uint32_t i = 0; i < manifest->route_count; i++) {
		const struct manifest_route *route = &manifest->routes[i];

		promise(manifest->objects[route->vcpu].guest_space == route->guest_space);
		promise((uint64_t)route->first_port + route->port_count <= 65536 && route->port_count != 0);
		promise(route->number <= MANIFEST_MAX_ROUTE_NUMBER);
	}
}

static void walk(const struct manifest *manifest)
{
	check_strings(manifest);
	for (uint32_t i = 0; i < manifest->capability_count; i++) {
		check_authority(manifest, manifest->capabilities[i].task, manifest->capabilities[i].object);
	}
	for (uint32_t i = 0; i < manifest->mapping_count; i++) {
		check_authority(manifest, manifest->mappings[i].task, manifest->mappings[i].object);
	}
	check_guests(manifest);
}

static void mend(uint8_t *bytes, size_t size)
{
	const size_t covered_from = offsetof(struct manifest_header, name);
	struct manifest_header *header = (struct manifest_header *)bytes;

	if (size < sizeof *header) {
		return;
	}
	header->magic = MANIFEST_MAGIC;
	header->abi_version = MANIFEST_ABI_VERSION;
	header->header_size = sizeof *header;
	header->total_size = (uint32_t)size;
	header->checksum = manifest_checksum(bytes + covered_from, size - covered_from);
}

static void open_and_walk(const uint8_t *bytes, size_t size)
{
	struct manifest manifest;
	struct manifest_fault fault;

	if (manifest_open(bytes, size, &manifest, &fault) == MANIFEST_OK) {
		walk(&manifest);
	} else {
		promise(manifest.header == NULL && fault.section <= MANIFEST_SECTION_COUNT);
	}
}

static uint8_t *patched_sample(const uint8_t *patches, size_t patches_size, size_t *size)
{
	struct manifest_writer writer;

	manifest_writer_init(&writer);
	uint32_t name = sample_fill(&writer);
	uint8_t *bytes = manifest_writer_finish(&writer, name, MANIFEST_PANIC_HALT, size);

	manifest_writer_free(&writer);
	for (; patches_size >= PATCH_SIZE; patches += PATCH_SIZE, patches_size -= PATCH_SIZE) {
		size_t offset = (size_t)(patches[0] | patches[1] << 8) % (*size / 4) * 4;

		memcpy(bytes + offset, patches + 2, 4);
	}
	return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) {
		return 0;
	}
	uint8_t choice = *data++;
	uint8_t *bytes;

	size--;
	if (choice == 0 || choice % 2 == 1) {
		bytes = malloc(size); /* of exactly this size, so that the sanitizer sees each step outside */
		memcpy(bytes, data, size);
	} else {
		bytes = patched_sample(data, size, &size);
	}
	if (choice != 0) {
		mend(bytes, size);
	}
	open_and_walk(bytes, size);
	free(bytes);
	return 0;
}
