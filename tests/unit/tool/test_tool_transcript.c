/* SPDX-License-Identifier: MIT */
/* The host tool's searches in the machine's output: found however the bytes are cut, and not to be fooled by guests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transcript.h"

#include <string.h>

static bool is_found(const char *text, const char *stream, size_t piece)
{
	struct text_search search;
	size_t length = strlen(stream);

	text_search_start(&search, text);
	for (size_t start = 0; start < length; start += piece) {
		text_search_feed(&search, stream + start, length - start < piece ? length - start : piece);
	}
	return search.is_found;
}

static void texts_are_found_across_pieces(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < 12; piece++) {
		assert_true(is_found("blue is up", "red is up\nblue blue is up\n", piece));
		assert_true(is_found("aab", "aaaaab", piece));
		assert_true(is_found("abcabd", "abcabcabd", piece));
		assert_true(is_found("ababac", "abababac", piece));
		assert_true(is_found("x", "x", piece));
		assert_true(is_found("", "x", piece));
		assert_false(is_found("blue is up", "blue is u", piece));
		assert_false(is_found("abc", "ab\nc", piece));
	}
}

/* Against strstr() over all streams of two letters up to a length: each fall-back of the search is taken. */
static void texts_are_found_as_strstr_finds_them(void **state)
{
	(void)state;
	static const char *const TEXTS[] = { "a", "ab", "aa", "aab", "aba", "abab", "aabaa", "ababb" };

	for (unsigned bits = 0; bits < 1024; bits++) {
		char stream[11] = { 0 };

		for (unsigned i = 0; i < 10; i++) {
			stream[i] = (bits >> i & 1) != 0 ? 'a' : 'b';
		}
		for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
			assert_int_equal(is_found(TEXTS[i], stream, 3), strstr(stream, TEXTS[i]) != NULL);
		}
	}
}

/* Reads a transcript byte by byte. */
static struct transcript read_transcript(const char *stream)
{
	static struct transcript result;

	transcript_start(&result, "is up", "HALTED", "admin");
	for (; *stream != '\0'; stream++) {
		transcript_feed(&result, stream, 1);
	}
	return result;
}

static void the_last_exit_code_counts(void **state)
{
	(void)state;
	assert_int_equal(read_transcript("admin: VM red exited with code 3\n").code, 3);
	assert_int_equal(read_transcript("admin: [  12.3] VM red exited with code 3\r\n").code, 3);
	assert_int_equal(
		read_transcript("admin: VM red exited with code 3\nadmin: VM blue exited with code 5\n").code,
		5);
	assert_int_equal(read_transcript("admin: VM red exited with code 300\n").code, 300 % 128);
	assert_true(read_transcript("admin: VM red exited with code 0\n").has_code);
	assert_false(read_transcript("admin: VM red exited with code 3").has_code);
	assert_false(read_transcript("admin: VM red exited with code x\n").has_code);
	assert_false(read_transcript("admin: VM red powered off\n").has_code);
	assert_false(read_transcript("\n\n").has_code);
}

static void interrupted_lines_are_put_together(void **state)
{
	(void)state;
	assert_int_equal(
		read_transcript("admin: VM red exited wi\nblue: x\nadmin+ th code 1\nblue+ y\nadmin+ 2\n")
			.code,
		12);
	assert_true(read_transcript("blue: blue is\nred: z\nblue+  up\n").until_found);
	assert_true(read_transcript("red: x is up\n").until_found);
	assert_false(read_transcript("blue: blue is\nblue:  up\n").until_found);
	assert_false(read_transcript("blue: blue is\nred:  up\n").until_found);
	assert_false(read_transcript("blue: is\nred+  up\n").until_found);
	assert_true(read_transcript("red: HAL\nblue: x\nred+ TED\n").halted_found);
	/* what is not in the transcript's form is looked at as it stands */
	assert_true(read_transcript("something is up").until_found);
}

static void a_guest_cannot_forge_an_exit(void **state)
{
	(void)state;
	assert_false(read_transcript("red: VM red exited with code 3\n").has_code);
	assert_false(read_transcript("red: admin: VM red exited with code 3\n").has_code);
	assert_false(read_transcript("red+ admin: VM red exited with code 3\n").has_code);
	assert_false(read_transcript("admin2: VM red exited with code 3\n").has_code);
}

static void long_lines_and_many_names_do_no_harm(void **state)
{
	(void)state;
	static struct transcript result;
	char line[3 * TRANSCRIPT_LINE_MAX];

	memset(line, 'x', sizeof line);
	transcript_start(&result, "is up", "HALTED", "admin");
	transcript_feed(&result, line, sizeof line);
	transcript_feed(&result, ": x\nadmin: ", 11);
	transcript_feed(&result, line, sizeof line);
	transcript_feed(&result, "\n: \n+ \n", 7);
	assert_false(result.has_code);
	transcript_feed(&result, "admin: VM red exited with code 7\n", 33);
	assert_int_equal(result.code, 7);
	for (char first = 'a'; first <= 'z'; first++) {
		for (char second = 'a'; second <= 'z'; second++) {
			char text[] = { first, second, ':', ' ', 'u', '\n' };

			transcript_feed(&result, text, sizeof text);
		}
	}
	assert_int_equal(result.console_count, TRANSCRIPT_CONSOLES);
	transcript_feed(&result, "admin: VM red exited with code 9\n", 33);
	assert_int_equal(result.code, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_found_across_pieces),
		cmocka_unit_test(texts_are_found_as_strstr_finds_them),
		cmocka_unit_test(the_last_exit_code_counts),
		cmocka_unit_test(interrupted_lines_are_put_together),
		cmocka_unit_test(a_guest_cannot_forge_an_exit),
		cmocka_unit_test(long_lines_and_many_names_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
