/* SPDX-License-Identifier: MIT */
/* The local APIC's timer: modes, dividers, extremes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fabric/lapic.h"

#define VECTOR 0x40u
#define PERIODIC 0x20000u
#define DEADLINE 0x40000u

static struct lapic lapic;
static struct lapic_action action;

static void write(uint32_t offset, uint32_t value, uint64_t now)
{
	lapic_write(&lapic, offset, value, now, &action);
}

static int setup(void **state)
{
	(void)state;
	lapic_init(&lapic, 0, true, true);
	write(LAPIC_SVR, 0x1ff, 0);
	write(LAPIC_DIVIDE, 0xb, 0);
	return 0;
}

/* Takes and ends a pending timer interrupt. Returns whether there was one. */
static int take(uint64_t now)
{
	uint8_t vector = lapic_acknowledge(&lapic, now);

	if (vector == 0) {
		return 0;
	}
	assert_int_equal(vector, VECTOR);
	assert_int_equal(lapic_eoi(&lapic), 0);
	return 1;
}

static int advance_and_take(uint64_t now)
{
	lapic_advance(&lapic, now);
	return take(now);
}

static uint64_t deadline_msr(uint64_t now)
{
	uint64_t value;

	assert_int_equal(lapic_msr_read(&lapic, MSR_TSC_DEADLINE, now, &value), LAPIC_MSR_OK);
	return value;
}

static void write_deadline(uint64_t value, uint64_t now)
{
	assert_int_equal(lapic_msr_write(&lapic, MSR_TSC_DEADLINE, value, now, &action), LAPIC_MSR_OK);
}

static void test_one_shot(void **state)
{
	(void)state;
	write(LAPIC_LVT_TIMER, VECTOR, 0);
	write(LAPIC_INITIAL_COUNT, 100, 1000);
	assert_true(lapic_next_deadline(&lapic) == 1100);
	assert_int_equal(lapic_read(&lapic, LAPIC_INITIAL_COUNT, 1000), 100);
	assert_int_equal(lapic_read(&lapic, LAPIC_CURRENT_COUNT, 1000), 100);
	assert_int_equal(lapic_read(&lapic, LAPIC_CURRENT_COUNT, 1060), 40);
	assert_false(advance_and_take(1099));
	assert_true(advance_and_take(1100));
	assert_int_equal(lapic_read(&lapic, LAPIC_CURRENT_COUNT, 1100), 0);
	assert_true(lapic_next_deadline(&lapic) == LAPIC_NEVER);
	assert_false(advance_and_take(1000000));
	/* Armed again, stopped by 0. */
	write(LAPIC_INITIAL_COUNT, 10, 2000);
	write(LAPIC_INITIAL_COUNT, 0, 2005);
	assert_true(lapic_next_deadline(&lapic) == LAPIC_NEVER);
	assert_false(advance_and_take(3000));
	/* Restart before it expired. */
	write(LAPIC_INITIAL_COUNT, 10, 4000);
	write(LAPIC_INITIAL_COUNT, 10, 4009);
	assert_false(advance_and_take(4018));
	assert_true(advance_and_take(4019));
	/* Read after expiry, before the advance. */
	write(LAPIC_INITIAL_COUNT, 10, 5000);
	assert_int_equal(lapic_read(&lapic, LAPIC_CURRENT_COUNT, 6000), 0);
	assert_true(advance_and_take(6000));
}

static void test_every_divider(void **state)
{
	static const struct {
		uint32_t value, divider;
	} rows[] = { { 0x0, 2 }, { 0x1, 4 }, { 0x2, 8 }, { 0x3, 16 }, { 0x8, 32 }, { 0x9, 64 }, { 0xa, 128 },
		{ 0xb, 1 } };

	(void)state;
	write(LAPIC_LVT_TIMER, VECTOR, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write(LAPIC_DIVIDE, rows[i].value | 0xf4, 1000);
		assert_int_equal(lapic_read(&lapic, LAPIC_DIVIDE, 1000), rows[i].value);
		write(LAPIC_INITIAL_COUNT, 7, 1000);
		assert_true(lapic_next_deadline(&lapic) == 1000 + 7 * (uint64_t)rows[i].divider);
		assert_int_equal(
			lapic_read(&lapic, LAPIC_CURRENT_COUNT, 1000 + 3 * (uint64_t)rows[i].divider), 4);
		write(LAPIC_INITIAL_COUNT, 0xffffffff, 1000);
		assert_true(lapic_next_deadline(&lapic) == 1000 + UINT64_C(0xffffffff) * rows[i].divider);
		assert_int_equal(lapic_read(&lapic, LAPIC_CURRENT_COUNT, 1000), 0xffffffff);
	}
	/* A change while it runs: the rest of the count at the new speed. */
	write(LAPIC_DIVIDE, 0xb, 1000);
	write(LAPIC_INITIAL_COUNT, 100, 1000);
	write(LAPIC_DIVIDE, 0x0, 1040);
	assert_true(lapic_next_deadline(&lapic) == 1160);
	assert_int_equal(lapic_read(&lapic, LAPIC_CURRENT_COUNT, 1100), 30);
}

static void test_periodic(void **state)
{
	(void)state;
	write(LAPIC_LVT_TIMER, VECTOR | PERIODIC, 0);
	write(LAPIC_INITIAL_COUNT, 100, 0);
	for (uint64_t i = 1; i <= 1000; i++) {
		assert_true(lapic_next_deadline(&lapic) == i * 100);
		assert_false(advance_and_take(i * 100 - 1));
		assert_true(advance_and_take(i * 100));
	}
	assert_int_equal(lapic_read(&lapic, LAPIC_CURRENT_COUNT, 100030), 70);
	/* Late by many periods: one interrupt, and the phase stays. */
	assert_true(advance_and_take(200050));
	assert_false(advance_and_take(200051));
	assert_true(lapic_next_deadline(&lapic) == 200100);
	assert_int_equal(lapic_read(&lapic, LAPIC_CURRENT_COUNT, 300075), 25);
	/* To one-shot: the run that goes on is the last. */
	write(LAPIC_LVT_TIMER, VECTOR, 200060);
	assert_true(lapic_next_deadline(&lapic) == 200100);
	assert_true(advance_and_take(200100));
	assert_true(lapic_next_deadline(&lapic) == LAPIC_NEVER);
}

static void test_tiny_period(void **state)
{
	uint64_t interrupts = 0;

	(void)state;
	write(LAPIC_LVT_TIMER, VECTOR | PERIODIC, 0);
	write(LAPIC_INITIAL_COUNT, 1, 0);
	lapic_advance(&lapic, 1);
	/* Pending: no wake-up is asked for until it is taken, however often the period passes. */
	assert_true(lapic_next_deadline(&lapic) == LAPIC_NEVER);
	lapic_advance(&lapic, UINT64_C(1) << 40);
	assert_true(take(UINT64_C(1) << 40));
	/* The ticks that fell onto the pending one are gone: the next is in the future. */
	assert_true(lapic_next_deadline(&lapic) == (UINT64_C(1) << 40) + 1);
	for (uint64_t now = UINT64_C(1) << 41; now < (UINT64_C(1) << 41) + 1000; now += 10) {
		interrupts += (uint64_t)advance_and_take(now);
	}
	assert_int_equal(interrupts, 100);
	assert_false(take(UINT64_C(1) << 42));
}

static void test_coalesces_with_pending(void **state)
{
	(void)state;
	write(LAPIC_LVT_TIMER, VECTOR | PERIODIC, 0);
	write(LAPIC_INITIAL_COUNT, 100, 0);
	lapic_advance(&lapic, 100);
	/* Taken late: ticks 200 and 300 fell onto it, 400 has not come. */
	assert_int_equal(lapic_acknowledge(&lapic, 350), VECTOR);
	assert_true(lapic_next_deadline(&lapic) == 400);
	/* While in service one more may become pending. */
	lapic_advance(&lapic, 400);
	lapic_advance(&lapic, 500);
	assert_int_equal(lapic_acknowledge(&lapic, 500), 0);
	assert_int_equal(lapic_eoi(&lapic), 0);
	assert_true(take(500));
	assert_false(take(599));
}

static void test_masked(void **state)
{
	(void)state;
	write(LAPIC_LVT_TIMER, VECTOR | LAPIC_LVT_MASKED, 0);
	write(LAPIC_INITIAL_COUNT, 100, 0);
	assert_true(lapic_next_deadline(&lapic) == LAPIC_NEVER);
	assert_int_equal(lapic_read(&lapic, LAPIC_CURRENT_COUNT, 50), 50);
	/* Expired while masked: no interrupt afterwards. */
	write(LAPIC_LVT_TIMER, VECTOR, 150);
	assert_false(advance_and_take(1000));
	/* Unmasked in time. */
	write(LAPIC_LVT_TIMER, VECTOR | LAPIC_LVT_MASKED, 1000);
	write(LAPIC_INITIAL_COUNT, 100, 1000);
	write(LAPIC_LVT_TIMER, VECTOR, 1050);
	assert_true(advance_and_take(1100));
	/* Expired before it was masked, and not seen until then: it counts. */
	write(LAPIC_INITIAL_COUNT, 100, 2000);
	write(LAPIC_LVT_TIMER, VECTOR | LAPIC_LVT_MASKED, 2150);
	assert_true(take(2150));
	/* Likewise at software disable. */
	write(LAPIC_LVT_TIMER, VECTOR, 3000);
	write(LAPIC_INITIAL_COUNT, 100, 3000);
	write(LAPIC_SVR, 0xff, 3200);
	assert_true(take(3200));
}

static void test_tsc_deadline(void **state)
{
	(void)state;
	/* Not in that mode: reads 0, writes are ignored. */
	write_deadline(500, 0);
	assert_true(deadline_msr(0) == 0);
	write(LAPIC_LVT_TIMER, VECTOR | DEADLINE, 0);
	write(LAPIC_INITIAL_COUNT, 100, 0);
	assert_int_equal(lapic_read(&lapic, LAPIC_INITIAL_COUNT, 0), 0);
	assert_true(lapic_next_deadline(&lapic) == LAPIC_NEVER);
	write_deadline(500, 100);
	assert_true(deadline_msr(100) == 500);
	assert_true(lapic_next_deadline(&lapic) == 500);
	assert_int_equal(lapic_read(&lapic, LAPIC_CURRENT_COUNT, 200), 0);
	assert_false(advance_and_take(499));
	assert_true(advance_and_take(500));
	assert_true(deadline_msr(500) == 0);
	assert_false(advance_and_take(501));
	/* In the past: at once. */
	write_deadline(1, 1000);
	assert_true(take(1000));
	write_deadline(1000, 1000);
	assert_true(take(1000));
	/* Disarmed by 0; read after expiry but before the advance. */
	write_deadline(2000, 1500);
	write_deadline(0, 1600);
	assert_false(advance_and_take(2500));
	write_deadline(3000, 2600);
	assert_true(deadline_msr(3000) == 0);
	assert_true(take(3000));
	/* The end of time never comes. */
	write_deadline(UINT64_MAX, 4000);
	assert_true(lapic_next_deadline(&lapic) == LAPIC_NEVER);
	assert_false(advance_and_take(UINT64_MAX - 1));
}

static void test_mode_changes_disarm(void **state)
{
	(void)state;
	write(LAPIC_LVT_TIMER, VECTOR, 0);
	write(LAPIC_INITIAL_COUNT, 1000, 0);
	write(LAPIC_LVT_TIMER, VECTOR | DEADLINE, 10);
	assert_true(lapic_next_deadline(&lapic) == LAPIC_NEVER);
	write_deadline(500, 20);
	write(LAPIC_LVT_TIMER, VECTOR | PERIODIC, 30);
	assert_true(lapic_next_deadline(&lapic) == LAPIC_NEVER);
	assert_true(deadline_msr(30) == 0);
	/* The reserved mode never fires. */
	write(LAPIC_INITIAL_COUNT, 1000, 40);
	write(LAPIC_LVT_TIMER, VECTOR | PERIODIC | DEADLINE, 50);
	write(LAPIC_INITIAL_COUNT, 1000, 60);
	write_deadline(500, 70);
	assert_true(lapic_next_deadline(&lapic) == LAPIC_NEVER);
	assert_false(advance_and_take(1000000));
}

static void test_tsc_deadline_not_offered(void **state)
{
	uint64_t value;

	(void)state;
	lapic_init(&lapic, 0, true, false);
	write(LAPIC_SVR, 0x1ff, 0);
	write(LAPIC_LVT_TIMER, VECTOR | DEADLINE, 0);
	assert_int_equal(lapic_read(&lapic, LAPIC_LVT_TIMER, 0), VECTOR);
	assert_int_equal(lapic_msr_read(&lapic, MSR_TSC_DEADLINE, 0, &value), LAPIC_MSR_GENERAL_PROTECTION);
	assert_int_equal(
		lapic_msr_write(&lapic, MSR_TSC_DEADLINE, 5, 0, &action), LAPIC_MSR_GENERAL_PROTECTION);
}

static void test_own_tsc_offset(void **state)
{
	(void)state;
	write(LAPIC_LVT_TIMER, VECTOR | DEADLINE, 0);
	lapic_set_tsc_offset(&lapic, 10000, 0);
	write_deadline(10500, 100);
	assert_true(lapic_next_deadline(&lapic) == 500);
	/* The guest sets its TSC back: the deadline is farther away; forward: it is due. */
	lapic_set_tsc_offset(&lapic, 0 - UINT64_C(50), 200);
	assert_true(lapic_next_deadline(&lapic) == 10550);
	lapic_set_tsc_offset(&lapic, 20000, 300);
	assert_true(take(300));
}

static void test_end_of_clock(void **state)
{
	uint64_t now = UINT64_MAX - 50;

	(void)state;
	write(LAPIC_LVT_TIMER, VECTOR | PERIODIC, now);
	write(LAPIC_INITIAL_COUNT, 100, now);
	assert_true(lapic_next_deadline(&lapic) == LAPIC_NEVER);
	assert_false(advance_and_take(UINT64_MAX));
	write(LAPIC_INITIAL_COUNT, 20, now);
	assert_true(advance_and_take(now + 20));
	assert_true(advance_and_take(now + 40));
	assert_true(lapic_next_deadline(&lapic) == LAPIC_NEVER);
}

static void test_illegal_vector(void **state)
{
	(void)state;
	write(LAPIC_LVT_TIMER, 0x0e | PERIODIC, 0);
	write(LAPIC_INITIAL_COUNT, 10, 0);
	lapic_advance(&lapic, 10);
	assert_int_equal(lapic_deliverable(&lapic), 0);
	write(LAPIC_ESR, 0, 10);
	assert_int_equal(lapic_read(&lapic, LAPIC_ESR, 10), LAPIC_ESR_RECEIVE_ILLEGAL_VECTOR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_one_shot, setup),
		cmocka_unit_test_setup(test_every_divider, setup),
		cmocka_unit_test_setup(test_periodic, setup),
		cmocka_unit_test_setup(test_tiny_period, setup),
		cmocka_unit_test_setup(test_coalesces_with_pending, setup),
		cmocka_unit_test_setup(test_masked, setup),
		cmocka_unit_test_setup(test_tsc_deadline, setup),
		cmocka_unit_test_setup(test_mode_changes_disarm, setup),
		cmocka_unit_test_setup(test_tsc_deadline_not_offered, setup),
		cmocka_unit_test_setup(test_own_tsc_offset, setup),
		cmocka_unit_test_setup(test_end_of_clock, setup),
		cmocka_unit_test_setup(test_illegal_vector, setup),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
