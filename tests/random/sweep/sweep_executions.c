/* SPDX-License-Identifier: MIT */
/* Sweep: who waits where, who runs on whose context, who is bound to what. Each link is looked at from both ends. */
#include "sweep.h"

static uint64_t queued; /* executions found in queues of Endpoints and Notifications */

static void check_queue(const struct execution_queue *queue, const void *owner, enum execution_state state)
{
	const struct execution *previous = NULL;
	uint64_t count = 0;

	for (const struct execution *at = queue->head; at != NULL; at = at->next) {
		SWEEP_CHECK(sweep_is_live(at, at->kind == EXECUTION_VCPU ? BH_OBJECT_VCPU : BH_OBJECT_THREAD),
			"dead execution in a queue", owner, at);
		SWEEP_CHECK(at->previous == previous, "queue: neighbours disagree", owner, at);
		SWEEP_CHECK(at->queued_on == owner, "in a queue that it does not wait in", owner, at);
		SWEEP_CHECK(at->state == state, "in a queue of another state", at, at->state);
		SWEEP_CHECK(!at->in_ready_queue, "in two queues", owner, at);
		SWEEP_CHECK(count++ < SWEEP_ENTRIES, "queue without an end", owner, 0);
		previous = at;
	}
	SWEEP_CHECK(queue->tail == previous, "queue with another end", owner, queue->tail);
	queued += count;
}

static void check_endpoint(const struct endpoint *endpoint)
{
	bool next_found = endpoint->cancel_next == NULL;

	SWEEP_CHECK(endpoint->state <= ENDPOINT_RECEIVERS &&
			    (endpoint->state == ENDPOINT_IDLE) == (endpoint->queue.head == NULL),
		"endpoint with another queue than its state says", endpoint, endpoint->state);
	check_queue(&endpoint->queue, endpoint,
		endpoint->state == ENDPOINT_SENDERS ? EXECUTION_SENDING : EXECUTION_RECEIVING);
	for (const struct execution *at = endpoint->queue.head; at != NULL; at = at->next) {
		next_found = next_found || at == endpoint->cancel_next;
		SWEEP_CHECK(endpoint->state != ENDPOINT_RECEIVERS || at->kind == EXECUTION_THREAD,
			"a virtual CPU that receives", endpoint, at);
	}
	SWEEP_CHECK(
		next_found, "cancellation goes on with nobody who waits", endpoint, endpoint->cancel_next);
}

static void check_notification(const struct notification *notification)
{
	check_queue(&notification->waiters, notification, EXECUTION_WAITING_SIGNAL);
	SWEEP_CHECK(notification->waiters.head == NULL || notification->word == 0,
		"signalled, and somebody waits", notification, notification->word);
	SWEEP_CHECK(notification->bound == NULL || notification->bound->bound == notification,
		"notification bound to who is not bound to it", notification, notification->bound);
}

static void check_reply(const struct reply *reply)
{
	SWEEP_CHECK(reply->caller == NULL || (reply->caller->state == EXECUTION_WAITING_REPLY &&
						     reply->caller->waiting_reply == reply),
		"reply to who does not wait for it", reply, reply->caller);
	SWEEP_CHECK(reply->holder == NULL || reply->holder->execution.holding == reply,
		"reply held by who does not hold it", reply, reply->holder);
	SWEEP_CHECK(reply->parked == NULL || reply->parked->parked == reply,
		"context parked in a reply, that is elsewhere", reply, reply->parked);
	SWEEP_CHECK(reply->holder == NULL || reply->parked == NULL, "context lent and parked", reply,
		reply->parked);
	SWEEP_CHECK(reply->lender == NULL || (reply->lender->lent == reply &&
						     (reply->holder != NULL || reply->parked != NULL)),
		"reply with a lender, through which nothing is lent", reply, reply->lender);
	SWEEP_CHECK(
		reply->receiver == NULL || (reply->receiver->receive_reply == reply &&
						   reply->receiver->execution.state == EXECUTION_RECEIVING),
		"reply for who does not receive with it", reply, reply->receiver);
	SWEEP_CHECK(reply->receiver == NULL || reply->caller == NULL, "reply with a caller received with",
		reply, reply->caller);
}

static void check_context(const struct sched_context *context)
{
	SWEEP_CHECK(context->holder == NULL || context->holder->context == context,
		"context held by who has another", context, context->holder);
	SWEEP_CHECK(context->parked == NULL || context->parked->parked == context,
		"context parked where it is not", context, context->parked);
	SWEEP_CHECK(context->holder == NULL || context->parked == NULL, "context in two places", context,
		context->holder);
	SWEEP_CHECK(context->home == NULL || context->home->own_context == context,
		"context bound to who is not bound to it", context, context->home);
	SWEEP_CHECK(context->home == NULL || context->holder != NULL || context->parked != NULL,
		"bound context that nobody has", context, context->home);
	SWEEP_CHECK(context->remaining <= context->budget && context->budget <= context->period,
		"context with more time than its budget", context, context->remaining);
	/* Who has no time left is to get some: else it would never run again. */
	SWEEP_CHECK(context->holder == NULL || context->remaining != 0 || context->replenishment.armed,
		"exhausted context that nothing will fill up", context, context->holder);
}

static void check_waiting(const struct execution *execution)
{
	bool in_queue = execution->state == EXECUTION_SENDING || execution->state == EXECUTION_RECEIVING ||
			execution->state == EXECUTION_WAITING_SIGNAL;

	SWEEP_CHECK(execution->state <= EXECUTION_HALTED, "unknown state", execution, execution->state);
	SWEEP_CHECK((execution->queued_on != NULL) == in_queue, "waits in a queue, or not", execution,
		execution->queued_on);
	queued -= in_queue ? 1 : 0;
	SWEEP_CHECK(execution->queued_on == NULL ||
			    sweep_is_live(execution->queued_on, execution->state == EXECUTION_WAITING_SIGNAL
									? BH_OBJECT_NOTIFICATION
									: BH_OBJECT_ENDPOINT),
		"waits on a dead object", execution, execution->queued_on);
	SWEEP_CHECK((execution->state == EXECUTION_WAITING_REPLY) == (execution->waiting_reply != NULL),
		"waits for an answer, or not", execution, execution->waiting_reply);
	SWEEP_CHECK(execution->waiting_reply == NULL ||
			    (sweep_is_live(execution->waiting_reply, BH_OBJECT_REPLY) &&
				    execution->waiting_reply->caller == execution),
		"waits in a reply that answers somebody else", execution, execution->waiting_reply);
}

static void check_execution(const struct execution *execution)
{
	check_waiting(execution);
	SWEEP_CHECK(
		execution->context == NULL || (sweep_is_live(execution->context, BH_OBJECT_SCHED_CONTEXT) &&
						      execution->context->holder == execution),
		"runs on a context that another has", execution, execution->context);
	SWEEP_CHECK(execution->own_context == NULL ||
			    (sweep_is_live(execution->own_context, BH_OBJECT_SCHED_CONTEXT) &&
				    execution->own_context->home == execution),
		"has a context that is another's", execution, execution->own_context);
	SWEEP_CHECK(execution->holding == NULL ||
			    (sweep_is_live(execution->holding, BH_OBJECT_REPLY) &&
				    execution->holding->holder == (const struct thread *)execution),
		"holds a reply that another holds", execution, execution->holding);
	SWEEP_CHECK(execution->bound == NULL || (sweep_is_live(execution->bound, BH_OBJECT_NOTIFICATION) &&
							execution->bound->bound == execution),
		"bound to a notification of another's", execution, execution->bound);
	/* Somebody else's context is there by a reply, or not at all. */
	SWEEP_CHECK(execution->context == NULL || execution->context == execution->own_context ||
			    execution->holding != NULL,
		"runs on a lent context without a reply", execution, execution->context);
}

static void check_thread(const struct thread *thread)
{
	static const uint8_t types[THREAD_SLOTS] = { BH_OBJECT_CNODE, BH_OBJECT_ADDRESS_SPACE,
		BH_OBJECT_FRAME, BH_OBJECT_ENDPOINT };

	check_execution(&thread->execution);
	SWEEP_CHECK(thread->execution.kind == EXECUTION_THREAD, "thread of another kind", thread,
		thread->execution.kind);
	SWEEP_CHECK(thread->execution.state != EXECUTION_HALTED, "thread halted", thread, 0);
	SWEEP_CHECK(thread->pending_fault == 0 || thread->execution.state == EXECUTION_SENDING ||
			    thread->execution.state == EXECUTION_WAITING_REPLY,
		"a fault that nobody is told of or asked about", thread, thread->execution.state);
	SWEEP_CHECK(thread->receive_reply == NULL || (sweep_is_live(thread->receive_reply, BH_OBJECT_REPLY) &&
							     thread->receive_reply->receiver == thread),
		"receives with a reply that is another's", thread, thread->receive_reply);
	SWEEP_CHECK(thread->lent == NULL ||
			    (sweep_is_live(thread->lent, BH_OBJECT_REPLY) && thread->lent->lender == thread),
		"waits for a context where it is not the lender", thread, thread->lent);
	SWEEP_CHECK(thread->lent == NULL ||
			    (thread->execution.context == NULL && thread->execution.own_context == NULL &&
				    thread->execution.holding != NULL),
		"waits for a context that is not due to it", thread, thread->lent);
	for (unsigned int i = 0; i < THREAD_SLOTS; i++) {
		SWEEP_CHECK(capability_is_empty(&thread->slots[i]) || thread->slots[i].type == types[i],
			"thread with a capability of the wrong type", thread, i);
	}
}

static void check_vcpu(const struct vcpu *vcpu)
{
	check_execution(&vcpu->execution);
	SWEEP_CHECK(vcpu->execution.kind == EXECUTION_VCPU, "virtual CPU of another kind", vcpu,
		vcpu->execution.kind);
	SWEEP_CHECK(vcpu->execution.state != EXECUTION_RECEIVING &&
			    vcpu->execution.state != EXECUTION_WAITING_SIGNAL,
		"virtual CPU that waits like a thread", vcpu, vcpu->execution.state);
	SWEEP_CHECK(capability_is_empty(&vcpu->slots[VCPU_GUEST_SPACE]) ||
			    vcpu->slots[VCPU_GUEST_SPACE].type == BH_OBJECT_GUEST_SPACE,
		"virtual CPU with a space of the wrong type", vcpu, 0);
	for (unsigned int i = VCPU_EXIT_FIRST; i < VCPU_SLOTS; i++) {
		uint64_t type = vcpu->slots[i].type;

		SWEEP_CHECK(type == BH_OBJECT_NULL || type == BH_OBJECT_ENDPOINT ||
				    (i >= VCPU_ROUTE_FIRST && type == BH_OBJECT_NOTIFICATION),
			"virtual CPU bound to the wrong type", vcpu, i);
	}
}

void sweep_executions(void)
{
	queued = 0;
	for (uint32_t i = 0; i < sweep_object_count; i++) {
		const void *object = (const void *)sweep_objects[i].object;

		switch (sweep_objects[i].type) {
		case BH_OBJECT_THREAD:
			check_thread(object);
			break;
		case BH_OBJECT_VCPU:
			check_vcpu(object);
			break;
		case BH_OBJECT_ENDPOINT:
			check_endpoint(object);
			break;
		case BH_OBJECT_NOTIFICATION:
			check_notification(object);
			break;
		case BH_OBJECT_REPLY:
			check_reply(object);
			break;
		case BH_OBJECT_SCHED_CONTEXT:
			check_context(object);
			break;
		default:
			break;
		}
	}
	SWEEP_CHECK(queued == 0, "executions that wait in no queue, or queues with others", queued, 0);
}
