/* SPDX-License-Identifier: MIT */
/* Starts from, or anew in, the region that outlives the task: see saved.h. Pure. */
#include "saved.h"

#include <string.h>

#define SAVED_MAGIC UINT64_C(0x474f4c4b43414253) /* "SBACKLOG" read as little-endian */
#define SAVED_VERSION 1u

static bool is_kept(const struct saved *saved, uint32_t count, const char *const *names)
{
	if (saved->magic != SAVED_MAGIC || saved->version != SAVED_VERSION || saved->count != count) {
		return false;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (strncmp(saved->consoles[i].name, names[i], CONSOLE_NAME_MAX) != 0) {
			return false;
		}
	}
	return TERMINAL_CONSOLE(saved->terminal_word) < count;
}

static void start_anew(struct saved *saved, uint32_t count, const char *const *names,
	const uint32_t *output_tails, const uint32_t *input_heads)
{
	memset(saved, 0, sizeof(*saved));
	saved->version = SAVED_VERSION;
	saved->count = count;
	for (uint32_t i = 0; i < count; i++) {
		struct saved_console *console = &saved->consoles[i];

		console->first = output_tails[i];
		console->head = output_tails[i];
		console->transcript = output_tails[i];
		console->seen = output_tails[i];
		console->input_head = input_heads[i];
		strncpy(console->name, names[i], CONSOLE_NAME_MAX);
		/* Before the first byte a line has ended: the transcript looks there. */
		saved_log(saved, i)[(output_tails[i] - 1) & (LOG_CAPACITY - 1)] = '\n';
	}
	saved->terminal_word = TERMINAL_WORD(output_tails[0], 0);
	saved->replay_end = output_tails[0];
	saved->transcript_word = TRANSCRIPT_WORD(0, NO_CONSOLE, 0);
	__atomic_store_n(&saved->magic, SAVED_MAGIC, __ATOMIC_RELEASE);
}

bool saved_attach(struct saved *saved, uint32_t count, const char *const *names, const uint32_t *output_tails,
	const uint32_t *input_heads)
{
	uint32_t writer;
	uint32_t front;

	if (!is_kept(saved, count, names)) {
		start_anew(saved, count, names, output_tails, input_heads);
		return false;
	}
	/* The word was committed; the console's own position may not have followed. */
	writer = TRANSCRIPT_CONSOLE(saved->transcript_word);
	if (writer < count) {
		saved->consoles[writer].transcript = TRANSCRIPT_POSITION(saved->transcript_word);
	}
	/* Bytes that a former task has not sent are in the log, or the log is not what it was: then nothing is sent again. */
	for (uint32_t i = 0; i < count; i++) {
		struct saved_console *console = &saved->consoles[i];

		if ((uint32_t)console->head - console->transcript >= LOG_CAPACITY) {
			console->transcript = (uint32_t)console->head;
		}
	}
	front = TERMINAL_CONSOLE(saved->terminal_word);
	if ((uint32_t)saved->consoles[front].head - TERMINAL_POSITION(saved->terminal_word) >= LOG_CAPACITY) {
		saved->terminal_word = TERMINAL_WORD((uint32_t)saved->consoles[front].head, front);
	}
	return true;
}
