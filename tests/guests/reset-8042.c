/* SPDX-License-Identifier: MIT */
/* Reset by the keyboard controller: command 0xFE pulses the reset line. */
#include "guest.h"

const char guest_name[] = "reset-8042";

int main(void)
{
	put("reset-8042: now\n");
	while (!(inb(COM1 + 5) & 0x40))
		;
	outb(0x64, 0xfe);
	for (volatile uint32_t i = 0; i < 100000000; i++)
		;
	check("the processor went on after a reset", false);
	return 0;
}
