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

void transcript_start(struct transcript *transcript, const char *until, const char *halted, const char *admin)
{
	*transcript =
		(struct transcript){ .until = until, .halted = halted, .admin = admin, .in_prefix = true };
	text_search_start(&transcript->raw_until, until);
}

/* The console of that name; a new one where it is the first time. NULL if there are too many. */
static struct transcript_console *find_console(struct transcript *transcript, const char *name)
{
	for (unsigned i = 0; i < transcript->console_count; i++) {
		if (strcmp(transcript->consoles[i].name, name) == 0) {
			return &transcript->consoles[i];
		}
	}
	if (transcript->console_count == TRANSCRIPT_CONSOLES) {
		return NULL;
	}
	struct transcript_console *console = &transcript->consoles[transcript->console_count++];

	strcpy(console->name, name);
	text_search_start(&console->until, transcript->until);
	text_search_start(&console->halted, transcript->halted);
	return console;
}

/* Judges the administrator's line as far as it has come; if it is continued later, it is judged again. */
static void judge_line(struct transcript *transcript)
{
	static const char EXITED[] = " exited with code ";

	transcript->line[transcript->line_length] = '\0';
	const char *name = strstr(transcript->line, "VM ");
	const char *code = name != NULL ? strstr(name, EXITED) : NULL;

	if (code == NULL || code[strlen(EXITED)] < '0' || code[strlen(EXITED)] > '9') {
		return;
	}
	transcript->has_code = true;
	transcript->code = (unsigned)(strtoul(code + strlen(EXITED), NULL, 10) % 128);
}

static void feed_console(struct transcript *transcript, struct transcript_console *console, char byte)
{
	text_search_feed(&console->until, &byte, 1);
	text_search_feed(&console->halted, &byte, 1);
	transcript->until_found |= console->until.is_found;
	transcript->halted_found |= console->halted.is_found;
	if (strcmp(console->name, transcript->admin) == 0 &&
		transcript->line_length + 1 < sizeof transcript->line) {
		transcript->line[transcript->line_length++] = byte;
	}
}

/* One more byte of a line's beginning: a name, then ": " or "+ ". */
static void feed_prefix(struct transcript *transcript, char byte)
{
	char *prefix = transcript->prefix;
	size_t length = transcript->prefix_length;

	if (length == sizeof transcript->prefix) {
		return; /* nobody's line */
	}
	prefix[length] = byte;
	transcript->prefix_length = length + 1;
	if (byte != ' ' || length < 2 || (prefix[length - 1] != ':' && prefix[length - 1] != '+')) {
		return;
	}
	bool is_continued = prefix[length - 1] == '+';

	prefix[length - 1] = '\0';
	transcript->in_prefix = false;
	transcript->current = find_console(transcript, prefix);
	/* only now it is known that the line before was whole, and not interrupted */
	if (!is_continued && transcript->current != NULL) {
		feed_console(transcript, transcript->current, '\n');
		if (strcmp(prefix, transcript->admin) == 0) {
			transcript->line_length = 0;
		}
	}
}

void transcript_feed(struct transcript *transcript, const char *bytes, size_t size)
{
	text_search_feed(&transcript->raw_until, bytes, size);
	transcript->until_found |= transcript->raw_until.is_found;
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] == '\r') {
			continue;
		}
		if (bytes[i] == '\n') {
			if (transcript->current != NULL &&
				strcmp(transcript->current->name, transcript->admin) == 0) {
				judge_line(transcript);
			}
			transcript->in_prefix = true;
			transcript->prefix_length = 0;
			transcript->current = NULL;
		} else if (transcript->in_prefix) {
			feed_prefix(transcript, bytes[i]);
		} else if (transcript->current != NULL) {
			feed_console(transcript, transcript->current, bytes[i]);
		}
	}
}
