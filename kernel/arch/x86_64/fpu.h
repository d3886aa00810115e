/* SPDX-License-Identifier: MIT */
/* FPU and vector state. The registers hold the state of cpu->fpu_owner. CR0.TS is set whenever code runs that may not see
 * that state (threads with THREAD_NO_FPU, and the kernel): their use is a fault. All others switch eagerly. */
#pragma once

#include "object/objects.h"
#include "sched/cpu.h"

/* An area as after reset (AMD APM vol. 2 section 11.5): MXCSR 1f80h, no component in use. */
void fpu_area_initialise(uint8_t *area);

/* The registers get the state of execution, those of the old owner are saved. */
void fpu_load(struct cpu *cpu, struct execution *execution);

/* XCR0 goes with the FPU state: while a vCPU's is in the registers it is the guest's (threads that run then may not use the
 * FPU). Tells the CPU a new vcpu->xcr0, or vcpu->xcr0 what the CPU has, if that is so. */
void fpu_xcr0_changed(const struct cpu *cpu, const struct vcpu *vcpu);
void fpu_xcr0_read(const struct cpu *cpu, struct vcpu *vcpu);

/* Clears or sets CR0.TS, if it is not so already. */
void fpu_permit(struct cpu *cpu);
void fpu_forbid(struct cpu *cpu);
