/* SPDX-License-Identifier: MIT */
/* The root task's end of the audit log: what happens and what is ordered goes into a ring, from which another task records it. Nothing here waits. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Finds the ring, where the manifest gives one. Events before that are not recorded. */
void audit_open(void);

/* An event of that kind (enum audit_kind). One that finds no room is left out, and its number is missing. */
void audit_event(uint32_t kind, const char *text, size_t length);

/* True when all events are recorded (or there is no audit log). */
bool audit_is_drained(void);
