/* SPDX-License-Identifier: MIT */
/* What the VMM does at each exit of a vCPU: a message in, an answer out. */
#ifndef VMM_VCPU_EXIT_H
#define VMM_VCPU_EXIT_H

#include <bulkhead/manifest.h>

#include "vmm.h"

/* Bits of the vCPU's notification above the models': the timer's, and the root task's orders. */
#define SIGNAL_TIMER MANIFEST_VCPU_SIGNAL_TIMER
#define SIGNAL_PAUSE MANIFEST_VCPU_SIGNAL_PAUSE
#define SIGNAL_RESUME MANIFEST_VCPU_SIGNAL_RESUME

/* An exit message's words, see bulkhead/vcpu.h. */
struct exit_message {
	uint64_t reason; /* enum bh_exit_reason | instruction length << 8 */
	uint64_t qualification;
	uint64_t information;
	uint64_t sequence;
};

/* Which state groups the exits' bindings should bring, by reason: what nearly every exit of that kind needs.
 * Others are read when needed. */
extern const uint32_t exit_groups[BH_EXIT_REASONS];

/* Deals with one exit and returns word 0 of the answer: groups to load, BH_RESUME_*. Any message has a
 * defined answer. Handler thread. */
uint64_t exit_handle(struct vmm *vmm, struct vcpu *vcpu, const struct exit_message *message);

/* The end of every exit: serves a deadline that has passed, chooses what to inject, arms the timer. Returns word 0
 * of the answer, with the groups that were changed. Notes whether the vCPU is busy (vcpu.h). Handler thread; `now` is
 * the VM's clock. */
uint64_t exit_settle(struct vmm *vmm, struct vcpu *vcpu, uint64_t now);

#endif
