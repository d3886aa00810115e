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

#define IMAGE_SEGMENT_EXECUTE 1u
#define IMAGE_SEGMENT_WRITE 2u

/* Is it such a file, and complete? *entry: its entry point; *segments: how many program headers there are. */
__attribute__((warn_unused_result)) bool image_check(
	const uint8_t *file, uint64_t length, uint64_t *entry, unsigned int *headers);

/* Program header number `index`, if it is to be loaded. false: not PT_LOAD. *valid: it fits file and user space. */
bool image_segment(
	const uint8_t *file, uint64_t length, unsigned int index, struct image_segment *segment, bool *valid);
