/* SPDX-License-Identifier: MIT */
/* What a #VMEXIT means (AMD APM vol. 2 appendix C), and the short way to who handles it. No function here returns. */
#include "virt/short.h"
#include "virt/svm.h"
#include "virt/svm_state.h"
#include "virt/vm_offsets.h"

_Noreturn void svm_exited(uint64_t *registers);

_Static_assert(offsetof(struct vmcb, fs) + 8 == VMCB_FS_BASE, "svm_entry.S");
_Static_assert(offsetof(struct vmcb, kernel_gs_base) == VMCB_KERNEL_GS_BASE, "svm_entry.S");
_Static_assert(EXIT_IOIO == VMCB_EXIT_IOIO, "svm_entry.S");
_Static_assert(VMCB_IOIO_NO_DOORBELL == (IOIO_IN | IOIO_STRING | IOIO_REP), "svm_entry.S");
_Static_assert((int64_t)(offsetof(struct vcpu, control_block) + offsetof(struct vmcb, exit_code)) -
			       (int64_t)(offsetof(struct vcpu, state_page) +
					 offsetof(struct bh_vcpu_state, registers)) ==
		       EXIT_CODE_FROM_REGISTERS,
	"svm_entry.S");

_Static_assert((int64_t)offsetof(struct vcpu, control_block_physical) -
			       (int64_t)(offsetof(struct vcpu, state_page) +
					 offsetof(struct bh_vcpu_state, registers)) ==
		       CONTROL_BLOCK_FROM_REGISTERS,
	"svm_entry.S");

/* Exits whose code says all there is to say. What stands at 0 has more to it. */
static const uint8_t plain_reasons[EXIT_PLAIN_LAST - EXIT_PLAIN_FIRST + 1] = {
	[EXIT_CPUID - EXIT_PLAIN_FIRST] = BH_EXIT_CPUID,
	[EXIT_HLT - EXIT_PLAIN_FIRST] = BH_EXIT_HLT,
	[EXIT_SHUTDOWN - EXIT_PLAIN_FIRST] = BH_EXIT_SHUTDOWN,
	[EXIT_VMMCALL - EXIT_PLAIN_FIRST] = BH_EXIT_HYPERCALL,
	[EXIT_XSETBV - EXIT_PLAIN_FIRST] = BH_EXIT_XSETBV,
	[EXIT_INVD - EXIT_PLAIN_FIRST] = BH_EXIT_CACHE,
	[EXIT_WBINVD - EXIT_PLAIN_FIRST] = BH_EXIT_CACHE,
	[EXIT_RDPMC - EXIT_PLAIN_FIRST] = BH_EXIT_COUNTER,
	[EXIT_VMRUN - EXIT_PLAIN_FIRST] = BH_EXIT_VIRTUALIZATION,
	[EXIT_VMLOAD - EXIT_PLAIN_FIRST] = BH_EXIT_VIRTUALIZATION,
	[EXIT_VMSAVE - EXIT_PLAIN_FIRST] = BH_EXIT_VIRTUALIZATION,
	[EXIT_STGI - EXIT_PLAIN_FIRST] = BH_EXIT_VIRTUALIZATION,
	[EXIT_CLGI - EXIT_PLAIN_FIRST] = BH_EXIT_VIRTUALIZATION,
	[EXIT_SKINIT - EXIT_PLAIN_FIRST] = BH_EXIT_VIRTUALIZATION,
	[EXIT_INVLPGA - EXIT_PLAIN_FIRST] = BH_EXIT_VIRTUALIZATION,
	[EXIT_INVLPGB - EXIT_PLAIN_FIRST] = BH_EXIT_VIRTUALIZATION,
	[EXIT_INVLPGB_ILLEGAL - EXIT_PLAIN_FIRST] = BH_EXIT_VIRTUALIZATION,
	[EXIT_MCOMMIT - EXIT_PLAIN_FIRST] = BH_EXIT_VIRTUALIZATION,
	[EXIT_TLBSYNC - EXIT_PLAIN_FIRST] = BH_EXIT_VIRTUALIZATION,
	[EXIT_RSM - EXIT_PLAIN_FIRST] = BH_EXIT_VIRTUALIZATION,
	[EXIT_RDPRU - EXIT_PLAIN_FIRST] = BH_EXIT_VIRTUALIZATION,
	[EXIT_MONITOR - EXIT_PLAIN_FIRST] = BH_EXIT_MONITOR,
	[EXIT_MWAIT - EXIT_PLAIN_FIRST] = BH_EXIT_MONITOR,
	[EXIT_MWAIT_ARMED - EXIT_PLAIN_FIRST] = BH_EXIT_MONITOR,
};

static ALWAYS_INLINE bool in_range(uint32_t code, uint32_t first, uint32_t last)
{
	return code - first <= last - first;
}

/* rip, rflags, events and the groups that the exit asks for go to the page, and all of it to its handler. */
static ALWAYS_INLINE _Noreturn void deliver(struct cpu *cpu, struct vcpu *vcpu, const struct vmcb *vmcb,
	uint32_t reason, uint64_t qualification, uint64_t information)
{
	struct bh_vcpu_state *state = state_of(vcpu);
	uint32_t mask = vcpu->exit_masks[reason];

	state->registers[BH_RAX] = vmcb->rax;
	state->registers[BH_RSP] = vmcb->rsp;
	store_base(vmcb, state, vcpu->undelivered);
	if (__builtin_expect(mask == BH_GROUP_CODE, 1)) {
		store_code(vmcb, &state->code);
	} else if (mask != 0) {
		svm_store_groups(vcpu, mask);
	}
	vcpu_exited(cpu, vcpu, reason, 0, qualification, information);
}

/* All exits that are not in the table. */
static _Noreturn __attribute__((noinline)) void exited_otherwise(
	struct cpu *cpu, struct vcpu *vcpu, struct vmcb *vmcb, uint32_t code)
{
	uint64_t qualification = 0, information = 0;
	uint32_t reason = BH_EXIT_UNKNOWN;

	if (in_range(code, EXIT_INTR, EXIT_INIT) || code == EXIT_FERR_FREEZE) {
		state_of(vcpu)->registers[BH_RAX] = vmcb->rax;
		state_of(vcpu)->registers[BH_RSP] = vmcb->rsp;
		vcpu_interrupted(cpu, vcpu);
	}
	if (code == EXIT_MSR) {
		reason = (vmcb->exit_info_1 & 1) != 0 ? BH_EXIT_MSR_WRITE : BH_EXIT_MSR_READ;
	} else if (code == EXIT_VINTR) {
		reason = BH_EXIT_INTERRUPT_WINDOW;
	} else if (in_range(code, EXIT_CR_READ, EXIT_CR_WRITE + 15)) {
		reason = BH_EXIT_CONTROL_REGISTER;
		qualification = (code & 15) | (code >= EXIT_CR_WRITE ? 0x100 : 0);
	} else if (in_range(code, EXIT_DR_READ, EXIT_DR_WRITE + 15)) {
		reason = BH_EXIT_DEBUG_REGISTER;
		qualification = (code & 15) | (code >= EXIT_DR_WRITE ? 0x100 : 0);
	} else if (in_range(code, EXIT_EXCEPTION, EXIT_EXCEPTION + 31)) {
		reason = BH_EXIT_EXCEPTION;
		qualification = code - EXIT_EXCEPTION;
		information = vmcb->exit_info_1;
	} else {
		qualification = code;
		if (code == EXIT_INVALID) {
			reason = BH_EXIT_ENTRY_FAILED;
			svm_refused(cpu, vcpu, vmcb);
		}
	}
	deliver(cpu, vcpu, vmcb, reason, qualification, information);
}

void svm_exited(uint64_t *registers)
{
	struct vcpu *vcpu = vcpu_of(registers);
	struct vmcb *vmcb = vmcb_of(vcpu);
	struct cpu *cpu = this_cpu();
	uint32_t code = (uint32_t)vmcb->exit_code, reason = 0;

	if (!vcpu->plain || (vmcb->exit_interrupt_info & BH_EVENT_VALID) != 0) {
		svm_leave(cpu, vcpu, vmcb);
	}
	if (code == EXIT_IOIO) {
		uint64_t info = vmcb->exit_info_1;

		registers[BH_RAX] = vmcb->rax;
		registers[BH_RSP] = vmcb->rsp;
		if ((info & (IOIO_STRING | IOIO_REP)) == 0 && (vmcb->rflags & RFLAGS_TF) == 0 &&
			((vmcb->dr7 & 0xff) == 0 || (vmcb->cr4 & CR4_DE) == 0)) {
			vcpu_port_exited(cpu, vcpu, info & IOIO_WORD, vmcb->exit_info_2);
		}
		vcpu->exits++;
		vcpu_port_exited_long(cpu, vcpu,
			(info & IOIO_WORD) | (info >> 1 & (BH_PORT_STRING | BH_PORT_REP)), vmcb->exit_info_2,
			0);
	}
	if (code == EXIT_NPF) {
		deliver(cpu, vcpu, vmcb, BH_EXIT_MEMORY, vmcb->exit_info_2, vmcb->exit_info_1);
	}
	if (in_range(code, EXIT_PLAIN_FIRST, EXIT_PLAIN_LAST)) {
		reason = plain_reasons[code - EXIT_PLAIN_FIRST];
	}
	if (reason == 0) {
		exited_otherwise(cpu, vcpu, vmcb, code);
	}
	deliver(cpu, vcpu, vmcb, reason, 0, 0);
}
