/* SPDX-License-Identifier: MIT */
/* What a vCPU takes with it into the guest: exceptions, NMIs, interrupts, one at an entry, none lost and none
 * twice. */
#ifndef VMM_VCPU_INJECT_H
#define VMM_VCPU_INJECT_H

#include "vmm.h"

enum inject_result {
	INJECT_ALL,   /* nothing waits any more */
	INJECT_SOME,  /* something does */
	INJECT_RESET, /* nothing was set: an INIT waits, which is a reset */
};

/* Of the timer's entry: it brings no plain interrupt, but an NMI, say. */
#define INJECT_TIMER_MODE (UINT32_C(7) << 8)

/* The usual case, and nothing but it: an interrupt from the local APIC can go in now, no line stands behind it that would have to be read
 * again, and nothing else waits; so nothing does then, for what is left in the local APIC is of no higher class, and taking the timer's
 * interrupt brings no event of another kind. False: nothing was done. */
static inline bool inject_plain(struct vmm *vmm, struct vcpu *vcpu, uint64_t now)
{
	struct bh_vcpu_state *state = vcpu->state;
	struct lapic *lapic = vcpu->lapic;

	if ((vcpu->exception | vcpu->held | (uint64_t)vcpu->nmi | vmm->fabric.asserted |
		    (uint64_t)vmm->fabric.pic_output | lapic->events | (uint64_t)lapic->wait_for_startup |
		    (lapic->lvt[LVT_TIMER] & INJECT_TIMER_MODE) | (state->undelivered & BH_EVENT_VALID) |
		    (~state->rflags & RFLAGS_IF) | (state->interrupt_shadow & 1)) != 0 ||
		lapic_deliverable(lapic) == 0) {
		return false;
	}
	state->inject = BH_EVENT_INTERRUPT((uint32_t)lapic_acknowledge(lapic, now));
	vcpu->halted = false;
	vmm_status(vmm)->interrupts++;
	return true;
}

/* Chooses, when something waits, with `inject` and `interrupt_window` of the state page 0: reads the asserted lines again, then sets them and
 * takes from the fabric what is injected. Ends the vCPU's halt if there is something to wake it. Handler thread; `now` is the VM's clock. */
__attribute__((warn_unused_result)) enum inject_result inject_choose(
	struct vmm *vmm, struct vcpu *vcpu, uint64_t now);

/* Whether anything waits for the vCPU. If nothing does, `inject` and `interrupt_window` are to be 0. */
static inline bool inject_waits(const struct vmm *vmm, const struct vcpu *vcpu)
{
	return (vcpu->exception | vcpu->held) != 0 || vcpu->nmi ||
	       fabric_events_at(&vmm->fabric, vcpu->lapic) != 0;
}

#endif
