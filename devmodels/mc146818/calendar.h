/* SPDX-License-Identifier: MIT */
/* The Gregorian calendar for the real-time clock: seconds since 0000-03-01 00:00 to date and time, and
 * back. Years that begin in March have their leap day last, which keeps the arithmetic free of special
 * cases. Pure. */
#pragma once

#include <stdint.h>

#define CALENDAR_DAY UINT64_C(86400)
#define CALENDAR_UNIX_SECONDS (UINT64_C(719468) * CALENDAR_DAY) /* 1970-01-01 00:00 */

struct calendar_time {
	uint32_t year;
	uint32_t month;   /* 1..12 */
	uint32_t day;     /* 1..31 */
	uint32_t weekday; /* 1 = Sunday .. 7 */
	uint32_t hour;
	uint32_t minute;
	uint32_t second;
};

static inline struct calendar_time calendar_from_seconds(uint64_t seconds)
{
	uint64_t days = seconds / CALENDAR_DAY;
	uint32_t in_day = (uint32_t)(seconds % CALENDAR_DAY);
	uint32_t cycle_day = (uint32_t)(days % 146097); /* of 400 years */
	/* Take out the leap days so far, and all years have 365 days. */
	uint32_t cycle_year = (cycle_day - cycle_day / 1460 + cycle_day / 36524 - cycle_day / 146096) / 365;
	uint32_t year_day = cycle_day - (365 * cycle_year + cycle_year / 4 - cycle_year / 100);
	uint32_t march_month = (5 * year_day + 2) / 153; /* 0 = March; five months have 153 days */
	struct calendar_time time = {
		.year = (uint32_t)(days / 146097 * 400) + cycle_year + (march_month >= 10 ? 1 : 0),
		.month = march_month < 10 ? march_month + 3 : march_month - 9,
		.day = year_day - (153 * march_month + 2) / 5 + 1,
		.weekday = (uint32_t)((days + 3) % 7) + 1,
		.hour = in_day / 3600,
		.minute = in_day / 60 % 60,
		.second = in_day % 60,
	};

	return time;
}

/* The weekday does not matter. Fields out of range are brought to the nearest that is in range; a day
 * beyond the month's end counts on into the next month. Nothing before 0000-03-01. */
static inline uint64_t calendar_to_seconds(struct calendar_time time)
{
	uint32_t month = time.month < 1 ? 1 : time.month > 12 ? 12 : time.month;
	uint32_t day = time.day < 1 ? 1 : time.day > 31 ? 31 : time.day;
	uint32_t year = time.year > 9999 ? 9999 : time.year;
	uint32_t march_month = month > 2 ? month - 3 : month + 9;
	uint64_t days;

	if (month <= 2) {
		if (year == 0) {
			return 0;
		}
		year--;
	}
	days = (uint64_t)365 * year + year / 4 - year / 100 + year / 400 + (153 * march_month + 2) / 5 + day -
	       1;
	return days * CALENDAR_DAY + (time.hour > 23 ? 23 : time.hour) * 3600u +
	       (time.minute > 59 ? 59 : time.minute) * 60u + (time.second > 59 ? 59 : time.second);
}
