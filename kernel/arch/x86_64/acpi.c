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

/* A table that was checked: `length` bytes may be read at `bytes`. */
struct table {
	const uint8_t *bytes; /* 0: none */
	uint32_t length;
};

/* A field; zero where the table is too short to have it. */
static uint64_t field(struct table table, uint64_t offset, uint64_t size)
{
	uint64_t value = 0;

	if (offset <= table.length && size <= table.length - offset) {
		memcpy(&value, table.bytes + offset, size);
	}
	return value;
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

/* Opens a table, and notes it for the root task. */
static struct table add_table(struct platform_information *platform, uint64_t physical)
{
	struct table table = open_table(physical);

	if (table.bytes != 0 && platform->table_count < BH_BOOT_ACPI_TABLES_MAX) {
		struct bh_boot_acpi_table *entry = &platform->tables[platform->table_count++];

		memcpy(entry->signature, table.bytes, sizeof(entry->signature));
		entry->length = table.length;
		entry->physical = physical;
	}
	return table;
}

static bool has_signature(struct table table, const char *signature)
{
	return table.bytes != 0 && memcmp(table.bytes, signature, 4) == 0;
}

/* MADT entries, §5.2.12. */
enum madt_type {
	MADT_IO_APIC = 1,
};
#define MADT_ENTRIES 44
#define MADT_FLAGS 40
#define MADT_PCAT_COMPAT 1u

static void read_madt_entry(struct platform_information *platform, struct table entry)
{
	switch (entry.bytes[0]) {
	case MADT_IO_APIC:
		if (platform->io_apic_count < PLATFORM_IO_APICS) {
			platform->io_apics[platform->io_apic_count++] =
				(struct platform_io_apic){ .id = (uint32_t)field(entry, 2, 1),
					.physical = field(entry, 4, 4),
					.first_line = (uint32_t)field(entry, 8, 4) };
		}
		break;
	default:
		break;
	}
}

static void read_madt(struct platform_information *platform, struct table madt)
{
	uint32_t at = MADT_ENTRIES;

	platform->has_no_pic = (field(madt, MADT_FLAGS, 4) & MADT_PCAT_COMPAT) == 0;
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

/* FADT, §5.2.9: the PM timer's port, which may have an extended address only: a generic one, of space 1 (§5.2.3.2). */
#define FADT_DSDT 40
#define FADT_PM_TIMER 76
#define FADT_X_DSDT 140
#define FADT_X_PM_TIMER 208
#define SPACE_PORTS 1

static void read_fadt(struct platform_information *platform, struct table fadt)
{
	uint64_t dsdt = field(fadt, FADT_X_DSDT, 8), port = field(fadt, FADT_PM_TIMER, 4);

	if (port == 0 && field(fadt, FADT_X_PM_TIMER, 1) == SPACE_PORTS) {
		port = field(fadt, FADT_X_PM_TIMER + 4, 8);
	}
	platform->pm_timer_port = port <= UINT16_MAX ? (uint16_t)port : 0;
	(void)add_table(platform, dsdt != 0 ? dsdt : field(fadt, FADT_DSDT, 4));
}

/* IVRS: 48882 §5.2. Blocks describe an IOMMU and what is behind it; of that, which function an I/O APIC's interrupts come from. */
#define IVRS_BLOCKS 48
#define IVHD_10H 0x10
#define IVHD_11H 0x11
#define IVHD_ENTRIES(type) ((type) == IVHD_10H ? 24u : 40u)
#define IVHD_SPECIAL 0x48
#define IVHD_SPECIAL_IO_APIC 1

static void read_ivhd(struct platform_information *platform, struct table block)
{
	struct platform_iommu iommu = { .physical = field(block, 8, 8),
		.function = (uint32_t)field(block, 4, 2),
		.flags = (uint32_t)field(block, 1, 1) };
	unsigned int known = 0;

	while (known < platform->iommu_count && platform->iommus[known].physical != iommu.physical) {
		known++;
	}
	if (known == PLATFORM_IOMMUS || field(block, 16, 2) != 0) {
		platform->iommu_fault = "there are more than 8, or more than one PCI segment";
	} else if (known == platform->iommu_count) {
		platform->iommus[platform->iommu_count++] = iommu;
	}
	for (uint64_t at = IVHD_ENTRIES(block.bytes[0]); at + 4 <= block.length;
		at += 4u << (block.bytes[at] >> 6)) {
		if (block.bytes[at] == IVHD_SPECIAL && field(block, at + 7, 1) == IVHD_SPECIAL_IO_APIC) {
			platform->io_apic_functions[field(block, at + 4, 1)] =
				(uint16_t)field(block, at + 5, 2);
		}
	}
}

static void read_ivrs(struct platform_information *platform, struct table ivrs)
{
	uint64_t at = IVRS_BLOCKS;

	while (at + 4 <= ivrs.length) {
		struct table block = { ivrs.bytes + at, (uint32_t)field(ivrs, at + 2, 2) };

		if (block.length < 4 || block.length > ivrs.length - at) {
			platform->iommu_fault = "the firmware's table IVRS is malformed";
			return;
		}
		if (block.bytes[0] == IVHD_10H || block.bytes[0] == IVHD_11H) {
			read_ivhd(platform, block);
		}
		at += block.length;
	}
}

static void read_all(struct platform_information *platform, struct table root, unsigned int pointer_size)
{
	uint64_t at = sizeof(struct acpi_header);
	unsigned int count = 0;

	for (; at + pointer_size <= root.length && count < TABLES_MAXIMUM; at += pointer_size, count++) {
		struct table table = add_table(platform, field(root, at, pointer_size));

		if (has_signature(table, "APIC")) {
			read_madt(platform, table);
		} else if (has_signature(table, "FACP")) {
			read_fadt(platform, table);
		} else if (has_signature(table, "IVRS")) {
			read_ivrs(platform, table);
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
	read_from_rsdp(platform, rsdp_physical);
	log_line("ACPI: %u tables, %u I/O APICs, PM timer port 0x%x", platform->table_count,
		platform->io_apic_count, platform->pm_timer_port);
}
