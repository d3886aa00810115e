/* SPDX-License-Identifier: MIT */
/*
 * Opens a manifest: header, checksum, and the bounds of every section. No system calls, no allocation, no libc; reads only
 * the buffer that it was given. What the records say is checked in validate.c, before anyone gets to see them.
 */
#include "validate.h"

/* A section's limits, in the order of enum manifest_section_index. */
struct section_rule {
	uint32_t record_size;
	uint32_t max_count;
};

static const struct section_rule SECTION_RULES[MANIFEST_SECTION_COUNT] = {
	[MANIFEST_SECTION_STRINGS] = { 1, MANIFEST_MAX_STRINGS },
	[MANIFEST_SECTION_ARGUMENTS] = { sizeof(uint32_t), MANIFEST_MAX_ARGUMENTS },
	[MANIFEST_SECTION_MODULES] = { sizeof(struct manifest_module), MANIFEST_MAX_MODULES },
	[MANIFEST_SECTION_VMS] = { sizeof(struct manifest_vm), MANIFEST_MAX_VMS },
	[MANIFEST_SECTION_TASKS] = { sizeof(struct manifest_task), MANIFEST_MAX_TASKS },
	[MANIFEST_SECTION_OBJECTS] = { sizeof(struct manifest_object), MANIFEST_MAX_OBJECTS },
	[MANIFEST_SECTION_CAPABILITIES] = { sizeof(struct manifest_capability), MANIFEST_MAX_CAPABILITIES },
	[MANIFEST_SECTION_MAPPINGS] = { sizeof(struct manifest_mapping), MANIFEST_MAX_MAPPINGS },
	[MANIFEST_SECTION_GUEST_MAPPINGS] = { sizeof(struct manifest_guest_mapping),
		MANIFEST_MAX_GUEST_MAPPINGS },
	[MANIFEST_SECTION_ROUTES] = { sizeof(struct manifest_route), MANIFEST_MAX_ROUTES },
	[MANIFEST_SECTION_EXITS] = { sizeof(struct manifest_exit), MANIFEST_MAX_EXITS },
	[MANIFEST_SECTION_BINDINGS] = { sizeof(struct manifest_binding), MANIFEST_MAX_BINDINGS },
};

uint32_t manifest_checksum(const void *bytes, size_t size)
{
	/* The remainders of the 16 values of half a byte: small enough to read, twice as fast as bit by bit. */
	static const uint32_t NIBBLE_REMAINDERS[16] = {
		0x00000000,
		0x1db71064,
		0x3b6e20c8,
		0x26d930ac,
		0x76dc4190,
		0x6b6b51f4,
		0x4db26158,
		0x5005713c,
		0xedb88320,
		0xf00f9344,
		0xd6d6a3e8,
		0xcb61b38c,
		0x9b64c2b0,
		0x86d3d2d4,
		0xa00ae278,
		0xbdbdf21c,
	};
	const uint8_t *byte = bytes;
	uint32_t remainder = UINT32_MAX;

	for (size_t i = 0; i < size; i++) {
		remainder ^= byte[i];
		remainder = (remainder >> 4) ^ NIBBLE_REMAINDERS[remainder & 15];
		remainder = (remainder >> 4) ^ NIBBLE_REMAINDERS[remainder & 15];
	}
	return ~remainder;
}

static enum manifest_error check_header(const struct manifest_header *header, size_t size)
{
	if (header->magic != MANIFEST_MAGIC) {
		return MANIFEST_ERROR_MAGIC;
	}
	if (header->abi_version != MANIFEST_ABI_VERSION || header->header_size != sizeof *header) {
		return MANIFEST_ERROR_VERSION;
	}
	if (header->total_size < sizeof *header || header->total_size > MANIFEST_MAX_SIZE) {
		return MANIFEST_ERROR_SIZE;
	}
	if (header->total_size > size) {
		return MANIFEST_ERROR_TRUNCATED;
	}

	const size_t covered_from = offsetof(struct manifest_header, name);

	if (manifest_checksum((const uint8_t *)header + covered_from, header->total_size - covered_from) !=
		header->checksum) {
		return MANIFEST_ERROR_CHECKSUM;
	}
	if (header->panic != MANIFEST_PANIC_HALT && header->panic != MANIFEST_PANIC_REBOOT) {
		return MANIFEST_ERROR_VALUE;
	}
	return MANIFEST_OK;
}

static int section_fits(const struct manifest_header *header, uint32_t index)
{
	const struct manifest_section *section = &header->sections[index];
	const struct section_rule *rule = &SECTION_RULES[index];

	/* count is bounded first, so that the product below stays far from overflow */
	return section->count <= rule->max_count && section->offset % 8 == 0 &&
	       section->offset >= sizeof *header && section->offset <= header->total_size &&
	       section->count * rule->record_size <= header->total_size - section->offset;
}

static const void *section_start(const struct manifest_header *header, uint32_t index)
{
	return (const uint8_t *)header + header->sections[index].offset;
}

static void fill(struct manifest *manifest, const struct manifest_header *header)
{
	const struct manifest_section *sections = header->sections;

	*manifest = (struct manifest){
		.header = header,
		.strings = section_start(header, MANIFEST_SECTION_STRINGS),
		.arguments = section_start(header, MANIFEST_SECTION_ARGUMENTS),
		.modules = section_start(header, MANIFEST_SECTION_MODULES),
		.vms = section_start(header, MANIFEST_SECTION_VMS),
		.tasks = section_start(header, MANIFEST_SECTION_TASKS),
		.objects = section_start(header, MANIFEST_SECTION_OBJECTS),
		.capabilities = section_start(header, MANIFEST_SECTION_CAPABILITIES),
		.mappings = section_start(header, MANIFEST_SECTION_MAPPINGS),
		.guest_mappings = section_start(header, MANIFEST_SECTION_GUEST_MAPPINGS),
		.routes = section_start(header, MANIFEST_SECTION_ROUTES),
		.exits = section_start(header, MANIFEST_SECTION_EXITS),
		.bindings = section_start(header, MANIFEST_SECTION_BINDINGS),
		.string_size = sections[MANIFEST_SECTION_STRINGS].count,
		.argument_count = sections[MANIFEST_SECTION_ARGUMENTS].count,
		.module_count = sections[MANIFEST_SECTION_MODULES].count,
		.vm_count = sections[MANIFEST_SECTION_VMS].count,
		.task_count = sections[MANIFEST_SECTION_TASKS].count,
		.object_count = sections[MANIFEST_SECTION_OBJECTS].count,
		.capability_count = sections[MANIFEST_SECTION_CAPABILITIES].count,
		.mapping_count = sections[MANIFEST_SECTION_MAPPINGS].count,
		.guest_mapping_count = sections[MANIFEST_SECTION_GUEST_MAPPINGS].count,
		.route_count = sections[MANIFEST_SECTION_ROUTES].count,
		.exit_count = sections[MANIFEST_SECTION_EXITS].count,
		.binding_count = sections[MANIFEST_SECTION_BINDINGS].count,
	};
}

static enum manifest_error open_sections(
	const void *bytes, size_t size, struct manifest *manifest, struct manifest_fault *fault)
{
	if ((uintptr_t)bytes % 8 != 0) {
		return MANIFEST_ERROR_MISALIGNED;
	}
	if (size < sizeof(struct manifest_header)) {
		return MANIFEST_ERROR_TRUNCATED;
	}

	const struct manifest_header *header = bytes;
	enum manifest_error error = check_header(header, size);

	if (error != MANIFEST_OK) {
		return error;
	}
	for (uint32_t index = 0; index < MANIFEST_SECTION_COUNT; index++) {
		if (!section_fits(header, index)) {
			fault->section = index;
			return MANIFEST_ERROR_SECTION;
		}
	}
	fill(manifest, header);
	/* With a NUL as the last byte each string that starts inside also ends inside. */
	if (manifest->string_size == 0 || manifest->strings[manifest->string_size - 1] != '\0') {
		fault->section = MANIFEST_SECTION_STRINGS;
		return MANIFEST_ERROR_STRING;
	}
	return manifest_validate(manifest, fault);
}

enum manifest_error manifest_open(
	const void *bytes, size_t size, struct manifest *manifest, struct manifest_fault *fault)
{
	struct manifest_fault where = { MANIFEST_SECTION_COUNT, 0 };

	*manifest = (struct manifest){ 0 };

	enum manifest_error error = open_sections(bytes, size, manifest, &where);

	if (error != MANIFEST_OK) {
		*manifest = (struct manifest){ 0 };
	}
	if (fault != NULL) {
		*fault = where;
	}
	return error;
}
