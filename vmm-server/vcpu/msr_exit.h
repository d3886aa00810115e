/* SPDX-License-Identifier: MIT */
/* Exits of RDMSR and WRMSR: who keeps the register (cpu/msr.h says), and the access itself. */
#ifndef VMM_VCPU_MSR_EXIT_H
#define VMM_VCPU_MSR_EXIT_H

#include "vmm.h"

/* BH_EXIT_MSR_READ and _WRITE; `length` of the instruction, 0 if not known. Handler thread; `now` is the VM's
 * clock. */
void msr_read_exit(struct vmm *vmm, struct vcpu *vcpu, uint32_t length, uint64_t now);
void msr_write_exit(struct vmm *vmm, struct vcpu *vcpu, uint32_t length, uint64_t now);

#endif
