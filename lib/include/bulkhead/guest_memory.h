/* SPDX-License-Identifier: MIT */
/* Guest RAM as a task sees it that was given it (the VMM, device models that do DMA): a table of windows
 * (guest-physical range -> mapped bytes), and checked copies in and out. Touches the windows only; no system
 * calls, no allocation. Nothing else may turn a guest-physical address into a pointer: a virtual IOMMU would
 * stand here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Low RAM (below the hole), high RAM (from 4 GiB), and room for two special windows (a video frame, a
 * flash). */
enum { GUEST_MEMORY_WINDOWS = 4 };

#define GUEST_MEMORY_ABOVE_4G UINT64_C(0x100000000) /* where high RAM starts */

struct guest_memory_window {
	uint64_t guest_physical; /* first address */
	uint64_t size;           /* bytes */
	uint8_t *host;           /* where the task has it mapped */
};

struct guest_memory {
	uint32_t windows; /* used entries; the others are all zero */
	/* width of the guest's physical addresses, as its CPUID says: bits above are reserved in page
	 * tables */
	uint32_t physical_bits;
	struct guest_memory_window window[GUEST_MEMORY_WINDOWS];
};

/* Makes an empty table. `physical_bits`: 36..52, what CPUID 0x80000008 tells the guest; other values are
 * taken as 52. */
void guest_memory_initialize(struct guest_memory *memory, uint32_t physical_bits);

/* Adds a window of `size` bytes (a multiple of 4 KiB, not 0) at `guest_physical` (4 KiB aligned), mapped
 * at `host` (8-byte aligned). False, and nothing changed: table full, misaligned, wraps around, or
 * overlaps another window. For start-up code. */
__attribute__((warn_unused_result)) bool guest_memory_add(
	struct guest_memory *memory, uint64_t guest_physical, uint64_t size, void *host);

/* The pointer to `count` bytes (0 allowed) of guest RAM at `guest_physical`, or a null pointer if they are
 * not all in one window. The guest may change the bytes at any time: read each of them once. Any code
 * of the task, handler threads included. */
static inline uint8_t *guest_memory_pointer(
	const struct guest_memory *memory, uint64_t guest_physical, uint64_t count)
{
	/* Those that are not used have no bytes. */
	for (const struct guest_memory_window *window = memory->window;
		window != memory->window + GUEST_MEMORY_WINDOWS; window++) {
		uint64_t offset = guest_physical - window->guest_physical;
		if (offset < window->size && count <= window->size - offset)
			return window->host + offset;
	}
	return NULL;
}

/* Copies `count` bytes out of guest RAM at `guest_physical` to `destination`; each byte is read once.
 * False, and nothing copied, if they are not all in one window. */
__attribute__((warn_unused_result)) bool guest_memory_read(
	const struct guest_memory *memory, uint64_t guest_physical, void *destination, uint64_t count);

/* Copies `count` bytes from `source` to guest RAM at `guest_physical`. False, and nothing written, if they
 * are not all in one window. */
__attribute__((warn_unused_result)) bool guest_memory_write(
	const struct guest_memory *memory, uint64_t guest_physical, const void *source, uint64_t count);

/* Sets `count` bytes of guest RAM at `guest_physical` to `value`. False, and nothing written, if they are
 * not all in one window. */
__attribute__((warn_unused_result)) bool guest_memory_fill(
	const struct guest_memory *memory, uint64_t guest_physical, uint8_t value, uint64_t count);
