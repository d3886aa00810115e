/* SPDX-License-Identifier: MIT */
/* An exception that the guest must get because of something that the VMM did in its place. */
#ifndef VMM_INSTRUCTION_GUEST_FAULT_H
#define VMM_INSTRUCTION_GUEST_FAULT_H

#include <stdint.h>

#include <bulkhead/vcpu.h>

enum { GUEST_FAULT_UD = 6, GUEST_FAULT_SS = 12, GUEST_FAULT_GP = 13, GUEST_FAULT_PF = 14 };

struct guest_fault {
	uint8_t vector;      /* GUEST_FAULT_* */
	uint32_t error_code; /* unused with #UD */
	uint64_t address;    /* #PF: goes to CR2 */
};

/* Puts the fault into `state` (inject, and cr2 for #PF). The caller answers the exit with BH_GROUP_CONTROL
 * if it was a #PF, leaves rip alone, and has made sure that no undelivered event is pending (else: double
 * fault rules, AMD APM vol. 2 section 8.2.9). */
static inline void guest_fault_inject(struct bh_vcpu_state *state, const struct guest_fault *fault)
{
	if (fault->vector == GUEST_FAULT_PF)
		state->cr2 = fault->address;
	/* Real mode pushes no error codes (AMD APM vol. 2 section 8.4). */
	if (fault->vector == GUEST_FAULT_UD || !(state->cr0 & 1))
		state->inject = BH_EVENT_EXCEPTION(fault->vector);
	else
		state->inject = BH_EVENT_EXCEPTION_CODE(fault->vector, fault->error_code);
}

#endif
