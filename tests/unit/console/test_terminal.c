/* SPDX-License-Identifier: MIT */
/* The terminal: the console in front, raw both ways; keys after Ctrl-]; the backlog. */
#include "desk.h"

#include <stdio.h>

static void raw_both_ways(void **state)
{
	struct desk *desk = desk_new(true);
	char text[64];

	(void)state;
	guest_writes(desk, 0, "login:\r\n\033[6n\x01");
	guest_writes(desk, 1, "not seen");
	desk_run(desk);
	assert_string_equal(desk_screen(desk), "login:\r\n\033[6n\x01");
	desk_type(desk, "root\r\x03\x7f");
	assert_int_equal(guest_reads(desk, 0, text, sizeof(text)), 7);
	assert_string_equal(text, "root\r\x03\x7f");
	assert_int_equal(guest_reads(desk, 1, text, sizeof(text)), 0);
	desk_clear(desk);
}

static void a_new_terminal_says_where_help_is(void **state)
{
	struct desk *desk = desk_new(true);

	(void)state;
	memset(desk->saved, 0, SAVED_SIZE(DESK_CONSOLES));
	desk_restart(desk);
	desk_run(desk);
	assert_string_equal(desk_screen(desk), "\r\n[red] Ctrl-] ? shows help\r\n");
	desk_restart(desk);
	desk_run(desk);
	assert_string_equal(desk_screen(desk), "");
	desk_clear(desk);
}

static void digits_and_letters_switch(void **state)
{
	static const struct {
		const char *keys;
		const char *screen;
	} steps[] = {
		{ "2", "\r\n[blue]\r\nB" },
		{ "n", "\r\n[green]\r\nG" },
		{ "n", "\r\n[admin]\r\nA" },
		{ "n", "\r\n[red]\r\nR" },
		{ "p", "\r\n[admin]\r\nA" },
		{ "3", "\r\n[green]\r\nG" },
		{ "0", "\r\n[admin]\r\nA" },
		{ "1", "\r\n[red]\r\nR" },
		{ "a", "\r\n[admin]\r\nA" },
		{ "4", "\r\n[there is no such console; Ctrl-] l lists them]\r\n" },
		{ "x", "\r\n[no such key; Ctrl-] ? shows help]\r\n" },
	};
	struct desk *desk = desk_new(true);
	char text[8];

	(void)state;
	guest_writes(desk, 0, "R");
	guest_writes(desk, 1, "B");
	guest_writes(desk, 2, "G");
	guest_writes(desk, 3, "A");
	desk_run(desk);
	(void)desk_screen(desk);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		desk_type(desk, CTRL_BRACKET);
		assert_string_equal(desk_screen(desk), "");
		desk_type(desk, steps[i].keys);
		assert_string_equal(desk_screen(desk), steps[i].screen);
	}
	desk_type(desk, "l");
	assert_int_equal(guest_reads(desk, 3, text, sizeof(text)), 1);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(guest_reads(desk, i, text, sizeof(text)), 0);
	}
	desk_clear(desk);
}

static void twice_sends_one(void **state)
{
	struct desk *desk = desk_new(true);
	char text[8];

	(void)state;
	desk_type(desk, "a" CTRL_BRACKET CTRL_BRACKET "b");
	assert_int_equal(guest_reads(desk, 0, text, sizeof(text)), 3);
	assert_string_equal(text, "a" CTRL_BRACKET "b");
	assert_string_equal(desk_screen(desk), "");
	desk_clear(desk);
}

static void list_and_help(void **state)
{
	struct desk *desk = desk_new(true);

	(void)state;
	guest_writes(desk, 1, "news\n");
	desk_run(desk);
	desk_type(desk, CTRL_BRACKET "l");
	assert_string_equal(desk_screen(desk),
		"\r\n  1  red  (in front)\r\n  2  blue  (new output)\r\n  3  green\r\n  0  admin\r\n");
	desk_type(desk, CTRL_BRACKET "2");
	desk_type(desk, CTRL_BRACKET "1");
	(void)desk_screen(desk);
	desk_type(desk, CTRL_BRACKET "l");
	assert_null(strstr(desk_screen(desk), "new output"));
	desk_type(desk, CTRL_BRACKET "?");
	assert_non_null(strstr(desk_screen(desk), "power off the machine"));
	desk_type(desk, CTRL_BRACKET "h");
	assert_non_null(strstr(desk_screen(desk), "power off the machine"));
	desk_clear(desk);
}

static void power_off_is_asked_for(void **state)
{
	struct desk *desk = desk_new(true);
	char text[32];

	(void)state;
	desk_type(desk, CTRL_BRACKET "q");
	assert_non_null(strstr(desk_screen(desk), "y or any other key"));
	desk_type(desk, "n");
	assert_string_equal(desk_screen(desk), "[not powered off]\r\n");
	assert_int_equal(guest_reads(desk, DESK_ADMIN, text, sizeof(text)), 0);
	desk_type(desk, CTRL_BRACKET "qy");
	assert_int_equal(guest_reads(desk, DESK_ADMIN, text, sizeof(text)), 10);
	assert_string_equal(text, "\rpoweroff\r");
	assert_int_equal(guest_reads(desk, 0, text, sizeof(text)), 0);
	desk_clear(desk);
}

/* Without questions to the terminal, which it would answer once more. */
static void the_backlog_has_no_questions(void **state)
{
	struct desk *desk = desk_new(true);

	(void)state;
	guest_writes(desk, 1, "a\033[6nb\033[0cc\033Zd\005e\033[1;31mf\033[6");
	desk_run(desk);
	desk_type(desk, CTRL_BRACKET "2");
	assert_string_equal(desk_screen(desk), "\r\n[blue]\r\nabcde\033[1;31mf\033[6");
	/* the rest of a sequence that the backlog's end cuts, and live ones */
	guest_writes(desk, 1, "nx\033[6ny");
	desk_run(desk);
	assert_string_equal(desk_screen(desk), "nx\033[6ny");
	desk_clear(desk);
}

/* Of much output the last part, from a line's beginning on; then what comes now. */
static void a_long_backlog(void **state)
{
	struct desk *desk = desk_new(true);
	char line[64];
	const char *screen;
	uint32_t number = 0;

	(void)state;
	for (uint32_t i = 0; i < 5000; i++) {
		(void)snprintf(line, sizeof(line), "line %06u\r\n", i);
		guest_writes(desk, 1, line);
		desk_wait(desk, 2);
	}
	(void)desk_screen(desk);
	desk_type(desk, CTRL_BRACKET "2");
	screen = desk_screen(desk);
	assert_memory_equal(screen, "\r\n[blue]\r\nline ", 15);
	assert_true(strlen(screen) > TERMINAL_REPLAY - 64 && strlen(screen) <= TERMINAL_REPLAY + 16);
	number = (uint32_t)strtoul(screen + 15, NULL, 10);
	for (screen += 10; number < 5000; number++) {
		(void)snprintf(line, sizeof(line), "line %06u\r\n", number);
		assert_memory_equal(screen, line, 13);
		screen += 13;
	}
	assert_string_equal(screen, "");
	guest_writes(desk, 1, "now");
	desk_wait(desk, 2);
	assert_string_equal(desk_screen(desk), "now");
	desk_clear(desk);
}

static void switching_again_shows_it_again(void **state)
{
	struct desk *desk = desk_new(true);

	(void)state;
	guest_writes(desk, 0, "first\r\n");
	desk_run(desk);
	desk_type(desk, CTRL_BRACKET "1" CTRL_BRACKET "2");
	(void)desk_screen(desk);
	guest_writes(desk, 0, "second\r\n");
	desk_run(desk);
	assert_string_equal(desk_screen(desk), "");
	desk_type(desk, CTRL_BRACKET "1");
	assert_string_equal(desk_screen(desk), "\r\n[red]\r\nfirst\r\nsecond\r\n");
	desk_clear(desk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raw_both_ways),
		cmocka_unit_test(a_new_terminal_says_where_help_is),
		cmocka_unit_test(digits_and_letters_switch),
		cmocka_unit_test(twice_sends_one),
		cmocka_unit_test(list_and_help),
		cmocka_unit_test(power_off_is_asked_for),
		cmocka_unit_test(the_backlog_has_no_questions),
		cmocka_unit_test(a_long_backlog),
		cmocka_unit_test(switching_again_shows_it_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
