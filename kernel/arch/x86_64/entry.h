/* SPDX-License-Identifier: MIT */
/* The ways into the kernel and out of it. */
#pragma once

#include <stdint.h>

#include "arch/x86_64/cpu.h"
#include "object/objects.h"
#include "sched/cpu.h"

/* The end of every way in: runs whoever is to run, forever. */
_Noreturn void kernel_exit(void);

/* entry.S: what the ways in call. */
void system_call(struct thread *thread);
/* Signal, Poll, and Arm of a timer: returns the result, changes registers. An Arm that does more than that: BH_SYSCALL | number,
 * nothing done. */
struct light_registers {
	uint64_t r9, r8, r10, rdx, rsi, rdi;
};
uint64_t system_call_light(struct light_registers *registers, uint64_t number);
void trap_user(struct thread *thread, uint64_t vector, uint64_t error_code);

/* entry.S: to user mode with the thread's registers; by SYSRET rcx and r11 become rip and rflags. */
_Noreturn void thread_return_sysret(struct thread *thread);
_Noreturn void thread_return_iret(struct thread *thread);

/* To a user space, if CR3 does not hold it. */
static inline __attribute__((always_inline)) void space_enter(struct cpu *cpu, struct space *space)
{
	if (cpu->space != space) {
		write_cr3(space->root_physical);
		cpu->space = space;
	}
}

/* Takes interrupts that are pending, and handles all that were taken. */
void interrupts_process(struct cpu *cpu);

/* The CPU's FS and GS base are about to be lost: keeps them in the thread they belong to. */
void user_state_leave(struct cpu *cpu);

/* Makes them the thread's. */
void user_state_load(struct cpu *cpu, struct thread *thread);
static inline void user_state_enter(struct cpu *cpu, struct thread *thread)
{
	if (cpu->bases_owner != thread) {
		user_state_load(cpu, thread);
	}
}

/* Code of that trust domain runs next: issues the barriers that the CPU offers when the domain changes. */
void trust_domain_enter(struct cpu *cpu, uint32_t domain);
