/* SPDX-License-Identifier: MIT */
/* An exception without any handler, twice over: the processor shuts down (APM vol. 2, 8.2.9), and only this VM ends. */
#include "guest.h"

const char guest_name[] = "triple-fault";

int main(void)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		uintptr_t base;
	} empty = { 0, 0 };

	put("triple-fault: now\n");
	while (!(inb(COM1 + 5) & 0x40))
		;
	__asm__ volatile("lidt %0; int3" ::"m"(empty));
	check("the processor went on after a triple fault", false);
	return 0;
}
