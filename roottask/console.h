/* SPDX-License-Identifier: MIT */
/* The administrator's console: events as they happen, and commands. Talks to the console backend by the rings of the region
 * "console:admin" and the capability "console-signal"; without them it shows nothing. Output never blocks: it waits in a buffer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Finds the rings among the root task's mappings; before that everything is kept in the buffer. */
void console_open(void);

/* Shows a line of its own, even while somebody types. */
void console_event(const char *line, size_t length);

/* A line of a command's answer. */
void console_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Sends what waits and executes what was typed. To be called when the backend has signalled, and at each tick. */
void console_pump(void);

/* True when everything was taken by the backend (or there is none). */
bool console_is_drained(void);

/* Sends what fits, without looking at input. */
void console_drain(void);
