/* SPDX-License-Identifier: MIT */
/* Searches in the machine's output. Pure. */
#include "transcript.h"

#include <stdlib.h>
#include <string.h>

void text_search_start(struct text_search *search, const char *text)
{
	*search = (struct text_search){ .text = text, .length = strlen(text) };
	search->is_found = search->length == 0;
}

/* How much of the text the stream matches after one more byte: the longest beginning of the text that the stream ends with. */
static size_t matched_after(const struct text_search *search, char byte)
{
	size_t matched = search->matched;

	for (;;) {
		if (search->text[matched] == byte) {
			return matched + 1;
		}
		if (matched == 0) {
			return 0;
		}
		/* fall back to the next shorter beginning that is also an end of what matched */
		size_t shorter = matched - 1;

		while (shorter > 0 && memcmp(search->text, search->text + matched - shorter, shorter) != 0) {
			shorter--;
		}
		matched = shorter;
	}
}

void text_search_feed(struct text_search *search, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size && !search->is_found; i++) {
		search->matched = matched_after(search, bytes[i]);
		search->is_found = search->matched == search->length;
	}
}

void exit_watch_start(struct exit_watch *watch, const char *console)
{
	*watch = (struct exit_watch){ .console = console };
}

static void judge_line(struct exit_watch *watch)
{
	static const char VM[] = "VM ";
	static const char EXITED[] = " exited with code ";
	const char *line = watch->line;
	size_t length = strlen(watch->console);

	watch->line[watch->length] = '\0';
	line += *line == '[';
	if (strncmp(line, watch->console, length) != 0 || line[length] == '\0' ||
		strchr("]:| ", line[length]) == NULL) {
		return;
	}
	const char *name = strstr(line + length, VM);
	const char *code = name != NULL ? strstr(name, EXITED) : NULL;
	char *end;

	if (code == NULL) {
		return;
	}
	code += strlen(EXITED);
	unsigned long value = strtoul(code, &end, 0);

	if (*code >= '0' && *code <= '9') {
		watch->has_code = true;
		watch->code = (unsigned)(value % 128);
	}
}

void exit_watch_feed(struct exit_watch *watch, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] == '\n') {
			judge_line(watch);
			watch->length = 0;
		} else if (watch->length + 1 < sizeof watch->line) {
			watch->line[watch->length++] = bytes[i];
		}
	}
}
