/* SPDX-License-Identifier: MIT */
/* AMD-V: goes on with a guest as before. */
#pragma once

#include "virt/svm_state.h"

/* Enters again after an exit whose call was open until now: nothing has changed since the entry, if that was plain, but what the answer
 * says; `answered`: that is in the page, and mostly registers, rip and rflags. Returns, with nothing done, if there is more to it. */
static inline __attribute__((always_inline)) void svm_resume(
	struct cpu *cpu, struct vcpu *vcpu, bool answered)
{
	struct vmcb *vmcb = vmcb_of(vcpu);
	const struct bh_vcpu_state *state = state_of(vcpu);

	if (!vcpu->plain) {
		return;
	}
	if (answered) {
		uint64_t window_and_shadow =
			*(const volatile uint64_t *)(const void *)&state->interrupt_shadow;

		if ((READ_ONCE(state->inject) | READ_ONCE(state->undelivered) |
			    (window_and_shadow & ~INTERRUPT_SHADOW)) != 0) {
			return;
		}
		load_flow(vmcb, state, window_and_shadow);
	}
	enter(cpu, vcpu, vmcb);
}
