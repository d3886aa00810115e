/* SPDX-License-Identifier: MIT */
/* 32-bit ELF: see elf32.h. */
#include "loaders/elf32.h"

#include "loaders/common.h"

enum {
	HEADER_SIZE = 52,
	PROGRAM_HEADER_SIZE = 32,
	MAGIC = 0x464c457f,
	CLASS_32 = 1,
	CLASS_64 = 2,
	DATA_LITTLE_ENDIAN = 1,
	TYPE_EXECUTABLE = 2,
	MACHINE_386 = 3,
	SEGMENT_LOAD = 1,
};

enum loader_error elf32_open(
	const struct loader_file *file, struct elf32 *elf, struct loader_failure *failure)
{
	const uint8_t *bytes = file->bytes;
	if (file->size < 6 || load32(bytes) != MAGIC)
		return LOADER_ELF_NOT_ELF;
	if (bytes[4] == CLASS_64)
		return LOADER_ELF_IS_64_BIT;
	if (file->size < HEADER_SIZE)
		return fail_with(failure, LOADER_FILE_TRUNCATED, file->size, HEADER_SIZE);
	if (bytes[4] != CLASS_32 || bytes[5] != DATA_LITTLE_ENDIAN || load16(bytes + 18) != MACHINE_386)
		return fail_with(failure, LOADER_ELF_NOT_X86, load16(bytes + 18), MACHINE_386);
	if (load16(bytes + 16) != TYPE_EXECUTABLE)
		return fail_with(failure, LOADER_ELF_NOT_EXECUTABLE, load16(bytes + 16), TYPE_EXECUTABLE);

	uint32_t headers = load16(bytes + 44);
	uint32_t entry_size = load16(bytes + 42);
	if (entry_size != PROGRAM_HEADER_SIZE)
		return fail_with(failure, LOADER_ELF_BAD_PROGRAM_HEADERS, entry_size, PROGRAM_HEADER_SIZE);
	if (headers > ELF32_PROGRAM_HEADERS_MAX)
		return fail_with(failure, LOADER_ELF_BAD_PROGRAM_HEADERS, headers, ELF32_PROGRAM_HEADERS_MAX);
	uint64_t table = load32(bytes + 28);
	uint64_t table_size = (uint64_t)headers * PROGRAM_HEADER_SIZE;
	if (!inside(file->size, table, table_size))
		return fail_with(failure, LOADER_ELF_BAD_PROGRAM_HEADERS, table + table_size, file->size);
	*elf = (struct elf32){
		.file = file, .table = table, .headers = headers, .entry = load32(bytes + 24)
	};
	return LOADER_OK;
}

enum loader_error elf32_segment(const struct elf32 *elf, uint32_t index, struct kernel_segment *segment,
	struct loader_failure *failure)
{
	const uint8_t *header = elf->file->bytes + elf->table + (uint64_t)index * PROGRAM_HEADER_SIZE;
	*segment = (struct kernel_segment){ 0 };
	if (load32(header) != SEGMENT_LOAD || load32(header + 20) == 0)
		return load32(header) == SEGMENT_LOAD && load32(header + 16) != 0
			       ? fail_with(failure, LOADER_ELF_BAD_SEGMENT, load32(header + 16), 0)
			       : LOADER_OK;
	*segment = (struct kernel_segment){
		.file_offset = load32(header + 4),
		.virtual_address = load32(header + 8),
		.address = load32(header + 12),
		.file_size = load32(header + 16),
		.memory_size = load32(header + 20),
	};
	if (segment->file_size > segment->memory_size)
		return fail_with(failure, LOADER_ELF_BAD_SEGMENT, segment->file_size, segment->memory_size);
	if (!inside(elf->file->size, segment->file_offset, segment->file_size))
		return fail_with(failure, LOADER_ELF_BAD_SEGMENT, segment->file_offset + segment->file_size,
			elf->file->size);
	return LOADER_OK;
}
