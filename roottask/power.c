/* SPDX-License-Identifier: MIT */
/* Host ports that the root task uses itself: see power.h. Makes an IoPorts object for each use from IoPortControl. */
#include "power.h"

#include "acpi_power.h"
#include "report.h"
#include "root.h"
#include "space.h"
#include "supervise.h"

#include <string.h>

#define ROOT_ACPI UINT64_C(0x320000000000) /* a window for each table */
#define TABLE_WINDOW UINT64_C(0x1000000)   /* the kernel takes no larger ones */
#define PM1_SCI_ENABLED 1u
#define PM1_SLEEP_ENABLE (1u << 13)
#define PM1_SLEEP_TYPE 10
#define RESET_CONTROL 0xcf9u
#define RESET_FULL 0x0eu
#define COM1 0x3f8u
#define COM1_LINE_STATUS \
	5u /* TL16C550D data sheet, table 3: register 5, bit 5 = transmitter holding register empty */
#define COM1_EMPTY 0x20u
#define POLLS_MAX 1000000u
#define OBEY_LIMIT_MS 1000u

static bool open_ports(uint32_t first, uint32_t count)
{
	uint32_t slot;
	enum bh_error error = arena_make_owned(&system_arena, OWNER_SYSTEM, BH_OBJECT_IO_PORTS, 0, 1, &slot);

	if (error == BH_OK) {
		error = bh_io_port_control_configure(BH_BOOT_IO_PORT_CONTROL, slot, first, count);
	}
	if (error == BH_OK) {
		error = bh_io_ports_map(slot, BH_BOOT_ADDRESS_SPACE);
	}
	return error == BH_OK;
}

/* The PCI server has this port among those of configuration space, which are 32 bits wide: from now on it has none of them. */
static void take_ports_back(uint32_t port)
{
	for (uint32_t i = 0; i < root.manifest.object_count; i++) {
		const struct manifest_object *record = &root.manifest.objects[i];
		uint32_t slot = root.object[i].slot;

		if (record->type == MANIFEST_OBJECT_IO_PORTS && slot != 0 && port >= record->first &&
			port - record->first < record->count && bh_cnode_revoke(ROOT_CNODE, slot) == BH_OK &&
			bh_cnode_delete(ROOT_CNODE, slot) == BH_OK) {
			root.object[i].slot = 0;
		}
	}
}

static void out8(uint32_t port, uint32_t value)
{
	__asm__ volatile("outb %b0, %w1" : : "a"(value), "Nd"(port));
}

static void out16(uint32_t port, uint32_t value)
{
	__asm__ volatile("outw %w0, %w1" : : "a"(value), "Nd"(port));
}

static uint32_t in8(uint32_t port)
{
	uint32_t value = 0;

	__asm__ volatile("inb %w1, %b0" : "+a"(value) : "Nd"(port));
	return value & 0xff;
}

static uint32_t in16(uint32_t port)
{
	uint32_t value = 0;

	__asm__ volatile("inw %w1, %w0" : "+a"(value) : "Nd"(port));
	return value & 0xffff;
}

/* The firmware's table of that name, mapped in window number `window`. */
static struct acpi_table find_table(const char *signature, uint64_t window)
{
	uint64_t address = ROOT_ACPI + window * TABLE_WINDOW;

	for (uint32_t i = 0; i < root.boot->acpi_table_count; i++) {
		const struct bh_boot_acpi_table *table = &root.boot->acpi_table[i];
		uint64_t inside = table->physical & (PAGE_SIZE - 1);

		if (memcmp(table->signature, signature, sizeof(table->signature)) == 0 &&
			space_map(&root_space, table->first,
				(uint32_t)((inside + table->length + PAGE_SIZE - 1) >> PAGE_BITS), PAGE_BITS,
				address, BH_MAP_READ) == BH_OK) {
			return (struct acpi_table){ (const uint8_t *)(uintptr_t)(address + inside),
				table->length };
		}
	}
	return (struct acpi_table){ NULL, 0 };
}

static struct acpi_power power;
static bool power_known;

static struct acpi_table madt;

void power_init(void)
{
	power_known = acpi_power_read(find_table("FACP", 0), find_table("DSDT", 1), &power);
	madt = find_table("APIC", 2);
}

uint8_t century_register(void) { return power.century_register; }

struct isa_line isa_line(uint32_t isa) { return isa_line_read(madt, isa); }

static void sleep_control(uint32_t port, uint32_t type)
{
	if (port != 0 && open_ports(port, 2)) {
		out16(port, type << PM1_SLEEP_TYPE | PM1_SLEEP_ENABLE);
	}
}

/* Sleep commands count in ACPI mode only (ACPI 6.4 section 4.8.3.2.1). */
static void enable_acpi(void)
{
	if (power.smi_command != 0 && power.acpi_enable != 0 &&
		(in16(power.pm1a_control) & PM1_SCI_ENABLED) == 0 && open_ports(power.smi_command, 1)) {
		out8(power.smi_command, power.acpi_enable);
		for (uint32_t polls = 0;
			polls < POLLS_MAX && (in16(power.pm1a_control) & PM1_SCI_ENABLED) == 0; polls++) {}
	}
}

/* The chipset switches off some time after the write, and everything runs on until then. */
void power_off(void)
{
	uint64_t asked_ms = now_ms();

	if (!power_known || !open_ports(power.pm1a_control, 2)) {
		return;
	}
	enable_acpi();
	out16(power.pm1a_control, (uint32_t)power.s5_type_a << PM1_SLEEP_TYPE | PM1_SLEEP_ENABLE);
	sleep_control(power.pm1b_control, power.s5_type_b);
	while (now_ms() - asked_ms < OBEY_LIMIT_MS) {
		__asm__ volatile("pause");
	}
}

void power_reset(void)
{
	take_ports_back(RESET_CONTROL);
	if (open_ports(RESET_CONTROL, 1)) {
		out8(RESET_CONTROL, RESET_FULL);
	}
}

bool emergency_write(const char *text, size_t length)
{
	static bool open;

	open = open || open_ports(COM1, 8);
	for (size_t i = 0; open && i < length; i++) {
		for (uint32_t polls = 0;
			polls < POLLS_MAX && (in8(COM1 + COM1_LINE_STATUS) & COM1_EMPTY) == 0; polls++) {}
		out8(COM1, (unsigned char)text[i]);
	}
	return open;
}
