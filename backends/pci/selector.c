/* SPDX-License-Identifier: MIT */
/* Reads the names of functions: see selector.h. Pure. */
#include "selector.h"

#include "config_space.h"

#include <string.h>

#define CLASS_PREFIX "class:"

/* Reads exactly `digits` hexadecimal digits and then `end`; moves `*text` behind that. */
static bool take(const char **text, unsigned digits, char end, uint32_t *value)
{
	*value = 0;
	for (unsigned i = 0; i < digits; i++) {
		char digit = **text;

		if (digit >= '0' && digit <= '9') {
			*value = *value << 4 | (uint32_t)(digit - '0');
		} else if (digit >= 'a' && digit <= 'f') {
			*value = *value << 4 | (uint32_t)(digit - 'a' + 10);
		} else {
			return false;
		}
		++*text;
	}
	return *(*text)++ == end;
}

bool selector_parse(const char *text, struct selector *selector)
{
	const char *rest = text;
	uint32_t first;
	uint32_t second;
	uint32_t third;

	if (take(&rest, 4, ':', &first) && take(&rest, 4, '\0', &second)) {
		*selector = (struct selector){ SELECTOR_ID, second << 16 | first };
		return true;
	}
	rest = text;
	if (take(&rest, 2, ':', &first) && take(&rest, 2, '.', &second) && take(&rest, 1, '\0', &third) &&
		second < 32 && third < 8) {
		*selector = (struct selector){ SELECTOR_PLACE, REQUESTER(first, second, third) };
		return true;
	}
	rest = text + sizeof CLASS_PREFIX - 1;
	if (strncmp(text, CLASS_PREFIX, sizeof CLASS_PREFIX - 1) == 0 && take(&rest, 6, '\0', &first)) {
		*selector = (struct selector){ SELECTOR_CLASS, first };
		return true;
	}
	return false;
}
