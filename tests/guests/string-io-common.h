/* SPDX-License-Identifier: MIT */
/* String I/O: widths, REP, direction, address size, segments (32-bit), page faults and page borders (64-bit). Bytes go
 * through the UART's loopback, 32-bit units through the PCI address register, which reads back what was written. */
#pragma once
#include "guest.h"

enum { PCI_ADDRESS = 0xcf8, CMOS_INDEX = 0x70, CMOS_DATA = 0x71, NOTHING = 0x1234, DIRECTION = 1 << 10 };

static uint8_t buffer[64] __attribute__((aligned(64)));
static uint32_t words[16] __attribute__((aligned(64)));

struct string_registers {
	uintptr_t count, address;
};

/* Runs a string instruction with this count, address and direction; what the registers are afterwards. */
#define STRING(code, port, count_, address_, backwards)                                      \
	({                                                                                   \
		struct string_registers r_ = { (uintptr_t)(count_), (uintptr_t)(address_) }; \
		uintptr_t source_ = r_.address;                                              \
		__asm__ volatile("testl %4, %4\n jz 1f\n std\n 1: " code "\n cld"            \
				 : "+c"(r_.count), "+D"(r_.address), "+S"(source_)           \
				 : "d"((uint32_t)(port)), "r"((uint32_t)(backwards))         \
				 : "memory", "cc");                                          \
		if (r_.address == (uintptr_t)(address_))                                     \
			r_.address = source_;                                                \
		r_;                                                                          \
	})

static void loopback(bool on)
{
	outb(COM1 + 2, 7);
	outb(COM1 + 4, on ? 0x13 : 3);
	while (!(inb(COM1 + 5) & 0x40))
		;
}

static void bytes(void)
{
	struct string_registers r;
	uint8_t back[16];
	bool right = true;

	for (unsigned i = 0; i < sizeof(buffer); i++)
		buffer[i] = (uint8_t)(0x41 + i);
	loopback(true);
	r = STRING("rep outsb", COM1, 16, buffer, 0);
	for (unsigned i = 0; i < 16; i++)
		back[i] = inb(COM1 + 5) & 1 ? inb(COM1) : 0;
	for (unsigned i = 0; i < 16; i++)
		right = right && back[i] == 0x41 + i;
	loopback(false);
	check("rep outsb: the bytes in their order", right);
	check_equal("rep outsb: count", r.count, 0);
	check_equal("rep outsb: address", r.address, (uintptr_t)buffer + 16);

	loopback(true);
	r = STRING("rep outsb", COM1, 8, buffer + 15, 1);
	for (unsigned i = 0; i < 8; i++)
		back[i] = inb(COM1 + 5) & 1 ? inb(COM1) : 0;
	right = true;
	for (unsigned i = 0; i < 8; i++)
		right = right && back[i] == 0x41 + 15 - i;
	loopback(false);
	check("rep outsb backwards: the bytes in their order", right);
	check_equal("rep outsb backwards: address", r.address, (uintptr_t)buffer + 7);

	loopback(true);
	for (unsigned i = 0; i < 8; i++)
		outb(COM1, (uint8_t)(0x61 + i));
	r = STRING("rep insb", COM1, 8, buffer, 0);
	loopback(false);
	right = true;
	for (unsigned i = 0; i < 8; i++)
		right = right && buffer[i] == 0x61 + i;
	check("rep insb: the bytes in their order", right && buffer[8] == 0x49);
	check_equal("rep insb: address", r.address, (uintptr_t)buffer + 8);

	r = STRING("rep insb", COM1 + 7, 0, buffer, 0);
	check_equal("rep insb with count 0: address", r.address, (uintptr_t)buffer);
	buffer[0] = 0;
	outb(COM1 + 7, 0x5a);
	r = STRING("insb", COM1 + 7, 7, buffer, 0);
	check_equal("insb: value", buffer[0], 0x5a);
	check_equal("insb: count untouched", r.count, 7);
	check_equal("insb: address", r.address, (uintptr_t)buffer + 1);
	buffer[3] = 0xa5;
	r = STRING("outsb", COM1 + 7, 7, buffer + 3, 1);
	check_equal("outsb backwards: value", inb(COM1 + 7), 0xa5);
	check_equal("outsb backwards: address", r.address, (uintptr_t)buffer + 2);

	/* A register of the clock that does not move: the CMOS byte 0x0d, valid RAM and time, reads 0x80. */
	outb(CMOS_INDEX, 0x0d);
	buffer[4] = 0x77;
	STRING("rep insb", CMOS_DATA, 4, buffer, 0);
	check("rep insb from the clock's data port", buffer[0] == inb(CMOS_DATA) && buffer[3] == buffer[0]);
	check_equal("rep insb stays inside its count", buffer[4], 0x77);
}

static void wide(void)
{
	struct string_registers r;

	for (unsigned i = 0; i < 16; i++)
		words[i] = 0x80000000u + i * 0x800;
	r = STRING("rep outsl", PCI_ADDRESS, 5, words, 0);
	check_equal("rep outsl: last value", inl(PCI_ADDRESS), 0x80002000u);
	check_equal("rep outsl: address", r.address, (uintptr_t)(words + 5));
	r = STRING("rep insl", PCI_ADDRESS, 3, words + 10, 1);
	check("rep insl backwards: values", words[10] == 0x80002000u && words[8] == 0x80002000u);
	check_equal("rep insl backwards: untouched", words[7], 0x80003800u);
	check_equal("rep insl backwards: address", r.address, (uintptr_t)(words + 7));
	words[0] = 0;
	words[1] = 0x12345678;
	r = STRING("rep insw", NOTHING, 3, words, 0);
	check_equal("rep insw from no device: all ones", words[0], 0xffffffffu);
	check_equal("rep insw from no device: third", words[1], 0x1234ffffu);
	r = STRING("rep outsw", NOTHING, 3, words, 0);
	check_equal("rep outsw: address", r.address, (uintptr_t)words + 6);
	outl(PCI_ADDRESS, 0);
}
