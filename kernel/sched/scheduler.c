/* SPDX-License-Identifier: MIT */
/* The ready queues of a CPU. An execution stands in its queue exactly while it is READY, has a context with budget left,
 * and is not the current one. */
#include "sched/scheduler.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/tsc.h"
#include "panic.h"

void queue_append(struct execution_queue *queue, struct execution *execution)
{
	execution->next = NULL;
	execution->previous = queue->tail;
	if (queue->tail != NULL) {
		queue->tail->next = execution;
	} else {
		queue->head = execution;
	}
	queue->tail = execution;
}

void queue_prepend(struct execution_queue *queue, struct execution *execution)
{
	execution->previous = NULL;
	execution->next = queue->head;
	if (queue->head != NULL) {
		queue->head->previous = execution;
	} else {
		queue->tail = execution;
	}
	queue->head = execution;
}

void queue_remove(struct execution_queue *queue, struct execution *execution)
{
	if (execution->previous != NULL) {
		execution->previous->next = execution->next;
	} else {
		queue->head = execution->next;
	}
	if (execution->next != NULL) {
		execution->next->previous = execution->previous;
	} else {
		queue->tail = execution->previous;
	}
	execution->next = NULL;
	execution->previous = NULL;
}

static bool can_run(const struct execution *execution)
{
	return execution->state == EXECUTION_READY && execution->context != NULL &&
	       execution->context->remaining != 0;
}

static void ready_enqueue(struct execution *execution, uint8_t priority, bool front)
{
	struct cpu *cpu = execution->cpu;

	if (front) {
		queue_prepend(&cpu->ready[priority], execution);
	} else {
		queue_append(&cpu->ready[priority], execution);
	}
	cpu->ready_bits[priority / 64] |= UINT64_C(1) << (priority % 64);
	if (priority > cpu->ready_top) {
		cpu->ready_top = priority;
	}
	execution->ready_priority = priority;
	execution->in_ready_queue = true;
	if (cpu->current == NULL || priority > cpu->current->priority) {
		cpu->reschedule = true;
	}
}

static int32_t highest_ready(const struct cpu *cpu)
{
	for (int word = 3; word >= 0; word--) {
		if (cpu->ready_bits[word] != 0) {
			return word * 64 + 63 - __builtin_clzl(cpu->ready_bits[word]);
		}
	}
	return -1;
}

static void ready_dequeue(struct execution *execution)
{
	struct cpu *cpu = execution->cpu;
	uint8_t priority = execution->ready_priority;

	queue_remove(&cpu->ready[priority], execution);
	if (cpu->ready[priority].head == NULL) {
		cpu->ready_bits[priority / 64] &= ~(UINT64_C(1) << (priority % 64));
		cpu->ready_top = highest_ready(cpu);
	}
	execution->in_ready_queue = false;
}

static inline void update(struct execution *execution, bool is_prompt)
{
	struct cpu *cpu = execution->cpu;

	if (execution->in_ready_queue) {
		ready_dequeue(execution);
	}
	if (cpu->current == execution) {
		/* Whether it still may go on is decided at the next pick. */
		cpu->reschedule = true;
		return;
	}
	if (execution->state == EXECUTION_READY && execution->context != NULL) {
		context_refresh(execution->context, rdtsc());
	}
	if (can_run(execution)) {
		bool is_ahead = is_prompt && execution->priority < PRIORITIES - 1 &&
				execution->context->budget < execution->context->period;

		ready_enqueue(execution, (uint8_t)(execution->priority + is_ahead), false);
	}
}

void scheduler_update(struct execution *execution) { update(execution, false); }

void scheduler_wake(struct execution *execution, bool is_prompt)
{
	execution->state = EXECUTION_READY;
	update(execution, is_prompt);
}

void scheduler_make_ready(struct execution *execution)
{
	execution->state = EXECUTION_READY;
	scheduler_update(execution);
}

void scheduler_block(struct execution *execution, enum execution_state state)
{
	execution->state = (uint8_t)state;
	scheduler_update(execution);
}

void scheduler_yield(struct cpu *cpu)
{
	struct execution *current = cpu->current;

	cpu->current = NULL;
	cpu->reschedule = true;
	if (current != NULL) {
		scheduler_update(current);
	}
}

/* Time belongs from now on to the context of the current execution. */
static void account_to_current(struct cpu *cpu)
{
	struct sched_context *context = cpu->current != NULL ? cpu->current->context : NULL;

	if (context == cpu->context) {
		return;
	}
	context_charge(cpu);
	cpu->context = context;
	cpu->context_start = rdtsc();
	if (context != NULL) {
		context_refresh(context, cpu->context_start);
	}
	time_arm(cpu);
}

struct execution *scheduler_pick(struct cpu *cpu)
{
	while (cpu->reschedule) {
		struct execution *current = cpu->current;
		struct execution *best = cpu->ready_top >= 0 ? cpu->ready[cpu->ready_top].head : NULL;

		cpu->reschedule = false;
		if (current == NULL || !can_run(current)) {
			cpu->current = best;
			if (best != NULL) {
				ready_dequeue(best);
			}
		} else if (best != NULL && best->ready_priority > current->priority) {
			ready_dequeue(best);
			cpu->current = best;
			ready_enqueue(current, current->priority, true);
		}
		/* Charging may exhaust a context, of the new current one too: then look again. */
		account_to_current(cpu);
		if (cpu->current != NULL && !can_run(cpu->current)) {
			cpu->reschedule = true;
		}
	}
	return cpu->current;
}
