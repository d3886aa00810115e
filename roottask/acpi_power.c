/* SPDX-License-Identifier: MIT */
/* Power-off by ACPI S5: ports from the FADT, sleep types from the DSDT's \_S5_ package, which is found by its name: no AML is run. */
#include "acpi_power.h"

#include <string.h>

/* FADT, ACPI 6.4 section 5.2.9. A block that has no legacy address may have an extended one: a generic address (5.2.3.2). */
#define FADT_SMI_COMMAND 48u
#define FADT_ACPI_ENABLE 52u
#define FADT_PM1A_CONTROL 64u
#define FADT_PM1B_CONTROL 68u
#define FADT_CENTURY 108u
#define FADT_X_PM1A_CONTROL 172u
#define FADT_X_PM1B_CONTROL 184u
#define ADDRESS_SPACE_PORTS 1u
#define ADDRESS_OFFSET 4u

#define TABLE_HEADER 36u

/* AML encodings, section 20.2. */
#define AML_ONE 0x01u
#define AML_NAME 0x08u
#define AML_BYTE 0x0au
#define AML_WORD 0x0bu
#define AML_DWORD 0x0cu
#define AML_PACKAGE 0x12u
#define SLEEP_TYPE_MAX 7u

/* A little-endian field; zero where the table is too short to have it. */
static uint64_t field(struct acpi_table table, uint64_t offset, uint32_t size)
{
	uint64_t value = 0;

	if (offset <= table.length && size <= table.length - offset) {
		memcpy(&value, table.bytes + offset, size);
	}
	return value;
}

static uint16_t port_of(struct acpi_table fadt, uint32_t offset, uint32_t extended)
{
	uint64_t port = field(fadt, offset, 4);

	if (port == 0 && field(fadt, extended, 1) == ADDRESS_SPACE_PORTS) {
		port = field(fadt, extended + ADDRESS_OFFSET, 8);
	}
	return port <= UINT16_MAX ? (uint16_t)port : 0;
}

/* Reads one integer element at *at and steps over it: Zero and One are their own encodings. */
static bool read_integer(struct acpi_table aml, uint64_t *at, uint64_t *value)
{
	static const uint8_t sizes[AML_DWORD + 1] = { [AML_BYTE] = 1, [AML_WORD] = 2, [AML_DWORD] = 4 };
	uint64_t opcode = field(aml, *at, 1);
	uint8_t size = opcode < sizeof(sizes) ? sizes[opcode] : 0;

	if (*at >= aml.length || size > aml.length - *at - 1 || (size == 0 && opcode > AML_ONE)) {
		return false;
	}
	*value = size == 0 ? opcode : field(aml, *at + 1, size);
	*at += 1u + size;
	return true;
}

/* `at` is that of the name "_S5_" in Name (_S5_, Package () { type a, type b, ... }), section 7.4.2.6. */
static bool read_package(struct acpi_table dsdt, uint64_t at, struct acpi_power *power)
{
	uint64_t type_a, type_b;

	if (dsdt.bytes[at - 1] != AML_NAME &&
		!(dsdt.bytes[at - 1] == '\\' && dsdt.bytes[at - 2] == AML_NAME)) {
		return false;
	}
	at += 4;
	if (field(dsdt, at, 1) != AML_PACKAGE) {
		return false;
	}
	/* PkgLength: the two high bits of its first byte count its further bytes; then the number of elements. */
	at += 1;
	at += 1 + (field(dsdt, at, 1) >> 6);
	at += 1;
	if (!read_integer(dsdt, &at, &type_a) || !read_integer(dsdt, &at, &type_b) ||
		type_a > SLEEP_TYPE_MAX || type_b > SLEEP_TYPE_MAX) {
		return false;
	}
	power->s5_type_a = (uint8_t)type_a;
	power->s5_type_b = (uint8_t)type_b;
	return true;
}

bool acpi_power_read(struct acpi_table fadt, struct acpi_table dsdt, struct acpi_power *power)
{
	uint64_t smi_command = field(fadt, FADT_SMI_COMMAND, 4);

	power->pm1a_control = port_of(fadt, FADT_PM1A_CONTROL, FADT_X_PM1A_CONTROL);
	power->pm1b_control = port_of(fadt, FADT_PM1B_CONTROL, FADT_X_PM1B_CONTROL);
	power->smi_command = smi_command <= UINT16_MAX ? (uint16_t)smi_command : 0;
	power->acpi_enable = (uint8_t)field(fadt, FADT_ACPI_ENABLE, 1);
	power->century_register = (uint8_t)field(fadt, FADT_CENTURY, 1);
	for (uint64_t at = TABLE_HEADER + 1; power->pm1a_control != 0 && at + 8 <= dsdt.length; at++) {
		if (memcmp(dsdt.bytes + at, "_S5_", 4) == 0 && read_package(dsdt, at, power)) {
			return true;
		}
	}
	return false;
}
