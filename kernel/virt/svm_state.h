/* SPDX-License-Identifier: MIT */
/* A vCPU's control block and state page, inside of the AMD-V back end. */
#pragma once

#include "arch/x86_64/cpu.h"
#include "object/objects.h"
#include "sched/cpu.h"
#include "virt/vmcb.h"

#define READ_ONCE(field) (*(const volatile __typeof__(field) *)&(field))

/* rflags bits that exist (APM vol. 1 section 3.1.4) */
#define GUEST_RFLAGS UINT64_C(0x3f7fd5)
#define EVENT_INJECTION_VALID_BITS UINT64_C(0xffffffff80000fff)
#define VIRTUAL_INTERRUPT (V_INTR_MASKING | V_IRQ | V_INTR_PRIORITY | V_IGNORE_TPR)

static inline struct vmcb *vmcb_of(struct vcpu *vcpu) { return (struct vmcb *)(void *)vcpu->control_block; }

static inline struct vcpu *vcpu_of(uint64_t *registers)
{
	return (struct vcpu *)((uint64_t)registers - offsetof(struct bh_vcpu_state, registers) -
			       offsetof(struct vcpu, state_page));
}

/* What vcpu->state points to. */
static inline struct bh_vcpu_state *state_of(struct vcpu *vcpu)
{
	return (struct bh_vcpu_state *)(void *)vcpu->state_page;
}

/* Where the guest goes on, and how. */
static inline void load_flow(struct vmcb *vmcb, const struct bh_vcpu_state *state, uint64_t shadow)
{
	vmcb->rip = READ_ONCE(state->rip);
	vmcb->rflags = (READ_ONCE(state->rflags) & GUEST_RFLAGS) | RFLAGS_FIXED;
	vmcb->interrupt_shadow = shadow;
}

static inline void complete_port(struct vmcb *vmcb, uint64_t next_rip)
{
	vmcb->rip = next_rip;
	vmcb->rflags &= ~RFLAGS_RF;
	vmcb->interrupt_shadow = 0;
}

static inline void store_base(const struct vmcb *vmcb, struct bh_vcpu_state *state, uint64_t undelivered)
{
	state->rip = vmcb->rip;
	state->rflags = vmcb->rflags;
	state->undelivered = undelivered;
	state->interrupt_shadow = (uint32_t)vmcb->interrupt_shadow & INTERRUPT_SHADOW;
}

static inline void store_segment(struct bh_segment_register *to, const struct vmcb_segment *from)
{
	((uint64_t *)to)[0] = ((const uint64_t *)from)[0];
	((uint64_t *)to)[1] = ((const uint64_t *)from)[1];
}

/* What decoding an instruction needs. */
static inline void store_code(const struct vmcb *vmcb, struct bh_code_state *code)
{
	code->cr0 = (uint32_t)vmcb->cr0;
	code->cr4 = (uint32_t)vmcb->cr4;
	code->efer = (uint32_t)(vmcb->efer & ~EFER_SVME);
	code->cs_attributes = vmcb->cs.attributes;
	code->cpl = vmcb->cpl;
	code->cr3 = vmcb->cr3;
	code->cs_base = vmcb->cs.base;
	code->ds_base = vmcb->ds.base;
}

/* The guest leaves as soon as it can take an interrupt: a virtual one is pending, and intercepted. */
static inline void window_ask(struct vmcb *vmcb, bool wanted)
{
	if (wanted) {
		vmcb->virtual_interrupt = VIRTUAL_INTERRUPT;
		vmcb->intercept3 |= INTERCEPT3_VINTR;
	} else {
		vmcb->virtual_interrupt = V_INTR_MASKING;
		vmcb->intercept3 &= ~INTERCEPT3_VINTR;
	}
}

/* svm_run.c: after an entry that was not plain, or an exit in the middle of an event: all is undone, and the event kept. */
void svm_leave(const struct cpu *cpu, struct vcpu *vcpu, struct vmcb *vmcb);

/* The CPU refused the state. Silicon leaves the save area as it is; QEMU's emulator (7.2) puts the host's rip there, and with an
 * error that it sees early all of the host's state, which no guest and no VMM may see or run with. The guest's is what the page
 * says, clamped as ever: an entry is refused only after state was loaded from there. */
void svm_refused(struct cpu *cpu, struct vcpu *vcpu, struct vmcb *vmcb);

/* svm_entry.S: enters the guest whose registers (struct bh_vcpu_state) those are; rax and rsp stand in the control block. */
_Noreturn void svm_enter(uint64_t *registers, uint64_t host_state_physical, uint8_t *host_state);
extern const char svm_enter_end[];

static inline __attribute__((always_inline)) _Noreturn void enter(
	struct cpu *cpu, struct vcpu *vcpu, struct vmcb *vmcb)
{
	uint64_t *registers = state_of(vcpu)->registers;

	vmcb->rax = READ_ONCE(registers[BH_RAX]);
	vmcb->rsp = READ_ONCE(registers[BH_RSP]);
	svm_enter(registers, cpu->host_state_physical, cpu->host_state);
}
