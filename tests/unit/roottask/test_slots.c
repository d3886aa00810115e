/* SPDX-License-Identifier: MIT */
/* The slot allocator of the root task: runs, owners, reuse; nothing is handed out twice. Host only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "slots.h"

#include <stdlib.h>

#define FIRST 100u
#define END 1000u

static int setup(void **state)
{
	(void)state;
	slots_init(FIRST, END);
	return 0;
}

static void test_runs(void **state)
{
	uint32_t first = slots_take(OWNER_SYSTEM, 10);
	uint32_t second = slots_take(OWNER_TASK(3), 20);

	(void)state;
	assert_int_equal(first, FIRST);
	assert_int_equal(second, FIRST + 10);
	assert_int_equal(slots_take(OWNER_TASK(3), END), 0);
	assert_int_equal(slots_take(OWNER_TASK(3), 0), 0);
	assert_int_equal(slots_take(OWNER_FREE, 1), 0);
	assert_int_equal(slots_count(OWNER_TASK(3)), 20);
	assert_int_equal(slots_count(OWNER_FREE), END - FIRST - 30);
	slots_free(first + 4);
	assert_int_equal(slots_take(OWNER_VM(0), 2), FIRST + 30); /* the hole is too small for two */
	assert_int_equal(slots_take(OWNER_VM(0), 1), first + 4);
}

static void test_owner_walk(void **state)
{
	uint32_t count = 0;

	(void)state;
	for (uint32_t i = 0; i < 50; i++) {
		assert_true(slots_take(i % 2 == 0 ? OWNER_TASK(7) : OWNER_VM(1), 1 + i % 3) != 0);
	}
	for (uint32_t slot = slots_next(OWNER_TASK(7), 1); slot != 0;
		slot = slots_next(OWNER_TASK(7), slot + 1)) {
		slots_free(slot);
		count++;
	}
	assert_true(count > 0);
	assert_int_equal(slots_count(OWNER_TASK(7)), 0);
	assert_true(slots_count(OWNER_VM(1)) > 0);
	assert_int_equal(slots_count(OWNER_FREE) + slots_count(OWNER_VM(1)), END - FIRST);
}

static void test_all_of_them(void **state)
{
	(void)state;
	assert_int_equal(slots_take(OWNER_VM(2), END - FIRST), FIRST);
	assert_int_equal(slots_take(OWNER_VM(2), 1), 0);
	assert_int_equal(slots_next(OWNER_VM(2), END - 1), END - 1);
	assert_int_equal(slots_next(OWNER_VM(2), END), 0);
	slots_free(END - 1);
	assert_int_equal(slots_take(OWNER_VM(3), 1), END - 1);
	slots_free(0);         /* never handed out */
	slots_free(SLOTS_MAX); /* not there */
	assert_int_equal(slots_take(OWNER_VM(3), 1), 0);
}

static void test_tally(void **state)
{
	const uint32_t *counts;
	uint32_t total = 0;

	(void)state;
	(void)slots_take(OWNER_VM(MANIFEST_MAX_VMS - 1), 4);
	(void)slots_take(OWNER_TASK(0), 3);
	(void)slots_take(OWNER_TASK(MANIFEST_MAX_TASKS - 1), 5);
	counts = slots_tally();
	for (uint32_t owner = 0; owner < OWNER_COUNT; owner++) {
		total += counts[owner];
		assert_int_equal(counts[owner], slots_count((uint16_t)owner));
	}
	assert_int_equal(total, SLOTS_MAX);
	assert_int_equal(counts[OWNER_TASK(MANIFEST_MAX_TASKS - 1)], 5);
	assert_int_equal(slots_owner(FIRST + 4), OWNER_TASK(0));
	assert_int_equal(slots_owner(SLOTS_MAX), OWNER_SYSTEM);
	assert_int_equal(slots_end(), FIRST + 12);
}

/* As restarts do it: everything of an owner goes at once, others stay, and the total never changes. */
static void test_restarts_leak_nothing(void **state)
{
	(void)state;
	srand(3);
	for (uint32_t round = 0; round < 200; round++) {
		uint32_t task = (uint32_t)rand() % 5;

		for (uint32_t i = 0; i < 10; i++) {
			(void)slots_take(OWNER_TASK(task), 1 + (uint32_t)rand() % 9);
		}
		for (uint32_t slot = slots_next(OWNER_TASK(task), 1); slot != 0;
			slot = slots_next(OWNER_TASK(task), slot + 1)) {
			slots_free(slot);
		}
	}
	assert_int_equal(slots_count(OWNER_FREE), END - FIRST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_runs, setup),
		cmocka_unit_test_setup(test_owner_walk, setup),
		cmocka_unit_test_setup(test_all_of_them, setup),
		cmocka_unit_test_setup(test_tally, setup),
		cmocka_unit_test_setup(test_restarts_leak_nothing, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
