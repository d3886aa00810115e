/* SPDX-License-Identifier: MIT */
/* PCI configuration space: all widths and offsets of the ports, absent functions, writable bits, BAR
 * sizing. */
#include "pci/pci.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct pci pci;

static int setup(void **context)
{
	(void)context;
	pci_initialize(&pci);
	return 0;
}

static void select_register(unsigned bus, unsigned device, unsigned function, unsigned at)
{
	pci_port_write(&pci, 0, 4, 0x80000000u | bus << 16 | device << 11 | function << 8 | (at & 0xfc));
}

static uint32_t config_read(unsigned device, unsigned at, unsigned width)
{
	select_register(0, device, 0, at);
	return pci_port_read(&pci, 4 + (at & 3), width);
}

static void config_write(unsigned device, unsigned at, unsigned width, uint32_t value)
{
	select_register(0, device, 0, at);
	pci_port_write(&pci, 4 + (at & 3), width, value);
}

static void bridges(void **context)
{
	(void)context;
	assert_int_equal(config_read(0, 0, 4), 0x12378086);
	assert_int_equal(config_read(1, 0, 4), 0x70008086);
	assert_int_equal(config_read(0, 8, 4), 0x06000002);
	assert_int_equal(config_read(1, 8, 4), 0x06010000);
	assert_int_equal(config_read(0, PCI_HEADER_TYPE, 1), 0);
	config_write(0, 0x5a, 1, 0x33); /* PAM: kept */
	assert_int_equal(config_read(0, 0x5a, 1), 0x33);
	config_write(0, 0x58, 1, 0xff); /* no register there */
	assert_int_equal(config_read(0, 0x58, 1), 0);
	assert_int_equal(config_read(1, 0x60, 4), 0x0b0b0a0a);
	config_write(1, 0x60, 4, 0xffffffff);
	assert_int_equal(config_read(1, 0x60, 4), 0x0b0b0a0a); /* the wires are fixed */
}

static void address_register(void **context)
{
	(void)context;
	assert_int_equal(pci_port_read(&pci, 0, 4), 0);
	pci_port_write(&pci, 0, 4, 0x80000000);
	assert_int_equal(pci_port_read(&pci, 0, 4), 0x80000000); /* how Linux tells mechanism #1 */
	pci_port_write(&pci, 0, 4, 0xffffffff);
	assert_int_equal(pci_port_read(&pci, 0, 4), 0x80fffffc);
	/* Other widths don't reach it: Linux writes a byte to 0xcfb first. */
	pci_port_write(&pci, 3, 1, 0x01);
	pci_port_write(&pci, 0, 2, 0x1234);
	pci_port_write(&pci, 1, 1, 6);
	assert_int_equal(pci_port_read(&pci, 0, 4), 0x80fffffc);
	assert_int_equal(pci_port_read(&pci, 0, 1), 0xff);
	assert_int_equal(pci_port_read(&pci, 2, 2), 0xffff);
}

static void every_width_and_offset(void **context)
{
	(void)context;
	static const uint8_t bytes[4] = { 0x86, 0x80, 0x37, 0x12 };
	select_register(0, 0, 0, 0);
	for (unsigned width = 1; width <= 4; width *= 2)
		for (unsigned offset = 0; offset < PCI_PORT_COUNT; offset++) {
			uint32_t expected = 0;
			for (unsigned i = 0; i < width; i++) {
				unsigned port = offset + i;
				uint32_t byte = port >= 4 && port < 8 ? bytes[port - 4] : 0xff;
				expected |= byte << 8 * i;
			}
			if (offset == 0 && width == 4)
				expected = 0x80000000;
			assert_int_equal(pci_port_read(&pci, offset, width), expected);
		}
}

static void absent_is_all_ones(void **context)
{
	(void)context;
	assert_int_equal(config_read(2, 0, 4), 0xffffffff);
	assert_int_equal(config_read(31, 0, 2), 0xffff);
	select_register(0, 0, 1, 0);
	assert_int_equal(pci_port_read(&pci, 4, 4), 0xffffffff);
	select_register(1, 0, 0, 0);
	assert_int_equal(pci_port_read(&pci, 4, 1), 0xff);
	pci_port_write(&pci, 0, 4, 0); /* not enabled */
	assert_int_equal(pci_port_read(&pci, 4, 4), 0xffffffff);
	select_register(0, 5, 0, 4);
	pci_port_write(&pci, 4, 4, 0xffffffff); /* nobody there: no effect */
	assert_false(pci.function[5].present);
}

static const struct pci_identity network = {
	.vendor = 0x1af4,
	.device = 0x1041,
	.subsystem_vendor = 0x1af4,
	.subsystem = 1,
	.class_code = 0x020000,
	.revision = 1,
	.interrupt_pin = 1,
};

static void adding_functions(void **context)
{
	(void)context;
	struct pci_identity bad = network;
	bad.interrupt_pin = 5;
	assert_int_equal(pci_add(&pci, 32, &network), PCI_BAD_DEVICE);
	assert_int_equal(pci_add(&pci, 0, &network), PCI_OCCUPIED);
	assert_int_equal(pci_add(&pci, 31, &bad), PCI_BAD_PIN);
	assert_int_equal(pci_add(&pci, 31, &network), PCI_OK);
	assert_int_equal(config_read(31, 0, 4), 0x10411af4);
	assert_int_equal(config_read(31, PCI_SUBSYSTEM_VENDOR_ID, 4), 0x00011af4);
	assert_int_equal(config_read(31, PCI_INTERRUPT_PIN, 1), 1);
	config_write(31, PCI_INTERRUPT_LINE, 2, 0x0b0b); /* the pin can't be written */
	assert_int_equal(config_read(31, PCI_INTERRUPT_LINE, 2), 0x010b);
	config_write(31, PCI_COMMAND, 4, 0xffffffff);
	assert_int_equal(config_read(31, PCI_COMMAND, 4), 0x0407);
	config_write(31, 0, 4, 0);
	assert_int_equal(config_read(31, 0, 4), 0x10411af4);
}

static void bars(void **context)
{
	(void)context;
	uint64_t address;
	assert_int_equal(pci_add(&pci, 3, &network), PCI_OK);
	assert_int_equal(pci_add_bar(&pci, 4, 0, PCI_BAR_IO, 32), PCI_BAD_DEVICE);
	assert_int_equal(pci_add_bar(&pci, 3, 6, PCI_BAR_IO, 32), PCI_BAD_BAR);
	assert_int_equal(pci_add_bar(&pci, 3, 5, PCI_BAR_MEMORY_64, 4096), PCI_BAD_BAR);
	assert_int_equal(pci_add_bar(&pci, 3, 0, PCI_BAR_IO, 2), PCI_BAD_BAR);
	assert_int_equal(pci_add_bar(&pci, 3, 0, PCI_BAR_IO, 24), PCI_BAD_BAR);
	assert_int_equal(pci_add_bar(&pci, 3, 0, PCI_BAR_IO, 512), PCI_BAD_BAR);
	assert_int_equal(pci_add_bar(&pci, 3, 0, PCI_BAR_MEMORY_32, UINT64_C(1) << 32), PCI_BAD_BAR);
	assert_int_equal(pci_add_bar(&pci, 3, UINT32_MAX, PCI_BAR_IO, 32), PCI_BAD_BAR);
	assert_int_equal(pci_add_bar(&pci, 3, 0, PCI_BAR_IO, 32), PCI_OK);
	assert_int_equal(pci_add_bar(&pci, 3, 1, PCI_BAR_MEMORY_32, 4096), PCI_OK);
	assert_int_equal(pci_add_bar(&pci, 3, 2, PCI_BAR_MEMORY_64, UINT64_C(1) << 33), PCI_OK);
	assert_int_equal(pci_add_bar(&pci, 3, 3, PCI_BAR_IO, 32), PCI_OCCUPIED); /* the upper half */
	assert_int_equal(pci_add_bar(&pci, 3, 0, PCI_BAR_IO, 32), PCI_OCCUPIED);

	for (unsigned bar = 0; bar < 4; bar++)
		config_write(3, PCI_BAR0 + 4 * bar, 4, 0xffffffff);
	assert_int_equal(config_read(3, PCI_BAR0, 4), 0x0000ffe1);
	assert_int_equal(config_read(3, PCI_BAR0 + 4, 4), 0xfffff000);
	assert_int_equal(config_read(3, PCI_BAR0 + 8, 4), 0x00000004);
	assert_int_equal(config_read(3, PCI_BAR0 + 12, 4), 0xfffffffe);
	assert_int_equal(config_read(3, PCI_BAR0 + 16, 4), 0);

	config_write(3, PCI_BAR0, 4, 0xc01f);
	config_write(3, PCI_BAR0 + 4, 4, 0xe0000fff);
	config_write(3, PCI_BAR0 + 8, 4, 0);
	config_write(3, PCI_BAR0 + 12, 4, 0x46);
	assert_false(pci_bar_address(&pci, 3, 0, &address)); /* decoding is off */
	config_write(3, PCI_COMMAND, 2, PCI_COMMAND_IO);
	assert_true(pci_bar_address(&pci, 3, 0, &address));
	assert_int_equal(address, 0xc000);
	assert_false(pci_bar_address(&pci, 3, 1, &address));
	config_write(3, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_true(pci_bar_address(&pci, 3, 1, &address));
	assert_int_equal(address, 0xe0000000);
	assert_true(pci_bar_address(&pci, 3, 2, &address));
	assert_int_equal(address, UINT64_C(0x4600000000));
	assert_false(pci_bar_address(&pci, 3, 3, &address));
	assert_false(pci_bar_address(&pci, 3, 4, &address));
	assert_false(pci_bar_address(&pci, 3, 6, &address));
	assert_false(pci_bar_address(&pci, 40, 0, &address));
}

static void reset_forgets(void **context)
{
	(void)context;
	config_write(0, 0x59, 1, 0x77);
	pci_initialize(&pci);
	assert_int_equal(pci_port_read(&pci, 0, 4), 0);
	assert_int_equal(config_read(0, 0x59, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(bridges, setup),
		cmocka_unit_test_setup(address_register, setup),
		cmocka_unit_test_setup(every_width_and_offset, setup),
		cmocka_unit_test_setup(absent_is_all_ones, setup),
		cmocka_unit_test_setup(adding_functions, setup),
		cmocka_unit_test_setup(bars, setup),
		cmocka_unit_test_setup(reset_forgets, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
