/* SPDX-License-Identifier: MIT */
/* The DSDT's contents: see dsdt.h. */
#include "acpi/dsdt.h"

#include "memory/guest_layout.h"

static void emit_id(struct aml *aml, const char *id, unsigned unique)
{
	aml_name(aml, "_HID");
	aml_eisa_id(aml, id);
	aml_name(aml, "_UID");
	aml_integer(aml, unique);
}

struct isa_device {
	const char *name, *id;
	unsigned unique;
	struct {
		uint16_t base;
		uint8_t count; /* 0: none */
	} io[4];
	int interrupt; /* -1: none */
};

static void emit_isa_device(struct aml *aml, const struct isa_device *device)
{
	size_t start = aml_begin_device(aml, device->name);
	emit_id(aml, device->id, device->unique);
	aml_name(aml, "_STA");
	aml_integer(aml, 0xf); /* present, enabled, shown, working (section 6.3.7) */
	aml_name(aml, "_CRS");
	struct aml_resources resources = aml_begin_resources(aml);
	for (unsigned i = 0; i < 4 && device->io[i].count; i++)
		aml_resource_io(aml, device->io[i].base, device->io[i].count);
	if (device->interrupt >= 0)
		aml_resource_interrupt(aml, (unsigned)device->interrupt);
	aml_end_resources(aml, resources);
	aml_end(aml, start);
}

static void emit_isa(struct aml *aml, const struct acpi_configuration *configuration)
{
	static const struct isa_device always[] = {
		{ "PIC", "PNP0000", 0, { { 0x20, 2 }, { 0xa0, 2 }, { 0x4d0, 2 } }, 2 },
		{ "TMR", "PNP0100", 0, { { 0x40, 4 } }, 0 },
		{ "RTC", "PNP0B00", 0, { { 0x70, 2 } }, 8 },
		{ "SPKR", "PNP0800", 0, { { 0x61, 1 } }, -1 },
		{ "COM1", "PNP0501", 1, { { 0x3f8, 8 } }, 4 },
	};
	static const struct isa_device second_serial_port = { "COM2", "PNP0501", 2, { { 0x2f8, 8 } }, 3 };
	static const struct isa_device keyboard = { "KBD", "PNP0303", 0, { { 0x60, 1 }, { 0x64, 1 } }, 1 };
	static const struct isa_device mouse = { "MOU", "PNP0F13", 0, { { 0 } }, 12 };
	/* What belongs to no driver but must not be given to others: PM block, reset port, debug exit. */
	static const struct isa_device board = { "SYSR", "PNP0C02", 0,
		{ { ACPI_PM1A_EVENT_PORT, ACPI_PM_TIMER_PORT + 4 - ACPI_PM1A_EVENT_PORT }, { 0xf4, 4 } },
		-1 };

	size_t start = aml_begin_device(aml, "ISA");
	aml_name(aml, "_ADR");
	aml_integer(aml, 0x00010000); /* 00:01.0 */
	for (unsigned i = 0; i < sizeof always / sizeof always[0]; i++)
		emit_isa_device(aml, &always[i]);
	if (configuration->second_serial_port)
		emit_isa_device(aml, &second_serial_port);
	if (configuration->keyboard_controller) {
		emit_isa_device(aml, &keyboard);
		emit_isa_device(aml, &mouse);
	}
	emit_isa_device(aml, &board);
	aml_end(aml, start);
}

/* PCI interrupt routing (section 6.2.13): for each device {address, pin, source, interrupt}; no source: wired to that interrupt. */
static void emit_interrupt_routing(struct aml *aml, const struct acpi_configuration *configuration)
{
	uint8_t count = 0;

	for (unsigned device = 0; device < ACPI_PCI_DEVICES; device++)
		count = (uint8_t)(count + (configuration->pci_interrupts[device] != 0));
	if (count == 0)
		return;
	aml_name(aml, "_PRT");
	size_t table = aml_begin_package(aml, count);
	for (unsigned device = 0; device < ACPI_PCI_DEVICES; device++) {
		if (configuration->pci_interrupts[device] == 0)
			continue;
		size_t entry = aml_begin_package(aml, 4);
		aml_integer(aml, (uint64_t)device << 16 | 0xffff); /* all functions */
		aml_integer(aml, 0);                               /* INTA */
		aml_integer(aml, 0);
		aml_integer(aml, configuration->pci_interrupts[device]);
		aml_end(aml, entry);
	}
	aml_end(aml, table);
}

static void emit_pci_root(struct aml *aml, const struct acpi_configuration *configuration)
{
	size_t start = aml_begin_device(aml, "PCI0");
	emit_id(aml, "PNP0A03", 0);
	aml_name(aml, "_BBN");
	aml_integer(aml, 0);
	aml_name(aml, "_CRS");
	struct aml_resources resources = aml_begin_resources(aml);
	aml_resource_bus(aml, 0, 0xff);
	aml_resource_io(aml, 0xcf8, 8);
	aml_resource_io_window(aml, 0x0000, 0x0cf7);
	aml_resource_io_window(aml, 0x0d00, 0xffff);
	aml_resource_memory_window(aml, (uint32_t)GUEST_VGA_BASE, 0xbffff, true);
	aml_resource_memory_window(aml, (uint32_t)GUEST_HOLE_BASE, (uint32_t)GUEST_IO_APIC_BASE - 1, false);
	aml_end_resources(aml, resources);
	emit_interrupt_routing(aml, configuration);
	emit_isa(aml, configuration);
	aml_end(aml, start);
}

void dsdt_emit(struct aml *aml, const struct acpi_configuration *configuration)
{
	/* Section 7.3.4.6: SLP_TYPa, SLP_TYPb, two reserved. */
	aml_name(aml, "\\_S5");
	size_t package = aml_begin_package(aml, 4);
	aml_integer(aml, ACPI_SLEEP_TYPE_S5);
	for (unsigned i = 0; i < 3; i++)
		aml_integer(aml, 0);
	aml_end(aml, package);

	size_t scope = aml_begin_scope(aml, "\\_SB");
	emit_pci_root(aml, configuration);
	aml_end(aml, scope);
}
