/* SPDX-License-Identifier: MIT */
/* A desk with everything around the multiplexer: consoles' other sides, a terminal, a transcript printer, a clock. The multiplexer is driven as
 * main.c drives it; how fast the two printers are is up to the test. */
#pragma once

#include "multiplexer.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>

#define DESK_CONSOLES 4u /* red, blue, green, admin */
#define DESK_ADMIN 3u
#define DESK_REGION 0x4000u
#define DESK_PAPER (1u << 21)
#define QUIET 200u
#define POLL 1u
#define STALL 5000u
#define CTRL_BRACKET "\x1d"

struct paper {
	uint8_t *bytes;
	size_t length;
};

struct guest {
	void *region;
	struct ring_producer output;
	struct ring_consumer input;
	struct paper written; /* all that it ever put into its ring */
	bool is_signalled;    /* the multiplexer has signalled it */
	bool signals;         /* it has to signal the multiplexer */
};

struct desk {
	struct multiplexer multiplexer;
	void *saved;
	struct multiplexer_settings settings;
	struct guest guests[DESK_CONSOLES];
	struct paper screen;     /* what came out of COM1 */
	struct paper transcript; /* what came out of COM2 */
	uint64_t now;
	uint32_t wake_ups; /* times that the multiplexer woke up */
	bool screen_is_full;
	bool transcript_is_full;
};

extern const char *const desk_names[DESK_CONSOLES];

/* A new desk; free it by desk_clear(). Without `has_transcript` there is no COM2. */
struct desk *desk_new(bool has_transcript);
void desk_clear(struct desk *desk);

/* The multiplexer's task was killed, and starts again from what is saved. */
void desk_restart(struct desk *desk);

/* Guest `index` writes; returns how many bytes its ring took. */
uint32_t guest_writes_bytes(struct desk *desk, uint32_t index, const uint8_t *bytes, uint32_t count);

/* All of `text` has to fit. */
void guest_writes(struct desk *desk, uint32_t index, const char *text);

/* Takes what was typed to the guest: up to `size` - 1 bytes and a NUL. Returns the count. */
uint32_t guest_reads(struct desk *desk, uint32_t index, char *text, uint32_t size);

/* Somebody types on the terminal; returns how many bytes COM1 took before it held back. */
uint32_t desk_type_bytes(struct desk *desk, const uint8_t *bytes, uint32_t count);
void desk_type(struct desk *desk, const char *text);

/* Runs the multiplexer until it sleeps. Only if something is due: a signal, time, room on a port. */
void desk_run(struct desk *desk);

/* The clock advances, tick by tick. */
void desk_wait(struct desk *desk, uint64_t ticks);

/* What came since the last call; valid until the next. */
const char *desk_screen(struct desk *desk);
const char *desk_transcript(struct desk *desk);

/* Checks a whole transcript against what the guests wrote: every line has a prefix, and joined by it the lines are what was written, in the
 * form that the transcript shows. `is_complete`: nothing may be missing at the end either. */
void desk_check_transcript(const struct desk *desk, const uint8_t *bytes, size_t length, bool is_complete);
