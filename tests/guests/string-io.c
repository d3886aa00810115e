/* SPDX-License-Identifier: MIT */
/* String I/O in 32-bit mode: 16-bit addresses, and a segment with a base of its own. */
#include "string-io-common.h"

const char guest_name[] = "string-io";

/* With a 16-bit address size SI and CX are used, and wrap at 64 KiB: APM vol. 3, 1.2.3 (address-size override prefix). */
static void address_size_16(void)
{
	struct string_registers r;
	uint8_t *low = (uint8_t *)0x8000;

	for (unsigned i = 0; i < 8; i++)
		low[i] = (uint8_t)(0x30 + i);
	r = STRING("addr16 rep outsb", COM1 + 7, 0xabcd0008u, 0x12348000u, 0);
	check_equal("outsb with 16-bit addresses: last value", inb(COM1 + 7), 0x37);
	check_equal("outsb with 16-bit addresses: count", r.count, 0xabcd0000u);
	check_equal("outsb with 16-bit addresses: address", r.address, 0x12348008u);
	r = STRING("addr16 rep insb", COM1 + 7, 0x00010002u, 0x00018000u, 0);
	check("insb with 16-bit addresses: values", low[0] == 0x37 && low[1] == 0x37 && low[2] == 0x32);
	check_equal("insb with 16-bit addresses: count", r.count, 0x00010000u);
	check_equal("insb with 16-bit addresses: address", r.address, 0x00018002u);
}

static void segments(void)
{
	__asm__ volatile("movw %w0, %%fs; movw %w0, %%es" ::"r"(SELECTOR_WINDOW));
	segment_window[0x100] = 0xc3;
	STRING("fs outsb", COM1 + 7, 1, 0x100, 0);
	check_equal("outsb with FS: value", inb(COM1 + 7), 0xc3);
	segment_window[0x200] = 0;
	STRING("insb", COM1 + 7, 1, 0x200, 0);
	check_equal("insb into ES", segment_window[0x200], 0xc3);
	TRY("rep insb", ::"c"(1), "D"(0x10000), "d"(COM1 + 7) : "memory");
	check_equal("insb beyond the limit of ES", trap_vector, VECTOR_GP);
	TRY("fs outsb", ::"S"(0x10000), "d"(COM1 + 7) : "memory");
	check_equal("outsb beyond the limit of FS", trap_vector, VECTOR_GP);
	__asm__ volatile("movw %w0, %%fs; movw %w0, %%es" ::"r"(SELECTOR_DATA));
}

int main(void)
{
	bytes();
	wide();
	address_size_16();
	segments();
	return 0;
}
