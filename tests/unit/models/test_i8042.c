/* SPDX-License-Identifier: MIT */
/* The 8042 model through its table: every command, the probes of common drivers, reset. */

#include "i8042/i8042.h"
#include "machine.h"

enum { DATA, COMMAND };
enum { FULL = 0x01, AUXILIARY = 0x20, TIMEOUT = 0x40 };

static struct machine *new_controller(void) { return machine_new(&i8042_model, NULL); }

static void command(struct machine *m, uint8_t value) { machine_out(m, COMMAND, 0, value); }
static void data(struct machine *m, uint8_t value) { machine_out(m, DATA, 0, value); }
static uint8_t status(struct machine *m) { return machine_in(m, COMMAND, 0); }
static uint8_t output(struct machine *m) { return machine_in(m, DATA, 0); }

static void state_at_reset(void **state)
{
	struct machine *m = new_controller();

	(void)state;
	assert_int_equal(status(m), 0x14);
	assert_int_equal(output(m), 0x00);
	command(m, 0x20);
	assert_int_equal(status(m), 0x1d);
	assert_int_equal(output(m), 0x65);
	assert_int_equal(status(m), 0x1c);
	machine_free(m);
}

static void every_command(void **state)
{
	static const struct {
		uint8_t command, answer;
	} answers[] = { { 0xa9, 0 }, { 0xaa, 0x55 }, { 0xab, 0 }, { 0xc0, 0xa0 }, { 0xd0, 0x03 },
		{ 0xe0, 0 } };

	(void)state;
	for (unsigned int number = 0; number < 256; number++) {
		struct machine *m = new_controller();
		int answered = 0;

		command(m, (uint8_t)number);
		assert_int_equal(status(m) & 0x18, 0x18);
		for (unsigned int i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
			if (answers[i].command == number) {
				answered = 1;
				assert_int_equal(status(m) & (FULL | AUXILIARY | TIMEOUT), FULL);
				assert_int_equal(output(m), answers[i].answer);
			}
		}
		if (number >= 0x20 && number < 0x40) {
			answered = 1;
			assert_int_equal(output(m), number == 0x20 ? 0x65 : 0);
		}
		if (!answered) {
			assert_int_equal(status(m) & FULL, 0);
		}
		assert_int_equal(machine_edges(m, I8042_LINE_RESET), number >= 0xf0 && (number & 1) == 0);
		machine_free(m);
	}
}

static void controller_memory(void **state)
{
	struct machine *m = new_controller();

	(void)state;
	for (unsigned int address = 0; address < 32; address++) {
		command(m, (uint8_t)(0x60 + address));
		data(m, (uint8_t)(0xa0 + address));
	}
	machine_restart(m);
	for (unsigned int address = 0; address < 32; address++) {
		command(m, (uint8_t)(0x20 + address));
		assert_int_equal(output(m), 0xa0 + address);
	}
	/* a command in between ends the wait for a parameter: the byte goes to the keyboard */
	command(m, 0x60);
	command(m, 0xae);
	data(m, 0x47);
	assert_int_equal(status(m) & (FULL | AUXILIARY | TIMEOUT), FULL | TIMEOUT);
	assert_int_equal(output(m), 0xfe);
	machine_free(m);
}

static void ports_on_and_off(void **state)
{
	struct machine *m = new_controller();

	(void)state;
	command(m, 0x60);
	data(m, 0x00);
	command(m, 0xa7);
	command(m, 0xad);
	command(m, 0x20);
	assert_int_equal(output(m), 0x30);
	command(m, 0xa8);
	command(m, 0x20);
	assert_int_equal(output(m), 0x10);
	command(m, 0xae);
	command(m, 0x20);
	assert_int_equal(output(m), 0x00);
	assert_int_equal(status(m) & 0x04, 0);
	command(m, 0xaa);
	assert_int_equal(output(m), 0x55);
	command(m, 0x20);
	assert_int_equal(output(m), 0x34);
	machine_free(m);
}

/* Nobody is there: told at once, by time-out. */
static void absent_devices(void **state)
{
	struct machine *m = new_controller();
	static const uint8_t commands[] = { 0xff, 0xf2, 0xed, 0xf4, 0xf5, 0x00 };

	(void)state;
	for (unsigned int i = 0; i < sizeof(commands); i++) {
		data(m, commands[i]);
		assert_int_equal(status(m), 0x55);
		assert_int_equal(machine_level(m, I8042_LINE_KEYBOARD), 1);
		assert_int_equal(output(m), 0xfe);
		assert_int_equal(status(m), 0x14);
		assert_int_equal(machine_level(m, I8042_LINE_KEYBOARD), 0);
		command(m, 0xd4);
		data(m, commands[i]);
		assert_int_equal(status(m), 0x75);
		assert_int_equal(machine_level(m, I8042_LINE_KEYBOARD), 0);
		assert_int_equal(output(m), 0xfe);
		assert_int_equal(status(m), 0x14);
	}
	machine_free(m);
}

static void interrupts(void **state)
{
	(void)state;
	for (unsigned int enables = 0; enables < 4; enables++) {
		struct machine *m = new_controller();

		command(m, 0x60);
		data(m, (uint8_t)enables);
		command(m, 0xd2);
		data(m, 0x11);
		assert_int_equal(machine_level(m, I8042_LINE_KEYBOARD), enables & 1);
		assert_int_equal(machine_level(m, I8042_LINE_AUXILIARY), 0);
		command(m, 0xd3);
		data(m, 0x22);
		assert_int_equal(machine_level(m, I8042_LINE_KEYBOARD), 0);
		assert_int_equal(machine_level(m, I8042_LINE_AUXILIARY), enables >> 1);
		machine_restart(m);
		assert_int_equal(status(m) & (FULL | AUXILIARY), FULL | AUXILIARY);
		assert_int_equal(output(m), 0x22);
		assert_int_equal(machine_level(m, I8042_LINE_AUXILIARY), 0);
		machine_free(m);
	}
}

/* What Linux' driver does to find out what it has: i8042_controller_check, _init, i8042_check_aux. */
static void probe_of_linux(void **state)
{
	struct machine *m = new_controller();
	uint8_t control;

	(void)state;
	assert_int_equal(status(m) & FULL, 0);
	command(m, 0x20);
	control = output(m);
	command(m, 0x20);
	assert_int_equal(output(m), control);
	assert_int_equal(status(m) & 0x10, 0x10); /* not locked */
	control = (uint8_t)((control | 0x10) & ~0x01);
	command(m, 0x60);
	data(m, control);
	command(m, 0xd3);
	data(m, 0x5a);
	assert_int_equal(status(m) & (FULL | AUXILIARY), FULL | AUXILIARY);
	assert_int_equal(output(m), 0x5a);
	command(m, 0xa7);
	command(m, 0x20);
	assert_int_equal(output(m) & 0x20, 0x20);
	command(m, 0xa8);
	command(m, 0x20);
	assert_int_equal(output(m) & 0x20, 0);
	command(m, 0x60);
	data(m, (uint8_t)((control & ~0x20) | 0x02));
	command(m, 0xd3);
	data(m, 0xa5);
	assert_int_equal(machine_level(m, I8042_LINE_AUXILIARY), 1);
	assert_int_equal(output(m), 0xa5);
	/* no multiplexer: loops echo */
	command(m, 0xd3);
	data(m, 0xf0);
	assert_int_equal(output(m), 0xf0);
	machine_free(m);
}

static void a20_and_output_port(void **state)
{
	struct machine *m = new_controller();

	(void)state;
	command(m, 0xdd);
	command(m, 0xd0);
	assert_int_equal(output(m), 0x01);
	command(m, 0xdf);
	command(m, 0xd0);
	assert_int_equal(output(m), 0x03);
	command(m, 0xd1);
	data(m, 0xdd);
	command(m, 0xd0);
	assert_int_equal(output(m), 0x01);
	assert_int_equal(machine_edges(m, I8042_LINE_RESET), 0);
	command(m, 0xd1);
	data(m, 0x02);
	assert_int_equal(machine_edges(m, I8042_LINE_RESET), 1);
	command(m, 0xfe);
	assert_int_equal(machine_edges(m, I8042_LINE_RESET), 2);
	machine_free(m);
}

static void wrong_accesses(void **state)
{
	struct machine *m = new_controller();
	uint64_t seed = 1;

	(void)state;
	assert_int_equal(machine_read(m, DATA, 0, 2), 0xffff);
	assert_int_equal(machine_read(m, COMMAND, 1, 1), 0xff);
	assert_int_equal(machine_read(m, 2, 0, 1), 0xff);
	machine_write(m, COMMAND, 0, 4, 0xfe);
	assert_int_equal(machine_edges(m, I8042_LINE_RESET), 0);
	for (int i = 0; i < 20000; i++) {
		uint64_t random = machine_random(&seed);

		m->without_kills = i % 20 != 0;
		if ((random & 1) != 0) {
			machine_out(m, random >> 8 & 1, 0, (uint8_t)(random >> 16));
		} else {
			(void)machine_in(m, random >> 8 & 1, 0);
		}
	}
	machine_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_at_reset),
		cmocka_unit_test(every_command),
		cmocka_unit_test(controller_memory),
		cmocka_unit_test(ports_on_and_off),
		cmocka_unit_test(absent_devices),
		cmocka_unit_test(interrupts),
		cmocka_unit_test(probe_of_linux),
		cmocka_unit_test(a20_and_output_port),
		cmocka_unit_test(wrong_accesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
