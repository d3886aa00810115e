/* SPDX-License-Identifier: MIT */
/* The root task's program: a static ELF64 executable (System V ABI, ELF-64 object file format). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image_segment { /* a program header */
	uint32_t type, flags;
	uint64_t file_offset, address, physical_address, file_size, memory_size, alignment;
};

#define IMAGE_SEGMENT_LOAD 1u /* type */
#define IMAGE_SEGMENT_EXECUTE 1u
#define IMAGE_SEGMENT_WRITE 2u

/* The program headers of such a file; NULL: it is none, or cut. *entry: its entry point; *segments: how many headers there are. */
const struct image_segment *image_open(
	const uint8_t *file, uint64_t length, uint64_t *entry, unsigned int *segments);

/* Does it fit file and user space? */
bool image_segment_fits(const struct image_segment *segment, uint64_t length);
