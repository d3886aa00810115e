/* SPDX-License-Identifier: MIT */
/* Facts from ACPI's static tables (no AML is run): CPUs, interrupt controllers, PM timer, power-off, PCI. Tables come
 * from firmware: every length, address and checksum is checked, and a bad table is left out with a log line. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arch/x86_64/boot_information.h"
#include "arch/x86_64/layout.h"

#define PLATFORM_IO_APICS 8
#define PLATFORM_OVERRIDES 16
#define PLATFORM_ACPI_RANGES 32

struct platform_io_apic {
	uint64_t physical;
	uint32_t id;
	uint32_t gsi_base; /* its first global system interrupt */
};

/* Where one of the 16 ISA interrupts is wired, when not to the line of its own number (ACPI 6.4 §5.2.12.5). */
struct platform_override {
	uint8_t isa_irq;
	uint32_t gsi;
	bool level;
	bool active_low;
};

struct platform_information {
	uint64_t local_apic_physical;
	unsigned int cpu_count; /* usable ones, those beyond MAXIMUM_CPUS not counted */
	uint8_t cpu_apic_ids[MAXIMUM_CPUS];

	unsigned int io_apic_count;
	struct platform_io_apic io_apics[PLATFORM_IO_APICS];
	unsigned int override_count;
	struct platform_override overrides[PLATFORM_OVERRIDES];
	bool has_pic; /* MADT flag PCAT_COMPAT: 8259s are there and must be masked */

	uint16_t pm_timer_port; /* 0: none */
	bool pm_timer_is_32_bit;
	uint16_t sci_irq;

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
	uint8_t pci_first_bus;
	uint8_t pci_last_bus;

	/* Memory where tables were found: never given to anybody for writing. Page-rounded. */
	unsigned int acpi_range_count;
	struct memory_region acpi_ranges[PLATFORM_ACPI_RANGES];
};

/* Filled by arch_boot before kernel_main runs; constant after that. */
extern struct platform_information platform_information;

/* Reads the tables. Without (usable) ACPI, defaults of a PC hold: local APIC at 0xfee00000, no I/O APIC, one CPU.
 * Needs the final page tables. Boot only. */
void acpi_read_tables(struct platform_information *platform, uint64_t rsdp_physical);

struct interrupt_line {
	uint32_t gsi;
	bool level;
	bool active_low;
};

/* Line, trigger and polarity of ISA interrupt isa_irq (0..15), overrides applied. */
struct interrupt_line platform_isa_line(const struct platform_information *platform, uint8_t isa_irq);
