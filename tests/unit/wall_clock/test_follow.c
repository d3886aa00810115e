/* SPDX-License-Identifier: MIT */
/* The wall-clock page and how it follows the chip: wall_clock.h, follow.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "follow.h"

#include <string.h>

#define KHZ UINT64_C(3000000)
#define SECOND UINT64_C(1000000000)
#define TICKS (KHZ * 1000) /* of a second */
#define DATE UINT64_C(1767225600)

static struct wall_clock_page page;

static int clear(void **state)
{
	(void)state;
	memset(&page, 0, sizeof(page));
	return 0;
}

static void a_page_that_nobody_wrote_says_nothing(void **state)
{
	(void)state;
	assert_int_equal(wall_clock_at(wall_clock_read(&page), 5 * TICKS, KHZ), 0);
	wall_clock_attach(&page);
	assert_int_equal(wall_clock_at(wall_clock_read(&page), 5 * TICKS, KHZ), 0);
}

static void time_goes_on_from_the_moment_and_back(void **state)
{
	(void)state;
	wall_clock_attach(&page);
	wall_clock_write(&page, (struct wall_clock_moment){ 10 * TICKS, DATE * SECOND });
	assert_int_equal(wall_clock_at(wall_clock_read(&page), 10 * TICKS, KHZ), DATE * SECOND);
	assert_int_equal(wall_clock_at(wall_clock_read(&page), 12 * TICKS + KHZ, KHZ),
		(DATE + 2) * SECOND + WALL_CLOCK_NS_PER_MS);
	assert_int_equal(wall_clock_at(wall_clock_read(&page), 7 * TICKS, KHZ), (DATE - 3) * SECOND);
	/* a hundred years of ticks are no overflow */
	assert_int_equal(
		wall_clock_at((struct wall_clock_moment){ 0, SECOND }, UINT64_C(3155760000) * TICKS / 2, KHZ),
		UINT64_C(1577880001) * SECOND);
	assert_int_equal(wall_clock_at((struct wall_clock_moment){ 10 * TICKS, SECOND }, 0, KHZ), 0);
}

static void a_successor_leaves_the_page_as_it_is(void **state)
{
	(void)state;
	wall_clock_attach(&page);
	wall_clock_write(&page, (struct wall_clock_moment){ 10 * TICKS, DATE * SECOND });
	wall_clock_attach(&page);
	assert_int_equal(wall_clock_read(&page).unix_ns, DATE * SECOND);
	/* the predecessor was killed when it had written half of the next moment */
	page.copies[(page.sequence + 1) & 1] = (struct wall_clock_moment){ 77, 0 };
	wall_clock_attach(&page);
	assert_int_equal(wall_clock_read(&page).tsc, 10 * TICKS);
	wall_clock_write(&page, (struct wall_clock_moment){ 20 * TICKS, (DATE + 10) * SECOND });
	assert_int_equal(wall_clock_read(&page).tsc, 20 * TICKS);
}

static void a_page_of_another_version_is_made_anew(void **state)
{
	(void)state;
	wall_clock_attach(&page);
	wall_clock_write(&page, (struct wall_clock_moment){ 10 * TICKS, DATE * SECOND });
	page.version++;
	assert_int_equal(wall_clock_read(&page).unix_ns, 0);
	wall_clock_attach(&page);
	assert_int_equal(wall_clock_read(&page).unix_ns, 0);
	wall_clock_write(&page, (struct wall_clock_moment){ 1, DATE * SECOND });
	assert_int_equal(wall_clock_read(&page).unix_ns, DATE * SECOND);
}

static void the_first_look_sets_the_clock(void **state)
{
	(void)state;
	struct wall_clock_moment moment = { 0, 0 };

	assert_false(follow_chip(&moment, 0, 5, 10, KHZ));
	assert_int_equal(moment.unix_ns, 0);
	assert_true(follow_chip(&moment, DATE, 5, 10, KHZ));
	assert_int_equal(moment.unix_ns, DATE * SECOND);
	assert_int_equal(moment.tsc, 10);
	assert_false(follow_chip(&moment, UINT64_MAX / 2, 5, 10, KHZ));
	assert_false(follow_chip(&moment, 0, TICKS, TICKS, KHZ));
	assert_int_equal(moment.unix_ns, DATE * SECOND);
}

static void it_stays_while_the_chip_agrees(void **state)
{
	(void)state;
	struct wall_clock_moment moment = { 0, DATE * SECOND };

	assert_false(follow_chip(&moment, DATE, TICKS - KHZ, TICKS - KHZ, KHZ));
	assert_false(follow_chip(&moment, DATE + 60, 60 * TICKS, 60 * TICKS + 5, KHZ));
	/* a look that took long contradicts nothing that was true within it */
	assert_false(follow_chip(&moment, DATE + 60, 58 * TICKS, 63 * TICKS, KHZ));
	assert_int_equal(moment.tsc, 0);
}

static void it_steps_no_further_than_it_must(void **state)
{
	(void)state;
	struct wall_clock_moment moment = { 0, DATE * SECOND };

	/* the chip is ahead: its second has begun */
	assert_true(follow_chip(&moment, DATE + 61, 60 * TICKS, 60 * TICKS + 5, KHZ));
	assert_int_equal(moment.unix_ns, (DATE + 61) * SECOND);
	assert_int_equal(moment.tsc, 60 * TICKS + 5);
	/* and behind: its second is not over */
	moment = (struct wall_clock_moment){ 0, DATE * SECOND };
	assert_true(follow_chip(&moment, DATE + 58, 60 * TICKS, 60 * TICKS + 5, KHZ));
	assert_int_equal(moment.unix_ns, (DATE + 59) * SECOND - 1);
	assert_int_equal(moment.tsc, 60 * TICKS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_page_that_nobody_wrote_says_nothing, clear),
		cmocka_unit_test_setup(time_goes_on_from_the_moment_and_back, clear),
		cmocka_unit_test_setup(a_successor_leaves_the_page_as_it_is, clear),
		cmocka_unit_test_setup(a_page_of_another_version_is_made_anew, clear),
		cmocka_unit_test(the_first_look_sets_the_clock),
		cmocka_unit_test(it_stays_while_the_chip_agrees),
		cmocka_unit_test(it_steps_no_further_than_it_must),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
