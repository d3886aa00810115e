/* SPDX-License-Identifier: MIT */
/* The ACPI fixed-hardware model through its table. */

#include <string.h>

#include "acpi-pm/acpi_pm.h"
#include "framework/ticks.h"
#include "machine.h"

enum { BLOCK, TIMER };
enum { STATUS = 0, ENABLE = 2, CONTROL = 4 };

static const char *const wide_arguments[] = { "timer-bits=32", NULL };

static struct machine *new_pm(void) { return machine_new(&acpi_pm_model, NULL); }

static void registers_at_reset(void **state)
{
	struct machine *m = new_pm();

	(void)state;
	assert_int_equal(machine_read(m, BLOCK, STATUS, 2), 0);
	assert_int_equal(machine_read(m, BLOCK, ENABLE, 2), 0);
	assert_int_equal(machine_read(m, BLOCK, CONTROL, 2), 1);
	assert_int_equal(machine_read(m, BLOCK, 0, 4), 0);
	assert_int_equal(machine_read(m, BLOCK, 4, 4), 1);
	assert_int_equal(machine_read(m, BLOCK, 6, 2), 0);
	machine_free(m);
}

static void registers_keep_their_bits(void **state)
{
	(void)state;
	for (unsigned int value = 0; value < 65536; value += 251) {
		struct machine *m = new_pm();

		machine_write(m, BLOCK, ENABLE, 2, value);
		assert_int_equal(machine_read(m, BLOCK, ENABLE, 2), value & 0x0721);
		machine_write(m, BLOCK, ENABLE, 1, 0);
		assert_int_equal(machine_read(m, BLOCK, ENABLE, 2), value & 0x0700);
		machine_write(m, BLOCK, ENABLE + 1, 1, 0xff);
		assert_int_equal(machine_read(m, BLOCK, ENABLE + 1, 1), 0x07);
		machine_write(m, BLOCK, CONTROL, 2, value);
		assert_int_equal(machine_read(m, BLOCK, CONTROL, 2), value & 0x1c03);
		machine_write(m, BLOCK, 6, 2, 0xffff);
		assert_int_equal(machine_read(m, BLOCK, 6, 2), 0);
		assert_int_equal(machine_read(m, BLOCK, STATUS, 2), 0);
		machine_free(m);
	}
}

static void power_off(void **state)
{
	(void)state;
	for (unsigned int type = 0; type < 8; type++) {
		struct machine *m = new_pm();

		machine_write(m, BLOCK, CONTROL, 2, type << 10 | 1);
		assert_int_equal(machine_edges(m, ACPI_PM_LINE_POWER_OFF), 0);
		machine_write(m, BLOCK, CONTROL, 2, 0x2000 | type << 10 | 1);
		assert_int_equal(machine_edges(m, ACPI_PM_LINE_POWER_OFF), type == ACPI_PM_SLEEP_TYPE_S5);
		assert_int_equal(machine_read(m, BLOCK, CONTROL, 2), type << 10 | 1);
		machine_free(m);
		/* by bytes */
		m = new_pm();
		machine_write(m, BLOCK, CONTROL + 1, 1, 0x20 | type << 2);
		assert_int_equal(machine_edges(m, ACPI_PM_LINE_POWER_OFF), type == ACPI_PM_SLEEP_TYPE_S5);
		machine_write(m, BLOCK, CONTROL, 1, 0x20); /* bit 5 of the low byte is nothing */
		assert_int_equal(machine_edges(m, ACPI_PM_LINE_POWER_OFF), type == ACPI_PM_SLEEP_TYPE_S5);
		machine_free(m);
	}
}

static void timer_counts(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int wide = 0; wide < 2; wide++) {
		struct machine *m = machine_new(&acpi_pm_model, wide ? wide_arguments : NULL);
		uint64_t mask = wide ? 0xffffffff : 0xffffff;

		m->without_kills = 1;
		for (int i = 0; i < 5000; i++) {
			uint64_t ticks;

			m->environment.now += machine_random_shifted(&seed, 28, 36);
			ticks = (uint64_t)((unsigned __int128)m->environment.now * ACPI_PM_HERTZ /
					   1000000000) &
				mask;
			assert_int_equal(machine_read(m, TIMER, 0, 4), ticks);
			assert_int_equal(machine_read(m, TIMER, 0, 2), ticks & 0xffff);
			assert_int_equal(machine_read(m, TIMER, 1, 1), ticks >> 8 & 0xff);
			assert_int_equal(machine_read(m, TIMER, 3, 1), ticks >> 24 & 0xff);
			machine_write(m, TIMER, 0, 4, 0);
			assert_int_equal(machine_read(m, TIMER, 0, 4), ticks);
		}
		machine_free(m);
	}
}

static void overflow_status_and_sci(void **state)
{
	(void)state;
	for (int wide = 0; wide < 2; wide++) {
		struct machine *m = machine_new(&acpi_pm_model, wide ? wide_arguments : NULL);
		uint64_t half = ticks_to_ns(UINT64_C(1) << (wide ? 31 : 23), ACPI_PM_HERTZ);

		assert_int_equal(machine_deadline(m), 0);
		machine_write(m, BLOCK, ENABLE, 2, 1);
		assert_int_equal(machine_deadline(m), half);
		(void)machine_pass(m, half - 1);
		assert_int_equal(machine_read(m, BLOCK, STATUS, 2), 0);
		machine_restart(m);
		assert_int_equal(machine_pass(m, 1), 1);
		assert_int_equal(machine_level(m, ACPI_PM_LINE_SCI), 1);
		assert_int_equal(machine_read(m, BLOCK, STATUS, 2), 1);
		/* no deadline while the status stands */
		assert_int_equal(machine_deadline(m), 0);
		(void)machine_pass(m, 3 * half);
		assert_int_equal(machine_edges(m, ACPI_PM_LINE_SCI), 1);
		machine_write(m, BLOCK, STATUS, 1, 0xfe);
		assert_int_equal(machine_read(m, BLOCK, STATUS, 2), 1);
		machine_write(m, BLOCK, STATUS, 1, 0x01);
		assert_int_equal(machine_read(m, BLOCK, STATUS, 2), 0);
		assert_int_equal(machine_level(m, ACPI_PM_LINE_SCI), 0);
		(void)machine_pass(m, half);
		assert_int_equal(machine_edges(m, ACPI_PM_LINE_SCI), 2);
		/* the status comes without the enable, the SCI doesn't; nor without SCI_EN */
		machine_write(m, BLOCK, ENABLE, 2, 0);
		assert_int_equal(machine_level(m, ACPI_PM_LINE_SCI), 0);
		machine_write(m, BLOCK, STATUS, 2, 0xffff);
		(void)machine_pass(m, half);
		assert_int_equal(machine_read(m, BLOCK, STATUS, 2), 1);
		machine_write(m, BLOCK, CONTROL, 2, 0);
		machine_write(m, BLOCK, ENABLE, 2, 1);
		assert_int_equal(machine_level(m, ACPI_PM_LINE_SCI), 0);
		machine_write(m, BLOCK, CONTROL, 2, 1);
		assert_int_equal(machine_level(m, ACPI_PM_LINE_SCI), 1);
		machine_free(m);
	}
}

static void power_button(void **state)
{
	struct machine *m = new_pm();

	(void)state;
	model_run_event(&m->run, MODEL_EVENT_POWER_BUTTON);
	assert_int_equal(machine_read(m, BLOCK, STATUS, 2), 0x100);
	assert_int_equal(machine_level(m, ACPI_PM_LINE_SCI), 0);
	machine_write(m, BLOCK, ENABLE, 2, 0x100);
	assert_int_equal(machine_level(m, ACPI_PM_LINE_SCI), 1);
	machine_restart(m);
	machine_write(m, BLOCK, 0, 4, 0x01000100); /* status and enable in one access */
	assert_int_equal(machine_level(m, ACPI_PM_LINE_SCI), 0);
	assert_int_equal(machine_read(m, BLOCK, 0, 4), 0x01000000);
	machine_free(m);
}

static void wrong_arguments(void **state)
{
	static const char *const wrong[] = { "timer-bits=", "timer-bits=23", "timer-bits=33", "timer-bits=0",
		"timer-bits=24x" };

	(void)state;
	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		machine_assert_refused(&acpi_pm_model, wrong[i]);
	}
}

static void wrong_accesses(void **state)
{
	struct machine *m = new_pm();

	(void)state;
	assert_int_equal(machine_read(m, BLOCK, 5, 4), 0xffffffff);
	assert_int_equal(machine_read(m, BLOCK, 8, 1), 0xff);
	assert_int_equal(machine_read(m, TIMER, 2, 4), 0xffffffff);
	assert_int_equal(machine_read(m, TIMER, 4, 1), 0xff);
	assert_int_equal(machine_read(m, 2, 0, 1), 0xff);
	machine_write(m, BLOCK, 5, 4, 0xffffffff);
	assert_int_equal(machine_read(m, BLOCK, CONTROL, 2), 1);
	assert_int_equal(machine_edges(m, ACPI_PM_LINE_POWER_OFF), 0);
	/* across register borders */
	machine_write(m, BLOCK, 1, 4, 0x03072100);
	assert_int_equal(machine_read(m, BLOCK, 0, 4), 0x07210000);
	assert_int_equal(machine_read(m, BLOCK, 3, 2), 0x0307);
	machine_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registers_at_reset),
		cmocka_unit_test(registers_keep_their_bits),
		cmocka_unit_test(power_off),
		cmocka_unit_test(timer_counts),
		cmocka_unit_test(overflow_status_and_sci),
		cmocka_unit_test(power_button),
		cmocka_unit_test(wrong_arguments),
		cmocka_unit_test(wrong_accesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
