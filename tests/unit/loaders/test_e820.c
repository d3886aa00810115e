/* SPDX-License-Identifier: MIT */
/* The memory map: sorted, without overlaps, for RAM with and without a part above 4 GiB; windows that make
 * no PC. */
#include "loaders/e820.h"
#include "memory/guest_layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* Never touched: the map is made from sizes alone. */
static uint64_t nowhere;

static void map_of(uint64_t low, uint64_t high, struct e820_map *map)
{
	struct guest_memory memory;
	guest_memory_initialize(&memory, 40);
	assert_true(guest_memory_add(&memory, 0, low, &nowhere));
	if (high)
		assert_true(guest_memory_add(&memory, GUEST_MEMORY_ABOVE_4G, high, &nowhere));
	assert_true(guest_memory_add(&memory, 0xd0000000, 0x1000, &nowhere)); /* a special window is no RAM */
	assert_true(e820_build(&memory, map));
	for (uint32_t i = 1; i < map->entries; i++)
		assert_true(map->entry[i].base >= map->entry[i - 1].base + map->entry[i - 1].size);
}

static void small_and_large(void **context)
{
	(void)context;
	struct e820_map map;
	map_of(UINT64_C(0x10000000), 0, &map);
	assert_int_equal(map.entries, 4);
	assert_int_equal(map.low_end, 0x10000000);
	assert_int_equal(map.entry[0].size, 0x9fc00);
	assert_int_equal(map.entry[1].type, E820_RESERVED);
	assert_int_equal(map.entry[2].base, GUEST_ACPI_BASE);
	assert_int_equal(map.entry[2].type, E820_RESERVED);
	assert_int_equal(map.entry[3].base + map.entry[3].size, 0x10000000);
	map_of(GUEST_HOLE_BASE, UINT64_C(0x80000000), &map);
	assert_int_equal(map.entries, 5);
	assert_int_equal(map.entry[4].base, GUEST_MEMORY_ABOVE_4G);
	assert_int_equal(map.entry[4].size, 0x80000000);
	assert_int_equal(map.entry[4].type, E820_RAM);
}

static void no_pc(void **context)
{
	(void)context;
	struct guest_memory memory;
	struct e820_map map;
	guest_memory_initialize(&memory, 40);
	assert_false(e820_build(&memory, &map));
	assert_true(guest_memory_add(&memory, 0x100000, 0x1000000, &nowhere));
	assert_false(e820_build(&memory, &map)); /* nothing at 0 */
	guest_memory_initialize(&memory, 40);
	assert_true(guest_memory_add(&memory, 0, 0x1ff000, &nowhere));
	assert_false(e820_build(&memory, &map)); /* too little */
	guest_memory_initialize(&memory, 40);
	assert_true(guest_memory_add(&memory, 0, GUEST_HOLE_BASE + 0x1000, &nowhere));
	assert_false(e820_build(&memory, &map)); /* reaches into the hole */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(small_and_large), cmocka_unit_test(no_pc) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
