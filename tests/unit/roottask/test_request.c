/* SPDX-License-Identifier: MIT */
/* Lines of a script: whole, too long, no text, with and without an id; and whatever bytes come. Host only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "request.h"

#include <stdlib.h>
#include <string.h>

static struct request request;

/* Adds all bytes but the last, which must not complete a line, and then that. */
static enum request_state add(const char *bytes, size_t length)
{
	for (size_t i = 0; i + 1 < length; i++) {
		assert_int_equal(request_add(&request, bytes[i]), REQUEST_INCOMPLETE);
	}
	return request_add(&request, bytes[length - 1]);
}

static void expect(const char *line, enum request_state state, const char *id, const char *text)
{
	assert_int_equal(add(line, strlen(line)), state);
	assert_string_equal(request.id, id);
	assert_string_equal(request.text, text);
}

static void test_lines(void **state)
{
	(void)state;
	expect("list\n", REQUEST_READY, "", "list");
	expect("list\r\n", REQUEST_READY, "", "list");
	expect("\n", REQUEST_READY, "", "");
	expect("\r\n", REQUEST_READY, "", "");
	expect("@7 kill red/uart0\n", REQUEST_READY, "7", "kill red/uart0");
	expect("  @a-b\tlist \n", REQUEST_READY, "a-b", "list ");
	expect("@\n", REQUEST_READY, "", "");
	expect("@ list\n", REQUEST_READY, "", "list");
	expect("@only\n", REQUEST_READY, "only", "");
	expect("list @7\n", REQUEST_READY, "", "list @7");
}

static void test_no_text(void **state)
{
	(void)state;
	static const char *const lines[] = { "a\x1b[A\n", "\x7f\n", "\xc3\xad\n", "a\rb\n", "list\r\r\n",
		"\x01\n" };

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		assert_int_equal(add(lines[i], strlen(lines[i])), REQUEST_NO_TEXT);
		expect("list\n", REQUEST_READY, "", "list");
	}
	assert_int_equal(add("li\0st\n", 6), REQUEST_NO_TEXT);
}

static void test_lengths(void **state)
{
	(void)state;
	for (size_t length = 0; length < 400; length++) {
		for (int has_cr = 0; has_cr < 2; has_cr++) {
			char line[512];

			memset(line, 'x', length);
			strcpy(&line[length], has_cr ? "\r\n" : "\n");
			assert_int_equal(add(line, strlen(line)),
				length < COMMAND_LINE_MAX ? REQUEST_READY : REQUEST_TOO_LONG);
			if (length < COMMAND_LINE_MAX) {
				assert_int_equal(strlen(request.text), length);
			}
		}
	}
	expect("list\n", REQUEST_READY, "", "list");
}

/* Each LF completes a line, and nothing else does; id and text are strings inside the line. */
static void test_any_bytes(void **state)
{
	(void)state;
	srand(5);
	for (uint32_t i = 0; i < 200000; i++) {
		char byte = rand() % 8 == 0 ? '\n' : (char)(rand() % 3 == 0 ? rand() : "@ \t\rx"[rand() % 5]);
		enum request_state result = request_add(&request, byte);

		assert_int_equal(result != REQUEST_INCOMPLETE, byte == '\n');
		if (result == REQUEST_READY) {
			assert_true(strlen(request.id) + strlen(request.text) < COMMAND_LINE_MAX);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_no_text),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
