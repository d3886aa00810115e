/* SPDX-License-Identifier: MIT */
/* Faults of threads, as messages to the fault endpoint. */
#include "ipc/ipc.h"

#include "boot/root_task.h"
#include "log.h"
#include "panic.h"
#include "sched/scheduler.h"

void thread_fault(struct thread *thread, uint64_t kind, uint64_t address, uint64_t code)
{
	const struct capability *endpoint = &thread->slots[THREAD_FAULT];

	thread->fault_words[0] = kind;
	thread->fault_words[1] = address;
	thread->fault_words[2] = code;
	thread->fault_words[3] = thread->registers.rip;
	thread->return_by_iret = 1;
	if (endpoint->type == BH_OBJECT_ENDPOINT && (endpoint->rights & BH_RIGHT_WRITE) != 0) {
		thread->pending_fault = 1;
		if (endpoint_send((struct endpoint *)endpoint->object, &thread->execution, endpoint->badge,
			    false, true, true) == BH_OK) {
			return;
		}
		thread->pending_fault = 0;
	}
	if (thread == root_thread) {
		panic("the root task stopped: fault %lx at %lx, code %lx, rip %lx", kind, address, code,
			thread->registers.rip);
	}
	log_line("thread %lx stopped: fault %lx at %lx, code %lx, rip %lx, and nobody takes its faults",
		(uint64_t)thread, kind, address, code, thread->registers.rip);
	scheduler_block(&thread->execution, EXECUTION_STOPPED);
}
