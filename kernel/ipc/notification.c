/* SPDX-License-Identifier: MIT */
/* Notifications: a word of sticky bits, taken whole by one waiter, by the bound thread's Recv, or by the bound vCPU. */
#include "ipc/ipc.h"

#include "sched/scheduler.h"

static __attribute__((noinline)) void end_receive(struct notification *notification, struct thread *thread)
{
	uint64_t word = notification->word;

	notification->word = 0;
	ipc_cancel(&thread->execution, BH_OK);
	message_deliver(thread, word, BH_MESSAGE_SIGNAL);
	scheduler_make_ready(&thread->execution);
}

static __attribute__((noinline)) void end_wait(struct notification *notification, struct execution *waiter)
{
	queue_remove(&notification->waiters, waiter);
	waiter->queued_on = NULL;
	message_deliver((struct thread *)waiter, notification->word, BH_MESSAGE_SIGNAL);
	notification->word = 0;
	scheduler_make_ready(waiter);
}

void notification_signal(struct notification *notification, uint64_t bits, bool is_patient)
{
	struct execution *waiter = notification->waiters.head;
	struct execution *bound = notification->bound;

	notification->word |= bits;
	if (notification->word == 0) {
		return;
	}
	if (waiter != NULL) {
		end_wait(notification, waiter);
	} else if (bound != NULL && bound->kind == EXECUTION_VCPU) {
		/* A running one looks at the word before its next entry: the kernel is not in guest mode now. */
		if (bound->state == EXECUTION_HALTED || (bound->in_ready_queue && !is_patient)) {
			scheduler_wake(bound, !is_patient);
		}
	} else if (bound != NULL && bound->state == EXECUTION_RECEIVING && bound->own_context != NULL) {
		end_receive(notification, (struct thread *)bound);
	}
}

void notification_wait(struct notification *notification, struct thread *thread)
{
	if (notification->word != 0) {
		message_deliver(thread, notification->word, BH_MESSAGE_SIGNAL);
		notification->word = 0;
		return;
	}
	scheduler_block(&thread->execution, EXECUTION_WAITING_SIGNAL);
	thread->execution.queued_on = notification;
	queue_append(&notification->waiters, &thread->execution);
}

bool notification_cancel_one(struct notification *notification)
{
	struct execution *waiter = notification->waiters.head;

	if (waiter == NULL) {
		return false;
	}
	ipc_cancel(waiter, BH_ERROR_CANCELLED);
	scheduler_make_ready(waiter);
	return true;
}

void notification_unbind(struct execution *execution)
{
	if (execution->bound != NULL) {
		execution->bound->bound = NULL;
		execution->bound = NULL;
	}
}
