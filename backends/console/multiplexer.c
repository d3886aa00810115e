/* SPDX-License-Identifier: MIT */
/* Moves bytes between rings, logs and the terminal: see multiplexer.h. Pure. */
#include "multiplexer.h"

static const char power_off_line[] = "\rpoweroff\r";

static uint64_t bit(uint32_t index) { return UINT64_C(1) << index; }

static uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }

enum multiplexer_error multiplexer_start(struct multiplexer *multiplexer, void *region, uint64_t region_size,
	uint32_t count, const char *const *names, const struct ring *outputs, const struct ring *inputs,
	const struct multiplexer_settings *settings, uint64_t now)
{
	uint32_t output_tails[CONSOLES_MAX] = { 0 };
	uint32_t input_heads[CONSOLES_MAX] = { 0 };
	bool is_kept;

	*multiplexer = (struct multiplexer){ .settings = *settings, .saved = region, .count = count };
	if (count == 0 || count > CONSOLES_MAX || settings->admin >= count) {
		return MULTIPLEXER_CONSOLES;
	}
	if (region_size < SAVED_SIZE(count)) {
		return MULTIPLEXER_REGION;
	}
	for (uint32_t i = 0; i < count; i++) {
		output_tails[i] = ring_consumer_start(outputs[i]).tail;
		input_heads[i] = ring_producer_start(inputs[i]).head;
	}
	is_kept = saved_attach(multiplexer->saved, count, names, output_tails, input_heads);
	terminal_start(&multiplexer->terminal, multiplexer->saved, settings->admin, is_kept);
	transcript_start(&multiplexer->transcript, multiplexer->saved, settings->quiet_ticks, now);
	for (uint32_t i = 0; i < count; i++) {
		struct multiplexer_console *console = &multiplexer->consoles[i];
		const struct saved_console *saved = &multiplexer->saved->consoles[i];

		/* Our own indices count, not what stands in the rings: a former task may not have come to publish them. */
		*console = (struct multiplexer_console){
			.output = { outputs[i], (uint32_t)saved->head },
			.input = { inputs[i], saved->input_head },
			.published = (uint32_t)saved->head,
		};
		ring_publish_tail(&console->output.ring, console->published);
		ring_publish_head(&console->input.ring, console->input.head);
		multiplexer->signals |= bit(i);
	}
	multiplexer->poll_at = UINT64_MAX;
	multiplexer->stalled_at = UINT64_MAX;
	return MULTIPLEXER_OK;
}

void multiplexer_signalled(struct multiplexer *multiplexer, uint32_t index)
{
	if (index < multiplexer->count) {
		multiplexer->consoles[index].asked_for_bytes = false;
		multiplexer->consoles[index].asked_for_space = false;
	}
}

/* ---- Output ---- */

/* Bytes that the console's log can take. One less than its capacity are kept unsent: the transcript looks at the byte before them. */
static uint32_t room(const struct multiplexer *multiplexer, uint32_t index)
{
	const struct saved_console *console = &multiplexer->saved->consoles[index];
	uint32_t used = 0;

	if (multiplexer->settings.has_transcript) {
		used = (uint32_t)console->head - console->transcript;
	}
	if (multiplexer->settings.has_terminal && terminal_front(&multiplexer->terminal) == index) {
		uint32_t shown = terminal_pending(&multiplexer->terminal);

		used = shown > used ? shown : used;
	}
	return used < LOG_CAPACITY - 1 ? LOG_CAPACITY - 1 - used : 0;
}

static bool everything_is_sent(const struct multiplexer *multiplexer)
{
	return (!multiplexer->settings.has_transcript || transcript_is_complete(&multiplexer->transcript)) &&
	       (!multiplexer->settings.has_terminal || terminal_is_complete(&multiplexer->terminal));
}

/* Tells the other side how far its bytes were taken. The last one of the administrator's console counts as taken only when everything of
 * every console has been sent: the root task powers off the machine when its ring is empty, and no line shall be lost by that. */
static void publish(struct multiplexer *multiplexer, uint32_t index)
{
	struct multiplexer_console *console = &multiplexer->consoles[index];
	uint32_t tail = console->output.tail;

	if (index == multiplexer->settings.admin && tail != console->published &&
		!everything_is_sent(multiplexer)) {
		tail--;
	}
	if (tail != console->published) {
		console->published = tail;
		ring_publish_tail(&console->output.ring, tail);
		if (ring_producer_asked(&console->output.ring)) {
			multiplexer->signals |= bit(index);
		}
	}
}

/* Moves bytes from the ring to the log. */
static uint32_t take(struct multiplexer *multiplexer, uint32_t index, uint64_t now)
{
	struct multiplexer_console *console = &multiplexer->consoles[index];
	struct saved_console *saved = &multiplexer->saved->consoles[index];
	uint8_t *log = saved_log(multiplexer->saved, index);
	uint32_t tail = console->output.tail;
	uint32_t count = ring_available(&console->output.ring, tail);

	count = smaller(smaller(count, MULTIPLEXER_TURN), room(multiplexer, index));
	if (count == 0) {
		return 0;
	}
	for (uint32_t i = 0; i < count; i++) {
		log[(tail + i) & (LOG_CAPACITY - 1)] = ring_get(&console->output.ring, tail + i);
	}
	/* From here on the bytes are ours, even if this task ends before it says so in the ring. */
	__atomic_store_n(&saved->head, saved->head + count, __ATOMIC_RELEASE);
	console->output.tail = tail + count;
	console->is_fresh = true;
	console->asked_for_bytes = false;
	transcript_added(&multiplexer->transcript, index, now);
	if (!multiplexer->settings.has_transcript) {
		__atomic_store_n(&saved->transcript, (uint32_t)saved->head, __ATOMIC_RELEASE);
	}
	return count;
}

bool multiplexer_turn(struct multiplexer *multiplexer, uint64_t now)
{
	bool moved = false;

	if (multiplexer->poll_at <= now) {
		multiplexer->poll_at = UINT64_MAX;
	}
	for (uint32_t i = 0; i < multiplexer->count; i++) {
		uint32_t index = (multiplexer->next + i) % multiplexer->count;

		moved |= take(multiplexer, index, now) != 0;
		publish(multiplexer, index);
	}
	multiplexer->next = multiplexer->next + 1 < multiplexer->count ? multiplexer->next + 1 : 0;
	for (uint32_t i = 0; multiplexer->settings.has_transcript && i < multiplexer->count; i++) {
		if (!transcript_step(&multiplexer->transcript, now)) {
			break;
		}
		moved = true;
	}
	if (!multiplexer->settings.has_terminal) {
		terminal_skip(&multiplexer->terminal);
	}
	return moved;
}

bool multiplexer_may_sleep(struct multiplexer *multiplexer, uint64_t now)
{
	bool is_polled = false;

	for (uint32_t i = 0; i < multiplexer->count; i++) {
		struct multiplexer_console *console = &multiplexer->consoles[i];

		if (console->asked_for_bytes || room(multiplexer, i) == 0) {
			continue;
		}
		if (console->is_fresh || multiplexer->poll_at != UINT64_MAX) {
			is_polled = true;
			continue;
		}
		console->asked_for_bytes = true;
		if (!ring_consumer_may_sleep(&console->output)) {
			return false;
		}
	}
	if (is_polled && multiplexer->poll_at == UINT64_MAX) {
		multiplexer->poll_at = now + multiplexer->settings.poll_ticks;
		for (uint32_t i = 0; i < multiplexer->count; i++) {
			multiplexer->consoles[i].is_fresh = false;
		}
	}
	return true;
}

uint64_t multiplexer_deadline(const struct multiplexer *multiplexer, uint64_t now)
{
	uint64_t deadline = multiplexer->poll_at;
	uint64_t other = UINT64_MAX;

	if (multiplexer->settings.has_transcript) {
		other = transcript_deadline(&multiplexer->transcript, now);
		deadline = other < deadline ? other : deadline;
	}
	if (multiplexer->stalled_at != UINT64_MAX && !multiplexer->discards) {
		other = multiplexer->stalled_at + multiplexer->settings.stall_ticks;
		deadline = other < deadline ? other : deadline;
	}
	return deadline > now ? deadline : now + 1;
}

/* ---- Input ---- */

/* Puts bytes into the ring to the guest; all or none. */
static bool give(struct multiplexer *multiplexer, uint32_t index, const uint8_t *bytes, uint32_t count)
{
	struct multiplexer_console *console = &multiplexer->consoles[index];
	struct saved_console *saved = &multiplexer->saved->consoles[index];

	if (ring_space(&console->input.ring, console->input.head) < count) {
		return false;
	}
	for (uint32_t i = 0; i < count; i++) {
		ring_put(&console->input.ring, console->input.head + i, bytes[i]);
	}
	console->input.head += count;
	__atomic_store_n(&saved->input_head, console->input.head, __ATOMIC_RELEASE);
	ring_publish_head(&console->input.ring, console->input.head);
	if (ring_consumer_asked(&console->input.ring)) {
		multiplexer->signals |= bit(index);
	}
	return true;
}

/* True if the console in front can take a byte; else it is asked to say when it can. */
static bool front_has_space(struct multiplexer *multiplexer)
{
	struct multiplexer_console *console = &multiplexer->consoles[terminal_front(&multiplexer->terminal)];

	if (ring_space(&console->input.ring, console->input.head) != 0) {
		return true;
	}
	if (console->asked_for_space) {
		return false;
	}
	console->asked_for_space = true;
	return !ring_producer_may_sleep(&console->input);
}

bool multiplexer_takes_input(struct multiplexer *multiplexer, bool is_waiting, uint64_t now)
{
	if (multiplexer->saved->escape != ESCAPE_NONE || front_has_space(multiplexer)) {
		multiplexer->stalled_at = UINT64_MAX;
		multiplexer->discards = false;
		return true;
	}
	if (multiplexer->discards) {
		return true;
	}
	if (!is_waiting) {
		multiplexer->stalled_at = UINT64_MAX;
	} else if (multiplexer->stalled_at == UINT64_MAX) {
		multiplexer->stalled_at = now;
	} else if (now - multiplexer->stalled_at >= multiplexer->settings.stall_ticks) {
		multiplexer->discards = true;
		terminal_notice(&multiplexer->terminal,
			"\r\n[this console takes no input: what is typed is lost, but for Ctrl-]]\r\n");
	}
	return multiplexer->discards;
}

void multiplexer_typed(struct multiplexer *multiplexer, uint8_t byte)
{
	switch (terminal_typed(&multiplexer->terminal, byte)) {
	case TERMINAL_INPUT:
		/* without space this is one of the bytes that are lost */
		(void)give(multiplexer, terminal_front(&multiplexer->terminal), &byte, 1);
		break;
	case TERMINAL_POWER_OFF:
		if (!give(multiplexer, multiplexer->settings.admin, (const uint8_t *)power_off_line,
			    sizeof(power_off_line) - 1)) {
			terminal_notice(
				&multiplexer->terminal, "[the administrator's console takes no input]\r\n");
		}
		break;
	default:
		break;
	}
}
