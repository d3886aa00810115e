/* SPDX-License-Identifier: MIT */
/* A script's line, byte by byte: a command, perhaps with an id in front that its answer repeats. Pure. */
#pragma once

#include "command.h"

#include <stdbool.h>

enum request_state {
	REQUEST_INCOMPLETE,
	REQUEST_READY,    /* text (and id) stand in the request */
	REQUEST_TOO_LONG, /* more than COMMAND_LINE_MAX - 1 bytes: nothing of them is kept */
	REQUEST_NO_TEXT,  /* a byte was neither printable ASCII nor TAB */
};

struct request {
	size_t length;
	bool is_too_long;
	bool is_no_text;
	char line[COMMAND_LINE_MAX + 1]; /* with a CR */
	char *id;                        /* "" for none; in `line` */
	char *text;                      /* the command, behind the id; in `line` */
};

/* Adds a byte. LF ends a line, a CR before it does not count. After any other state than INCOMPLETE the next byte begins a new line. A first
 * word with '@' in front is the id, without the '@'. */
enum request_state request_add(struct request *request, char byte);
