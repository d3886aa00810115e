/* SPDX-License-Identifier: MIT */
/* Timers: absolute deadlines that signal a notification, in the order of the deadlines. */
#include "harness.h"

#define MANY 64

void group_timer(void)
{
	uint64_t notification, timer, word, armed, timers, bits = 0;

	case_begin("timer.fires", "a timer signals its notification at its deadline, not before, once");
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	timer = object_new(BH_OBJECT_TIMER, 0);
	REQUIRE_OK(bh_timer_bind(timer, mint_new(notification, BH_RIGHT_WRITE, 0x55)));
	uint64_t deadline = rdtsc() + ticks_of_us(1000);
	REQUIRE_OK(bh_timer_arm(timer, deadline));
	REQUIRE_OK(bh_wait(notification, &word));
	CHECK(rdtsc() >= deadline);
	CHECK_EQUAL(0x55, word);
	REQUIRE_OK(bh_timer_cancel(timer, &armed));
	CHECK_EQUAL(0, armed);

	case_begin("timer.past", "a deadline that has passed fires at once, 0 too");
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	timer = object_new(BH_OBJECT_TIMER, 0);
	REQUIRE_OK(bh_timer_bind(timer, mint_new(notification, BH_RIGHT_WRITE, 1)));
	REQUIRE_OK(bh_timer_arm(timer, 0));
	REQUIRE_OK(bh_poll(notification, &word));
	CHECK_EQUAL(1, word);
	REQUIRE_OK(bh_timer_arm(timer, rdtsc()));
	REQUIRE_OK(bh_poll(notification, &word));
	CHECK_EQUAL(1, word);

	case_begin("timer.replaced", "arming again replaces the deadline; the end of time is one, too");
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	timer = object_new(BH_OBJECT_TIMER, 0);
	REQUIRE_OK(bh_timer_bind(timer, mint_new(notification, BH_RIGHT_WRITE, 1)));
	REQUIRE_OK(bh_timer_arm(timer, rdtsc() + ticks_of_us(200)));
	REQUIRE_OK(bh_timer_arm(timer, ~UINT64_C(0)));
	pause_us(1000);
	REQUIRE_OK(bh_poll(notification, &word));
	CHECK_EQUAL(0, word);
	REQUIRE_OK(bh_timer_arm(timer, rdtsc() + ticks_of_us(200)));
	REQUIRE_OK(bh_wait(notification, &word));

	case_begin("timer.cancel", "a cancelled timer doesn't fire, and tells that it was armed");
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	timer = object_new(BH_OBJECT_TIMER, 0);
	REQUIRE_OK(bh_timer_bind(timer, mint_new(notification, BH_RIGHT_WRITE, 1)));
	REQUIRE_OK(bh_timer_arm(timer, rdtsc() + ticks_of_us(300)));
	REQUIRE_OK(bh_timer_cancel(timer, &armed));
	CHECK_EQUAL(1, armed);
	pause_us(1000);
	REQUIRE_OK(bh_poll(notification, &word));
	CHECK_EQUAL(0, word);

	case_begin("timer.order",
		"many timers fire in the order of their deadlines, whatever the order of arming");
	timers = slot_run(MANY);
	REQUIRE_OK(bh_untyped_retype(pool, BH_OBJECT_TIMER, 0, 0, timers, MANY));
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	for (unsigned int i = 0; i < MANY; i++) {
		REQUIRE_OK(
			bh_timer_bind(timers + i, mint_new(notification, BH_RIGHT_WRITE, UINT64_C(1) << i)));
	}
	uint64_t start = rdtsc() + ticks_of_us(5000);
	for (unsigned int i = 0; i < MANY; i++) {
		unsigned int index = i * 37 % MANY; /* a permutation */

		REQUIRE_OK(bh_timer_arm(timers + index, start + index * ticks_of_us(100)));
	}
	while (bits != ~UINT64_C(0)) {
		REQUIRE_OK(bh_wait(notification, &word));
		CHECK_EQUAL(0, bits & word);
		bits |= word;
		CHECK_EQUAL(0, bits & (bits + 1)); /* all below the highest are there */
	}

	case_begin("timer.same", "more timers with one deadline than an interrupt handles all fire");
	timers = slot_run(MANY);
	REQUIRE_OK(bh_untyped_retype(pool, BH_OBJECT_TIMER, 0, 0, timers, MANY));
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	deadline = rdtsc() + ticks_of_us(5000);
	for (unsigned int i = 0; i < MANY; i++) {
		REQUIRE_OK(
			bh_timer_bind(timers + i, mint_new(notification, BH_RIGHT_WRITE, UINT64_C(1) << i)));
		REQUIRE_OK(bh_timer_arm(timers + i, deadline));
	}
	for (bits = 0; bits != ~UINT64_C(0);) {
		REQUIRE_OK(bh_wait(notification, &word));
		bits |= word;
	}

	case_begin("timer.deleted", "armed timers that are deleted leave the queue whole: the others fire");
	timers = slot_run(MANY);
	REQUIRE_OK(bh_untyped_retype(pool, BH_OBJECT_TIMER, 0, 0, timers, MANY));
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	for (unsigned int i = 0; i < MANY; i++) {
		REQUIRE_OK(
			bh_timer_bind(timers + i, mint_new(notification, BH_RIGHT_WRITE, UINT64_C(1) << i)));
		REQUIRE_OK(bh_timer_arm(timers + i, rdtsc() + ticks_of_us(5000 + i * 61 % 997)));
	}
	for (unsigned int i = 0; i < MANY; i += 3) {
		REQUIRE_OK(bh_cnode_delete(SELF, timers + i));
	}
	for (bits = 0; bits != UINT64_C(0x6db6db6db6db6db6);) {
		REQUIRE_OK(bh_wait(notification, &word));
		CHECK_EQUAL(0, word & ~UINT64_C(0x6db6db6db6db6db6));
		bits |= word;
	}

	case_begin("timer.refused",
		"a timer needs a notification to write before it can be armed, one only; and write on itself");
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	timer = object_new(BH_OBJECT_TIMER, 0);
	REFUSED(BH_ERROR_STATE, bh_timer_arm(timer, 0));
	REQUIRE_OK(bh_timer_cancel(timer, &armed));
	REFUSED(BH_ERROR_RIGHTS, bh_timer_bind(timer, copy_new(notification, BH_RIGHT_READ)));
	REFUSED(BH_ERROR_TYPE, bh_timer_bind(timer, timer));
	REFUSED(BH_ERROR_CAPABILITY, bh_timer_bind(timer, NO_SLOT));
	REQUIRE_OK(bh_timer_bind(timer, notification));
	REFUSED(BH_ERROR_STATE, bh_timer_bind(timer, notification));
	REFUSED(BH_ERROR_RIGHTS, bh_timer_arm(copy_new(timer, BH_RIGHT_READ), 0));
	REFUSED(BH_ERROR_RIGHTS, bh_timer_bind(copy_new(timer, BH_RIGHT_READ), notification));
	REFUSED(BH_ERROR_RIGHTS, bh_timer_cancel(copy_new(timer, BH_RIGHT_READ), &armed));

	case_begin("timer.target.gone",
		"a timer whose notification was revoked fires at nothing, and can be bound again");
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	timer = object_new(BH_OBJECT_TIMER, 0);
	REQUIRE_OK(bh_timer_bind(timer, notification));
	REQUIRE_OK(bh_timer_arm(timer, rdtsc() + ticks_of_us(300)));
	REQUIRE_OK(bh_cnode_revoke(SELF, notification));
	pause_us(1000);
	REFUSED(BH_ERROR_STATE, bh_timer_arm(timer, 0));
	REQUIRE_OK(bh_timer_bind(timer, notification));
}
