/* SPDX-License-Identifier: MIT */
/* The ACPI tables of a VM (ACPI 6.0 chapter 5; FADT revision 5), built once into the BIOS area before the
 * guest starts. Deterministic; touches the given buffer only. The system is in ACPI mode from the start:
 * no SMI command, SCI_EN is fixed. */
#ifndef VMM_ACPI_ACPI_H
#define VMM_ACPI_ACPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fixed hardware (section 4.8). */
enum {
	ACPI_PM1A_EVENT_PORT = 0x600,
	ACPI_PM1A_CONTROL_PORT = 0x604,
	ACPI_PM_TIMER_PORT = 0x608,
	ACPI_SCI_INTERRUPT = 9,
	ACPI_SLEEP_TYPE_S5 = 5, /* SLP_TYP that the DSDT's \_S5 names */
	ACPI_RESET_PORT = 0xcf9,
	ACPI_RESET_VALUE = 6,
	ACPI_CPUS_MAX = 64,
	ACPI_PCI_DEVICES = 32,
};

struct acpi_configuration {
	uint32_t cpus;            /* 1..ACPI_CPUS_MAX; local APIC IDs 0..cpus-1 */
	uint8_t io_apic_id;       /* as the I/O APIC's own register says */
	bool keyboard_controller; /* an i8042 is there */
	bool second_serial_port;  /* COM2 at 0x2f8 */
	/* Global system interrupt of INTA of each PCI device, level-triggered; 0: it has none. */
	uint8_t pci_interrupts[ACPI_PCI_DEVICES];
};

enum acpi_result {
	ACPI_OK,
	ACPI_BAD_CPU_COUNT,
	ACPI_NO_ROOM, /* the buffer is too small */
};

struct acpi_tables {
	uint64_t rsdp, xsdt, rsdt, fadt, facs, madt, dsdt; /* guest-physical */
	uint32_t dsdt_size;                                /* bytes */
	uint64_t end;                                      /* guest-physical, behind the last table */
};

/* Builds the tables into `buffer` of `size` bytes, which the guest sees at `guest_physical` (16-byte
 * aligned, below 4 GiB less size; GUEST_ACPI_BASE). The RSDP stands first. *tables is filled in on ACPI_OK
 * only; otherwise the buffer's contents are undefined. Start-up. */
__attribute__((warn_unused_result)) enum acpi_result acpi_build(
	const struct acpi_configuration *configuration, uint8_t *buffer, size_t size, uint64_t guest_physical,
	struct acpi_tables *tables);

/* One line of text for the log. */
const char *acpi_result_text(enum acpi_result result);

#endif
