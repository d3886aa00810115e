/* SPDX-License-Identifier: MIT */
/* The control port: a serial port between a program and one pair of rings, byte for byte, shown on no terminal and in no transcript. Pure.
 *
 * Its only state is the rings' indices, which outlive this task: a byte counts as sent, or received, when the index has moved over it, byte by
 * byte. Nothing is dropped: what the program does not read stays in the ring, what the root task does not take stays in the port.
 *
 * It carries lines. So the other side is woken when a line has ended or the ring gets full, not for each byte; and for space when the ring
 * is half empty. */
#pragma once

#include <bulkhead/ring.h>

#include <stdbool.h>

struct relay {
	struct ring_consumer output; /* root task -> port */
	struct ring_producer input;  /* port -> root task */
	bool asked_for_bytes;        /* a signal will come with the next byte */
	bool asked_for_space;        /* a signal will come when input has room */
	bool has_line;               /* input that the other side has not been woken for */
	bool wakes;                  /* the other side is to be signalled; the caller clears it */
};

/* Starts with the rings of console_attach(), where a former task may have left them. The other side is signalled once. */
void relay_start(struct relay *relay, struct ring output, struct ring input);

/* The other side has signalled. */
void relay_signalled(struct relay *relay);

/* The next byte to send; false if there is none. It stays the next one until relay_sent(). */
bool relay_next(const struct relay *relay, uint8_t *byte);

/* That byte is on its way. */
void relay_sent(struct relay *relay);

/* True if a byte may be received; otherwise the other side is asked to say when. */
bool relay_takes_input(struct relay *relay);

/* A byte was received. */
void relay_received(struct relay *relay, uint8_t byte);

/* To be called after each turn: decides whether the other side is woken. */
void relay_turn(struct relay *relay);

/* To be called when nothing can be sent or received: asks for a signal. False if bytes have come meanwhile. */
bool relay_may_sleep(struct relay *relay);
