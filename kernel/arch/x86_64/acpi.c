/* SPDX-License-Identifier: MIT */
/* Reads ACPI's static tables (ACPI 6.4 chapter 5). Firmware-made input: checked, never asserted; no AML is run. */

#include "arch/x86_64/acpi.h"

#include "arch/x86_64/kernel_space.h"
#include "arch/x86_64/layout.h"
#include "log.h"
#include "string.h"

struct platform_information platform_information;

#define TABLE_LENGTH_MAXIMUM 0x1000000u
#define TABLES_MAXIMUM 256u
#define DEFAULT_LOCAL_APIC 0xfee00000ul

struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem[6];
	char oem_table[8];
	uint32_t oem_revision;
	uint32_t creator;
	uint32_t creator_revision;
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_header) == 36, "ACPI table header");

struct generic_address {
	uint8_t space; /* 0 memory, 1 ports */
	uint8_t bit_width;
	uint8_t bit_offset;
	uint8_t access_size;
	uint64_t address;
} __attribute__((packed));
#define SPACE_MEMORY 0
#define SPACE_PORTS 1

/* A table that was checked: `length` bytes may be read at `bytes`. */
struct table {
	const uint8_t *bytes; /* 0: none */
	uint32_t length;
};

/* Reads of fields: zero where the table is too short to have them. */
static void copy_field(struct table table, uint64_t offset, void *to, uint64_t size)
{
	if (offset <= table.length && size <= table.length - offset) {
		memcpy(to, table.bytes + offset, size);
	}
}

static uint64_t field(struct table table, uint64_t offset, uint64_t size)
{
	uint64_t value = 0;

	copy_field(table, offset, &value, size);
	return value;
}

static struct generic_address field_address(struct table table, uint64_t offset)
{
	struct generic_address address = { 0, 0, 0, 0, 0 };

	copy_field(table, offset, &address, sizeof(address));
	return address;
}

bool acpi_checksum_good(const void *bytes, uint64_t length)
{
	uint8_t sum = 0;

	for (uint64_t i = 0; i < length; i++) {
		sum = (uint8_t)(sum + ((const uint8_t *)bytes)[i]);
	}
	return sum == 0;
}

/* The table at that address, or none. */
static struct table open_table(uint64_t physical)
{
	const struct acpi_header *header = phys_to_virt(physical);
	const char *fault;

	if (physical == 0 || !direct_map_covers(physical, sizeof(*header))) {
		fault = "is out of reach";
	} else if (header->length < sizeof(*header) || header->length > TABLE_LENGTH_MAXIMUM ||
		   !direct_map_covers(physical, header->length)) {
		fault = "has a bad length";
	} else if (!acpi_checksum_good(header, header->length)) {
		fault = "has a bad checksum";
	} else {
		return (struct table){ (const uint8_t *)header, header->length };
	}
	log_line("ACPI: table at 0x%lx %s, left out", physical, fault);
	return (struct table){ 0, 0 };
}

static bool has_signature(struct table table, const char *signature)
{
	return table.bytes != 0 && memcmp(table.bytes, signature, 4) == 0;
}

/* MADT entries, §5.2.12. */
enum madt_type {
	MADT_LOCAL_APIC = 0,
	MADT_IO_APIC = 1,
	MADT_OVERRIDE = 2,
	MADT_LOCAL_APIC_ADDRESS = 5,
};
#define MADT_ENTRIES 44
#define MADT_FLAGS 40
#define MADT_PCAT_COMPAT 1u
#define LOCAL_APIC_ENABLED 1u
/* MPS INTI flags, table 5.26: bits 1:0 polarity, 3:2 trigger; 3 is low, and level. Zero: as the bus, ISA edge high. */
#define INTI_POLARITY(flags) ((flags)&3)
#define INTI_TRIGGER(flags) ((flags) >> 2 & 3)

static void read_madt_entry(struct platform_information *platform, struct table entry)
{
	switch (entry.bytes[0]) {
	case MADT_LOCAL_APIC:
		if ((field(entry, 4, 4) & LOCAL_APIC_ENABLED) != 0 && platform->cpu_count < MAXIMUM_CPUS) {
			platform->cpu_count++;
		}
		break;
	case MADT_IO_APIC:
		if (platform->io_apic_count < PLATFORM_IO_APICS) {
			platform->io_apics[platform->io_apic_count++] =
				(struct platform_io_apic){ .id = (uint32_t)field(entry, 2, 1),
					.physical = field(entry, 4, 4),
					.gsi_base = (uint32_t)field(entry, 8, 4) };
		}
		break;
	case MADT_OVERRIDE:
		if (field(entry, 3, 1) < PLATFORM_ISA_LINES) {
			uint64_t flags = field(entry, 8, 2);

			platform->isa_lines[field(entry, 3, 1)] =
				(struct interrupt_line){ .gsi = (uint32_t)field(entry, 4, 4),
					.active_low = INTI_POLARITY(flags) == 3,
					.level = INTI_TRIGGER(flags) == 3 };
			platform->override_count++;
		}
		break;
	case MADT_LOCAL_APIC_ADDRESS:
		platform->local_apic_physical = field(entry, 4, 8);
		break;
	default:
		break;
	}
}

static void read_madt(struct platform_information *platform, struct table madt)
{
	uint32_t at = MADT_ENTRIES;

	platform->local_apic_physical = field(madt, 36, 4);
	platform->has_pic = (field(madt, MADT_FLAGS, 4) & MADT_PCAT_COMPAT) != 0;
	while (at + 2 <= madt.length) {
		struct table entry = { madt.bytes + at, madt.bytes[at + 1] };

		if (entry.length < 2 || entry.length > madt.length - at) {
			log_line("ACPI: MADT is malformed after %u bytes", at);
			return;
		}
		read_madt_entry(platform, entry);
		at += entry.length;
	}
}

/* FADT, §5.2.9: offsets of the fields. A block that has no legacy address may have an extended one. */
#define FADT_DSDT 40
#define FADT_SMI_COMMAND 48
#define FADT_ACPI_ENABLE 52
#define FADT_PM1A_CONTROL 64
#define FADT_PM1B_CONTROL 68
#define FADT_PM_TIMER 76
#define FADT_FLAGS 112
#define FADT_RESET_REGISTER 116
#define FADT_RESET_VALUE 128
#define FADT_X_DSDT 140
#define FADT_X_PM1A_CONTROL 172
#define FADT_X_PM1B_CONTROL 184
#define FADT_X_PM_TIMER 208
#define FADT_FLAG_RESET_REGISTER (1u << 10)

static uint16_t fadt_port(struct table fadt, uint64_t offset, uint64_t extended_offset)
{
	struct generic_address extended = field_address(fadt, extended_offset);
	uint64_t port = field(fadt, offset, 4);

	if (port == 0 && extended.space == SPACE_PORTS) {
		port = extended.address;
	}
	return port <= UINT16_MAX ? (uint16_t)port : 0;
}

/* AML encodings, §20.2. */
#define AML_ONE 0x01
#define AML_NAME 0x08
#define AML_BYTE 0x0a
#define AML_WORD 0x0b
#define AML_DWORD 0x0c
#define AML_PACKAGE 0x12

/* Reads one integer element at *at and steps over it: Zero and One are their own encodings. */
static bool read_aml_integer(struct table aml, uint64_t *at, uint64_t *value)
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

/* `at` is that of the name "_S5_" in Name (_S5_, Package () { type a, type b, ... }), §7.4.2.6. */
static bool read_s5_package(struct platform_information *platform, struct table dsdt, uint64_t at)
{
	uint64_t type_a, type_b;

	if (dsdt.bytes[at - 1] != AML_NAME &&
		!(at >= 2 && dsdt.bytes[at - 1] == '\\' && dsdt.bytes[at - 2] == AML_NAME)) {
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
	if (!read_aml_integer(dsdt, &at, &type_a) || !read_aml_integer(dsdt, &at, &type_b) || type_a > 7 ||
		type_b > 7) {
		return false;
	}
	platform->s5_sleep_type_a = (uint8_t)type_a;
	platform->s5_sleep_type_b = (uint8_t)type_b;
	return true;
}

static bool find_s5(struct platform_information *platform, struct table dsdt)
{
	for (uint64_t at = sizeof(struct acpi_header) + 1; at + 8 <= dsdt.length; at++) {
		if (memcmp(dsdt.bytes + at, "_S5_", 4) == 0 && read_s5_package(platform, dsdt, at)) {
			return true;
		}
	}
	return false;
}

static void read_fadt(struct platform_information *platform, struct table fadt)
{
	uint64_t flags = field(fadt, FADT_FLAGS, 4);
	struct generic_address reset = field_address(fadt, FADT_RESET_REGISTER);
	uint64_t dsdt_physical = field(fadt, FADT_X_DSDT, 8);
	uint64_t smi_command = field(fadt, FADT_SMI_COMMAND, 4);
	struct table dsdt;

	platform->pm_timer_port = fadt_port(fadt, FADT_PM_TIMER, FADT_X_PM_TIMER);
	platform->pm1a_control_port = fadt_port(fadt, FADT_PM1A_CONTROL, FADT_X_PM1A_CONTROL);
	platform->pm1b_control_port = fadt_port(fadt, FADT_PM1B_CONTROL, FADT_X_PM1B_CONTROL);
	platform->smi_command_port = smi_command <= UINT16_MAX ? (uint16_t)smi_command : 0;
	platform->acpi_enable_value = (uint8_t)field(fadt, FADT_ACPI_ENABLE, 1);
	if ((flags & FADT_FLAG_RESET_REGISTER) != 0 &&
		((reset.space == SPACE_PORTS && reset.address <= UINT16_MAX) ||
			reset.space == SPACE_MEMORY)) {
		platform->has_reset_register = true;
		platform->reset_register_is_port = reset.space == SPACE_PORTS;
		platform->reset_register_address = reset.address;
		platform->reset_value = (uint8_t)field(fadt, FADT_RESET_VALUE, 1);
	}
	dsdt = open_table(dsdt_physical != 0 ? dsdt_physical : field(fadt, FADT_DSDT, 4));
	if (has_signature(dsdt, "DSDT") && platform->pm1a_control_port != 0) {
		platform->has_power_off = find_s5(platform, dsdt);
	}
}

/* MCFG: PCI Firmware Specification 3.2 §4.1.2. Allocations of 16 bytes each. */
static void read_mcfg(struct platform_information *platform, struct table mcfg)
{
	for (uint64_t at = 44; at + 16 <= mcfg.length; at += 16) {
		if (field(mcfg, at + 8, 2) == 0) {
			platform->pci_config_physical = field(mcfg, at, 8);
			return;
		}
	}
}

static void read_all(struct platform_information *platform, struct table root, unsigned int pointer_size)
{
	uint64_t at = sizeof(struct acpi_header);
	unsigned int count = 0;

	for (; at + pointer_size <= root.length && count < TABLES_MAXIMUM; at += pointer_size, count++) {
		struct table table = open_table(field(root, at, pointer_size));

		if (has_signature(table, "APIC")) {
			read_madt(platform, table);
		} else if (has_signature(table, "FACP")) {
			read_fadt(platform, table);
		} else if (has_signature(table, "MCFG")) {
			read_mcfg(platform, table);
		}
	}
}

/* RSDP, §5.2.5.3: revision 2 and later have the 64-bit address of the XSDT. */
static void read_from_rsdp(struct platform_information *platform, uint64_t rsdp_physical)
{
	struct table rsdp = { 0, 20 };
	struct table root;
	uint64_t xsdt;

	if (rsdp_physical == 0 || !direct_map_covers(rsdp_physical, 36)) {
		log_line("ACPI: none found");
		return;
	}
	rsdp.bytes = phys_to_virt(rsdp_physical);
	if (memcmp(rsdp.bytes, "RSD PTR ", 8) != 0 || !acpi_checksum_good(rsdp.bytes, rsdp.length)) {
		log_line("ACPI: the RSDP at 0x%lx is bad", rsdp_physical);
		return;
	}
	if (rsdp.bytes[15] >= 2 && acpi_checksum_good(rsdp.bytes, 36)) {
		rsdp.length = 36;
	}
	xsdt = field(rsdp, 24, 8);
	root = open_table(xsdt != 0 ? xsdt : field(rsdp, 16, 4));
	if (has_signature(root, "XSDT")) {
		read_all(platform, root, 8);
	} else if (has_signature(root, "RSDT")) {
		read_all(platform, root, 4);
	} else {
		log_line("ACPI: no root table");
	}
}

void acpi_read_tables(struct platform_information *platform, uint64_t rsdp_physical)
{
	for (unsigned int i = 0; i < PLATFORM_ISA_LINES; i++) {
		platform->isa_lines[i].gsi = i;
	}
	platform->has_pic = true;
	platform->local_apic_physical = DEFAULT_LOCAL_APIC;
	read_from_rsdp(platform, rsdp_physical);
	if (platform->cpu_count == 0) {
		platform->cpu_count = 1;
	}
	log_line(
		"ACPI: %u CPUs, %u I/O APICs, %u overrides, PM timer port 0x%x, power-off %s, PCI configuration at 0x%lx",
		platform->cpu_count, platform->io_apic_count, platform->override_count,
		platform->pm_timer_port, platform->has_power_off ? "yes" : "no",
		platform->pci_config_physical);
}
