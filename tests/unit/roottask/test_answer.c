/* SPDX-License-Identifier: MIT */
/* Answers: the same calls give lines of text and one line of JSON; whatever bytes names and logs hold; and where the queue is full. Host only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "answer.h"

#include <stdio.h>

#include <stdlib.h>
#include <string.h>

#define QUEUE_SIZE 65536u

static uint8_t bytes[QUEUE_SIZE];
static struct output output;
static struct answer answer;
static char taken[QUEUE_SIZE + 1];

static int set_up(void **state)
{
	(void)state;
	output = (struct output){ .bytes = bytes, .size = QUEUE_SIZE };
	return 0;
}

/* Everything that waits, as a string (NULs are not expected). */
static const char *take_all(void)
{
	uint32_t total = 0;
	uint32_t count;

	for (;;) {
		const uint8_t *next = output_next(&output, &count);

		if (count == 0) {
			break;
		}
		memcpy(&taken[total], next, count);
		total += count;
		output_taken(&output, count);
	}
	taken[total] = '\0';
	return taken;
}

static void compose(enum answer_form form, const char *id)
{
	answer_begin(&answer, form, &output, id, "list");
	answer_string(&answer, "of", "all", NULL);
	answer_list(&answer, "vms", "VMs:");
	for (uint64_t i = 0; i < 2; i++) {
		answer_row(&answer);
		answer_string(&answer, "name", i == 0 ? "red" : "blue", "VM %-5s", i == 0 ? "red" : "blue");
		answer_number(&answer, "bytes", i << 40, " %lu TiB", i);
		answer_boolean(&answer, "up", i == 0, i == 0 ? " up" : NULL);
	}
	answer_list(&answer, "lines", "log:");
	answer_item(&answer, "first", 5);
	answer_item(&answer, "second", 6);
	answer_list(&answer, "nothing", "");
	answer_list_end(&answer);
	answer_note(&answer, "in all: ");
	answer_number(&answer, "count", UINT64_MAX, "%u", 2u);
	answer_end(&answer);
}

static void test_both_forms(void **state)
{
	(void)state;
	compose(ANSWER_TEXT, "");
	assert_string_equal(take_all(),
		"VMs:\r\nVM red   0 TiB up\r\nVM blue  1 TiB\r\nlog:\r\nfirst\r\nsecond\r\nin all: 2\r\n");
	compose(ANSWER_JSON, "");
	assert_string_equal(take_all(),
		"{\"ok\":true,\"command\":\"list\",\"of\":\"all\",\"vms\":[{\"name\":\"red\",\"bytes\":0,\"up\":true},"
		"{\"name\":\"blue\",\"bytes\":1099511627776,\"up\":false}],\"lines\":[\"first\",\"second\"],\"nothing\":[],"
		"\"count\":18446744073709551615}\n");
	compose(ANSWER_JSON, "7\"");
	assert_int_equal(strncmp(take_all(), "{\"id\":\"7\\\"\",\"ok\":true,", 22), 0);
}

static void test_nothing_to_say(void **state)
{
	(void)state;
	answer_begin(&answer, ANSWER_JSON, &output, "", "stop");
	assert_false(answer_is_open(&answer));
	answer_end(&answer);
	assert_string_equal(take_all(), "{\"ok\":true,\"command\":\"stop\"}\n");
	answer_begin(&answer, ANSWER_TEXT, &output, "", "stop");
	answer_end(&answer);
	assert_string_equal(take_all(), "");
}

static void test_errors(void **state)
{
	(void)state;
	answer_begin(&answer, ANSWER_TEXT, &output, "", "stop");
	answer_note(&answer, "this line is taken back");
	answer_error(&answer, "VM %s is off", "red");
	answer_end(&answer);
	assert_string_equal(take_all(), "stop: VM red is off\r\n");
	answer_begin(&answer, ANSWER_JSON, &output, "x", "stop");
	answer_list(&answer, "taken back", "");
	answer_row(&answer);
	answer_number(&answer, "number", 1, NULL);
	assert_true(answer_is_open(&answer));
	answer_error(&answer, "VM \"%s\" is off", "red");
	answer_end(&answer);
	assert_false(answer_is_open(&answer));
	assert_string_equal(take_all(),
		"{\"id\":\"x\",\"ok\":false,\"command\":\"stop\",\"error\":\"VM \\\"red\\\" is off\"}\n");
}

/* Reads a JSON string of ASCII back; returns how many bytes it stood for, which must be those of `expected`. */
static void reads_back(const char *json, const uint8_t *expected, size_t length)
{
	assert_int_equal(*json++, '"');
	for (size_t i = 0; i < length; i++) {
		char digits[5] = { 0 };
		unsigned long value;

		assert_true(*json >= ' ' && *json <= '~' && *json != '"');
		if (json[0] != '\\') {
			value = (uint8_t)*json++;
		} else if (json[1] != 'u') {
			assert_true(json[1] == '"' || json[1] == '\\');
			value = (uint8_t)json[1];
			json += 2;
		} else {
			memcpy(digits, json + 2, 4);
			value = strtoul(digits, NULL, 16);
			json += 6;
		}
		assert_int_equal(value, expected[i]);
	}
	assert_string_equal(json, "\"");
}

static void test_any_bytes(void **state)
{
	(void)state;
	uint8_t all[256];

	for (size_t i = 0; i < sizeof all; i++) {
		all[i] = (uint8_t)i;
	}
	assert_true(json_string(&output, (const char *)all, sizeof all));
	reads_back(take_all(), all, sizeof all);
	srand(7);
	for (uint32_t round = 0; round < 2000; round++) {
		size_t length = (size_t)rand() % sizeof all;

		for (size_t i = 0; i < length; i++) {
			all[i] = (uint8_t)rand();
		}
		assert_true(json_string(&output, (const char *)all, length));
		reads_back(take_all(), all, length);
	}
}

/* With each number of free bytes that an answer may begin with: whole, or an error that says so; never a part. */
static void test_full_queue(void **state)
{
	static const char too_long[] =
		"{\"id\":\"9\",\"ok\":false,\"command\":\"log\",\"error\":\"the answer is longer";
	static char filling[QUEUE_SIZE];
	static char line[300];
	uint32_t whole = 0;
	uint32_t refused = 0;

	(void)state;
	memset(line, '"', sizeof line);
	for (uint32_t room = ANSWER_ROOM_MIN; room < QUEUE_SIZE; room += 97) {
		uint32_t fill = QUEUE_SIZE - room;
		const char *result;

		output.tail = output.head = (uint32_t)rand();
		assert_true(output_put(&output, filling, fill));
		answer_begin(&answer, ANSWER_JSON, &output, "9", "log");
		answer_list(&answer, "lines", "");
		for (uint32_t i = 0; i < 40; i++) {
			answer_item(&answer, line, sizeof line);
		}
		answer_end(&answer);
		output_taken(&output, fill);
		result = take_all();
		assert_int_equal(result[strlen(result) - 1], '\n');
		if (strncmp(result, too_long, sizeof too_long - 1) == 0) {
			assert_int_equal(whole, 0); /* more room never makes it fail */
			refused++;
		} else {
			assert_int_equal(strlen(result), 45 + 40 * (2 + 2 * sizeof line) + 39 + 3);
			whole++;
		}
	}
	assert_true(whole > 100 && refused > 100);
}

static void test_long_words_are_cut(void **state)
{
	char word[200];

	(void)state;
	memset(word, 'w', sizeof word - 1);
	word[sizeof word - 1] = '\0';
	answer_begin(&answer, ANSWER_JSON, &output, word, word);
	answer_error(&answer, "%s%s%s", word, word, word);
	answer_end(&answer);
	assert_true(strlen(take_all()) < 500);
}

static void test_lost_lines_are_counted(void **state)
{
	char line[100];
	uint32_t lines = 0;
	const char *text;

	(void)state;
	memset(line, 'l', sizeof line);
	for (uint32_t i = 0; i < 1000; i++) {
		output_line(&output, line, sizeof line);
	}
	text = take_all();
	for (; *text != '\0'; text += 102) {
		assert_int_equal(strncmp(text + 100, "\r\n", 2), 0);
		lines++;
	}
	assert_int_equal(lines, QUEUE_SIZE / 102);
	output_line(&output, "next", 4);
	(void)snprintf(line, sizeof line, "(%u lines did not fit here)\r\nnext\r\n", 1000 - lines);
	assert_string_equal(take_all(), line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_both_forms, set_up),
		cmocka_unit_test_setup(test_nothing_to_say, set_up),
		cmocka_unit_test_setup(test_errors, set_up),
		cmocka_unit_test_setup(test_any_bytes, set_up),
		cmocka_unit_test_setup(test_full_queue, set_up),
		cmocka_unit_test_setup(test_long_words_are_cut, set_up),
		cmocka_unit_test_setup(test_lost_lines_are_counted, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
