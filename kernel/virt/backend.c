/* SPDX-License-Identifier: MIT */
/* The choice of the back end. AMD-V is the only one built so far; a second one is a branch on cpu_features.vendor in each
 * of these functions. */
#include "virt/backend.h"

#include "virt/svm.h"

void backend_cpu_initialise(struct cpu *cpu) { svm_cpu_initialise(cpu); }

void backend_vcpu_initialise(struct vcpu *vcpu) { svm_vcpu_initialise(vcpu); }

void backend_run(struct cpu *cpu, struct vcpu *vcpu) { svm_run(cpu, vcpu); }

bool backend_load_base(struct vcpu *vcpu) { return svm_load_base(vcpu); }

void backend_load_groups(struct vcpu *vcpu, uint32_t groups) { svm_load_groups(vcpu, groups); }

void backend_store_base(struct vcpu *vcpu) { svm_store_base(vcpu); }

void backend_store_groups(struct vcpu *vcpu, uint32_t groups) { svm_store_groups(vcpu, groups); }

uint64_t backend_rip(const struct vcpu *vcpu) { return svm_rip(vcpu); }

void backend_complete_port(struct vcpu *vcpu, uint64_t next_rip) { svm_complete_port(vcpu, next_rip); }

uint64_t backend_guest_leaf(uint64_t physical, uint64_t flags, bool large)
{
	return svm_guest_leaf(physical, flags, large);
}

uint64_t backend_guest_table(uint64_t physical) { return svm_guest_table(physical); }
