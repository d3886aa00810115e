/* SPDX-License-Identifier: MIT */
/* Counts: how many times a loop of a fixed length runs in a given time of the ACPI timer. `ms=` is that time (1,000), `rounds=` how
 * often it measures (3). Prints `count: N` for each. Uses no interrupts, so what it gets is the processor time that is left to it. */
#include "guest.h"

const char guest_name[] = "count";

enum { PM_TIMER = 0x608, PM_HZ = 3579545, CHUNK = 100000 };

int main(void)
{
	uint32_t ms = (uint32_t)argument("ms", 1000), rounds = (uint32_t)argument("rounds", 3);

	put("count: running\n");
	for (uint32_t round = 0; round < rounds; round++) {
		uint32_t chunks = 0, last = inl(PM_TIMER), ticks = 0, limit = PM_HZ / 1000 * ms;

		while (ticks < limit) {
			uint32_t now;

			for (uint32_t i = 0; i < CHUNK; i++)
				__asm__ volatile("");
			chunks++;
			now = inl(PM_TIMER);
			ticks += (now - last) & 0xffffff;
			last = now;
		}
		put("count: ");
		put_number(chunks);
		put("\n");
	}
	return 0;
}
