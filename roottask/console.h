/* SPDX-License-Identifier: MIT */
/* The administrator's console: events as they happen, and commands. Talks to the console backend by the rings of the region
 * "console:admin" and the capability "console-signal"; without them it shows nothing. Output never blocks: it waits in a buffer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Finds the rings among the root task's mappings; before that everything is kept in the buffer. */
void console_open(void);

/* Shows a line of its own, even while somebody types: of `source`, a task's index or MANIFEST_ROOT. */
void console_event(uint32_t source, const char *line, size_t length);

/* Sends what waits and executes what was typed. To be called when the backend has signalled, and at each tick. */
void console_pump(void);

/* True when everything was taken by the backend (or there is none). */
bool console_is_drained(void);

/* Sends what fits, without looking at input. */
void console_drain(void);
