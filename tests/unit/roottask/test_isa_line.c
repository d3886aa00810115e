/* SPDX-License-Identifier: MIT */
/* ISA interrupts by a MADT that is made up, cut and malformed: isa_line.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bulkhead/invocation.h>

#include "isa_line.h"

/* After 44 bytes of header: a local APIC, then interrupt 0 on line 2 as the bus, and 9 level and low. */
static const uint8_t entries[] = { 0, 8, 0, 0, 1, 0, 0, 0, 2, 10, 0, 0, 2, 0, 0, 0, 0, 0, 2, 10, 0, 9, 9, 0,
	0, 0, 0x0f, 0 };

static struct isa_line read(const uint8_t *bytes, uint32_t size, uint32_t isa)
{
	uint8_t *madt = calloc(1, 44 + size);
	struct isa_line line;

	memcpy(madt + 44, bytes, size);
	line = isa_line_read((struct acpi_table){ madt, 44 + size }, isa);
	free(madt);
	return line;
}

static void overrides(void **state)
{
	(void)state;
	assert_int_equal(read(entries, sizeof(entries), 0).line, 2);
	assert_int_equal(read(entries, sizeof(entries), 0).flags, 0);
	assert_int_equal(read(entries, sizeof(entries), 9).line, 9);
	assert_int_equal(read(entries, sizeof(entries), 9).flags, BH_IRQ_LEVEL | BH_IRQ_ACTIVE_LOW);
	assert_int_equal(read(entries, sizeof(entries), 4).line, 4);
	assert_int_equal(read(entries, sizeof(entries), 4).flags, 0);
}

static void wrong_tables(void **state)
{
	static const uint8_t endless[] = { 2, 0, 0, 0, 7, 0, 0, 0, 0, 0 };
	static const uint8_t short_entry[] = { 2, 6, 0, 0, 7, 0 };

	(void)state;
	assert_int_equal(isa_line_read((struct acpi_table){ NULL, 0 }, 3).line, 3);
	for (uint32_t size = 0; size < sizeof(entries); size++) {
		assert_true(read(entries, size, 9).flags == 0); /* cut: the sanitizer looks */
	}
	assert_int_equal(read(endless, sizeof(endless), 0).line, 0);
	assert_int_equal(read(short_entry, sizeof(short_entry), 0).line, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(overrides), cmocka_unit_test(wrong_tables) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
