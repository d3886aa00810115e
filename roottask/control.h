/* SPDX-License-Identifier: MIT */
/* The control port: the administrator's commands for programs. A line in is a command, and is answered by one line out, a JSON object; the lines of a
 * log that is followed come between, as objects too (docs/console.md). Talks to the console backend by the rings of the region
 * "console:control" and the capability "control-signal"; without them (the appliance file has no control port) it does nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Finds the rings among the root task's mappings. */
void control_open(void);

/* A line of a log, at `ms` since the start: of `source`, a task's index or MANIFEST_ROOT. Sent if it is followed. */
void control_event(uint32_t source, uint64_t ms, const char *line, size_t length);

/* Sends what waits and executes what was received. To be called when the backend has signalled, and at each tick. */
void control_pump(void);

/* True when everything was taken by the backend (or there is none). */
bool control_is_drained(void);
