/* SPDX-License-Identifier: MIT */
/* Power-off and reset. Works in any state of the kernel: a panic may call it. */

#include "arch/x86_64/power.h"

#include "arch/x86_64/acpi.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/kernel_space.h"
#include "arch/x86_64/layout.h"

/* ACPI 6.4 §4.8.3.2.1, PM1 control registers. */
#define PM1_SCI_EN (1u << 0)
#define PM1_SLEEP_TYPE_SHIFT 10
#define PM1_SLEEP_ENABLE (1u << 13)

#define RESET_CONTROL_PORT 0xcf9 /* PCI chipsets: bit 1 hard reset, bit 2 do it */
#define KEYBOARD_COMMAND_PORT 0x64
#define KEYBOARD_PULSE_RESET 0xfe
#define WAIT_POLLS 1000000

void machine_halt(void)
{
	for (;;) {
		interrupts_disable();
		halt();
	}
}

/* Gives the machine time to do what it was told. */
static void pause_for_a_while(void)
{
	for (unsigned int i = 0; i < WAIT_POLLS; i++) {
		cpu_relax();
	}
}

void machine_power_off(void)
{
	const struct platform_information *p = &platform_information;

	if (!p->has_power_off) {
		return;
	}
	/* Sleep commands count in ACPI mode only (§4.3.3). */
	if (p->smi_command_port != 0 && p->acpi_enable_value != 0 &&
		(inw(p->pm1a_control_port) & PM1_SCI_EN) == 0) {
		outb(p->smi_command_port, p->acpi_enable_value);
		for (unsigned int i = 0; i < WAIT_POLLS && (inw(p->pm1a_control_port) & PM1_SCI_EN) == 0;
			i++) {
			cpu_relax();
		}
	}
	outw(p->pm1a_control_port, (uint16_t)(p->s5_sleep_type_a << PM1_SLEEP_TYPE_SHIFT | PM1_SLEEP_ENABLE));
	if (p->pm1b_control_port != 0) {
		outw(p->pm1b_control_port,
			(uint16_t)(p->s5_sleep_type_b << PM1_SLEEP_TYPE_SHIFT | PM1_SLEEP_ENABLE));
	}
	pause_for_a_while();
}

void machine_reset(void)
{
	const struct platform_information *p = &platform_information;
	const struct descriptor_table_pointer no_idt = { 0, 0 };

	interrupts_disable();
	if (p->has_reset_register && p->reset_register_is_port) {
		outb((uint16_t)p->reset_register_address, p->reset_value);
		pause_for_a_while();
	} else if (p->has_reset_register && direct_map_covers(p->reset_register_address, 1)) {
		*(volatile uint8_t *)phys_to_virt(p->reset_register_address) = p->reset_value;
		pause_for_a_while();
	}
	outb(RESET_CONTROL_PORT, 0x02);
	outb(RESET_CONTROL_PORT, 0x06);
	pause_for_a_while();
	outb(KEYBOARD_COMMAND_PORT, KEYBOARD_PULSE_RESET);
	pause_for_a_while();
	/* No IDT: the exception becomes a triple fault, which resets a PC. */
	load_idt(&no_idt);
	__asm__ volatile("ud2");
	machine_halt();
}
