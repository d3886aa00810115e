/* SPDX-License-Identifier: MIT */
/* Everything around the multiplexer: see desk.h. */
#include "desk.h"

const char *const desk_names[DESK_CONSOLES] = { "red", "blue", "green", "admin" };

static void print(struct paper *paper, uint8_t byte)
{
	assert_true(paper->length < DESK_PAPER);
	paper->bytes[paper->length++] = byte;
}

static void attach(struct desk *desk)
{
	struct ring outputs[DESK_CONSOLES];
	struct ring inputs[DESK_CONSOLES];

	for (uint32_t i = 0; i < DESK_CONSOLES; i++) {
		assert_int_equal(
			console_attach(desk->guests[i].region, DESK_REGION, &outputs[i], &inputs[i]), 0);
	}
	assert_int_equal(multiplexer_start(&desk->multiplexer, desk->saved, SAVED_SIZE(DESK_CONSOLES),
				 DESK_CONSOLES, desk_names, outputs, inputs, &desk->settings, desk->now),
		MULTIPLEXER_OK);
}

struct desk *desk_new(bool has_transcript)
{
	struct desk *desk = calloc(1, sizeof(*desk));

	desk->saved = calloc(1, SAVED_SIZE(DESK_CONSOLES));
	desk->settings =
		(struct multiplexer_settings){ QUIET, POLL, STALL, true, has_transcript, DESK_ADMIN };
	desk->screen.bytes = malloc(DESK_PAPER);
	desk->transcript.bytes = malloc(DESK_PAPER);
	desk->now = 1000000;
	for (uint32_t i = 0; i < DESK_CONSOLES; i++) {
		struct guest *guest = &desk->guests[i];
		struct ring output;
		struct ring input;

		guest->region = calloc(1, DESK_REGION);
		guest->written.bytes = malloc(DESK_PAPER);
		assert_int_equal(console_attach(guest->region, DESK_REGION, &output, &input), 0);
		guest->output = ring_producer_start(output);
		guest->input = ring_consumer_start(input);
	}
	attach(desk);
	desk_run(desk);
	(void)desk_screen(desk);
	return desk;
}

void desk_clear(struct desk *desk)
{
	for (uint32_t i = 0; i < DESK_CONSOLES; i++) {
		free(desk->guests[i].region);
		free(desk->guests[i].written.bytes);
	}
	free(desk->screen.bytes);
	free(desk->transcript.bytes);
	free(desk->saved);
	free(desk);
}

void desk_restart(struct desk *desk)
{
	memset(&desk->multiplexer, 0xaa, sizeof(desk->multiplexer));
	attach(desk);
}

/* ---- Guests ---- */

uint32_t guest_writes_bytes(struct desk *desk, uint32_t index, const uint8_t *bytes, uint32_t count)
{
	struct guest *guest = &desk->guests[index];
	int signal = 0;
	uint32_t written = ring_write(&guest->output, bytes, count, &signal);

	for (uint32_t i = 0; i < written; i++) {
		print(&guest->written, bytes[i]);
	}
	guest->signals |= signal != 0;
	return written;
}

void guest_writes(struct desk *desk, uint32_t index, const char *text)
{
	uint32_t length = (uint32_t)strlen(text);

	assert_int_equal(guest_writes_bytes(desk, index, (const uint8_t *)text, length), length);
}

uint32_t guest_reads(struct desk *desk, uint32_t index, char *text, uint32_t size)
{
	struct guest *guest = &desk->guests[index];
	int signal = 0;
	uint32_t count = ring_read(&guest->input, (uint8_t *)text, size - 1, &signal);

	text[count] = '\0';
	guest->signals |= signal != 0;
	return count;
}

/* ---- The task's loop ---- */

static bool send(struct desk *desk)
{
	bool moved = false;
	uint8_t byte;

	while (!desk->screen_is_full && terminal_next(&desk->multiplexer.terminal, &byte)) {
		print(&desk->screen, byte);
		terminal_sent(&desk->multiplexer.terminal);
		moved = true;
	}
	while (desk->settings.has_transcript && !desk->transcript_is_full &&
		transcript_next(&desk->multiplexer.transcript, &byte)) {
		print(&desk->transcript, byte);
		transcript_sent(&desk->multiplexer.transcript);
		moved = true;
	}
	return moved;
}

static void deliver_signals(struct desk *desk)
{
	for (uint32_t i = 0; i < DESK_CONSOLES; i++) {
		desk->guests[i].is_signalled |= (desk->multiplexer.signals >> i & 1) != 0;
		if (desk->guests[i].signals) {
			desk->guests[i].signals = false;
			multiplexer_signalled(&desk->multiplexer, i);
		}
	}
	desk->multiplexer.signals = 0;
}

static void work(struct desk *desk)
{
	bool moved;

	desk->wake_ups++;
	do {
		deliver_signals(desk);
		moved = multiplexer_turn(&desk->multiplexer, desk->now);
		moved |= send(desk);
	} while (moved || !multiplexer_may_sleep(&desk->multiplexer, desk->now));
	deliver_signals(desk);
}

static bool is_due(const struct desk *desk)
{
	for (uint32_t i = 0; i < DESK_CONSOLES; i++) {
		if (desk->guests[i].signals) {
			return true;
		}
	}
	return false;
}

void desk_run(struct desk *desk)
{
	do {
		work(desk);
	} while (is_due(desk));
}

void desk_wait(struct desk *desk, uint64_t ticks)
{
	uint64_t end = desk->now + ticks;

	for (;;) {
		uint64_t deadline = multiplexer_deadline(&desk->multiplexer, desk->now);

		if (is_due(desk)) {
			work(desk);
			continue;
		}
		assert_true(deadline > desk->now);
		if (deadline > end) {
			break;
		}
		desk->now = deadline;
		work(desk);
	}
	desk->now = end;
}

uint32_t desk_type_bytes(struct desk *desk, const uint8_t *bytes, uint32_t count)
{
	uint32_t taken = 0;

	while (taken < count && multiplexer_takes_input(&desk->multiplexer, true, desk->now)) {
		multiplexer_typed(&desk->multiplexer, bytes[taken++]);
	}
	desk_run(desk);
	return taken;
}

void desk_type(struct desk *desk, const char *text)
{
	uint32_t length = (uint32_t)strlen(text);

	assert_int_equal(desk_type_bytes(desk, (const uint8_t *)text, length), length);
}

static const char *tear_off(struct paper *paper)
{
	print(paper, '\0');
	paper->length = 0;
	return (const char *)paper->bytes;
}

const char *desk_screen(struct desk *desk) { return tear_off(&desk->screen); }
const char *desk_transcript(struct desk *desk) { return tear_off(&desk->transcript); }

/* ---- The reference ---- */

/* What the transcript shows of `written`; the reference is written the plain way, over the whole text. */
static struct paper shown(const struct paper *written)
{
	struct paper paper = { malloc(2 * written->length + 1), 0 };

	for (size_t i = 0; i < written->length; i++) {
		uint8_t byte = written->bytes[i];
		size_t crs = 0;

		while (i + crs < written->length && written->bytes[i + crs] == '\r') {
			crs++;
		}
		if (crs > 0 && crs <= 8 && i + crs == written->length) {
			break; /* waits for what follows */
		}
		if (crs > 0 && crs <= 8 && i + crs < written->length && written->bytes[i + crs] == '\n') {
			i += crs - 1;
		} else if (byte == '\n' || byte == '\t' || (byte >= ' ' && byte != 0x7f)) {
			paper.bytes[paper.length++] = byte;
		} else {
			paper.bytes[paper.length++] = '^';
			paper.bytes[paper.length++] = byte == 0x7f ? '?' : (uint8_t)(byte + '@');
		}
	}
	return paper;
}

void desk_check_transcript(const struct desk *desk, const uint8_t *bytes, size_t length, bool is_complete)
{
	struct paper joined[DESK_CONSOLES];
	bool has_begun[DESK_CONSOLES] = { false };
	size_t at = 0;

	for (uint32_t i = 0; i < DESK_CONSOLES; i++) {
		joined[i] = (struct paper){ malloc(length + 2), 0 };
	}
	while (at < length) {
		const uint8_t *end = memchr(bytes + at, '\n', length - at);
		size_t size = (end != NULL ? (size_t)(end - bytes) : length) - at;
		uint32_t index = 0;
		size_t name = 0;

		for (; index < DESK_CONSOLES; index++) {
			name = strlen(desk_names[index]);
			if (size > name && memcmp(bytes + at, desk_names[index], name) == 0 &&
				(bytes[at + name] == ':' || bytes[at + name] == '+')) {
				break;
			}
		}
		assert_true(index < DESK_CONSOLES);
		if (size < name + 2) {
			assert_false(is_complete); /* cut in the middle of a prefix */
			break;
		}
		assert_int_equal(bytes[at + name + 1], ' ');
		if (bytes[at + name] == ':' && has_begun[index]) {
			joined[index].bytes[joined[index].length++] = '\n';
		}
		has_begun[index] = true;
		memcpy(joined[index].bytes + joined[index].length, bytes + at + name + 2, size - name - 2);
		joined[index].length += size - name - 2;
		at += size + 1;
	}
	for (uint32_t i = 0; i < DESK_CONSOLES; i++) {
		struct paper expected = shown(&desk->guests[i].written);

		if (is_complete && expected.length > 0 && expected.bytes[expected.length - 1] == '\n') {
			expected.length--;
		}
		if (is_complete) {
			assert_int_equal(joined[i].length, expected.length);
		}
		assert_true(joined[i].length <= expected.length);
		assert_memory_equal(joined[i].bytes, expected.bytes, joined[i].length);
		free(expected.bytes);
		free(joined[i].bytes);
	}
}
