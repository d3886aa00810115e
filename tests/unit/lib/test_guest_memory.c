/* SPDX-License-Identifier: MIT */
/* Guest memory windows: adding, bounds of copies, the hole between two windows. */
#include <bulkhead/guest_memory.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static uint8_t low[0x4000] __attribute__((aligned(4096)));
static uint8_t high[0x2000] __attribute__((aligned(4096)));
static struct guest_memory memory;

static int setup(void **context)
{
	(void)context;
	memset(low, 0, sizeof low);
	memset(high, 0, sizeof high);
	guest_memory_initialize(&memory, 40);
	assert_true(guest_memory_add(&memory, 0, sizeof low, low));
	assert_true(guest_memory_add(&memory, UINT64_C(1) << 32, sizeof high, high));
	return 0;
}

static void refuses_bad_windows(void **context)
{
	(void)context;
	assert_false(guest_memory_add(&memory, 0x3000, 0x1000, high));  /* overlaps */
	assert_false(guest_memory_add(&memory, 0x10000, 0, high));      /* empty */
	assert_false(guest_memory_add(&memory, 0x10010, 0x1000, high)); /* misaligned */
	assert_false(guest_memory_add(&memory, 0x10000, 0x1010, high));
	assert_false(guest_memory_add(&memory, 0x10000, 0x1000, high + 4));
	assert_false(guest_memory_add(&memory, 0x10000, 0x1000, NULL));
	assert_false(guest_memory_add(&memory, UINT64_C(0xfffffffffffff000), 0x2000, high)); /* wraps */
	assert_int_equal(memory.windows, 2);
	/* ends at the very top */
	assert_true(guest_memory_add(&memory, UINT64_C(0xfffffffffffff000), 0x1000, high));
	assert_true(guest_memory_add(&memory, 0x10000, 0x1000, high));
	assert_false(guest_memory_add(&memory, 0x20000, 0x1000, high)); /* full */
}

static void physical_bits_have_a_default(void **context)
{
	(void)context;
	struct guest_memory other;
	guest_memory_initialize(&other, 0);
	assert_int_equal(other.physical_bits, 52);
	guest_memory_initialize(&other, 64);
	assert_int_equal(other.physical_bits, 52);
	guest_memory_initialize(&other, 40);
	assert_int_equal(other.physical_bits, 40);
}

static void copies_stay_inside(void **context)
{
	(void)context;
	uint8_t bytes[16] = { 1, 2, 3 };
	assert_true(guest_memory_write(&memory, 0x3ff0, bytes, 16));
	assert_false(guest_memory_write(&memory, 0x3ff1, bytes, 16));
	assert_false(guest_memory_write(&memory, 0x4000, bytes, 1));
	assert_true(guest_memory_write(&memory, UINT64_C(1) << 32, bytes, 16));
	assert_memory_equal(high, bytes, 16);
	uint8_t back[16] = { 0 };
	assert_true(guest_memory_read(&memory, 0x3ff0, back, 16));
	assert_memory_equal(back, bytes, 16);
	assert_false(guest_memory_read(&memory, UINT64_MAX, back, 2));
	assert_false(guest_memory_read(&memory, 0, back, UINT64_MAX));
	assert_false(guest_memory_read(&memory, (UINT64_C(1) << 32) + 0x1fff, back, 2));
	assert_true(guest_memory_fill(&memory, 0, 0x5a, 0x4000));
	assert_int_equal(low[0x3fff], 0x5a);
	assert_false(guest_memory_fill(&memory, 0, 0, 0x4001));
	assert_int_equal(low[0], 0x5a);
}

static void nothing_to_copy(void **context)
{
	(void)context;
	assert_true(guest_memory_write(&memory, 0, NULL, 0));
	assert_false(guest_memory_write(&memory, 0x8000, NULL, 0));
	assert_non_null(guest_memory_pointer(&memory, 0x3fff, 0));
	assert_null(guest_memory_pointer(&memory, 0x4000, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(refuses_bad_windows, setup),
		cmocka_unit_test_setup(physical_bits_have_a_default, setup),
		cmocka_unit_test_setup(copies_stay_inside, setup),
		cmocka_unit_test_setup(nothing_to_copy, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
