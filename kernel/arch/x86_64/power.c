/* SPDX-License-Identifier: MIT */
/* Halt and reset. Works in any state of the kernel: a panic may call it. */

#include "arch/x86_64/power.h"

#include "arch/x86_64/cpu.h"

#define RESET_CONTROL_PORT 0xcf9 /* PCI chipsets: bit 1 hard reset, bit 2 do it */
#define WAIT_POLLS 1000000

void machine_halt(void)
{
	for (;;) {
		interrupts_disable();
		halt();
	}
}

void machine_reset(void)
{
	const struct descriptor_table_pointer no_idt = { 0, 0 };

	interrupts_disable();
	outb(RESET_CONTROL_PORT, 0x02);
	outb(RESET_CONTROL_PORT, 0x06);
	for (unsigned int i = 0; i < WAIT_POLLS; i++) {
		cpu_relax();
	}
	/* No IDT: the exception becomes a triple fault, which resets a PC. */
	load_idt(&no_idt);
	__asm__ volatile("ud2");
	machine_halt();
}
