/* SPDX-License-Identifier: MIT */
/* See bytes.h. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "bytes.h"

#include <sys/mman.h>

void put(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

uint64_t get(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << 8 * i;
	return value;
}

uint8_t *map_ram(size_t size)
{
	void *ram = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return ram == MAP_FAILED ? NULL : ram;
}
