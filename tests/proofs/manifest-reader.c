/* SPDX-License-Identifier: MIT */
/* Proof: manifest-reader
 * Property: whatever bytes the root task is given as its manifest, opening it reads inside the buffer only and ends; what it accepts has each
 *	section inside the buffer, aligned, no longer than its limit, and its strings end with a NUL; what it refuses gives an empty manifest.
 * Bound: any contents of buffers of any length up to 2 MiB, twice what a manifest may have.
 * Assumes: the buffer is 8-byte aligned memory of the length that is told
 * Models: the checksum is any number, and reads what it was told to (see manifest-checksum)
 * Models: judging the records comes after this: see the fuzzer and the unit tests of lib/manifest
 * Functions: lib/manifest/reader.c: check_header section_fits section_start open_sections manifest_open
 * Replaces: manifest_checksum proof_manifest_checksum
 * Replaces: manifest_validate proof_manifest_validate
 * Options: --unwind 14
 */
#include "proof.h"

#include <bulkhead/manifest.h>

#include "manifest/reader.c"

#define LONGEST (2 * MANIFEST_MAX_SIZE)

static const void *buffer;
static size_t length;
static bool judged;

uint32_t proof_manifest_checksum(const void *bytes, size_t size)
{
	PROVE(size == 0 || __CPROVER_r_ok(bytes, size), "the checksum reads inside the buffer");
	return any_u32();
}

static bool section_is_inside(
	const struct manifest_header *header, uint32_t index, uint64_t record_size, uint64_t limit)
{
	uint64_t offset = header->sections[index].offset, count = header->sections[index].count;

	return offset % 8 == 0 && count <= limit && offset >= sizeof(*header) &&
	       offset + count * record_size <= header->total_size;
}

enum manifest_error proof_manifest_validate(const struct manifest *manifest, struct manifest_fault *fault)
{
	const struct manifest_header *header = manifest->header;

	judged = true;
	PROVE((const void *)header == buffer && header->total_size <= length,
		"the whole manifest is in the buffer");
	PROVE(section_is_inside(header, MANIFEST_SECTION_STRINGS, 1, MANIFEST_MAX_STRINGS) &&
			section_is_inside(header, MANIFEST_SECTION_ARGUMENTS, 4, MANIFEST_MAX_ARGUMENTS) &&
			section_is_inside(header, MANIFEST_SECTION_MODULES, 16, MANIFEST_MAX_MODULES) &&
			section_is_inside(header, MANIFEST_SECTION_VMS, 64, MANIFEST_MAX_VMS) &&
			section_is_inside(header, MANIFEST_SECTION_TASKS, 88, MANIFEST_MAX_TASKS) &&
			section_is_inside(header, MANIFEST_SECTION_OBJECTS, 80, MANIFEST_MAX_OBJECTS) &&
			section_is_inside(
				header, MANIFEST_SECTION_CAPABILITIES, 24, MANIFEST_MAX_CAPABILITIES) &&
			section_is_inside(header, MANIFEST_SECTION_MAPPINGS, 32, MANIFEST_MAX_MAPPINGS) &&
			section_is_inside(
				header, MANIFEST_SECTION_GUEST_MAPPINGS, 40, MANIFEST_MAX_GUEST_MAPPINGS) &&
			section_is_inside(header, MANIFEST_SECTION_ROUTES, 32, MANIFEST_MAX_ROUTES) &&
			section_is_inside(header, MANIFEST_SECTION_EXITS, 16, MANIFEST_MAX_EXITS) &&
			section_is_inside(header, MANIFEST_SECTION_BINDINGS, 24, MANIFEST_MAX_BINDINGS),
		"each section is aligned, within its limit and inside the manifest");
	PROVE(manifest->string_size == header->sections[MANIFEST_SECTION_STRINGS].count &&
			manifest->string_size > 0 && manifest->strings[manifest->string_size - 1] == '\0',
		"strings end with a NUL");
	PROVE((const uint8_t *)manifest->tasks ==
				(const uint8_t *)buffer + header->sections[MANIFEST_SECTION_TASKS].offset &&
			manifest->task_count == header->sections[MANIFEST_SECTION_TASKS].count &&
			(const uint8_t *)manifest->objects ==
				(const uint8_t *)buffer + header->sections[MANIFEST_SECTION_OBJECTS].offset &&
			manifest->object_count == header->sections[MANIFEST_SECTION_OBJECTS].count,
		"pointers are where the sections are");
	return any_bool() ? MANIFEST_OK : MANIFEST_ERROR_VALUE;
}

void *malloc(size_t size);

int main(void)
{
	struct manifest manifest;
	struct manifest_fault fault;

	length = any_u64();
	ASSUME(length <= LONGEST, "the buffer is 8-byte aligned memory of the length that is told");
	buffer = malloc(length);

	enum manifest_error error = manifest_open(buffer, length, &manifest, any_bool() ? &fault : NULL);

	COVER_IF(error == MANIFEST_OK, "a manifest is opened");
	COVER_IF(error == MANIFEST_ERROR_CHECKSUM, "a wrong checksum");
	COVER_IF(error == MANIFEST_ERROR_SECTION, "a section outside");
	PROVE(error != MANIFEST_OK || judged, "nothing is accepted unjudged");
	PROVE(error == MANIFEST_OK || (manifest.header == NULL && manifest.strings == NULL &&
					      manifest.tasks == NULL && manifest.task_count == 0 &&
					      manifest.object_count == 0 && manifest.binding_count == 0),
		"refused: an empty manifest");
	PROVE(error < MANIFEST_ERROR_COUNT, "a documented error");
	return 0;
}
