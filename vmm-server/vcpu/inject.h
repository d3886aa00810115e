/* SPDX-License-Identifier: MIT */
/* What a vCPU takes with it into the guest: exceptions, NMIs, interrupts, one at an entry, none lost and none
 * twice. */
#ifndef VMM_VCPU_INJECT_H
#define VMM_VCPU_INJECT_H

#include "vmm.h"

/* Chooses, when something waits, with `inject` and `interrupt_window` of the state page 0: reads the asserted lines again, then sets them and takes from the fabric what is injected. Ends the vCPU's halt if there is something to wake it. False,
 * and nothing set: an INIT waits, which is a reset. Handler thread; `now` is the VM's clock. */
__attribute__((warn_unused_result)) bool inject_choose(struct vmm *vmm, struct vcpu *vcpu, uint64_t now);

/* Whether anything waits for the vCPU. If nothing does, `inject` and `interrupt_window` are to be 0. */
static inline bool inject_waits(const struct vmm *vmm, const struct vcpu *vcpu)
{
	return (vcpu->exception | vcpu->held) != 0 || vcpu->nmi ||
	       fabric_events(&vmm->fabric, vcpu->number) != 0;
}

#endif
