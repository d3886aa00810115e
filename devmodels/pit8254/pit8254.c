/* SPDX-License-Identifier: MIT */
/* 8254 programmable interval timer with a PC's port 0x61: Intel 82C54 data sheet (231244-006),
 * "Programming the 82C54" and "Mode definitions"; port 0x61: Intel ICH9 data sheet section 13.7.1
 * (NMI_SC). Touches its registers and the guest's clock.
 *
 * region 0, 4 bytes (0x40):
 *   0..2  counter 0..2: read the count, or what was latched of it; write a count
 *   3     control word (write): select 7:6, access 5:4, mode 3:1, BCD 0; select 3 = read-back. Reads all ones
 * region 1, 1 byte (0x61):
 *   bit 0 gate of counter 2 (rw), 1 speaker data (rw), 2 and 3 NMI enables (rw, no effect),
 *   4 refresh toggle (r), 5 OUT2 (r), 6 and 7 zero
 * line 0: OUT of counter 0, for an edge-triggered input.
 *
 * Nothing counts here: each counter keeps the tick at which its cycle began, and everything else is
 * computed from the guest's clock when somebody looks. A tick of counter 0 with a rising OUT is the
 * model's deadline. Interrupts that were not delivered in time are one interrupt: an event raises at most
 * one edge, and the next deadline is the first one from then on, at least PIT8254_MINIMUM_NS away.
 *
 * Differences to the chip: a control word never raises an edge itself; in mode 3 line 0 stays high where
 * OUT falls in the middle of the cycle (an edge-triggered input takes no notice); a count written in mode
 * 3 is used from the end of the cycle on, not of the half cycle; a BCD count with digits above 9 is the
 * sum of the digits' weights. */

#include "pit8254/pit8254.h"

#include <stddef.h>

#include "framework/ticks.h"

#define COUNTERS 3u

#define CONTROL_OFFSET 3u
#define ACCESS_LATCH 0u
#define ACCESS_LOW 1u
#define ACCESS_HIGH 2u
#define ACCESS_LOW_HIGH 3u
#define SELECT_READ_BACK 3u
#define READ_BACK_NO_COUNT 0x20u
#define READ_BACK_NO_STATUS 0x10u

#define STATUS_OUT 0x80u
#define STATUS_NULL_COUNT 0x40u

#define PORT61_GATE2 0x01u
#define PORT61_WRITABLE 0x0fu
#define PORT61_REFRESH 0x10u
#define PORT61_OUT2 0x20u
#define REFRESH_NS UINT64_C(15085) /* half a period: a PC refreshes a row of memory that often */

enum counter_phase {
	PHASE_NO_COUNT = 0, /* control word written (or power-on), no count yet */
	PHASE_TRIGGER,      /* has a count, waits for a rising gate (modes 1 and 5) */
	PHASE_COUNTING,     /* the cycle began at start_tick */
	PHASE_HELD, /* gate low: modes 0 and 4 keep held_ticks, modes 2 and 3 begin anew when it rises */
};

struct counter {
	uint64_t start_tick; /* PHASE_COUNTING: the tick at which the count was loaded; may lie one ahead */
	/* modes 2 and 3: next_count waits, and is loaded at this tick, or the gate's next rise; 0 = no */
	uint64_t reload_tick;
	uint64_t held_ticks; /* PHASE_HELD: ticks that had been counted */
	uint32_t count;      /* the initial count in use, 1..65536 */
	uint32_t next_count;
	uint16_t latched_count;
	uint8_t phase;
	uint8_t mode;   /* 0..5 */
	uint8_t access; /* ACCESS_* of the last control word */
	uint8_t bcd;
	uint8_t gate;
	uint8_t status; /* latched status byte */
	uint8_t status_latched;
	uint8_t latched_bytes; /* bytes of latched_count that are still to be read */
	uint8_t read_high;     /* next byte of a low-high pair to be read is the high one */
	uint8_t write_high;    /* next byte of a low-high pair to be written is the high one */
	uint8_t written_low;
	uint8_t triggered;  /* a strobe or one-shot was started since the control word */
	uint8_t null_count; /* a count was written that waits for the gate */
};

struct pit_registers {
	struct model_outputs outputs;
	struct counter counters[COUNTERS];
	uint64_t edge_tick;      /* next tick at which OUT of counter 0 rises; 0 = never */
	uint64_t quiet_until_ns; /* no deadline before this */
	uint8_t port61;
};

static uint32_t counter_modulus(const struct counter *counter) { return counter->bcd != 0 ? 10000 : 65536; }

/* A count register's value as a number of ticks; 0 stands for the modulus. */
static uint32_t count_from_register(const struct counter *counter, uint16_t value)
{
	uint32_t count = value;

	if (counter->bcd != 0) {
		count = (uint32_t)(value >> 12) * 1000 + ((value >> 8) & 15u) * 100 +
			((value >> 4) & 15u) * 10 + (value & 15u);
	}
	return count != 0 ? count : counter_modulus(counter);
}

static uint16_t count_to_register(const struct counter *counter, uint32_t value)
{
	if (counter->bcd == 0) {
		return (uint16_t)value;
	}
	value %= 10000;
	return (uint16_t)(value / 1000 << 12 | value / 100 % 10 << 8 | value / 10 % 10 << 4 | value % 10);
}

/* The count in use; never 0, whatever the registers hold. */
static uint32_t period_of(const struct counter *counter)
{
	return counter->count != 0 ? counter->count : 65536;
}

/* Loads a count that waited for the end of the cycle. */
static void counter_advance(struct counter *counter, uint64_t tick)
{
	if (counter->phase == PHASE_COUNTING && counter->reload_tick != 0 && tick >= counter->reload_tick) {
		counter->start_tick = counter->reload_tick;
		counter->count = counter->next_count;
		counter->reload_tick = 0;
	}
}

/* Ticks counted since the count was loaded. */
static uint64_t counter_elapsed(const struct counter *counter, uint64_t tick)
{
	if (counter->phase == PHASE_HELD) {
		return counter->held_ticks;
	}
	return counter->phase == PHASE_COUNTING && tick > counter->start_tick ? tick - counter->start_tick
									      : 0;
}

static bool counter_is_periodic(const struct counter *counter)
{
	return counter->mode == 2 || counter->mode == 3;
}

static uint16_t counter_value(const struct counter *counter, uint64_t tick)
{
	uint64_t elapsed = counter_elapsed(counter, tick);
	uint32_t count = period_of(counter);
	uint32_t modulus = counter_modulus(counter);
	uint32_t position;
	uint32_t high_ticks;

	if (counter->mode == 2) {
		return count_to_register(counter, count - (uint32_t)(elapsed % count));
	}
	if (counter->mode == 3) {
		/* Counts down by two, twice in a cycle; an odd count loses its lowest bit and stays high
		 * one tick longer. */
		high_ticks = (count + 1) / 2;
		position = (uint32_t)(elapsed % count);
		position = position < high_ticks ? position : position - high_ticks;
		return count_to_register(counter, (count & ~UINT32_C(1)) - 2 * position);
	}
	/* The other modes count on below zero. */
	return count_to_register(counter, (count + modulus - (uint32_t)(elapsed % modulus)) % modulus);
}

static bool counter_out(const struct counter *counter, uint64_t tick)
{
	uint64_t elapsed = counter_elapsed(counter, tick);
	uint32_t count = period_of(counter);
	bool counts = counter->phase == PHASE_COUNTING || counter->phase == PHASE_HELD;

	switch (counter->mode) {
	case 0:
		return counts && elapsed >= count;
	case 1:
		return !counts || counter->triggered == 0 || tick < counter->start_tick || elapsed >= count;
	case 2:
		return counter->phase != PHASE_COUNTING || elapsed % count != count - 1;
	case 3:
		return counter->phase != PHASE_COUNTING || elapsed % count < (count + 1) / 2;
	default:
		/* 4 and 5: low for one tick when the count is reached */
		return counter->phase != PHASE_COUNTING || counter->triggered == 0 || elapsed != count;
	}
}

/* The tick after `tick` at which OUT rises next; 0 if it doesn't. */
static uint64_t counter_next_rise(const struct counter *counter, uint64_t tick)
{
	uint64_t count = period_of(counter);
	uint64_t rise;

	if (counter->phase != PHASE_COUNTING) {
		return 0;
	}
	if (counter_is_periodic(counter)) {
		if (counter->reload_tick > tick) {
			return counter->reload_tick;
		}
		return counter->start_tick +
		       ((tick > counter->start_tick ? tick - counter->start_tick : 0) / count + 1) * count;
	}
	if (counter->triggered == 0) {
		return 0;
	}
	rise = counter->start_tick + count + (counter->mode >= 4 ? 1 : 0);
	return rise > tick ? rise : 0;
}

static void counter_start(struct counter *counter, uint64_t tick)
{
	counter->phase =
		counter->gate != 0 || counter->mode == 1 || counter->mode == 5 ? PHASE_COUNTING : PHASE_HELD;
	counter->start_tick = tick + 1;
	counter->held_ticks = 0;
	counter->reload_tick = 0;
	counter->triggered = 1;
	counter->null_count = counter->phase == PHASE_HELD && counter_is_periodic(counter);
}

static void counter_write_count(struct counter *counter, uint16_t value, uint64_t tick)
{
	uint32_t count = count_from_register(counter, value);

	switch (counter->mode) {
	case 1:
	case 5:
		/* Used from the next trigger on; a one-shot that runs is not disturbed. */
		counter->next_count = count;
		counter->null_count = 1;
		if (counter->phase == PHASE_NO_COUNT) {
			counter->phase = PHASE_TRIGGER;
			counter->count = count;
		}
		break;
	case 2:
	case 3:
		if (counter->phase == PHASE_COUNTING) {
			/* Used from the end of this cycle on. */
			uint64_t rise;

			counter->reload_tick = 0;
			rise = counter_next_rise(counter, tick);
			counter->next_count = count;
			counter->reload_tick = rise;
			break;
		}
		if (counter->phase == PHASE_HELD && counter->null_count == 0) {
			/* Used from the gate's rise on. */
			counter->next_count = count;
			counter->reload_tick = UINT64_MAX;
			break;
		}
		counter->count = count;
		counter_start(counter, tick);
		break;
	default:
		counter->count = count;
		counter_start(counter, tick);
		break;
	}
}

/* True while the count last written is not in the counting element (read-back status, bit 6). */
static bool counter_has_null_count(const struct counter *counter, uint64_t tick)
{
	return counter->phase == PHASE_NO_COUNT || counter->null_count != 0 || counter->reload_tick != 0 ||
	       (counter->phase == PHASE_COUNTING && tick < counter->start_tick);
}

static void counter_set_gate(struct counter *counter, bool gate, uint64_t tick)
{
	bool rises = gate && counter->gate == 0;
	bool falls = !gate && counter->gate != 0;

	counter->gate = gate;
	if (falls && counter->phase == PHASE_COUNTING && counter->mode != 1 && counter->mode != 5) {
		counter->held_ticks = counter_elapsed(counter, tick);
		counter->phase = PHASE_HELD;
	}
	if (!rises || counter->phase == PHASE_NO_COUNT) {
		return;
	}
	if (counter->mode == 1 || counter->mode == 5) {
		counter->count = counter->next_count;
		counter_start(counter, tick);
	} else if (counter->phase == PHASE_HELD && counter_is_periodic(counter)) {
		counter->count = counter->reload_tick != 0 ? counter->next_count : counter->count;
		counter_start(counter, tick);
	} else if (counter->phase == PHASE_HELD) {
		counter->phase = PHASE_COUNTING;
		counter->start_tick = tick > counter->held_ticks ? tick - counter->held_ticks : 0;
	}
}

static void counter_latch_count(struct counter *counter, uint64_t tick)
{
	if (counter->latched_bytes != 0) {
		return; /* a second latch before the first was read is ignored */
	}
	counter->latched_count = counter_value(counter, tick);
	counter->latched_bytes = counter->access == ACCESS_LOW_HIGH ? 2 : 1;
}

static void counter_latch_status(struct counter *counter, uint64_t tick)
{
	if (counter->status_latched != 0) {
		return;
	}
	counter->status = (uint8_t)((counter_out(counter, tick) ? STATUS_OUT : 0u) |
				    (counter_has_null_count(counter, tick) ? STATUS_NULL_COUNT : 0u) |
				    (unsigned int)counter->access << 4 | (unsigned int)counter->mode << 1 |
				    counter->bcd);
	counter->status_latched = 1;
}

static uint8_t counter_read(struct counter *counter, uint64_t tick)
{
	uint16_t value;
	bool high;

	if (counter->status_latched != 0) {
		counter->status_latched = 0;
		return counter->status;
	}
	value = counter->latched_bytes != 0 ? counter->latched_count : counter_value(counter, tick);
	if (counter->latched_bytes != 0) {
		counter->latched_bytes--;
	}
	high = counter->access == ACCESS_HIGH;
	if (counter->access == ACCESS_LOW_HIGH) {
		high = counter->read_high != 0;
		counter->read_high ^= 1;
	}
	return (uint8_t)(high ? value >> 8 : value);
}

static void counter_write(struct counter *counter, uint8_t byte, uint64_t tick)
{
	switch (counter->access) {
	case ACCESS_LOW:
		counter_write_count(counter, byte, tick);
		break;
	case ACCESS_HIGH:
		counter_write_count(counter, (uint16_t)(byte << 8), tick);
		break;
	case ACCESS_LOW_HIGH:
		if (counter->write_high == 0) {
			counter->written_low = byte;
			counter->write_high = 1;
			if (counter->mode == 0) {
				/* The first byte stops a count in mode 0, and OUT is low. */
				counter->phase = PHASE_NO_COUNT;
			}
			break;
		}
		counter->write_high = 0;
		counter_write_count(counter, (uint16_t)(byte << 8 | counter->written_low), tick);
		break;
	default:
		break; /* no control word yet */
	}
}

static void write_control(struct pit_registers *pit, uint8_t control, uint64_t tick)
{
	uint32_t select = control >> 6;
	struct counter *counter;

	if (select == SELECT_READ_BACK) {
		for (uint32_t i = 0; i < COUNTERS; i++) {
			if ((control & (2u << i)) != 0 && (control & READ_BACK_NO_COUNT) == 0) {
				counter_latch_count(&pit->counters[i], tick);
			}
			if ((control & (2u << i)) != 0 && (control & READ_BACK_NO_STATUS) == 0) {
				counter_latch_status(&pit->counters[i], tick);
			}
		}
		return;
	}
	counter = &pit->counters[select];
	if (((control >> 4) & 3) == ACCESS_LATCH) {
		counter_latch_count(counter, tick);
		return;
	}
	*counter = (struct counter){
		.gate = counter->gate,
		.access = (control >> 4) & 3,
		.mode = ((control >> 1) & 7) > 5 ? (control >> 1) & 3
						 : (control >> 1) & 7, /* 6 and 7 are 2 and 3 */
		.bcd = control & 1,
		/* A guest that reads before it wrote a count gets something, as on the chip. */
		.count = counter->count,
	};
}

/* Delivers a rise of OUT0 that is due, unless the last one was just now, and sets line and deadline. */
static void settle(struct pit_registers *pit, uint64_t now, uint64_t tick)
{
	struct counter *counter = &pit->counters[0];
	uint64_t deadline = 0;

	counter_advance(counter, tick);
	if (pit->edge_tick != 0 && tick >= pit->edge_tick && now >= pit->quiet_until_ns) {
		model_line_pulse(&pit->outputs, PIT8254_LINE_INTERRUPT);
		pit->quiet_until_ns = now + PIT8254_MINIMUM_NS;
		pit->edge_tick = counter_next_rise(counter, tick);
	} else if (counter->mode == 0 && !counter_out(counter, tick)) {
		model_line_set(&pit->outputs, PIT8254_LINE_INTERRUPT, false);
	}
	if (pit->edge_tick != 0) {
		deadline = ticks_to_ns(pit->edge_tick, PIT8254_HERTZ);
		deadline = deadline > pit->quiet_until_ns ? deadline : pit->quiet_until_ns;
	}
	pit->outputs.deadline = deadline;
}

/* What is due by `now` has happened before the guest's access. Returns the tick at `now`. */
static uint64_t begin(struct pit_registers *pit, uint64_t now)
{
	uint64_t tick = ticks_at_ns(now, PIT8254_HERTZ);

	settle(pit, now, tick);
	for (uint32_t i = 1; i < COUNTERS; i++) {
		counter_advance(&pit->counters[i], tick);
	}
	return tick;
}

static uint64_t pit_read(
	void *registers, const struct model_context *context, const struct model_access *access)
{
	struct pit_registers *pit = registers;
	uint64_t now = environment_clock_ns(context->environment);
	uint64_t tick = begin(pit, now);
	unsigned int value;

	if (access->region == 0) {
		return access->offset == CONTROL_OFFSET
			       ? 0xff
			       : counter_read(&pit->counters[access->offset % COUNTERS], tick);
	}
	value = pit->port61;
	value |= counter_out(&pit->counters[2], tick) ? PORT61_OUT2 : 0;
	value |= (now / REFRESH_NS & 1) != 0 ? PORT61_REFRESH : 0;
	return value;
}

static void pit_write(void *registers, const struct model_context *context, const struct model_access *access)
{
	struct pit_registers *pit = registers;
	uint64_t now = environment_clock_ns(context->environment);
	uint64_t tick = begin(pit, now);
	uint8_t value = (uint8_t)access->value;
	bool programs_counter0;

	if (access->region == 1) {
		pit->port61 = value & PORT61_WRITABLE;
		counter_set_gate(&pit->counters[2], (value & PORT61_GATE2) != 0, tick);
		return;
	}
	if (access->offset == CONTROL_OFFSET) {
		programs_counter0 = value >> 6 == 0 && ((value >> 4) & 3) != ACCESS_LATCH;
		write_control(pit, value, tick);
	} else {
		programs_counter0 = access->offset == 0;
		counter_write(&pit->counters[access->offset % COUNTERS], value, tick);
	}
	if (programs_counter0) {
		/* An edge of the former programming that could not be delivered yet is void. */
		pit->edge_tick = counter_next_rise(&pit->counters[0], tick);
		settle(pit, now, tick);
	}
}

static void pit_event(void *registers, const struct model_context *context, uint64_t bits)
{
	(void)bits;
	(void)begin(registers, environment_clock_ns(context->environment));
}

/* Gates of counters 0 and 1 are tied high; no counter is programmed. */
static const char *pit_reset(void *registers, const struct model_context *context)
{
	struct pit_registers *pit = registers;

	(void)context;
	pit->counters[0].gate = 1;
	pit->counters[1].gate = 1;
	return NULL;
}

const struct model pit8254_model = {
	.name = "pit8254",
	.identity = 0x31544950, /* "PIT1" */
	.register_bytes = sizeof(struct pit_registers),
	.line_count = 1,
	.region_count = 2,
	.regions = { { .size = 4, .width = 1 }, { .size = 1, .width = 1 } },
	.reset = pit_reset,
	.read = pit_read,
	.write = pit_write,
	.event = pit_event,
};
