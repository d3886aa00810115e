/* SPDX-License-Identifier: MIT */
/* The root task's program: a static ELF64 executable (System V ABI, ELF-64 object file format). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image_segment {
	uint64_t address; /* virtual */
	uint64_t memory_size;
	uint64_t file_offset, file_size;
	bool write, execute;
};

/* Is it such a file, and complete? *entry: its entry point; *segments: how many program headers there are. */
__attribute__((warn_unused_result)) bool image_check(
	const uint8_t *file, uint64_t length, uint64_t *entry, unsigned int *headers);

/* Program header number `index`, if it is to be loaded. false: not PT_LOAD. *valid: it fits file and user space. */
bool image_segment(
	const uint8_t *file, uint64_t length, unsigned int index, struct image_segment *segment, bool *valid);
