/* SPDX-License-Identifier: MIT */
/* Reads the date from the real-time clock. Registers: Motorola MC146818A data sheet, table 3. */

#include "arch/x86_64/rtc.h"

#include <stdbool.h>

#include "arch/x86_64/cpu.h"

#define INDEX_PORT 0x70
#define DATA_PORT 0x71

#define REGISTER_A 0x0a
#define REGISTER_B 0x0b
#define A_UPDATE_IN_PROGRESS 0x80
#define B_BINARY 0x04
#define B_24_HOURS 0x02
#define HOURS_AFTERNOON 0x80
#define UPDATE_POLLS 10000

/* What the date is made of, and in which registers it stands. */
enum date_part { SECOND, MINUTE, HOUR, DAY, MONTH, YEAR, DATE_PARTS };
static const uint8_t date_registers[DATE_PARTS] = { 0x00, 0x02, 0x04, 0x07, 0x08, 0x09 };

struct date {
	uint8_t part[DATE_PARTS];
};

static uint8_t read_register(uint8_t index)
{
	outb(INDEX_PORT, index);
	return inb(DATA_PORT);
}

/* Between two updates, or after giving up on a clock that never leaves its update. */
static struct date read_date(void)
{
	struct date date;

	for (unsigned int i = 0; i < UPDATE_POLLS && (read_register(REGISTER_A) & A_UPDATE_IN_PROGRESS) != 0;
		i++) {
		cpu_relax();
	}
	for (unsigned int i = 0; i < DATE_PARTS; i++) {
		date.part[i] = read_register(date_registers[i]);
	}
	return date;
}

static uint8_t from_bcd(uint8_t value) { return (uint8_t)((value >> 4) * 10 + (value & 15)); }

/* Days from 1970-01-01 to the date in the Gregorian calendar; the year starts in March here, so that a leap day is
 * its last. */
static uint64_t days_since_1970(uint64_t year, uint64_t month, uint64_t day)
{
	uint64_t march_year = month > 2 ? year : year - 1;
	uint64_t march_month = month > 2 ? month - 3 : month + 9;
	uint64_t days = march_year * 365 + march_year / 4 - march_year / 100 + march_year / 400;

	return days + (153 * march_month + 2) / 5 + day - 1 - 719468;
}

uint64_t rtc_read_seconds(void)
{
	static const uint8_t last[DATE_PARTS] = { 59, 59, 23, 31, 12, 99 };
	struct date first = read_date();
	struct date date = read_date();
	uint8_t mode = read_register(REGISTER_B);
	bool afternoon;

	/* An update fell between: the next reading has 1 s until the next. */
	if (first.part[SECOND] != date.part[SECOND]) {
		date = read_date();
	}
	afternoon = (mode & B_24_HOURS) == 0 && (date.part[HOUR] & HOURS_AFTERNOON) != 0;
	if ((mode & B_24_HOURS) == 0) {
		date.part[HOUR] &= (uint8_t)~HOURS_AFTERNOON;
	}
	for (unsigned int i = 0; i < DATE_PARTS && (mode & B_BINARY) == 0; i++) {
		date.part[i] = from_bcd(date.part[i]);
	}
	if ((mode & B_24_HOURS) == 0) {
		date.part[HOUR] = (uint8_t)(date.part[HOUR] % 12 + (afternoon ? 12 : 0));
	}
	for (unsigned int i = 0; i < DATE_PARTS; i++) {
		if (date.part[i] > last[i] || (date.part[i] == 0 && (i == DAY || i == MONTH))) {
			return 0;
		}
	}
	return ((days_since_1970(2000u + date.part[YEAR], date.part[MONTH], date.part[DAY]) * 24 +
			date.part[HOUR]) *
			       60 +
		       date.part[MINUTE]) *
		       60 +
	       date.part[SECOND];
}
