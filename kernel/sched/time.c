/* SPDX-License-Identifier: MIT */
/* Deadlines: what a timer interrupt does, and when the next one comes. */
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/lapic.h"
#include "ipc/ipc.h"
#include "sched/scheduler.h"

#define CONTAINER(pointer, type, member) ((type *)((uint64_t)(pointer)-offsetof(type, member)))

/* Timeouts handled in one interrupt; more are handled by the next one, which comes at once. */
#define TIMEOUTS_PER_INTERRUPT 16

void time_arm(struct cpu *cpu)
{
	uint64_t deadline = UINT64_MAX;

	if (cpu->context != NULL) {
		deadline = cpu->context_start + cpu->context->remaining;
	}
	if (cpu->timeouts != NULL && cpu->timeouts->deadline < deadline) {
		deadline = cpu->timeouts->deadline;
	}
	/* An interrupt that comes too early arms again; so a later deadline costs nothing now. */
	if (deadline < cpu->armed_deadline) {
		cpu->armed_deadline = deadline;
		lapic_timer_arm(deadline);
	}
}

void time_add(struct cpu *cpu, struct timeout *timeout, uint64_t deadline)
{
	timeout->deadline = deadline;
	timeout_insert(&cpu->timeouts, timeout);
	if (cpu->timeouts == timeout) {
		time_arm(cpu);
	}
}

void time_cancel(struct cpu *cpu, struct timeout *timeout) { timeout_remove(&cpu->timeouts, timeout); }

static void timeout_fire(struct timeout *timeout, uint64_t now)
{
	if (timeout->kind == TIMEOUT_TIMER) {
		struct timer *timer = CONTAINER(timeout, struct timer, timeout);

		if (timer->target.type == BH_OBJECT_NOTIFICATION) {
			notification_signal(
				(struct notification *)timer->target.object, timer->target.badge, false);
		}
	} else {
		struct sched_context *context = CONTAINER(timeout, struct sched_context, replenishment);

		context_refresh(context, now);
		if (context->holder != NULL) {
			scheduler_update(context->holder);
		}
	}
}

void time_interrupt(struct cpu *cpu)
{
	uint64_t now = rdtsc();

	cpu->armed_deadline = UINT64_MAX;
	context_charge(cpu);
	for (int i = 0; i < TIMEOUTS_PER_INTERRUPT; i++) {
		struct timeout *first = cpu->timeouts;

		if (first == NULL || first->deadline > now) {
			break;
		}
		timeout_remove(&cpu->timeouts, first);
		timeout_fire(first, now);
	}
	time_arm(cpu);
}
