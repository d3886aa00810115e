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
	if (cpu->task_switched) {
		__asm__ volatile("clts" : : : "memory");
		cpu->task_switched = false;
	}
}

void fpu_forbid(struct cpu *cpu)
{
	if (!cpu->task_switched) {
		write_cr0(read_cr0() | CR0_TS);
		cpu->task_switched = true;
	}
}

void fpu_load(struct cpu *cpu, struct execution *execution)
{
	if (cpu->fpu_owner == execution) {
		return;
	}
	fpu_permit(cpu);
	if (cpu->fpu_owner != NULL) {
		xsave(area_of(cpu->fpu_owner), cpu_features.xcr0);
	}
	xrstor(area_of(execution), cpu_features.xcr0);
	cpu->fpu_owner = execution;
}
