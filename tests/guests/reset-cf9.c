/* SPDX-License-Identifier: MIT */
/* Reset by the port 0xCF9 of the host bridge: 2 (full reset), then 6 (now). */
#include "guest.h"

const char guest_name[] = "reset-cf9";

int main(void)
{
	put("reset-cf9: now\n");
	while (!(inb(COM1 + 5) & 0x40))
		;
	outb(0xcf9, 2);
	outb(0xcf9, 6);
	for (volatile uint32_t i = 0; i < 100000000; i++)
		;
	check("the processor went on after a reset", false);
	return 0;
}
