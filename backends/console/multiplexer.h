/* SPDX-License-Identifier: MIT */
/* All consoles: bytes from their rings into their logs, from there to terminal and transcript, and from the terminal into the ring of the
 * console in front. Pure: no system calls, no ports, no clock; the task (main.c) and the tests drive it.
 *
 * Nothing is dropped. A byte leaves a console's ring when its log has room, and the log has room when the transcript, and the terminal for
 * the console in front, have sent what is in it. Otherwise the ring stays full, and the guest's UART waits. What is typed leaves COM1 when
 * the ring to the guest has room. One exception, so that Ctrl-] always works: a console that takes no input for `stall_ticks` while more is
 * typed loses that input, which is said on the terminal.
 *
 * When a producer is asked for a signal: a console that has just written is looked at again after `poll_ticks`; only if it was silent until
 * then it is asked to signal its next byte. So a line costs one or two wake-ups, not one for each byte. */
#pragma once

#include "saved.h"
#include "terminal.h"
#include "transcript.h"

#include <bulkhead/ring.h>

#define MULTIPLEXER_TURN 512u /* most bytes taken from one console before the next one's turn */

struct multiplexer_console {
	struct ring_consumer output; /* guest -> here; its tail is the log's head */
	struct ring_producer input;  /* here -> guest */
	uint32_t published;          /* the output ring's tail as the other side sees it */
	bool asked_for_bytes;        /* a signal will come with the next byte */
	bool asked_for_space;        /* a signal will come when input has room */
	bool is_fresh;               /* bytes came since it was looked at last */
};

struct multiplexer_settings {
	uint64_t quiet_ticks; /* see transcript.h */
	uint64_t poll_ticks;  /* see above */
	uint64_t stall_ticks; /* see above */
	bool has_terminal;    /* there is a COM1 */
	bool has_transcript;  /* there is a COM2 */
	uint32_t admin;       /* number of the administrator's console, below the count */
};

struct multiplexer {
	struct multiplexer_settings settings;
	struct saved *saved;
	struct terminal terminal;
	struct transcript transcript;
	struct multiplexer_console consoles[CONSOLES_MAX];
	uint32_t count;
	uint32_t next;    /* whose turn it is */
	uint64_t signals; /* bit i: signal the other side of console i; the caller clears what it has done */
	uint64_t poll_at; /* UINT64_MAX: no console is to be looked at */
	uint64_t
		stalled_at; /* since when the console in front takes no input; UINT64_MAX: it does, or nothing is typed */
	bool discards; /* it did not for too long */
};

enum multiplexer_error {
	MULTIPLEXER_OK,
	MULTIPLEXER_REGION,   /* the region for saved state is too small */
	MULTIPLEXER_CONSOLES, /* no console, or more than CONSOLES_MAX; admin is none of them */
};

/* Starts with `count` consoles: names[i] (not empty, at most CONSOLE_NAME_MAX bytes), and their rings from console_attach(). `region`
 * (`region_size` bytes, 8-aligned, zero at the very first start) holds what outlives this task. `now` in ticks of the caller's clock, as in
 * all other functions. All consoles are signalled once, in case that a former task did not come to it. */
__attribute__((warn_unused_result)) enum multiplexer_error multiplexer_start(struct multiplexer *multiplexer,
	void *region, uint64_t region_size, uint32_t count, const char *const *names,
	const struct ring *outputs, const struct ring *inputs, const struct multiplexer_settings *settings,
	uint64_t now);

/* The other side of console `index` has signalled. */
void multiplexer_signalled(struct multiplexer *multiplexer, uint32_t index);

/* Takes what there is room for, at most MULTIPLEXER_TURN bytes of each console, and stages at most one chunk of each for the transcript.
 * True if anything moved. */
bool multiplexer_turn(struct multiplexer *multiplexer, uint64_t now);

/* To be called when a turn moved nothing and nothing can be sent or received: asks for signals. False if bytes have come meanwhile: then
 * another turn is due. */
bool multiplexer_may_sleep(struct multiplexer *multiplexer, uint64_t now);

/* When the next turn is due if nothing happens until then; UINT64_MAX: never. Later than `now`. */
uint64_t multiplexer_deadline(const struct multiplexer *multiplexer, uint64_t now);

/* True if a byte may be read from COM1 now. `is_waiting`: there is one. */
bool multiplexer_takes_input(struct multiplexer *multiplexer, bool is_waiting, uint64_t now);

/* A byte was read from COM1. */
void multiplexer_typed(struct multiplexer *multiplexer, uint8_t byte);
