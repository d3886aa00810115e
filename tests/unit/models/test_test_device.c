/* SPDX-License-Identifier: MIT */
/* The test device through its table. */

#include "test-device/test_device.h"
#include "machine.h"

static void registers(void **state)
{
	struct machine *m = machine_new(&test_device_model, NULL);

	(void)state;
	for (uint32_t region = 0; region < 2; region++) {
		assert_int_equal(machine_read(m, region, 0, 4), TEST_DEVICE_IDENTITY);
		assert_int_equal(machine_read(m, region, 1, 2), TEST_DEVICE_IDENTITY >> 8 & 0xffff);
		assert_int_equal(machine_read(m, region, 3, 4), TEST_DEVICE_IDENTITY >> 24);
		machine_write(m, region, 4, 4, 0x11223344);
		machine_write(m, region, 5, 1, 0xee);
		assert_int_equal(machine_read(m, 1 - region, 4, 4), 0x1122ee44);
		machine_write(m, region, 0, 4, 1);
		assert_int_equal(machine_read(m, region, 0, 4), TEST_DEVICE_IDENTITY);
	}
	assert_int_equal(machine_read(m, 1, 8, 4), 6);
	assert_int_equal(machine_read(m, 0, 8, 4), 0xffffffff);
	machine_write(m, 1, 4095, 1, 7);
	assert_int_equal(machine_read(m, 1, 4095, 1), 0);
	machine_free(m);
}

static void its_line(void **state)
{
	struct machine *m = machine_new(&test_device_model, NULL);

	(void)state;
	machine_write(m, 1, 12, 4, 3);
	assert_int_equal(machine_level(m, 0), 1);
	assert_int_equal(machine_edges(m, 0), 1);
	assert_int_equal(machine_read(m, 1, 12, 4), 1);
	machine_write(m, 1, 13, 1, 0); /* not its lowest byte */
	assert_int_equal(machine_level(m, 0), 1);
	machine_write(m, 1, 12, 1, 0);
	assert_int_equal(machine_level(m, 0), 0);
	machine_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registers),
		cmocka_unit_test(its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
