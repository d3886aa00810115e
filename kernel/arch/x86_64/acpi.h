/* SPDX-License-Identifier: MIT */
/* Facts from ACPI's static tables: interrupt controllers, PM timer. Tables come from firmware: every length, address and
 * checksum is checked, and a bad table is left out with a log line. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <bulkhead/boot_info.h>

#define PLATFORM_IO_APICS 8
#define PLATFORM_IOMMUS 8
#define IOMMU_REGISTER_BYTES 0x4000u /* of an AMD-Vi's that are used: 48882 §3.4 */

struct platform_io_apic {
	uint64_t physical;
	uint32_t id;
	uint32_t first_line; /* global system interrupt */
	uint32_t lines;      /* as it says itself: ioapic_initialise(); 0: out of reach */
};

struct platform_iommu {
	uint64_t physical;
	uint32_t function; /* its own, in PCI configuration space */
	uint32_t flags;
};

struct platform_information {
	unsigned int io_apic_count;
	struct platform_io_apic io_apics[PLATFORM_IO_APICS];
	bool has_no_pic; /* MADT flag PCAT_COMPAT is clear: no 8259s that must be masked */

	uint16_t pm_timer_port; /* 0: none */

	unsigned int iommu_count;
	struct platform_iommu iommus[PLATFORM_IOMMUS];
	const char *iommu_fault;         /* why they can't be used, or NULL */
	uint16_t io_apic_functions[256]; /* what the I/O APIC of that id sends interrupts as; 0: not known */

	/* For whoever needs them: every good table, boot information's way (without slots). */
	unsigned int table_count;
	struct bh_boot_acpi_table tables[BH_BOOT_ACPI_TABLES_MAX];
};

/* Filled by arch_boot before kernel_main runs; constant after that. */
extern struct platform_information platform_information;

/* Reads the tables. Without a MADT a PC is assumed: 8259s, no I/O APIC.
 * Needs the final page tables. Boot only. */
void acpi_read_tables(struct platform_information *platform, uint64_t rsdp_physical);

/* Do the bytes sum up to zero, as those of every table do? */
bool acpi_checksum_good(const void *bytes, uint64_t length);
