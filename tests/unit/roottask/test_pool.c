/* SPDX-License-Identifier: MIT */
/* The machine's memory pool: splitting gives disjoint pieces of the right size and wastes nothing. Host only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pool.h"

#include <string.h>

#define SLOTS 4096u

/* What Retype would do: where each slot's Untyped begins and how large it is. */
static struct {
	uint64_t start;
	uint32_t bits;
} untyped[SLOTS];
static uint32_t next_slot;
static uint32_t splits_allowed;
static struct pool pool;
static struct pool_piece piece;

enum bh_error pool_split(uint32_t slot, uint32_t bits, uint32_t *first)
{
	if (splits_allowed-- == 0) {
		splits_allowed = 0;
		return BH_ERROR_SLOT_OCCUPIED;
	}
	assert_int_equal(untyped[slot].bits, bits + 1);
	*first = next_slot;
	untyped[next_slot].start = untyped[slot].start;
	untyped[next_slot].bits = bits;
	untyped[next_slot + 1].start = untyped[slot].start + (UINT64_C(1) << bits);
	untyped[next_slot + 1].bits = bits;
	next_slot += 2;
	return BH_OK;
}

static void add(uint64_t start, uint32_t bits)
{
	untyped[next_slot].start = start;
	untyped[next_slot].bits = bits;
	pool_add(&pool, (struct pool_piece){ next_slot++, bits, start });
}

static int setup(void **state)
{
	(void)state;
	memset(&pool, 0, sizeof pool);
	memset(untyped, 0, sizeof untyped);
	next_slot = 1;
	splits_allowed = SLOTS;
	return 0;
}

static void test_smallest_piece_is_split(void **state)
{
	(void)state;
	add(0x40000000, 30);
	add(0x200000, 21);
	assert_int_equal(pool_take(&pool, 12, &piece), BH_OK);
	assert_int_equal(untyped[piece.slot].start, 0x200000);
	assert_int_equal(untyped[piece.slot].bits, 12);
	assert_int_equal(pool_free_bytes(&pool), (UINT64_C(1) << 30) + (UINT64_C(1) << 21) - 4096);
	assert_int_equal(pool_take(&pool, 30, &piece), BH_OK);
	assert_int_equal(untyped[piece.slot].start, 0x40000000);
	assert_int_equal(pool_take(&pool, 21, &piece), BH_ERROR_MEMORY);
	assert_int_equal(pool_take(&pool, 20, &piece), BH_OK);
}

static void test_nothing_is_wasted_or_shared(void **state)
{
	static uint8_t used[4096];
	uint32_t taken = 0;

	(void)state;
	memset(used, 0, sizeof used);
	add(0, 24);
	for (uint32_t i = 0; pool_take(&pool, 12 + i % 4, &piece) == BH_OK; i++) {
		uint64_t pages = UINT64_C(1) << (untyped[piece.slot].bits - 12);

		for (uint64_t page = 0; page < pages; page++) {
			assert_int_equal(used[untyped[piece.slot].start / 4096 + page]++, 0);
			taken++;
		}
	}
	assert_int_equal(taken * UINT64_C(4096) + pool_free_bytes(&pool), UINT64_C(1) << 24);
	while (pool_take(&pool, 12, &piece) == BH_OK) {
		taken++;
	}
	assert_int_equal(taken, 4096);
}

/* What is taken by its place is that place, and all else stays to be had. */
static void test_a_place_is_carved_out(void **state)
{
	(void)state;
	add(0xc0000000, 29);
	assert_int_equal(pool_take_at(&pool, 0xc1234000, 14, &piece), BH_OK);
	assert_int_equal(piece.physical, 0xc1234000);
	assert_int_equal(piece.bits, 14);
	assert_int_equal(untyped[piece.slot].start, 0xc1234000);
	assert_int_equal(untyped[piece.slot].bits, 14);
	assert_int_equal(pool_free_bytes(&pool), (UINT64_C(1) << 29) - 0x4000);
	/* taken, in whole or in part; outside */
	assert_int_equal(pool_take_at(&pool, 0xc1234000, 14, &piece), BH_ERROR_MEMORY);
	assert_int_equal(pool_take_at(&pool, 0xc1235000, 12, &piece), BH_ERROR_MEMORY);
	assert_int_equal(pool_take_at(&pool, 0xc1200000, 20, &piece), BH_ERROR_MEMORY);
	assert_int_equal(pool_take_at(&pool, 0xbfffc000, 14, &piece), BH_ERROR_MEMORY);
	assert_int_equal(pool_take_at(&pool, 0xe0000000, 12, &piece), BH_ERROR_MEMORY);
	/* the neighbours on both sides, and the first and last page */
	assert_int_equal(pool_take_at(&pool, 0xc1230000, 14, &piece), BH_OK);
	assert_int_equal(untyped[piece.slot].start, 0xc1230000);
	assert_int_equal(pool_take_at(&pool, 0xc1238000, 14, &piece), BH_OK);
	assert_int_equal(untyped[piece.slot].start, 0xc1238000);
	assert_int_equal(pool_take_at(&pool, 0xc0000000, 12, &piece), BH_OK);
	assert_int_equal(pool_take_at(&pool, 0xdffff000, 12, &piece), BH_OK);
	assert_int_equal(untyped[piece.slot].start, 0xdffff000);
}

static void test_failed_split_loses_nothing(void **state)
{

	(void)state;
	add(0, 24);
	splits_allowed = 3;
	assert_int_equal(pool_take(&pool, 12, &piece), BH_ERROR_SLOT_OCCUPIED);
	assert_int_equal(pool_free_bytes(&pool), UINT64_C(1) << 24);
	splits_allowed = SLOTS;
	assert_int_equal(pool_take(&pool, 12, &piece), BH_OK);
}

static void test_full_pool_keeps_the_large(void **state)
{

	(void)state;
	for (uint32_t i = 0; i < POOL_MAX; i++) {
		add((uint64_t)i << 12, 12);
	}
	add(0x40000000, 30);
	assert_int_equal(pool.count, POOL_MAX);
	add(0x1000000, 12);
	assert_int_equal(pool.count, POOL_MAX);
	assert_int_equal(pool_take(&pool, 30, &piece), BH_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_smallest_piece_is_split, setup),
		cmocka_unit_test_setup(test_nothing_is_wasted_or_shared, setup),
		cmocka_unit_test_setup(test_a_place_is_carved_out, setup),
		cmocka_unit_test_setup(test_failed_split_loses_nothing, setup),
		cmocka_unit_test_setup(test_full_pool_keeps_the_large, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
