/* SPDX-License-Identifier: MIT */
/* Virtual CPUs: from an exit to a message, from an answer to an entry. Vendor-neutral. */
#pragma once

#include "object/objects.h"
#include "sched/cpu.h"

/* current is a vCPU: loads what the VMM answered, looks at the bound notification, enters, and turns the exit into a message.
 * Returns when there is something else to do: pick again. */
void vcpu_run(struct cpu *cpu, struct vcpu *vcpu);

/* The handler's answer: word 0 of its message. The vCPU has its context back. */
void vcpu_answer(struct vcpu *vcpu, uint64_t word);

/* The same in two steps: does the answer let the vCPU run (rather than stop it)? Then: takes it. */
bool vcpu_answer_resumes(const struct vcpu *vcpu, uint64_t word);
void vcpu_answer_deliver(struct vcpu *vcpu, uint64_t word);

/* Nobody will answer: a routed access becomes the exit ROUTE_FAILED, an exit stops the vCPU. */
void vcpu_send_failed(struct vcpu *vcpu);
