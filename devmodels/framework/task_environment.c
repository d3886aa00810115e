/* SPDX-License-Identifier: MIT */
/* model.h's environment in a task: system calls on the task's own capabilities. Runs on the handler
 * thread: no libc, no FPU. */

#include "framework/task_environment.h"

#include <bulkhead/syscall.h>
#include <bulkhead/task.h>

/* A deadline can't be told in host time while the guest's clock is paused, or has not been started: look
 * again after this. */
#define PAUSED_LOOK_MS UINT64_C(10)

/* These can only fail if the manifest gave the wrong object: nothing works then. */
static void demand(enum bh_error error, const char *what)
{
	if (error != BH_OK) {
		bh_log("%s: %s", what, bh_error_text(error));
		bh_exit(BH_EXIT_ABORT);
	}
}

uint64_t environment_clock_ns(struct environment *environment) { return clock_now_ns(environment->clock); }

uint64_t environment_wall_base_ns(struct environment *environment)
{
	return clock_read(environment->clock).wall_base_ns;
}

const char *environment_argument(struct environment *environment, const char *key)
{
	(void)environment;
	return bh_argument(key);
}

void environment_arm_timer(struct environment *environment, uint64_t ns)
{
	struct clock_state clock;
	uint64_t deadline;

	if (ns == 0) {
		demand(bh_timer_cancel(environment->timer, NULL), "cancelling the timer");
		return;
	}
	clock = clock_read(environment->clock);
	if (clock.guest_tsc_khz == 0 || clock.paused != 0) {
		deadline = bh_tsc() + PAUSED_LOOK_MS * bh_tsc_khz();
	} else {
		deadline = clock_host_tsc_at(&clock, ns);
	}
	demand(bh_timer_arm(environment->timer, deadline), "arming the timer");
}

void environment_signal_interrupt(struct environment *environment, bool is_patient)
{
	demand(is_patient ? bh_signal_patiently(environment->interrupt) : bh_signal(environment->interrupt),
		"signalling an interrupt");
}

void environment_signal_console(struct environment *environment)
{
	demand(bh_signal(environment->console_signal), "signalling the rings' other side");
}
