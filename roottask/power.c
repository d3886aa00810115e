/* SPDX-License-Identifier: MIT */
/* Host ports that the root task uses itself: see power.h. Makes an IoPorts object for each use from IoPortControl. */
#include "power.h"

#include "report.h"
#include "root.h"
#include "supervise.h"

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

static void sleep_control(uint32_t port, uint32_t type)
{
	if (port != 0 && open_ports(port, 2)) {
		out16(port, type << PM1_SLEEP_TYPE | PM1_SLEEP_ENABLE);
	}
}

/* The chipset switches off some time after the write, and everything runs on until then. */
void power_off(void)
{
	uint64_t asked_ms = now_ms();

	sleep_control(root.boot->pm1a_control_port, root.boot->s5_type_a);
	sleep_control(root.boot->pm1b_control_port, root.boot->s5_type_b);
	while (root.boot->pm1a_control_port != 0 && now_ms() - asked_ms < OBEY_LIMIT_MS) {
		__asm__ volatile("pause");
	}
}

void power_reset(void)
{
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
