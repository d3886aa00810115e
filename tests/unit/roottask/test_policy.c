/* SPDX-License-Identifier: MIT */
/* The supervisor's judgement: restarts within a window of time, hangs, the tick. Host only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "policy.h"

static void test_stop_never_restarts(void **state)
{
	struct manifest_restart policy = { .on_exit = MANIFEST_ON_EXIT_STOP };
	struct restart_history history = { 0 };

	(void)state;
	assert_false(restart_permitted(&policy, &history, 0));
	assert_int_equal(history.count, 0);
}

static void test_window(void **state)
{
	struct manifest_restart policy = { .on_exit = MANIFEST_ON_EXIT_RESTART, .max = 3, .seconds = 60 };
	struct restart_history history = { 0 };

	(void)state;
	assert_true(restart_permitted(&policy, &history, 1000));
	assert_true(restart_permitted(&policy, &history, 2000));
	assert_true(restart_permitted(&policy, &history, 30000));
	assert_false(restart_permitted(&policy, &history, 60999));
	/* A refusal is not a restart: the first one leaves the window at its 60 s. */
	assert_true(restart_permitted(&policy, &history, 61000));
	assert_false(restart_permitted(&policy, &history, 61001));
	assert_true(restart_permitted(&policy, &history, 62000));
	/* After a long time all is forgotten. */
	for (unsigned int i = 0; i < 3; i++) {
		assert_true(restart_permitted(&policy, &history, 1000000));
	}
	assert_false(restart_permitted(&policy, &history, 1000000));
}

static void test_many_restarts(void **state)
{
	struct manifest_restart policy = {
		.on_exit = MANIFEST_ON_EXIT_RESTART, .max = MANIFEST_MAX_RESTARTS, .seconds = UINT32_MAX
	};
	struct restart_history history = { 0 };
	unsigned int permitted = 0;

	(void)state;
	for (unsigned int i = 0; i < 2 * MANIFEST_MAX_RESTARTS; i++) {
		permitted += restart_permitted(&policy, &history, i);
	}
	assert_int_equal(permitted, MANIFEST_MAX_RESTARTS);
	assert_int_equal(history.count, MANIFEST_MAX_RESTARTS);
}

static void test_faults(void **state)
{
	struct fault_watch watch = { 0 };
	unsigned int told = 0, asked = 0;
	const uint64_t day_ms = 86400000;

	(void)state;
	assert_false(faults_tell(&watch, 0, 5)); /* none so far */
	assert_true(faults_tell(&watch, 1, 10)); /* the first at once */
	assert_false(faults_tell(&watch, 1, 5000));
	assert_true(faults_tell(&watch, 2, 5000)); /* the second, a while later, too */
	assert_false(faults_tell(&watch, 3, 6999));
	assert_true(faults_tell(&watch, 9, 7000));
	assert_int_equal(watch.told, 9);
	/* Faults all day: some lines in the first hour, then one for each. */
	watch = (struct fault_watch){ 0 };
	for (uint64_t now = 0; now < day_ms; now += 10) {
		if (faults_ask(&watch, now)) {
			asked++;
			told += faults_tell(&watch, 1 + now, now) ? 1 : 0;
		}
	}
	assert_int_equal(asked, day_ms / 100);
	assert_in_range(told, 24, 36);
	/* What came last is not forgotten. */
	assert_false(faults_tell(&watch, day_ms, day_ms));
	assert_true(faults_tell(&watch, day_ms, day_ms + 3600000));
	assert_false(faults_tell(&watch, day_ms, day_ms + 2 * UINT64_C(3600000)));
}

static void test_waiting(void **state)
{
	const uint64_t khz = 2500000;

	(void)state;
	assert_false(waits_too_long(1000 * khz, 0, 1000, khz));
	assert_true(waits_too_long(1001 * khz, 0, 1000, khz));
	assert_false(waits_too_long(0, 5000 * khz, 1000, khz)); /* a stamp in the future */
	assert_false(waits_too_long(5, 5, 0, khz));
	assert_true(waits_too_long(UINT64_MAX, 0, 1000, 0)); /* no frequency: nothing is divided by it */
}

static void test_tick(void **state)
{
	(void)state;
	assert_int_equal(tick_interval_ms(0), 10);
	assert_int_equal(tick_interval_ms(100), 25);
	assert_int_equal(tick_interval_ms(1000), 100);
	assert_int_equal(tick_interval_ms(UINT64_MAX), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stop_never_restarts),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_many_restarts),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_tick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
