/* SPDX-License-Identifier: MIT */
/* The short way through the exits that a guest makes most: CPUID, the local APIC's registers and timer, registers of
 * device models in memory, HLT. It does what exit_handle() does of them, or nothing: whatever is not the usual case (an
 * event that waits, single steps, an instruction that has not been seen just so, see site.h) is left to that. What nearly
 * every exit does is inline, so that the handler's loop keeps all in registers; the rest is not, so that the loop need not
 * save any. */
#ifndef VMM_VCPU_HOT_H
#define VMM_VCPU_HOT_H

#include "vcpu/exit.h"

#include "clock/time.h"
#include "vcpu/lines.h"
#include "vcpu/model.h"
#include "vcpu/paravirtual.h"

/* What an instruction must not stand under: a #DB would follow it, or RF would have to be cleared. */
#define HOT_FLAGS (RFLAGS_TF | RFLAGS_RF)

/* In place of an answer: nothing was done. */
#define HOT_NOTHING UINT64_MAX

#define HOT_INLINE static inline __attribute__((always_inline))
#define HOT_NOINLINE __attribute__((noinline))
#define HOT_USUALLY(condition) __builtin_expect(!!(condition), 1)

HOT_INLINE void hot_count(struct vm_status *status, enum bh_exit_reason reason)
{
	status->exits_by_reason[reason]++;
}

HOT_INLINE void hot_complete(struct bh_vcpu_state *state, const struct site *site)
{
	state->rip = site->next_rip;
	state->interrupt_shadow = 0;
}

/* The site of the exit's instruction, if that stands where it stood and nothing follows it but the next one; else NULL. */
HOT_INLINE struct site *hot_site(struct vcpu *vcpu, const struct bh_vcpu_state *state, uint64_t reason)
{
	uint64_t rip = state->rip;
	struct site *site = site_at(vcpu->sites, rip);

	return HOT_USUALLY(reason == site->reason) &&
			       HOT_USUALLY((site_differences(site, state, rip) | vcpu->busy) == 0) &&
			       HOT_USUALLY((state->rflags & HOT_FLAGS) == 0)
		       ? site
		       : NULL;
}

/* `other`: also for a leaf that was not asked for last. */
HOT_INLINE uint64_t hot_cpuid(const struct vmm *vmm, struct site *site, struct bh_vcpu_state *state,
	struct vm_status *status, bool other)
{
	uint32_t leaf = (uint32_t)state->registers[BH_RAX];

	if (!HOT_USUALLY(leaf == site->cpuid.leaf) && (!other || !site_note_leaf(&vmm->cpuid, site, leaf))) {
		return HOT_NOTHING;
	}
	state->registers[BH_RAX] = site->cpuid.result.eax;
	state->registers[BH_RBX] = site->cpuid.result.ebx;
	state->registers[BH_RCX] = site->cpuid.result.ecx;
	state->registers[BH_RDX] = site->cpuid.result.edx;
	hot_complete(state, site);
	hot_count(status, BH_EXIT_CPUID);
	return 0;
}

/* The end of an exit that changed the fabric. */
HOT_NOINLINE static uint64_t hot_settle(struct vmm *vmm, struct vcpu *vcpu, uint64_t now)
{
	vcpu->fresh = 0;
	vcpu->changed = 0;
	return exit_settle(vmm, vcpu, now);
}

/* Whether the local APIC has something for the vCPU. Nothing waited at the last exit: what comes from elsewhere is not there. */
HOT_INLINE bool hot_waits(const struct lapic *lapic)
{
	return lapic_deliverable(lapic) != 0 || lapic->events != 0;
}

/* The end of an interrupt that is in service. Mostly nothing waits behind it. */
HOT_NOINLINE static uint64_t hot_eoi(struct vmm *vmm, struct vcpu *vcpu)
{
	uint8_t level = lapic_eoi(vcpu->lapic);

	if (!HOT_USUALLY(level == 0)) {
		fabric_level_ended(&vmm->fabric, level);
	}
	return HOT_USUALLY(!hot_waits(vcpu->lapic)) ? 0 : hot_settle(vmm, vcpu, time_now(vmm));
}

/* The timer starts. Nothing waits for the vCPU, and nothing will but by its interrupt. */
HOT_NOINLINE static uint64_t hot_initial_count(struct vmm *vmm, struct vcpu *vcpu, uint32_t value)
{
	struct lapic *lapic = vcpu->lapic;
	uint64_t now = time_now(vmm);
	uint64_t deadline;

	lapic_timer_write_initial_count(lapic, value, now);
	deadline = lapic_next_deadline(lapic);
	if (hot_waits(lapic) || vcpu->paravirtual.eoi != 0 || deadline <= now) {
		return hot_settle(vmm, vcpu, now);
	}
	vcpu->busy = !time_armed_for(vmm, vcpu, deadline);
	return 0;
}

HOT_NOINLINE static uint64_t hot_apic_write(
	struct vmm *vmm, struct vcpu *vcpu, uint32_t offset, uint32_t value)
{
	uint64_t now = time_now(vmm);

	fabric_apic_write(&vmm->fabric, vcpu->number, offset, value, now);
	return hot_settle(vmm, vcpu, now);
}

/* A register that is no plain word of the struct. */
HOT_NOINLINE static uint32_t hot_apic_read(struct vmm *vmm, struct lapic *lapic, uint32_t offset)
{
	return lapic_read(lapic, offset, offset == LAPIC_CURRENT_COUNT ? time_now(vmm) : 0);
}

/* The two registers that a guest with TSC-deadline timer or x2APIC writes for each interrupt. */
HOT_INLINE uint64_t hot_msr_write(struct vmm *vmm, struct vcpu *vcpu, const struct site *site,
	struct bh_vcpu_state *state, struct vm_status *status)
{
	const struct lapic *lapic = vcpu->lapic;
	uint64_t value = state->registers[BH_RDX] << 32 | (uint32_t)state->registers[BH_RAX];
	uint32_t msr = (uint32_t)state->registers[BH_RCX];
	bool eoi = msr == MSR_X2APIC_EOI && value == 0 && lapic->mode == LAPIC_MODE_X2APIC;
	enum lapic_msr_result refused;
	uint64_t now;

	if (!eoi && (msr != MSR_TSC_DEADLINE || !lapic->tsc_deadline_allowed)) {
		return HOT_NOTHING;
	}
	hot_count(status, BH_EXIT_MSR_WRITE);
	hot_complete(state, site);
	if (eoi) {
		return lapic->isr_highest != 0 ? hot_eoi(vmm, vcpu) : 0;
	}
	now = time_now(vmm);
	/* Not refused: that was looked at above. */
	refused = fabric_msr_write(&vmm->fabric, vcpu->number, msr, value, now);
	(void)refused;
	return hot_settle(vmm, vcpu, now);
}

/* Nothing waits: the vCPU sleeps until it is signalled. */
HOT_INLINE uint64_t hot_hlt(
	struct vcpu *vcpu, const struct site *site, struct bh_vcpu_state *state, struct vm_status *status)
{
	hot_count(status, BH_EXIT_HLT);
	hot_complete(state, site);
	vcpu->halted = true;
	return BH_RESUME_HALT;
}

/* The timer has expired, and nothing else has signalled; nothing waits, and the guest can take the interrupt. Lines that are high need not be read
 * again, as none of them has asked for an interrupt. */
HOT_INLINE uint64_t hot_notify(
	struct vmm *vmm, struct vcpu *vcpu, struct bh_vcpu_state *state, struct vm_status *status)
{
	uint8_t vector;

	if (((~state->rflags & RFLAGS_IF) | (state->undelivered & BH_EVENT_VALID) |
		    (state->interrupt_shadow & 1) | vcpu->busy | vcpu->paravirtual.eoi) != 0) {
		return HOT_NOTHING;
	}
	vector = lapic_take_timer(vcpu->lapic, time_now(vmm));
	if (vector == 0) {
		return HOT_NOTHING;
	}
	hot_count(status, BH_EXIT_NOTIFY);
	status->interrupts++;
	state->inject = BH_EVENT_INTERRUPT(vector);
	vcpu->halted = false;
	vcpu->deadline = VCPU_NO_DEADLINE;
	vcpu->busy = !time_armed_for(vmm, vcpu, lapic_next_deadline(vcpu->lapic));
	return 0;
}

/* If device models have signalled, and nobody else; nothing waits but perhaps an interrupt's end that the guest may have left in its memory. What
 * exit_handle() does then. */
HOT_NOINLINE static uint64_t hot_models(
	struct vmm *vmm, struct vcpu *vcpu, struct vm_status *status, uint64_t signals)
{
	if ((signals & (SIGNAL_TIMER | SIGNAL_PAUSE | SIGNAL_RESUME)) != 0 ||
		vcpu->busy != vcpu->paravirtual.eoi_pending || vmm->clock_mode != VMM_CLOCK_RUNS) {
		return HOT_NOTHING;
	}
	hot_count(status, BH_EXIT_NOTIFY);
	if (vcpu->paravirtual.eoi_pending) {
		paravirtual_eoi_from_guest(vmm, vcpu);
	}
	lines_update(vmm, signals);
	return vmm->lifecycle.over ? BH_RESUME_STOP : hot_settle(vmm, vcpu, time_now(vmm));
}

/* A 32-bit register of a device model. What it does to its lines comes as a signal. */
HOT_INLINE uint32_t hot_device(struct vmm *vmm, struct vcpu *vcpu, struct vm_status *status,
	const struct site *site, uint64_t offset, uint32_t value)
{
	uint64_t endpoint = site->memory.endpoint;
	uint64_t word = site->memory.port_word + (offset << 16);
	uint64_t sequence = model_sequence(vcpu);
	int64_t answer;

	vm_status_await(status, endpoint);
	answer = system_port_call(endpoint, word, value, sequence);
	if (!HOT_USUALLY(answer >= 0)) {
		answer = model_access_again(vmm, endpoint, word, value, sequence, answer);
	}
	vm_status_await(status, 0);
	return (uint32_t)answer;
}

HOT_INLINE uint64_t hot_load(struct vmm *vmm, struct vcpu *vcpu, struct bh_vcpu_state *state,
	struct vm_status *status, const struct site *site, uint64_t offset)
{
	uint32_t value;

	if (site->memory.endpoint != 0) {
		value = hot_device(vmm, vcpu, status, site, offset, 0);
	} else {
		struct lapic *lapic = vcpu->lapic;
		uint32_t place = lapic_places[offset >> 4];

		if ((offset & 15) != 0) {
			return HOT_NOTHING;
		}
		value = HOT_USUALLY(place != 0) ? lapic_word(lapic, place)
						: hot_apic_read(vmm, lapic, (uint32_t)offset);
	}
	hot_count(status, BH_EXIT_MEMORY);
	site_register_set(&site->memory, state, value);
	hot_complete(state, site);
	return 0;
}

HOT_INLINE uint64_t hot_store(struct vmm *vmm, struct vcpu *vcpu, struct bh_vcpu_state *state,
	struct vm_status *status, const struct site *site, uint64_t offset)
{
	uint32_t value;

	if (site->memory.endpoint == 0 && offset == LAPIC_EOI) {
		hot_count(status, BH_EXIT_MEMORY);
		hot_complete(state, site);
		return vcpu->lapic->isr_highest != 0 ? hot_eoi(vmm, vcpu) : 0;
	}
	value = site_register(&site->memory, state);
	if (site->memory.endpoint != 0) {
		(void)hot_device(vmm, vcpu, status, site, offset, value);
		hot_count(status, BH_EXIT_MEMORY);
		hot_complete(state, site);
		return 0;
	}
	if ((offset & 15) != 0) {
		return HOT_NOTHING;
	}
	/* The instruction ends first: what the write brings is delivered behind it. */
	hot_count(status, BH_EXIT_MEMORY);
	hot_complete(state, site);
	return offset == LAPIC_INITIAL_COUNT ? hot_initial_count(vmm, vcpu, value)
					     : hot_apic_write(vmm, vcpu, (uint32_t)offset, value);
}

/* `indexed`: the instruction has an index register, or else it has not. */
HOT_INLINE uint64_t hot_memory(struct vmm *vmm, struct vcpu *vcpu, const struct site *site,
	struct bh_vcpu_state *state, struct vm_status *status, uint64_t guest_physical, uint64_t information,
	bool indexed)
{
	const struct site_memory *memory = &site->memory;
	uint64_t offset = site_operand(memory, state, indexed) - memory->linear;

	if (!HOT_USUALLY((state->undelivered & BH_EVENT_VALID) == 0) ||
		!HOT_USUALLY(memory->information == (indexed ? information | SITE_INDEXED : information)) ||
		!HOT_USUALLY(offset <= memory->last) ||
		!HOT_USUALLY(guest_physical == memory->guest_physical + offset)) {
		return HOT_NOTHING;
	}
	return (information & BH_MEMORY_WRITE) == 0 ? hot_load(vmm, vcpu, state, status, site, offset)
						    : hot_store(vmm, vcpu, state, status, site, offset);
}

/* The exit whose words are given as in struct exit_message. Word 0 of the answer; or HOT_NOTHING, and nothing was done: then
 * hot_seldom(). `state` and `status` are the vCPU's state page and the VM's status page, which the caller has at hand. */
HOT_INLINE uint64_t hot_often(struct vmm *vmm, struct bh_vcpu_state *state, struct vm_status *status,
	uint64_t reason, uint64_t qualification, uint64_t information)
{
	struct site *site = hot_site(&vmm->vcpu, state, reason);

	if (site == NULL) {
		return HOT_NOTHING;
	}
	if ((uint8_t)reason == BH_EXIT_MEMORY) {
		return hot_memory(vmm, &vmm->vcpu, site, state, status, qualification, information, false);
	}
	return (uint8_t)reason == BH_EXIT_CPUID ? hot_cpuid(vmm, site, state, status, false) : HOT_NOTHING;
}

/* The same for what comes less often. HOT_NOTHING: then exit_handle(). */
HOT_INLINE uint64_t hot_seldom(struct vmm *vmm, uint64_t reason, uint64_t qualification, uint64_t information)
{
	struct vcpu *vcpu = &vmm->vcpu;
	struct bh_vcpu_state *state = vcpu->state;
	struct vm_status *status = vmm_status(vmm);
	struct site *site;

	if ((uint8_t)reason == BH_EXIT_NOTIFY) {
		return HOT_USUALLY(qualification == SIGNAL_TIMER)
			       ? hot_notify(vmm, vcpu, state, status)
			       : hot_models(vmm, vcpu, status, qualification);
	}
	site = hot_site(vcpu, state, reason);
	if (site == NULL) {
		return HOT_NOTHING;
	}
	switch ((uint8_t)reason) {
	case BH_EXIT_MSR_WRITE:
		return hot_msr_write(vmm, vcpu, site, state, status);
	case BH_EXIT_HLT:
		return hot_hlt(vcpu, site, state, status);
	case BH_EXIT_CPUID:
		return hot_cpuid(vmm, site, state, status, true);
	case BH_EXIT_MEMORY:
		return hot_memory(vmm, vcpu, site, state, status, qualification, information, true);
	default:
		return HOT_NOTHING;
	}
}

#endif
