/* SPDX-License-Identifier: MIT */
/* From boot to the root task: makes the first CPU's structure, the root task's objects in memory taken from the boot
 * loader's map, and the capabilities to all that is left. After this the kernel takes no memory by itself any more. */
#include "arch/x86_64/boot_information.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/entry.h"
#include "arch/x86_64/idt.h"
#include "arch/x86_64/kernel_space.h"
#include "arch/x86_64/lapic.h"
#include "boot/root_task.h"
#include "log.h"
#include "trace.h"
#include "virt/backend.h"

struct cpu boot_cpu __attribute__((aligned(4096)));

static void cpu_initialise(struct cpu *cpu)
{
	cpu->self = cpu;
	cpu->stack_top = kernel_stack_top(0);
	cpu->apic_id = lapic_id();
	cpu->armed_deadline = UINT64_MAX;
	cpu->ready_top = -1;
	cpu_tables_load(&cpu->tables, 0);
	io_bitmap_disable(&cpu->tables);
	wrmsr(MSR_GS_BASE, (uint64_t)cpu);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	wrmsr(MSR_TSC_AUX, 0);
	idt_load();
	system_call_registers_set();
	write_cr0(read_cr0() | CR0_TS);
	cpu->fpu_access = FPU_FORBIDDEN;
	backend_cpu_initialise(cpu);
}

void kernel_main(void);

void kernel_main(void)
{
	cpu_initialise(&boot_cpu);
	boot_cpu.tracing = boot_command_line_has(&boot_information, "trace");
	trace_initialise(boot_cpu.tracing ? 1 : 0);
	root_task_create(&boot_cpu);
	log_line("boot: starting the root task");
	log_console_release();
	kernel_exit();
}
