/* SPDX-License-Identifier: MIT */
/* Reads the root task's ELF headers; every field is checked against the file's length. */
#include "boot/image.h"

#include "arch/x86_64/layout.h"
#include "string.h"

struct elf_header {
	uint8_t identification[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, program_headers, section_headers;
	uint32_t flags;
	uint16_t header_size, program_header_size, program_header_count;
	uint16_t section_header_size, section_header_count, section_names;
};
_Static_assert(sizeof(struct elf_header) == 64, "ELF-64");

_Static_assert(sizeof(struct image_segment) == 56, "ELF-64");

#define ELF_EXECUTABLE 2
#define ELF_X86_64 62

const struct image_segment *image_open(
	const uint8_t *file, uint64_t length, uint64_t *entry, unsigned int *segments)
{
	static const uint8_t magic[6] = { 0x7f, 'E', 'L', 'F', 2 /* 64-bit */, 1 /* little endian */ };
	const struct elf_header *header = (const struct elf_header *)file; /* a module starts at a page */

	if (length < sizeof(*header) || memcmp(header->identification, magic, sizeof(magic)) != 0 ||
		header->type != ELF_EXECUTABLE || header->machine != ELF_X86_64 ||
		header->program_header_size != sizeof(struct image_segment) ||
		header->program_headers % 8 != 0 || header->program_headers > length ||
		header->program_header_count >
			(length - header->program_headers) / sizeof(struct image_segment) ||
		header->entry >= USER_ADDRESS_END) {
		return NULL;
	}
	*entry = header->entry;
	*segments = header->program_header_count;
	return (const struct image_segment *)(file + header->program_headers);
}

bool image_segment_fits(const struct image_segment *segment, uint64_t length)
{
	return segment->file_size <= segment->memory_size && segment->file_offset <= length &&
	       segment->file_size <= length - segment->file_offset &&
	       segment->address < USER_ADDRESS_END / 2 && segment->memory_size < USER_ADDRESS_END / 4;
}
