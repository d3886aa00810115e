/* SPDX-License-Identifier: MIT */
/* Routes of ports (the kernel's own guest_space.c) where a call is preempted and never made again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "object/invocation.h"

static struct guest_space guest;
static bool interrupt_is_pending;

bool preemption_point(void) { return interrupt_is_pending; }

static enum bh_error route(uint64_t number, uint64_t first, uint64_t count)
{
	struct capability slot = { .object = (uint64_t)&guest.space, .rights = BH_RIGHTS_ALL };
	struct invocation invocation = {
		.slot = &slot, .label = BH_GUEST_SPACE_ROUTE, .argument = { number, first, count }
	};

	return guest_space_invoke(&invocation);
}

/* Its caller is killed before it makes the call again: the ports are nobody's, so another route may have them. */
static void test_removal_that_is_not_finished(void **state)
{
	(void)state;
	assert_int_equal(route(3, 100, 8), BH_OK);
	interrupt_is_pending = true;
	assert_int_equal(route(3, 100, 0), INVOCATION_RESTART);
	interrupt_is_pending = false;
	assert_int_equal(guest.ports[100], 0);
	assert_int_equal(route(4, 90, 50), BH_OK);
	assert_int_equal(guest.ports[100], 5);
	assert_int_equal(route(3, 100, 8), BH_ERROR_MAPPED);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_removal_that_is_not_finished) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
