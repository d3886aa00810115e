/* SPDX-License-Identifier: MIT */
/* Exits of port accesses: those that no route takes (PIC, ELCR, PCI configuration, reset control, string
 * forms, nobody's), and those whose device model failed. */
#ifndef VMM_VCPU_PORT_H
#define VMM_VCPU_PORT_H

#include <stdint.h>

#include "vmm.h"

/* BH_EXIT_PORT: `access` is the qualification, `next_rip` 0 if not known. Handler thread. */
void port_exit(struct vmm *vmm, struct vcpu *vcpu, uint64_t access, uint64_t next_rip);

/* BH_EXIT_ROUTE_FAILED: does the access again, with the `sequence` that it had, and completes it; `length` of
 * the instruction, 0 if not known. All ones if the model is given up. */
void port_route_failed(struct vmm *vmm, struct vcpu *vcpu, uint64_t access, uint32_t value, uint64_t sequence,
	uint32_t length);

/* RAX after an IN of `width` bytes (1, 2, 4) that brought `value`: 32 bits are zero-extended, fewer leave the
 * rest as it was. */
static inline uint64_t port_merge(uint64_t rax, uint32_t width, uint32_t value)
{
	switch (width) {
	case 1:
		return (rax & ~UINT64_C(0xff)) | (value & 0xff);
	case 2:
		return (rax & ~UINT64_C(0xffff)) | (value & 0xffff);
	default:
		return value;
	}
}

#endif
