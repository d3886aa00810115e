/* SPDX-License-Identifier: MIT */
/* What a vCPU takes with it into the guest: exceptions, NMIs, interrupts, one at an entry, none lost and none
 * twice. */
#ifndef VMM_VCPU_INJECT_H
#define VMM_VCPU_INJECT_H

#include "vmm.h"

/* The last act of an exit: reads the asserted lines again, then sets `inject` and `interrupt_window` of the
 * state page and takes from the fabric what is injected. Ends the vCPU's halt if there is something to wake
 * it. False, and nothing set: an INIT waits, which is a reset. Handler thread; `now` is the VM's clock. */
__attribute__((warn_unused_result)) bool inject_before_entry(
	struct vmm *vmm, struct vcpu *vcpu, uint64_t now);

#endif
