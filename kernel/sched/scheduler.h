/* SPDX-License-Identifier: MIT */
/* Fixed priorities, first in first out within one, budgets by scheduling contexts. Local to one CPU. */
#pragma once

#include "object/objects.h"
#include "panic.h"
#include "sched/cpu.h"

/* --- queues of executions, linked through next and previous --- */
void queue_append(struct execution_queue *queue, struct execution *execution);
void queue_prepend(struct execution_queue *queue, struct execution *execution);
void queue_remove(struct execution_queue *queue, struct execution *execution);

/* Lets execution run: state READY, and in its queue if it has a context with budget. */
void scheduler_make_ready(struct execution *execution);

/* The same for one that was signalled; `is_prompt`: somebody waits for what it was told, so until it runs it stands one priority above its own. Not
 * on a full share, which nothing would stop from always being first. */
void scheduler_wake(struct execution *execution, bool is_prompt);

/* Takes execution off the CPU or out of the ready queue and gives it that state. */
void scheduler_block(struct execution *execution, enum execution_state state);

/* Puts a READY execution where it belongs after its context, budget or priority changed. */
void scheduler_update(struct execution *execution);

/* The current execution goes behind the others of its priority. */
void scheduler_yield(struct cpu *cpu);

/* Makes the highest ready execution current, if any outranks the current one or it can't go on. NULL: idle. Charges
 * time when the context changes, and arms the timer. */
struct execution *scheduler_pick(struct cpu *cpu);

/* May `to` follow the current execution on the CPU at once, on the context that runs, without a look at the queues? */
static inline bool scheduler_may_hand_over(
	const struct cpu *cpu, const struct sched_context *context, uint8_t priority)
{
	return !cpu->reschedule && context != NULL && context == cpu->context && context->remaining != 0 &&
	       cpu->ready_top <= priority;
}

/* --- scheduling contexts (context.c) --- */

/* Gives `context` to execution (which has none). */
static inline void context_give(struct sched_context *context, struct execution *execution)
{
	ASSERT(execution->context == NULL);
	execution->context = context;
	context->holder = execution;
	context->parked = NULL;
}

/* Takes execution's context away, from the CPU too. Returns it, or NULL. */
struct sched_context *context_take(struct execution *execution);

/* Charges the running context for the time since it was last charged; exhausts it when its budget is gone. */
void context_charge(struct cpu *cpu);

/* Replenishes a context whose period is over, before it is run. */
void context_refresh(struct sched_context *context, uint64_t now);

/* Charges a context that is about to be taken from where it is, if it runs, and lets its CPU forget it. */
void context_stop(struct sched_context *context);

/* --- time (time.c) --- */

/* Handles every deadline that has passed, charges the running context, and arms the next deadline. */
void time_interrupt(struct cpu *cpu);

/* Arms the hardware for the earliest of the timeouts and the end of the running budget. */
void time_arm(struct cpu *cpu);

void time_add(struct cpu *cpu, struct timeout *timeout, uint64_t deadline);
void time_cancel(struct cpu *cpu, struct timeout *timeout);
