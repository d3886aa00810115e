/* SPDX-License-Identifier: MIT */
/* The 64-bit guests' window on guest-physical memory, see guest.h. */
#include "guest.h"

extern uint64_t page_directories[6 * 512];

volatile uint8_t *map_window(uint64_t physical)
{
	volatile uint8_t *window = (volatile uint8_t *)0x100000000ull;

	page_directories[4 * 512] = physical | 0x83;
	__asm__ volatile("invlpg (%0)" ::"r"(window) : "memory");
	return window;
}
