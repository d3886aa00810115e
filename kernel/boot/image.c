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

struct elf_program_header {
	uint32_t type, flags;
	uint64_t offset, virtual_address, physical_address, file_size, memory_size, alignment;
};
_Static_assert(sizeof(struct elf_program_header) == 56, "ELF-64");

#define ELF_EXECUTABLE 2
#define ELF_X86_64 62
#define ELF_LOAD 1
#define ELF_FLAG_EXECUTE 1u
#define ELF_FLAG_WRITE 2u

bool image_check(const uint8_t *file, uint64_t length, uint64_t *entry, unsigned int *headers)
{
	static const uint8_t magic[6] = { 0x7f, 'E', 'L', 'F', 2 /* 64-bit */, 1 /* little endian */ };
	struct elf_header header;

	if (length < sizeof(header)) {
		return false;
	}
	memcpy(&header, file, sizeof(header));
	if (memcmp(header.identification, magic, sizeof(magic)) != 0 || header.type != ELF_EXECUTABLE ||
		header.machine != ELF_X86_64 ||
		header.program_header_size != sizeof(struct elf_program_header) ||
		header.program_headers > length ||
		header.program_header_count >
			(length - header.program_headers) / sizeof(struct elf_program_header) ||
		header.entry >= USER_ADDRESS_END) {
		return false;
	}
	*entry = header.entry;
	*headers = header.program_header_count;
	return true;
}

bool image_segment(
	const uint8_t *file, uint64_t length, unsigned int index, struct image_segment *segment, bool *valid)
{
	struct elf_header header;
	struct elf_program_header program;

	memcpy(&header, file, sizeof(header));
	memcpy(&program, file + header.program_headers + index * sizeof(program), sizeof(program));
	if (program.type != ELF_LOAD || program.memory_size == 0) {
		return false;
	}
	*valid = program.file_size <= program.memory_size && program.offset <= length &&
		 program.file_size <= length - program.offset &&
		 program.virtual_address < USER_ADDRESS_END / 2 && program.memory_size < USER_ADDRESS_END / 4;
	segment->address = program.virtual_address;
	segment->memory_size = program.memory_size;
	segment->file_offset = program.offset;
	segment->file_size = program.file_size;
	segment->write = (program.flags & ELF_FLAG_WRITE) != 0;
	segment->execute = (program.flags & ELF_FLAG_EXECUTE) != 0;
	return true;
}
