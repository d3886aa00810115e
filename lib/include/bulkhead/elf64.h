/* SPDX-License-Identifier: MIT */
/* Static ELF64 executables for x86-64, read with every offset checked (System V gABI, chapters 4 and 5). Pure: reads only
 * [bytes, bytes + size), allocates nothing, any contents are allowed. Used by the root task; anyone may call it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_SEGMENTS_MAX 8u

enum elf_error {
	ELF_OK,
	ELF_ERROR_TRUNCATED, /* shorter than its headers or segments say */
	ELF_ERROR_FORMAT,    /* not a little-endian ELF64 */
	ELF_ERROR_MACHINE,   /* not for x86-64 */
	ELF_ERROR_TYPE,      /* not a statically linked executable (ET_EXEC without PT_INTERP) */
	ELF_ERROR_SEGMENTS,  /* none, or more than ELF_SEGMENTS_MAX to load */
	ELF_ERROR_SEGMENT, /* a segment is unordered, overlaps another's page, is writable and executable, or outside [start, end) */
	ELF_ERROR_ENTRY, /* the entry point is in no executable segment */
	ELF_ERROR_COUNT
};

struct elf_segment {
	uint64_t address;     /* first byte in memory */
	uint64_t memory_size; /* bytes there; what exceeds file_size is zero */
	uint64_t file_offset;
	uint64_t file_size;
	bool writable;
	bool executable;
};

struct elf_image {
	const uint8_t *bytes;
	size_t size;
	uint64_t entry;
	uint64_t program_headers; /* their address in memory, 0 if no segment holds them */
	uint16_t program_header_count;
	uint16_t program_header_size;
	uint32_t segment_count;
	struct elf_segment segment[ELF_SEGMENTS_MAX];
};

/* Checks the file of `size` bytes at `bytes` (any alignment) and fills `image`. Its segments come in ascending order, share no 4 KiB page
 * and lie in [start, end). On an error `image` is all zero. `bytes` has to stay while the image is used. */
__attribute__((warn_unused_result)) enum elf_error elf_open(
	const void *bytes, size_t size, uint64_t start, uint64_t end, struct elf_image *image);

/* Looks in the PT_NOTE segments for the note of `owner` and `type` whose description is 8 bytes, and stores these in *value.
 * False if there is none. */
__attribute__((warn_unused_result)) bool elf_find_note(
	const struct elf_image *image, const char *owner, uint32_t type, uint64_t *value);

/* Copies what the file has for the page at `address` (4 KiB aligned) to `page` (4096 bytes, zeroed by the caller).
 * Returns true if the file has any byte for it; false if the whole page is zero or in no segment. */
bool elf_copy_page(const struct elf_image *image, uint64_t address, void *page);

/* English text, never NULL. */
const char *elf_error_text(enum elf_error error);
