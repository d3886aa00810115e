/* SPDX-License-Identifier: MIT */
/* From the clock chip's registers to Unix time: Motorola MC146818A data sheet, table 3. */
#include "date.h"

#include <stdbool.h>

#define MODE_BINARY 0x04u
#define MODE_24_HOURS 0x02u
#define HOURS_AFTERNOON 0x80u
#define CENTURY_FIRST 20u
#define CENTURY_LAST 99u

/* Days from 1970-01-01 to the date in the Gregorian calendar; the year starts in March here, so that a leap day is its last. */
static uint64_t days_since_1970(uint64_t year, uint64_t month, uint64_t day)
{
	uint64_t march_year = month > 2 ? year : year - 1;
	uint64_t march_month = month > 2 ? month - 3 : month + 9;
	uint64_t days = march_year * 365 + march_year / 4 - march_year / 100 + march_year / 400;

	return days + (153 * march_month + 2) / 5 + day - 1 - 719468;
}

static uint64_t number(uint8_t value, uint8_t mode)
{
	return (mode & MODE_BINARY) != 0 ? value : (value >> 4) * UINT64_C(10) + (value & 15);
}

/* The chip knows nothing of centuries: it is a byte of memory, set by whoever set the date. */
static uint64_t first_year(uint8_t century, uint8_t mode)
{
	uint64_t value = number(century, mode);

	return (value >= CENTURY_FIRST && value <= CENTURY_LAST ? value : CENTURY_FIRST) * 100;
}

uint64_t date_seconds(const uint8_t part[DATE_PARTS], uint8_t century, uint8_t mode)
{
	static const uint8_t last[DATE_PARTS] = { 59, 59, 23, 31, 12, 99 };
	bool twelve = (mode & MODE_24_HOURS) == 0;
	bool afternoon = twelve && (part[DATE_HOUR] & HOURS_AFTERNOON) != 0;
	uint64_t value[DATE_PARTS] = { 0 };

	for (unsigned int i = 0; i < DATE_PARTS; i++) {
		bool has_flag = i == DATE_HOUR && twelve;

		value[i] = number(has_flag ? (uint8_t)(part[i] & ~HOURS_AFTERNOON) : part[i], mode);
	}
	if (twelve) {
		value[DATE_HOUR] = value[DATE_HOUR] % 12 + (afternoon ? 12 : 0);
	}
	for (unsigned int i = 0; i < DATE_PARTS; i++) {
		if (value[i] > last[i] || (value[i] == 0 && (i == DATE_DAY || i == DATE_MONTH))) {
			return 0;
		}
	}
	return ((days_since_1970(
			 first_year(century, mode) + value[DATE_YEAR], value[DATE_MONTH], value[DATE_DAY]) *
				24 +
			value[DATE_HOUR]) *
			       60 +
		       value[DATE_MINUTE]) *
		       60 +
	       value[DATE_SECOND];
}
