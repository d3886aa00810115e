/* SPDX-License-Identifier: MIT */
/* What a virtualization back end does, in vendor-neutral terms: this is all that the rest of the kernel knows of AMD-V (svm.c)
 * or VT-x. backend.c chooses. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "object/objects.h"
#include "sched/cpu.h"

/* Each CPU, once: switches the extension on. */
void backend_cpu_initialise(struct cpu *cpu);

/* A fresh VCPU: the control area with every mandatory intercept, and the state of a CPU after reset. */
void backend_vcpu_initialise(struct vcpu *vcpu);

/* Enters the guest, with the control area as it stands. What comes back comes to vcpu_exited and its like (short.h), on an empty
 * kernel stack. Interrupts off; FPU and trust domain are the vCPU's. */
_Noreturn void backend_run(struct cpu *cpu, struct vcpu *vcpu);

/* Takes rip, rflags and events from the state page into the control area, clamped. false: inject over an undelivered event. */
__attribute__((warn_unused_result)) bool backend_load_base(struct vcpu *vcpu);

/* Takes those groups from the state page, clamped. */
void backend_load_groups(struct vcpu *vcpu, uint32_t groups);

/* Puts rip, rflags and events, or those groups, into the state page. */
void backend_store_base(struct vcpu *vcpu);
void backend_store_groups(struct vcpu *vcpu, uint32_t groups);

/* The guest's rip. */
uint64_t backend_rip(const struct vcpu *vcpu);

/* Completes a port access of the kernel's own: next rip, shadow and RF cleared. */
void backend_complete_port(struct vcpu *vcpu, uint64_t next_rip);

/* Entries of a guest's nested page tables. flags: BH_MAP_*. */
uint64_t backend_guest_leaf(uint64_t physical, uint64_t flags, bool large);
uint64_t backend_guest_table(uint64_t physical);
