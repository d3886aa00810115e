/* SPDX-License-Identifier: MIT */
/* The clock chip's date as Unix time: date.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "date.h"

#define BINARY 0x04
#define HOURS_24 0x02

static uint64_t seconds(
	uint8_t mode, uint8_t year, uint8_t month, uint8_t day, uint8_t hour, uint8_t minute, uint8_t second)
{
	const uint8_t part[DATE_PARTS] = { second, minute, hour, day, month, year };

	return date_seconds(part, DATE_NO_CENTURY, mode);
}

/* Expected values by date(1): date -u -d '2026-01-01' +%s */
static void dates(void **state)
{
	(void)state;
	assert_int_equal(seconds(HOURS_24, 0x26, 0x01, 0x01, 0, 0, 0), 1767225600);
	assert_int_equal(seconds(HOURS_24, 0x00, 0x01, 0x01, 0, 0, 0), 946684800);
	assert_int_equal(seconds(HOURS_24, 0x28, 0x02, 0x29, 0x12, 0x34, 0x56), 1835440496);
	assert_int_equal(seconds(HOURS_24, 0x28, 0x03, 0x01, 0, 0, 0), 1835481600);
	assert_int_equal(seconds(HOURS_24, 0x99, 0x12, 0x31, 0x23, 0x59, 0x59), 4102444799);
	assert_int_equal(seconds(HOURS_24 | BINARY, 26, 1, 1, 13, 0, 59), 1767225600 + 13 * 3600 + 59);
}

static void twelve_hours(void **state)
{
	(void)state;
	assert_int_equal(seconds(0, 0x26, 0x01, 0x01, 0x12, 0, 0), 1767225600);
	assert_int_equal(seconds(0, 0x26, 0x01, 0x01, 0x92, 0, 0), 1767225600 + 12 * 3600);
	assert_int_equal(seconds(0, 0x26, 0x01, 0x01, 0x81, 0, 0), 1767225600 + 13 * 3600);
	assert_int_equal(seconds(BINARY, 26, 1, 1, 11, 0, 0), 1767225600 + 11 * 3600);
}

static void no_date(void **state)
{
	(void)state;
	assert_int_equal(seconds(HOURS_24, 0x26, 0, 0x01, 0, 0, 0), 0);
	assert_int_equal(seconds(HOURS_24, 0x26, 0x01, 0, 0, 0, 0), 0);
	assert_int_equal(seconds(HOURS_24, 0x26, 0x13, 0x01, 0, 0, 0), 0);
	assert_int_equal(seconds(HOURS_24, 0x26, 0x01, 0x32, 0, 0, 0), 0);
	assert_int_equal(seconds(HOURS_24, 0x26, 0x01, 0x01, 0x24, 0, 0), 0);
	assert_int_equal(seconds(HOURS_24, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), 0); /* no chip */
}

static uint64_t in_century(uint8_t mode, uint8_t century)
{
	static const uint8_t part[DATE_PARTS] = { 0, 0, 0, 1, 1, 0 };

	return date_seconds(part, century, mode);
}

/* date -u -d '2100-01-01' +%s; what is no century of ours counts as none. */
static void centuries(void **state)
{
	(void)state;
	assert_int_equal(in_century(HOURS_24, 0x20), 946684800);
	assert_int_equal(in_century(HOURS_24, 0x21), 4102444800);
	assert_int_equal(in_century(HOURS_24 | BINARY, 21), 4102444800);
	assert_int_equal(in_century(HOURS_24, 0x22), 7258118400);
	assert_int_equal(in_century(HOURS_24, 0x19), 946684800);
	assert_int_equal(in_century(HOURS_24, 0), 946684800);
	assert_int_equal(in_century(HOURS_24 | BINARY, 100), 946684800);
	assert_int_equal(in_century(HOURS_24, DATE_NO_CENTURY), 946684800);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(dates), cmocka_unit_test(twelve_hours),
		cmocka_unit_test(no_date), cmocka_unit_test(centuries) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
