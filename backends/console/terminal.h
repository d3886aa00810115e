/* SPDX-License-Identifier: MIT */
/* The terminal on COM1: one console is in front, raw both ways; Ctrl-] and a key command the terminal itself. Works on struct saved. Pure.
 *
 * To the terminal go first our own words (notices), then the bytes of the log of the console in front. When a console comes to the front, its
 * last TERMINAL_REPLAY bytes are shown again, without the sequences that ask a terminal for an answer: an old question would be
 * answered into today's input. */
#pragma once

#include "saved.h"

#define TERMINAL_REPLAY \
	0x4000u /* bytes; LOG_CAPACITY less this may come while they are shown again, before the console is held back */
#define TERMINAL_ESCAPE 0x1du /* Ctrl-] */

/* What a typed byte asks for beyond the terminal itself. */
enum terminal_action {
	TERMINAL_NOTHING,   /* done, or forgotten */
	TERMINAL_INPUT,     /* the byte is input of the console in front */
	TERMINAL_POWER_OFF, /* the administrator is to be told */
};

struct terminal {
	struct saved *saved;
	uint32_t admin; /* number of the administrator's console */
};

/* Begins with what `saved` holds; saved_attach() was called. `is_kept`: what that returned. */
void terminal_start(struct terminal *terminal, struct saved *saved, uint32_t admin, bool is_kept);

/* The console in front. */
uint32_t terminal_front(const struct terminal *terminal);

/* Bytes of the log of the console in front that have not been shown yet. */
uint32_t terminal_pending(const struct terminal *terminal);

/* True if nothing waits to be shown. */
bool terminal_is_complete(const struct terminal *terminal);

/* Everything counts as shown: there is no terminal. */
void terminal_skip(struct terminal *terminal);

/* The next byte to send; false if there is none. It stays the next one until terminal_sent(). */
bool terminal_next(struct terminal *terminal, uint8_t *byte);

/* That byte is on its way. */
void terminal_sent(struct terminal *terminal);

/* A byte was typed. */
__attribute__((warn_unused_result)) enum terminal_action terminal_typed(
	struct terminal *terminal, uint8_t byte);

/* Brings console `index` to the front and shows its backlog. */
void terminal_switch(struct terminal *terminal, uint32_t index);

/* Shows text of our own; what does not fit is forgotten. */
void terminal_notice(struct terminal *terminal, const char *text);
