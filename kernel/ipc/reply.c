/* SPDX-License-Identifier: MIT */
/* Answers, and the way of a lent scheduling context back to its owner. */
#include "ipc/ipc.h"

#include "arch/x86_64/cpu.h"
#include "sched/scheduler.h"
#include "virt/vcpu.h"

/* Nothing is lent through the Reply any more. */
static void lending_end(struct reply *reply)
{
	if (reply->holder != NULL) {
		reply->holder->execution.holding = NULL;
		reply->holder = NULL;
	}
	if (reply->lender != NULL) {
		reply->lender->lent = NULL;
		reply->lender = NULL;
	}
	if (reply->parked != NULL) {
		reply->parked->parked = NULL;
		reply->parked = NULL;
	}
}

/* Who gets back what was lent through the Reply. */
static struct execution *lender_of(const struct reply *reply)
{
	return reply->lender != NULL ? &reply->lender->execution : reply->caller;
}

/* That is from now on this one, if it borrowed the context itself: its own comes home by itself. */
static void claim(struct reply *reply, struct execution *lender)
{
	if (lender != NULL && lender->holding != NULL && (reply->holder != NULL || reply->parked != NULL)) {
		reply->lender = (struct thread *)lender;
		reply->lender->lent = reply;
	}
}

/* The server has no claim any more to what it borrowed. Where it lent that on, it is due to who lent it to the server. */
static void disclaim(struct thread *server)
{
	struct reply *from = server->execution.holding;
	struct reply *to = server->lent != NULL ? server->lent : server->execution.waiting_reply;
	struct execution *lender = lender_of(from);

	if (server->lent != NULL) {
		server->lent->lender = NULL;
		server->lent = NULL;
	}
	lending_end(from);
	if (to != NULL) {
		claim(to, lender);
	}
}

/* The context goes to who lent it; if that one is gone, has one, or has no claim to it any more, to its home. */
static void give_back(struct sched_context *context, struct execution *lender)
{
	if (lender == NULL || lender->context != NULL || !context_is_due(context, lender)) {
		lender = context->home;
	}
	if (lender != NULL && lender->context == NULL) {
		context_give(context, lender);
		scheduler_update(lender);
	}
}

/* What was lent through the Reply goes back at once, if it isn't lent on. */
static void return_lent(struct reply *reply)
{
	struct execution *lender = lender_of(reply);
	struct sched_context *context = reply->parked;

	if (reply->holder != NULL) {
		context = context_take(&reply->holder->execution);
		if (context == NULL) {
			disclaim(reply->holder);
		}
	}
	if (context != NULL) {
		lending_end(reply);
		give_back(context, lender);
	}
}

void context_recall(struct sched_context *context)
{
	struct execution *holder = context->holder;
	struct reply *reply = context->parked;

	if (holder != NULL) {
		(void)context_take(holder);
		reply = holder->holding;
	}
	if (reply != NULL) {
		lending_end(reply);
	}
	give_back(context, NULL);
}

void context_set_aside(struct thread *server)
{
	struct reply *reply = server->execution.holding;
	struct sched_context *context = server->execution.context;

	if (reply == NULL) {
		return;
	}
	if (context == NULL || reply->caller == NULL || reply->lender != NULL) {
		return_lent(reply);
		return;
	}
	(void)context_take(&server->execution);
	lending_end(reply);
	reply->parked = context;
	context->parked = reply;
}

void reply_cancel(struct execution *caller)
{
	struct reply *reply = caller->waiting_reply;

	if (reply->parked != NULL) {
		return_lent(reply);
	} else if (caller->context == NULL) {
		claim(reply, caller);
	}
	reply->caller = NULL;
	caller->waiting_reply = NULL;
}

/* Who waits in the Reply waits no more, and has its context back if that can be. NULL: nobody does. */
static struct execution *release_caller(struct reply *reply)
{
	struct execution *caller = reply->caller;

	return_lent(reply);
	if (caller == NULL) {
		return NULL;
	}
	reply->caller = NULL;
	caller->waiting_reply = NULL;
	if (caller->context == NULL && caller->own_context != NULL) {
		context_recall(caller->own_context); /* lent on, along a chain */
	}
	return caller;
}

void reply_answer(struct reply *reply, struct thread *server)
{
	struct execution *caller = release_caller(reply);

	if (caller == NULL) {
		return;
	}
	if (caller->kind == EXECUTION_VCPU) {
		vcpu_answer((struct vcpu *)caller, server->registers.rdx);
		return;
	}

	struct thread *thread = (struct thread *)caller;

	if (thread->pending_fault != 0) {
		/* The answer to a fault message resumes; registers are as the handler left them. */
		thread->pending_fault = 0;
		thread->execution.return_by_iret = true;
	} else {
		message_transfer(&server->execution, thread, 0, true);
	}
	scheduler_make_ready(caller);
}

void reply_abandon(struct reply *reply)
{
	struct execution *caller = release_caller(reply);

	if (caller != NULL) {
		ipc_finish(caller, BH_ERROR_CANCELLED);
	}
}
