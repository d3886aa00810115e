/* SPDX-License-Identifier: MIT */
/* ACPI tables: found and linked as a guest does, checksums, fields; and the DSDT read back by iasl, where
 * that is installed. */
#define _DEFAULT_SOURCE /* mmap, mkdtemp */
#include "acpi/acpi.h"
#include "memory/guest_layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint8_t area[GUEST_ACPI_SIZE];
static struct acpi_tables tables;
static const struct acpi_configuration full = {
	.cpus = 2, .io_apic_id = 2, .keyboard_controller = true, .second_serial_port = true
};

static uint64_t get(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << 8 * i;
	return value;
}

static const uint8_t *at(uint64_t guest_physical)
{
	assert_true(guest_physical >= GUEST_ACPI_BASE && guest_physical < GUEST_ACPI_BASE + GUEST_ACPI_SIZE);
	return area + (guest_physical - GUEST_ACPI_BASE);
}

static uint8_t sum(const uint8_t *bytes, size_t count)
{
	uint8_t total = 0;
	while (count--)
		total = (uint8_t)(total + *bytes++);
	return total;
}

static const uint8_t *table(uint64_t guest_physical, const char *signature)
{
	const uint8_t *bytes = at(guest_physical);
	assert_memory_equal(bytes, signature, 4);
	assert_int_equal(sum(bytes, get(bytes + 4, 4)), 0);
	return bytes;
}

static int setup(void **context)
{
	(void)context;
	memset(area, 0xaa, sizeof area);
	assert_int_equal(acpi_build(&full, area, sizeof area, GUEST_ACPI_BASE, &tables), ACPI_OK);
	return 0;
}

static void found_and_linked(void **context)
{
	(void)context;
	const uint8_t *rsdp = NULL; /* as ACPI 6.0 section 5.2.5.1 has it */
	for (size_t i = 0; i < sizeof area && rsdp == NULL; i += 16)
		if (memcmp(area + i, "RSD PTR ", 8) == 0)
			rsdp = area + i;
	assert_non_null(rsdp);
	assert_ptr_equal(rsdp, at(tables.rsdp));
	assert_int_equal(sum(rsdp, 20), 0);
	assert_int_equal(sum(rsdp, 36), 0);
	assert_int_equal(rsdp[15], 2);
	const uint8_t *rsdt = table(get(rsdp + 16, 4), "RSDT");
	const uint8_t *xsdt = table(get(rsdp + 24, 8), "XSDT");
	assert_int_equal(get(rsdt + 36, 4), get(xsdt + 36, 8));
	assert_int_equal(get(rsdt + 40, 4), get(xsdt + 44, 8));
	const uint8_t *fadt = table(get(xsdt + 36, 8), "FACP");
	table(get(xsdt + 44, 8), "APIC");
	assert_int_equal(get(fadt + 4, 4), 268);
	assert_int_equal(get(fadt + 40, 4), get(fadt + 140, 8));
	table(get(fadt + 140, 8), "DSDT");
	assert_int_equal(get(fadt + 36, 4), tables.facs);
	assert_int_equal(tables.facs % 64, 0);
	assert_memory_equal(at(tables.facs), "FACS", 4);
	assert_true(tables.end <= GUEST_ACPI_BASE + GUEST_ACPI_SIZE);
	assert_int_equal(area[tables.end - GUEST_ACPI_BASE], 0xaa); /* nothing behind the end was touched */
}

static void fixed_hardware(void **context)
{
	(void)context;
	const uint8_t *fadt = table(tables.fadt, "FACP");
	static const struct {
		unsigned offset32, length_at, offset64, port, bytes;
	} blocks[] = { { 56, 88, 148, 0x600, 4 }, { 64, 89, 172, 0x604, 2 }, { 76, 91, 208, 0x608, 4 } };
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(get(fadt + blocks[i].offset32, 4), blocks[i].port);
		assert_int_equal(fadt[blocks[i].length_at], blocks[i].bytes);
		assert_int_equal(fadt[blocks[i].offset64], 1);
		assert_int_equal(fadt[blocks[i].offset64 + 1], 8 * blocks[i].bytes);
		assert_int_equal(get(fadt + blocks[i].offset64 + 4, 8), blocks[i].port);
	}
	assert_int_equal(get(fadt + 46, 2), 9);
	assert_int_equal(get(fadt + 48, 4), 0); /* no SMI command */
	assert_int_equal(get(fadt + 120, 8), 0xcf9);
	assert_int_equal(fadt[128], 6);
	assert_true(get(fadt + 112, 4) & 1u << 10);
	assert_int_equal(get(fadt + 109, 2), 7);
}

static void interrupts(void **context)
{
	(void)context;
	const uint8_t *madt = table(tables.madt, "APIC");
	const uint8_t *end = madt + get(madt + 4, 4);
	unsigned counts[5] = { 0 };
	assert_int_equal(get(madt + 36, 4), 0xfee00000);
	for (const uint8_t *entry = madt + 44; entry < end; entry += entry[1]) {
		assert_true(entry[0] < 5 && entry[1] >= 6);
		if (entry[0] == 0) {
			assert_int_equal(entry[3], counts[0]);
			assert_int_equal(get(entry + 4, 4), 1);
		} else if (entry[0] == 1) {
			assert_int_equal(entry[2], 2);
			assert_int_equal(get(entry + 4, 4), 0xfec00000);
			assert_int_equal(get(entry + 8, 4), 0);
		} else if (entry[0] == 2 && entry[3] == 0) {
			assert_int_equal(get(entry + 4, 4), 2);
			assert_int_equal(get(entry + 8, 2), 0);
		} else if (entry[0] == 2) {
			assert_int_equal(entry[3], 9);
			assert_int_equal(get(entry + 4, 4), 9);
			assert_int_equal(get(entry + 8, 2), 0xd);
		} else {
			assert_int_equal(entry[2], 0xff);
			assert_int_equal(entry[5], 1);
		}
		counts[entry[0]]++;
	}
	assert_int_equal(counts[0], 2);
	assert_int_equal(counts[1], 1);
	assert_int_equal(counts[2], 2);
	assert_int_equal(counts[4], 1);
}

static void refusals(void **context)
{
	(void)context;
	struct acpi_configuration bad = full;
	struct acpi_tables ignored;
	bad.cpus = 0;
	assert_int_equal(acpi_build(&bad, area, sizeof area, GUEST_ACPI_BASE, &ignored), ACPI_BAD_CPU_COUNT);
	bad.cpus = ACPI_CPUS_MAX + 1;
	assert_int_equal(acpi_build(&bad, area, sizeof area, GUEST_ACPI_BASE, &ignored), ACPI_BAD_CPU_COUNT);
	bad.cpus = ACPI_CPUS_MAX;
	assert_int_equal(acpi_build(&bad, area, sizeof area, GUEST_ACPI_BASE, &ignored), ACPI_OK);
	size_t needed = (size_t)(tables.end - GUEST_ACPI_BASE);
	for (size_t size = 0; size < needed; size++) {
		uint8_t *exact = malloc(size + 1); /* the sanitizer watches the end */
		assert_non_null(exact);
		assert_int_equal(acpi_build(&full, exact, size, GUEST_ACPI_BASE, &ignored), ACPI_NO_ROOM);
		free(exact);
	}
	assert_int_equal(acpi_build(&full, area, needed, GUEST_ACPI_BASE, &ignored), ACPI_OK);
	for (unsigned result = ACPI_OK; result <= ACPI_NO_ROOM; result++)
		assert_non_null(acpi_result_text((enum acpi_result)result));
}

static void same_bytes_again(void **context)
{
	(void)context;
	static uint8_t second[GUEST_ACPI_SIZE];
	struct acpi_tables other;
	memset(second, 0xaa, sizeof second);
	assert_int_equal(acpi_build(&full, second, sizeof second, GUEST_ACPI_BASE, &other), ACPI_OK);
	assert_memory_equal(area, second, sizeof second);
}

/* Disassembles, and compiles the result again: both must pass without a complaint, and name what the guest
 * is to find. */
static void disassembles(void **context)
{
	(void)context;
	if (system("command -v iasl >/dev/null 2>&1") != 0)
		skip();
	char folder[] = "/tmp/bulkhead-acpi-XXXXXX";
	assert_non_null(mkdtemp(folder));
	char command[512];
	char path[64];
	const struct acpi_configuration configurations[] = { full, { .cpus = 1 } };
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(
			acpi_build(&configurations[i], area, sizeof area, GUEST_ACPI_BASE, &tables), ACPI_OK);
		snprintf(path, sizeof path, "%s/dsdt.aml", folder);
		FILE *file = fopen(path, "wb");
		assert_non_null(file);
		assert_int_equal(fwrite(at(tables.dsdt), 1, tables.dsdt_size, file), tables.dsdt_size);
		assert_int_equal(fclose(file), 0);
		snprintf(command, sizeof command,
			"cd %s && iasl -d dsdt.aml >log 2>&1 && ! grep -qi error log && "
			"iasl -p again dsdt.dsl >>log 2>&1 && grep -q ' 0 Errors, 0 Warnings' log && "
			"grep -q PNP0A03 dsdt.dsl && grep -q PNP0501 dsdt.dsl && grep -q _S5 dsdt.dsl && "
			"%s grep -q PNP0303 dsdt.dsl || { cat log; exit 1; }",
			folder, i == 0 ? "" : "!");
		assert_int_equal(system(command), 0);
	}
	snprintf(command, sizeof command, "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(found_and_linked, setup),
		cmocka_unit_test_setup(fixed_hardware, setup),
		cmocka_unit_test_setup(interrupts, setup),
		cmocka_unit_test_setup(refusals, setup),
		cmocka_unit_test_setup(same_bytes_again, setup),
		cmocka_unit_test_setup(disassembles, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
