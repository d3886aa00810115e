/* SPDX-License-Identifier: MIT */
/* RDMSR and WRMSR (msr_exit.h). Touches the state page, the fabric and the emulated MSRs. */
#include "vcpu/msr_exit.h"

#include <stddef.h>

#include "clock/time.h"
#include "vcpu/paravirtual.h"

/* Where the state page keeps a register. */
struct state_place {
	uint32_t msr;
	uint16_t offset; /* in struct bh_vcpu_state */
	uint16_t groups;
};

#define PLACE(number, field, group)                                                          \
	{                                                                                    \
		(number), (uint16_t)offsetof(struct bh_vcpu_state, field), (uint16_t)(group) \
	}

static const struct state_place state_places[] = {
	PLACE(MSR_EFER, efer, BH_GROUP_CONTROL),
	PLACE(MSR_FS_BASE, segment[BH_FS].base, BH_GROUP_SEGMENTS),
	PLACE(MSR_GS_BASE, segment[BH_GS].base, BH_GROUP_SEGMENTS),
	PLACE(MSR_KERNEL_GS_BASE, kernel_gs_base, BH_GROUP_MSRS),
	PLACE(MSR_STAR, star, BH_GROUP_MSRS),
	PLACE(MSR_LSTAR, lstar, BH_GROUP_MSRS),
	PLACE(MSR_CSTAR, cstar, BH_GROUP_MSRS),
	PLACE(MSR_SFMASK, sfmask, BH_GROUP_MSRS),
	PLACE(MSR_SYSENTER_CS, sysenter_cs, BH_GROUP_MSRS),
	PLACE(MSR_SYSENTER_ESP, sysenter_esp, BH_GROUP_MSRS),
	PLACE(MSR_SYSENTER_EIP, sysenter_eip, BH_GROUP_MSRS),
	PLACE(MSR_PAT, pat, BH_GROUP_MSRS),
	PLACE(MSR_TSC_AUX, tsc_aux, BH_GROUP_MSRS),
};

/* The register's place, its group made fresh; NULL if the state page has none. */
static uint64_t *find_place(struct vcpu *vcpu, uint32_t msr, uint32_t *groups)
{
	for (size_t i = 0; i < sizeof(state_places) / sizeof(state_places[0]); i++) {
		if (state_places[i].msr == msr) {
			*groups = state_places[i].groups;
			vcpu_need(vcpu, *groups);
			return (uint64_t *)(void *)((char *)vcpu->state + state_places[i].offset);
		}
	}
	return NULL;
}

static void note_unknown(struct vmm *vmm, const struct vcpu *vcpu, uint32_t msr, bool write, uint64_t before)
{
	if (vmm->msr_unknown.accesses != before) {
		unowned_note(&vmm->unowned, vmm_status(vmm), UNOWNED_MSR, msr, write, vcpu->state->rip);
	}
}

/* True: *value is the register's. */
static bool read_msr(struct vmm *vmm, struct vcpu *vcpu, uint32_t msr, uint64_t now, uint64_t *value)
{
	uint64_t unknown = vmm->msr_unknown.accesses;
	const uint64_t *place;
	uint32_t groups;

	switch (msr_read(&vmm->msr_cpu, &vmm->msr, msr, value, &vmm->msr_unknown)) {
	case MSR_OK:
		return true;
	case MSR_FABRIC:
		return fabric_msr_read(&vmm->fabric, vcpu->number, msr, now, value) == LAPIC_MSR_OK;
	case MSR_TIME:
		*value = msr == MSR_TSC ? time_read_tsc(vcpu) : time_read_adjust(vcpu);
		return true;
	case MSR_STATE:
	case MSR_STATE_EFER:
		place = find_place(vcpu, msr, &groups);
		if (place == NULL) {
			return false;
		}
		*value = *place;
		return true;
	case MSR_PARAVIRTUAL:
		*value = paravirtual_read(vcpu, msr);
		return true;
	case MSR_GENERAL_PROTECTION:
		break;
	}
	note_unknown(vmm, vcpu, msr, false, unknown);
	return false;
}

static bool write_state(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
	uint32_t groups;
	uint64_t *place = find_place(vcpu, msr, &groups);

	if (place == NULL) {
		return false;
	}
	*place = value;
	vcpu_change(vcpu, groups);
	return true;
}

static bool write_efer(struct vmm *vmm, struct vcpu *vcpu, uint64_t value)
{
	uint64_t efer;

	vcpu_need(vcpu, BH_GROUP_CONTROL);
	efer = vcpu->state->efer;
	if (msr_efer(&vmm->msr, vcpu->state->cr0, value, &efer) != MSR_STATE) {
		return false;
	}
	vcpu->state->efer = efer;
	vcpu_change(vcpu, BH_GROUP_CONTROL);
	return true;
}

/* True: the register has the value. */
static bool write_msr(struct vmm *vmm, struct vcpu *vcpu, uint32_t msr, uint64_t value, uint64_t now)
{
	uint64_t unknown = vmm->msr_unknown.accesses;

	switch (msr_write(&vmm->msr_cpu, &vmm->msr, msr, value, &vmm->msr_unknown)) {
	case MSR_OK:
		return true;
	case MSR_FABRIC:
		if (msr == MSR_APIC_BASE) {
			site_forget_all(vcpu);
		}
		return fabric_msr_write(&vmm->fabric, vcpu->number, msr, value, now) == LAPIC_MSR_OK;
	case MSR_TIME:
		if (msr == MSR_TSC) {
			time_write_tsc(vmm, vcpu, value);
		} else {
			time_write_adjust(vmm, vcpu, value);
		}
		return true;
	case MSR_STATE:
		return write_state(vcpu, msr, value);
	case MSR_STATE_EFER:
		return write_efer(vmm, vcpu, value);
	case MSR_PARAVIRTUAL:
		return paravirtual_write(vmm, vcpu, msr, value);
	case MSR_GENERAL_PROTECTION:
		break;
	}
	note_unknown(vmm, vcpu, msr, true, unknown);
	return false;
}

void msr_read_exit(struct vmm *vmm, struct vcpu *vcpu, uint32_t length, uint64_t now)
{
	uint64_t *registers = vcpu->state->registers;
	uint64_t value = 0;

	if (!vcpu_instruction_length(vcpu, &vmm->memory, INSTRUCTION_RDMSR, length, &length)) {
		return;
	}
	if (!read_msr(vmm, vcpu, (uint32_t)registers[BH_RCX], now, &value)) {
		vcpu_raise_protection(vcpu);
		return;
	}
	registers[BH_RAX] = (uint32_t)value;
	registers[BH_RDX] = value >> 32;
	vcpu_complete(vcpu, length);
}

void msr_write_exit(struct vmm *vmm, struct vcpu *vcpu, uint32_t length, uint64_t now)
{
	const uint64_t *registers = vcpu->state->registers;
	uint64_t value = registers[BH_RDX] << 32 | (uint32_t)registers[BH_RAX];

	if (!vcpu_instruction_length(vcpu, &vmm->memory, INSTRUCTION_WRMSR, length, &length)) {
		return;
	}
	site_note_plain(vcpu, BH_EXIT_MSR_WRITE);
	if (!write_msr(vmm, vcpu, (uint32_t)registers[BH_RCX], value, now)) {
		vcpu_raise_protection(vcpu);
		return;
	}
	vcpu_complete(vcpu, length);
}
