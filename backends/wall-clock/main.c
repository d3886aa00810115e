/* SPDX-License-Identifier: MIT */
/* The wall-clock task: reads the machine's clock chip and publishes what time it is. The chip's two ports are all that it has of the host,
 * and nobody else has them. It keeps nothing: its page outlives it.
 *
 * Given by the manifest: capabilities port:clock, timer, notification; region wall-clock. */
#include "date.h"
#include "follow.h"

#include <bulkhead/syscall.h>
#include <bulkhead/task.h>

/* The chip: Motorola MC146818A data sheet, table 3; a PC's ports for it. Bit 7 of what is written to the first masks NMIs on PCs: 0 does not. */
#define CLOCK_INDEX 0x70u
#define CLOCK_DATA 0x71u
#define CLOCK_REGISTER_A 0x0au
#define CLOCK_REGISTER_B 0x0bu
#define CLOCK_UPDATES 0x80u
#define CLOCK_REGISTERS 0x80u
#define CLOCK_POLLS_MAX 10000u
#define PERIOD_MS 60000u /* the TSC and the chip drift apart by some milliseconds in that time */

static struct wall_clock_page *page;

static void demand(enum bh_error error, const char *what)
{
	if (error != BH_OK) {
		bh_log("%s: %s", what, bh_error_text(error));
		bh_exit(BH_EXIT_ABORT);
	}
}

static uint8_t clock_register(uint8_t index)
{
	uint8_t value;

	__asm__ volatile("outb %0, %w1" : : "a"(index), "Nd"(CLOCK_INDEX));
	__asm__ volatile("inb %w1, %0" : "=a"(value) : "Nd"(CLOCK_DATA));
	return value;
}

/* Between two updates, or after giving up on a clock that never leaves its update. */
static void read_date(uint8_t part[DATE_PARTS])
{
	static const uint8_t registers[DATE_PARTS] = { 0x00, 0x02, 0x04, 0x07, 0x08, 0x09 };

	for (uint32_t polls = 0;
		polls < CLOCK_POLLS_MAX && (clock_register(CLOCK_REGISTER_A) & CLOCK_UPDATES) != 0; polls++) {
	}
	for (uint32_t i = 0; i < DATE_PARTS; i++) {
		part[i] = clock_register(registers[i]);
	}
}

/* The byte for the century is where the firmware says: FADT field CENTURY, ACPI 6.4 section 5.2.9. */
static uint8_t read_century(void)
{
	uint64_t index = bh_century_register();

	return index > 0 && index < CLOCK_REGISTERS ? clock_register((uint8_t)index) : DATE_NO_CENTURY;
}

static uint64_t read_seconds(void)
{
	uint8_t first[DATE_PARTS], date[DATE_PARTS];

	read_date(first);
	read_date(date);
	/* An update fell between: the next reading has 1 s until the next. */
	if (first[DATE_SECOND] != date[DATE_SECOND]) {
		read_date(date);
	}
	return date_seconds(date, read_century(), clock_register(CLOCK_REGISTER_B));
}

static bool look(void)
{
	struct wall_clock_moment moment = wall_clock_read(page);
	uint64_t before = bh_tsc();
	uint64_t seconds = read_seconds();

	if (follow_chip(&moment, seconds, before, bh_tsc(), bh_tsc_khz())) {
		wall_clock_write(page, moment);
	}
	return seconds != 0;
}

int main(void)
{
	uint64_t notification = bh_capability_required("notification");
	uint64_t timer = bh_capability_required("timer");

	(void)bh_capability_required("port:clock");
	page = bh_region_required(WALL_CLOCK_NAME, sizeof(*page), NULL);
	wall_clock_attach(page);
	if (!look()) {
		bh_log("this machine's clock chip shows no date: guests begin in 1970");
	}
	bh_ready();
	for (;;) {
		uint64_t word;

		demand(bh_timer_arm(timer, bh_tsc() + PERIOD_MS * bh_tsc_khz()), "arming the timer");
		demand(bh_wait(notification, &word), "waiting");
		(void)look();
	}
}
