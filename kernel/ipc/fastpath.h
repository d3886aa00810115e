/* SPDX-License-Identifier: MIT */
/* The short way of a message, shared by system calls and by virtual CPUs' exits: from a caller that runs to a passive server
 * that waits for it, on the caller's context, and back. Each part of it first decodes and checks everything; behind the line
 * "commit" nothing can fail. What does not fit goes the general way (endpoint.c, reply.c), with nothing done. */
#pragma once

#include "arch/x86_64/entry.h"
#include "object/objects.h"
#include "sched/cpu.h"

/* gcc takes what never returns for cold, and would not inline there. */
#define ALWAYS_INLINE inline __attribute__((always_inline))

/* entry.S: the short system calls. The thread's kept registers, rip, flags and stack are in it already. */
_Noreturn void fast_call(
	uint64_t index, uint64_t info, uint64_t word0, uint64_t word1, uint64_t word2, uint64_t word3);
_Noreturn void fast_reply_receive(
	uint64_t index, uint64_t info, uint64_t word0, uint64_t word1, uint64_t word2, uint64_t word3);

/* The one thread that waits at the endpoint, if a call can be handed to it at once: it waits with a Reply, and without a
 * context, a bound one that is away included, and nobody READY outranks it. Else NULL. The caller is current, so the context that it lends is the one that
 * runs, with budget left: when that ends, the timer interrupt comes. */
static ALWAYS_INLINE struct thread *fast_receiver(const struct cpu *cpu, const struct endpoint *endpoint)
{
	struct thread *receiver = (struct thread *)endpoint->queue.head;

	if (endpoint->state != ENDPOINT_RECEIVERS || receiver->execution.next != NULL ||
		receiver->execution.own_context != NULL || receiver->execution.context != NULL ||
		receiver->receive_reply == NULL || cpu->ready_top > receiver->execution.priority) {
		return NULL;
	}
	return receiver;
}

/* Commit of a call: the caller (current) waits in the receiver's Reply, the receiver runs on its context. */
static ALWAYS_INLINE void fast_lend(
	struct cpu *cpu, struct endpoint *endpoint, struct execution *caller, struct thread *receiver)
{
	struct reply *reply = receiver->receive_reply;
	struct sched_context *context = caller->context;

	endpoint->queue.head = NULL;
	endpoint->queue.tail = NULL;
	endpoint->state = ENDPOINT_IDLE;
	receiver->receive_reply = NULL;
	receiver->execution.queued_on = NULL;
	receiver->execution.holding = reply;
	receiver->execution.context = context;
	receiver->execution.state = EXECUTION_READY;
	reply->receiver = NULL;
	reply->holder = receiver;
	reply->caller = caller;
	context->holder = &receiver->execution;
	caller->context = NULL;
	caller->waiting_reply = reply;
	caller->state = EXECUTION_WAITING_REPLY;
	cpu->current = &receiver->execution;
}

/* The message is the thread's (current), and it runs. Past the commit: what is unusual is left to the general way out,
 * kernel_exit, and only then this returns. The CPU's FS and GS base are those of bases_owner, which is not this thread, or
 * (NULL) this thread's. */
static ALWAYS_INLINE void fast_run(struct cpu *cpu, struct thread *thread, struct thread *bases_owner,
	uint64_t badge, uint64_t info, uint64_t word0, uint64_t word1, uint64_t word2, uint64_t word3)
{
	const struct capability *slot = &thread->slots[THREAD_VSPACE];
	struct space *space = (struct space *)slot->object;
	register uint64_t r8 __asm__("r8") = word2;
	register uint64_t r9 __asm__("r9") = word3;
	register uint64_t r10 __asm__("r10") = word1;

	/* Same trust domain, neither uses the FPU, no ports are open, no trace is wanted, and it came in by SYSCALL, whose return
	 * address is canonical. */
	if (thread->execution.switch_key != cpu->switch_key || slot->type != BH_OBJECT_ADDRESS_SPACE) {
		thread->registers.rax = BH_OK;
		thread->registers.rdi = badge;
		thread->registers.rsi = info;
		thread->registers.rdx = word0;
		thread->registers.r10 = word1;
		thread->registers.r8 = word2;
		thread->registers.r9 = word3;
		return;
	}
	space_enter(cpu, space);
	if (bases_owner == NULL) {
		__asm__ volatile("jmp thread_return_message"
				 :
				 : "a"(thread), "D"(badge), "S"(info), "d"(word0), "r"(r10), "r"(r8), "r"(r9)
				 : "memory");
		__builtin_unreachable();
	}
	cpu->bases_owner = thread;
	__asm__ volatile(
		"jmp thread_switch_message"
		:
		: "a"(thread), "c"(bases_owner), "D"(badge), "S"(info), "d"(word0), "r"(r10), "r"(r8), "r"(r9)
		: "memory");
	__builtin_unreachable();
}
