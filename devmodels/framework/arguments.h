/* SPDX-License-Identifier: MIT */
/* Reads numbers out of a model's arguments, without libc. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads all of `text` as a decimal number up to `most` into `number`. False, and `number` unchanged, for
 * anything else, NULL too. */
static inline bool argument_number(const char *text, uint64_t most, uint64_t *number)
{
	uint64_t value = 0;

	if (text == NULL || *text == '\0') {
		return false;
	}
	for (; *text != '\0'; text++) {
		unsigned int digit = (unsigned int)(unsigned char)*text - '0';

		if (digit > 9 || value > (most - digit) / 10 || digit > most) {
			return false;
		}
		value = value * 10 + digit;
	}
	*number = value;
	return true;
}
