/* SPDX-License-Identifier: MIT */
/* KVM's paravirtual clock and end-of-interrupt, as far as the appliance file switches them on (Linux,
 * Documentation/virt/kvm/x86/msr.rst and cpuid.rst). The guest names places in its memory by MSRs; nothing else of its
 * memory is written, and nothing is read but the end-of-interrupt bit.
 *
 *   clock   MSR_KVM_WALL_CLOCK (and _OLD): once, at the write, the Unix time of the VM's start
 *           MSR_KVM_SYSTEM_TIME (and _OLD), bit 0 enables: a point of the TSC and of guest time, and the rate. It is
 *           written again whenever the guest moves its TSC, so it always agrees with every other clock of the VM.
 *   EOI     MSR_KVM_PV_EOI, bit 0 enables: before an entry with an interrupt in service whose end nobody but the local
 *           APIC needs to know, and nothing that waits behind it, we set bit 0 of a word. A guest that finds it set
 *           clears it instead of writing EOI, and that write's exit is saved. At the next exit a bit that was cleared is
 *           the EOI; one that still stands is taken back. */
#ifndef VMM_VCPU_PARAVIRTUAL_H
#define VMM_VCPU_PARAVIRTUAL_H

#include "vmm.h"

/* RDMSR and WRMSR of a register for which the MSR policy says MSR_PARAVIRTUAL. False: #GP, because the address is not
 * aligned to 4 bytes or not in memory. Handler thread. */
uint64_t paravirtual_read(const struct vcpu *vcpu, uint32_t msr);
__attribute__((warn_unused_result)) bool paravirtual_write(
	struct vmm *vmm, struct vcpu *vcpu, uint32_t msr, uint64_t value);

/* The guest's TSC was moved: writes the clock's place anew. */
void paravirtual_tsc_moved(struct vmm *vmm, struct vcpu *vcpu);

/* At an exit, if vcpu->paravirtual.eoi_pending, before anything looks at the fabric. */
void paravirtual_eoi_from_guest(struct vmm *vmm, struct vcpu *vcpu);

/* Before an entry: offers the short end of the interrupt in service, if there is one that allows it. Nothing waits for
 * the vCPU. */
void paravirtual_eoi_to_guest(struct vcpu *vcpu);

#endif
