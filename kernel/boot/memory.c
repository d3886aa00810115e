/* SPDX-License-Identifier: MIT */
/* Pieces of the boot loader's free memory. */
#include "boot/memory.h"

#include <stdbool.h>

#include "arch/x86_64/boot_information.h"
#include "arch/x86_64/layout.h"
#include "panic.h"
#include "string.h"

#define FOUR_GIB (UINT64_C(1) << 32)

static uint64_t align_up(uint64_t value, uint64_t size) { return (value + size - 1) & ~(size - 1); }

uint64_t boot_memory_take(unsigned int bits)
{
	struct boot_information *boot = &boot_information;
	uint64_t size = UINT64_C(1) << bits;

	for (unsigned int i = boot->usable_count; i-- > 0;) {
		struct memory_region *region = &boot->usable[i];
		uint64_t below = region->end < FOUR_GIB ? region->end : FOUR_GIB;
		uint64_t start = (below - size) & ~(size - 1);
		uint64_t end = start + size;

		if (region->end - region->start < size || start < region->start ||
			(end != region->end && boot->usable_count == BOOT_REGIONS_MAXIMUM)) {
			continue;
		}
		/* What lies behind the aligned piece becomes a region of its own. */
		if (end != region->end) {
			boot->usable[boot->usable_count++] = (struct memory_region){ end, region->end };
		}
		region->end = start;
		memset(phys_to_virt(start), 0, size);
		return start;
	}
	panic("boot: no piece of %lu KiB left below 4 GiB: the machine has too little memory", size >> 10);
}

bool boot_memory_next_piece(uint64_t *start, uint64_t end, uint64_t *physical, unsigned int *bits)
{
	uint64_t at = align_up(*start, PAGE_SIZE);
	unsigned int size_bits = PAGE_SHIFT;

	if (at >= end || end - at < PAGE_SIZE) {
		return false;
	}
	while (size_bits < 46 && (at & (UINT64_C(1) << size_bits)) == 0 &&
		end - at >= UINT64_C(2) << size_bits) {
		size_bits++;
	}
	*physical = at;
	*bits = size_bits;
	*start = at + (UINT64_C(1) << size_bits);
	return true;
}
