/* SPDX-License-Identifier: MIT */
/* The clock page: scales, both directions, pauses, a page without a writer, a writer that died in the
 * middle. */

#include <string.h>

#include <bulkhead/clock.h>

#include "machine.h"

static const uint64_t frequencies[] = { 1, 10000, 999999, 1000000, 1000001, 2399999, 2450000, 3000000,
	5700000, UINT64_C(1) << 32 };
#define FREQUENCIES (sizeof(frequencies) / sizeof(frequencies[0]))

static void scales_are_exact(void **state)
{
	uint64_t seed = 5;

	(void)state;
	for (unsigned int i = 0; i < FREQUENCIES; i++) {
		struct clock_scale to_ns = clock_scale_make(1000000, frequencies[i]);
		struct clock_scale from_ns = clock_scale_make(frequencies[i], 1000000);

		for (int round = 0; round < 10000; round++) {
			uint64_t value = machine_random_shifted(&seed, 20, 40);
			uint64_t exact = (uint64_t)((unsigned __int128)value * 1000000 / frequencies[i]);
			uint64_t exact_back = (uint64_t)((unsigned __int128)value * frequencies[i] / 1000000);

			if (((unsigned __int128)value * 1000000 / frequencies[i]) >> 63 == 0) {
				assert_true(exact - clock_scale_apply(to_ns, value) <= 1);
			}
			if (((unsigned __int128)value * frequencies[i] / 1000000) >> 63 == 0) {
				assert_true(exact_back - clock_scale_apply(from_ns, value) <= 1);
			}
		}
	}
	assert_int_equal(clock_scale_apply(clock_scale_make(0, 1), 5), 0);
	assert_int_equal(clock_scale_apply(clock_scale_make(1, 0), 5), 0);
	assert_int_equal(clock_scale_apply(clock_scale_make(UINT64_C(1) << 62, 1), 5), 0);
	assert_int_equal(clock_scale_apply(clock_scale_make(1, 1), 5), 5);
}

/* A timer armed for a time fires when that time has come, and not long after. */
static void deadlines_are_not_early(void **state)
{
	struct clock_page page = { 0 };
	uint64_t seed = 6;

	(void)state;
	for (unsigned int i = 0; i < FREQUENCIES; i++) {
		for (int round = 0; round < 5000; round++) {
			uint64_t start = machine_random(&seed) >> 8;
			uint64_t ns = machine_random_shifted(&seed, 10, 40);
			struct clock_state clock;
			uint64_t host_tsc;

			if (frequencies[i] > 10000000) {
				ns >>= 20;
			}
			clock_initialise(&page, start, frequencies[i], 0);
			clock = clock_read(&page);
			host_tsc = clock_host_tsc_at(&clock, ns);
			assert_true(clock_ns_at(&clock, host_tsc) >= ns);
			assert_true(host_tsc - start < 5 || clock_ns_at(&clock, host_tsc - 5) <= ns);
		}
	}
}

static void no_writer_no_time(void **state)
{
	struct clock_page page = { 0 };
	struct clock_state clock = clock_read(&page);

	(void)state;
	assert_int_equal(clock.guest_tsc_khz, 0);
	assert_int_equal(clock_now_ns(&page), 0);
	assert_int_equal(clock_host_tsc_at(&clock, 1000), 0);
	clock_initialise(&page, 0, 1000000, 5);
	assert_int_equal(clock_read(&page).wall_base_ns, 5);
	page.version++;
	assert_int_equal(clock_now_ns(&page), 0);
}

static void before_the_start_it_is_zero(void **state)
{
	struct clock_page page = { 0 };
	struct clock_state clock;

	(void)state;
	clock_initialise(&page, 1000000, 1000000, 0);
	clock = clock_read(&page);
	assert_int_equal(clock_ns_at(&clock, 999999), 0);
	assert_int_equal(clock_ns_at(&clock, 1000000), 0);
	assert_int_equal(clock_ns_at(&clock, 1000001), 1);
	assert_true(clock_now_ns(&page) > 0);
}

static void pauses(void **state)
{
	struct clock_page page = { 0 };
	struct clock_state clock;

	(void)state;
	clock_initialise(&page, 1000, 1000000, 7000);
	clock_pause(&page, 1500);
	clock_pause(&page, 1600); /* stands already */
	clock = clock_read(&page);
	assert_int_equal(clock.paused, 1);
	assert_int_equal(clock.pauses, 1);
	assert_int_equal(clock_ns_at(&clock, 1500), 500);
	assert_int_equal(clock_ns_at(&clock, 99999), 500);
	clock_resume(&page, 2500);
	clock_resume(&page, 2600);
	clock = clock_read(&page);
	assert_int_equal(clock.paused, 0);
	assert_int_equal(clock_ns_at(&clock, 2500), 500);
	assert_int_equal(clock_ns_at(&clock, 2501), 501);
	assert_int_equal(clock.wall_base_ns, 8000);
	assert_int_equal(clock.wall_base_ns + clock_ns_at(&clock, 2501), 7000 + 1501);
	assert_int_equal(clock_guest_tsc(&clock, 2501), 501);
	clock_advance(&page, 600); /* of the 1000 that it is behind */
	clock = clock_read(&page);
	assert_int_equal(clock_ns_at(&clock, 2501), 1101);
	assert_int_equal(clock.wall_base_ns + clock_ns_at(&clock, 2501), 7000 + 1501);
}

/* An update leaves alone what readers of before still use. */
static void an_update_changes_the_other_copy(void **state)
{
	struct clock_page page = { 0 };
	struct clock_state before;
	struct clock_state next;

	(void)state;
	clock_initialise(&page, 1000, 1000000, 7000);
	for (int round = 0; round < 4; round++) {
		uint64_t sequence = page.sequence;

		before = page.copies[sequence & 1];
		next = before;
		next.wall_base_ns++;
		clock_write(&page, &next);
		assert_int_equal(page.sequence, sequence + 1);
		assert_memory_equal(&page.copies[sequence & 1], &before, sizeof(before));
		assert_memory_equal(&page.copies[page.sequence & 1], &next, sizeof(next));
	}
}

/* Whatever the writer had written of the unused copy when it died, readers see the last published state. */
static void a_writer_that_died(void **state)
{
	struct clock_page page = { 0 };
	struct clock_state next;

	(void)state;
	clock_initialise(&page, 1000, 1000000, 7000);
	for (uint64_t round = 1; round < 5; round++) {
		memset(&page.copies[(page.sequence + 1) & 1], (int)round, sizeof(page.copies[0]));
		next = clock_read(&page);
		assert_int_equal(next.guest_tsc_khz, 1000000);
		assert_int_equal(next.wall_base_ns, 7000 + round - 1);
		next.wall_base_ns = 7000 + round;
		clock_write(&page, &next);
		assert_int_equal(clock_read(&page).wall_base_ns, 7000 + round);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scales_are_exact),
		cmocka_unit_test(deadlines_are_not_early),
		cmocka_unit_test(no_writer_no_time),
		cmocka_unit_test(before_the_start_it_is_zero),
		cmocka_unit_test(pauses),
		cmocka_unit_test(an_update_changes_the_other_copy),
		cmocka_unit_test(a_writer_that_died),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
