/* SPDX-License-Identifier: MIT */
/* The formatter behind bh_log, compared with the host's printf, and the number parser. Host only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <bulkhead/task.h>

#include <limits.h>
#include <stdio.h>

#define SAME(...)                                                                      \
	do {                                                                           \
		char ours[128];                                                        \
		char theirs[128];                                                      \
		int expected = snprintf(theirs, sizeof theirs, __VA_ARGS__);           \
		assert_int_equal(bh_format(ours, sizeof ours, __VA_ARGS__), expected); \
		assert_string_equal(ours, theirs);                                     \
	} while (0)

static void test_like_printf(void **state)
{
	(void)state;
	SAME("plain");
	SAME("%s|%8s|%-8s|%.3s|%.*s", "word", "word", "word", "word", 2, "word");
	SAME("%d %d %d %5d|%-5d|%05d", 0, INT_MIN, INT_MAX, -42, -42, -42);
	SAME("%u %x %08x %lx %lu", UINT_MAX, 0xbeefu, 0xbeefu, ULONG_MAX, ULONG_MAX);
	SAME("%ld %ld %zu %lld", LONG_MIN, LONG_MAX, SIZE_MAX, LLONG_MIN);
	SAME("%c%c%% %i", 'a', 'b', 7);
}

static void test_limits(void **state)
{
	char text[4];

	(void)state;
	assert_int_equal(bh_format(text, sizeof text, "%s", "abcdef"), 3);
	assert_string_equal(text, "abc");
	assert_int_equal(bh_format(text, 1, "%s", "abcdef"), 0);
	assert_string_equal(text, "");
}

static void test_numbers(void **state)
{
	static const char *const bad[] = { "", "0x", "-1", "12a", "0xg", " 1", "1 ", "18446744073709551616",
		"0x10000000000000000" };
	uint64_t value = 77;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_false(bh_parse_number(bad[i], &value));
		assert_int_equal(value, 77);
	}
	assert_true(bh_parse_number("0", &value) && value == 0);
	assert_true(bh_parse_number("18446744073709551615", &value) && value == UINT64_MAX);
	assert_true(bh_parse_number("0xFFFFFFFFFFFFFFFF", &value) && value == UINT64_MAX);
	assert_true(bh_parse_number("0x3f8", &value) && value == 0x3f8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_like_printf),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
