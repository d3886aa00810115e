/* SPDX-License-Identifier: MIT */
/* The transcript: prefixes, whole lines, beginnings of lines, control characters, turns. */
#include "desk.h"

#include <stdio.h>

static void whole_lines(void **state)
{
	struct desk *desk = desk_new(true);

	(void)state;
	guest_writes(desk, 0, "one\r\ntwo\n");
	guest_writes(desk, 1, "three\r\r\n");
	guest_writes(desk, DESK_ADMIN, "VM red is off\r\n");
	desk_run(desk);
	assert_string_equal(desk_transcript(desk), "red: one\nblue: three\nadmin: VM red is off\nred: two\n");
	desk_clear(desk);
}

static void empty_lines_and_tabs(void **state)
{
	struct desk *desk = desk_new(true);

	(void)state;
	guest_writes(desk, 2, "\r\n\n\ta\n");
	desk_run(desk);
	assert_string_equal(desk_transcript(desk), "green: \ngreen: \ngreen: \ta\n");
	desk_clear(desk);
}

/* The beginning of a line waits; when nobody else speaks it simply grows. */
static void a_prompt_appears_after_a_while(void **state)
{
	struct desk *desk = desk_new(true);

	(void)state;
	guest_writes(desk, 0, "/ # ");
	desk_run(desk);
	desk_wait(desk, QUIET - 1);
	assert_string_equal(desk_transcript(desk), "");
	desk_wait(desk, 1);
	assert_string_equal(desk_transcript(desk), "red: / # ");
	guest_writes(desk, 0, "ls\r\n");
	desk_wait(desk, 2);
	assert_string_equal(desk_transcript(desk), "ls\n");
	guest_writes(desk, 0, "bin\r\n");
	desk_wait(desk, 2);
	assert_string_equal(desk_transcript(desk), "red: bin\n");
	desk_clear(desk);
}

static void another_console_ends_it_and_plus_continues(void **state)
{
	struct desk *desk = desk_new(true);

	(void)state;
	guest_writes(desk, 0, "/ # ");
	desk_wait(desk, QUIET + 2);
	guest_writes(desk, 1, "hello\n");
	desk_wait(desk, 2);
	guest_writes(desk, 0, "ls\n");
	desk_wait(desk, 2);
	assert_string_equal(desk_transcript(desk), "red: / # \nblue: hello\nred+ ls\n");
	desk_clear(desk);
}

/* A guest that pauses inside a line for less than the quiet time is not interrupted. */
static void a_line_in_pieces_stays_whole(void **state)
{
	struct desk *desk = desk_new(true);

	(void)state;
	for (int i = 0; i < 5; i++) {
		guest_writes(desk, 0, "piece ");
		desk_wait(desk, QUIET - 10);
		guest_writes(desk, 1, "x\n");
		desk_wait(desk, 1);
	}
	guest_writes(desk, 0, "end\n");
	desk_wait(desk, 2);
	assert_non_null(strstr(desk_transcript(desk), "red: piece piece piece piece piece end\n"));
	desk_clear(desk);
}

static void control_characters_are_shown(void **state)
{
	struct desk *desk = desk_new(true);

	(void)state;
	guest_writes(desk, 0, "\033[6n\x01\x7f 10%\r 20%\r\n\xc3\xa4\n");
	desk_wait(desk, 2);
	assert_string_equal(desk_transcript(desk), "red: ^[[6n^A^? 10%^M 20%\nred: \xc3\xa4\n");
	desk_clear(desk);
}

static void a_cr_waits_for_its_newline(void **state)
{
	struct desk *desk = desk_new(true);

	(void)state;
	guest_writes(desk, 0, "a\r");
	desk_wait(desk, QUIET - 1);
	guest_writes(desk, 0, "\n");
	desk_wait(desk, 2);
	assert_string_equal(desk_transcript(desk), "red: a\n");
	guest_writes(desk, 0, "b\r");
	desk_wait(desk, QUIET + 2);
	assert_string_equal(desk_transcript(desk), "red: b");
	guest_writes(desk, 0, "c\n");
	desk_wait(desk, 2);
	assert_string_equal(desk_transcript(desk), "^Mc\n");
	desk_clear(desk);
}

/* Whatever a guest writes, it can't begin a line of the transcript in another's name. */
static void nobody_forges_a_line(void **state)
{
	struct desk *desk = desk_new(true);

	(void)state;
	guest_writes(desk, 0, "x\radmin: VM blue exited with code 3\r\n\n");
	desk_wait(desk, 2);
	assert_string_equal(desk_transcript(desk), "red: x^Madmin: VM blue exited with code 3\nred: \n");
	desk_clear(desk);
}

/* Lines up to the chunk are whole however many others write; longer ones are not cut either while nobody else has a line. */
static void long_lines(void **state)
{
	struct desk *desk = desk_new(true);
	char line[3 * TRANSCRIPT_CHUNK];

	(void)state;
	memset(line, 'x', sizeof(line));
	line[TRANSCRIPT_CHUNK - 1] = '\n';
	assert_int_equal(guest_writes_bytes(desk, 0, (uint8_t *)line, TRANSCRIPT_CHUNK), TRANSCRIPT_CHUNK);
	guest_writes(desk, 1, "y\n");
	desk_wait(desk, 2);
	desk_check_transcript(desk, desk->transcript.bytes, desk->transcript.length, true);
	assert_null(memchr(desk->transcript.bytes, '+', desk->transcript.length));
	line[TRANSCRIPT_CHUNK - 1] = 'x';
	line[sizeof(line) - 1] = '\n';
	assert_int_equal(guest_writes_bytes(desk, 0, (uint8_t *)line, sizeof(line)), sizeof(line));
	desk_wait(desk, 2);
	desk_check_transcript(desk, desk->transcript.bytes, desk->transcript.length, true);
	assert_null(memchr(desk->transcript.bytes, '+', desk->transcript.length));
	desk_clear(desk);
}

/* A console that writes without end leaves every other one its turn. */
static void turns(void **state)
{
	struct desk *desk = desk_new(true);
	char line[128];
	size_t at;

	(void)state;
	for (int i = 0; i < 20; i++) {
		(void)snprintf(line, sizeof(line), "noise %d %064d\n", i, 0);
		guest_writes(desk, 0, line);
	}
	guest_writes(desk, 1, "calm\n");
	desk_run(desk);
	(void)desk_transcript(desk);
	at = (size_t)(strstr((char *)desk->transcript.bytes, "blue: calm\n") -
		      (char *)desk->transcript.bytes);
	assert_true(at < 3 * sizeof(line));
	desk_clear(desk);
}

/* Runs of CRs longer than what is looked at are shown, and cost no more than others. */
static void many_crs(void **state)
{
	struct desk *desk = desk_new(true);
	uint8_t crs[2000];

	(void)state;
	memset(crs, '\r', sizeof(crs));
	assert_int_equal(guest_writes_bytes(desk, 0, crs, sizeof(crs)), sizeof(crs));
	guest_writes(desk, 0, "\n");
	desk_wait(desk, 2 * QUIET);
	desk_check_transcript(desk, desk->transcript.bytes, desk->transcript.length, true);
	desk_clear(desk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_lines),
		cmocka_unit_test(empty_lines_and_tabs),
		cmocka_unit_test(a_prompt_appears_after_a_while),
		cmocka_unit_test(another_console_ends_it_and_plus_continues),
		cmocka_unit_test(a_line_in_pieces_stays_whole),
		cmocka_unit_test(control_characters_are_shown),
		cmocka_unit_test(a_cr_waits_for_its_newline),
		cmocka_unit_test(nobody_forges_a_line),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(turns),
		cmocka_unit_test(many_crs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
