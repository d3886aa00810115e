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

#define TRANSCRIPT_LINE_MAX 512u /* longer lines cannot be exit messages */

/*
 * Reads the transcript's lines for "VM NAME exited with code N" on the administrator's console. Each line begins with its console's name,
 * bare or in brackets, so no guest can write one of these.
 */
struct exit_watch {
	const char *console; /* the administrator's */
	char line[TRANSCRIPT_LINE_MAX];
	size_t length;
	bool has_code;
	unsigned code; /* the last one, modulo 128 */
};

void exit_watch_start(struct exit_watch *watch, const char *console);
void exit_watch_feed(struct exit_watch *watch, const char *bytes, size_t size);
