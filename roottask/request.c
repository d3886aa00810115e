/* SPDX-License-Identifier: MIT */
/* A script's line: see request.h. Pure. */
#include "request.h"

static bool is_blank(char character) { return character == ' ' || character == '\t'; }

/* Splits the id off. */
static void split(struct request *request)
{
	char *next = request->line;

	request->line[request->length] = '\0';
	while (is_blank(*next)) {
		next++;
	}
	request->id = &request->line[request->length];
	if (*next == '@') {
		request->id = ++next;
		while (*next != '\0' && !is_blank(*next)) {
			next++;
		}
		if (*next != '\0') {
			*next++ = '\0';
		}
	}
	request->text = next;
}

enum request_state request_add(struct request *request, char byte)
{
	enum request_state state = REQUEST_READY;

	if (byte != '\n') {
		/* A CR is kept until the next byte says whether the line ends there. */
		bool follows_cr = request->length > 0 && request->line[request->length - 1] == '\r';

		request->is_no_text |=
			follows_cr || !((byte >= ' ' && byte <= '~') || byte == '\t' || byte == '\r');
		if (request->length == sizeof(request->line) - 1) {
			request->is_too_long = true;
		} else {
			request->line[request->length++] = byte;
		}
		return REQUEST_INCOMPLETE;
	}
	if (request->length > 0 && request->line[request->length - 1] == '\r') {
		request->length--;
	}
	if (request->is_too_long || request->length >= COMMAND_LINE_MAX) {
		request->length = 0;
		state = REQUEST_TOO_LONG;
	} else if (request->is_no_text) {
		state = REQUEST_NO_TEXT;
	}
	split(request);
	request->length = 0;
	request->is_too_long = false;
	request->is_no_text = false;
	return state;
}
