/* SPDX-License-Identifier: MIT */
/* What the PCI server says is believed only where it is possible. Host only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "host_check.h"

#include <string.h>

static struct host_pci_function function;

static int set_up(void **state)
{
	(void)state;
	function = (struct host_pci_function){
		.requester = 0x20,
		.table_bar = 1,
		.table_entries = 2,
		.pending_bar = 1,
		.pending_offset = 0x800,
		.bar = { [1] = { 0xfebd0000, 0x1000 }, [4] = { 0xfebd4000, 0x4000 } },
	};
	return 0;
}

static void test_a_disk_is_possible(void **state)
{
	(void)state;
	assert_null(host_function_fault(&function));
}

#define REFUSED(field, value)                                    \
	do {                                                     \
		set_up(NULL);                                    \
		function.field = (value);                        \
		assert_non_null(host_function_fault(&function)); \
	} while (0)

static void test_impossible_numbers_are_refused(void **state)
{
	(void)state;
	REFUSED(requester, 0x10000);
	REFUSED(bar[4].size, 0x3000);
	REFUSED(bar[4].size, 8);
	REFUSED(bar[4].size, UINT64_C(1) << 63);
	REFUSED(bar[4].size, 0);
	REFUSED(bar[4].address, 0);
	REFUSED(bar[4].address, 0xfebd2000);
	REFUSED(bar[4].address, UINT64_MAX - 0x3fff);
	REFUSED(bar[4].address, UINT64_C(1) << 52);
	REFUSED(bar[4].address, 0xfebd0000); /* around BAR 1 */
	REFUSED(bar[0].address, 0x1000);
	REFUSED(table_entries, 0);
	REFUSED(table_entries, 2049);
	REFUSED(table_entries, 257);
	REFUSED(table_bar, 6);
	REFUSED(table_bar, UINT32_MAX);
	REFUSED(table_bar, 0);
	REFUSED(table_offset, 4);
	REFUSED(table_offset, 0xff8);
	REFUSED(table_offset, UINT32_MAX - 7);
	REFUSED(pending_bar, 6);
	REFUSED(pending_offset, 0x1000);
	REFUSED(pending_offset, 0x801);
}

static void test_message_pages_are_told(void **state)
{
	(void)state;
	assert_true(host_pci_is_message_page(&function, 1, 0));
	assert_false(host_pci_is_message_page(&function, 4, 0));
	/* As in NVMe: table and pending bits inside the BAR of the registers. */
	function.bar[0] = (struct host_pci_bar){ 0xfe000000, 0x10000 };
	function.table_bar = 0;
	function.table_offset = 0x2000;
	function.table_entries = 257; /* one entry on a second page */
	function.pending_bar = 0;
	function.pending_offset = 0x5ff8;
	assert_null(host_function_fault(&function));
	for (uint32_t page = 0; page < 16; page++) {
		bool is_message = page == 2 || page == 3 || page == 5 || page == 6;

		assert_int_equal(host_pci_is_message_page(&function, 0, page), is_message);
	}
}

static void test_reasons_have_words(void **state)
{
	(void)state;
	for (uint32_t reason = 0; reason <= HOST_PCI_REASONS; reason++) {
		assert_non_null(host_reason_text(reason));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a_disk_is_possible, set_up),
		cmocka_unit_test_setup(test_impossible_numbers_are_refused, set_up),
		cmocka_unit_test_setup(test_message_pages_are_told, set_up),
		cmocka_unit_test_setup(test_reasons_have_words, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
