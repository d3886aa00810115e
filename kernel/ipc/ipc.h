/* SPDX-License-Identifier: MIT */
/* Synchronous messages, answers, and signals. Who may run on whose scheduling context is decided here. */
#pragma once

#include "object/objects.h"

/* --- endpoint.c --- */

/* execution (current or a vCPU that exits) offers its message to the endpoint: delivers it to a waiting receiver, or
 * queues. The message is the thread's registers, its pending fault, or the vCPU's `message`. With is_call it waits for
 * an answer, and lends its context to a receiver that has none. blocking false: BH_OK and nothing sent without a receiver.
 * STATE: the receiver can't take this (a call without a Reply, a send to a thread without a context). */
__attribute__((warn_unused_result)) enum bh_error endpoint_send(struct endpoint *endpoint,
	struct execution *sender, uint64_t badge, bool may_grant, bool is_call, bool blocking);

/* The thread (current, or suspended for THREAD_RECEIVE) takes the next message, or waits. reply may be NULL. STATE: the Reply is in
 * use. WOULD_BLOCK. INVOCATION_RESTART: preempted; nothing was received, and the call is to be made again. */
__attribute__((warn_unused_result)) enum bh_error endpoint_receive(
	struct endpoint *endpoint, struct thread *receiver, struct reply *reply, bool blocking);

/* Ends, with STATE, the waiting sends and calls that this receiver can't take, up to the first that it can. false: preempted
 * while there are more to look at; nothing else was done, and the call is to be made again. */
__attribute__((warn_unused_result)) bool endpoint_refuse(
	struct endpoint *endpoint, const struct thread *receiver, const struct reply *reply);

/* Ends the first waiting operation on the endpoint with CANCELLED. false: nobody waited. */
bool endpoint_cancel_one(struct endpoint *endpoint);

/* Ends the waiting sends that carry the badge, looking at no more than `limit`. false: there are more to look at. */
bool endpoint_cancel_badged(struct endpoint *endpoint, uint64_t badge, unsigned int limit);

/* Ends whatever execution waits for; a thread sees error, a vCPU's access fails. It is STOPPED then. */
void ipc_cancel(struct execution *execution, enum bh_error error);

/* Gives execution, which waited with a message of its own and stands in no queue, the end of its operation. A thread whose fault
 * nobody takes stops, its registers as they were; a vCPU's message has failed. */
void ipc_finish(struct execution *execution, enum bh_error error);

/* --- reply.c --- */

/* Answers the caller that waits in reply with the server's message registers, and gives it its context back. Nothing
 * where nobody waits, but a lent context goes home. */
void reply_answer(struct reply *reply, struct thread *server);

/* The caller gets CANCELLED (a vCPU: ROUTE_FAILED or stop) and its context back, wherever it is. */
void reply_abandon(struct reply *reply);

/* The caller does not wait for the answer any more. A context that is being used stays with the server until it has finished: the
 * caller has it then. A parked one comes back at once. */
void reply_cancel(struct execution *caller);

/* The server is about to receive, to end, or to have a context of its own: one that it borrowed is parked in the Reply it came with, or goes
 * back. If it lent that on, whoever lent it to the server has it when it comes back. */
void context_set_aside(struct thread *server);

/* Who lent a context has it back with the answer: if it is its own, or if it still has it from a caller of its own. That one may
 * have been answered meanwhile, by somebody else. */
static inline bool context_is_due(const struct sched_context *context, const struct execution *lender)
{
	return context->home == lender || lender->holding != NULL;
}

/* Takes the context from wherever it is and gives it to its home, if it has one. */
void context_recall(struct sched_context *context);

/* --- transfer.c --- */

/* Puts the sender's message into the receiver's registers and IPC buffer. */
void message_transfer(struct execution *sender, struct thread *receiver, uint64_t badge, bool may_grant);

/* Words 4.. and capabilities from one thread to another; returns the information word as the receiver sees it. */
uint64_t message_transfer_long(struct thread *sender, struct thread *receiver, uint64_t info, bool may_grant);

/* A message without words. */
void message_deliver(struct thread *receiver, uint64_t badge, uint64_t info);

/* The thread's IPC buffer, or NULL. */
struct bh_ipc_buffer *thread_buffer(const struct thread *thread);

/* --- notification.c --- */

/* Wakes who waits for one of the bits. A vCPU that is signalled comes before the others of its priority, but for a signal that is patient. */
void notification_signal(struct notification *notification, uint64_t bits, bool is_patient);
void notification_wait(struct notification *notification, struct thread *thread);
bool notification_cancel_one(struct notification *notification);
void notification_unbind(struct execution *execution);

/* --- fault.c --- */

/* The thread can't go on: sends the fault message, or stops the thread where there is no fault endpoint. */
void thread_fault(struct thread *thread, uint64_t kind, uint64_t address, uint64_t code);
