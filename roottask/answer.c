/* SPDX-License-Identifier: MIT */
/* Answers as text or JSON: see answer.h. Pure. */
#include "answer.h"

#include <bulkhead/task.h>

#include <string.h>

#define ERROR_MAX 320u    /* bytes of an error's text */
#define ERROR_SPACE 2560u /* an error's object fits: each byte of id, command and text may take six */
#define NUMBER_MAX 24u

_Static_assert(6 * (ERROR_MAX + 2 * ANSWER_WORD_MAX) + 100 < ERROR_SPACE, "an error fits in its space");
_Static_assert(2 * ERROR_SPACE < ANSWER_ROOM_MIN, "an error fits, and leaves the space for the next one");

/* ---- JSON ------------------------------------------------------------------------------------------------------------ */

bool json_string(struct output *output, const char *bytes, size_t length)
{
	bool fits = output_put(output, "\"", 1);

	for (size_t i = 0; fits && i < length; i++) {
		unsigned char byte = (unsigned char)bytes[i];
		char escape[8];

		if (byte == '"' || byte == '\\') {
			escape[0] = '\\';
			escape[1] = (char)byte;
			fits = output_put(output, escape, 2);
		} else if (byte < ' ' || byte > '~') {
			fits = output_put(output, escape, bh_format(escape, sizeof(escape), "\\u%04x", byte));
		} else {
			fits = output_put(output, &bytes[i], 1);
		}
	}
	return fits && output_put(output, "\"", 1);
}

/* Puts a piece of the object, unless it is too long already. An error's space stays free. */
static void put(struct answer *answer, const char *bytes, size_t length)
{
	if (answer->is_too_long || output_room(answer->output) < length + ERROR_SPACE ||
		!output_put(answer->output, bytes, length)) {
		answer->is_too_long = true;
	}
}

static void put_text(struct answer *answer, const char *text) { put(answer, text, strlen(text)); }

static void put_string(struct answer *answer, const char *bytes, size_t length)
{
	if (answer->is_too_long || output_room(answer->output) < 6 * length + 2 + ERROR_SPACE ||
		!json_string(answer->output, bytes, length)) {
		answer->is_too_long = true;
	}
}

/* {"id":"...","ok":true,"command":"..." without its end; an error says ok false. */
static void put_beginning(struct answer *answer, bool is_ok)
{
	put_text(answer, "{");
	if (answer->id[0] != '\0') {
		put_text(answer, "\"id\":");
		put_string(answer, answer->id, strlen(answer->id));
		put_text(answer, ",");
	}
	put_text(answer, is_ok ? "\"ok\":true" : "\"ok\":false");
	if (answer->command[0] != '\0') {
		put_text(answer, ",\"command\":");
		put_string(answer, answer->command, strlen(answer->command));
	}
	answer->has_begun = true;
	answer->needs_comma = true;
}

static void put_key(struct answer *answer, const char *key)
{
	if (!answer->has_begun) {
		put_beginning(answer, true);
	}
	if (answer->needs_comma) {
		put_text(answer, ",");
	}
	put_text(answer, "\"");
	put_text(answer, key);
	put_text(answer, "\":");
	answer->needs_comma = true;
}

/* ---- Text ------------------------------------------------------------------------------------------------------------ */

__attribute__((format(printf, 2, 0))) static void add_to_line(
	struct answer *answer, const char *format, __builtin_va_list arguments)
{
	if (format != NULL) {
		answer->line_length += bh_format_list(answer->line + answer->line_length,
			sizeof(answer->line) - answer->line_length, format, arguments);
	}
}

static void end_line(struct answer *answer)
{
	if (answer->line_length > 0) {
		output_line(answer->output, answer->line, answer->line_length);
		answer->line_length = 0;
	}
}

/* ---- Both ------------------------------------------------------------------------------------------------------------ */

static void copy_word(char *to, const char *from)
{
	size_t length = strlen(from);

	length = length < ANSWER_WORD_MAX ? length : ANSWER_WORD_MAX - 1;
	memcpy(to, from, length);
	to[length] = '\0';
}

void answer_begin(struct answer *answer, enum answer_form form, struct output *output, const char *id,
	const char *command)
{
	*answer = (struct answer){ .form = form, .output = output, .start = output->head };
	copy_word(answer->id, id);
	copy_word(answer->command, command);
}

bool answer_is_open(const struct answer *answer)
{
	return answer->form == ANSWER_JSON && answer->has_begun && !answer->is_complete;
}

void answer_note(struct answer *answer, const char *format, ...)
{
	__builtin_va_list arguments;

	__builtin_va_start(arguments, format);
	if (answer->form == ANSWER_TEXT) {
		add_to_line(answer, format, arguments);
	}
	__builtin_va_end(arguments);
}

void answer_string(struct answer *answer, const char *key, const char *value, const char *format, ...)
{
	__builtin_va_list arguments;

	__builtin_va_start(arguments, format);
	if (answer->form == ANSWER_TEXT) {
		add_to_line(answer, format, arguments);
	} else {
		put_key(answer, key);
		put_string(answer, value, strlen(value));
	}
	__builtin_va_end(arguments);
}

void answer_number(struct answer *answer, const char *key, uint64_t value, const char *format, ...)
{
	__builtin_va_list arguments;
	char digits[NUMBER_MAX];

	__builtin_va_start(arguments, format);
	if (answer->form == ANSWER_TEXT) {
		add_to_line(answer, format, arguments);
	} else {
		put_key(answer, key);
		put(answer, digits, bh_format(digits, sizeof(digits), "%lu", value));
	}
	__builtin_va_end(arguments);
}

void answer_boolean(struct answer *answer, const char *key, bool value, const char *format, ...)
{
	__builtin_va_list arguments;

	__builtin_va_start(arguments, format);
	if (answer->form == ANSWER_TEXT) {
		add_to_line(answer, format, arguments);
	} else {
		put_key(answer, key);
		put_text(answer, value ? "true" : "false");
	}
	__builtin_va_end(arguments);
}

static void end_row(struct answer *answer)
{
	if (answer->form == ANSWER_TEXT) {
		end_line(answer);
	} else if (answer->in_row) {
		put_text(answer, "}");
		answer->needs_comma = true;
	}
	answer->in_row = false;
}

void answer_list_end(struct answer *answer)
{
	end_row(answer);
	if (answer->form == ANSWER_JSON && answer->in_list) {
		put_text(answer, "]");
		answer->needs_comma = true;
	}
	answer->in_list = false;
}

void answer_list(struct answer *answer, const char *key, const char *title)
{
	answer_list_end(answer);
	if (answer->form == ANSWER_JSON) {
		put_key(answer, key);
		put_text(answer, "[");
		answer->needs_comma = false;
	} else if (title[0] != '\0') {
		output_line(answer->output, title, strlen(title));
	}
	answer->in_list = true;
}

void answer_row(struct answer *answer)
{
	end_row(answer);
	if (answer->form == ANSWER_JSON) {
		put_text(answer, answer->needs_comma ? ",{" : "{");
		answer->needs_comma = false;
	}
	answer->in_row = true;
}

void answer_item(struct answer *answer, const char *bytes, size_t length)
{
	if (answer->form == ANSWER_TEXT) {
		output_line(answer->output, bytes, length);
		return;
	}
	if (answer->needs_comma) {
		put_text(answer, ",");
	}
	put_string(answer, bytes, length);
	answer->needs_comma = true;
}

/* The error's object alone, whatever was written before. */
static void put_error(struct answer *answer, const char *text, size_t length)
{
	struct output *output = answer->output;

	output->head = answer->start;
	answer->is_too_long = false;
	put_beginning(answer, false);
	put_text(answer, ",\"error\":");
	put_string(answer, text, length);
	put_text(answer, "}\n");
	answer->is_complete = true;
}

void answer_error(struct answer *answer, const char *format, ...)
{
	char text[ERROR_MAX];
	__builtin_va_list arguments;
	size_t length;

	__builtin_va_start(arguments, format);
	length = bh_format_list(text, sizeof(text), format, arguments);
	__builtin_va_end(arguments);
	if (answer->form == ANSWER_JSON) {
		put_error(answer, text, length);
		return;
	}
	answer->line_length = 0;
	if (answer->command[0] != '\0') {
		answer_note(answer, "%s: ", answer->command);
	}
	answer_note(answer, "%s", text);
	end_line(answer);
	answer->is_complete = true;
}

void answer_end(struct answer *answer)
{
	static const char too_long[] =
		"the answer is longer than the control port's buffer: ask for less, or at "
		"the administrator's console";

	if (answer->is_complete) {
		return;
	}
	answer_list_end(answer);
	if (answer->form == ANSWER_TEXT) {
		return;
	}
	if (!answer->has_begun) {
		put_beginning(answer, true);
	}
	put_text(answer, "}\n");
	if (answer->is_too_long) {
		put_error(answer, too_long, sizeof(too_long) - 1);
	}
	answer->is_complete = true;
}
