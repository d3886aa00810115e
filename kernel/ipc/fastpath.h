/* SPDX-License-Identifier: MIT */
/* The end of the short ways: a message in registers, and the thread that it is for runs at once. The ways themselves: Call and
 * ReplyRecv in fastpath.c, a vCPU's exit in virt/vcpu.c. Each first decodes and checks everything; behind the line "commit" nothing
 * can fail. What does not fit goes the general way (endpoint.c, reply.c), with nothing done. */
#pragma once

#include "arch/x86_64/entry.h"
#include "ipc/open_call.h"
#include "object/objects.h"
#include "sched/cpu.h"

/* entry.S: the short system calls. The thread's kept registers, rip, flags and stack are in it already. */
_Noreturn void fast_call(
	uint64_t index, uint64_t info, uint64_t word0, uint64_t word1, uint64_t word2, uint64_t word3);
_Noreturn void fast_reply_receive(
	uint64_t index, uint64_t info, uint64_t word0, uint64_t word1, uint64_t word2, uint64_t word3);

/* The message is the thread's (current), and it runs. The CPU's FS and GS base are those of bases_owner, which is not this thread,
 * or (NULL) this thread's. */
_Noreturn static ALWAYS_INLINE void fast_run(struct cpu *cpu, struct thread *thread,
	struct thread *bases_owner, uint64_t badge, uint64_t info, uint64_t word0, uint64_t word1,
	uint64_t word2, uint64_t word3)
{
	register uint64_t r8 __asm__("r8") = word2;
	register uint64_t r9 __asm__("r9") = word3;
	register uint64_t r10 __asm__("r10") = word1;

	space_enter(cpu, (struct space *)thread->slots[THREAD_VSPACE].object);
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
