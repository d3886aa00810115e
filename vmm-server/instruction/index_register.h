/* SPDX-License-Identifier: MIT */
/* How string instructions move RSI, RDI and RCX, by address width (AMD APM vol. 3 section 1.2.3). Pure. */
#ifndef VMM_INSTRUCTION_INDEX_REGISTER_H
#define VMM_INSTRUCTION_INDEX_REGISTER_H

#include <stdint.h>

/* The part of the register that the address width (bytes: 2, 4, 8) uses. */
static inline uint64_t index_register_get(uint64_t value, unsigned address_width)
{
	return address_width == 8 ? value : value & (address_width == 4 ? UINT32_MAX : UINT16_MAX);
}

/* The register after `change` was added: 32 bits clear the upper half, 16 bits keep what is above. */
static inline uint64_t index_register_add(uint64_t value, uint64_t change, unsigned address_width)
{
	if (address_width == 8)
		return value + change;
	if (address_width == 4)
		return (uint32_t)(value + change);
	return (value & ~(uint64_t)UINT16_MAX) | ((value + change) & UINT16_MAX);
}

#endif
