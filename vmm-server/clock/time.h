/* SPDX-License-Identifier: MIT */
/* Time of the VM and of its vCPU: the VM's clock, which device models and APIC timer share, the guest's own
 * TSC, which the guest may move, and the kernel timer that stands for the next deadline. All in TSC ticks. */
#ifndef VMM_CLOCK_TIME_H
#define VMM_CLOCK_TIME_H

#include "system.h"
#include "vmm.h"

/* Starts the VM's clock at 0, now, and the vCPU's TSC with it; `khz` is the TSC's frequency, `wall_ns` the
 * Unix time now, in ns. Main thread, before the vCPU's state is written. */
void time_start(struct vmm *vmm, uint64_t khz, uint64_t wall_ns);

/* The VM's clock, now. */
static inline uint64_t time_now(const struct vmm *vmm) { return system_tsc() + vmm->clock_offset; }

/* MSR TSC and TSC_ADJUST as the guest reads and writes them (Intel SDM vol. 3 section 17.17.3): writing the
 * one moves the other. Handler thread. */
uint64_t time_read_tsc(const struct vcpu *vcpu);
void time_write_tsc(struct vmm *vmm, struct vcpu *vcpu, uint64_t value);
uint64_t time_read_adjust(const struct vcpu *vcpu);
void time_write_adjust(struct vmm *vmm, struct vcpu *vcpu, uint64_t value);

/* Arms the vCPU's timer for another deadline. False: the kernel refused. */
bool time_arm(struct vmm *vmm, struct vcpu *vcpu, uint64_t deadline);

/* Sees to it that the vCPU's timer is armed for `deadline`, unless that is FABRIC_NEVER. */
static inline bool time_armed_for(struct vmm *vmm, struct vcpu *vcpu, uint64_t deadline)
{
	return deadline == FABRIC_NEVER || deadline == vcpu->deadline || time_arm(vmm, vcpu, deadline);
}

/* Sees to it that the vCPU's timer is armed for the next deadline, if there is one. A timer that is armed for
 * nothing costs one needless exit, stopping it a system call: it may fire. False: the kernel refused. Handler
 * thread. */
static inline bool time_armed(struct vmm *vmm, struct vcpu *vcpu)
{
	return time_armed_for(vmm, vcpu, lapic_next_deadline(vcpu->lapic));
}

/* The timer has fired. */
void time_expired(struct vmm *vmm, struct vcpu *vcpu, uint64_t now);

/* Stops all clocks of the VM, and lets them go on from where they stood; without effect if they stand, or go, already. No deadline
 * comes while they stand. Handler thread. */
void time_pause(struct vmm *vmm);
void time_resume(struct vmm *vmm, struct vcpu *vcpu);

/* While the VM's clock catches up with what a pause has cost it (vmm->catches_up): moves it by the next jump, if that is due, and all that goes by it:
 * 500 ms after each 10 ms, until it is where it would be without the pause. Before exit_settle(). Handler thread. */
void time_catch_up(struct vmm *vmm, struct vcpu *vcpu);

/* Sees to it that the vCPU comes back for the next jump, whatever else it waits for. After exit_settle(). */
void time_arm_catch_up(struct vmm *vmm, struct vcpu *vcpu);

#endif
