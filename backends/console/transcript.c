/* SPDX-License-Identifier: MIT */
/* Makes lines with prefixes out of logs: see transcript.h. Pure. */
#include "transcript.h"

#include <string.h>

#define STAGING_MASK 0xffffffu /* staging indices run modulo 2^24 */
#define STEP_ROOM_MIN (1 + CONSOLE_NAME_MAX + 2 + 2)
#define CR_RUN_MAX 8u /* CRs before a newline that are left out */

/* Staged bytes of one step; nobody sees them before the commit. */
struct stage {
	struct saved *saved;
	uint32_t head;
	uint32_t room;
};

static void put(struct stage *stage, char character)
{
	stage->saved->staging[stage->head & (STAGING_CAPACITY - 1)] = (uint8_t)character;
	stage->head++;
	stage->room--;
}

static uint32_t staged(const struct saved *saved)
{
	return (TRANSCRIPT_HEAD(saved->transcript_word) - saved->staging_tail) & STAGING_MASK;
}

/* Bytes of the console's log that the transcript has not taken. */
static uint32_t untaken(const struct transcript *transcript, uint32_t index)
{
	const struct saved_console *console = &transcript->saved->consoles[index];

	return (uint32_t)console->head - console->transcript;
}

/* The same without CRs at the end: what they mean is said by what follows. */
static uint32_t pending(const struct transcript *transcript, uint32_t index)
{
	uint32_t head = (uint32_t)transcript->saved->consoles[index].head;
	uint32_t count = untaken(transcript, index);
	uint32_t crs = 0;

	while (crs < count && crs < CR_RUN_MAX &&
		log_byte(transcript->consoles[index].log, head - 1 - crs) == '\r') {
		crs++;
	}
	return count - crs;
}

/* True if the console has begun a line in the transcript and not ended it. */
static bool is_in_line(const struct transcript *transcript, uint32_t index)
{
	return log_byte(transcript->consoles[index].log, transcript->saved->consoles[index].transcript - 1) !=
	       '\n';
}

void transcript_start(struct transcript *transcript, struct saved *saved, uint64_t quiet_ticks, uint64_t now)
{
	*transcript = (struct transcript){ .saved = saved, .quiet_ticks = quiet_ticks };
	for (uint32_t i = 0; i < saved->count; i++) {
		transcript->consoles[i].log = saved_log(saved, i);
		transcript->consoles[i].scanned = saved->consoles[i].transcript;
		transcript->consoles[i].last_output = now;
	}
	if (staged(saved) > STAGING_CAPACITY) {
		saved->staging_tail = TRANSCRIPT_HEAD(saved->transcript_word);
	}
}

void transcript_added(struct transcript *transcript, uint32_t index, uint64_t now)
{
	transcript->consoles[index].last_output = now;
}

/* How many bytes of the console's log may be staged now; *line is set if they end a line. */
static uint32_t ready(struct transcript *transcript, uint32_t index, uint64_t now, bool *line)
{
	struct transcript_console *console = &transcript->consoles[index];
	uint32_t position = transcript->saved->consoles[index].transcript;
	uint32_t count = pending(transcript, index);
	uint32_t limit = count < TRANSCRIPT_CHUNK ? count : TRANSCRIPT_CHUNK;

	*line = false;
	if (console->scanned - position > limit) {
		console->scanned = position;
	}
	for (; console->scanned - position < limit; console->scanned++) {
		if (log_byte(console->log, console->scanned) == '\n') {
			*line = true;
			return console->scanned - position + 1;
		}
	}
	if (count >= TRANSCRIPT_CHUNK || now - console->last_output >= transcript->quiet_ticks) {
		return limit;
	}
	return 0;
}

/* Whose chunk is next: who is in the middle of a line and can end it, else the next one in turn. NO_CONSOLE: nobody. */
static uint32_t choose(struct transcript *transcript, uint64_t now, uint32_t *count)
{
	uint32_t last = TRANSCRIPT_CONSOLE(transcript->saved->transcript_word);
	bool line;

	if (last < transcript->saved->count && is_in_line(transcript, last)) {
		*count = ready(transcript, last, now, &line);
		if (line) {
			return last;
		}
	}
	for (uint32_t i = 0; i < transcript->saved->count; i++) {
		uint32_t index = (transcript->next + i) % transcript->saved->count;

		*count = ready(transcript, index, now, &line);
		if (*count != 0) {
			transcript->next = index + 1;
			return index;
		}
	}
	return NO_CONSOLE;
}

/* CRs from `position` on that a newline follows, of `count` bytes; 0 if none does. */
static uint32_t line_end_crs(const uint8_t *log, uint32_t position, uint32_t count)
{
	uint32_t crs = 0;

	while (crs < count && crs < CR_RUN_MAX && log_byte(log, position + crs) == '\r') {
		crs++;
	}
	return crs < count && log_byte(log, position + crs) == '\n' ? crs : 0;
}

static void put_visibly(struct stage *stage, uint8_t byte)
{
	if (byte == 0x7f) {
		put(stage, '^');
		put(stage, '?');
	} else if (byte < ' ' && byte != '\t' && byte != '\n') {
		put(stage, '^');
		put(stage, (char)(byte + '@'));
	} else {
		put(stage, (char)byte);
	}
}

/* Stages up to `count` bytes of `available` ones, to the end of a line at most; returns how many it was. */
static uint32_t put_bytes(
	struct stage *stage, const uint8_t *log, uint32_t position, uint32_t count, uint32_t available)
{
	uint32_t done = 0;

	while (done < count && stage->room >= 2) {
		uint32_t crs = line_end_crs(log, position + done, available - done);
		uint8_t byte = log_byte(log, position + done + crs);

		/* CRs and their newline go together, also where the chunk's limit lies between */
		put_visibly(stage, byte);
		done += crs + 1;
		if (byte == '\n') {
			break;
		}
	}
	return done;
}

static void put_prefix(struct stage *stage, const struct transcript *transcript, uint32_t index)
{
	uint32_t last = TRANSCRIPT_CONSOLE(transcript->saved->transcript_word);
	bool is_open = last < transcript->saved->count && is_in_line(transcript, last);
	bool continues = is_in_line(transcript, index);
	const char *name = transcript->saved->consoles[index].name;

	if (is_open && last == index) {
		return;
	}
	if (is_open) {
		put(stage, '\n');
	}
	for (uint32_t i = 0; i < CONSOLE_NAME_MAX && name[i] != '\0'; i++) {
		put(stage, name[i]);
	}
	put(stage, continues ? '+' : ':');
	put(stage, ' ');
}

bool transcript_step(struct transcript *transcript, uint64_t now)
{
	struct saved *saved = transcript->saved;
	struct stage stage = { saved, TRANSCRIPT_HEAD(saved->transcript_word),
		STAGING_CAPACITY - staged(saved) };
	struct saved_console *console;
	uint32_t count;
	uint32_t index;
	uint32_t done;

	if (stage.room < STEP_ROOM_MIN) {
		return false;
	}
	index = choose(transcript, now, &count);
	if (index == NO_CONSOLE) {
		return false;
	}
	console = &saved->consoles[index];
	put_prefix(&stage, transcript, index);
	done = put_bytes(&stage, transcript->consoles[index].log, console->transcript, count,
		untaken(transcript, index));
	__atomic_store_n(&saved->transcript_word,
		TRANSCRIPT_WORD(console->transcript + done, index, stage.head), __ATOMIC_RELEASE);
	__atomic_store_n(&console->transcript, console->transcript + done, __ATOMIC_RELEASE);
	return true;
}

uint64_t transcript_deadline(const struct transcript *transcript, uint64_t now)
{
	uint64_t deadline = UINT64_MAX;

	for (uint32_t i = 0; i < transcript->saved->count; i++) {
		uint64_t at = transcript->consoles[i].last_output + transcript->quiet_ticks;

		if (pending(transcript, i) != 0 && at > now && at < deadline) {
			deadline = at;
		}
	}
	return deadline;
}

bool transcript_next(const struct transcript *transcript, uint8_t *byte)
{
	const struct saved *saved = transcript->saved;

	if (staged(saved) == 0) {
		return false;
	}
	*byte = saved->staging[saved->staging_tail & (STAGING_CAPACITY - 1)];
	return true;
}

void transcript_sent(struct transcript *transcript)
{
	struct saved *saved = transcript->saved;

	__atomic_store_n(&saved->staging_tail, (saved->staging_tail + 1) & STAGING_MASK, __ATOMIC_RELEASE);
}

bool transcript_is_complete(const struct transcript *transcript)
{
	for (uint32_t i = 0; i < transcript->saved->count; i++) {
		if (pending(transcript, i) != 0) {
			return false;
		}
	}
	return staged(transcript->saved) == 0;
}
