/* SPDX-License-Identifier: MIT */
/* Copies of many words, for threads that may use general registers only: they call no libc function. */
#pragma once

#include <stdint.h>

#define COPY_WORDS_MANY 16u /* from here on the instruction is worth its start; below a loop is */

#ifdef BULKHEAD_CHECKED_COPIES
/* As the compiler sees it: sanitizers then look at each access. */
static inline void copy_words(void *to, const void *from, uint64_t count)
{
	typedef uint64_t __attribute__((may_alias, aligned(1))) word;

	for (uint64_t i = 0; i < count; i++) {
		((word *)to)[i] = ((const volatile word *)from)[i];
	}
}
#else
/* Copies `count` words of 8 bytes, aligned or not, upwards; each is read once. The areas do not overlap. */
static inline void copy_words(void *to, const void *from, uint64_t count)
{
	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}
#endif
