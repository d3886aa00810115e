/* SPDX-License-Identifier: MIT */
/* Writes down what the short ways have left open (open_call.h). */
#include "ipc/open_call.h"

#include "ipc/ipc.h"

/* The caller waits in the server's Reply. Who runs on the context is not said here. */
static void write_down(struct execution *caller, struct thread *server)
{
	struct endpoint *endpoint = server->execution.queued_on;
	struct reply *reply = server->receive_reply;

	endpoint->queue.head = NULL;
	endpoint->queue.tail = NULL;
	endpoint->state = ENDPOINT_IDLE;
	server->receive_reply = NULL;
	server->execution.queued_on = NULL;
	server->execution.holding = reply;
	server->execution.open_caller = NULL;
	reply->receiver = NULL;
	reply->holder = server;
	reply->caller = caller;
	caller->waiting_reply = reply;
	caller->state = EXECUTION_WAITING_REPLY;
}

/* At most two of them (fast_call). */
static void open_calls_write_down(struct execution *current)
{
	struct execution *caller = current->open_caller;
	struct sched_context *context;

	for (struct execution *server = current; caller != NULL;) {
		struct execution *next = caller->open_caller;

		write_down(caller, (struct thread *)server);
		if (next == NULL) {
			context = caller->context;
			caller->context = NULL;
			current->context = context;
			context->holder = current;
		}
		server = caller;
		caller = next;
	}
	current->state = EXECUTION_READY;
}

void kernel_entered_late(struct cpu *cpu)
{
	struct notification *late = cpu->late_signal;

	if (cpu->current->open_caller != NULL) {
		open_calls_write_down(cpu->current);
	}
	if (late != NULL) {
		cpu->late_signal = NULL;
		notification_signal(late, 0, false);
	}
}

/* It is the only one there, waits with a Reply, without a context (a bound one that is away included), is not in an open call itself,
 * and nobody READY outranks it. It may run as the CPU stands: same trust domain, FPU and TSC_AUX of nobody else in its reach, no
 * ports open, no trace wanted, and it came in by SYSCALL, whose return address is canonical. The context that it will run on is the
 * caller's, which runs now with budget left: when that ends, the timer interrupt comes. */
bool open_call_look(const struct cpu *cpu, struct endpoint *endpoint)
{
	const struct thread *receiver = (struct thread *)endpoint->queue.head;

	if (endpoint->state != ENDPOINT_RECEIVERS || receiver->execution.next != NULL ||
		receiver->execution.own_context != NULL || receiver->execution.context != NULL ||
		receiver->receive_reply == NULL || receiver->execution.open_caller != NULL ||
		cpu->ready_top > receiver->execution.priority ||
		receiver->execution.switch_key != cpu->switch_key || cpu->tsc_aux != 0 ||
		receiver->slots[THREAD_VSPACE].type != BH_OBJECT_ADDRESS_SPACE || cpu->late_signal != NULL) {
		return false;
	}
	endpoint->header.ready_in = cpu->stretch;
	return true;
}
