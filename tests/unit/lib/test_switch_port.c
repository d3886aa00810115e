/* SPDX-License-Identifier: MIT */
/* The arguments of the switch, and MAC addresses as text. */
#include <bulkhead/switch_port.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void a_port_is_read(void **state)
{
	struct switch_port_settings settings;

	(void)state;
	assert_true(switch_port_parse("red/net0,52:54:00:Ab:cD:01,5,100000000,65536,0x6", &settings));
	assert_string_equal(settings.name, "red/net0");
	assert_false(settings.is_uplink);
	assert_true(settings.mac == UINT64_C(0x525400abcd01));
	assert_int_equal(settings.vlan, 5);
	assert_int_equal(settings.rate, 100000000);
	assert_int_equal(settings.burst, 65536);
	assert_int_equal(settings.flows, 6);
	assert_true(switch_port_parse("wan,uplink,0,0,0,0xfffffffffffffff", &settings));
	assert_true(settings.is_uplink && settings.mac == 0 && settings.vlan == 0);
	assert_true(settings.flows == UINT64_C(0xfffffffffffffff));
	assert_true(switch_port_parse("wan,uplink,5,0,0,0", &settings));
	assert_true(settings.is_uplink && settings.vlan == 5);
}

static void all_else_is_refused(void **state)
{
	static const char *const BAD[] = {
		"",
		"a",
		"a,52:54:00:00:00:01,0,0,0",
		"a,52:54:00:00:00:01,0,0,0,0,",
		"a,52:54:00:00:00:01,0,0,0,0,0",
		",52:54:00:00:00:01,0,0,0,0",
		"a,,0,0,0,0",
		"a,52:54:00:00:00,0,0,0,0",
		"a,52:54:00:00:00:01:02,0,0,0,0",
		"a,52:54:00:00:00:0g,0,0,0,0",
		"a,52-54-00-00-00-01,0,0,0,0",
		"a,53:54:00:00:00:01,0,0,0,0",
		"a,00:00:00:00:00:00,0,0,0,0",
		"a,52:54:00:00:00:01,4095,0,0,0",
		"a,52:54:00:00:00:01,,0,0,0",
		"a,52:54:00:00:00:01,0,7999,0,0",
		"a,52:54:00:00:00:01,0,1000000000001,0,0",
		"a,52:54:00:00:00:01,0,0,1073741825,0",
		"a,52:54:00:00:00:01,0,0,0,0x1000000000000000",
		"a,52:54:00:00:00:01,0,0,0,-1",
		"a,uplink,4095,0,0,0",
		"a234567890123456789012345678901x,uplink,0,0,0,0",
	};
	struct switch_port_settings settings;

	(void)state;
	for (unsigned i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		assert_false(switch_port_parse(BAD[i], &settings));
	}
}

static void addresses_are_printed_as_they_are_read(void **state)
{
	char text[MAC_TEXT_SIZE];
	uint64_t mac;

	(void)state;
	assert_true(mac_parse("fe:dc:ba:98:76:50", &mac));
	assert_true(mac == UINT64_C(0xfedcba987650));
	mac_print(mac, text);
	assert_string_equal(text, "fe:dc:ba:98:76:50");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_is_read),
		cmocka_unit_test(all_else_is_refused),
		cmocka_unit_test(addresses_are_printed_as_they_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
