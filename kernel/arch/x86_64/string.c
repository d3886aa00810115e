/* SPDX-License-Identifier: MIT */
/* The memory functions of a freestanding C environment, on the CPU's string instructions. */

#include "string.h"

#include <stdint.h>

void *memcpy(void *restrict destination, const void *restrict source, size_t length)
{
	void *to = destination;
	size_t words = length / 8;

	__asm__ volatile("rep movsq" : "+D"(to), "+S"(source), "+c"(words) : : "memory");
	length &= 7;
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(source), "+c"(length) : : "memory");
	return destination;
}

void *memset(void *destination, int value, size_t length)
{
	void *to = destination;
	uint64_t pattern = (uint8_t)value * 0x0101010101010101ul;
	size_t words = length / 8;

	__asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
	length &= 7;
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(length) : "a"(pattern) : "memory");
	return destination;
}

int memcmp(const void *left, const void *right, size_t length)
{
	const uint8_t *a = left;
	const uint8_t *b = right;

	for (size_t i = 0; i < length; i++) {
		if (a[i] != b[i]) {
			return a[i] - b[i];
		}
	}
	return 0;
}
