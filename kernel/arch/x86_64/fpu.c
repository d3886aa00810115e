/* SPDX-License-Identifier: MIT */
/* Saves and loads FPU and vector state by XSAVE and XRSTOR, all components that the kernel's XCR0 names. */
#include "arch/x86_64/fpu.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cpu_features.h"

#define XSAVE_MXCSR_OFFSET 24 /* AMD APM vol. 4 appendix: legacy region as FXSAVE has it */
#define MXCSR_AT_RESET 0x1f80u

static uint8_t *area_of(struct execution *execution)
{
	return execution->kind == EXECUTION_THREAD ? ((struct thread *)execution)->fpu
						   : ((struct vcpu *)execution)->fpu;
}

void fpu_area_initialise(uint8_t *area) { *(uint32_t *)(void *)(area + XSAVE_MXCSR_OFFSET) = MXCSR_AT_RESET; }

void fpu_permit(struct cpu *cpu)
{
	if (cpu->fpu_access != FPU_PERMITTED) {
		__asm__ volatile("clts" : : : "memory");
		cpu->fpu_access = FPU_PERMITTED;
	}
}

void fpu_forbid(struct cpu *cpu)
{
	if (cpu->fpu_access != FPU_FORBIDDEN) {
		write_cr0(read_cr0() | CR0_TS);
		cpu->fpu_access = FPU_FORBIDDEN;
	}
}

void fpu_load(struct cpu *cpu, struct execution *execution)
{
	if (cpu->fpu_owner == execution) {
		return;
	}
	fpu_permit(cpu);
	if (cpu->fpu_owner != NULL && cpu->fpu_owner->kind == EXECUTION_VCPU) {
		fpu_xcr0_read(cpu, (struct vcpu *)cpu->fpu_owner);
	}
	/* Saved and loaded whole, whatever the guest switched off. Without an owner XCR0 may be that of a vCPU that is gone. */
	if (xgetbv() != cpu_features.xcr0) {
		xsetbv(cpu_features.xcr0);
	}
	if (cpu->fpu_owner != NULL) {
		xsave(area_of(cpu->fpu_owner), cpu_features.xcr0);
	}
	xrstor(area_of(execution), cpu_features.xcr0);
	cpu->fpu_owner = execution;
	if (execution->kind == EXECUTION_VCPU) {
		fpu_xcr0_changed(cpu, (const struct vcpu *)execution);
	}
}

void fpu_xcr0_changed(const struct cpu *cpu, const struct vcpu *vcpu)
{
	if (cpu->fpu_owner == &vcpu->execution && xgetbv() != vcpu->xcr0) {
		xsetbv(vcpu->xcr0);
	}
}

void fpu_xcr0_read(const struct cpu *cpu, struct vcpu *vcpu)
{
	/* XSETBV is intercepted, but QEMU's emulator (7.2) does not look at that bit: what the guest set there counts, as far as
	 * its state is saved. */
	if (cpu->fpu_owner == &vcpu->execution) {
		vcpu->xcr0 = xgetbv() & cpu_features.xcr0;
	}
}
