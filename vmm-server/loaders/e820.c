/* SPDX-License-Identifier: MIT */
/* The memory map: see e820.h. */
#include "loaders/e820.h"

#include "memory/guest_layout.h"

#define LOW_RAM_MIN UINT64_C(0x200000)

static void add(struct e820_map *map, uint64_t base, uint64_t end, enum e820_type type)
{
	/* At most 4 fixed entries and one per high window: E820_ENTRIES_MAX can't be passed. */
	_Static_assert(E820_ENTRIES_MAX >= 4 + GUEST_MEMORY_WINDOWS, "an entry for each");
	map->entry[map->entries++] = (struct e820_entry){ .base = base, .size = end - base, .type = type };
}

bool e820_build(const struct guest_memory *memory, struct e820_map *map)
{
	*map = (struct e820_map){ 0 };
	for (uint32_t i = 0; i < memory->windows; i++)
		if (memory->window[i].guest_physical == 0)
			map->low_end = memory->window[i].size;
	if (map->low_end < LOW_RAM_MIN || map->low_end > GUEST_HOLE_BASE)
		return false;
	add(map, 0, GUEST_EBDA_BASE, E820_RAM);
	add(map, GUEST_EBDA_BASE, GUEST_VGA_BASE, E820_RESERVED);
	add(map, GUEST_ACPI_BASE, GUEST_HIGH_MEMORY, E820_RESERVED);
	add(map, GUEST_HIGH_MEMORY, map->low_end, E820_RAM);
	for (uint32_t i = 0; i < memory->windows; i++) {
		const struct guest_memory_window *window = &memory->window[i];
		if (window->guest_physical >= GUEST_MEMORY_ABOVE_4G)
			add(map, window->guest_physical, window->guest_physical + window->size, E820_RAM);
	}
	return true;
}
