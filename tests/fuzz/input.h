/* SPDX-License-Identifier: MIT */
/* What a fuzzer's input says, byte by byte; behind its end there are zeroes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct input {
	const uint8_t *bytes;
	size_t left;
};

/* The next `count` bytes, at most 8, as a little-endian number. */
static inline uint64_t take(struct input *input, size_t count)
{
	uint64_t value = 0;

	for (size_t i = 0; i < count && input->left > 0; i++) {
		value |= (uint64_t)*input->bytes++ << (8 * i);
		input->left--;
	}
	return value;
}

static inline uint8_t next_byte(struct input *input) { return (uint8_t)take(input, 1); }

static inline uint32_t next_word(struct input *input) { return (uint32_t)take(input, 4); }
