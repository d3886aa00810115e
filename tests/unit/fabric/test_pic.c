/* SPDX-License-Identifier: MIT */
/* The two 8259As: initialisation as guests do it, priorities, EOI forms, poll, special modes, ELCR, spurious interrupts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fabric/pic.h"

static struct pic pic;

static void out(uint16_t port, uint8_t value) { pic_write(&pic, port, value); }
static uint8_t in(uint16_t port) { return pic_read(&pic, port); }
static void raise(uint32_t input) { pic_set_input(&pic, input, true, true); }
static void lower(uint32_t input) { pic_set_input(&pic, input, false, false); }

static void pulse(uint32_t input)
{
	lower(input);
	raise(input);
}

/* As Linux's init_8259A(). */
static void linux_setup(bool auto_eoi)
{
	out(0x21, 0xff);
	out(0x20, 0x11);
	out(0x21, 0x30);
	out(0x21, 0x04);
	out(0x21, auto_eoi ? 0x03 : 0x01);
	out(0xa0, 0x11);
	out(0xa1, 0x38);
	out(0xa1, 0x02);
	out(0xa1, 0x01);
	out(0x21, 0x00);
	out(0xa1, 0x00);
}

/* Acknowledges what peek foretold. */
static int take(void)
{
	uint8_t foretold = pic_peek(&pic);

	assert_true(pic.output);
	assert_int_equal(pic_acknowledge(&pic), foretold);
	return foretold;
}

static int setup(void **state)
{
	(void)state;
	pic_init(&pic);
	linux_setup(false);
	return 0;
}

static void test_power_up(void **state)
{
	(void)state;
	pic_init(&pic);
	for (uint32_t input = 0; input < 16; input++) {
		raise(input);
	}
	assert_false(pic.output);
	assert_int_equal(in(0x21), 0xff);
	assert_int_equal(in(0xa1), 0xff);
	pic_init(&pic);
	pic_firmware_state(&pic);
	assert_int_equal(in(0x21), 0xfb);
	out(0x21, 0xfa);
	raise(0);
	assert_int_equal(take(), 0x08);
	out(0x20, 0x20);
	out(0xa1, 0xfe);
	raise(8);
	assert_int_equal(take(), 0x70);
}

static void test_seabios_sequence(void **state)
{
	(void)state;
	pic_init(&pic);
	/* SeaBIOS: ICW1 to ICW4 of both interleaved, then masks. */
	out(0x20, 0x11);
	out(0xa0, 0x11);
	out(0x21, 0x08);
	out(0xa1, 0x70);
	out(0x21, 0x04);
	out(0xa1, 0x02);
	out(0x21, 0x01);
	out(0xa1, 0x01);
	out(0x21, 0xfb);
	out(0xa1, 0xff);
	assert_int_equal(in(0x21), 0xfb);
	assert_int_equal(in(0xa1), 0xff);
	out(0x21, in(0x21) & 0xfe);
	raise(0);
	assert_int_equal(take(), 0x08);
	out(0x20, 0x20);
	assert_false(pic.output);
}

static void test_every_input(void **state)
{
	(void)state;
	for (uint32_t input = 0; input < 16; input++) {
		if (input == 2) {
			continue;
		}
		raise(input);
		assert_int_equal(take(), 0x30 + input);
		assert_false(pic.output);
		if (input >= 8) {
			out(0xa0, (uint8_t)(0x60 | (input & 7))); /* specific EOI, as Linux */
			out(0x20, 0x62);
		} else {
			out(0x20, (uint8_t)(0x60 | input));
		}
		/* Still high: no second edge. */
		assert_false(pic.output);
		lower(input);
	}
	/* No such inputs. */
	raise(2);
	raise(16);
	raise(31);
	assert_false(pic.output);
}

static void test_priority_and_nesting(void **state)
{
	(void)state;
	raise(7);
	raise(3);
	raise(12);
	raise(9);
	assert_int_equal(take(), 0x39); /* slave inputs stand at the master's input 2 */
	raise(1);
	assert_int_equal(take(), 0x31);
	assert_false(pic.output);
	out(0x20, 0x20); /* ends 1 */
	assert_false(pic.output);
	out(0xa0, 0x20);
	assert_false(pic.output); /* the master's input 2 is in service */
	out(0x20, 0x20);
	assert_int_equal(take(), 0x3c);
	out(0xa0, 0x20);
	out(0x20, 0x20);
	assert_int_equal(take(), 0x33);
	out(0x20, 0x20);
	assert_int_equal(take(), 0x37);
	out(0x20, 0x20);
	assert_false(pic.output);
}

static void test_mask(void **state)
{
	(void)state;
	out(0x21, 0x10);
	raise(4);
	assert_false(pic.output);
	assert_int_equal(in(0x20), 0x10); /* IRR */
	out(0x21, 0x00);
	assert_int_equal(take(), 0x34);
	assert_int_equal(in(0x20), 0x00);
	out(0x20, 0x0b);
	assert_int_equal(in(0x20), 0x10); /* ISR */
	out(0x20, 0x0a);
	assert_int_equal(in(0x20), 0x00);
	out(0x20, 0x08); /* no read command: the selection stays */
	assert_int_equal(in(0x20), 0x00);
}

static void test_line_falls_before_acknowledge(void **state)
{
	(void)state;
	raise(4);
	assert_true(pic.output);
	lower(4);
	assert_false(pic.output);
	raise(4);
	assert_int_equal(take(), 0x34);
	/* Edges while in service are remembered, once. */
	pulse(4);
	pulse(4);
	assert_false(pic.output);
	out(0x20, 0x20);
	assert_int_equal(take(), 0x34);
	out(0x20, 0x20);
	assert_false(pic.output);
	/* A level without an edge is nothing. */
	lower(4);
	pic_set_input(&pic, 4, true, false);
	assert_false(pic.output);
}

static void test_spurious(void **state)
{
	(void)state;
	assert_int_equal(pic_peek(&pic), 0x37);
	assert_int_equal(pic_acknowledge(&pic), 0x37);
	out(0x20, 0x0b);
	assert_int_equal(in(0x20), 0);
	/* Spurious 15: the slave's request goes between the master's and the slave's part. */
	raise(12);
	pic.chip[1].irr = 0;
	assert_int_equal(pic_peek(&pic), 0x3f);
	assert_int_equal(pic_acknowledge(&pic), 0x3f);
	assert_int_equal(in(0x20), 0x04); /* the master does have it in service */
	out(0xa0, 0x0b);
	assert_int_equal(in(0xa0), 0);
	out(0x20, 0x20);
	assert_int_equal(in(0x20), 0);
}

static void test_initialisation_resets(void **state)
{
	(void)state;
	raise(4);
	raise(5);
	assert_int_equal(take(), 0x34);
	out(0x21, 0x08);
	out(0x20, 0x68);
	out(0x20, 0xc3);
	out(0x20, 0x0b);
	out(0x20, 0x11);
	/* In the middle of the sequence: nothing is asked. */
	raise(6);
	assert_false(pic.output);
	out(0x21, 0x40);
	out(0x21, 0x04);
	assert_false(pic.output);
	out(0x21, 0x01);
	assert_int_equal(in(0x21), 0);
	assert_int_equal(in(0x20), 0x40); /* IRR: the edges from before are gone */
	assert_int_equal(take(), 0x46);
}

static void test_short_sequences(void **state)
{
	(void)state;
	/* Single, no ICW4: ICW2 is the last. */
	out(0x20, 0x12);
	out(0x21, 0x57);
	out(0x21, 0xfe);
	assert_int_equal(in(0x21), 0xfe);
	raise(0);
	assert_int_equal(take(), 0x50);
	/* Single with ICW4; cascade without. */
	out(0x20, 0x13);
	out(0x21, 0x58);
	out(0x21, 0x03);
	out(0x21, 0xfd);
	assert_int_equal(in(0x21), 0xfd);
	assert_true(pic.chip[0].auto_eoi);
	out(0x20, 0x10);
	out(0x21, 0x60);
	out(0x21, 0x04);
	out(0x21, 0xfc);
	assert_int_equal(in(0x21), 0xfc);
	assert_false(pic.chip[0].auto_eoi);
}

static void test_auto_eoi(void **state)
{
	(void)state;
	linux_setup(true);
	pulse(0);
	assert_int_equal(take(), 0x30);
	out(0x20, 0x0b);
	assert_int_equal(in(0x20), 0);
	pulse(0);
	pulse(1);
	assert_int_equal(take(), 0x30);
	assert_int_equal(take(), 0x31);
	/* Rotate in automatic EOI mode: who was served is last. */
	out(0x20, 0x80);
	pulse(3);
	assert_int_equal(take(), 0x33);
	pulse(3);
	pulse(4);
	assert_int_equal(take(), 0x34);
	assert_int_equal(take(), 0x33);
	out(0x20, 0x00);
	pulse(5);
	assert_int_equal(take(), 0x35);
	assert_int_equal(pic.chip[0].lowest, 3);
}

static void test_rotation(void **state)
{
	(void)state;
	out(0x20, 0xc3); /* set priority: 3 is lowest, 4 highest */
	raise(3);
	raise(0);
	raise(5);
	assert_int_equal(take(), 0x35);
	out(0x20, 0xa0); /* rotate on non-specific EOI: 5 is lowest */
	assert_int_equal(pic.chip[0].lowest, 5);
	assert_int_equal(take(), 0x30);
	out(0x20, 0xe0); /* rotate on specific EOI: 0 is lowest */
	assert_int_equal(pic.chip[0].lowest, 0);
	assert_int_equal(take(), 0x33);
	out(0x20, 0x40); /* no operation */
	out(0x20, 0x0b);
	assert_int_equal(in(0x20), 0x08);
	out(0x20, 0x20);
	assert_int_equal(in(0x20), 0x00);
	/* EOIs with nothing in service. */
	out(0x20, 0x20);
	out(0x20, 0xa0);
	assert_int_equal(pic.chip[0].lowest, 0);
	/* Every rotation orders all eight. */
	for (uint32_t lowest = 0; lowest < 8; lowest++) {
		linux_setup(true);
		out(0x20, (uint8_t)(0xc0 | lowest));
		for (uint32_t input = 0; input < 8; input++) {
			pulse(input);
		}
		for (uint32_t i = 1; i <= 8; i++) {
			if (((lowest + i) & 7) != 2) {
				assert_int_equal(take(), 0x30 + ((lowest + i) & 7));
			}
		}
		assert_false(pic.output);
	}
}

static void test_special_mask(void **state)
{
	(void)state;
	raise(3);
	assert_int_equal(take(), 0x33);
	raise(5);
	assert_false(pic.output);
	/* The level in service is masked: lower ones come through. */
	out(0x21, 0x08);
	assert_false(pic.output);
	out(0x20, 0x68);
	assert_int_equal(take(), 0x35);
	/* Non-specific EOI passes over the masked one. */
	out(0x20, 0x20);
	out(0x20, 0x0b);
	assert_int_equal(in(0x20), 0x08);
	out(0x20, 0x20);
	assert_int_equal(in(0x20), 0x08);
	out(0x20, 0x48); /* off */
	pulse(6);
	assert_false(pic.output);
	out(0x20, 0x63);
	assert_int_equal(take(), 0x36);
}

static void test_special_fully_nested(void **state)
{
	(void)state;
	raise(12);
	assert_int_equal(take(), 0x3c);
	raise(9);
	assert_false(pic.output);
	/* Again with the mode set. */
	out(0x20, 0x11);
	out(0x21, 0x30);
	out(0x21, 0x04);
	out(0x21, 0x11);
	assert_int_equal(take(), 0x39);
	pulse(8);
	assert_int_equal(take(), 0x38);
	pulse(3);
	assert_false(pic.output); /* lower inputs of the master still wait */
	pulse(1);
	assert_int_equal(take(), 0x31);
}

static void test_poll(void **state)
{
	(void)state;
	out(0x20, 0x0c);
	assert_int_equal(in(0x20), 0x00);
	raise(4);
	out(0x20, 0x0c);
	assert_int_equal(in(0x20), 0x84);
	assert_false(pic.output);
	assert_int_equal(in(0x20), 0x00); /* one read only: IRR again */
	out(0x20, 0x0b);
	assert_int_equal(in(0x20), 0x10); /* the poll was an acknowledge */
	out(0x20, 0x20);
	/* Of a slave's input the master tells 2; the slave is polled for itself. */
	raise(10);
	out(0x20, 0x0e);
	assert_int_equal(in(0x21), 0x82); /* either port */
	out(0xa0, 0x0c);
	assert_int_equal(in(0xa0), 0x82);
	out(0xa0, 0x20);
	out(0x20, 0x20);
	assert_false(pic.output);
}

static void test_elcr(void **state)
{
	(void)state;
	out(0x4d0, 0xff);
	out(0x4d1, 0xff);
	assert_int_equal(in(0x4d0), 0xf8);
	assert_int_equal(in(0x4d1), 0xde);
	raise(11);
	assert_int_equal(take(), 0x3b);
	/* High at EOI: again; fallen: no more. */
	out(0xa0, 0x20);
	out(0x20, 0x20);
	assert_int_equal(take(), 0x3b);
	lower(11);
	out(0xa0, 0x20);
	out(0x20, 0x20);
	assert_false(pic.output);
	/* Level without an edge counts here; the edge-only inputs stay edge. */
	pic_set_input(&pic, 5, true, false);
	assert_true(pic.output);
	assert_int_equal(in(0x20), 0x20);
	lower(5);
	assert_false(pic.output);
	pic_set_input(&pic, 1, true, false);
	assert_false(pic.output);
	lower(1);
	/* A latched edge is dropped when the input becomes level, and a level when it becomes edge. */
	out(0x4d0, 0x00);
	assert_int_equal(in(0x4d0), 0x00);
	raise(5);
	out(0x4d0, 0x20);
	assert_true(pic.output); /* the line is high */
	out(0x4d0, 0x00);
	assert_false(pic.output);
	raise(11);
	assert_true(pic.output);
	out(0x4d1, 0x00);
	assert_false(pic.output);
}

static void test_other_ports(void **state)
{
	(void)state;
	assert_int_equal(in(0x22), 0xff);
	out(0x22, 0x11);
	assert_int_equal(in(0x21), 0x00);
}

/* Linux's probe_8259A(): the mask register keeps what is written to it. */
static void test_linux_probe(void **state)
{
	(void)state;
	out(0xa1, 0xff);
	out(0x21, 0xfb);
	assert_int_equal(in(0x21), 0xfb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_power_up, setup),
		cmocka_unit_test_setup(test_seabios_sequence, setup),
		cmocka_unit_test_setup(test_every_input, setup),
		cmocka_unit_test_setup(test_priority_and_nesting, setup),
		cmocka_unit_test_setup(test_mask, setup),
		cmocka_unit_test_setup(test_line_falls_before_acknowledge, setup),
		cmocka_unit_test_setup(test_spurious, setup),
		cmocka_unit_test_setup(test_initialisation_resets, setup),
		cmocka_unit_test_setup(test_short_sequences, setup),
		cmocka_unit_test_setup(test_auto_eoi, setup),
		cmocka_unit_test_setup(test_rotation, setup),
		cmocka_unit_test_setup(test_special_mask, setup),
		cmocka_unit_test_setup(test_special_fully_nested, setup),
		cmocka_unit_test_setup(test_poll, setup),
		cmocka_unit_test_setup(test_elcr, setup),
		cmocka_unit_test_setup(test_other_ports, setup),
		cmocka_unit_test_setup(test_linux_probe, setup),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
