/* SPDX-License-Identifier: MIT */
/* The guest's memory map as its firmware would report it (INT 15h, E820; ACPI 6.0 section 15.1), from the
 * size of its RAM. Pure. */
#ifndef VMM_LOADERS_E820_H
#define VMM_LOADERS_E820_H

#include <bulkhead/guest_memory.h>

enum { E820_ENTRIES_MAX = 8 };
enum e820_type { E820_RAM = 1, E820_RESERVED = 2 };

struct e820_entry {
	uint64_t base, size;
	uint32_t type;
};

struct e820_map {
	uint32_t entries;
	struct e820_entry entry[E820_ENTRIES_MAX];
	uint64_t low_end; /* end of low RAM: the window at 0 */
};

/* Fills *map from the windows of `memory`: the one at guest-physical 0 (at least 2 MiB, at most up to
 * GUEST_HOLE_BASE) is low RAM, others from GUEST_MEMORY_ABOVE_4G are RAM too. False if there is no such low
 * window. */
__attribute__((warn_unused_result)) bool e820_build(const struct guest_memory *memory, struct e820_map *map);

#endif
