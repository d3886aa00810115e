/* SPDX-License-Identifier: MIT */
/* Faults of threads, as messages to the fault endpoint. */
#include "ipc/ipc.h"

#include "boot/root_task.h"
#include "log.h"
#include "panic.h"
#include "sched/scheduler.h"
#include "string.h"

#define LAST_WORDS_MAXIMUM 512

/* A root task that gives up leaves its reason in its IPC buffer: who has no serial port finds it on the screen, where only the kernel
 * can write. The buffer is user memory: bounded, and shown as printable text whatever it holds. */
static _Noreturn void root_task_stopped(
	const struct thread *thread, uint64_t kind, uint64_t address, uint64_t code)
{
	const struct bh_ipc_buffer *buffer = thread_buffer(thread);
	const char *reason = "it gives no reason";
	char text[LAST_WORDS_MAXIMUM];

	_Static_assert(LAST_WORDS_MAXIMUM <= sizeof(buffer->words), "the text is read from the words alone");
	if (buffer != NULL && thread->registers.rax == BH_LAST_WORDS) {
		memcpy(text, buffer->words, LAST_WORDS_MAXIMUM);
		text[LAST_WORDS_MAXIMUM - 1] = 0;
		for (unsigned int i = 0; text[i] != 0; i++) {
			text[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
		}
		reason = text;
	}
	panic("the root task stopped: %s (fault %lx at %lx, code %lx, rip %lx)", reason, kind, address, code,
		thread->registers.rip);
}

void thread_fault(struct thread *thread, uint64_t kind, uint64_t address, uint64_t code)
{
	const struct capability *endpoint = &thread->slots[THREAD_FAULT];

	thread->fault_words[0] = kind;
	thread->fault_words[1] = address;
	thread->fault_words[2] = code;
	thread->fault_words[3] = thread->registers.rip;
	thread->execution.return_by_iret = true;
	if (endpoint->type == BH_OBJECT_ENDPOINT && (endpoint->rights & BH_RIGHT_WRITE) != 0) {
		thread->pending_fault = 1;
		if (endpoint_send((struct endpoint *)endpoint->object, &thread->execution, endpoint->badge,
			    false, true, true) == BH_OK) {
			return;
		}
		thread->pending_fault = 0;
	}
	if (thread == root_thread) {
		root_task_stopped(thread, kind, address, code);
	}
	log_line("thread %lx stopped: fault %lx at %lx, code %lx, rip %lx, and nobody takes its faults",
		(uint64_t)thread, kind, address, code, thread->registers.rip);
	scheduler_block(&thread->execution, EXECUTION_STOPPED);
}
