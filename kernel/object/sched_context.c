/* SPDX-License-Identifier: MIT */
/* SchedContext and SchedControl invocations. */
#include "object/invocation.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/tsc.h"
#include "ipc/ipc.h"
#include "sched/scheduler.h"

#define BUDGET_MINIMUM_US 10
#define PERIOD_MAXIMUM_US 10000000

void sched_context_initialise(struct sched_context *context)
{
	context->replenishment.kind = TIMEOUT_REPLENISHMENT;
	context->cpu = this_cpu();
}

static enum bh_error bind(const struct invocation *invocation, struct sched_context *context)
{
	struct capability *slot = capability_lookup(invocation->caller, invocation->argument[0]);
	struct execution *execution;

	if (slot == NULL) {
		return BH_ERROR_CAPABILITY;
	}
	if (slot->type != BH_OBJECT_THREAD && slot->type != BH_OBJECT_VCPU) {
		return BH_ERROR_TYPE;
	}
	if ((slot->rights & BH_RIGHT_WRITE) == 0) {
		return BH_ERROR_RIGHTS;
	}
	if (context->budget == 0) {
		return BH_ERROR_EMPTY_OBJECT;
	}
	execution = (struct execution *)slot->object;
	if (context->home != NULL || context->holder != NULL || context->parked != NULL ||
		execution->own_context != NULL || execution->context != NULL) {
		return BH_ERROR_STATE;
	}
	if (execution->holding != NULL) {
		context_set_aside((struct thread *)execution);
	}
	context->home = execution;
	execution->own_context = context;
	context_give(context, execution);
	scheduler_update(execution);
	return BH_OK;
}

/* From its owner and from wherever it is. Exhausted it stays as long as its period lasts, whoever it is bound to next. */
static void unbind(struct sched_context *context)
{
	if (context->home != NULL) {
		context->home->own_context = NULL;
		context->home = NULL;
	}
	context_stop(context);
	context_recall(context);
}

void sched_context_end(struct sched_context *context)
{
	unbind(context);
	if (context->replenishment.armed) {
		time_cancel(context->cpu, &context->replenishment);
	}
}

enum bh_error sched_context_invoke(struct invocation *invocation)
{
	struct sched_context *context = (struct sched_context *)invocation->slot->object;
	uint64_t right = invocation->label == BH_SCHED_CONTEXT_CONSUMED ? BH_RIGHT_READ : BH_RIGHT_WRITE;

	if ((invocation->slot->rights & right) == 0) {
		return BH_ERROR_RIGHTS;
	}
	switch (invocation->label) {
	case BH_SCHED_CONTEXT_BIND:
		return bind(invocation, context);
	case BH_SCHED_CONTEXT_UNBIND:
		unbind(context);
		return BH_OK;
	case BH_SCHED_CONTEXT_CONSUMED:
		if (this_cpu()->context == context) {
			context_charge(this_cpu());
		}
		invocation->result[0] = context->consumed;
		return BH_OK;
	default:
		return BH_ERROR_INVOCATION;
	}
}

enum bh_error sched_control_invoke(struct invocation *invocation)
{
	uint64_t budget = invocation->argument[1], period = invocation->argument[2];
	uint64_t share = invocation->slot->badge;
	struct sched_context *context;
	void *object;
	enum bh_error error =
		control_find(invocation, BH_SCHED_CONTROL_CONFIGURE, BH_OBJECT_SCHED_CONTEXT, &object);

	if (error != BH_OK) {
		return error;
	}
	if (budget < BUDGET_MINIMUM_US || budget > period || period > PERIOD_MAXIMUM_US) {
		return BH_ERROR_ARGUMENT;
	}
	if (share != 0 && budget * 1000 > share * period) {
		return BH_ERROR_RANGE;
	}
	context = object;
	if (this_cpu()->context == context) {
		context_charge(this_cpu());
	}
	context->budget = tsc_from_nanoseconds(budget * 1000);
	context->period = budget == period ? context->budget : tsc_from_nanoseconds(period * 1000);
	if (context->replenishment.armed) {
		time_cancel(context->cpu, &context->replenishment);
	}
	/* A new period begins: a context that was exhausted gets no second budget within the old one by this, since only
	 * who holds the control capability can do it. */
	context->remaining = context->budget;
	context->replenish_at = rdtsc() + context->period;
	if (context->holder != NULL) {
		scheduler_update(context->holder);
	}
	this_cpu()->reschedule = true;
	return BH_OK;
}
