/* SPDX-License-Identifier: MIT */
/* The task's heap region: break and mappings never overlap, free pages are always zero. Host only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "runtime/heap.h"

#include <stdlib.h>
#include <string.h>

#define PAGES 64u

static struct heap heap;
static uint8_t *memory;
static uint64_t base;

static int setup(void **state)
{
	(void)state;
	memory = aligned_alloc(HEAP_PAGE, PAGES * HEAP_PAGE);
	memset(memory, 0, PAGES * HEAP_PAGE);
	base = (uint64_t)(uintptr_t)memory;
	heap_init(&heap, base, PAGES * HEAP_PAGE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(memory);
	return 0;
}

static void fill(uint64_t address, uint64_t length) { memset((void *)(uintptr_t)address, 0xa5, length); }

static void assert_zero(uint64_t address, uint64_t length)
{
	for (uint64_t i = 0; i < length; i++) {
		assert_int_equal(((uint8_t *)(uintptr_t)address)[i], 0);
	}
}

static void test_break(void **state)
{
	(void)state;
	assert_int_equal(heap_break(&heap, 0), base);
	assert_int_equal(heap_break(&heap, base + 5000), base + 5000);
	fill(base, 5000);
	assert_int_equal(heap_break(&heap, base + 100), base + 100);
	assert_int_equal(heap_break(&heap, base + 2 * HEAP_PAGE), base + 2 * HEAP_PAGE);
	assert_zero(base + HEAP_PAGE, HEAP_PAGE); /* was given back in between */
	assert_int_equal(heap_break(&heap, base + (PAGES + 1) * HEAP_PAGE), base + 2 * HEAP_PAGE);
	assert_int_equal(heap_break(&heap, base - 1), base + 2 * HEAP_PAGE);
	assert_int_equal(heap_break(&heap, UINT64_MAX), base + 2 * HEAP_PAGE);
}

static void test_map_and_unmap(void **state)
{
	uint64_t first = heap_map(&heap, 1);
	uint64_t second = heap_map(&heap, 3 * HEAP_PAGE);

	(void)state;
	assert_int_equal(first, base + (PAGES - 1) * HEAP_PAGE);
	assert_int_equal(second, base + (PAGES - 4) * HEAP_PAGE);
	fill(first, HEAP_PAGE);
	assert_true(heap_unmap(&heap, first, 1));
	assert_int_equal(heap_map(&heap, HEAP_PAGE), first);
	assert_zero(first, HEAP_PAGE);
	assert_int_equal(heap_map(&heap, 0), 0);
	assert_int_equal(heap_map(&heap, UINT64_MAX), 0);
	assert_int_equal(heap_map(&heap, PAGES * HEAP_PAGE), 0);
	assert_false(heap_unmap(&heap, base + 1, HEAP_PAGE));
	assert_false(heap_unmap(&heap, base - HEAP_PAGE, HEAP_PAGE));
	assert_false(heap_unmap(&heap, base, (PAGES + 1) * HEAP_PAGE));
	assert_false(heap_unmap(&heap, base, UINT64_MAX));
	/* The break stays what it is, whatever is unmapped. */
	assert_int_equal(heap_break(&heap, base + HEAP_PAGE), base + HEAP_PAGE);
	fill(base, HEAP_PAGE);
	assert_true(heap_unmap(&heap, base, HEAP_PAGE));
	assert_int_equal(memory[0], 0xa5);
}

static void test_break_stops_at_a_mapping(void **state)
{
	uint64_t mapped = heap_map(&heap, (PAGES - 2) * HEAP_PAGE);

	(void)state;
	assert_int_equal(mapped, base + 2 * HEAP_PAGE);
	assert_int_equal(heap_break(&heap, base + 2 * HEAP_PAGE), base + 2 * HEAP_PAGE);
	assert_int_equal(heap_break(&heap, base + 2 * HEAP_PAGE + 1), base + 2 * HEAP_PAGE);
	assert_int_equal(heap_map(&heap, 1), 0);
}

static void test_fixed(void **state)
{
	(void)state;
	assert_int_equal(heap_break(&heap, base + HEAP_PAGE), base + HEAP_PAGE);
	fill(base, HEAP_PAGE);
	assert_true(heap_map_fixed(&heap, base, HEAP_PAGE));
	assert_zero(base, HEAP_PAGE);
	assert_false(heap_map_fixed(&heap, base + PAGES * HEAP_PAGE, HEAP_PAGE));
	assert_false(heap_map_fixed(&heap, 0, HEAP_PAGE));
	assert_false(heap_map_fixed(&heap, base, 0));
}

static void test_remap(void **state)
{
	uint64_t first = heap_map(&heap, 2 * HEAP_PAGE);
	uint64_t below = heap_map(&heap, HEAP_PAGE);
	uint64_t moved;

	(void)state;
	fill(first, 2 * HEAP_PAGE);
	assert_int_equal(heap_remap(&heap, first, 2 * HEAP_PAGE, 4 * HEAP_PAGE, false), 0);
	moved = heap_remap(&heap, first, 2 * HEAP_PAGE, 4 * HEAP_PAGE, true);
	assert_true(moved != 0 && moved != first && moved != below);
	assert_int_equal(((uint8_t *)(uintptr_t)moved)[2 * HEAP_PAGE - 1], 0xa5);
	assert_zero(moved + 2 * HEAP_PAGE, 2 * HEAP_PAGE);
	assert_zero(first, 2 * HEAP_PAGE);
	assert_int_equal(heap_remap(&heap, moved, 4 * HEAP_PAGE, HEAP_PAGE, false), moved);
	assert_zero(moved + HEAP_PAGE, 3 * HEAP_PAGE);
	assert_int_equal(heap_remap(&heap, moved, HEAP_PAGE, 3 * HEAP_PAGE, false), moved); /* in place */
	assert_int_equal(heap_remap(&heap, base, HEAP_PAGE, 2 * HEAP_PAGE, true), 0);       /* not mapped */
	assert_int_equal(heap_remap(&heap, moved, 3 * HEAP_PAGE, 0, true), 0);
	assert_int_equal(heap_remap(&heap, moved, 3 * HEAP_PAGE, UINT64_MAX, true), 0);
}

/* Random calls beside a model that says what each page holds. */
static void test_random(void **state)
{
	uint8_t owner[PAGES] = { 0 };

	(void)state;
	srand(2);
	for (unsigned int round = 0; round < 20000; round++) {
		uint64_t pages = 1 + (uint64_t)rand() % 6;

		if (rand() % 2 == 0) {
			uint64_t address = heap_map(&heap, pages * HEAP_PAGE);

			for (uint64_t i = 0; address != 0 && i < pages; i++) {
				uint64_t page = (address - base) / HEAP_PAGE + i;

				assert_int_equal(owner[page], 0);
				assert_int_equal(memory[page * HEAP_PAGE + 17], 0);
				owner[page] = 1;
				memory[page * HEAP_PAGE + 17] = 0xa5;
			}
		} else {
			uint64_t page = (uint64_t)rand() % PAGES;

			if (heap_unmap(&heap, base + page * HEAP_PAGE, pages * HEAP_PAGE)) {
				memset(&owner[page], 0, pages);
			} else {
				assert_true(page + pages > PAGES);
			}
		}
	}
}

static void test_odd_regions(void **state)
{
	(void)state;
	heap_init(&heap, base + 1, 2 * HEAP_PAGE);
	assert_int_equal(heap.address, base + HEAP_PAGE);
	assert_int_equal(heap.pages, 1);
	heap_init(&heap, base, 0);
	assert_int_equal(heap_map(&heap, 1), 0);
	assert_int_equal(heap_break(&heap, base + 1), base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_break, setup, teardown),
		cmocka_unit_test_setup_teardown(test_map_and_unmap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_break_stops_at_a_mapping, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fixed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_regions, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
