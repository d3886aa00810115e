/* SPDX-License-Identifier: MIT */
/* Parsers for single values of an appliance file. Pure: no input or output, no allocation. */
#include "values.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DURATION_US UINT64_C(1000000000000)
#define MAX_RESTART_SECONDS 86400u

struct unit {
	const char *name;
	uint64_t factor;
};

/* Takes decimal digits from *rest. False if there is none or the number exceeds `limit`. */
static bool take_number(const char **rest, uint64_t limit, uint64_t *number)
{
	uint64_t value = 0;

	if (**rest < '0' || **rest > '9') {
		return false;
	}
	for (; **rest >= '0' && **rest <= '9'; (*rest)++) {
		uint64_t digit = (uint64_t)(**rest - '0');

		if (value > (limit - digit) / 10) {
			return false;
		}
		value = value * 10 + digit;
	}
	*number = value;
	return true;
}

/* A whole number and one of the units, with any number of blanks between them. */
static bool parse_with_unit(const char *text, const struct unit *units, uint64_t limit, uint64_t *value)
{
	uint64_t number;

	if (!take_number(&text, limit, &number)) {
		return false;
	}
	while (*text == ' ') {
		text++;
	}
	for (const struct unit *unit = units; unit->name != NULL; unit++) {
		if (strcmp(text, unit->name) == 0) {
			*value = number * unit->factor;
			return number <= limit / unit->factor;
		}
	}
	return false;
}

bool parse_size(const char *text, uint64_t *bytes)
{
	static const struct unit UNITS[] = {
		{ "", 1 },
		{ "K", UINT64_C(1) << 10 },
		{ "KB", UINT64_C(1) << 10 },
		{ "KiB", UINT64_C(1) << 10 },
		{ "M", UINT64_C(1) << 20 },
		{ "MB", UINT64_C(1) << 20 },
		{ "MiB", UINT64_C(1) << 20 },
		{ "G", UINT64_C(1) << 30 },
		{ "GB", UINT64_C(1) << 30 },
		{ "GiB", UINT64_C(1) << 30 },
		{ NULL, 0 },
	};

	return parse_with_unit(text, UNITS, UINT64_C(1) << 63, bytes);
}

bool parse_rate(const char *text, uint64_t *bits_per_second)
{
	static const struct unit UNITS[] = {
		{ "", 1 },
		{ "K", 1000 },
		{ "M", 1000000 },
		{ "G", 1000000000 },
		{ NULL, 0 },
	};

	return parse_with_unit(text, UNITS, UINT64_C(1) << 63, bits_per_second);
}

bool parse_duration(const char *text, uint64_t *microseconds)
{
	static const struct unit UNITS[] = {
		{ "us", 1 },
		{ "ms", 1000 },
		{ "s", 1000000 },
		{ NULL, 0 },
	};

	return parse_with_unit(text, UNITS, MAX_DURATION_US, microseconds) && *microseconds != 0;
}

bool parse_share(const char *text, uint32_t *per_mille)
{
	uint64_t whole;
	uint64_t tenths = 0;

	if (!take_number(&text, 100, &whole)) {
		return false;
	}
	if (*text == '.') {
		text++;
		if (!take_number(&text, 9, &tenths)) {
			return false;
		}
	}
	*per_mille = (uint32_t)(whole * 10 + tenths);
	return strcmp(text, "%") == 0 && *per_mille >= 1 && *per_mille <= 1000;
}

bool parse_boolean(const char *text, bool *value)
{
	static const char *const YES[] = { "true", "yes", "on" };
	static const char *const NO[] = { "false", "no", "off" };

	for (unsigned i = 0; i < 3; i++) {
		if (strcmp(text, YES[i]) == 0) {
			*value = true;
			return true;
		}
		if (strcmp(text, NO[i]) == 0) {
			*value = false;
			return true;
		}
	}
	return false;
}

bool parse_restart(const char *text, struct manifest_restart *restart)
{
	uint64_t max;
	uint64_t microseconds;

	if (strcmp(text, "stop") == 0) {
		*restart = (struct manifest_restart){ .on_exit = MANIFEST_ON_EXIT_STOP };
		return true;
	}
	if (strncmp(text, "restart ", 8) != 0) {
		return false;
	}
	text += 8;
	if (!take_number(&text, MANIFEST_MAX_RESTARTS, &max) || max == 0 || strncmp(text, " per ", 5) != 0) {
		return false;
	}
	if (!parse_duration(text + 5, &microseconds) || microseconds % 1000000 != 0 ||
		microseconds / 1000000 > MAX_RESTART_SECONDS) {
		return false;
	}
	*restart = (struct manifest_restart){
		.on_exit = MANIFEST_ON_EXIT_RESTART,
		.max = (uint32_t)max,
		.seconds = (uint32_t)(microseconds / 1000000),
	};
	return true;
}

bool is_plain_name(const char *text, unsigned max_length)
{
	size_t length = strlen(text);

	if (length == 0 || length > max_length || text[0] < 'a' || text[0] > 'z') {
		return false;
	}
	return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

/* Is `text` like `form`, in which x stands for a hexadecimal digit? */
static bool has_form(const char *text, const char *form)
{
	for (; *form != '\0'; text++, form++) {
		if (*form == 'x' ? !isxdigit((unsigned char)*text) : *text != *form) {
			return false;
		}
	}
	return *text == '\0';
}

bool parse_function_place(const char *text, char place[FUNCTION_PLACE_SIZE])
{
	if (!has_form(text, "xx:xx.x") || strtoul(text + 3, NULL, 16) >= 32 ||
		strtoul(text + 6, NULL, 16) >= 8) {
		return false;
	}
	for (unsigned i = 0; i < FUNCTION_PLACE_SIZE; i++) {
		place[i] = (char)tolower((unsigned char)text[i]);
	}
	return true;
}

void print_size(uint64_t bytes, char text[24])
{
	static const char SUFFIXES[] = { 'G', 'M', 'K' };
	unsigned shift = 30;

	for (unsigned i = 0; i < 3; i++, shift -= 10) {
		if (bytes != 0 && bytes % (UINT64_C(1) << shift) == 0) {
			snprintf(text, 24, "%" PRIu64 "%c", bytes >> shift, SUFFIXES[i]);
			return;
		}
	}
	snprintf(text, 24, "%" PRIu64, bytes);
}
