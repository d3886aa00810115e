/* SPDX-License-Identifier: MIT */
/* The task's heap region, page by page: brk grows from its bottom, mmap takes from its top. Pure: works on any memory that it is
 * given, makes no system calls, so it is tested on the host. Free pages always hold zeroes. One thread at a time may call it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAP_PAGE 4096u
#define HEAP_MAX_PAGES 65536u /* 256 MiB; what a larger region has beyond stays unused */

struct heap {
	uint64_t address;                   /* page-aligned start of the region */
	uint64_t pages;                     /* pages in use of the region */
	uint64_t brk;                       /* current break, an address */
	uint64_t used[HEAP_MAX_PAGES / 64]; /* bit = page belongs to the break or to a mapping */
};

/* `address` and `size` in bytes; the region must be zeroed and stay the heap's. A misaligned rest is left out. */
void heap_init(struct heap *heap, uint64_t address, uint64_t size);

/* Linux brk: moves the break to `wanted` if that is possible; returns the break, moved or not. 0 asks. */
uint64_t heap_break(struct heap *heap, uint64_t wanted);

/* Takes `length` bytes (rounded up to pages) and returns their address; 0 if no such run is free or the length is 0. */
uint64_t heap_map(struct heap *heap, uint64_t length);

/* MAP_FIXED: [address, address + length) becomes zeroed pages in use. False if it does not lie in the region. */
bool heap_map_fixed(struct heap *heap, uint64_t address, uint64_t length);

/* Gives pages back. False if the range is misaligned or not inside the region; pages below the break stay. */
bool heap_unmap(struct heap *heap, uint64_t address, uint64_t length);

/* mremap: the mapping at `address` of `old_length` gets `new_length` bytes, moved if it has to and may. Returns its address,
 * 0 if that is not possible or the range is not one of mapped pages. */
uint64_t heap_remap(
	struct heap *heap, uint64_t address, uint64_t old_length, uint64_t new_length, bool may_move);
