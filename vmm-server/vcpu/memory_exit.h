/* SPDX-License-Identifier: MIT */
/* Exits of accesses to guest-physical addresses that no memory backs: local APIC, I/O APIC, nobody's. */
#ifndef VMM_VCPU_MEMORY_EXIT_H
#define VMM_VCPU_MEMORY_EXIT_H

#include "vmm.h"

/* BH_EXIT_MEMORY; `information` is BH_MEMORY_*. Handler thread; `now` is the VM's clock. */
void memory_exit(
	struct vmm *vmm, struct vcpu *vcpu, uint64_t guest_physical, uint64_t information, uint64_t now);

#endif
