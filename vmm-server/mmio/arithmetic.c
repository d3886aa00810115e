/* SPDX-License-Identifier: MIT */
/* Results and flags: see arithmetic.h. */
#include "mmio/arithmetic.h"

static uint64_t common_flags(uint64_t result, unsigned width)
{
	uint64_t flags = 0;
	if (result == 0)
		flags |= RFLAGS_ZF;
	if (result >> (8 * width - 1) & 1)
		flags |= RFLAGS_SF;
	uint32_t low = (uint32_t)result & 0xff; /* parity of the low byte, even sets PF */
	low ^= low >> 4;
	low ^= low >> 2;
	low ^= low >> 1;
	if (!(low & 1))
		flags |= RFLAGS_PF;
	return flags;
}

uint64_t arithmetic(
	enum mmio_operation operation, uint64_t first, uint64_t second, unsigned width, uint64_t *rflags)
{
	uint64_t mask = width_mask(width);
	unsigned sign = 8 * width - 1;
	uint64_t result, flags = 0;
	first &= mask;
	if (operation == MMIO_BIT_TEST) {
		uint64_t bit = first >> (second & (8 * width - 1)) & 1;
		*rflags = (*rflags & ~(uint64_t)RFLAGS_CF) | (bit ? RFLAGS_CF : 0);
		return first;
	}
	second &= mask;
	switch (operation) {
	case MMIO_AND:
	case MMIO_TEST:
		result = first & second;
		break;
	case MMIO_OR:
		result = first | second;
		break;
	case MMIO_XOR:
		result = first ^ second;
		break;
	case MMIO_ADD:
		result = (first + second) & mask;
		flags |= result < first ? RFLAGS_CF : 0;
		flags |= (first ^ result) & (second ^ result) & UINT64_C(1) << sign ? RFLAGS_OF : 0;
		flags |= (first ^ second ^ result) & 0x10 ? RFLAGS_AF : 0;
		break;
	case MMIO_SUB:
	case MMIO_CMP:
		result = (first - second) & mask;
		flags |= first < second ? RFLAGS_CF : 0;
		flags |= (first ^ second) & (first ^ result) & UINT64_C(1) << sign ? RFLAGS_OF : 0;
		flags |= (first ^ second ^ result) & 0x10 ? RFLAGS_AF : 0;
		break;
	case MMIO_LOAD:
	case MMIO_STORE:
	case MMIO_MOVS:
	case MMIO_BIT_TEST:
	case MMIO_XCHG:
	default:
		return second;
	}
	flags |= common_flags(result, width);
	uint64_t written = RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF;
	*rflags = (*rflags & ~written) | flags;
	return result;
}
