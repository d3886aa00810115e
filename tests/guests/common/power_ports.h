/* SPDX-License-Identifier: MIT */
/* For guests that write to any port: those that end or restart the VM itself. */
#pragma once
#include "guest.h"

/* Reading them is harmless. */
static const struct {
	uint16_t first, last;
} power_ports[] = {
	{ 0x60, 0x60 },   /* i8042 data: the output port has the reset line */
	{ 0x64, 0x64 },   /* i8042 command: 0xfe resets */
	{ 0x92, 0x92 },   /* fast reset */
	{ 0xb2, 0xb2 },   /* APM control: system management */
	{ 0xf4, 0xf7 },   /* debug-exit */
	{ 0x600, 0x607 }, /* ACPI event and control block: S5 */
	{ 0xcf9, 0xcf9 }, /* reset control */
};

static inline bool of_power(uint32_t first, uint32_t width)
{
	for (unsigned i = 0; i < sizeof(power_ports) / sizeof(power_ports[0]); i++)
		if (first <= power_ports[i].last && first + width > power_ports[i].first)
			return true;
	return false;
}
