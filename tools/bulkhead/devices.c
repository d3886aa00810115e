/* SPDX-License-Identifier: MIT */
/* The table of device models. Ports and lines are those of a PC; ACPI's block stands where the VMM's FADT says. Pure data. */
#include "devices.h"

#include <string.h>

static const struct device_template DEVICES[DEVICE_COUNT] = {
	{
		.name = "uart0",
		.image = "uart16550",
		.what = "first serial port (16550A), the VM's console",
		.ranges = { { 0x3f8, 8 } },
		.range_count = 1,
		.lines = { { 0, "gsi,4" } },
		.line_count = 1,
		.share_per_mille = 40,
		.serial_irq = 4,
		.argument = "",
	},
	{
		.name = "pit",
		.image = "pit8254",
		.what = "interval timer (8254)",
		.ranges = { { 0x40, 4 }, { 0x61, 1 } },
		.range_count = 2,
		.lines = { { 0, "gsi,2" } },
		.line_count = 1,
		.share_per_mille = 40,
		.argument = "",
	},
	{
		.name = "rtc",
		.image = "mc146818",
		.what = "real-time clock and CMOS memory (MC146818)",
		.ranges = { { 0x70, 2 } },
		.range_count = 1,
		.lines = { { 0, "gsi,8" } },
		.line_count = 1,
		.share_per_mille = 20,
		.argument = "memory=%M",
	},
	{
		.name = "acpi-pm",
		.image = "acpi-pm",
		.what = "ACPI power management: timer, power off, SCI",
		.ranges = { { 0x600, 6 }, { 0x608, 4 } },
		.range_count = 2,
		.lines = { { 0, "gsi,9" }, { 1, "poweroff" } },
		.line_count = 2,
		.share_per_mille = 20,
		.power_button = true,
		.argument = "",
	},
	{
		.name = "i8042",
		.image = "i8042",
		.what = "keyboard controller (8042), reset by command 0xFE",
		.ranges = { { 0x60, 1 }, { 0x64, 1 } },
		.range_count = 2,
		.lines = { { 0, "gsi,1" }, { 1, "gsi,12" }, { 2, "reset" } },
		.line_count = 3,
		.share_per_mille = 10,
		.argument = "",
	},
	{
		.name = "debug-exit",
		.image = "debug-exit",
		.what = "port 0xF4: ends the VM with the code written",
		.ranges = { { 0xf4, 4 } },
		.range_count = 1,
		.lines = { { 0, "exit" } },
		.line_count = 1,
		.share_per_mille = 10,
		.argument = "",
	},
	{
		.name = "uart1",
		.image = "uart16550",
		.what = "second serial port (16550A)",
		.ranges = { { 0x2f8, 8 } },
		.range_count = 1,
		.lines = { { 0, "gsi,3" } },
		.line_count = 1,
		.share_per_mille = 40,
		.serial_irq = 3,
		.argument = "",
	},
	{
		.name = "virtio-rng",
		.image = "virtio-rng",
		.what = "source of random bytes (virtio, PCI)",
		.virtio = { 4, 0x00ff00, 1 },
		.entropy = true,
		.share_per_mille = 10,
		.argument = "",
	},
	{
		.name = "virtio-console",
		.image = "virtio-console",
		.what = "console (virtio, PCI)",
		.virtio = { 3, 0x078000, 2 },
		.share_per_mille = 40,
		.argument = "",
	},
	{
		.name = "test-device",
		.image = "test-device",
		.what = "registers without a purpose, in ports and in memory, for tests and measurements",
		.ranges = { { 0x300, 8 } },
		.range_count = 1,
		.memory = { 0xfed10000, 4096 },
		.lines = { { 0, "gsi,10" } },
		.line_count = 1,
		.share_per_mille = 10,
		.argument = "",
	},
};

static const struct device_template NIC = {
	.name = "nic",
	.image = "virtio-net",
	.what = "network card (virtio, PCI)",
	.virtio = { 1, 0x020000, 2 },
	.frames = true,
	.share_per_mille = 100,
	.argument = "",
};

static const struct device_template DISK = {
	.name = "disk",
	.image = "virtio-blk",
	.what = "disk (virtio, PCI)",
	.virtio = { 2, 0x010000, 1 },
	.volume = true,
	.share_per_mille = 100,
	.argument = "",
};

const struct device_template *device_nic(void) { return &NIC; }

const struct device_template *device_disk(void) { return &DISK; }

const struct device_template *device_at(size_t number)
{
	return number < DEVICE_COUNT ? &DEVICES[number] : NULL;
}

const struct device_template *device_find(const char *name)
{
	for (size_t i = 0; i < DEVICE_COUNT; i++) {
		if (strcmp(DEVICES[i].name, name) == 0) {
			return &DEVICES[i];
		}
	}
	return NULL;
}
