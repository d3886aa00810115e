/* SPDX-License-Identifier: MIT */
/* Orders: a function is silent before its messages change, each order is carried out once, and again where that was cut off. Host only. */
#include "bus.h"
#include "orders.h"

#include <string.h>

#define ENTRIES 3u

static struct bus_function *disk;
static struct host_pci_function page;
static struct host_pci_order order;
static uint32_t table[ENTRIES * 4];

static int set_up(void **state)
{
	(void)state;
	bus_reset();
	memset(&page, 0, sizeof page);
	memset(table, 0xee, sizeof table);
	disk = bus_add(REQUESTER(0, 4, 0), 0x10421af4, 0x010000);
	bus_add_msix(disk, ENTRIES, 0, 0);
	page.requester = disk->requester;
	page.table_entries = ENTRIES;
	order = (struct host_pci_order){ .number = 1,
		.flags = HOST_PCI_ORDER_BUS_MASTER,
		.vector_count = 2,
		.vector = { { UINT64_C(0x1fee00000), 0x31, 0 }, { 0xfee01000, 0x32, 0 } } };
	return 0;
}

static void is_done(void)
{
	assert_int_equal(page.carried_out, order.number);
	assert_int_equal(bus_command(disk), COMMAND_MEMORY | COMMAND_BUS_MASTER | COMMAND_NO_INTX);
	assert_int_equal(disk->config[0x40 / 4] & (MSIX_ENABLE | MSIX_MASK_ALL), MSIX_ENABLE);
	assert_int_equal(table[0], 0xfee00000);
	assert_int_equal(table[1], 1);
	assert_int_equal(table[2], 0x31);
	assert_int_equal(table[3], 0);
	assert_int_equal(table[4], 0xfee01000);
	assert_int_equal(table[7], 0);
	assert_int_equal(table[11], 1); /* the third has no message */
}

static void test_an_order_is_carried_out_once(void **state)
{
	uint32_t writes;

	(void)state;
	assert_true(order_carry_out(&page, &order, table));
	is_done();
	writes = bus_writes;
	memset(table, 0, sizeof table);
	assert_false(order_carry_out(&page, &order, table));
	assert_int_equal(bus_writes, writes);
	assert_int_equal(table[2], 0);
	order.number = 2;
	assert_true(order_carry_out(&page, &order, table));
	is_done();
}

static void test_nothing_was_ordered_yet(void **state)
{
	(void)state;
	order.number = 0;
	assert_false(order_carry_out(&page, &order, table));
	assert_int_equal(bus_writes, 0);
}

static void test_silence(void **state)
{
	(void)state;
	order.flags = 0;
	assert_true(order_carry_out(&page, &order, table));
	assert_int_equal(bus_command(disk), COMMAND_MEMORY | COMMAND_NO_INTX);
	assert_int_equal(disk->config[0x40 / 4] & MSIX_MASK_ALL, MSIX_MASK_ALL);
}

/* The server is killed after any write: the function is never at work with half of its messages, and the next server does it all. */
static void test_a_killed_order_is_done_again(void **state)
{
	(void)state;
	static uint32_t allowed; /* outlives longjmp() */

	for (allowed = 0;; allowed++) {
		set_up(NULL);
		bus_writes_allowed = allowed;
		if (setjmp(bus_killed) == 0) {
			assert_true(order_carry_out(&page, &order, table));
			assert_true(allowed > 3);
			return;
		}
		if (allowed > 0) {
			/* Silent, or as ordered but for the word that says so. */
			assert_true((bus_command(disk) & COMMAND_BUS_MASTER) == 0 || table[2] == 0x31);
		}
		assert_int_equal(page.carried_out, 0);
		bus_writes_allowed = UINT32_MAX;
		assert_true(order_carry_out(&page, &order, table));
		is_done();
	}
}

static void test_too_many_messages_are_cut(void **state)
{
	(void)state;
	order.vector_count = UINT32_MAX;
	assert_true(order_carry_out(&page, &order, table));
	assert_int_equal(table[2], 0x31);
}

#define TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_order_is_carried_out_once),
		TEST(test_nothing_was_ordered_yet),
		TEST(test_silence),
		TEST(test_a_killed_order_is_done_again),
		TEST(test_too_many_messages_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
