/* SPDX-License-Identifier: MIT */
/* The debug-exit model through its table. */

#include "debug-exit/debug_exit.h"
#include "machine.h"

static uint64_t code(struct machine *m) { return lines_value(&m->memory.lines, DEBUG_EXIT_LINE_EXIT); }

static void every_width_and_offset(void **state)
{
	(void)state;
	for (uint32_t width = 1; width <= 4; width *= 2) {
		for (uint32_t offset = 0; offset + width <= 4; offset++) {
			struct machine *m = machine_new(&debug_exit_model, NULL);

			machine_write(m, 0, offset, width, UINT64_C(0xdeadbeef12345678));
			assert_int_equal(machine_edges(m, 0), 1);
			assert_int_equal(machine_level(m, 0), 1);
			assert_int_equal(
				code(m), 0x12345678 & (width == 4 ? 0xffffffff : (1u << 8 * width) - 1));
			machine_free(m);
		}
	}
}

static void the_first_write_counts(void **state)
{
	struct machine *m = machine_new(&debug_exit_model, NULL);

	(void)state;
	assert_int_equal(machine_read(m, 0, 0, 4), 0xffffffff);
	assert_int_equal(machine_edges(m, 0), 0);
	machine_write(m, 0, 0, 4, 0);
	assert_int_equal(machine_edges(m, 0), 1);
	assert_int_equal(code(m), 0);
	machine_write(m, 0, 0, 4, 7);
	machine_restart(m);
	assert_int_equal(machine_edges(m, 0), 1);
	assert_int_equal(code(m), 0);
	machine_free(m);
}

static void wrong_accesses_do_nothing(void **state)
{
	struct machine *m = machine_new(&debug_exit_model, NULL);

	(void)state;
	machine_write(m, 0, 1, 4, 7);
	machine_write(m, 0, 4, 1, 7);
	machine_write(m, 1, 0, 1, 7);
	machine_write(m, 0, 0, 3, 7);
	machine_write(m, 0, 0, 0, 7);
	assert_int_equal(machine_edges(m, 0), 0);
	machine_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_width_and_offset),
		cmocka_unit_test(the_first_write_counts),
		cmocka_unit_test(wrong_accesses_do_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
