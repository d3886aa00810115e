/* SPDX-License-Identifier: MIT */
/* Answers, and the way of a lent scheduling context back to its owner. */
#include "ipc/ipc.h"

#include "arch/x86_64/cpu.h"
#include "sched/scheduler.h"
#include "virt/vcpu.h"

void context_send_home(struct sched_context *context)
{
	struct execution *home = context->home;

	if (home != NULL && home->context == NULL) {
		context_give(context, home);
		scheduler_update(home);
	}
}

void context_recall(struct sched_context *context)
{
	if (context->holder != NULL) {
		struct execution *holder = context->holder;

		(void)context_take(holder);
		if (holder->holding != NULL) {
			holder->holding->holder = NULL;
			holder->holding = NULL;
		}
	} else if (context->parked != NULL) {
		context->parked->parked = NULL;
		context->parked = NULL;
	}
	context_send_home(context);
}

void context_set_aside(struct thread *server)
{
	struct sched_context *context = server->execution.context;
	struct reply *reply = server->execution.holding;

	if (reply != NULL) {
		reply->holder = NULL;
		server->execution.holding = NULL;
	}
	if (context == NULL || context->home == &server->execution) {
		return;
	}
	(void)context_take(&server->execution);
	if (reply != NULL && reply->caller != NULL) {
		reply->parked = context;
		context->parked = reply;
	} else {
		context_send_home(context);
	}
}

/* Takes the caller's context out of the Reply or from the server that runs on it. NULL: nothing was lent, or it was lent on. */
static struct sched_context *lent_context(struct reply *reply)
{
	struct sched_context *context = reply->parked;

	if (context != NULL) {
		reply->parked = NULL;
		context->parked = NULL;
		return context;
	}
	if (reply->holder == NULL) {
		return NULL;
	}

	struct execution *server = &reply->holder->execution;

	reply->holder = NULL;
	server->holding = NULL;
	if (server->context != NULL && server->context->home == server) {
		return NULL; /* the lent one is gone; what it runs on now was bound to it since */
	}
	return context_take(server);
}

/* The context goes to the caller, which lent it; if that one is gone, has one, or has no claim to it any more, to its home. */
static void give_back(struct sched_context *context, struct execution *caller)
{
	if (context == NULL) {
		return;
	}
	if (caller != NULL && caller->context == NULL && context_is_due(context, caller)) {
		context_give(context, caller);
	} else {
		context_send_home(context);
	}
}

void reply_answer(struct reply *reply, struct thread *server)
{
	struct execution *caller = reply->caller;

	give_back(lent_context(reply), caller);
	if (caller == NULL) {
		return;
	}
	reply->caller = NULL;
	caller->waiting_reply = NULL;
	if (caller->context == NULL && caller->own_context != NULL) {
		context_recall(
			caller->own_context); /* lent on, along a chain, and answered by who was not asked */
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
	struct execution *caller = reply->caller;
	struct sched_context *context = lent_context(reply);

	if (caller == NULL) {
		give_back(context, NULL);
		return;
	}
	reply->caller = NULL;
	caller->waiting_reply = NULL;
	give_back(context, caller);
	if (caller->context == NULL && caller->own_context != NULL) {
		context_recall(caller->own_context); /* lent on, along a chain */
	}
	if (caller->kind == EXECUTION_VCPU) {
		vcpu_send_failed((struct vcpu *)caller);
		return;
	}

	struct thread *thread = (struct thread *)caller;

	if (thread->pending_fault != 0) {
		thread->pending_fault = 0;
		scheduler_block(caller, EXECUTION_STOPPED);
		return;
	}
	thread->registers.rax = BH_ERROR_CANCELLED;
	scheduler_make_ready(caller);
}
