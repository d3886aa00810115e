/* SPDX-License-Identifier: MIT */
/* Reads the date from the real-time clock. Registers: Motorola MC146818A data sheet, table 3. */

#include "arch/x86_64/rtc.h"

#include <stdbool.h>

#include "arch/x86_64/cpu.h"

#define INDEX_PORT 0x70
#define DATA_PORT 0x71

#define REGISTER_SECONDS 0x00
#define REGISTER_MINUTES 0x02
#define REGISTER_HOURS 0x04
#define REGISTER_DAY 0x07
#define REGISTER_MONTH 0x08
#define REGISTER_YEAR 0x09
#define REGISTER_A 0x0a
#define REGISTER_B 0x0b
#define A_UPDATE_IN_PROGRESS 0x80
#define B_BINARY 0x04
#define B_24_HOURS 0x02
#define HOURS_AFTERNOON 0x80
#define UPDATE_POLLS 10000

struct date {
	uint8_t second, minute, hour, day, month, year;
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
	date.second = read_register(REGISTER_SECONDS);
	date.minute = read_register(REGISTER_MINUTES);
	date.hour = read_register(REGISTER_HOURS);
	date.day = read_register(REGISTER_DAY);
	date.month = read_register(REGISTER_MONTH);
	date.year = read_register(REGISTER_YEAR);
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
	struct date date = read_date();
	struct date again = read_date();
	uint8_t mode = read_register(REGISTER_B);
	bool afternoon;

	/* An update fell between: the second reading has 1 s until the next. */
	if (date.second != again.second) {
		date = read_date();
	} else {
		date = again;
	}
	afternoon = (mode & B_24_HOURS) == 0 && (date.hour & HOURS_AFTERNOON) != 0;
	if ((mode & B_24_HOURS) == 0) {
		date.hour &= (uint8_t)~HOURS_AFTERNOON;
	}
	if ((mode & B_BINARY) == 0) {
		date.second = from_bcd(date.second);
		date.minute = from_bcd(date.minute);
		date.hour = from_bcd(date.hour);
		date.day = from_bcd(date.day);
		date.month = from_bcd(date.month);
		date.year = from_bcd(date.year);
	}
	if ((mode & B_24_HOURS) == 0) {
		date.hour = (uint8_t)(date.hour % 12 + (afternoon ? 12 : 0));
	}
	if (date.second > 59 || date.minute > 59 || date.hour > 23 || date.day < 1 || date.day > 31 ||
		date.month < 1 || date.month > 12 || date.year > 99) {
		return 0;
	}
	return ((days_since_1970(2000u + date.year, date.month, date.day) * 24 + date.hour) * 60 +
		       date.minute) *
		       60 +
	       date.second;
}
