/* SPDX-License-Identifier: MIT */
/* Proof: scheduler-time
 * Property: time is neither made nor lost: what a context is charged with is exactly the time since it was last charged, and stands in
 *	`consumed` to the tick; its budget shrinks by that, to nothing at most; it is filled up once a period and never before the period's end,
 *	to its budget and no further (a full share: when it is used up, and then it gives way); who is exhausted will be filled up.
 * Bound: one context on one CPU, any budget, period, times and states; clocks that don't run backwards.
 * Assumes: the clock has not run backwards, and no budget is greater than its period
 * Models: rdtsc gives any later time; queues and timeouts are counted
 * Functions: kernel/sched/context.c: context_charge context_refresh
 * Replaces: rdtsc proof_rdtsc
 * Options: --unwind 2
 */
#include "proof.h"

#include "arch/x86_64/cpu.h"
#include "sched/scheduler.h"

static uint64_t now;
static struct cpu cpu;
static struct sched_context context;
static struct execution holder;
static unsigned int yielded, updated, armed, cancelled;
static uint64_t armed_at;

uint64_t proof_rdtsc(void) { return now; }
void scheduler_yield(struct cpu *of) { yielded++; }
void scheduler_update(struct execution *execution) { updated++; }
void time_add(struct cpu *of, struct timeout *timeout, uint64_t deadline)
{
	PROVE(timeout == &context.replenishment && !timeout->armed, "armed once");
	timeout->armed = true;
	armed_at = deadline;
	armed++;
}
void time_cancel(struct cpu *of, struct timeout *timeout)
{
	PROVE(timeout == &context.replenishment && timeout->armed, "only an armed timeout is cancelled");
	timeout->armed = false;
	cancelled++;
}
void panic_assertion(const char *file, unsigned int line, const char *condition)
{
	PROVE(false, "no assertion of the kernel fails");
	__CPROVER_assume(false);
}

#include "sched/context.c"

int main(void)
{
	bool is_charge = any_bool();

	now = any_u64();
	cpu.context = any_bool() ? &context : NULL;
	cpu.context_start = any_u64();
	cpu.current = any_bool() ? &holder : NULL;
	context.holder = any_bool() ? &holder : NULL;
	holder.context = context.holder != NULL ? &context : NULL;
	context.cpu = &cpu;
	context.budget = any_u64();
	context.period = any_u64();
	context.remaining = any_u64();
	context.replenish_at = any_u64();
	context.consumed = any_u64();
	context.replenishment.armed = any_bool();
	ASSUME(cpu.context_start <= now && now < UINT64_C(1) << 63 && context.consumed < UINT64_C(1) << 63 &&
			context.budget >= 1 && context.budget <= context.period &&
			context.period < UINT64_C(1) << 62 && context.remaining <= context.budget,
		"the clock has not run backwards, and no budget is greater than its period");

	struct sched_context before = context;
	uint64_t used = now - cpu.context_start;
	bool full_share = before.budget == before.period;

	if (!is_charge) {
		context_refresh(&context, now);

		bool filled = !full_share && now >= before.replenish_at;

		COVER_IF(filled, "filled up");
		PROVE(context.remaining == (filled ? before.budget : before.remaining),
			"filled up when the period is over, and only then");
		PROVE(context.replenish_at == (filled ? now + before.period : before.replenish_at),
			"the next period ends one period later");
		PROVE(context.consumed == before.consumed, "nothing is charged");
		PROVE(!filled || !context.replenishment.armed, "no second filling is under way");
		PROVE(filled || context.replenishment.armed == before.replenishment.armed,
			"one that is under way stays");
		return 0;
	}

	bool is_running = cpu.context == &context;

	context_charge(&cpu);
	PROVE(context.budget == before.budget && context.period == before.period, "the share stays");
	PROVE(context.remaining <= context.budget, "never more than the budget");
	if (!is_running) {
		PROVE(context.consumed == before.consumed && context.remaining == before.remaining &&
				armed == 0,
			"who does not run is not charged");
		return 0;
	}
	PROVE(context.consumed == before.consumed + used,
		"charged with exactly the time since the last time");
	PROVE(cpu.context_start == now, "and from now on the next time counts");
	if (used < before.remaining) {
		COVER("budget is left");
		PROVE(context.remaining == before.remaining - used, "the budget shrinks by as much");
		PROVE(context.replenish_at == before.replenish_at && yielded == 0 && armed == 0,
			"nothing else happens");
		return 0;
	}
	PROVE(cpu.reschedule, "somebody else's turn");
	if (full_share) {
		COVER("a full share is used up");
		PROVE(context.remaining == before.budget && context.replenish_at == now + before.period,
			"a full share begins anew");
		PROVE(yielded == (cpu.current != NULL && cpu.current->context == &context ? 1 : 0),
			"behind the others of its priority");
		PROVE(yielded != 0 || context.holder == NULL || updated == 1, "wherever its holder stands");
	} else {
		COVER("exhausted");
		PROVE(context.remaining == 0 && context.replenish_at == before.replenish_at,
			"nothing is left until the period ends");
		PROVE(context.replenishment.armed, "it will be filled up");
		PROVE(before.replenishment.armed ? armed == 0
						 : (armed == 1 && armed_at == before.replenish_at),
			"at the period's end");
	}
	return 0;
}
