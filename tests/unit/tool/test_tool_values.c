/* SPDX-License-Identifier: MIT */
/* The host tool's readers of single values, of the source's structure, and of boot images' headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guest_image.h"
#include "source.h"
#include "values.h"

#include <elf.h>
#include <string.h>

static void sizes(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t bytes;
	} GOOD[] = { { "0", 0 }, { "4096", 4096 }, { "64K", 65536 }, { "64KB", 65536 },
		{ "256M", 256u << 20 }, { "256 MiB", 256u << 20 }, { "3G", UINT64_C(3) << 30 },
		{ "8589934592G", UINT64_C(1) << 63 } };
	static const char *const BAD[] = { "", "M", "-1", "1.5G", "256m", "256T", "0x100", "1 000",
		"8589934593G", "99999999999999999999", "18446744073709551616", "9223372036854775809", "256M ",
		" 256M" };
	uint64_t bytes;

	for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
		assert_true(parse_size(GOOD[i].text, &bytes));
		assert_int_equal(bytes, GOOD[i].bytes);
	}
	for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
		assert_false(parse_size(BAD[i], &bytes));
	}
}

static void sizes_are_printed_as_short_as_they_are_exact(void **state)
{
	(void)state;
	char text[24];

	print_size(UINT64_C(2) << 30, text);
	assert_string_equal(text, "2G");
	print_size(3u << 20, text);
	assert_string_equal(text, "3M");
	print_size(512u << 10, text);
	assert_string_equal(text, "512K");
	print_size(1000, text);
	assert_string_equal(text, "1000");
	print_size(0, text);
	assert_string_equal(text, "0");
}

static void durations(void **state)
{
	(void)state;
	static const char *const BAD[] = { "", "10", "0ms", "ms", "10m", "1.5s", "-1s", "1000001s",
		"99999999999999999999us" };
	uint64_t microseconds;

	assert_true(parse_duration("250us", &microseconds));
	assert_int_equal(microseconds, 250);
	assert_true(parse_duration("10ms", &microseconds));
	assert_int_equal(microseconds, 10000);
	assert_true(parse_duration("2 s", &microseconds));
	assert_int_equal(microseconds, 2000000);
	assert_true(parse_duration("1000000s", &microseconds));
	for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
		assert_false(parse_duration(BAD[i], &microseconds));
	}
}

static void shares(void **state)
{
	(void)state;
	static const char *const BAD[] = { "", "40", "%", "0%", "0.0%", "100.1%", "101%", "12.34%", "12.%",
		"-5%", "5%%" };
	uint32_t per_mille;

	assert_true(parse_share("40%", &per_mille));
	assert_int_equal(per_mille, 400);
	assert_true(parse_share("12.5%", &per_mille));
	assert_int_equal(per_mille, 125);
	assert_true(parse_share("0.1%", &per_mille));
	assert_true(parse_share("100%", &per_mille));
	for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
		assert_false(parse_share(BAD[i], &per_mille));
	}
}

static void booleans_and_names(void **state)
{
	(void)state;
	bool value;

	assert_true(parse_boolean("yes", &value) && value);
	assert_true(parse_boolean("off", &value) && !value);
	assert_false(parse_boolean("1", &value));
	assert_false(parse_boolean("True", &value));
	assert_true(is_plain_name("a", 15));
	assert_true(is_plain_name("red-2", 15));
	assert_true(is_plain_name("abcdefghijklmno", 15));
	assert_false(is_plain_name("abcdefghijklmnop", 15));
	assert_false(is_plain_name("", 15));
	assert_false(is_plain_name("2red", 15));
	assert_false(is_plain_name("-red", 15));
	assert_false(is_plain_name("Red", 15));
	assert_false(is_plain_name("re/d", 15));
	assert_false(is_plain_name("re:d", 15));
}

static void restart_policies(void **state)
{
	(void)state;
	static const char *const BAD[] = { "", "Stop", "restart", "restart 3", "restart 0 per 60s",
		"restart 3 per 60", "restart 3 per 500ms", "restart 101 per 60s", "restart 3 per 86401s",
		"restart 3 in 60s", "restart 3 per 60s ", "restart -1 per 60s" };
	struct manifest_restart restart;

	assert_true(parse_restart("stop", &restart));
	assert_int_equal(restart.on_exit, MANIFEST_ON_EXIT_STOP);
	assert_int_equal(restart.max, 0);
	assert_true(parse_restart("restart 3 per 60s", &restart));
	assert_int_equal(restart.on_exit, MANIFEST_ON_EXIT_RESTART);
	assert_int_equal(restart.max, 3);
	assert_int_equal(restart.seconds, 60);
	assert_true(parse_restart("restart 3 per 2000ms", &restart));
	assert_int_equal(restart.seconds, 2);
	for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
		assert_false(parse_restart(BAD[i], &restart));
	}
}

static void comments_become_blanks_and_lines_stay(void **state)
{
	(void)state;
	char text[] = "a # b { \"\nc // d }\n/* e\n{ */ f \"# no // comment /*\" 'x\"y'\n";
	struct diagnostics diagnostics = { .file = "test" };

	prepare_source(text, &diagnostics);
	assert_int_equal(diagnostics.errors, 0);
	assert_string_equal(text, "a        \nc       \n    \n     f \"# no // comment /*\" 'x\"y'\n");
}

static unsigned faults_of(const char *source)
{
	char text[128];
	struct diagnostics diagnostics = { .file = "expected message" };

	assert_true(strlen(source) < sizeof text);
	strcpy(text, source);
	prepare_source(text, &diagnostics);
	return diagnostics.errors;
}

static void broken_structure_is_found(void **state)
{
	(void)state;
	assert_int_equal(faults_of("a = \"b\n"), 1);
	assert_int_equal(faults_of("a = 'b"), 1);
	assert_int_equal(faults_of("a = \"b\\"), 1);
	assert_int_equal(faults_of("/* a"), 1);
	assert_int_equal(faults_of("/*"), 1);
	assert_int_equal(faults_of("a {"), 1);
	assert_int_equal(faults_of("a { { }"), 1);
	assert_int_equal(faults_of("a }"), 1);
	assert_int_equal(faults_of("{{{{{{{{{{{{{{{{{"), 1);
	assert_int_equal(faults_of("a = \"b\\\"c\" { }"), 0);
	assert_int_equal(faults_of(""), 0);
}

static void sections_are_found_by_their_last_line(void **state)
{
	(void)state;
	const char *text = "x\n vm red {\n}\nvm \"blue\" {\n}\nvm redder {\n}\nvm red {\n";

	assert_int_equal(find_section_line(text, "vm", "red", 7), 2);
	assert_int_equal(find_section_line(text, "vm", "red", 9), 8);
	assert_int_equal(find_section_line(text, "vm", "blue", 9), 4);
	assert_int_equal(find_section_line(text, "vm", "green", 5), 5);
}

static void linux_headers(void **state)
{
	(void)state;
	uint8_t head[0x300] = { 0 };
	struct guest_image_needs needs;

	assert_non_null(guest_image_check_linux(head, sizeof head, &needs));
	memcpy(head + 0x202, "HdrS", 4);
	assert_non_null(guest_image_check_linux(head, sizeof head, &needs));
	head[0x206] = 0x0f;
	head[0x207] = 2;
	head[0x211] = 1;
	assert_non_null(guest_image_check_linux(head, sizeof head, &needs));
	head[0x236] = 1;
	head[0x239] = 8;    /* cmdline_size 2048 */
	head[0x25b] = 1;    /* pref_address 16 MiB */
	head[0x262] = 0x20; /* init_size 2 MiB */
	assert_null(guest_image_check_linux(head, sizeof head, &needs));
	assert_int_equal(needs.memory_end, (16 + 2) << 20);
	assert_int_equal(needs.command_line_max, 2048);
	assert_non_null(guest_image_check_linux(head, 0x263, &needs));
	assert_non_null(guest_image_check_linux(head, 0, &needs));
}

static void multiboot_headers(void **state)
{
	(void)state;
	uint8_t head[512] = { 0 };
	const uint32_t magic[] = { 0x1badb002, 3, -(0x1badb002u + 3) };
	struct guest_image_needs needs;
	Elf32_Ehdr header = { .e_phoff = 64, .e_phnum = 2, .e_phentsize = sizeof(Elf32_Phdr) };
	Elf32_Phdr segments[] = { { .p_type = PT_LOAD, .p_paddr = 0x100000, .p_memsz = 0x2000 },
		{ .p_type = PT_NOTE, .p_paddr = 0x900000, .p_memsz = 0x2000 } };

	memcpy(header.e_ident, ELFMAG, SELFMAG);
	header.e_ident[EI_CLASS] = ELFCLASS32;
	memcpy(head, &header, sizeof header);
	memcpy(head + 64, segments, sizeof segments);
	assert_non_null(guest_image_check_multiboot(head, sizeof head, &needs));
	memcpy(head + 500, magic, sizeof magic);
	assert_null(guest_image_check_multiboot(head, sizeof head, &needs));
	assert_int_equal(needs.memory_end, 0x102000);
	assert_non_null(guest_image_check_multiboot(head, 511, &needs));
	head[508] ^= 1;
	assert_non_null(guest_image_check_multiboot(head, sizeof head, &needs));
	head[508] ^= 1;
	head[EI_CLASS] = ELFCLASS64;
	assert_non_null(guest_image_check_multiboot(head, sizeof head, &needs));
	head[EI_CLASS] = ELFCLASS32;
	/* program headers outside of what was read */
	header.e_phoff = 0xfffffff0;
	memcpy(head, &header, sizeof header);
	assert_non_null(guest_image_check_multiboot(head, sizeof head, &needs));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(sizes_are_printed_as_short_as_they_are_exact),
		cmocka_unit_test(durations),
		cmocka_unit_test(shares),
		cmocka_unit_test(booleans_and_names),
		cmocka_unit_test(restart_policies),
		cmocka_unit_test(comments_become_blanks_and_lines_stay),
		cmocka_unit_test(broken_structure_is_found),
		cmocka_unit_test(sections_are_found_by_their_last_line),
		cmocka_unit_test(linux_headers),
		cmocka_unit_test(multiboot_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
