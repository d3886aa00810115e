/* SPDX-License-Identifier: MIT */
/* A set of the 256 interrupt vectors as four 64-bit words: ISR, IRR and TMR of a local APIC.
 * Pure functions on the given set; no path walks single bits. */
#ifndef BULKHEAD_VMM_FABRIC_VECTOR_SET_H
#define BULKHEAD_VMM_FABRIC_VECTOR_SET_H

#include <stdbool.h>
#include <stdint.h>

struct vector_set {
	uint64_t word[4];
};

static inline bool vector_set_has(const struct vector_set *set, uint8_t vector)
{
	return (set->word[vector >> 6] >> (vector & 63) & 1) != 0;
}

static inline void vector_set_add(struct vector_set *set, uint8_t vector)
{
	set->word[vector >> 6] |= UINT64_C(1) << (vector & 63);
}

static inline void vector_set_remove(struct vector_set *set, uint8_t vector)
{
	set->word[vector >> 6] &= ~(UINT64_C(1) << (vector & 63));
}

/* The highest vector in the set, 0 if it is empty. Vectors below 16 are never put into a set, so 0 is free. */
static inline uint8_t vector_set_highest(const struct vector_set *set)
{
	if (set->word[3] != 0)
		return (uint8_t)(255 - __builtin_clzll(set->word[3]));
	if (set->word[2] != 0)
		return (uint8_t)(191 - __builtin_clzll(set->word[2]));
	if (set->word[1] != 0)
		return (uint8_t)(127 - __builtin_clzll(set->word[1]));
	if (set->word[0] != 0)
		return (uint8_t)(63 - __builtin_clzll(set->word[0]));
	return 0;
}

/* The 32 bits that the register number `index` (0 to 7) of ISR, TMR or IRR shows. */
static inline uint32_t vector_set_register(const struct vector_set *set, uint32_t index)
{
	return (uint32_t)(set->word[(index >> 1) & 3] >> ((index & 1) * 32));
}

#endif
