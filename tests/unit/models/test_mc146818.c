/* SPDX-License-Identifier: MIT */
/* The RTC model through its table: memory, formats, setting, update, alarm and periodic interrupts;
 * calendar against libc's. */

#define _POSIX_C_SOURCE 200809L /* gmtime_r */

#include <string.h>
#include <time.h>

#include "framework/ticks.h"
#include "machine.h"
#include "mc146818/calendar.h"
#include "mc146818/mc146818.h"

#define SECOND UINT64_C(1000000000)

static const char *const default_arguments[] = { "memory=268435456", NULL };

static struct machine *new_rtc(void) { return machine_new(&mc146818_model, default_arguments); }

static uint8_t get(struct machine *m, uint8_t index)
{
	machine_out(m, 0, 0, index);
	return machine_in(m, 0, 1);
}

static void set(struct machine *m, uint8_t index, uint8_t value)
{
	machine_out(m, 0, 0, index);
	machine_out(m, 0, 1, value);
}

static uint8_t bcd(int value) { return (uint8_t)(value / 10 << 4 | value % 10); }

/* Compares all time bytes (BCD, 24 hours) with libc's idea of `unix_seconds`. */
static void assert_time(struct machine *m, uint64_t unix_seconds)
{
	time_t seconds = (time_t)unix_seconds;
	struct tm tm;

	assert_non_null(gmtime_r(&seconds, &tm));
	assert_int_equal(get(m, 0), bcd(tm.tm_sec));
	assert_int_equal(get(m, 2), bcd(tm.tm_min));
	assert_int_equal(get(m, 4), bcd(tm.tm_hour));
	assert_int_equal(get(m, 6), tm.tm_wday + 1);
	assert_int_equal(get(m, 7), bcd(tm.tm_mday));
	assert_int_equal(get(m, 8), bcd(tm.tm_mon + 1));
	assert_int_equal(get(m, 9), bcd(tm.tm_year % 100));
	assert_int_equal(get(m, 0x32), bcd((tm.tm_year + 1900) / 100));
}

/* Sets a time as drivers do: SET, bytes, SET off. */
static void set_time(struct machine *m, uint64_t unix_seconds)
{
	time_t seconds = (time_t)unix_seconds;
	struct tm tm;
	uint8_t control = get(m, 0x0b);

	assert_non_null(gmtime_r(&seconds, &tm));
	set(m, 0x0b, control | 0x80);
	set(m, 0, bcd(tm.tm_sec));
	set(m, 2, bcd(tm.tm_min));
	set(m, 4, bcd(tm.tm_hour));
	set(m, 7, bcd(tm.tm_mday));
	set(m, 8, bcd(tm.tm_mon + 1));
	set(m, 9, bcd(tm.tm_year % 100));
	set(m, 0x32, bcd((tm.tm_year + 1900) / 100));
	set(m, 0x0b, control);
}

static void calendar_like_libc(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		/* 1970 to 9999, every day boundary of the first years among them */
		uint64_t seconds = i < 50000 ? (uint64_t)i / 2 * 86400 - (uint64_t)(i & 1 && i > 1)
					     : machine_random(&seed) % UINT64_C(253402300799);
		time_t time = (time_t)seconds;
		struct tm tm;
		struct calendar_time ours = calendar_from_seconds(seconds + CALENDAR_UNIX_SECONDS);

		assert_non_null(gmtime_r(&time, &tm));
		assert_int_equal(ours.second, tm.tm_sec);
		assert_int_equal(ours.minute, tm.tm_min);
		assert_int_equal(ours.hour, tm.tm_hour);
		assert_int_equal(ours.day, tm.tm_mday);
		assert_int_equal(ours.month, tm.tm_mon + 1);
		assert_int_equal(ours.year, tm.tm_year + 1900);
		assert_int_equal(ours.weekday, tm.tm_wday + 1);
		assert_int_equal(calendar_to_seconds(ours), seconds + CALENDAR_UNIX_SECONDS);
	}
}

static void calendar_of_nonsense(void **state)
{
	uint64_t seed = 2;

	(void)state;
	assert_int_equal(calendar_to_seconds((struct calendar_time){ 0 }), 0);
	assert_int_equal(
		calendar_to_seconds((struct calendar_time){ .year = 1970, .month = 0, .day = 0, .hour = 99 }),
		CALENDAR_UNIX_SECONDS + 23 * 3600);
	assert_int_equal(calendar_to_seconds((struct calendar_time){ .year = 2023, .month = 2, .day = 31 }),
		calendar_to_seconds((struct calendar_time){ .year = 2023, .month = 3, .day = 3 }));
	for (int i = 0; i < 100000; i++) {
		uint64_t random = machine_random(&seed);
		struct calendar_time time = { (uint32_t)random, random >> 8 & 0xff, random >> 16 & 0xff, 0,
			random >> 24 & 0xff, random >> 32 & 0xff, random >> 40 & 0xff };

		(void)calendar_from_seconds(calendar_to_seconds(time));
		(void)calendar_from_seconds(random);
	}
}

static void memory_of_sizes(void **state)
{
	static const struct {
		const char *argument;
		uint32_t base, extended, above16, above4g;
	} cases[] = {
		{ "memory=0", 0, 0, 0, 0 },
		{ "memory=524288", 512, 0, 0, 0 },
		{ "memory=1048576", 640, 0, 0, 0 },
		{ "memory=16777216", 640, 15360, 0, 0 },
		{ "memory=67108864", 640, 64512, 768, 0 },
		{ "memory=268435456", 640, 65535, 3840, 0 },
		{ "memory=3221225472", 640, 65535, 48896, 0 },
		{ "memory=4294967296", 640, 65535, 48896, 16384 },
		{ "memory=1099511627776", 640, 65535, 48896, 16728064 },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *arguments[] = { cases[i].argument, NULL };
		struct machine *m = machine_new(&mc146818_model, arguments);
		unsigned int sum = 0;

		assert_int_equal(get(m, 0x15) | get(m, 0x16) << 8, cases[i].base);
		assert_int_equal(get(m, 0x17) | get(m, 0x18) << 8, cases[i].extended);
		assert_int_equal(get(m, 0x30) | get(m, 0x31) << 8, cases[i].extended);
		assert_int_equal(get(m, 0x34) | get(m, 0x35) << 8, cases[i].above16);
		assert_int_equal(get(m, 0x5b) | get(m, 0x5c) << 8 | get(m, 0x5d) << 16, cases[i].above4g);
		for (uint8_t index = 0x10; index <= 0x2d; index++) {
			sum += get(m, index);
		}
		assert_int_equal(get(m, 0x2e) << 8 | get(m, 0x2f), sum & 0xffff);
		machine_free(m);
	}
}

static void wrong_arguments(void **state)
{
	static const char *const wrong[] = { NULL, "memory=", "memory=x", "memory=-1", "memory=1099511627777",
		"memory=1 " };

	(void)state;
	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		machine_assert_refused(&mc146818_model, wrong[i]);
	}
}

static void all_bytes(void **state)
{
	struct machine *m = new_rtc();

	(void)state;
	assert_int_equal(machine_in(m, 0, 0), 0xff);
	assert_int_equal(get(m, 0x0a), 0x26);
	assert_int_equal(get(m, 0x0b), 0x02);
	assert_int_equal(get(m, 0x0c), 0x00);
	assert_int_equal(get(m, 0x0d), 0x80);
	assert_int_equal(get(m, 0x0f), 0x00);
	assert_int_equal(get(m, 0x3d), 0x32);
	for (unsigned int index = 0x0e; index < 0x80; index++) {
		if (index == 0x32) {
			continue;
		}
		set(m, (uint8_t)index, (uint8_t)(index ^ 0x5a));
		set(m, (uint8_t)(index | 0x80), (uint8_t)(index ^ 0x5b)); /* NMI mask: the same byte */
	}
	machine_restart(m);
	for (unsigned int index = 0x0e; index < 0x80; index++) {
		if (index != 0x32) {
			assert_int_equal(get(m, (uint8_t)index), index ^ 0x5b);
		}
	}
	set(m, 0x0c, 0xff);
	set(m, 0x0d, 0x00);
	assert_int_equal(get(m, 0x0c), 0x00);
	assert_int_equal(get(m, 0x0d), 0x80);
	set(m, 0x0a, 0xff);
	assert_int_equal(get(m, 0x0a), 0x7f);
	/* index and data in one 16-bit write */
	machine_write(m, 0, 0, 2, 0x7740);
	assert_int_equal(get(m, 0x40), 0x77);
	machine_free(m);
}

static void time_passes(void **state)
{
	struct machine *m = new_rtc();

	(void)state;
	assert_time(m, MACHINE_WALL_NS / SECOND);
	(void)machine_pass(m, SECOND - 1);
	assert_time(m, MACHINE_WALL_NS / SECOND);
	(void)machine_pass(m, 1);
	assert_time(m, MACHINE_WALL_NS / SECOND + 1);
	(void)machine_pass(m, 400 * 86400 * SECOND);
	assert_time(m, MACHINE_WALL_NS / SECOND + 1 + 400 * 86400);
	/* a pause of the VM: guest time stands, the wall clock's base has moved */
	m->environment.wall_base += 10 * SECOND;
	assert_time(m, MACHINE_WALL_NS / SECOND + 11 + 400 * 86400);
	machine_free(m);
}

static void time_is_set(void **state)
{
	static const uint64_t times[] = { 0, 951782399, 951782400, 1709164800, 4102444799,
		UINT64_C(253402300799) - 86400 };
	struct machine *m = new_rtc();

	(void)state;
	for (unsigned int i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		set_time(m, times[i]);
		assert_time(m, times[i]);
		machine_restart(m);
		(void)machine_pass(m, 3600 * SECOND);
		assert_time(m, times[i] + 3600);
	}
	/* one byte, without SET */
	set_time(m, 1000000000);
	set(m, 4, 0x00);
	assert_time(m, 1000000000 - 3600);
	machine_free(m);
}

static void set_stops_the_clock(void **state)
{
	struct machine *m = new_rtc();
	uint64_t now = MACHINE_WALL_NS / SECOND;

	(void)state;
	set(m, 0x0b, 0x92); /* SET; UIE goes off with it */
	assert_int_equal(get(m, 0x0b), 0x82);
	(void)machine_pass(m, 5 * SECOND);
	assert_time(m, now);
	assert_int_equal(get(m, 0x0a) & 0x80, 0);
	assert_int_equal(get(m, 0x0c), 0x40); /* the periodic flag goes on */
	set(m, 6, 0x77);                      /* raw bytes while it stands */
	set(m, 0, 0x99);
	assert_int_equal(get(m, 6), 0x77);
	assert_int_equal(get(m, 0), 0x99);
	set(m, 0, 0x00);
	set(m, 0x0b, 0x02);
	assert_time(m, now);
	(void)machine_pass(m, 10 * SECOND);
	assert_time(m, now + 10);
	machine_free(m);
}

/* As Linux sets its clock: divider in reset, and the first update half a second after it runs again. */
static void divider_reset(void **state)
{
	struct machine *m = new_rtc();

	(void)state;
	(void)machine_pass(m, 123456789);
	set(m, 0x0b, 0x82);
	set(m, 0x0a, 0x76);
	(void)machine_pass(m, 777000000);
	set(m, 0x00, 0x10);
	set(m, 0x0b, 0x02); /* still in reset */
	(void)machine_pass(m, 3 * SECOND);
	assert_int_equal(get(m, 0x00), 0x10);
	set(m, 0x0a, 0x26);
	(void)machine_pass(m, 499999999);
	assert_int_equal(get(m, 0x00), 0x10);
	assert_int_equal(get(m, 0x0a) & 0x80, 0x80);
	(void)machine_pass(m, 1);
	assert_int_equal(get(m, 0x00), 0x11);
	machine_free(m);
}

static void formats(void **state)
{
	struct machine *m = new_rtc();

	(void)state;
	for (unsigned int hour = 0; hour < 24; hour++) {
		unsigned int twelve = hour % 12 == 0 ? 12 : hour % 12;

		set(m, 0x0b, 0x02);
		set_time(m, 1767225600 + hour * 3600 + 59);
		assert_int_equal(get(m, 4), bcd((int)hour));
		set(m, 0x0b, 0x06);
		assert_int_equal(get(m, 0), 59);
		assert_int_equal(get(m, 4), hour);
		assert_int_equal(get(m, 9), 26);
		assert_int_equal(get(m, 0x32), 0x20);
		set(m, 0x0b, 0x00);
		assert_int_equal(get(m, 4), bcd((int)twelve) | (hour >= 12 ? 0x80 : 0));
		set(m, 4, get(m, 4)); /* what was read can be written */
		set(m, 0x0b, 0x04);
		assert_int_equal(get(m, 4), twelve | (hour >= 12 ? 0x80 : 0));
		set(m, 4, get(m, 4));
		set(m, 0x0b, 0x02);
		assert_int_equal(get(m, 4), bcd((int)hour));
	}
	machine_free(m);
}

static void update_in_progress(void **state)
{
	struct machine *m = new_rtc();

	(void)state;
	(void)machine_pass(m, SECOND - 244001);
	assert_int_equal(get(m, 0x0a), 0x26);
	(void)machine_pass(m, 1);
	assert_int_equal(get(m, 0x0a), 0xa6);
	(void)machine_pass(m, 243999);
	assert_int_equal(get(m, 0x0a), 0xa6);
	assert_int_equal(get(m, 0x0c), 0x40);
	(void)machine_pass(m, 1);
	assert_int_equal(get(m, 0x0a), 0x26);
	assert_int_equal(get(m, 0x0c), 0x50); /* UF without UIE: no IRQF */
	assert_int_equal(get(m, 0x0c), 0x00);
	machine_free(m);
}

static void update_interrupt(void **state)
{
	struct machine *m = new_rtc();

	(void)state;
	(void)machine_pass(m, SECOND / 3);
	set(m, 0x0b, 0x12);
	assert_int_equal(machine_level(m, 0), 0);
	assert_int_equal(machine_deadline(m), SECOND);
	assert_int_equal(machine_pass(m, SECOND), 1);
	assert_int_equal(machine_level(m, 0), 1);
	/* as long as nobody reads 0c there is one interrupt and no deadline */
	assert_int_equal(machine_deadline(m), 0);
	assert_int_equal(machine_pass(m, 100 * SECOND), 0);
	assert_int_equal(machine_edges(m, 0), 1);
	machine_restart(m);
	assert_int_equal(machine_level(m, 0), 1);
	assert_int_equal(get(m, 0x0c) & 0x90, 0x90);
	assert_int_equal(machine_level(m, 0), 0);
	(void)machine_pass(m, SECOND);
	assert_int_equal(machine_edges(m, 0), 2);
	/* switching the enable off lowers the line, the flag stays */
	set(m, 0x0b, 0x02);
	assert_int_equal(machine_level(m, 0), 0);
	assert_int_equal(get(m, 0x0c), 0x50);
	machine_free(m);
}

static void periodic_rates(void **state)
{
	static const unsigned int hertz[16] = { 0, 256, 128, 8192, 4096, 2048, 1024, 512, 256, 128, 64, 32,
		16, 8, 4, 2 };

	(void)state;
	for (unsigned int rate = 0; rate < 16; rate++) {
		struct machine *m = new_rtc();
		unsigned int interrupts = 0;

		m->without_kills = 1;
		set(m, 0x0a, (uint8_t)(0x20 | rate));
		set(m, 0x0b, 0x42);
		machine_out(m, 0, 0, 0x0c);
		while (machine_deadline(m) != 0 && machine_deadline(m) <= SECOND) {
			(void)machine_pass(m, machine_deadline(m) - m->environment.now);
			assert_int_equal(machine_level(m, 0), 1);
			assert_int_equal(
				machine_in(m, 0, 1), 0xc0 | (m->environment.now == SECOND ? 0x10 : 0));
			interrupts++;
		}
		assert_int_equal(interrupts, hertz[rate]);
		/* the flag comes without the enable too */
		set(m, 0x0b, 0x02);
		(void)get(m, 0x0c);
		(void)machine_pass(m, SECOND);
		assert_int_equal(get(m, 0x0c) & 0x40, rate != 0 ? 0x40 : 0);
		assert_int_equal(machine_deadline(m), 0);
		/* a divider in reset gives none */
		set(m, 0x0a, (uint8_t)(0x70 | rate));
		(void)get(m, 0x0c);
		(void)machine_pass(m, SECOND);
		assert_int_equal(get(m, 0x0c), 0);
		machine_free(m);
	}
}

/* Late events: one interrupt, and the next one in the old rhythm. */
static void late_periodic_events(void **state)
{
	struct machine *m = new_rtc();

	(void)state;
	set(m, 0x0b, 0x42);
	m->environment.now = 5 * SECOND + 100;
	m->environment.armed = 0;
	model_run_event(&m->run, MODEL_EVENT_TIMER);
	assert_int_equal(machine_edges(m, 0), 1);
	(void)get(m, 0x0c);
	assert_int_equal(machine_deadline(m), ticks_to_ns(5 * 32768 + 32, 32768));
	assert_int_equal(machine_edges(m, 0), 1);
	machine_free(m);
}

/* Alarms with every pattern of "any", against a search second by second. */
static void alarms(void **state)
{
	uint64_t seed = 3;

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct machine *m = new_rtc();
		uint64_t random = machine_random(&seed);
		uint64_t start = 1767225600 + random % 200000;
		unsigned int pattern = (unsigned int)round % 8;
		unsigned int second = random >> 20 & 63;
		unsigned int minute = random >> 30 & 63;
		unsigned int hour = (unsigned int)(random >> 40) % 26;
		uint64_t expected = 0;

		m->without_kills = round % 30 != 0;
		second = second > 60 ? 0 : second;
		minute = minute > 60 ? 0 : minute;
		set_time(m, start);
		set(m, 1, pattern & 1 ? 0xff : bcd((int)second));
		set(m, 3, pattern & 2 ? 0xc0 : bcd((int)minute));
		set(m, 5, pattern & 4 ? 0xdd : bcd((int)hour));
		(void)get(m, 0x0c);
		set(m, 0x0b, 0x22);
		for (uint64_t t = start + 1; t <= start + 86400 && expected == 0; t++) {
			if ((pattern & 1 || t % 60 == second) && (pattern & 2 || t / 60 % 60 == minute) &&
				(pattern & 4 || t / 3600 % 24 == hour)) {
				expected = t;
			}
		}
		if (expected == 0) {
			assert_int_equal(machine_deadline(m), 0);
			assert_int_equal(machine_pass(m, 90000 * SECOND), 0);
			assert_int_equal(get(m, 0x0c), 0x50); /* never: PF of the set rate, UF */
		} else {
			assert_int_equal(machine_deadline(m), (expected - start) * SECOND);
			(void)machine_pass(m, (expected - start) * SECOND - 1);
			assert_int_equal(machine_level(m, 0), 0);
			machine_restart(m);
			(void)machine_pass(m, 1);
			assert_int_equal(machine_level(m, 0), 1);
			assert_time(m, expected);
			assert_int_equal(get(m, 0x0c) & 0xb0, 0xb0);
			assert_int_equal(machine_level(m, 0), 0);
		}
		machine_free(m);
	}
}

/* An alarm that was passed over in one long step is there; in 12-hour format too. */
static void alarm_passed_over(void **state)
{
	struct machine *m = new_rtc();

	(void)state;
	set_time(m, 1767225600);
	set(m, 0x0b, 0x00);
	set(m, 1, 0x00);
	set(m, 3, 0x30);
	set(m, 5, 0x91); /* PM 11: 23 o'clock */
	(void)get(m, 0x0c);
	m->environment.now += 23 * 3600 * SECOND;
	assert_int_equal(get(m, 0x0c) & 0x20, 0);
	m->environment.now += 3600 * SECOND;
	assert_int_equal(get(m, 0x0c) & 0x20, 0x20);
	machine_free(m);
}

/* The alarm's bytes mean another time in another format. */
static void alarm_changes_with_the_format(void **state)
{
	struct machine *m = new_rtc();

	(void)state;
	set_time(m, 1767225600);
	set(m, 1, 0x00);
	set(m, 3, 0x10);
	set(m, 5, 0x00);
	set(m, 0x0b, 0x22);
	assert_int_equal(machine_deadline(m), 600 * SECOND);
	set(m, 0x0b, 0x26);
	assert_int_equal(machine_deadline(m), 960 * SECOND);
	machine_free(m);
}

static void clock_that_starts_late(void **state)
{
	struct machine *m;
	struct model_resources resources;

	(void)state;
	/* The model starts before its VMM has started the clock. */
	m = new_rtc();
	memset(m->memory.state, 0, sizeof(m->memory.state));
	m->environment.wall_base = 0;
	resources = (struct model_resources){ .state = m->memory.state,
		.state_size = sizeof(m->memory.state),
		.lines = &m->memory.lines,
		.environment = &m->environment };
	assert_int_equal(model_run_start(&m->run, &mc146818_model, &resources), MODEL_STARTED_FRESH);
	m->environment.wall_base = MACHINE_WALL_NS;
	m->environment.now = 5;
	assert_int_equal(get(m, 0x0c), 0);
	assert_time(m, MACHINE_WALL_NS / SECOND);
	machine_free(m);
}

static void wide_and_wrong_accesses(void **state)
{
	struct machine *m = new_rtc();
	uint64_t seed = 4;

	(void)state;
	assert_int_equal(machine_read(m, 0, 0, 4), 0xffffffff);
	assert_int_equal(machine_read(m, 0, 2, 1), 0xff);
	assert_int_equal(machine_read(m, 1, 0, 1), 0xff);
	for (int i = 0; i < 20000; i++) {
		uint64_t random = machine_random(&seed);

		m->without_kills = i % 40 != 0;
		if ((random & 3) != 0) {
			set(m, (uint8_t)(random >> 8 & (random >> 60 != 0 ? 0x0f : 0x7f)),
				(uint8_t)(random >> 16));
		} else {
			(void)get(m, random >> 8 & 0x7f);
		}
		(void)machine_pass(m, random >> 40 & 0xffffff);
	}
	machine_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calendar_like_libc),
		cmocka_unit_test(calendar_of_nonsense),
		cmocka_unit_test(memory_of_sizes),
		cmocka_unit_test(wrong_arguments),
		cmocka_unit_test(all_bytes),
		cmocka_unit_test(time_passes),
		cmocka_unit_test(time_is_set),
		cmocka_unit_test(set_stops_the_clock),
		cmocka_unit_test(divider_reset),
		cmocka_unit_test(formats),
		cmocka_unit_test(update_in_progress),
		cmocka_unit_test(update_interrupt),
		cmocka_unit_test(periodic_rates),
		cmocka_unit_test(late_periodic_events),
		cmocka_unit_test(alarms),
		cmocka_unit_test(alarm_passed_over),
		cmocka_unit_test(alarm_changes_with_the_format),
		cmocka_unit_test(clock_that_starts_late),
		cmocka_unit_test(wide_and_wrong_accesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
