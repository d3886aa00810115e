/* SPDX-License-Identifier: MIT */
/* MC146818 real-time clock with the 128 bytes of CMOS memory of a PC: Motorola MC146818 data sheet (1984),
 * "Address map" and "Registers"; the PC's use of the memory: IBM PC/AT Technical Reference (1985), section
 * 1, and Bochs' and SeaBIOS' documented extensions. Touches its registers and the guest's clock.
 *
 * region 0, 2 bytes (0x70): offset 0 index (write; bit 7, the NMI mask, is ignored), reads all ones;
 * offset 1 data of the indexed byte:
 *   00 02 04 seconds, minutes, hours; 01 03 05 their alarms (11xxxxxx: any); 06 weekday; 07 day; 08 month;
 *   09 year; 32 century (BCD)
 *   0a  UIP 7 (r), DV 6:4 divider (0..2 runs), RS 3:0 periodic rate
 *   0b  SET 7, PIE 6, AIE 5, UIE 4, SQWE 3, DM 2 (1 binary), 24/12 1, DSE 0
 *   0c  IRQF 7, PF 6, AF 5, UF 4; read clears all; 0d  VRT 7
 *   0f  shutdown status; 10..2d with checksum in 2e, 2f; 15, 16 base memory (KiB); 17, 18 and 30, 31 memory
 *   above 1 MiB (KiB); 34, 35 memory above 16 MiB (64 KiB); 3d boot order; 5b..5d memory above 4 GiB
 *   (64 KiB); 5f further CPUs
 * line 0: the interrupt (IRQF). argument memory=BYTES: the guest's RAM.
 *
 * The time is the guest's wall clock plus what the guest made of it; nothing counts here. Flags are
 * brought up to date when somebody looks. A deadline is kept only while the line is low: until the guest
 * reads 0c nothing can change that it could notice. So a flag that is set many times between two reads is
 * one interrupt, as on the chip. The update itself takes no time: UIP announces it for 244 us. Daylight
 * saving (DSE) and the square wave (SQWE) are bits without effect. The weekday follows from the date. */

#include "mc146818/mc146818.h"

#include <stddef.h>

#include "framework/arguments.h"
#include "framework/ticks.h"
#include "mc146818/calendar.h"

#define CMOS_SIZE 128u
#define ANY 0xffu /* alarm: matches every value */

#define REGISTER_SECONDS 0x00u
#define REGISTER_ALARM_SECONDS 0x01u
#define REGISTER_MINUTES 0x02u
#define REGISTER_ALARM_MINUTES 0x03u
#define REGISTER_HOURS 0x04u
#define REGISTER_ALARM_HOURS 0x05u
#define REGISTER_WEEKDAY 0x06u
#define REGISTER_DAY 0x07u
#define REGISTER_MONTH 0x08u
#define REGISTER_YEAR 0x09u
#define REGISTER_A 0x0au
#define REGISTER_B 0x0bu
#define REGISTER_C 0x0cu
#define REGISTER_D 0x0du
#define REGISTER_CENTURY 0x32u

#define A_UPDATE_IN_PROGRESS 0x80u
#define A_DIVIDER 0x70u
#define A_DIVIDER_LAST_RUNNING 0x20u
#define A_RATE 0x0fu
#define B_SET 0x80u
#define B_UPDATE_ENABLE 0x10u
#define B_BINARY 0x04u
#define B_24_HOURS 0x02u
#define B_ENABLES 0x70u
#define C_INTERRUPT 0x80u
#define C_PERIODIC 0x40u
#define C_ALARM 0x20u
#define C_UPDATE 0x10u
#define D_VALID 0x80u

#define HERTZ UINT64_C(32768)
#define UPDATE_NOTICE_NS UINT64_C(244000) /* UIP is set this long before an update */
#define AFTER_RESET_NS \
	UINT64_C(500000000) /* the divider begins in the middle of a second ("Divider stages") */
#define NEVER UINT64_MAX
#define RAM_HOLE UINT64_C(0xc0000000) /* guest RAM below 4 GiB ends here */
#define MEMORY_MOST (UINT64_C(1) << 40)

struct rtc_registers {
	struct model_outputs outputs;
	uint8_t cmos[CMOS_SIZE];
	/* clock's second = (wall clock + phase_ns) / 10^9 + this, modulo 2^64, since 0000-03-01 */
	uint64_t offset_seconds;
	uint64_t phase_ns;       /* 0..10^9 - 1 */
	uint64_t checked_second; /* flags are up to date until this second */
	uint64_t checked_tick;   /* and this tick of 32768 Hz */
	uint64_t alarm_second;   /* the next one after checked_second at which the alarm matches */
	uint8_t checked;         /* 1 once the flags were first brought up to date */
	uint8_t index;
};

/* The moment of an access or event. */
struct moment {
	uint64_t now;         /* guest time, ns */
	uint64_t wall_base;   /* ns */
	uint64_t second;      /* of the clock, if it runs */
	uint64_t nanoseconds; /* of that second */
};

static bool divider_runs(const struct rtc_registers *rtc)
{
	return (rtc->cmos[REGISTER_A] & A_DIVIDER) <= A_DIVIDER_LAST_RUNNING;
}

static bool clock_runs(const struct rtc_registers *rtc)
{
	return divider_runs(rtc) && (rtc->cmos[REGISTER_B] & B_SET) == 0;
}

static void set_moment_second(const struct rtc_registers *rtc, struct moment *moment)
{
	uint64_t ns = moment->wall_base + moment->now + rtc->phase_ns;

	moment->second = ns / TICKS_NS_PER_SECOND + rtc->offset_seconds;
	moment->nanoseconds = ns % TICKS_NS_PER_SECOND;
}

/* ---- Bytes: binary or BCD, 24 or 12 hours ---- */

static uint32_t decode(const struct rtc_registers *rtc, uint8_t byte)
{
	return (rtc->cmos[REGISTER_B] & B_BINARY) != 0 ? byte : (byte >> 4) * 10u + (byte & 15u);
}

static uint8_t to_bcd(uint32_t value) { return (uint8_t)(value / 10 % 10 << 4 | value % 10); }

static uint8_t encode(const struct rtc_registers *rtc, uint32_t value)
{
	return (rtc->cmos[REGISTER_B] & B_BINARY) != 0 ? (uint8_t)value : to_bcd(value);
}

static uint32_t decode_hour(const struct rtc_registers *rtc, uint8_t byte)
{
	if ((rtc->cmos[REGISTER_B] & B_24_HOURS) != 0) {
		return decode(rtc, byte);
	}
	return decode(rtc, byte & 0x7f) % 12 + ((byte & 0x80) != 0 ? 12 : 0);
}

static uint8_t encode_hour(const struct rtc_registers *rtc, uint32_t hour)
{
	if ((rtc->cmos[REGISTER_B] & B_24_HOURS) != 0) {
		return encode(rtc, hour);
	}
	return (uint8_t)(encode(rtc, hour % 12 == 0 ? 12 : hour % 12) | (hour >= 12 ? 0x80 : 0));
}

/* ---- Time in the bytes, while the clock stands or the guest changes it ---- */

static void time_to_bytes(struct rtc_registers *rtc, uint64_t second)
{
	struct calendar_time time = calendar_from_seconds(second);

	rtc->cmos[REGISTER_SECONDS] = encode(rtc, time.second);
	rtc->cmos[REGISTER_MINUTES] = encode(rtc, time.minute);
	rtc->cmos[REGISTER_HOURS] = encode_hour(rtc, time.hour);
	rtc->cmos[REGISTER_WEEKDAY] = encode(rtc, time.weekday);
	rtc->cmos[REGISTER_DAY] = encode(rtc, time.day);
	rtc->cmos[REGISTER_MONTH] = encode(rtc, time.month);
	rtc->cmos[REGISTER_YEAR] = encode(rtc, time.year % 100);
	rtc->cmos[REGISTER_CENTURY] = to_bcd(time.year / 100 % 100);
}

static uint64_t time_from_bytes(const struct rtc_registers *rtc)
{
	uint8_t century = rtc->cmos[REGISTER_CENTURY];
	struct calendar_time time = {
		.second = decode(rtc, rtc->cmos[REGISTER_SECONDS]),
		.minute = decode(rtc, rtc->cmos[REGISTER_MINUTES]),
		.hour = decode_hour(rtc, rtc->cmos[REGISTER_HOURS]),
		.day = decode(rtc, rtc->cmos[REGISTER_DAY]),
		.month = decode(rtc, rtc->cmos[REGISTER_MONTH]),
		.year = ((century >> 4) * 10u + (century & 15u)) * 100 +
			decode(rtc, rtc->cmos[REGISTER_YEAR]) % 100,
	};

	return calendar_to_seconds(time);
}

/* ---- Alarm, flags, outputs ---- */

/* An alarm byte as a number below `limit`, or ANY, or `limit`: never. */
static uint32_t alarm_field(uint8_t byte, uint32_t value, uint32_t limit)
{
	if ((byte & 0xc0) == 0xc0) {
		return ANY;
	}
	return value < limit ? value : limit;
}

/* The first second after `after` at which the alarm matches; NEVER if it can't. */
static uint64_t next_alarm(const struct rtc_registers *rtc, uint64_t after)
{
	const uint8_t *cmos = rtc->cmos;
	uint32_t hours =
		alarm_field(cmos[REGISTER_ALARM_HOURS], decode_hour(rtc, cmos[REGISTER_ALARM_HOURS]), 24);
	uint32_t minutes =
		alarm_field(cmos[REGISTER_ALARM_MINUTES], decode(rtc, cmos[REGISTER_ALARM_MINUTES]), 60);
	uint32_t seconds =
		alarm_field(cmos[REGISTER_ALARM_SECONDS], decode(rtc, cmos[REGISTER_ALARM_SECONDS]), 60);
	uint64_t day = (after + 1) / CALENDAR_DAY * CALENDAR_DAY;
	uint32_t from = (uint32_t)((after + 1) % CALENDAR_DAY);

	if (hours == 24 || minutes == 60 || seconds == 60) {
		return NEVER;
	}
	/* The rest of this day, then the next. Each loop steps over what can't match, so few turns do any
	 * work. */
	for (uint32_t days = 0; days < 2; days++, day += CALENDAR_DAY, from = 0) {
		for (uint32_t hour = from / 3600; hour < 24; hour++) {
			if (hours != ANY && hours != hour) {
				continue;
			}
			for (uint32_t minute = hour == from / 3600 ? from / 60 % 60 : 0; minute < 60;
				minute++) {
				uint32_t minute_start = hour * 3600 + minute * 60;
				uint32_t least = minute_start > from ? minute_start : from;
				uint32_t match = seconds == ANY ? least : minute_start + seconds;

				if ((minutes == ANY || minutes == minute) && match >= least) {
					return day + match;
				}
			}
		}
	}
	return NEVER;
}

/* Ticks of 32768 Hz between two periodic interrupts; 0 = none (data sheet, table 5). */
static uint64_t periodic_ticks(const struct rtc_registers *rtc)
{
	uint32_t rate = rtc->cmos[REGISTER_A] & A_RATE;

	if (rate == 0 || !divider_runs(rtc)) {
		return 0;
	}
	return UINT64_C(1) << (rate <= 2 ? rate + 6 : rate - 1);
}

/* Sets the flags of all that has happened up to `moment`. */
static void check_flags(struct rtc_registers *rtc, const struct moment *moment)
{
	uint64_t tick = ticks_at_ns(moment->now, HERTZ);
	uint64_t period = periodic_ticks(rtc);

	if (rtc->checked == 0) {
		/* Not before the VMM has started the clock: else the whole time since 1970 would pass at
		 * once. */
		rtc->checked = moment->wall_base != 0 || moment->now != 0;
		rtc->checked_tick = tick;
		rtc->checked_second = moment->second;
		rtc->alarm_second = next_alarm(rtc, moment->second);
	}
	if (period != 0 && tick / period != rtc->checked_tick / period) {
		rtc->cmos[REGISTER_C] |= C_PERIODIC;
	}
	rtc->checked_tick = tick;
	if (clock_runs(rtc) && moment->second != rtc->checked_second) {
		rtc->cmos[REGISTER_C] |= C_UPDATE;
		if (moment->second >= rtc->alarm_second) {
			rtc->cmos[REGISTER_C] |= C_ALARM;
			rtc->alarm_second = next_alarm(rtc, moment->second);
		}
		rtc->checked_second = moment->second;
	}
}

static uint64_t earlier(uint64_t left, uint64_t right) { return left < right ? left : right; }

/* Guest time in ns at which the clock's `second` begins. */
static uint64_t second_to_ns(const struct rtc_registers *rtc, const struct moment *moment, uint64_t second)
{
	return (second - rtc->offset_seconds) * TICKS_NS_PER_SECOND - rtc->phase_ns - moment->wall_base;
}

static void set_outputs(struct rtc_registers *rtc, const struct moment *moment)
{
	unsigned int enables = rtc->cmos[REGISTER_B] & B_ENABLES;
	bool line = (rtc->cmos[REGISTER_C] & enables) != 0;
	uint64_t period = periodic_ticks(rtc);
	uint64_t deadline = NEVER;

	rtc->cmos[REGISTER_C] = (uint8_t)((rtc->cmos[REGISTER_C] & B_ENABLES) | (line ? C_INTERRUPT : 0u));
	model_line_set(&rtc->outputs, MC146818_LINE_INTERRUPT, line);
	if (!line && (enables & C_PERIODIC) != 0 && period != 0) {
		deadline = ticks_to_ns((rtc->checked_tick / period + 1) * period, HERTZ);
	}
	if (!line && (enables & C_UPDATE) != 0 && clock_runs(rtc)) {
		deadline = earlier(deadline, second_to_ns(rtc, moment, moment->second + 1));
	}
	if (!line && (enables & C_ALARM) != 0 && clock_runs(rtc) && rtc->alarm_second != NEVER) {
		deadline = earlier(deadline, second_to_ns(rtc, moment, rtc->alarm_second));
	}
	rtc->outputs.deadline = deadline != NEVER ? deadline : 0;
}

/* The present, with all flags that are due. */
static struct moment begin(struct rtc_registers *rtc, const struct model_context *context)
{
	struct moment moment = {
		.now = environment_clock_ns(context->environment),
		.wall_base = environment_wall_base_ns(context->environment),
	};

	set_moment_second(rtc, &moment);
	check_flags(rtc, &moment);
	return moment;
}

/* The clock goes on from the time in the bytes, in its present phase. */
static void set_clock(struct rtc_registers *rtc, struct moment *moment)
{
	rtc->offset_seconds += time_from_bytes(rtc) - moment->second;
	set_moment_second(rtc, moment);
	rtc->checked_second = moment->second;
	rtc->alarm_second = next_alarm(rtc, moment->second);
}

static bool is_time(uint32_t index)
{
	return index == REGISTER_SECONDS || index == REGISTER_MINUTES || index == REGISTER_HOURS ||
	       (index >= REGISTER_WEEKDAY && index <= REGISTER_YEAR) || index == REGISTER_CENTURY;
}

static void write_control(struct rtc_registers *rtc, uint32_t index, uint8_t value, struct moment *moment)
{
	bool ran = clock_runs(rtc);
	bool divider_ran = divider_runs(rtc);

	if (ran) {
		time_to_bytes(rtc, moment->second);
	}
	if (index == REGISTER_A) {
		rtc->cmos[REGISTER_A] = value & (A_DIVIDER | A_RATE);
		if (!divider_ran && divider_runs(rtc)) {
			/* The first update comes half a second later. */
			rtc->phase_ns = (AFTER_RESET_NS + 2 * TICKS_NS_PER_SECOND -
						(moment->wall_base + moment->now) % TICKS_NS_PER_SECOND) %
					TICKS_NS_PER_SECOND;
			set_moment_second(rtc, moment);
		}
	} else {
		/* SET switches the update interrupt off. */
		rtc->cmos[REGISTER_B] = (value & B_SET) != 0 ? value & (uint8_t)~B_UPDATE_ENABLE : value;
	}
	if (clock_runs(rtc) && !ran) {
		set_clock(rtc, moment);
	}
	/* The alarm's bytes may mean something else now. */
	rtc->alarm_second = next_alarm(rtc, rtc->checked_second);
}

static void write_data(struct rtc_registers *rtc, uint8_t value, struct moment *moment)
{
	uint32_t index = rtc->index % CMOS_SIZE;

	switch (index) {
	case REGISTER_A:
	case REGISTER_B:
		write_control(rtc, index, value, moment);
		break;
	case REGISTER_C:
	case REGISTER_D:
		break;
	default:
		if (is_time(index) && clock_runs(rtc)) {
			time_to_bytes(rtc, moment->second);
			rtc->cmos[index] = value;
			set_clock(rtc, moment);
			break;
		}
		rtc->cmos[index] = value;
		rtc->alarm_second = next_alarm(rtc, rtc->checked_second);
		break;
	}
}

static uint8_t read_data(struct rtc_registers *rtc, const struct moment *moment)
{
	uint32_t index = rtc->index % CMOS_SIZE;
	uint8_t value;

	if (is_time(index) && clock_runs(rtc)) {
		time_to_bytes(rtc, moment->second);
	}
	value = rtc->cmos[index];
	switch (index) {
	case REGISTER_A:
		if (clock_runs(rtc) && moment->nanoseconds >= TICKS_NS_PER_SECOND - UPDATE_NOTICE_NS) {
			value |= A_UPDATE_IN_PROGRESS;
		}
		break;
	case REGISTER_C:
		rtc->cmos[REGISTER_C] = 0;
		break;
	default:
		break;
	}
	return value;
}

static uint64_t rtc_read(
	void *registers, const struct model_context *context, const struct model_access *access)
{
	struct rtc_registers *rtc = registers;
	struct moment moment;
	uint8_t value;

	if (access->offset == 0) {
		return 0xff;
	}
	moment = begin(rtc, context);
	/* Flags that came due just now show with IRQF. */
	set_outputs(rtc, &moment);
	value = read_data(rtc, &moment);
	set_outputs(rtc, &moment);
	return value;
}

static void rtc_write(void *registers, const struct model_context *context, const struct model_access *access)
{
	struct rtc_registers *rtc = registers;
	struct moment moment;

	if (access->offset == 0) {
		rtc->index = access->value & (CMOS_SIZE - 1);
		return;
	}
	moment = begin(rtc, context);
	write_data(rtc, (uint8_t)access->value, &moment);
	set_outputs(rtc, &moment);
}

static void rtc_event(void *registers, const struct model_context *context, uint64_t bits)
{
	struct rtc_registers *rtc = registers;
	struct moment moment = begin(rtc, context);

	(void)bits;
	set_outputs(rtc, &moment);
}

static void put_word(uint8_t *bytes, uint64_t value)
{
	bytes[0] = (uint8_t)value;
	bytes[1] = (uint8_t)(value >> 8);
}

/* What a PC's firmware leaves in the memory. */
static void fill_memory(struct rtc_registers *rtc, uint64_t memory)
{
	uint64_t low = earlier(memory, RAM_HOLE);
	uint64_t above_1_mib = low > (1u << 20) ? (low - (1u << 20)) >> 10 : 0;
	uint64_t above_16_mib = low > (16u << 20) ? (low - (16u << 20)) >> 16 : 0;
	uint64_t above_4_gib = (memory - low) >> 16;
	uint32_t checksum = 0;

	rtc->cmos[0x14] = 0x02; /* equipment: a mathematics coprocessor */
	put_word(&rtc->cmos[0x15], earlier(low >> 10, 640));
	put_word(&rtc->cmos[0x17], earlier(above_1_mib, 0xffff));
	put_word(&rtc->cmos[0x30], earlier(above_1_mib, 0xffff));
	put_word(&rtc->cmos[0x34], above_16_mib);
	put_word(&rtc->cmos[0x5b], above_4_gib);
	rtc->cmos[0x5d] = (uint8_t)(above_4_gib >> 16);
	rtc->cmos[0x3d] = 0x32; /* boot from hard disk, then CD */
	for (uint32_t i = 0x10; i <= 0x2d; i++) {
		checksum += rtc->cmos[i];
	}
	rtc->cmos[0x2e] = (uint8_t)(checksum >> 8);
	rtc->cmos[0x2f] = (uint8_t)checksum;
}

static const char *rtc_reset(void *registers, const struct model_context *context)
{
	struct rtc_registers *rtc = registers;
	uint64_t memory;

	if (!argument_number(environment_argument(context->environment, "memory"), MEMORY_MOST, &memory)) {
		return "memory=BYTES is missing, or is not a number up to 2^40";
	}
	rtc->cmos[REGISTER_A] = 0x26;
	rtc->cmos[REGISTER_B] = B_24_HOURS;
	rtc->cmos[REGISTER_D] = D_VALID;
	rtc->offset_seconds = CALENDAR_UNIX_SECONDS;
	fill_memory(rtc, memory);
	return NULL;
}

const struct model mc146818_model = {
	.name = "mc146818",
	.identity = 0x31435452, /* "RTC1" */
	.register_bytes = sizeof(struct rtc_registers),
	.line_count = 1,
	.region_count = 1,
	.regions = { { .size = 2, .width = 1 } },
	.reset = rtc_reset,
	.read = rtc_read,
	.write = rtc_write,
	.event = rtc_event,
};
