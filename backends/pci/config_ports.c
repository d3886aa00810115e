/* SPDX-License-Identifier: MIT */
/* Configuration space by mechanism #1 (PCI 3.0 section 3.2.2.3.2): the address goes to one port, the data through another. The task's one thread is
 * the only one in the machine that has these ports, so nothing comes between the two. */
#include "config_space.h"

#define CONFIG_ADDRESS 0xcf8u
#define CONFIG_DATA 0xcfcu
#define CONFIG_ADDRESS_ENABLE 0x80000000u

static void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static uint32_t in32(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

uint32_t config_read(uint32_t requester, uint32_t offset)
{
	out32(CONFIG_ADDRESS, CONFIG_ADDRESS_ENABLE | (requester & 0xffff) << 8 | (offset & 0xfc));
	return in32(CONFIG_DATA);
}

void config_write(uint32_t requester, uint32_t offset, uint32_t value)
{
	out32(CONFIG_ADDRESS, CONFIG_ADDRESS_ENABLE | (requester & 0xffff) << 8 | (offset & 0xfc));
	out32(CONFIG_DATA, value);
}
