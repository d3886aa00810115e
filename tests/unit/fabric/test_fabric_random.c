/* SPDX-License-Identifier: MIT */
/* Long random runs against plain reference models: no interrupt is lost, doubled or invented, through the I/O APIC and through the
 * 8259s; the local APIC picks what a naive search would pick; arbitrary register accesses break no invariant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bulkhead/lines.h>

#include "fabric/fabric.h"

static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
	/* xorshift64* */
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % limit;
}

static struct fabric fabric;

/* ---- Lines ---- */

#define LINES 8u
static uint64_t words[LINES];
static bool owed[LINES]; /* edge: an edge that no interrupt has answered, while the line is high */
static bool is_level[LINES];
static bool masked[LINES];
static uint64_t edges[LINES], taken[LINES];

static const uint8_t gsis[LINES] = { 1, 3, 4, 5, 6, 7, 9, 12 };

static uint8_t vector_of(uint32_t line) { return (uint8_t)(0x30 + gsis[line]); }

static void set_pin(uint32_t line)
{
	fabric_ioapic_write(&fabric, IOAPIC_SELECT, 0x10u + 2u * gsis[line]);
	fabric_ioapic_write(&fabric, IOAPIC_WINDOW,
		vector_of(line) | (is_level[line] ? 0x8000u : 0) | (masked[line] ? 0x10000u : 0));
}

static void device_moves(uint32_t line)
{
	bool high = line_word_level(words[line]) != 0;

	switch (random_below(4)) {
	case 0:
	case 1:
		if (!high) {
			edges[line]++;
			owed[line] = true;
		}
		words[line] = line_word_raise(words[line]);
		break;
	case 2:
		words[line] = line_word_lower(words[line]);
		owed[line] = false;
		return; /* without ringing: the fabric finds out by itself */
	default:
		/* Falls and rises between two looks. */
		words[line] = line_word_pulse(words[line]);
		edges[line]++;
		owed[line] = true;
		break;
	}
	/* The doorbell is answered before the next entry: here. */
	fabric_update_line(&fabric, line, words[line]);
}

static int enter(void)
{
	int vector;

	for (uint32_t lines = fabric_lines_wanted(&fabric, 0); lines != 0; lines &= lines - 1) {
		uint32_t line = (uint32_t)__builtin_ctz(lines);

		fabric_update_line(&fabric, line, words[line]);
	}
	vector = fabric_acknowledge(&fabric, 0, 0);
	if (vector < 0) {
		return -1;
	}
	for (uint32_t line = 0; line < LINES; line++) {
		if (vector_of(line) == vector) {
			return (int)line;
		}
	}
	fail_msg("vector %#x belongs to no line", (unsigned int)vector);
	return -1;
}

/* An interrupt of `line` was taken: it must have a reason. */
static void check_taken(uint32_t line)
{
	assert_true(line_word_level(words[line]) != 0);
	assert_false(masked[line]);
	if (!is_level[line]) {
		assert_true(owed[line]);
		owed[line] = false;
	}
	taken[line]++;
}

static void start_lines(bool level_allowed)
{
	uint32_t number;

	assert_int_equal(fabric_init(&fabric, 1, true), FABRIC_OK);
	fabric_firmware_state(&fabric);
	for (uint32_t line = 0; line < LINES; line++) {
		words[line] = 0;
		owed[line] = false;
		masked[line] = false;
		edges[line] = 0;
		taken[line] = 0;
		is_level[line] = level_allowed && random_below(2) == 0;
		assert_int_equal(fabric_attach_line(&fabric, gsis[line], 0, &number), FABRIC_OK);
		assert_int_equal(number, line);
	}
}

static void end_at_lapic(void) { fabric_eoi(&fabric, 0); }

static void end_at_pics(void)
{
	fabric_pic_write(&fabric, 0xa0, 0x20);
	fabric_pic_write(&fabric, 0x20, 0x20);
}

/* Nothing more moves: what is owed comes. `depth` interrupts are not at their end yet. */
static void settle(uint32_t depth, void (*end_of_interrupt)(void))
{
	for (uint32_t step = 0; step < 64; step++) {
		int number;

		while (depth > 0) {
			end_of_interrupt();
			depth--;
		}
		number = enter();
		if (number >= 0) {
			check_taken((uint32_t)number);
			depth++;
			if (is_level[number]) {
				words[number] = line_word_lower(words[number]);
			}
		}
	}
}

static void test_ioapic_lines(void **state)
{
	uint64_t all = 0;

	(void)state;
	for (uint32_t round = 0; round < 50; round++) {
		uint32_t depth = 0;

		random_state = 0x1234567 + round;
		start_lines(true);
		for (uint32_t line = 0; line < LINES; line++) {
			set_pin(line);
		}
		for (uint32_t step = 0; step < 4000; step++) {
			uint32_t line = random_below(LINES);
			int number;

			switch (random_below(6)) {
			case 0:
			case 1:
				device_moves(line);
				break;
			case 2:
			case 3:
				number = enter();
				if (number >= 0) {
					check_taken((uint32_t)number);
					depth++;
				}
				break;
			case 4:
				if (depth > 0) {
					fabric_apic_write(&fabric, 0, LAPIC_EOI, 0, 0);
					depth--;
				}
				break;
			default:
				/* Level pins may be masked at any time; edges on a masked pin are lost by definition. */
				if (is_level[line]) {
					fabric_update_line(&fabric, line, words[line]);
					/* A request that left the pin before it was masked comes still: take it first. */
					if ((fabric.ioapic.waiting >> gsis[line] & 1) == 0) {
						masked[line] = !masked[line];
						set_pin(line);
					}
				}
				break;
			}
		}
		settle(depth, end_at_lapic);
		for (uint32_t line = 0; line < LINES; line++) {
			assert_false(owed[line] && !is_level[line]);
			if (is_level[line] && !masked[line]) {
				assert_true(line_word_level(words[line]) == 0);
			}
			if (!is_level[line]) {
				assert_true(taken[line] <= edges[line]);
			}
			all += taken[line];
		}
	}
	/* The run got somewhere. */
	assert_true(all > 10000);
}

static void test_pic_lines(void **state)
{
	static const uint16_t sequence[][2] = { { 0x20, 0x11 }, { 0x21, 0x30 }, { 0x21, 0x04 },
		{ 0x21, 0x01 }, { 0xa0, 0x11 }, { 0xa1, 0x38 }, { 0xa1, 0x02 }, { 0xa1, 0x01 } };
	uint64_t all = 0;

	(void)state;
	for (uint32_t round = 0; round < 50; round++) {
		uint32_t stack[LINES];
		uint32_t depth = 0;

		random_state = 0x7654321 + round;
		start_lines(false);
		for (size_t i = 0; i < sizeof(sequence) / sizeof(sequence[0]); i++) {
			fabric_pic_write(&fabric, sequence[i][0], (uint8_t)sequence[i][1]);
		}
		for (uint32_t line = 0; line < LINES; line++) {
			/* Those that ELCR can make level-triggered. */
			is_level[line] = gsis[line] >= 3 && random_below(2) == 0;
			if (is_level[line]) {
				uint16_t port = gsis[line] < 8 ? 0x4d0 : 0x4d1;

				fabric_pic_write(&fabric, port,
					(uint8_t)(fabric_pic_read(&fabric, port) | 1u << (gsis[line] & 7)));
			}
		}
		for (uint32_t step = 0; step < 4000; step++) {
			int number;

			switch (random_below(5)) {
			case 0:
			case 1:
				device_moves(random_below(LINES));
				break;
			case 2:
			case 3:
				number = depth < LINES ? enter() : -1;
				if (number >= 0) {
					check_taken((uint32_t)number);
					stack[depth++] = gsis[number];
				}
				break;
			default:
				if (depth > 0) {
					uint32_t input = stack[--depth];

					if (input >= 8) {
						fabric_pic_write(
							&fabric, 0xa0, (uint8_t)(0x60 | (input & 7)));
						input = 2;
					}
					fabric_pic_write(&fabric, 0x20, (uint8_t)(0x60 | input));
				}
				break;
			}
		}
		settle(depth, end_at_pics);
		for (uint32_t line = 0; line < LINES; line++) {
			assert_false(owed[line] && !is_level[line]);
			assert_true(!is_level[line] || line_word_level(words[line]) == 0);
			all += taken[line];
		}
	}
	assert_true(all > 5000);
}

/* ---- The local APIC against a naive one ---- */

static void test_lapic_reference(void **state)
{
	static bool irr[256], isr[256];
	struct lapic *lapic = &fabric.lapic[0];
	uint32_t tpr = 0;
	uint64_t acknowledged = 0;

	(void)state;
	random_state = 99;
	assert_int_equal(fabric_init(&fabric, 1, true), FABRIC_OK);
	fabric_apic_write(&fabric, 0, LAPIC_SVR, 0x1ff, 0);
	for (uint32_t step = 0; step < 300000; step++) {
		uint32_t highest_irr = 0;
		uint32_t highest_isr = 0;
		uint32_t ppr;
		uint32_t vector = 16 + random_below(240);

		for (uint32_t i = 16; i < 256; i++) {
			highest_irr = irr[i] ? i : highest_irr;
			highest_isr = isr[i] ? i : highest_isr;
		}
		ppr = tpr >> 4 >= highest_isr >> 4 ? tpr : highest_isr & 0xf0;
		assert_int_equal(fabric_apic_read(&fabric, 0, LAPIC_PPR, 0), ppr);
		assert_int_equal(lapic_deliverable(lapic), highest_irr >> 4 > ppr >> 4 ? highest_irr : 0);
		switch (random_below(5)) {
		case 0:
			fabric_msi(&fabric, 0xfee00000, vector);
			irr[vector] = true;
			break;
		case 1:
		case 2:
			if (highest_irr >> 4 > ppr >> 4) {
				assert_int_equal(fabric_acknowledge(&fabric, 0, 0), (int)highest_irr);
				irr[highest_irr] = false;
				isr[highest_irr] = true;
				acknowledged++;
			} else {
				assert_int_equal(fabric_acknowledge(&fabric, 0, 0), -1);
			}
			break;
		case 3:
			fabric_eoi(&fabric, 0);
			isr[highest_isr] = false;
			break;
		default:
			tpr = random_below(3) == 0 ? random_below(256) : 0;
			fabric_apic_write(&fabric, 0, LAPIC_TPR, tpr, 0);
			break;
		}
	}
	assert_true(acknowledged > 20000);
}

/* ---- Arbitrary accesses ---- */

static void check_invariants(uint64_t now)
{
	for (uint32_t vcpu = 0; vcpu < fabric.vcpu_count; vcpu++) {
		const struct lapic *lapic = &fabric.lapic[vcpu];

		assert_int_equal(lapic->irr_highest, vector_set_highest(&lapic->irr));
		assert_int_equal(lapic->isr_highest, vector_set_highest(&lapic->isr));
		assert_int_equal((lapic->irr.word[0] | lapic->isr.word[0]) & 0xffff, 0);
		assert_true((fabric_pending(&fabric, vcpu).events & FABRIC_EVENT_INTERRUPT) == 0 ||
			    fabric.extint_vcpu == vcpu || lapic_deliverable(lapic) != 0);
	}
	assert_int_equal(fabric.pic.output, fabric.pic_output);
	assert_true(fabric.extint_vcpu <= FABRIC_VCPUS_MAXIMUM);
	(void)now;
}

static void test_arbitrary_accesses(void **state)
{
	static const uint16_t ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1, 0x22 };
	uint64_t now = 0;
	uint32_t line;

	(void)state;
	random_state = 4711;
	assert_int_equal(fabric_init(&fabric, 8, true), FABRIC_OK);
	fabric_firmware_state(&fabric);
	for (uint32_t gsi = 1; gsi < 24; gsi++) {
		assert_int_equal(fabric_attach_line(&fabric, gsi, 0, &line), FABRIC_OK);
	}
	for (uint32_t step = 0; step < 400000; step++) {
		uint32_t vcpu = random_below(8);
		uint32_t value = random_below(2) == 0 ? random_below(0x80000000) * 2 + random_below(2)
						      : random_below(512);
		uint64_t wide = random_below(3) == 0 ? (uint64_t)value << 32 | random_below(1024) : value;
		uint64_t result;

		now += random_below(1000);
		if (random_below(1000) == 0) {
			now += UINT64_C(1) << random_below(50);
		}
		switch (random_below(14)) {
		case 0:
			(void)fabric_apic_read(&fabric, vcpu, random_below(0x1000), now);
			break;
		case 1:
		case 2:
			fabric_apic_write(&fabric, vcpu, random_below(0x100) << 4, value, now);
			break;
		case 3:
			assert_true(fabric_msr_read(
					    &fabric, vcpu, 0x800 + random_below(0x100), now, &result) <= 1);
			break;
		case 4:
			assert_true(
				fabric_msr_write(&fabric, vcpu, 0x800 + random_below(0x40), wide, now) <= 1);
			break;
		case 5:
			assert_true(fabric_msr_write(&fabric, vcpu, MSR_APIC_BASE,
					    0xfee00000 + (wide & 0xfff), now) <= 1);
			break;
		case 6:
			assert_true(fabric_msr_write(&fabric, vcpu, MSR_TSC_DEADLINE,
					    now + random_below(5000), now) <= 1);
			break;
		case 7:
			fabric_ioapic_write(&fabric, random_below(5) << 4, value);
			(void)fabric_ioapic_read(&fabric, random_below(5) << 4);
			break;
		case 8:
			fabric_pic_write(&fabric, ports[random_below(7)], (uint8_t)value);
			(void)fabric_pic_read(&fabric, ports[random_below(7)]);
			break;
		case 9:
			fabric_update_line(&fabric, random_below(40), wide);
			break;
		case 10:
			fabric_msi(&fabric, 0xfee00000 + (value & 0xfffff), random_below(0x10000));
			break;
		case 11:
			fabric_advance(&fabric, vcpu, now);
			/* What is due has been dealt with. */
			assert_true(fabric.lapic[vcpu].deadline > now);
			break;
		case 12:
			(void)fabric_acknowledge(&fabric, vcpu, now);
			break;
		default:
			fabric_take_init(&fabric, vcpu);
			(void)fabric_take_startup(&fabric, vcpu);
			fabric_set_cr8(&fabric, vcpu, (uint8_t)value);
			fabric_set_tsc_offset(&fabric, vcpu, random_below(16) == 0 ? wide : 0, now);
			(void)fabric_take_kicks(&fabric);
			break;
		}
		if ((step & 15) == 0) {
			check_invariants(now);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ioapic_lines),
		cmocka_unit_test(test_pic_lines),
		cmocka_unit_test(test_lapic_reference),
		cmocka_unit_test(test_arbitrary_accesses),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
