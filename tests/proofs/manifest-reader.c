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
static uint32_t checksum;

uint32_t proof_manifest_checksum(const void *bytes, size_t size)
{
	PROVE(bytes == (const uint8_t *)buffer + 24, "the checksum covers all behind its own field");
	PROVE(size == 0 || __CPROVER_r_ok(bytes, size), "the checksum reads inside the buffer");
	checksum = any_u32();
	return checksum;
}

static bool section_is_inside(
	const struct manifest_header *header, uint32_t index, uint64_t record_size, uint64_t limit)
{
	uint64_t offset = header->sections[index].offset, count = header->sections[index].count;

	return offset % 8 == 0 && count <= limit && offset >= sizeof(*header) &&
	       offset + count * record_size <= header->total_size;
}

/* Record sizes and limits in the order of the format. */
static bool all_are_inside(const struct manifest_header *header)
{
	return section_is_inside(header, MANIFEST_SECTION_STRINGS, 1, MANIFEST_MAX_STRINGS) &&
	       section_is_inside(header, MANIFEST_SECTION_ARGUMENTS, 4, MANIFEST_MAX_ARGUMENTS) &&
	       section_is_inside(header, MANIFEST_SECTION_MODULES, 16, MANIFEST_MAX_MODULES) &&
	       section_is_inside(header, MANIFEST_SECTION_VMS, 64, MANIFEST_MAX_VMS) &&
	       section_is_inside(header, MANIFEST_SECTION_TASKS, 88, MANIFEST_MAX_TASKS) &&
	       section_is_inside(header, MANIFEST_SECTION_OBJECTS, 80, MANIFEST_MAX_OBJECTS) &&
	       section_is_inside(header, MANIFEST_SECTION_CAPABILITIES, 24, MANIFEST_MAX_CAPABILITIES) &&
	       section_is_inside(header, MANIFEST_SECTION_MAPPINGS, 32, MANIFEST_MAX_MAPPINGS) &&
	       section_is_inside(header, MANIFEST_SECTION_GUEST_MAPPINGS, 40, MANIFEST_MAX_GUEST_MAPPINGS) &&
	       section_is_inside(header, MANIFEST_SECTION_ROUTES, 32, MANIFEST_MAX_ROUTES) &&
	       section_is_inside(header, MANIFEST_SECTION_EXITS, 16, MANIFEST_MAX_EXITS) &&
	       section_is_inside(header, MANIFEST_SECTION_BINDINGS, 24, MANIFEST_MAX_BINDINGS);
}

/* What is refused deserves it: each error for its reason. */
static bool error_has_its_reason(enum manifest_error error, const struct manifest_header *header)
{
	switch (error) {
	case MANIFEST_ERROR_TRUNCATED:
		return length < sizeof(*header) || header->total_size > length;
	case MANIFEST_ERROR_MAGIC:
		return header->magic != MANIFEST_MAGIC;
	case MANIFEST_ERROR_VERSION:
		return header->abi_version != MANIFEST_ABI_VERSION || header->header_size != sizeof(*header);
	case MANIFEST_ERROR_SIZE:
		return header->total_size < sizeof(*header) || header->total_size > MANIFEST_MAX_SIZE;
	case MANIFEST_ERROR_CHECKSUM:
		return header->checksum != checksum;
	default:
		return true;
	}
}

enum manifest_error proof_manifest_validate(const struct manifest *manifest, struct manifest_fault *fault)
{
	const struct manifest_header *header = manifest->header;

	judged = true;
	PROVE((const void *)header == buffer && header->total_size <= length,
		"the whole manifest is in the buffer");
	PROVE(header->magic == MANIFEST_MAGIC && header->abi_version == MANIFEST_ABI_VERSION &&
			header->header_size == sizeof(*header) && header->total_size <= MANIFEST_MAX_SIZE &&
			header->checksum == checksum && header->panic <= MANIFEST_PANIC_REBOOT,
		"the header is right");
	PROVE(all_are_inside(header), "each section is aligned, within its limit and inside the manifest");
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
	struct manifest_fault fault = { .section = UINT32_MAX };
	bool told = any_bool();

	length = any_u64();
	ASSUME(length <= LONGEST, "the buffer is 8-byte aligned memory of the length that is told");
	buffer = malloc(length);

	enum manifest_error error = manifest_open(buffer, length, &manifest, told ? &fault : NULL);

	COVER_IF(error == MANIFEST_OK, "a manifest is opened");
	COVER_IF(error == MANIFEST_ERROR_CHECKSUM, "a wrong checksum");
	COVER_IF(error == MANIFEST_ERROR_SECTION, "a section outside");
	PROVE(error_has_its_reason(error, buffer), "what is refused is refused for its reason");
	PROVE(error != MANIFEST_ERROR_SECTION || !told || fault.section < MANIFEST_SECTION_COUNT,
		"and it is told which section it is");
	PROVE(error != MANIFEST_ERROR_MAGIC || !told || fault.section == MANIFEST_SECTION_COUNT,
		"or that it is the header");
	PROVE(error != MANIFEST_OK || judged, "nothing is accepted unjudged");
	PROVE(error == MANIFEST_OK || (manifest.header == NULL && manifest.strings == NULL &&
					      manifest.tasks == NULL && manifest.task_count == 0 &&
					      manifest.object_count == 0 && manifest.binding_count == 0),
		"refused: an empty manifest");
	PROVE(error < MANIFEST_ERROR_COUNT, "a documented error");
	return 0;
}
