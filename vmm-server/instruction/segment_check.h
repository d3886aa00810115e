/* SPDX-License-Identifier: MIT */
/* Segment checks for memory that the VMM touches in the guest's place, where the CPU has not made them:
 * limit, type, canonical form. Pure. */
#ifndef VMM_INSTRUCTION_SEGMENT_CHECK_H
#define VMM_INSTRUCTION_SEGMENT_CHECK_H

#include "instruction/guest_fault.h"

#include <stdbool.h>

/* Turns (segment ES..GS, offset) of an access of `width` bytes (1..8) into *linear. False: *fault is
 * #GP(0) or, by way of SS, #SS(0) (AMD APM vol. 2 sections 4.7, 4.12). Exit handlers. */
__attribute__((warn_unused_result)) bool segment_check(const struct bh_vcpu_state *state, unsigned segment,
	uint64_t offset, unsigned width, bool write, uint64_t *linear, struct guest_fault *fault);

#endif
