/* SPDX-License-Identifier: MIT */
/* What outlives the console task: the region "backlog", mapped in this task alone. All state that bytes depend on is here, and nowhere
 * else, so a task that starts again goes on with the next byte. Pure.
 *
 *   +----------------------+---------------------+---------------------+-----
 *   | struct saved         | log of console 0    | log of console 1    | …
 *   +----------------------+---------------------+---------------------+-----
 *     SAVED_HEADER_SIZE      LOG_CAPACITY
 *
 * A console's log holds the last LOG_CAPACITY bytes that it wrote. It is backlog and send buffer at once: positions in it say how far the
 * terminal (COM1) and the transcript (COM2) have come, and no byte is overwritten that one of them still has to send.
 *
 *       head - LOG_CAPACITY          transcript              terminal            head == tail of the ring
 *   ─────────┴───── backlog ─────────────┴─── not in transcript ─┴── not shown ────┴──▶
 *
 * Positions run freely modulo 2^32; byte n stands at n modulo LOG_CAPACITY; position n of a log is index n of the console's ring.
 *
 * The task may be killed between any two instructions. Each step therefore first writes what nobody looks at yet, then commits by one
 * store of at most 64 bits; whatever follows from that store is derived again at the start (saved_attach()). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONSOLES_MAX 59u         /* 58 of VMs and the administrator's: bits of the notification */
#define CONSOLE_NAME_MAX 31u     /* bytes of a console's name */
#define LOG_CAPACITY 0x8000u     /* a power of two */
#define NOTICE_CAPACITY 0x1000u  /* a power of two */
#define STAGING_CAPACITY 0x1000u /* a power of two */
#define SAVED_HEADER_SIZE 0x4000u
#define NO_CONSOLE 0xffu

/* The region's size for `count` consoles. */
#define SAVED_SIZE(count) (SAVED_HEADER_SIZE + (uint64_t)(count)*LOG_CAPACITY)

/* The transcript's commit word: position of the console that wrote last | its number | bytes put into staging, modulo 2^24. */
#define TRANSCRIPT_WORD(position, console, head) \
	((uint64_t)(position) | (uint64_t)((console)&0xffu) << 32 | (uint64_t)((head)&0xffffffu) << 40)
#define TRANSCRIPT_POSITION(word) ((uint32_t)(word))
#define TRANSCRIPT_CONSOLE(word) ((uint32_t)((word) >> 32) & 0xffu)
#define TRANSCRIPT_HEAD(word) ((uint32_t)((word) >> 40) & 0xffffffu)

/* The terminal's word: position in the log of the console in front | its number. */
#define TERMINAL_WORD(position, console) ((uint64_t)(position) | (uint64_t)(console) << 32)
#define TERMINAL_POSITION(word) ((uint32_t)(word))
#define TERMINAL_CONSOLE(word) ((uint32_t)((word) >> 32) & 0xffu)

struct saved_console {
	uint64_t first;      /* position of the first byte ever */
	uint64_t head;       /* bytes taken from the ring end here; the low half is the ring's index */
	uint32_t transcript; /* the next byte for the transcript */
	uint32_t input_head; /* bytes put into the ring to the guest */
	uint32_t seen;       /* where the terminal was when it left this console */
	uint32_t reserved;
	char name[CONSOLE_NAME_MAX + 1];
};

/* How many keys of a command were typed. */
enum escape_state {
	ESCAPE_NONE,
	ESCAPE_TYPED,     /* Ctrl-] was */
	ESCAPE_POWER_OFF, /* Ctrl-] q was: is it meant? */
};

struct saved {
	uint64_t magic; /* written last */
	uint32_t version;
	uint32_t count; /* of consoles */
	/* terminal */
	uint64_t terminal_word;
	uint32_t replay_end; /* before this position of the console in front, bytes are shown again */
	uint32_t notice_head;
	uint32_t notice_tail;
	uint32_t escape; /* enum escape_state */
	/* transcript */
	uint64_t transcript_word;
	uint32_t staging_tail; /* modulo 2^24 */
	uint32_t reserved;
	struct saved_console consoles[CONSOLES_MAX];
	uint8_t notice[NOTICE_CAPACITY];   /* text of our own, shown before anything else */
	uint8_t staging[STAGING_CAPACITY]; /* of the transcript, ready to be sent */
};
_Static_assert(sizeof(struct saved) <= SAVED_HEADER_SIZE, "the logs follow");

/* Makes the region ready: keeps what a former task left, if it was for the same `count` consoles (1..CONSOLES_MAX) of the same names, and
 * completes what that task had committed. `ring_heads` are the rings' indices where nothing is kept: output_tails[i] and input_heads[i].
 * The region has SAVED_SIZE(count) bytes. True if something was kept. */
bool saved_attach(struct saved *saved, uint32_t count, const char *const *names, const uint32_t *output_tails,
	const uint32_t *input_heads);

/* The log of console `index`. */
static inline uint8_t *saved_log(struct saved *saved, uint32_t index)
{
	return (uint8_t *)saved + SAVED_HEADER_SIZE + (size_t)index * LOG_CAPACITY;
}

static inline uint8_t log_byte(const uint8_t *log, uint32_t position)
{
	return log[position & (LOG_CAPACITY - 1)];
}
