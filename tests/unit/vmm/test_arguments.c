/* SPDX-License-Identifier: MIT */
/* Unit tests of the VMM server's argument parser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arguments.h"

static void all_arguments_are_read(void **state)
{
	static const char *const strings[] = {
		"vm=red",
		"protocol=linux",
		"cmdline=console=ttyS0 nokaslr",
		"line=uart0,0,gsi,4",
		"line=acpi-pm,1,poweroff",
		"model=acpi-pm,3",
		"model=uart0,0",
		"port=0x3f8,8,model:uart0",
		"module=module0,initrd.gz a,b c",
		"serial=0x3f8,4",
		"line=debug-exit,0,exit",
		"model=debug-exit,61",
		"line=uart0,1,reset",
		"paravirtual=pv-eoi",
		"after_pause=catch-up",
		"memory=0xfed10000,65536,model:test-device:1",
	};
	struct vmm_arguments result;
	uint32_t wrong;

	(void)state;
	assert_true(vmm_arguments_parse(strings, sizeof(strings) / sizeof(strings[0]), &result, &wrong));
	assert_int_equal(result.protocol, VMM_PROTOCOL_LINUX);
	assert_string_equal(result.command_line, "console=ttyS0 nokaslr");
	assert_int_equal(result.line_count, 4);
	assert_int_equal(result.lines[0].model, 1);
	assert_int_equal(result.lines[0].gsi, 4);
	assert_int_equal(result.lines[1].model, 0);
	assert_int_equal(result.lines[1].action, VMM_LINE_POWEROFF);
	assert_int_equal(result.lines[2].action, VMM_LINE_EXIT);
	assert_int_equal(result.models[2].bit, 61);
	assert_int_equal(result.ports[0].first, 0x3f8);
	assert_string_equal(result.ports[0].capability, "model:uart0");
	assert_string_equal(result.modules[0].region, "module0");
	assert_string_equal(result.modules[0].text, "initrd.gz a,b c");
	assert_int_equal(result.serials[0].port, 0x3f8);
	assert_int_equal(result.memory_count, 1);
	assert_int_equal(result.memories[0].first, 0xfed10000);
	assert_int_equal(result.memories[0].size, 65536);
	assert_string_equal(result.memories[0].capability, "model:test-device:1");
	assert_true(result.paravirtual_eoi);
	assert_true(result.catches_up);
	assert_false(result.paravirtual_clock);
}

static void wrong_arguments_are_named(void **state)
{
	static const char *const bad[] = {
		"",
		"what=1",
		"protocol=uefi",
		"line=uart0,0,gsi,24",
		"line=uart0,0,gsi",
		"line=uart9,0,reset",
		"line=uart0,x,reset",
		"model=uart0",
		"model=uart0,62",
		"model=uart0,1,2",
		"port=0x3f8,0,model:uart0",
		"port=65535,2,m",
		"port=1,1,",
		"module=",
		"serial=0x3f8",
		"protocol",
		"paravirtual=x",
		"after_pause=jump",
		"port=0x,1,m",
		"memory=0xfed10800,8,m",
		"memory=0xfed10000,0,m",
		"memory=0xfed10000,65537,m",
		"memory=0xfffff000,4097,m",
		"memory=0x100000000,8,m",
		"memory=0xfed10000,8",
		"port=-1,1,m",
		"model=a-name-that-is-much-longer-than-any-name-can-be,1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *strings[] = { "protocol=multiboot", "model=uart0,0", bad[i] };
		struct vmm_arguments result;
		uint32_t wrong = 99;

		assert_false(vmm_arguments_parse(strings, 3, &result, &wrong));
		assert_int_equal(wrong, 2);
	}
}

static void a_protocol_is_needed(void **state)
{
	static const char *const strings[] = { "vm=red" };
	struct vmm_arguments result;
	uint32_t wrong;

	(void)state;
	assert_false(vmm_arguments_parse(strings, 1, &result, &wrong));
	assert_int_equal(wrong, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_arguments_are_read),
		cmocka_unit_test(wrong_arguments_are_named),
		cmocka_unit_test(a_protocol_is_needed),
	};

	return cmocka_run_group_tests_name("vmm arguments", tests, NULL, NULL);
}
