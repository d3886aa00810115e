/* SPDX-License-Identifier: MIT */
/* Copies of words as the tasks have them: the instruction, and not what other unit tests see instead. */
#undef BULKHEAD_CHECKED_COPIES
#include <bulkhead/copy_words.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Any number of words, from and to any place: those bytes, and none beside. */
static void words_are_copied(void **state)
{
	uint8_t from[256];
	uint8_t to[256];
	uint8_t expected[256];

	(void)state;
	for (unsigned i = 0; i < sizeof(from); i++) {
		from[i] = (uint8_t)(i * 37 + 11);
	}
	for (uint64_t count = 0; count <= 29; count++) {
		for (unsigned at = 0; at < 9; at++) {
			memset(to, 0xee, sizeof(to));
			memset(expected, 0xee, sizeof(expected));
			memcpy(expected + at, from + 8 - at, count * 8);
			copy_words(to + at, from + 8 - at, count);
			assert_memory_equal(to, expected, sizeof(to));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(words_are_copied) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
