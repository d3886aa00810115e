/* SPDX-License-Identifier: MIT */
/* Port accesses, as many as `count=` says (100,000): half writes, half reads of the UART's scratch register, each read checked.
 * `count=0`: for ever. A hypervisor that confuses an empty budget with a hang restarts the device model here. */
#include "guest.h"

const char guest_name[] = "io-storm";

int main(void)
{
	uint32_t count = (uint32_t)argument("count", 100000), wrong = 0;

	put("io-storm: running\n");
	for (uint32_t i = 0; count == 0 || i < count; i += 2) {
		outb(COM1 + 7, (uint8_t)(i >> 1));
		if (inb(COM1 + 7) != (uint8_t)(i >> 1))
			wrong++;
	}
	put("io-storm: ");
	put_number(count);
	put(" accesses, ");
	put_number(wrong);
	put(" wrong\n");
	check_equal("wrong values", wrong, 0);
	return 0;
}
