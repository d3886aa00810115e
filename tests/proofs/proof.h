/* SPDX-License-Identifier: MIT */
/* What the proofs share: how they state what they assume, show and reach. Each tests/proofs/NAME.c includes the project's own source
 * files, hands them every state within its bound, and says what must hold afterwards. build/verify reads the comment at the top of
 * each, so its form is fixed: see docs/proofs.md. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Must hold on every path that comes here. */
#define PROVE(condition, text) __CPROVER_assert(condition, text)

/* Some path must come here: a proof about states that can't be reached would say nothing. build/verify wants this assertion to fail. */
#ifdef COVER_NOTHING /* mutants are first tried without */
#define COVER(text) ((void)0)
#else
#define COVER(text) __CPROVER_assert(false, "cover: " text)
#endif
#define COVER_IF(condition, text)    \
	do {                         \
		if (condition) {     \
			COVER(text); \
		}                    \
	} while (0)

/* Only paths on which the condition holds go on; that there are some is a cover check. The text is an "Assumes" line of the comment. */
#define ASSUME(condition, text)              \
	do {                                 \
		__CPROVER_assume(condition); \
		COVER("assumption: " text);  \
	} while (0)

/* Any value: CBMC gives a variable that nobody set every value that its type has. */
#define ANY(name, type)                     \
	static inline type any_##name(void) \
	{                                   \
		type value;                 \
                                            \
		return value;               \
	}
ANY(bool, bool)
ANY(u8, uint8_t)
ANY(u16, uint16_t)
ANY(u32, uint32_t)
ANY(u64, uint64_t)
