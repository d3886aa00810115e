/* SPDX-License-Identifier: MIT */
/* The grammar of the administrator's console: one word and at most one name. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define COMMAND_LINE_MAX 128u

enum command_kind {
	COMMAND_NONE, /* an empty line */
	COMMAND_HELP,
	COMMAND_LIST,
	COMMAND_NET,
	COMMAND_KILL,
	COMMAND_STOP,
	COMMAND_START,
	COMMAND_RESTART,
	COMMAND_PAUSE,
	COMMAND_RESUME,
	COMMAND_BUTTON,
	COMMAND_LOG,
	COMMAND_CAPS,
	COMMAND_HOLDERS,
	COMMAND_FOLLOW,
	COMMAND_POWER_OFF,
	COMMAND_KINDS
};

enum command_error {
	COMMAND_OK,
	COMMAND_ERROR_UNKNOWN, /* no such command; word names it */
	COMMAND_ERROR_MISSING, /* it needs a name */
	COMMAND_ERROR_EXTRA,   /* more words than it takes */
};

struct command {
	enum command_kind kind;
	const char *word; /* the command as typed */
	const char *name; /* its argument, "" if there is none */
};

/* Splits `line` (NUL-terminated, changed in place; the results point into it). */
__attribute__((warn_unused_result)) enum command_error command_parse(char *line, struct command *command);

/* Whether it changes something, so that it belongs into the audit log. */
bool command_is_order(enum command_kind kind);

/* How a command is written, like "kill TASK", and what it does. */
const char *command_usage(enum command_kind kind);
const char *command_purpose(enum command_kind kind);
