/* SPDX-License-Identifier: MIT */
/* Finds the ACPI tables as an operating system does, checks their checksums, and enters S5 with the value that the DSDT names.
 * ACPI 6.4, 5.2 (tables), 7.4.2 (_S5), 4.8.3.2 (PM1 control). */
#include "guest.h"

const char guest_name[] = "power-off";

struct __attribute__((packed)) table {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[6], oem_table[8];
	uint32_t oem_revision, creator, creator_revision;
};

enum { SLP_EN = 1 << 13, SCI_EN = 1 };

static uint32_t field32(const void *base, unsigned offset)
{
	uint32_t value;

	__builtin_memcpy(&value, (const uint8_t *)base + offset, 4);
	return value;
}

static bool sums_to_zero(const void *from, uint32_t length)
{
	uint8_t sum = 0;

	for (uint32_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + ((const uint8_t *)from)[i]);
	return sum == 0;
}

static bool is(const void *from, const char *text)
{
	for (const char *at = from; *text; at++, text++)
		if (*at != *text)
			return false;
	return true;
}

static const uint8_t *find_root_pointer(void)
{
	for (uintptr_t at = 0xe0000; at < 0x100000; at += 16)
		if (is((const void *)at, "RSD PTR ") && sums_to_zero((const void *)at, 20))
			return (const void *)at;
	return NULL;
}

/* The first element of the package _S5: a byte prefix and a byte, or the constants Zero and One. */
static int sleep_type(const struct table *dsdt)
{
	const uint8_t *at = (const uint8_t *)dsdt;

	for (uint32_t i = sizeof(*dsdt); i + 12 < dsdt->length; i++) {
		if (!is(at + i, "_S5_") || at[i + 4] != 0x12)
			continue;
		i += 5;
		i += 1u + (at[i] >> 6) + 1; /* package length, element count */
		if (at[i] == 0x0a)
			return at[i + 1];
		return at[i] <= 1 ? at[i] : -1;
	}
	return -1;
}

int main(void)
{
	const uint8_t *root = find_root_pointer();
	const struct table *list, *fadt = NULL, *dsdt;
	unsigned width;
	uint16_t control;
	int type;

	check("the root pointer is where a PC has it", root != NULL);
	if (!root)
		return 0;
	width = root[15] >= 2 && field32(root, 24) ? 8 : 4;
	list = (const struct table *)(uintptr_t)field32(root, width == 8 ? 24 : 16);
	check("RSDT or XSDT: checksum", sums_to_zero(list, list->length));
	put("tables:");
	for (uint32_t offset = sizeof(*list); offset < list->length; offset += width) {
		const struct table *table = (const void *)(uintptr_t)field32(list, offset);
		char name[6] = { ' ', table->signature[0], table->signature[1], table->signature[2],
			table->signature[3], 0 };
		put(name);
		check("table: checksum", sums_to_zero(table, table->length));
		if (is(table, "FACP"))
			fadt = table;
	}
	put("\n");
	check("there is a FADT", fadt != NULL);
	if (!fadt)
		return 0;
	dsdt = (const struct table *)(uintptr_t)field32(fadt, 40);
	check("DSDT: checksum", is(dsdt, "DSDT") && sums_to_zero(dsdt, dsdt->length));
	type = sleep_type(dsdt);
	check("_S5 has a sleep type", type >= 0 && type < 8);
	control = (uint16_t)field32(fadt, 64);
	if (!(inw(control) & SCI_EN) && field32(fadt, 48))
		outb((uint16_t)field32(fadt, 48), ((const uint8_t *)fadt)[52]);
	put("power-off: now\n");
	while (!(inb(COM1 + 5) & 0x40))
		;
	outw(control, (uint16_t)((unsigned)type << 10));
	outw(control, (uint16_t)((unsigned)type << 10 | SLP_EN));
	for (volatile uint32_t i = 0; i < 100000000; i++)
		;
	check("the processor went on after S5", false);
	return 0;
}
