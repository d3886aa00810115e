/* SPDX-License-Identifier: MIT */
/* Results and flags of the arithmetic that MMIO emulation knows (AMD APM vol. 3). Pure. */
#ifndef VMM_MMIO_ARITHMETIC_H
#define VMM_MMIO_ARITHMETIC_H

#include "mmio/decode.h"

enum {
	RFLAGS_CF = 1u << 0,
	RFLAGS_PF = 1u << 2,
	RFLAGS_AF = 1u << 4,
	RFLAGS_ZF = 1u << 6,
	RFLAGS_SF = 1u << 7,
	RFLAGS_OF = 1u << 11,
};

static inline uint64_t width_mask(unsigned width)
{
	return width >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * width) - 1;
}

/* The result of `first` op `second`, cut to `width` bytes; *rflags gets the flags. AF of logic operations
 * is undefined: cleared. MMIO_BIT_TEST: `second` is the bit's number, only CF changes. Operations without
 * arithmetic give `second` and leave the flags. */
uint64_t arithmetic(
	enum mmio_operation operation, uint64_t first, uint64_t second, unsigned width, uint64_t *rflags);

#endif
