/* SPDX-License-Identifier: MIT */
/* Keeps a secret: fills all its RAM with it, and the general registers that the loop leaves free. Then verifies the RAM over and over, and prints
 * `keeper: round N, intact` (or how much was changed). `hidden=` is the secret with every bit inverted. */
#include "guest.h"

const char guest_name[] = "keeper";

static bool ours(uintptr_t page)
{
	return page + 4096 > (uintptr_t)image_start && page < (uintptr_t)image_end;
}

static uint32_t walk(uintptr_t from, uintptr_t to, uint64_t secret, bool write)
{
	uint32_t changed = 0;

	for (uintptr_t page = from; page < to; page += 4096) {
		if (ours(page))
			continue;
		for (volatile uint64_t *at = (volatile uint64_t *)page;
			at < (volatile uint64_t *)(page + 4096); at++) {
			if (write)
				*at = secret;
			else
				changed += *at != secret;
		}
	}
	return changed;
}

int main(void)
{
	uint64_t secret = ~argument("hidden", 0);
	uintptr_t end = (uintptr_t)ram_end();

	put("keeper: running\n");
	(void)walk(0x200000, end, secret, true);
	for (uint32_t round = 1;; round++) {
		uint32_t changed = walk(0x200000, end, secret, false);

		put("keeper: round ");
		put_number(round);
		if (changed) {
			put(", CHANGED ");
			put_number(changed);
			put("\n");
		} else {
			put(", intact\n");
		}
	}
}
