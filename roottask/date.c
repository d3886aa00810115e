/* SPDX-License-Identifier: MIT */
/* From the clock chip's registers to Unix time: Motorola MC146818A data sheet, table 3. */
#include "date.h"

#include <stdbool.h>

#define MODE_BINARY 0x04u
#define MODE_24_HOURS 0x02u
#define HOURS_AFTERNOON 0x80u

/* Days from 1970-01-01 to the date in the Gregorian calendar; the year starts in March here, so that a leap day is its last. */
static uint64_t days_since_1970(uint64_t year, uint64_t month, uint64_t day)
{
	uint64_t march_year = month > 2 ? year : year - 1;
	uint64_t march_month = month > 2 ? month - 3 : month + 9;
	uint64_t days = march_year * 365 + march_year / 4 - march_year / 100 + march_year / 400;

	return days + (153 * march_month + 2) / 5 + day - 1 - 719468;
}

uint64_t date_seconds(const uint8_t part[DATE_PARTS], uint8_t mode)
{
	static const uint8_t last[DATE_PARTS] = { 59, 59, 23, 31, 12, 99 };
	bool twelve = (mode & MODE_24_HOURS) == 0;
	bool afternoon = twelve && (part[DATE_HOUR] & HOURS_AFTERNOON) != 0;
	uint64_t value[DATE_PARTS] = { 0 };

	for (unsigned int i = 0; i < DATE_PARTS; i++) {
		uint64_t read = i == DATE_HOUR && twelve ? part[i] & ~HOURS_AFTERNOON : part[i];

		value[i] = (mode & MODE_BINARY) != 0 ? read : (read >> 4) * 10 + (read & 15);
	}
	if (twelve) {
		value[DATE_HOUR] = value[DATE_HOUR] % 12 + (afternoon ? 12 : 0);
	}
	for (unsigned int i = 0; i < DATE_PARTS; i++) {
		if (value[i] > last[i] || (value[i] == 0 && (i == DATE_DAY || i == DATE_MONTH))) {
			return 0;
		}
	}
	return ((days_since_1970(2000 + value[DATE_YEAR], value[DATE_MONTH], value[DATE_DAY]) * 24 +
			value[DATE_HOUR]) *
			       60 +
		       value[DATE_MINUTE]) *
		       60 +
	       value[DATE_SECOND];
}
