/* SPDX-License-Identifier: MIT */
/* Exits of control and debug registers and XCR0. */
#ifndef VMM_VCPU_CONTROL_H
#define VMM_VCPU_CONTROL_H

#include "vmm.h"

/* BH_EXIT_CONTROL_REGISTER, BH_EXIT_DEBUG_REGISTER, BH_EXIT_XSETBV; `length` of the instruction, 0 if not
 * known. Handler thread. */
void control_register_exit(struct vmm *vmm, struct vcpu *vcpu);
void debug_register_exit(struct vmm *vmm, struct vcpu *vcpu);
void xsetbv_exit(struct vmm *vmm, struct vcpu *vcpu, uint32_t length);

#endif
