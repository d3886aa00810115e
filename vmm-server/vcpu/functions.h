/* SPDX-License-Identifier: MIT */
/* The virtio functions on a VM's PCI bus: their registers are their models', their configuration space, MSI-X tables and interrupt wires ours,
 * and their doorbells are the kernel's routes, which are moved when the guest moves a BAR. Handler thread, but for the start. */
#ifndef VMM_VCPU_FUNCTIONS_H
#define VMM_VCPU_FUNCTIONS_H

#include "vmm.h"

/* Puts the functions of `arguments` on the bus, as firmware leaves them; their models and lines are known. False: a device number is taken or
 * a doorbell's port is. Main thread, before the guest runs. */
__attribute__((warn_unused_result)) bool functions_start(
	struct vmm *vmm, const struct vmm_arguments *arguments);

/* The function's model has moved its line page: sends the messages of vectors that were pulsed. */
void function_update(struct vmm *vmm, struct vmm_function *function);

/* The word of a function's INTx line, as the fabric is to see it: low while MSI-X is on or the command register says so. */
uint64_t function_line_word(const struct vmm *vmm, const struct vmm_function *function, uint64_t word);

/* A guest's access to configuration space, with all that follows from it. `offset` from port 0xcf8, as pci_port_read(). */
uint32_t functions_config_read(struct vmm *vmm, struct vcpu *vcpu, uint32_t offset, uint32_t width);
void functions_config_write(
	struct vmm *vmm, struct vcpu *vcpu, uint32_t offset, uint32_t width, uint32_t value);

/* An access that came to us because no route took it: true, and *value for a read, if it is to a function's notification ports. */
__attribute__((warn_unused_result)) bool functions_port(
	struct vmm *vmm, bool in, uint32_t port, uint32_t width, uint32_t *value);

/* Whether any of the ports is a function's. */
bool functions_touch(const struct vmm *vmm, uint32_t port, uint32_t width);

/* An access to memory that is a function's and not its model's: MSI-X, notifications. True if it was. */
__attribute__((warn_unused_result)) bool functions_memory(
	struct vmm *vmm, bool write, uint64_t guest_physical, uint32_t width, uint64_t *value);

#endif
