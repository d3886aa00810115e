/* SPDX-License-Identifier: MIT */
/* Between a vCPU's state page and its control block (AMD APM vol. 2 appendix B). What comes from the page is read once and clamped;
 * mandatory intercepts, bitmaps, ASID and nested root never come from there. */
#include "virt/svm_state.h"

#include "arch/x86_64/cpu_features.h"
#include "arch/x86_64/fpu.h"
#include "string.h"
#include "virt/svm.h"

#define EFER_GUEST (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | 1ul << 14 /* FFXSR */)

/* A segment register is two words in both forms (vmcb.h asserts it); attributes stand in bits 16..31 of the first. */
#define SEGMENT_VALID UINT64_C(0xffffffff0fffffff)

static void load_segment(struct vmcb_segment *to, const struct bh_segment_register *from)
{
	const volatile uint64_t *words = (const volatile uint64_t *)from;

	((uint64_t *)to)[0] = words[0] & SEGMENT_VALID;
	((uint64_t *)to)[1] = words[1];
}

static void load_control(struct vmcb *vmcb, const struct bh_vcpu_state *state)
{
	uint64_t cr0 = READ_ONCE(state->cr0), cr4 = READ_ONCE(state->cr4);
	uint64_t efer = READ_ONCE(state->efer) & EFER_GUEST;

	/* QEMU's emulator (7.2) sets the host's CR0 at #VMEXIT while EFER and CR4 are the guest's, and takes LME without PAE for a
	 * reason not to: the host would go on without paging. */
	if (cpu_features.svm_event_repeats && (cr0 & CR0_PG) == 0 && (cr4 & CR4_PAE) == 0) {
		efer &= ~EFER_LME;
	}
	/* LMA says that LME and paging are on (APM vol. 2 section 3.1.7). Without them it is no state of a CPU. */
	if ((efer & EFER_LME) == 0 || (cr0 & CR0_PG) == 0) {
		efer &= ~EFER_LMA;
	}
	vmcb->cr0 = cr0;
	vmcb->cr2 = READ_ONCE(state->cr2);
	vmcb->cr3 = READ_ONCE(state->cr3);
	vmcb->cr4 = cr4;
	vmcb->efer = efer | EFER_SVME;
	vmcb->cpl = READ_ONCE(state->cpl) & 3;
}

static void load_segments(struct vmcb *vmcb, const struct bh_vcpu_state *state)
{
	load_segment(&vmcb->es, &state->segment[BH_ES]);
	load_segment(&vmcb->cs, &state->segment[BH_CS]);
	load_segment(&vmcb->ss, &state->segment[BH_SS]);
	load_segment(&vmcb->ds, &state->segment[BH_DS]);
	load_segment(&vmcb->fs, &state->segment[BH_FS]);
	load_segment(&vmcb->gs, &state->segment[BH_GS]);
	load_segment(&vmcb->ldtr, &state->segment[BH_LDTR]);
	load_segment(&vmcb->tr, &state->segment[BH_TR]);
	load_segment(&vmcb->gdtr, &state->gdtr);
	load_segment(&vmcb->idtr, &state->idtr);
}

static void load_debug(struct vcpu *vcpu, struct vmcb *vmcb, const struct bh_vcpu_state *state)
{
	for (unsigned int i = 0; i < 4; i++) {
		vcpu->debug_registers[i] = READ_ONCE(state->dr[i]);
	}
	vmcb->dr6 = (READ_ONCE(state->dr6) & 0xe00f) | 0xffff0ff0;
	/* GD would fault the guest's own accesses, which all exit anyway. */
	vmcb->dr7 = (READ_ONCE(state->dr7) & 0xffff03ff) | 0x400;
}

static uint64_t canonical(uint64_t address) { return (uint64_t)((int64_t)(address << 16) >> 16); }

/* VMLOAD faults on no value, but the bases must be canonical for the guest's sake. */
static void load_msrs(struct vcpu *vcpu, struct vmcb *vmcb, const struct bh_vcpu_state *state)
{
	uint64_t xcr0 = READ_ONCE(state->xcr0);

	vmcb->star = READ_ONCE(state->star);
	vmcb->lstar = canonical(READ_ONCE(state->lstar));
	vmcb->cstar = canonical(READ_ONCE(state->cstar));
	vmcb->sfmask = READ_ONCE(state->sfmask);
	vmcb->kernel_gs_base = canonical(READ_ONCE(state->kernel_gs_base));
	vmcb->sysenter_cs = READ_ONCE(state->sysenter_cs);
	vmcb->sysenter_esp = canonical(READ_ONCE(state->sysenter_esp));
	vmcb->sysenter_eip = canonical(READ_ONCE(state->sysenter_eip));
	vmcb->pat = READ_ONCE(state->pat);
	vmcb->tsc_offset = READ_ONCE(state->tsc_offset);
	vcpu->tsc_aux = READ_ONCE(state->tsc_aux) & 0xffffffff;
	/* XSETBV faults on anything that isn't a subset of the host's with x87, and on AVX without SSE. */
	xcr0 = (xcr0 & cpu_features.xcr0) | XCR0_X87;
	if ((xcr0 & XCR0_SSE) == 0) {
		xcr0 &= ~XCR0_AVX;
	}
	vcpu->xcr0 = xcr0;
	fpu_xcr0_changed(vcpu->execution.cpu, vcpu);
}

bool svm_load_base(struct vcpu *vcpu)
{
	struct vmcb *vmcb = vmcb_of(vcpu);
	struct bh_vcpu_state *state = vcpu->state;
	uint64_t inject = READ_ONCE(state->inject);
	uint64_t undelivered = READ_ONCE(state->undelivered);

	if ((inject & undelivered & BH_EVENT_VALID) != 0) {
		return false;
	}
	if ((inject & BH_EVENT_VALID) == 0) {
		inject = undelivered;
	}
	vcpu->undelivered = (inject & BH_EVENT_VALID) != 0 ? inject & EVENT_INJECTION_VALID_BITS : 0;
	state->inject = 0;
	load_flow(vmcb, state, READ_ONCE(state->interrupt_shadow) & INTERRUPT_SHADOW);
	window_ask(vmcb, READ_ONCE(state->interrupt_window) != 0);
	return true;
}

void svm_load_groups(struct vcpu *vcpu, uint32_t groups)
{
	struct vmcb *vmcb = vmcb_of(vcpu);
	const struct bh_vcpu_state *state = vcpu->state;

	if ((groups & BH_GROUP_CONTROL) != 0) {
		load_control(vmcb, state);
	}
	if ((groups & BH_GROUP_SEGMENTS) != 0) {
		load_segments(vmcb, state);
	}
	if ((groups & BH_GROUP_DEBUG) != 0) {
		load_debug(vcpu, vmcb, state);
	}
	if ((groups & BH_GROUP_MSRS) != 0) {
		load_msrs(vcpu, vmcb, state);
	}
}

static void store_segments(const struct vmcb *vmcb, struct bh_vcpu_state *state)
{
	store_segment(&state->segment[BH_ES], &vmcb->es);
	store_segment(&state->segment[BH_CS], &vmcb->cs);
	store_segment(&state->segment[BH_SS], &vmcb->ss);
	store_segment(&state->segment[BH_DS], &vmcb->ds);
	store_segment(&state->segment[BH_FS], &vmcb->fs);
	store_segment(&state->segment[BH_GS], &vmcb->gs);
	store_segment(&state->segment[BH_LDTR], &vmcb->ldtr);
	store_segment(&state->segment[BH_TR], &vmcb->tr);
	store_segment(&state->gdtr, &vmcb->gdtr);
	store_segment(&state->idtr, &vmcb->idtr);
}

static void store_msrs(struct vcpu *vcpu, const struct vmcb *vmcb, struct bh_vcpu_state *state)
{
	state->star = vmcb->star;
	state->lstar = vmcb->lstar;
	state->cstar = vmcb->cstar;
	state->sfmask = vmcb->sfmask;
	state->kernel_gs_base = vmcb->kernel_gs_base;
	state->sysenter_cs = vmcb->sysenter_cs;
	state->sysenter_esp = vmcb->sysenter_esp;
	state->sysenter_eip = vmcb->sysenter_eip;
	state->pat = vmcb->pat;
	fpu_xcr0_read(vcpu->execution.cpu, vcpu);
	state->xcr0 = vcpu->xcr0;
	state->tsc_offset = vmcb->tsc_offset;
	state->tsc_aux = vcpu->tsc_aux;
}

void svm_store_base(struct vcpu *vcpu) { store_base(vmcb_of(vcpu), vcpu->state, vcpu->undelivered); }

void svm_store_groups(struct vcpu *vcpu, uint32_t groups)
{
	const struct vmcb *vmcb = vmcb_of(vcpu);
	struct bh_vcpu_state *state = vcpu->state;

	if ((groups & BH_GROUP_CODE) != 0) {
		store_code(vmcb, &state->code);
	}
	if ((groups & BH_GROUP_CONTROL) != 0) {
		state->cr0 = vmcb->cr0;
		state->cr2 = vmcb->cr2;
		state->cr3 = vmcb->cr3;
		state->cr4 = vmcb->cr4;
		state->efer = vmcb->efer & ~EFER_SVME;
		state->cpl = vmcb->cpl;
	}
	if ((groups & BH_GROUP_SEGMENTS) != 0) {
		store_segments(vmcb, state);
	}
	if ((groups & BH_GROUP_DEBUG) != 0) {
		memcpy(state->dr, vcpu->debug_registers, sizeof(state->dr));
		state->dr6 = vmcb->dr6;
		state->dr7 = vmcb->dr7;
	}
	if ((groups & BH_GROUP_MSRS) != 0) {
		store_msrs(vcpu, vmcb, state);
	}
}

uint64_t svm_rip(const struct vcpu *vcpu)
{
	return ((const struct vmcb *)(const void *)vcpu->control_block)->rip;
}

void svm_complete_port(struct vcpu *vcpu, uint64_t next_rip) { complete_port(vmcb_of(vcpu), next_rip); }
