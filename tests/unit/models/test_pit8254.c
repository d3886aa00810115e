/* SPDX-License-Identifier: MIT */
/* The 8254 model through its table, and at random against a chip that is simulated tick by tick. */

#include "framework/ticks.h"
#include "machine.h"
#include "pit8254/pit8254.h"

enum { CONTROL = 3, BLOCK = 0, PORT61 = 1 };

static struct machine *new_pit(void) { return machine_new(&pit8254_model, NULL); }

static void set_tick(struct machine *m, uint64_t tick)
{
	uint64_t ns = ticks_to_ns(tick, PIT8254_HERTZ);

	assert_true(ns >= m->environment.now);
	(void)machine_pass(m, ns - m->environment.now);
}

static void program(
	struct machine *m, unsigned int counter, unsigned int mode, unsigned int bcd, uint16_t count)
{
	machine_out(m, BLOCK, CONTROL, (uint8_t)(counter << 6 | 0x30 | mode << 1 | bcd));
	machine_out(m, BLOCK, counter, (uint8_t)count);
	machine_out(m, BLOCK, counter, (uint8_t)(count >> 8));
}

static uint16_t latched(struct machine *m, unsigned int counter)
{
	uint16_t low;

	machine_out(m, BLOCK, CONTROL, (uint8_t)(counter << 6));
	low = machine_in(m, BLOCK, counter);
	return (uint16_t)(low | machine_in(m, BLOCK, counter) << 8);
}

/* Read-back of status alone. */
static uint8_t status_of(struct machine *m, unsigned int counter)
{
	machine_out(m, BLOCK, CONTROL, (uint8_t)(0xe0 | 2u << counter));
	return machine_in(m, BLOCK, counter);
}

/* ---- The reference: one CLK pulse after the other, as the data sheet tells it ---- */

struct chip {
	unsigned int mode;
	unsigned int bcd;
	int gate;
	int out;
	int has_count;  /* a count was written */
	int load;       /* load it at the next CLK */
	int counting;   /* CE is counting */
	int armed;      /* the strobe or one-shot has not happened yet */
	int next_valid; /* modes 2, 3: another count was written */
	uint32_t cr;
	uint32_t next;
	uint32_t ce;
	uint32_t position; /* mode 3: CLKs in this cycle */
	uint64_t rises;
};

static uint32_t chip_modulus(const struct chip *chip) { return chip->bcd ? 10000 : 65536; }

static void chip_control(struct chip *chip, unsigned int mode, unsigned int bcd)
{
	int gate = chip->gate;

	*chip = (struct chip){ .mode = mode, .bcd = bcd, .gate = gate, .out = mode != 0 };
}

static void chip_write(struct chip *chip, uint32_t count)
{
	if ((chip->mode == 2 || chip->mode == 3) && chip->counting) {
		chip->next = count;
		chip->next_valid = 1;
		return;
	}
	chip->cr = count;
	chip->has_count = 1;
	if (chip->mode == 0) {
		chip->out = 0;
	}
	if (chip->mode != 1 && chip->mode != 5) {
		chip->load = 1;
		chip->counting = 0;
	}
}

static void chip_gate(struct chip *chip, int gate)
{
	int rises = gate && !chip->gate;

	chip->gate = gate;
	if (!gate && (chip->mode == 2 || chip->mode == 3)) {
		chip->out = 1;
	}
	if (rises && chip->has_count && chip->mode != 0 && chip->mode != 4) {
		if (chip->next_valid) {
			chip->cr = chip->next;
			chip->next_valid = 0;
		}
		chip->load = 1;
	}
}

static void chip_set_out(struct chip *chip, int out)
{
	chip->rises += out && !chip->out;
	chip->out = out;
}

static void chip_clock(struct chip *chip)
{
	uint32_t high = (chip->cr + 1) / 2;

	if (chip->load && (chip->gate || (chip->mode != 2 && chip->mode != 3))) {
		chip->load = 0;
		chip->counting = 1;
		chip->armed = 1;
		chip->position = 0;
		chip->ce = chip->mode == 3 ? chip->cr & ~1u : chip->cr % chip_modulus(chip);
		if (chip->mode == 1) {
			chip_set_out(chip, 0);
		}
		if (chip->mode == 2 && chip->cr == 1) {
			chip_set_out(chip, 0);
		}
		if (chip->mode >= 4) {
			chip_set_out(chip, 1); /* a strobe of the former count is over */
		}
		return;
	}
	if (!chip->counting || (!chip->gate && chip->mode != 1 && chip->mode != 5)) {
		if (chip->mode == 4) {
			chip_set_out(chip, 1); /* the strobe is one CLK long, whatever the gate does */
		}
		return;
	}
	switch (chip->mode) {
	case 2:
		if (chip->ce == 1) {
			chip->cr = chip->next_valid ? chip->next : chip->cr;
			chip->next_valid = 0;
			chip->ce = chip->cr;
			chip_set_out(chip, 1);
		} else {
			chip->ce = (chip->ce + chip_modulus(chip) - 1) % chip_modulus(chip);
		}
		if (chip->ce == 1) {
			chip_set_out(chip, 0);
		}
		break;
	case 3:
		chip->position++;
		if (chip->position == chip->cr) {
			chip->cr = chip->next_valid ? chip->next : chip->cr;
			chip->next_valid = 0;
			chip->position = 0;
			chip->ce = chip->cr & ~1u;
			chip_set_out(chip, 1);
		} else if (chip->position == high) {
			chip->ce = chip->cr & ~1u;
			chip_set_out(chip, 0);
		} else {
			chip->ce -= 2;
		}
		break;
	default:
		chip->ce = (chip->ce + chip_modulus(chip) - 1) % chip_modulus(chip);
		if (chip->mode >= 4) {
			chip_set_out(chip, !(chip->armed && chip->ce == 0));
			chip->armed = chip->armed && chip->ce != 0;
		} else if (chip->ce == 0) {
			chip_set_out(chip, 1);
		}
		break;
	}
}

static uint16_t chip_value(const struct chip *chip)
{
	uint32_t value = chip->ce % chip_modulus(chip);

	if (!chip->bcd) {
		return (uint16_t)value;
	}
	return (uint16_t)(value / 1000 << 12 | value / 100 % 10 << 8 | value / 10 % 10 << 4 | value % 10);
}

static uint16_t to_register(uint32_t count, unsigned int bcd)
{
	count %= bcd ? 10000 : 65536;
	return bcd ? (uint16_t)(count / 1000 << 12 | count / 100 % 10 << 8 | count / 10 % 10 << 4 |
				count % 10)
		   : (uint16_t)count;
}

/* Counter 2, which has a gate: all modes, binary and BCD, counts and gates changed at random times; value,
 * OUT and null count are compared. */
static void every_mode_like_the_chip(void **state)
{
	uint64_t seed = 1;
	unsigned long compared = 0;

	(void)state;
	for (unsigned int round = 0; round < 3000; round++) {
		struct machine *m = new_pit();
		struct chip chip = { 0 };
		unsigned int mode = round % 6;
		unsigned int bcd = round / 6 % 2;
		uint64_t tick = 1000;
		uint32_t count;

		m->without_kills = round % 100 < 94;
		set_tick(m, tick);
		if (machine_random(&seed) % 4 != 0) {
			machine_out(m, PORT61, 0, 1);
			chip_gate(&chip, 1);
		}
		chip_control(&chip, mode, bcd);
		machine_out(m, BLOCK, CONTROL, (uint8_t)(0xb0 | mode << 1 | bcd));
		for (int step = 0; step < 40; step++) {
			uint64_t random = machine_random(&seed);
			uint64_t ticks = (random >> 16) % ((random >> 40) % 8 == 0 ? 20000 : 40);

			switch (random % 4) {
			case 0:
				count = (uint32_t)(random >> 8) % (random >> 60 != 0 ? 20u : 65536u) + 2;
				count = bcd && count > 10000 ? 10000 : count;
				count = count > 65536 ? 65536 : count;
				machine_out(m, BLOCK, 2, (uint8_t)to_register(count, bcd));
				machine_out(m, BLOCK, 2, (uint8_t)(to_register(count, bcd) >> 8));
				chip_write(&chip, count);
				break;
			case 1:
				machine_out(m, PORT61, 0, (uint8_t)(random >> 8 & 1));
				chip_gate(&chip, (int)(random >> 8 & 1));
				break;
			default:
				break;
			}
			/* At least one CLK: between the write and it the chip still shows the former
			 * count. */
			for (uint64_t i = 0; i <= ticks; i++) {
				chip_clock(&chip);
			}
			tick += ticks + 1;
			set_tick(m, tick);
			assert_int_equal(machine_in(m, PORT61, 0) >> 5 & 1, chip.out);
			if (chip.counting && !chip.load) {
				assert_int_equal(latched(m, 2), chip_value(&chip));
				compared++;
				if (mode == 2 || mode == 3) {
					assert_int_equal(status_of(m, 2) >> 6 & 1, chip.next_valid);
				}
			}
		}
		machine_free(m);
	}
	print_message("%lu values compared\n", compared);
	assert_true(compared > 50000);
}

/* Counter 0: edges of the line against rises of the chip's OUT, for counts above the least distance. */
static void edges_like_the_chip(void **state)
{
	static const unsigned int modes[] = { 0, 2, 3, 4 };
	uint64_t seed = 2;

	(void)state;
	for (unsigned int round = 0; round < 60; round++) {
		struct machine *m = new_pit();
		struct chip chip = { .gate = 1 };
		unsigned int mode = modes[round % 4];
		uint32_t count = (uint32_t)(machine_random(&seed) % 3000) + 200;
		uint64_t tick = 5000;

		m->without_kills = 1;
		set_tick(m, tick);
		chip_control(&chip, mode, 0);
		program(m, 0, mode, 0, (uint16_t)count);
		chip_write(&chip, count);
		for (int step = 0; step < 20; step++) {
			uint64_t ticks = machine_random(&seed) % 2000;

			for (uint64_t i = 0; i <= ticks; i++) {
				chip_clock(&chip);
			}
			tick += ticks + 1;
			set_tick(m, tick);
			assert_int_equal(machine_edges(m, 0), chip.rises);
			if (machine_random(&seed) % 16 == 0) {
				machine_restart(m);
			}
		}
		assert_true(chip.rises > 0);
		machine_free(m);
	}
}

/* The exact tick of each edge. */
static void edges_at_their_tick(void **state)
{
	static const unsigned int modes[] = { 0, 2, 3, 4 };

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		struct machine *m = new_pit();
		struct chip chip = { .gate = 1 };

		m->without_kills = 1;
		set_tick(m, 100);
		chip_control(&chip, modes[i], 0);
		program(m, 0, modes[i], 0, 151);
		chip_write(&chip, 151);
		for (uint64_t tick = 101; tick < 800; tick++) {
			chip_clock(&chip);
			set_tick(m, tick);
			assert_int_equal(machine_edges(m, 0), chip.rises);
		}
		machine_free(m);
	}
}

/* ---- Registers ---- */

static void access_modes(void **state)
{
	struct machine *m = new_pit();

	(void)state;
	/* low byte only: the high one is 0 */
	machine_out(m, BLOCK, CONTROL, 0x94);
	machine_out(m, BLOCK, 2, 0x34);
	set_tick(m, 1);
	assert_int_equal(machine_in(m, BLOCK, 2), 0x34);
	assert_int_equal(machine_in(m, BLOCK, 2), 0x34);
	/* high byte only */
	machine_out(m, BLOCK, CONTROL, 0xa4);
	machine_out(m, BLOCK, 2, 0x12);
	set_tick(m, 2);
	assert_int_equal(machine_in(m, BLOCK, 2), 0x12);
	/* both */
	program(m, 2, 2, 0, 0x1234);
	set_tick(m, 3);
	assert_int_equal(machine_in(m, BLOCK, 2), 0x34);
	assert_int_equal(machine_in(m, BLOCK, 2), 0x12);
	/* modes 6 and 7 are 2 and 3 */
	machine_out(m, BLOCK, CONTROL, 0xbc);
	assert_int_equal(status_of(m, 2), 0xf4);
	machine_out(m, BLOCK, CONTROL, 0xbe);
	assert_int_equal(status_of(m, 2), 0xf6);
	/* the control word can't be read */
	assert_int_equal(machine_in(m, BLOCK, CONTROL), 0xff);
	machine_free(m);
}

static void latch_holds(void **state)
{
	struct machine *m = new_pit();

	(void)state;
	machine_out(m, PORT61, 0, 1);
	program(m, 2, 2, 0, 50000);
	set_tick(m, 101);
	machine_out(m, BLOCK, CONTROL, 0x80);
	set_tick(m, 201);
	machine_out(m, BLOCK, CONTROL, 0x80); /* ignored: the first is not read yet */
	assert_int_equal(machine_in(m, BLOCK, 2), (50000 - 100) & 0xff);
	set_tick(m, 301);
	assert_int_equal(machine_in(m, BLOCK, 2), (50000 - 100) >> 8);
	assert_int_equal(latched(m, 2), 50000 - 300);
	machine_free(m);
}

static void read_back(void **state)
{
	struct machine *m = new_pit();

	(void)state;
	program(m, 0, 3, 0, 40000);
	program(m, 1, 2, 1, 0x9000);
	program(m, 2, 0, 0, 1000);
	set_tick(m, 11);
	machine_out(m, BLOCK, CONTROL, 0xce); /* count and status of all */
	set_tick(m, 5000);
	assert_int_equal(machine_in(m, BLOCK, 0), 0xb6);
	assert_int_equal(machine_in(m, BLOCK, 0), (40000 - 20) & 0xff);
	assert_int_equal(machine_in(m, BLOCK, 0), (40000 - 20) >> 8);
	assert_int_equal(machine_in(m, BLOCK, 1), 0xb5);
	assert_int_equal(machine_in(m, BLOCK, 1), 0x90);
	assert_int_equal(machine_in(m, BLOCK, 1), 0x89);
	assert_int_equal(machine_in(m, BLOCK, 2), 0x30); /* gate low: 1000 stands */
	assert_int_equal(machine_in(m, BLOCK, 2), 1000 & 0xff);
	assert_int_equal(machine_in(m, BLOCK, 2), 1000 >> 8);
	/* status of a counter without a count: null count; of one without a control word as well */
	machine_out(m, BLOCK, CONTROL, 0x30);
	assert_int_equal(status_of(m, 0), 0x70);
	machine_free(m);
}

static void port61(void **state)
{
	struct machine *m = new_pit();
	unsigned int toggles = 0;
	uint8_t before = 0;

	(void)state;
	for (unsigned int value = 0; value < 256; value++) {
		machine_out(m, PORT61, 0, (uint8_t)value);
		assert_int_equal(machine_in(m, PORT61, 0) & 0xcf, value & 0x0f);
	}
	m->without_kills = 1;
	for (int i = 0; i < 1000; i++) {
		uint8_t now = machine_in(m, PORT61, 0) & 0x10;

		toggles += now != before;
		before = now;
		(void)machine_pass(m, 1000);
	}
	assert_in_range(toggles, 64, 68); /* 1 ms of 15.085 us */
	machine_free(m);
}

/* The way in which PC operating systems measure their TSC. */
static void calibration_by_counter2(void **state)
{
	struct machine *m = new_pit();
	unsigned int reads = 0;

	(void)state;
	machine_out(m, PORT61, 0, (uint8_t)((machine_in(m, PORT61, 0) & ~2) | 1));
	machine_out(m, BLOCK, CONTROL, 0xb0);
	machine_out(m, BLOCK, 2, 59659 & 0xff); /* 50 ms */
	machine_out(m, BLOCK, 2, 59659 >> 8);
	m->without_kills = 1;
	while ((machine_in(m, PORT61, 0) & 0x20) == 0) {
		(void)machine_pass(m, 10000);
		assert_true(++reads < 6000);
	}
	assert_in_range(m->environment.now, 50000000, 50020000);
	machine_free(m);
}

static void zero_and_one_as_counts(void **state)
{
	(void)state;
	for (unsigned int mode = 0; mode < 8; mode++) {
		for (unsigned int bcd = 0; bcd < 2; bcd++) {
			for (uint16_t count = 0; count < 2; count++) {
				struct machine *m = new_pit();

				machine_out(m, PORT61, 0, 1);
				for (unsigned int counter = 0; counter < 3; counter++) {
					program(m, counter, mode, bcd, count);
				}
				for (unsigned int counter = 0; counter < 3; counter++) {
					(void)latched(m, counter);
					(void)status_of(m, counter);
				}
				machine_out(m, PORT61, 0, 0);
				machine_out(m, PORT61, 0, 1);
				m->without_kills = 1;
				(void)machine_pass(m, 10000000);
				(void)latched(m, 0);
				machine_free(m);
			}
		}
	}
}

/* ---- The interrupt ---- */

static void periodic_interrupt(void **state)
{
	struct machine *m = new_pit();

	(void)state;
	program(m, 0, 2, 0, 11932); /* 100 Hz */
	assert_int_equal(machine_edges(m, 0), 0);
	(void)machine_pass(m, 1000100000);
	assert_int_equal(machine_edges(m, 0), 100);
	assert_int_equal(machine_level(m, 0), 1);
	machine_restart(m);
	(void)machine_pass(m, 1000000000);
	assert_int_equal(machine_edges(m, 0), 200);
	machine_free(m);
}

/* Missed ticks are one interrupt, and the rhythm is kept. */
static void late_events_are_coalesced(void **state)
{
	struct machine *m = new_pit();
	uint64_t first;

	(void)state;
	program(m, 0, 2, 0, 1193);
	first = machine_deadline(m);
	m->environment.now = first + 100 * UINT64_C(1000000);
	model_run_event(&m->run, MODEL_EVENT_TIMER);
	assert_int_equal(machine_edges(m, 0), 1);
	assert_true(m->environment.armed > m->environment.now);
	assert_true(m->environment.armed <= m->environment.now + 1100000);
	assert_in_range(ticks_at_ns(m->environment.armed, PIT8254_HERTZ) % 1193, 1, 1);
	model_run_event(&m->run, MODEL_EVENT_TIMER); /* too early: nothing */
	assert_int_equal(machine_edges(m, 0), 1);
	machine_free(m);
}

static void storms_are_bounded(void **state)
{
	struct machine *m = new_pit();

	(void)state;
	m->without_kills = 1;
	for (uint16_t count = 1; count < 120; count++) {
		unsigned int events;

		program(m, 0, 2, 0, count);
		events = machine_pass(m, 10000000);
		assert_in_range(events, 90, 101);
	}
	/* by polling either */
	program(m, 0, 2, 0, 2);
	machine_restart(m);
	m->without_kills = 1;
	{
		uint64_t edges = machine_edges(m, 0);

		for (int i = 0; i < 10000; i++) {
			m->environment.now += 1000;
			(void)machine_in(m, BLOCK, 0);
		}
		assert_in_range(machine_edges(m, 0) - edges, 90, 101);
	}
	machine_free(m);
}

/* A one-shot that falls into the quiet time after the last edge is late, not lost, also if the guest looks
 * at the chip meanwhile. */
static void one_shot_right_after_an_edge(void **state)
{
	struct machine *m = new_pit();

	(void)state;
	program(m, 0, 0, 0, 100);
	(void)machine_pass(m, 90000);
	assert_int_equal(machine_edges(m, 0), 1);
	program(m, 0, 0, 0, 10);
	assert_int_equal(machine_level(m, 0), 0);
	m->environment.now += 20000;
	(void)latched(m, 0);
	(void)machine_in(m, PORT61, 0);
	machine_out(m, PORT61, 0, 3);
	program(m, 2, 3, 0, 1000);
	assert_int_equal(machine_edges(m, 0), 1);
	(void)machine_pass(m, 100000);
	assert_int_equal(machine_edges(m, 0), 2);
	assert_int_equal(machine_level(m, 0), 1);
	(void)machine_pass(m, 1000000000);
	assert_int_equal(machine_edges(m, 0), 2);
	machine_free(m);
}

static void mode0_lowers_the_line(void **state)
{
	struct machine *m = new_pit();

	(void)state;
	program(m, 0, 0, 0, 1000);
	(void)machine_pass(m, 2000000);
	assert_int_equal(machine_level(m, 0), 1);
	machine_out(m, BLOCK, CONTROL, 0x30);
	assert_int_equal(machine_level(m, 0), 0);
	assert_int_equal(machine_deadline(m), 0);
	machine_out(m, BLOCK, 0, 0x10); /* half a count starts nothing */
	assert_int_equal(machine_deadline(m), 0);
	machine_out(m, BLOCK, 0, 0x00);
	assert_true(machine_deadline(m) != 0);
	machine_out(m, BLOCK, 0, 0x00); /* and stops one that runs */
	assert_int_equal(machine_deadline(m), 0);
	assert_int_equal(machine_edges(m, 0), 1);
	machine_free(m);
}

static void wide_and_wrong_accesses(void **state)
{
	struct machine *m = new_pit();
	uint64_t seed = 9;

	(void)state;
	assert_int_equal(machine_read(m, 0, 3, 2), 0xffff);
	assert_int_equal(machine_read(m, 0, 4, 1), 0xff);
	assert_int_equal(machine_read(m, 1, 0, 2), 0xffff);
	assert_int_equal(machine_read(m, 2, 0, 1), 0xff);
	assert_int_equal(machine_read(m, 0, 0, 4) >> 24, 0xff);
	for (int i = 0; i < 3000; i++) {
		uint64_t random = machine_random(&seed);
		uint32_t width = 1u << (random >> 8 & 3);

		m->without_kills = i % 50 != 0;
		if ((random & 1) != 0) {
			machine_write(m, random >> 16 & 3, random >> 20 & 7, width, random >> 32);
		} else {
			(void)machine_read(m, random >> 16 & 3, random >> 20 & 7, width);
		}
		(void)machine_pass(m, random >> 40 & 0xfffff);
	}
	machine_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mode_like_the_chip),
		cmocka_unit_test(edges_like_the_chip),
		cmocka_unit_test(edges_at_their_tick),
		cmocka_unit_test(access_modes),
		cmocka_unit_test(latch_holds),
		cmocka_unit_test(read_back),
		cmocka_unit_test(port61),
		cmocka_unit_test(calibration_by_counter2),
		cmocka_unit_test(zero_and_one_as_counts),
		cmocka_unit_test(periodic_interrupt),
		cmocka_unit_test(late_events_are_coalesced),
		cmocka_unit_test(storms_are_bounded),
		cmocka_unit_test(one_shot_right_after_an_edge),
		cmocka_unit_test(mode0_lowers_the_line),
		cmocka_unit_test(wide_and_wrong_accesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
