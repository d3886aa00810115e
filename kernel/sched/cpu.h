/* SPDX-License-Identifier: MIT */
/* What belongs to one CPU: who runs, its queues, its clock, its tables. GS base points here while in the kernel. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arch/x86_64/gdt.h"
#include "object/objects.h"

#define PRIORITIES 256

/* CR0.TS: set or clear. A thread that may use the FPU has 0 in its place, which equals neither. */
enum fpu_access { FPU_FORBIDDEN = 1, FPU_PERMITTED = 2 };

struct cpu {
	/* entry.S knows these offsets */
	uint64_t scratch; /* user stack pointer during entry */
	struct execution
		*current; /* who runs, or the kernel runs for; NULL: nobody (it was stopped, or idle) */
	uint64_t stack_top;
	struct cpu *self;
	bool reschedule;             /* current may no longer be the right one */
	uint64_t pending_vectors[4]; /* interrupts that came in a window and were not handled yet */

	uint32_t number;
	uint8_t apic_id;
	struct space *space;         /* host address space that CR3 holds; NULL: the kernel's own */
	struct execution *fpu_owner; /* whose FPU state the registers hold */
	union {
		struct {
			uint32_t trust_domain; /* of the last user or guest code that ran */
			uint8_t fpu_access;    /* enum fpu_access */
			uint8_t zero;
			bool io_open; /* the TSS shows io_space's ports */
			bool tracing; /* the trace ring is on */
		};
		uint64_t
			switch_key; /* equals an execution's: nothing of all that is to be changed, or told */
	};
	struct thread *bases_owner; /* whose FS base, and GS base (swapped), the CPU holds */
	uint64_t tsc_aux;           /* what MSR TSC_AUX holds */

	uint64_t stretch;     /* number of the present one (ipc/open_call.h) */
	uint64_t invocations; /* so many times slots may have been emptied, or capabilities moved */
	struct notification *
		late_signal; /* was rung by the guest that runs, whose next exit wakes the waiter: kernel_entered() */

	struct execution_queue ready[PRIORITIES];
	uint64_t ready_bits[4];   /* bit p of word p / 64: queue p is not empty */
	int32_t ready_top;        /* the highest of them; -1: all are empty */
	struct execution *traced; /* whose switch the trace ring has last */

	struct sched_context *context; /* whose time runs; current's */
	uint64_t context_start;        /* TSC since when */
	struct timeout *timeouts;
	uint64_t armed_deadline; /* of the local APIC timer; UINT64_MAX: stopped */

	/* virt/ */
	uint32_t next_asid;
	uint64_t asid_generation;
	uint64_t host_state_physical; /* VMSAVE area of the host */
	struct space *io_space;       /* whose ports the I/O bitmap shows */

	struct cpu_tables tables;
	uint8_t host_save_area[4096] __attribute__((aligned(4096)));
	uint8_t host_state[4096] __attribute__((aligned(4096)));
};

extern struct cpu boot_cpu;

static inline struct cpu *this_cpu(void)
{
	struct cpu *cpu;

	__asm__("movq %%gs:24, %0" : "=r"(cpu));
	return cpu;
}
_Static_assert(__builtin_offsetof(struct cpu, self) == 24, "this_cpu and entry.S");
