/* SPDX-License-Identifier: MIT */
/* How this machine is powered off, as its firmware's tables say: ACPI's S5 state. Pure; no system calls. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A firmware table that can be read; bytes NULL: there is none. */
struct acpi_table {
	const uint8_t *bytes;
	uint32_t length;
};

struct acpi_power {
	uint16_t pm1a_control, pm1b_control; /* ports; pm1b 0: none */
	uint8_t s5_type_a, s5_type_b;
	uint16_t smi_command;     /* port, 0: ACPI mode is always on */
	uint8_t acpi_enable;      /* what is to be written there */
	uint8_t century_register; /* of the clock chip, 0: none. Also where they don't say how to power off */
};

/* Reads the FADT and the DSDT, whose lengths and checksums the kernel has checked. false: they don't say how. */
bool acpi_power_read(struct acpi_table fadt, struct acpi_table dsdt, struct acpi_power *power);
