/* SPDX-License-Identifier: MIT */
/* Traps, interrupts, and the choice of what runs next. The kernel runs with interrupts off; a window of one instruction
 * takes those that are pending, and its handler only notes the vector. */
#include "arch/x86_64/entry.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cpu_features.h"
#include "arch/x86_64/entry_offsets.h"
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/lapic.h"
#include "arch/x86_64/user_ports.h"
#include "arch/x86_64/vectors.h"
#include "ipc/ipc.h"
#include "ipc/open_call.h"
#include "object/invocation.h"
#include "panic.h"
#include "sched/scheduler.h"
#include "trace.h"
#include "virt/vcpu.h"

_Static_assert(BH_SYS_CALL == 0 && BH_SYS_REPLY_RECV == SYSCALL_REPLY_RECV, "entry.S");
_Static_assert(BH_SYS_SIGNAL == SYSCALL_SIGNAL && BH_SYS_POLL == SYSCALL_POLL, "entry.S");
_Static_assert(BH_SYS_INVOKE == SYSCALL_INVOKE && BH_TIMER_ARM == INVOCATION_TIMER_ARM, "entry.S");
_Static_assert(BH_SYS_COUNT == SYSCALL_COUNT && BH_ERROR_SYSCALL == ERROR_SYSCALL, "entry.S");
_Static_assert(offsetof(struct cpu, scratch) == CPU_SCRATCH, "entry.S");
_Static_assert(offsetof(struct cpu, current) == CPU_CURRENT, "entry.S");
_Static_assert(offsetof(struct cpu, pending_vectors) == CPU_PENDING, "entry.S");
_Static_assert(offsetof(struct cpu, stack_top) == CPU_STACK_TOP, "entry.S");
_Static_assert(offsetof(struct thread, registers.rax) == THREAD_RAX, "entry.S");
_Static_assert(offsetof(struct thread, registers.r15) == THREAD_R15, "entry.S");
_Static_assert(offsetof(struct thread, registers.rip) == THREAD_RIP, "entry.S");
_Static_assert(offsetof(struct thread, registers.rflags) == THREAD_RFLAGS, "entry.S");
_Static_assert(offsetof(struct cpu, reschedule) == CPU_RESCHEDULE, "entry.S");
_Static_assert(offsetof(struct thread, registers.fs_base) == THREAD_FS_BASE, "entry.S");
_Static_assert(offsetof(struct thread, execution.return_by_iret) == THREAD_IRET, "entry.S");

#define PRED_CMD_IBPB 1u

void trap_kernel(const struct panic_registers *registers);

void trap_kernel(const struct panic_registers *registers)
{
	panic_with_registers("exception in the kernel", registers);
}

static bool any_pending(const struct cpu *cpu)
{
	return (cpu->pending_vectors[0] | cpu->pending_vectors[1] | cpu->pending_vectors[2] |
		       cpu->pending_vectors[3]) != 0;
}

static void window(void) { __asm__ volatile("sti; nop; cli" : : : "memory"); }

bool preemption_point(void)
{
	window();
	return any_pending(this_cpu());
}

static void handle_vector(struct cpu *cpu, unsigned int vector)
{
	trace_record(BH_TRACE_INTERRUPT, vector, cpu->current);
	if (vector == VECTOR_SPURIOUS) {
		return;
	}
	if (vector >= VECTOR_INTERRUPT_FIRST && vector <= VECTOR_IOMMU) {
		/* Masked before the EOI: a level line that is still high doesn't come again. */
		interrupt_fired(vector - VECTOR_INTERRUPT_FIRST);
	}
	if (vector < VECTOR_PIC || vector >= VECTOR_PIC + 16) {
		lapic_eoi();
	}
	if (vector == VECTOR_TIMER) {
		time_interrupt(cpu);
	}
}

static void handle_pending(struct cpu *cpu)
{
	uint64_t *last = &cpu->pending_vectors[VECTOR_TIMER / 64];

	/* Mostly it is the timer's. */
	if ((*last & UINT64_C(1) << VECTOR_TIMER % 64) != 0) {
		*last ^= UINT64_C(1) << VECTOR_TIMER % 64;
		handle_vector(cpu, VECTOR_TIMER);
		if (!any_pending(cpu)) {
			return;
		}
	}
	for (unsigned int word = 0; word < 4; word++) {
		while (cpu->pending_vectors[word] != 0) {
			unsigned int bit = (unsigned int)__builtin_ctzl(cpu->pending_vectors[word]);

			cpu->pending_vectors[word] &= cpu->pending_vectors[word] - 1;
			handle_vector(cpu, word * 64 + bit);
		}
	}
}

void interrupts_process(struct cpu *cpu)
{
	window();
	handle_pending(cpu);
}

void trap_user(struct thread *thread, uint64_t vector, uint64_t error_code)
{
	uint64_t address = 0;

	/* An interrupt gate keeps the user's direction flag and AC (APM vol. 2 section 8.7.3); our string instructions go upward,
	 * and AC would switch SMAP off. */
	__asm__ volatile("pushq %0; popfq" : : "i"(RFLAGS_FIXED) : "cc", "memory");
	kernel_entered(this_cpu());
	if (vector >= VECTOR_EXCEPTIONS) {
		this_cpu()->pending_vectors[vector / 64 & 3] |= UINT64_C(1) << (vector % 64);
		handle_pending(this_cpu());
		return;
	}
	switch (vector) {
	case VECTOR_NMI:
		return;
	case VECTOR_MACHINE_CHECK:
		panic("machine check");
	case VECTOR_PAGE_FAULT:
		address = read_cr2();
		break;
	case VECTOR_GENERAL_PROTECTION:
		if (thread->slots[THREAD_VSPACE].type == BH_OBJECT_ADDRESS_SPACE &&
			io_bitmap_load((struct space *)thread->slots[THREAD_VSPACE].object)) {
			return;
		}
		break;
	default:
		break;
	}
	thread_fault(thread, BH_FAULT_EXCEPTION | vector << 8, address, error_code);
}

void trust_domain_enter(struct cpu *cpu, uint32_t domain)
{
	if (cpu->trust_domain == domain) {
		return;
	}
	cpu->trust_domain = domain;
	if (cpu_features.spec_ctrl_ibpb) {
		wrmsr(MSR_PRED_CMD, PRED_CMD_IBPB);
	}
}

/* The user's GS base stands in the swapped register while the kernel runs. */
static uint64_t user_gs_base_read(void)
{
	uint64_t base;

	__asm__ volatile("swapgs; rdgsbase %0; swapgs" : "=r"(base));
	return base;
}

static void user_gs_base_write(uint64_t base)
{
	__asm__ volatile("swapgs; wrgsbase %0; swapgs" : : "r"(base));
}

void user_state_leave(struct cpu *cpu)
{
	if (cpu->bases_owner != NULL) {
		cpu->bases_owner->registers.fs_base = rdfsbase();
		cpu->bases_owner->registers.gs_base = user_gs_base_read();
		cpu->bases_owner = NULL;
	}
}

void user_state_load(struct cpu *cpu, struct thread *thread)
{
	user_state_leave(cpu);
	wrfsbase(thread->registers.fs_base);
	user_gs_base_write(thread->registers.gs_base);
	cpu->bases_owner = thread;
}

/* Returns only if the thread can't run. */
static void thread_run(struct cpu *cpu, struct thread *thread)
{
	const struct capability *slot = &thread->slots[THREAD_VSPACE];
	struct space *space = (struct space *)slot->object;

	if (slot->type != BH_OBJECT_ADDRESS_SPACE) {
		thread_fault(thread, BH_FAULT_NO_SPACE, 0, 0);
		return;
	}
	space_enter(cpu, space);
	if (cpu->io_open != (cpu->io_space == space)) {
		io_bitmap_show(cpu, !cpu->io_open);
	}
	trust_domain_enter(cpu, thread->execution.trust_domain);
	if (thread->execution.fpu_forbidden) {
		fpu_forbid(cpu);
	} else {
		fpu_load(cpu, &thread->execution);
		fpu_permit(cpu);
	}
	if (cpu->tsc_aux != 0) {
		cpu->tsc_aux = 0;
		wrmsr(MSR_TSC_AUX, 0);
	}
	user_state_enter(cpu, thread);
	if (thread->execution.return_by_iret) {
		thread_return_iret(thread);
	}
	thread_return_sysret(thread);
}

/* Tells the trace ring who runs next, if it is on. */
static void trace_switch(struct cpu *cpu, struct execution *next)
{
	if (__builtin_expect(trace_ring.enabled != 0, 0) && next != cpu->traced) {
		cpu->traced = next;
		trace_write(BH_TRACE_SWITCH, 0, next);
	}
}

void kernel_exit(void)
{
	struct cpu *cpu = this_cpu();

	cpu->stretch++; /* others run from here on */
	for (;;) {
		struct execution *execution;

		if (any_pending(cpu)) {
			handle_pending(cpu);
		}
		execution = cpu->reschedule ? scheduler_pick(cpu) : cpu->current;
		trace_switch(cpu, execution);
		if (execution == NULL) {
			wait_for_interrupt();
		} else if (execution->kind == EXECUTION_VCPU) {
			vcpu_run(cpu, (struct vcpu *)execution);
		} else {
			thread_run(cpu, (struct thread *)execution);
		}
	}
}
