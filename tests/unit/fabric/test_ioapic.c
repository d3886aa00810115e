/* SPDX-License-Identifier: MIT */
/* The I/O APIC on its own: registers, edge and level pins, remote IRR, EOI. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fabric/ioapic.h"

static struct ioapic ioapic;
static struct interrupt_message message;

static uint32_t set_register(uint32_t index, uint32_t value)
{
	assert_int_equal(ioapic_write(&ioapic, IOAPIC_SELECT, index), 0);
	return ioapic_write(&ioapic, IOAPIC_WINDOW, value);
}

static uint32_t get_register(uint32_t index)
{
	assert_int_equal(ioapic_write(&ioapic, IOAPIC_SELECT, index), 0);
	return ioapic_read(&ioapic, IOAPIC_WINDOW);
}

static uint32_t set_pin(uint32_t pin, uint32_t low) { return set_register(0x10 + 2 * pin, low); }

static int setup(void **state)
{
	(void)state;
	ioapic_init(&ioapic);
	return 0;
}

static void test_registers(void **state)
{
	(void)state;
	assert_int_equal(get_register(0), 0);
	assert_int_equal(get_register(1), 0x00170020);
	assert_int_equal(set_register(0, 0xffffffff), 0);
	assert_int_equal(get_register(0), 0x0f000000);
	assert_int_equal(get_register(2), 0x0f000000);
	set_register(1, 0);
	assert_int_equal(get_register(1), 0x00170020);
	for (uint32_t pin = 0; pin < 24; pin++) {
		assert_int_equal(get_register(0x10 + 2 * pin), 0x10000);
		assert_int_equal(get_register(0x11 + 2 * pin), 0);
		assert_int_equal(set_register(0x10 + 2 * pin, 0xffffffff), 1u << pin);
		assert_int_equal(set_register(0x11 + 2 * pin, 0xffffffff), 1u << pin);
		/* Delivery status and remote IRR are read-only. */
		assert_int_equal(get_register(0x10 + 2 * pin), 0x0001afff);
		assert_int_equal(get_register(0x11 + 2 * pin), 0xff000000);
	}
	assert_int_equal(ioapic_read(&ioapic, IOAPIC_SELECT), 0x11 + 2 * 23);
	for (uint32_t index = 3; index < 256; index++) {
		if (index < 0x10 || index >= 0x40) {
			assert_int_equal(set_register(index, 0xffffffff), 0);
			assert_int_equal(get_register(index), 0);
		}
	}
	/* The selector has 8 bits; other offsets are nothing. */
	assert_int_equal(ioapic_write(&ioapic, IOAPIC_SELECT, 0xffffff01), 0);
	assert_int_equal(ioapic_read(&ioapic, IOAPIC_WINDOW), 0x00170020);
	assert_int_equal(ioapic_write(&ioapic, 0x20, 0xffffffff), 0);
	assert_int_equal(ioapic_read(&ioapic, 0x20), 0);
	assert_int_equal(ioapic_read(&ioapic, IOAPIC_EOI), 0);
}

static void test_edge(void **state)
{
	(void)state;
	assert_false(ioapic_edge(&ioapic, 4, &message)); /* masked */
	set_pin(4, 0x34);
	set_register(0x19, 0x05000000);
	assert_true(ioapic_edge(&ioapic, 4, &message));
	assert_int_equal(message.vector, 0x34);
	assert_int_equal(message.destination, 5);
	assert_int_equal(message.delivery_mode, DELIVERY_FIXED);
	assert_false(message.logical);
	assert_false(message.level);
	assert_false(message.broadcast);
	ioapic_sent(&ioapic, 4, 1);
	assert_int_equal(get_register(0x18), 0x34); /* no remote IRR */
	assert_true(ioapic_edge(&ioapic, 4, &message));
	set_pin(4, 0x934);
	set_register(0x19, 0xff000000);
	assert_true(ioapic_edge(&ioapic, 4, &message));
	assert_true(message.logical);
	assert_true(message.broadcast);
	assert_int_equal(message.delivery_mode, DELIVERY_LOWEST_PRIORITY);
	/* A level is nothing to an edge pin. */
	ioapic_set_level(&ioapic, 4, true);
	assert_false(ioapic_service(&ioapic, 4, &message));
	/* Pins that there are not. */
	assert_false(ioapic_edge(&ioapic, 24, &message));
	assert_false(ioapic_service(&ioapic, 24, &message));
	ioapic_set_level(&ioapic, 24, true);
	ioapic_sent(&ioapic, 24, 1);
	ioapic_withdrawn(&ioapic, 24, 1);
}

static void test_delivery_modes(void **state)
{
	/* By mode: fixed, lowest priority, SMI, reserved, NMI, INIT, reserved, ExtINT. */
	static const bool sends[8] = { true, true, false, false, true, true, false, false };

	(void)state;
	for (uint32_t mode = 0; mode < 8; mode++) {
		set_pin(1, 0x40 | mode << 8);
		assert_int_equal(ioapic_edge(&ioapic, 1, &message), sends[mode]);
	}
	/* NMI and INIT are edges even with the trigger bit set. */
	set_pin(1, 0x8440);
	assert_true(ioapic_edge(&ioapic, 1, &message));
	assert_false(message.level);
	ioapic_set_level(&ioapic, 1, true);
	assert_false(ioapic_service(&ioapic, 1, &message));
}

static void test_level(void **state)
{
	(void)state;
	ioapic_set_level(&ioapic, 10, true);
	assert_false(ioapic_service(&ioapic, 10, &message)); /* masked */
	assert_int_equal(set_pin(10, 0xa050), 1u << 10);     /* active low makes no difference */
	assert_false(ioapic_edge(&ioapic, 10, &message));
	assert_true(ioapic_service(&ioapic, 10, &message));
	assert_true(message.level);
	/* Nobody took it: offered again. */
	ioapic_sent(&ioapic, 10, 0);
	assert_true(ioapic_service(&ioapic, 10, &message));
	ioapic_sent(&ioapic, 10, 1);
	assert_int_equal(get_register(0x24), 0xe050);
	assert_false(ioapic_service(&ioapic, 10, &message));
	/* Another vector's EOI is none of ours. */
	assert_int_equal(ioapic_eoi(&ioapic, 0x51), 0);
	assert_int_equal(ioapic_eoi(&ioapic, 0x50), 1u << 10);
	assert_int_equal(ioapic_eoi(&ioapic, 0x50), 0);
	assert_true(ioapic_service(&ioapic, 10, &message));
	ioapic_sent(&ioapic, 10, 1);
	/* The EOI register. */
	assert_int_equal(ioapic_write(&ioapic, IOAPIC_EOI, 0x50), 1u << 10);
	ioapic_sent(&ioapic, 10, 1);
	ioapic_set_level(&ioapic, 10, false);
	assert_int_equal(ioapic_eoi(&ioapic, 0x50), 1u << 10);
	assert_false(ioapic_service(&ioapic, 10, &message));
}

static void test_remote_irr_survives_writes(void **state)
{
	(void)state;
	set_pin(10, 0x8050);
	ioapic_set_level(&ioapic, 10, true);
	ioapic_sent(&ioapic, 10, 1);
	set_pin(10, 0x18050);
	assert_int_equal(get_register(0x24), 0x1c050);
	set_pin(10, 0x8050);
	assert_false(ioapic_service(&ioapic, 10, &message));
	/* Masked edge, back to level: how guests end an interrupt without the EOI register. */
	set_pin(10, 0x10050);
	assert_int_equal(get_register(0x24), 0x10050);
	set_pin(10, 0x8050);
	assert_true(ioapic_service(&ioapic, 10, &message));
}

static void test_two_pins_one_vector(void **state)
{
	(void)state;
	set_pin(10, 0x8050);
	set_pin(11, 0x8050);
	ioapic_set_level(&ioapic, 10, true);
	ioapic_set_level(&ioapic, 11, true);
	ioapic_sent(&ioapic, 10, 1);
	ioapic_sent(&ioapic, 11, 1);
	assert_int_equal(ioapic_eoi(&ioapic, 0x50), 3u << 10);
}

static void test_withdrawn(void **state)
{
	(void)state;
	set_pin(10, 0x8050);
	ioapic_set_level(&ioapic, 10, true);
	ioapic_sent(&ioapic, 10, 0x3);
	ioapic_withdrawn(&ioapic, 10, 0x1);
	assert_int_equal(get_register(0x24), 0xc050); /* one has it still */
	ioapic_withdrawn(&ioapic, 10, 0);
	assert_int_equal(get_register(0x24), 0xc050);
	ioapic_withdrawn(&ioapic, 10, 0x2);
	assert_int_equal(get_register(0x24), 0x8050);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_registers, setup),
		cmocka_unit_test_setup(test_edge, setup),
		cmocka_unit_test_setup(test_delivery_modes, setup),
		cmocka_unit_test_setup(test_level, setup),
		cmocka_unit_test_setup(test_remote_irr_survives_writes, setup),
		cmocka_unit_test_setup(test_two_pins_one_vector, setup),
		cmocka_unit_test_setup(test_withdrawn, setup),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
