/* SPDX-License-Identifier: MIT */
/* A command's answer, written once for people and for programs: lines of text for the administrator's console, or one JSON object (RFC 8259)
 * on one line for the control port. Pure: writes into an output queue only.
 *
 * A command does what it has to do, then says what it has to say, with these functions: first fields, then lists. A list is an array, of
 * objects (answer_row() and then its fields) or of strings (answer_item()). As text each row and each item is a line, composed of what
 * the fields' formats give; no format (NULL) shows nothing.
 *
 * A JSON answer is whole or it is an error: whatever was written of it is taken back where it does not fit, or the command fails. Nothing
 * else may be put into the queue between the first field and answer_end(): see answer_is_open(). */
#pragma once

#include "output.h"

#define ANSWER_LINE_MAX 640u /* bytes of a line of text; longer ones are cut */
#define ANSWER_WORD_MAX 32u  /* bytes of the id and of the command's word, with its NUL */

enum answer_form { ANSWER_TEXT, ANSWER_JSON };

struct answer {
	enum answer_form form;
	struct output *output;
	uint32_t start;   /* the queue's head when the answer began */
	bool has_begun;   /* something was written */
	bool is_complete; /* its end was written, or an error */
	bool is_too_long; /* something did not fit */
	bool in_list;
	bool in_row;
	bool needs_comma;
	char id[ANSWER_WORD_MAX];
	char command[ANSWER_WORD_MAX];
	char line[ANSWER_LINE_MAX]; /* text: the row under way */
	size_t line_length;
};

#define ANSWER_ROOM_MIN 8192u /* free bytes of the queue in which an error fits, whatever was asked */

/* Begins an answer. JSON: the queue has at least ANSWER_ROOM_MIN bytes free. `id` and `command`: what the JSON object repeats, cut to ANSWER_WORD_MAX - 1 bytes; "" for none. */
void answer_begin(struct answer *answer, enum answer_form form, struct output *output, const char *id,
	const char *command);

/* True between the first thing written and answer_end(), of a JSON answer. */
bool answer_is_open(const struct answer *answer);

/* A field of the object, or of the row under way: JSON gets the key and the value, text what the format gives. */
void answer_string(struct answer *answer, const char *key, const char *value, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void answer_number(struct answer *answer, const char *key, uint64_t value, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void answer_boolean(struct answer *answer, const char *key, bool value, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Text alone, of the line under way. */
void answer_note(struct answer *answer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A list begins; one that was under way ends. `title` is a line of text in front of it, "" for none. */
void answer_list(struct answer *answer, const char *key, const char *title);

/* The list's next object. */
void answer_row(struct answer *answer);

/* The list's next string: `length` bytes. */
void answer_item(struct answer *answer, const char *bytes, size_t length);

/* The list ends, and what follows are fields of the object; as text, a line of their own. */
void answer_list_end(struct answer *answer);

/* The command has failed, and why: with the remedy. What was written is taken back (text: the line under way). */
void answer_error(struct answer *answer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The answer is complete. */
void answer_end(struct answer *answer);

/* Puts a JSON string with its quotes: every byte becomes ASCII that JSON allows, one above 126 the character of its number (ISO 8859-1). True
 * if all of it fitted; the queue may otherwise hold a part of it. */
bool json_string(struct output *output, const char *bytes, size_t length);
