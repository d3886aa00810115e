/* SPDX-License-Identifier: MIT */
/* The first pass over an appliance file's text. Pure but for the reports. */
#include "source.h"

#include <stdbool.h>
#include <string.h>

#define MAX_DEPTH 16u

/* Where the pass stands. */
struct cursor {
	char *at;
	unsigned line;
	unsigned depth;
	unsigned open_lines[MAX_DEPTH]; /* the line of each brace that is still open */
	struct diagnostics *diagnostics;
};

static void blank_line(struct cursor *cursor)
{
	while (*cursor->at != '\0' && *cursor->at != '\n') {
		*cursor->at++ = ' ';
	}
}

static void blank_long_comment(struct cursor *cursor)
{
	unsigned start = cursor->line;

	for (; *cursor->at != '\0'; cursor->at++) {
		if (cursor->at[0] == '*' && cursor->at[1] == '/') {
			cursor->at[0] = ' ';
			cursor->at[1] = ' ';
			cursor->at += 2;
			return;
		}
		if (*cursor->at == '\n') {
			cursor->line++;
		} else {
			*cursor->at = ' ';
		}
	}
	report(cursor->diagnostics, start, "this comment does not end: add */ after it");
}

static void skip_quoted(struct cursor *cursor)
{
	char quote = *cursor->at++;

	while (*cursor->at != quote) {
		if (*cursor->at == '\0' || *cursor->at == '\n') {
			report(cursor->diagnostics, cursor->line,
				"this quoted text does not end on its line: add the closing %c", quote);
			return;
		}
		if (*cursor->at == '\\' && cursor->at[1] != '\0' && cursor->at[1] != '\n') {
			cursor->at++;
		}
		cursor->at++;
	}
	cursor->at++;
}

/* False if the rest of the file cannot be made sense of. */
static bool step_over_brace(struct cursor *cursor)
{
	if (*cursor->at++ == '{') {
		if (cursor->depth == MAX_DEPTH) {
			report(cursor->diagnostics, cursor->line,
				"braces are nested too deep: no section needs more than three");
			return false;
		}
		cursor->open_lines[cursor->depth++] = cursor->line;
	} else if (cursor->depth == 0) {
		report(cursor->diagnostics, cursor->line,
			"this } closes nothing: remove it, or add the { that it belongs to");
		return false;
	} else {
		cursor->depth--;
	}
	return true;
}

void prepare_source(char *text, struct diagnostics *diagnostics)
{
	struct cursor cursor = { .at = text, .line = 1, .diagnostics = diagnostics };

	while (*cursor.at != '\0') {
		char byte = *cursor.at;

		if (byte == '#' || (byte == '/' && cursor.at[1] == '/')) {
			blank_line(&cursor);
		} else if (byte == '/' && cursor.at[1] == '*') {
			blank_long_comment(&cursor);
		} else if (byte == '"' || byte == '\'') {
			skip_quoted(&cursor);
		} else if (byte == '{' || byte == '}') {
			if (!step_over_brace(&cursor)) {
				return;
			}
		} else {
			cursor.line += byte == '\n';
			cursor.at++;
		}
	}
	if (cursor.depth != 0) {
		report(diagnostics, cursor.open_lines[cursor.depth - 1],
			"the { on this line is never closed: add a } where its section ends");
	}
}

static const char *skip_blanks(const char *text) { return text + strspn(text, " \t\r"); }

/* Does this line begin with the words `kind` and `title`, quoted or not? */
static bool starts_section(const char *line, const char *kind, const char *title)
{
	size_t kind_length = strlen(kind);
	size_t title_length = strlen(title);

	line = skip_blanks(line);
	if (strncmp(line, kind, kind_length) != 0) {
		return false;
	}
	line = skip_blanks(line + kind_length);
	line += *line == '"' || *line == '\'';
	return strncmp(line, title, title_length) == 0 && strchr(" \t\r\n{\"'", line[title_length]) != NULL;
}

unsigned find_section_line(const char *text, const char *kind, const char *title, unsigned last_line)
{
	unsigned found = last_line;
	unsigned line = 1;

	while (text != NULL && line <= last_line) {
		if (starts_section(text, kind, title)) {
			found = line;
		}
		text = strchr(text, '\n');
		text = text != NULL ? text + 1 : NULL;
		line++;
	}
	return found;
}
