/* SPDX-License-Identifier: MIT */
/* Rendezvous at an endpoint: its queue holds senders or receivers, never both. */
#include "ipc/ipc.h"

#include "arch/x86_64/cpu.h"
#include "object/invocation.h"
#include "panic.h"
#include "sched/scheduler.h"
#include "virt/vcpu.h"

#define REFUSE_CHUNK 16 /* senders refused between two preemption points */

static void enqueue(struct endpoint *endpoint, struct execution *execution, enum endpoint_state state)
{
	execution->queued_on = endpoint;
	endpoint->state = state;
	queue_append(&endpoint->queue, execution);
}

static void dequeue(struct endpoint *endpoint, struct execution *execution)
{
	if (endpoint->cancel_next == execution) {
		endpoint->cancel_next = execution->next;
	}
	queue_remove(&endpoint->queue, execution);
	execution->queued_on = NULL;
	if (endpoint->queue.head == NULL) {
		endpoint->state = ENDPOINT_IDLE;
	}
}

/* Was a context bound to it? Then it runs on that alone, also while that is away (lent in a call that was cancelled): if it took
 * another one meanwhile, its own would come back to nowhere. */
static bool has_context(const struct thread *receiver) { return receiver->execution.own_context != NULL; }

/* Sender and receiver have met. The sender of a call waits in the receiver's Reply from now on. */
static void rendezvous(struct execution *sender, struct thread *receiver, struct reply *reply, uint64_t badge,
	bool may_grant, bool is_call)
{
	message_transfer(sender, receiver, badge, may_grant);
	if (!is_call) {
		return;
	}
	reply->caller = sender;
	sender->waiting_reply = reply;
	if (receiver->execution.context == NULL && !has_context(receiver) && sender->context != NULL) {
		struct sched_context *context = sender->context;

		sender->context = NULL;
		context_give(context, &receiver->execution);
		receiver->execution.holding = reply;
		reply->holder = receiver;
	}
}

/* Can this receiver take a message of that kind? */
static bool acceptable(const struct execution *sender, const struct thread *receiver,
	const struct reply *reply, bool is_call)
{
	if (is_call) {
		return reply != NULL && (has_context(receiver) || sender->context != NULL);
	}
	return has_context(receiver);
}

static void receive_ended(struct thread *receiver)
{
	if (receiver->receive_reply != NULL) {
		receiver->receive_reply->receiver = NULL;
		receiver->receive_reply = NULL;
	}
}

enum bh_error endpoint_send(struct endpoint *endpoint, struct execution *sender, uint64_t badge,
	bool may_grant, bool is_call, bool blocking)
{
	struct cpu *cpu = sender->cpu;

	if (endpoint->state == ENDPOINT_RECEIVERS) {
		struct thread *receiver = (struct thread *)endpoint->queue.head;
		struct reply *reply = receiver->receive_reply;

		if (!acceptable(sender, receiver, reply, is_call)) {
			return BH_ERROR_STATE;
		}
		dequeue(endpoint, &receiver->execution);
		receive_ended(receiver);
		if (is_call) {
			sender->state = EXECUTION_WAITING_REPLY;
		}
		rendezvous(sender, receiver, reply, badge, may_grant, is_call);
		if (is_call && cpu->current == sender &&
			scheduler_may_hand_over(
				cpu, receiver->execution.context, receiver->execution.priority)) {
			receiver->execution.state = EXECUTION_READY;
			cpu->current = &receiver->execution;
			return BH_OK;
		}
		scheduler_make_ready(&receiver->execution);
		if (is_call) {
			scheduler_update(sender);
		}
		return BH_OK;
	}
	if (!blocking) {
		return BH_OK;
	}
	sender->send_badge = badge;
	sender->send_is_call = is_call;
	sender->send_may_grant = may_grant;
	scheduler_block(sender, EXECUTION_SENDING);
	enqueue(endpoint, sender, ENDPOINT_SENDERS);
	return BH_OK;
}

void ipc_finish(struct execution *execution, enum bh_error error)
{
	struct thread *thread = (struct thread *)execution;

	if (execution->kind == EXECUTION_VCPU) {
		vcpu_send_failed((struct vcpu *)execution);
		return;
	}
	if (thread->pending_fault != 0) {
		thread->pending_fault = 0;
		scheduler_block(execution, EXECUTION_STOPPED);
		return;
	}
	thread->registers.rax = error;
	scheduler_make_ready(execution);
}

bool endpoint_refuse(struct endpoint *endpoint, const struct thread *receiver, const struct reply *reply)
{
	for (unsigned int refused = 1; endpoint->state == ENDPOINT_SENDERS; refused++) {
		struct execution *sender = endpoint->queue.head;

		if (acceptable(sender, receiver, reply, sender->send_is_call)) {
			break;
		}
		dequeue(endpoint, sender);
		ipc_finish(sender, BH_ERROR_STATE);
		if (refused % REFUSE_CHUNK == 0 && preemption_point()) {
			return false;
		}
	}
	return true;
}

enum bh_error endpoint_receive(
	struct endpoint *endpoint, struct thread *receiver, struct reply *reply, bool blocking)
{
	struct notification *bound = receiver->execution.bound;
	struct execution *sender;
	bool is_call;

	/* One caller a Reply, and one server that runs on that caller's context. */
	if (reply != NULL && (reply->caller != NULL || reply->receiver != NULL ||
				     (reply->holder != NULL && reply->holder != receiver))) {
		return BH_ERROR_STATE;
	}
	/* A signal would need a context to be handled on. */
	if (bound != NULL && bound->word != 0 && has_context(receiver)) {
		context_set_aside(receiver);
		message_deliver(receiver, bound->word, BH_MESSAGE_SIGNAL);
		bound->word = 0;
		scheduler_make_ready(&receiver->execution);
		return BH_OK;
	}
	if (!endpoint_refuse(endpoint, receiver, reply)) {
		return INVOCATION_RESTART;
	}
	sender = endpoint->state == ENDPOINT_SENDERS ? endpoint->queue.head : NULL;
	if (sender == NULL && !blocking) {
		return BH_ERROR_WOULD_BLOCK; /* a lent context stays where it is */
	}
	context_set_aside(receiver);
	if (sender == NULL) {
		receiver->receive_reply = reply;
		receiver->found_after = 0;
		if (reply != NULL) {
			reply->receiver = receiver;
		}
		scheduler_block(&receiver->execution, EXECUTION_RECEIVING);
		enqueue(endpoint, &receiver->execution, ENDPOINT_RECEIVERS);
		return BH_OK;
	}
	is_call = sender->send_is_call;
	dequeue(endpoint, sender);
	if (is_call) {
		sender->state = EXECUTION_WAITING_REPLY;
	}
	rendezvous(sender, receiver, reply, sender->send_badge, sender->send_may_grant, is_call);
	if (!is_call) {
		ipc_finish(sender, BH_OK);
	}
	scheduler_make_ready(&receiver->execution);
	return BH_OK;
}

void ipc_cancel(struct execution *execution, enum bh_error error)
{
	switch ((enum execution_state)execution->state) {
	case EXECUTION_SENDING:
		dequeue(execution->queued_on, execution);
		break;
	case EXECUTION_RECEIVING:
		dequeue(execution->queued_on, execution);
		receive_ended((struct thread *)execution);
		break;
	case EXECUTION_WAITING_SIGNAL:
		queue_remove(&((struct notification *)execution->queued_on)->waiters, execution);
		execution->queued_on = NULL;
		break;
	case EXECUTION_WAITING_REPLY:
		reply_cancel(execution);
		break;
	case EXECUTION_STOPPED:
	case EXECUTION_READY:
	case EXECUTION_HALTED:
		scheduler_block(execution, EXECUTION_STOPPED);
		return;
	}
	if (execution->kind == EXECUTION_THREAD) {
		struct thread *thread = (struct thread *)execution;

		if (thread->pending_fault == 0) {
			thread->registers.rax = error;
		}
		thread->pending_fault = 0;
	}
	scheduler_block(execution, EXECUTION_STOPPED);
}

bool endpoint_cancel_one(struct endpoint *endpoint)
{
	struct execution *execution = endpoint->queue.head;

	if (execution == NULL) {
		return false;
	}
	dequeue(endpoint, execution);
	if (execution->state == EXECUTION_RECEIVING) {
		receive_ended((struct thread *)execution);
	}
	ipc_finish(execution, BH_ERROR_CANCELLED);
	return true;
}

bool endpoint_cancel_badged(struct endpoint *endpoint, uint64_t badge, unsigned int limit)
{
	/* Where an earlier call for this badge was preempted: all before it have been looked at. */
	if (endpoint->cancel_next == NULL || endpoint->cancel_badge != badge) {
		endpoint->cancel_next = endpoint->state == ENDPOINT_SENDERS ? endpoint->queue.head : NULL;
		endpoint->cancel_badge = badge;
	}
	for (unsigned int i = 0; i < limit && endpoint->cancel_next != NULL; i++) {
		struct execution *execution = endpoint->cancel_next;

		if (execution->send_badge == badge) {
			dequeue(endpoint, execution); /* moves cancel_next on */
			ipc_finish(execution, BH_ERROR_CANCELLED);
		} else {
			endpoint->cancel_next = execution->next;
		}
	}
	return endpoint->cancel_next == NULL;
}
