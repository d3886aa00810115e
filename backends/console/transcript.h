/* SPDX-License-Identifier: MIT */
/* The transcript: lines of all consoles, each with its console's name before it, as bytes for COM2. Works on the logs of struct saved. Pure.
 *
 *   red: a line
 *   blue: another one
 *   red: / # _            the beginning of a line: shown when nothing more came for a while, or more than TRANSCRIPT_CHUNK bytes
 *   blue: a third         somebody else's line ends it here …
 *   red+ ls               … and `+` says that this continues red's line above
 *
 * So every line of the transcript begins with a name and either `: ` or `+ `, whatever a guest writes. CRs before a newline are left
 * out, and wait until it is known what follows; other control characters but TAB appear as ^X, DEL as ^?, so that a reader's terminal is not commanded by a guest. */
#pragma once

#include "saved.h"

#define TRANSCRIPT_CHUNK \
	1024u /* most bytes of one console's log in one step; a line up to that length is not begun before it is whole */

struct transcript_console {
	uint8_t *log;
	uint32_t
		scanned; /* no newline stands before this position of the log, from the transcript's position on */
	uint64_t last_output; /* when the last byte came, in the caller's ticks */
};

struct transcript {
	struct saved *saved;
	uint64_t quiet_ticks; /* the "while" after which the beginning of a line is shown */
	uint32_t next;        /* whose turn it is */
	struct transcript_console consoles[CONSOLES_MAX];
};

/* Begins with what `saved` holds; saved_attach() was called. `now` and `quiet_ticks` in ticks of the caller's clock. */
void transcript_start(struct transcript *transcript, struct saved *saved, uint64_t quiet_ticks, uint64_t now);

/* Bytes were added to console `index`'s log. */
void transcript_added(struct transcript *transcript, uint32_t index, uint64_t now);

/* Stages at most one chunk of one console, in turn. False if there was nothing to stage, or no room. */
bool transcript_step(struct transcript *transcript, uint64_t now);

/* When, after `now`, the beginning of a line is to be shown if nothing comes until then; UINT64_MAX: nothing waits for time to pass. */
uint64_t transcript_deadline(const struct transcript *transcript, uint64_t now);

/* The next byte to send; false if there is none. It stays the next one until transcript_sent(). */
bool transcript_next(const struct transcript *transcript, uint8_t *byte);

/* That byte is on its way. */
void transcript_sent(struct transcript *transcript);

/* True if every byte of every console has been sent (but for CRs at the end). */
bool transcript_is_complete(const struct transcript *transcript);
