/* SPDX-License-Identifier: MIT */
/* Reads 32-bit ELF executables (System V ABI, Object Files) for the Multiboot loader. Pure; the file is
 * untrusted. */
#ifndef VMM_LOADERS_ELF32_H
#define VMM_LOADERS_ELF32_H

#include "loaders/loader.h"

/* A piece of the file and where it goes in guest-physical memory; what is beyond file_size is zeroed. */
struct kernel_segment {
	uint64_t file_offset, file_size;
	uint64_t address, memory_size;
	uint64_t virtual_address;
};

enum { ELF32_PROGRAM_HEADERS_MAX = 64 };

struct elf32 {
	const struct loader_file *file;
	uint64_t table; /* file offset of the program headers */
	uint32_t headers;
	uint32_t entry; /* virtual */
};

/* Checks file header and the table of program headers. */
__attribute__((warn_unused_result)) enum loader_error elf32_open(
	const struct loader_file *file, struct elf32 *elf, struct loader_failure *failure);

/* Program header `index` (below elf->headers) as a segment, checked against the file. *segment has
 * memory_size 0 if there is nothing to load. */
__attribute__((warn_unused_result)) enum loader_error elf32_segment(const struct elf32 *elf, uint32_t index,
	struct kernel_segment *segment, struct loader_failure *failure);

#endif
