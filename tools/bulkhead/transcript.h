/* SPDX-License-Identifier: MIT */
/*
 * What the tool reads out of the machine's serial lines: the text that it waits for, the kernel's last words, and the codes with which VMs
 * exited. Pure: bytes in, findings out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Looks for a text in a stream that comes in pieces. */
struct text_search {
	const char *text;
	size_t length;
	size_t matched; /* bytes of the text that the stream's end matches */
	bool is_found;
};

/* `text` must stay; an empty one is found at once. */
void text_search_start(struct text_search *search, const char *text);
void text_search_feed(struct text_search *search, const char *bytes, size_t size);

/*
 * The transcript as the console backend writes it: each line begins with a console's name and ": ", or "+ " where it continues that
 * console's line above, which another's interrupted:
 *
 *   red: / #
 *   blue: a line
 *   red+ ls
 *
 * It is read into one stream for each console, so that a text is found however the lines were interrupted.
 */
#define TRANSCRIPT_CONSOLES 64u
#define TRANSCRIPT_NAME_MAX 31u
#define TRANSCRIPT_LINE_MAX 512u /* longer lines cannot be exit messages */

struct transcript_console {
	char name[TRANSCRIPT_NAME_MAX + 1];
	struct text_search until;
	struct text_search halted;
};

struct transcript {
	const char *until;  /* text to find on any console */
	const char *halted; /* another one */
	const char *
		admin; /* the administrator's console: "VM NAME exited with code N" counts there alone, so no guest can say it */
	struct text_search raw_until; /* in the lines as they are, names and all */
	struct transcript_console consoles[TRANSCRIPT_CONSOLES];
	unsigned console_count;
	struct transcript_console
		*current; /* whose line it is; NULL in a line's prefix, and in lines of nobody */
	char prefix[TRANSCRIPT_NAME_MAX + 3];
	size_t prefix_length;
	bool in_prefix;
	char line[TRANSCRIPT_LINE_MAX]; /* of the administrator's console */
	size_t line_length;
	bool until_found;
	bool halted_found;
	bool has_code;
	unsigned code; /* the last VM's, modulo 128 */
};

/* The three texts must stay. */
void transcript_start(
	struct transcript *transcript, const char *until, const char *halted, const char *admin);
void transcript_feed(struct transcript *transcript, const char *bytes, size_t size);
