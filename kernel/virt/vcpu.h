/* SPDX-License-Identifier: MIT */
/* Virtual CPUs: from an exit to a message, from an answer to an entry. Vendor-neutral. */
#pragma once

#include "object/objects.h"
#include "ipc/ipc.h"
#include "sched/cpu.h"

/* current is a vCPU: loads what the VMM answered, looks at the bound notification, and enters. Returns when there is
 * something else to do: pick again. */
void vcpu_run(struct cpu *cpu, struct vcpu *vcpu);

/* The guest left, and the short way (short.h) is not open: the same with everything written down, the access or exit counted.
 * Exits; routed accesses that were noted (`route`: whose slot it is); accesses that nobody serves, or a doorbell of that number + 1;
 * host interrupts, or nothing at all. */
_Noreturn void vcpu_exited_long(struct cpu *cpu, struct vcpu *vcpu, uint32_t reason, uint64_t word0,
	uint64_t qualification, uint64_t information);
_Noreturn void vcpu_routed_long(
	struct cpu *cpu, struct vcpu *vcpu, const struct capability *slot, uint32_t route);
_Noreturn void vcpu_port_exited_long(
	struct cpu *cpu, struct vcpu *vcpu, uint64_t access, uint64_t next_rip, uint64_t doorbell);
_Noreturn void vcpu_interrupted(struct cpu *cpu, struct vcpu *vcpu);

/* The handler's answer: word 0 of its message. The vCPU has its context back. */
void vcpu_answer(struct vcpu *vcpu, uint64_t word);

/* The same in two steps: does the answer let the vCPU run (rather than stop it)? Then: takes it. */
static inline bool vcpu_answer_resumes(const struct vcpu *vcpu, uint64_t word)
{
	return vcpu->message.routed || (word & BH_RESUME_STOP) == 0;
}
void vcpu_answer_deliver(struct vcpu *vcpu, uint64_t word);

/* A doorbell that somebody waits at is about to be rung: may he be woken later, at the next kernel_entered(), before which he could not run
 * anyway? Then that will happen. */
bool vcpu_late_signal(const struct vcpu *vcpu, struct notification *notification);

/* Nobody will answer: a routed access becomes the exit ROUTE_FAILED, an exit stops the vCPU. */
void vcpu_send_failed(struct vcpu *vcpu);
