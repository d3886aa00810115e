/* SPDX-License-Identifier: MIT */
/* Scheduling contexts: a budget that is filled up once in each period (a deferrable server). A context that is
 * exhausted waits for the end of its period; one whose budget equals its period is filled at once and only gives way to
 * others of its priority. Nothing else happens on exhaustion: no message, no fault. */
#include "sched/scheduler.h"

#include "arch/x86_64/cpu.h"

void context_refresh(struct sched_context *context, uint64_t now)
{
	/* A full share is filled up when it is used up, never by time: else who is interrupted often would never see its end,
	 * and never give way to others of its priority. */
	if (now < context->replenish_at || context->budget == context->period) {
		return;
	}
	if (context->replenishment.armed) {
		time_cancel(context->cpu, &context->replenishment);
	}
	context->remaining = context->budget;
	context->replenish_at = now + context->period;
}

void context_charge(struct cpu *cpu)
{
	struct sched_context *context = cpu->context;
	uint64_t now = rdtsc();
	uint64_t used = now - cpu->context_start;

	if (context == NULL) {
		return;
	}
	cpu->context_start = now;
	context->consumed += used;
	if (used < context->remaining) {
		context->remaining -= used;
		return;
	}
	context->remaining = 0;
	cpu->reschedule = true;
	if (context->budget == context->period) {
		/* Round robin: a full budget again, at the end of the queue. */
		context->remaining = context->budget;
		context->replenish_at = now + context->period;
		if (cpu->current != NULL && cpu->current->context == context) {
			scheduler_yield(cpu);
		} else if (context->holder != NULL) {
			scheduler_update(
				context->holder); /* interrupted just before its end: it stands in front of its queue */
		}
		return;
	}
	/* Also where the period is over already: filling it up here would leave its holder, which may have been taken off the
	 * CPU before this, out of the ready queue. The timeout does both. */
	if (!context->replenishment.armed) {
		time_add(cpu, &context->replenishment, context->replenish_at);
	}
}

struct sched_context *context_take(struct execution *execution)
{
	struct sched_context *context = execution->context;

	if (context == NULL) {
		return NULL;
	}
	execution->context = NULL;
	context->holder = NULL;
	scheduler_update(execution);
	return context;
}

void context_stop(struct sched_context *context)
{
	struct cpu *cpu = context->cpu;

	if (cpu->context == context) {
		context_charge(cpu);
		cpu->context = NULL;
		cpu->reschedule = true;
	}
}
