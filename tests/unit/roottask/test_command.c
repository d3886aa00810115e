/* SPDX-License-Identifier: MIT */
/* The grammar of the administrator's console. Host only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "command.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *line;
	enum command_error error;
	enum command_kind kind;
	const char *name;
} cases[] = {
	{ "", COMMAND_OK, COMMAND_NONE, "" },
	{ "   \t ", COMMAND_OK, COMMAND_NONE, "" },
	{ "help", COMMAND_OK, COMMAND_HELP, "" },
	{ "  list  ", COMMAND_OK, COMMAND_LIST, "" },
	{ "log", COMMAND_OK, COMMAND_LOG, "" },
	{ "net", COMMAND_OK, COMMAND_NET, "" },
	{ "kill red/uart0", COMMAND_OK, COMMAND_KILL, "red/uart0" },
	{ "\tcaps \t red/vmm\t", COMMAND_OK, COMMAND_CAPS, "red/vmm" },
	{ "stop red", COMMAND_OK, COMMAND_STOP, "red" },
	{ "start red", COMMAND_OK, COMMAND_START, "red" },
	{ "restart red", COMMAND_OK, COMMAND_RESTART, "red" },
	{ "pause red", COMMAND_OK, COMMAND_PAUSE, "red" },
	{ "resume red", COMMAND_OK, COMMAND_RESUME, "red" },
	{ "resume", COMMAND_ERROR_MISSING, COMMAND_RESUME, "" },
	{ "button red", COMMAND_OK, COMMAND_BUTTON, "red" },
	{ "button", COMMAND_ERROR_MISSING, COMMAND_BUTTON, "" },
	{ "holders red/ram", COMMAND_OK, COMMAND_HOLDERS, "red/ram" },
	{ "holders", COMMAND_ERROR_MISSING, COMMAND_HOLDERS, "" },
	{ "follow", COMMAND_OK, COMMAND_FOLLOW, "" },
	{ "follow red/vmm", COMMAND_OK, COMMAND_FOLLOW, "red/vmm" },
	{ "follow red vmm", COMMAND_ERROR_EXTRA, COMMAND_FOLLOW, "red" },
	{ "kill", COMMAND_ERROR_MISSING, COMMAND_KILL, "" },
	{ "restart  ", COMMAND_ERROR_MISSING, COMMAND_RESTART, "" },
	{ "kill a b", COMMAND_ERROR_EXTRA, COMMAND_KILL, "a" },
	{ "list all", COMMAND_ERROR_EXTRA, COMMAND_LIST, "all" },
	{ "kil red", COMMAND_ERROR_UNKNOWN, COMMAND_NONE, "red" },
	{ "killer", COMMAND_ERROR_UNKNOWN, COMMAND_NONE, "" },
	{ "HELP", COMMAND_ERROR_UNKNOWN, COMMAND_NONE, "" },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *line = strdup(cases[i].line);
		struct command command;

		assert_int_equal(command_parse(line, &command), cases[i].error);
		assert_int_equal(command.kind, cases[i].kind);
		assert_string_equal(command.name, cases[i].name);
		free(line);
	}
}

static void test_every_command_has_its_help(void **state)
{
	(void)state;
	for (unsigned int kind = COMMAND_HELP; kind < COMMAND_KINDS; kind++) {
		assert_true(command_usage((enum command_kind)kind)[0] != '\0');
		assert_true(command_purpose((enum command_kind)kind)[0] != '\0');
	}
	assert_string_equal(command_usage(COMMAND_KINDS), "");
}

static void what_changes_something_is_an_order(void **state)
{
	static const bool orders[COMMAND_KINDS] = { [COMMAND_KILL] = true,
		[COMMAND_STOP] = true,
		[COMMAND_START] = true,
		[COMMAND_RESTART] = true,
		[COMMAND_PAUSE] = true,
		[COMMAND_RESUME] = true,
		[COMMAND_BUTTON] = true,
		[COMMAND_POWER_OFF] = true };

	(void)state;
	for (int kind = COMMAND_NONE; kind < COMMAND_KINDS; kind++) {
		assert_int_equal(command_is_order((enum command_kind)kind), orders[kind]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_every_command_has_its_help),
		cmocka_unit_test(what_changes_something_is_an_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
