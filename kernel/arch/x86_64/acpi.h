/* SPDX-License-Identifier: MIT */
/* Facts from ACPI's static tables (no AML is run): CPUs, interrupt controllers, PM timer, power-off, PCI. Tables come
 * from firmware: every length, address and checksum is checked, and a bad table is left out with a log line. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PLATFORM_IO_APICS 8
#define PLATFORM_ISA_LINES 16

struct platform_io_apic {
	uint64_t physical;
	uint32_t id;
	uint32_t gsi_base; /* its first global system interrupt */
};

/* Where an interrupt arrives, and how. */
struct interrupt_line {
	uint32_t gsi;
	bool level;
	bool active_low;
};

struct platform_information {
	uint64_t local_apic_physical;
	unsigned int cpu_count; /* usable ones, those beyond MAXIMUM_CPUS not counted */

	unsigned int io_apic_count;
	struct platform_io_apic io_apics[PLATFORM_IO_APICS];
	unsigned int override_count;
	/* The ISA interrupts: to the line of its own number, edge and high, or as the tables override it (ACPI 6.4 §5.2.12.5). */
	struct interrupt_line isa_lines[PLATFORM_ISA_LINES];
	bool has_pic; /* MADT flag PCAT_COMPAT: 8259s are there and must be masked */

	uint16_t pm_timer_port; /* 0: none */

	/* Power-off: write sleep_type_x << 10 | SLP_EN (bit 13) to the control ports (ACPI 6.4 §4.8.3.2.1). */
	bool has_power_off;
	uint16_t pm1a_control_port;
	uint16_t pm1b_control_port; /* 0: none */
	uint8_t s5_sleep_type_a;
	uint8_t s5_sleep_type_b;
	uint16_t smi_command_port; /* 0: ACPI mode is always on */
	uint8_t acpi_enable_value;

	bool has_reset_register;
	bool reset_register_is_port; /* else in memory */
	uint64_t reset_register_address;
	uint8_t reset_value;

	uint64_t pci_config_physical; /* MCFG, segment 0; 0: none */
};

/* Filled by arch_boot before kernel_main runs; constant after that. */
extern struct platform_information platform_information;

/* Reads the tables. Without (usable) ACPI, defaults of a PC hold: local APIC at 0xfee00000, no I/O APIC, one CPU.
 * Needs the final page tables. Boot only. */
void acpi_read_tables(struct platform_information *platform, uint64_t rsdp_physical);

/* Do the bytes sum up to zero, as those of every table do? */
bool acpi_checksum_good(const void *bytes, uint64_t length);
