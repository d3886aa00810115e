/* SPDX-License-Identifier: MIT */
/* The short way through the exits that a guest makes most: CPUID, the local APIC's registers and timer, and
 * registers of device models in memory. It does what
 * exit_handle() does of them, or nothing: whatever is not the usual case (an event that waits, single steps, an
 * instruction that has not been seen just so) is left to that. Inline, so that the handler's loop keeps all in
 * registers. */
#ifndef VMM_VCPU_HOT_H
#define VMM_VCPU_HOT_H

#include "vcpu/exit.h"

#include "clock/time.h"
#include "vcpu/model.h"

/* What an instruction must not stand under: a #DB would follow it, or RF would have to be cleared. */
#define HOT_FLAGS (RFLAGS_TF | RFLAGS_RF)

static inline void hot_count(struct vmm *vmm, uint64_t reason)
{
	struct vm_status *status = vmm_status(vmm);

	status->exits++;
	status->exits_by_reason[reason]++;
}

static inline void hot_complete(struct bh_vcpu_state *state, const struct code_proof *proof)
{
	state->rip = proof->exact.next_rip;
	state->interrupt_shadow = 0;
}

static inline bool hot_cpuid(struct vmm *vmm, struct vcpu *vcpu)
{
	struct bh_vcpu_state *state = vcpu->state;
	uint64_t rip = state->rip;
	const struct instruction_cache_entry *entry =
		&vcpu->instructions.entry[code_cache_index(rip, INSTRUCTION_CACHE_ENTRIES)];
	const struct cpuid_result *result = cpuid_plain(&vmm->cpuid, (uint32_t)state->registers[BH_RAX]);

	if (result == NULL || (state->rflags & HOT_FLAGS) != 0 ||
		!code_proof_stands(&entry->proof, state, rip) ||
		entry->instruction.operation != INSTRUCTION_CPUID) {
		return false;
	}
	state->registers[BH_RAX] = result->eax;
	state->registers[BH_RBX] = result->ebx;
	state->registers[BH_RCX] = result->ecx;
	state->registers[BH_RDX] = result->edx;
	hot_complete(state, &entry->proof);
	hot_count(vmm, BH_EXIT_CPUID);
	return true;
}

/* The end of an exit that changed the fabric. */
static inline uint64_t hot_settle(struct vmm *vmm, struct vcpu *vcpu, uint64_t now)
{
	vcpu->fresh = 0;
	vcpu->changed = 0;
	return exit_settle(vmm, vcpu, now);
}

/* The end of an interrupt. Mostly nothing waits behind it. */
static inline uint64_t hot_eoi(struct vmm *vmm, struct vcpu *vcpu)
{
	if (vmm->fabric.lapic[vcpu->number].isr_highest == 0) {
		return 0;
	}
	fabric_eoi(&vmm->fabric, vcpu->number);
	return fabric_events(&vmm->fabric, vcpu->number) == 0 ? 0 : hot_settle(vmm, vcpu, time_now(vmm));
}

static inline uint64_t hot_apic_write(struct vmm *vmm, struct vcpu *vcpu, uint32_t offset, uint32_t value)
{
	uint64_t now;

	if (offset == LAPIC_EOI) {
		return hot_eoi(vmm, vcpu);
	}
	now = time_now(vmm);
	fabric_apic_write(&vmm->fabric, vcpu->number, offset, value, now);
	return hot_settle(vmm, vcpu, now);
}

/* The two registers that a guest with TSC-deadline timer or x2APIC writes for each interrupt. */
static inline bool hot_msr_write(struct vmm *vmm, struct vcpu *vcpu, uint64_t *answer)
{
	struct bh_vcpu_state *state = vcpu->state;
	const struct lapic *lapic = &vmm->fabric.lapic[vcpu->number];
	uint64_t rip = state->rip;
	const struct instruction_cache_entry *entry =
		&vcpu->instructions.entry[code_cache_index(rip, INSTRUCTION_CACHE_ENTRIES)];
	uint64_t value = state->registers[BH_RDX] << 32 | (uint32_t)state->registers[BH_RAX];
	uint32_t msr = (uint32_t)state->registers[BH_RCX];
	bool eoi = msr == MSR_X2APIC_EOI && value == 0 && lapic->mode == LAPIC_MODE_X2APIC;
	enum lapic_msr_result refused;
	uint64_t now;

	if ((!eoi && (msr != MSR_TSC_DEADLINE || !lapic->tsc_deadline_allowed)) ||
		(state->rflags & HOT_FLAGS) != 0 || !code_proof_stands(&entry->proof, state, rip) ||
		entry->instruction.operation != INSTRUCTION_WRMSR) {
		return false;
	}
	hot_count(vmm, BH_EXIT_MSR_WRITE);
	hot_complete(state, &entry->proof);
	if (eoi) {
		*answer = hot_eoi(vmm, vcpu);
		return true;
	}
	now = time_now(vmm);
	/* Not refused: that was looked at above. */
	refused = fabric_msr_write(&vmm->fabric, vcpu->number, msr, value, now);
	(void)refused;
	*answer = hot_settle(vmm, vcpu, now);
	return true;
}

/* A 32-bit register of a device model. What it does to its lines comes as a signal. */
static inline bool hot_device(struct vmm *vmm, struct vcpu *vcpu, const struct mmio_cache_entry *entry,
	uint64_t guest_physical, bool write)
{
	struct bh_vcpu_state *state = vcpu->state;
	const struct vmm_memory_range *range = model_memory(vmm, guest_physical, 4);
	uint32_t value;

	if (range == NULL) {
		return false;
	}
	hot_count(vmm, BH_EXIT_MEMORY);
	vmm_status(vmm)->instructions_emulated++;
	value = model_access(vmm, vcpu, range->endpoint, !write, (uint32_t)(guest_physical - range->first), 4,
		write ? mmio_quick_value(entry, state) : 0, model_sequence(vcpu));
	if (!write) {
		state->registers[entry->instruction.general_register & 15] = value;
	}
	hot_complete(state, &entry->proof);
	return true;
}

static inline bool hot_memory(
	struct vmm *vmm, struct vcpu *vcpu, uint64_t guest_physical, uint64_t information, uint64_t *answer)
{
	struct bh_vcpu_state *state = vcpu->state;
	struct lapic *lapic = &vmm->fabric.lapic[vcpu->number];
	uint32_t offset = (uint32_t)guest_physical & 0xfff;
	bool write = (information & BH_MEMORY_WRITE) != 0;
	const struct mmio_cache_entry *entry;

	if ((information & (BH_MEMORY_FETCH | BH_MEMORY_PAGING)) != 0 ||
		(state->undelivered & BH_EVENT_VALID) != 0 || (state->rflags & HOT_FLAGS) != 0) {
		return false;
	}
	entry = mmio_quick(&vcpu->mmio, state, guest_physical, write);
	if (entry == NULL) {
		return false;
	}
	if (guest_physical - offset != lapic->base || lapic->mode != LAPIC_MODE_XAPIC) {
		*answer = 0;
		return hot_device(vmm, vcpu, entry, guest_physical, write);
	}
	if ((offset & 15) != 0) {
		return false;
	}
	hot_count(vmm, BH_EXIT_MEMORY);
	vmm_status(vmm)->instructions_emulated++;
	if (!write) {
		uint64_t now = offset == LAPIC_CURRENT_COUNT ? time_now(vmm) : 0;

		state->registers[entry->instruction.general_register & 15] = lapic_read(lapic, offset, now);
		hot_complete(state, &entry->proof);
		*answer = 0;
		return true;
	}
	/* The instruction ends first: what the write brings is delivered behind it. */
	uint32_t value = mmio_quick_value(entry, state);

	hot_complete(state, &entry->proof);
	*answer = hot_apic_write(vmm, vcpu, offset, value);
	return true;
}

/* The exit whose words are given as in struct exit_message: true, and *answer is word 0 of the answer; false, and
 * nothing was done: exit_handle(). */
static inline bool hot_exit(struct vmm *vmm, struct vcpu *vcpu, uint64_t reason, uint64_t qualification,
	uint64_t information, uint64_t *answer)
{
	uint32_t fresh;

	if (!vcpu->quiet) {
		return false;
	}
	reason &= 0xff;
	if (reason != BH_EXIT_CPUID && reason != BH_EXIT_MSR_WRITE && reason != BH_EXIT_MEMORY) {
		return false;
	}
	fresh = vcpu->fresh;
	vcpu->fresh = 0;
	vcpu_unpack_code(vcpu);
	vcpu->fresh = fresh;
	if (reason == BH_EXIT_CPUID) {
		*answer = 0;
		return hot_cpuid(vmm, vcpu);
	}
	if (reason == BH_EXIT_MSR_WRITE) {
		return hot_msr_write(vmm, vcpu, answer);
	}
	return reason == BH_EXIT_MEMORY && hot_memory(vmm, vcpu, qualification, information, answer);
}

#endif
