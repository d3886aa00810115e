/* SPDX-License-Identifier: MIT */
/* How a machine is powered off, from tables that are made up, cut and wrong: acpi_power.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "acpi_power.h"

#define FADT_BYTES 276
#define DSDT_BYTES 96

static uint8_t fadt[FADT_BYTES], dsdt[DSDT_BYTES];
static struct acpi_power power;

static void put(uint8_t *bytes, uint32_t offset, uint64_t value, uint32_t size)
{
	memcpy(bytes + offset, &value, size);
}

static void put_s5(const uint8_t *aml, uint32_t size)
{
	memset(dsdt, 0x55, sizeof(dsdt));
	memcpy(dsdt + 50, aml, size);
}

/* Copies of exactly that length, so that a read beyond is noticed. */
static bool read(uint32_t fadt_length, uint32_t dsdt_length)
{
	uint8_t *fadt_copy = malloc(fadt_length), *dsdt_copy = malloc(dsdt_length);
	bool known;

	memcpy(fadt_copy, fadt, fadt_length);
	memcpy(dsdt_copy, dsdt, dsdt_length);
	power = (struct acpi_power){ 0 };
	known = acpi_power_read((struct acpi_table){ fadt_copy, fadt_length },
		(struct acpi_table){ dsdt_copy, dsdt_length }, &power);
	free(fadt_copy);
	free(dsdt_copy);
	return known;
}

/* Name (_S5_, Package (4) { 5, 6, Zero, Zero }) */
static const uint8_t usual[] = { 0x08, '_', 'S', '5', '_', 0x12, 0x08, 0x04, 0x0a, 5, 0x0a, 6, 0, 0 };

static int prepare(void **state)
{
	(void)state;
	memset(fadt, 0, sizeof(fadt));
	put(fadt, 48, 0xb2, 4);
	put(fadt, 52, 0xf1, 1);
	put(fadt, 64, 0x604, 4);
	put(fadt, 108, 0x32, 1);
	put_s5(usual, sizeof(usual));
	return 0;
}

static void reads_the_usual(void **state)
{
	(void)state;
	assert_true(read(FADT_BYTES, DSDT_BYTES));
	assert_int_equal(power.pm1a_control, 0x604);
	assert_int_equal(power.pm1b_control, 0);
	assert_int_equal(power.s5_type_a, 5);
	assert_int_equal(power.s5_type_b, 6);
	assert_int_equal(power.smi_command, 0xb2);
	assert_int_equal(power.acpi_enable, 0xf1);
	assert_int_equal(power.century_register, 0x32);
}

static void other_encodings(void **state)
{
	static const uint8_t rooted[] = { 0x08, '\\', '_', 'S', '5', '_', 0x12, 0x48, 0x00, 0x02, 0x0b, 7, 0,
		1 };
	static const uint8_t wide[] = { 0x08, '_', 'S', '5', '_', 0x12, 0x0c, 0x02, 0x0c, 3, 0, 0, 0, 0 };

	(void)state;
	put_s5(rooted, sizeof(rooted));
	assert_true(read(FADT_BYTES, DSDT_BYTES));
	assert_int_equal(power.s5_type_a, 7);
	assert_int_equal(power.s5_type_b, 1);
	put_s5(wide, sizeof(wide));
	assert_true(read(FADT_BYTES, DSDT_BYTES));
	assert_int_equal(power.s5_type_a, 3);
	assert_int_equal(power.s5_type_b, 0);
}

static void extended_addresses(void **state)
{
	(void)state;
	put(fadt, 64, 0, 4);
	assert_false(read(FADT_BYTES, DSDT_BYTES));
	put(fadt, 172, 1, 1);
	put(fadt, 176, 0x704, 8);
	put(fadt, 184, 0, 1); /* memory */
	put(fadt, 188, 0x804, 8);
	assert_true(read(FADT_BYTES, DSDT_BYTES));
	assert_int_equal(power.pm1a_control, 0x704);
	assert_int_equal(power.pm1b_control, 0);
	put(fadt, 176, 0x10704, 8); /* no port */
	assert_false(read(FADT_BYTES, DSDT_BYTES));
}

static void refuses_what_is_wrong(void **state)
{
	uint8_t bad[sizeof(usual)];

	(void)state;
	assert_false(read(FADT_BYTES, 50 + 10)); /* cut inside the package */
	assert_false(read(FADT_BYTES, 36));
	assert_int_equal(power.century_register, 0x32); /* that has nothing to do with it */
	assert_true(read(108, DSDT_BYTES));
	assert_int_equal(power.century_register, 0);
	assert_false(read(20, DSDT_BYTES));
	memcpy(bad, usual, sizeof(bad));
	bad[9] = 8; /* no sleep type */
	put_s5(bad, sizeof(bad));
	assert_false(read(FADT_BYTES, DSDT_BYTES));
	memcpy(bad, usual, sizeof(bad));
	bad[0] = 0x10; /* no Name */
	put_s5(bad, sizeof(bad));
	assert_false(read(FADT_BYTES, DSDT_BYTES));
	memcpy(bad, usual, sizeof(bad));
	bad[5] = 0x11; /* no package */
	put_s5(bad, sizeof(bad));
	assert_false(read(FADT_BYTES, DSDT_BYTES));
	memcpy(bad, usual, sizeof(bad));
	bad[8] = 0x70; /* no integer */
	put_s5(bad, sizeof(bad));
	assert_false(read(FADT_BYTES, DSDT_BYTES));
	assert_false(acpi_power_read((struct acpi_table){ NULL, 0 }, (struct acpi_table){ NULL, 0 }, &power));
	for (uint32_t length = 1; length < DSDT_BYTES; length++) {
		(void)read(length, length); /* the sanitizer looks */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup(reads_the_usual, prepare),
		cmocka_unit_test_setup(other_encodings, prepare),
		cmocka_unit_test_setup(extended_addresses, prepare),
		cmocka_unit_test_setup(refuses_what_is_wrong, prepare) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
