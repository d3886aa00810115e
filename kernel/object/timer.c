/* SPDX-License-Identifier: MIT */
/* Timers: one absolute deadline each. */
#include "object/invocation.h"

#include "arch/x86_64/cpu.h"
#include "ipc/ipc.h"
#include "sched/scheduler.h"

void timer_end(struct timer *timer)
{
	if (timer->timeout.armed) {
		time_cancel(this_cpu(), &timer->timeout);
	}
}

bool timer_arm(struct timer *timer, uint64_t deadline)
{
	if (timer->target.type != BH_OBJECT_NOTIFICATION || deadline <= rdtsc()) {
		return false;
	}
	timer_end(timer);
	time_add(this_cpu(), &timer->timeout, deadline);
	return true;
}

enum bh_error timer_invoke(struct invocation *invocation)
{
	struct timer *timer = (struct timer *)invocation->slot->object;

	if ((invocation->slot->rights & BH_RIGHT_WRITE) == 0) {
		return BH_ERROR_RIGHTS;
	}
	switch (invocation->label) {
	case BH_TIMER_BIND:
		return target_bind(invocation, &timer->target);
	case BH_TIMER_ARM:
		if (timer->target.type != BH_OBJECT_NOTIFICATION) {
			return BH_ERROR_STATE;
		}
		if (!timer_arm(timer, invocation->argument[0])) {
			timer_end(timer);
			notification_signal(
				(struct notification *)timer->target.object, timer->target.badge, false);
		}
		return BH_OK;
	case BH_TIMER_CANCEL:
		invocation->result[0] = timer->timeout.armed ? 1 : 0;
		timer_end(timer);
		return BH_OK;
	default:
		return BH_ERROR_INVOCATION;
	}
}
