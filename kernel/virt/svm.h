/* SPDX-License-Identifier: MIT */
/* AMD-V (SVM) with nested paging: the functions of backend.h. */
#pragma once

#include "virt/backend.h"

void svm_cpu_initialise(struct cpu *cpu);
void svm_vcpu_initialise(struct vcpu *vcpu);
_Noreturn void svm_run(struct cpu *cpu, struct vcpu *vcpu);
__attribute__((warn_unused_result)) bool svm_load_base(struct vcpu *vcpu);
void svm_load_groups(struct vcpu *vcpu, uint32_t groups);
void svm_store_base(struct vcpu *vcpu);
void svm_store_groups(struct vcpu *vcpu, uint32_t groups);
uint64_t svm_rip(const struct vcpu *vcpu);
void svm_complete_port(struct vcpu *vcpu, uint64_t next_rip);
uint64_t svm_guest_leaf(uint64_t physical, uint64_t flags, bool large);
uint64_t svm_guest_table(uint64_t physical);
