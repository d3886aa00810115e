/* SPDX-License-Identifier: MIT */
/* The console in front, its backlog, and the keys after Ctrl-]: see terminal.h. Pure. */
#include "terminal.h"

#include <string.h>

#define ASCII_ENQ 0x05u
#define ASCII_ESC 0x1bu
#define CSI_MAX 32u      /* longest control sequence that is looked at */
#define LINE_SEARCH 512u /* a backlog that was cut begins with a whole line, if one begins so soon */

static const char help[] = "\r\n"
			   "Ctrl-] and a key:\r\n"
			   "  1 .. 9   the console of that number     n p   next, previous console\r\n"
			   "  0 or a   the administrator's console    l     list of consoles\r\n"
			   "  q        power off the machine          ? h   this help\r\n"
			   "  Ctrl-]   send one Ctrl-]\r\n";

void terminal_notice(struct terminal *terminal, const char *text)
{
	struct saved *saved = terminal->saved;
	uint32_t length = (uint32_t)strlen(text);

	if (length > NOTICE_CAPACITY - (saved->notice_head - saved->notice_tail)) {
		return;
	}
	for (uint32_t i = 0; i < length; i++) {
		saved->notice[(saved->notice_head + i) & (NOTICE_CAPACITY - 1)] = (uint8_t)text[i];
	}
	__atomic_store_n(&saved->notice_head, saved->notice_head + length, __ATOMIC_RELEASE);
}

static void notice_number(struct terminal *terminal, uint32_t number)
{
	char text[4] = { ' ', (char)('0' + number / 10 % 10), (char)('0' + number % 10), '\0' };

	if (number < 10) {
		text[1] = ' ';
	}
	terminal_notice(terminal, text);
}

/* The number by which people call a console: 0 is the administrator's. */
static uint32_t shown_number(const struct terminal *terminal, uint32_t index)
{
	return index == terminal->admin ? 0 : index < terminal->admin ? index + 1 : index;
}

void terminal_start(struct terminal *terminal, struct saved *saved, uint32_t admin, bool is_kept)
{
	*terminal = (struct terminal){ saved, admin };
	if (saved->notice_head - saved->notice_tail > NOTICE_CAPACITY) {
		saved->notice_tail = saved->notice_head;
	}
	if (!is_kept) {
		terminal_notice(terminal, "\r\n[");
		terminal_notice(terminal, saved->consoles[terminal_front(terminal)].name);
		terminal_notice(terminal, "] Ctrl-] ? shows help\r\n");
	}
}

uint32_t terminal_front(const struct terminal *terminal)
{
	return TERMINAL_CONSOLE(terminal->saved->terminal_word);
}

uint32_t terminal_pending(const struct terminal *terminal)
{
	return (uint32_t)terminal->saved->consoles[terminal_front(terminal)].head -
	       TERMINAL_POSITION(terminal->saved->terminal_word);
}

bool terminal_is_complete(const struct terminal *terminal)
{
	return terminal_pending(terminal) == 0 &&
	       terminal->saved->notice_head == terminal->saved->notice_tail;
}

static void set_position(struct terminal *terminal, uint32_t position, uint32_t console)
{
	__atomic_store_n(&terminal->saved->terminal_word, TERMINAL_WORD(position, console), __ATOMIC_RELEASE);
}

void terminal_skip(struct terminal *terminal)
{
	uint32_t front = terminal_front(terminal);

	set_position(terminal, (uint32_t)terminal->saved->consoles[front].head, front);
	terminal->saved->notice_tail = terminal->saved->notice_head;
}

/* The length of a question to the terminal that begins at `position`, if all of it is within `count` bytes: ENQ, DECID (ESC Z), and
 * the control sequences device attributes (… c), device status report (… n). ECMA-48 5.4, 8.3.24, 8.3.35; 0 if there is none. */
static uint32_t question_length(const uint8_t *log, uint32_t position, uint32_t count)
{
	if (count >= 1 && log_byte(log, position) == ASCII_ENQ) {
		return 1;
	}
	if (count < 2 || log_byte(log, position) != ASCII_ESC) {
		return 0;
	}
	if (log_byte(log, position + 1) == 'Z') {
		return 2;
	}
	if (log_byte(log, position + 1) != '[') {
		return 0;
	}
	for (uint32_t i = 2; i < count && i < CSI_MAX; i++) {
		uint8_t byte = log_byte(log, position + i);

		if (byte >= 0x40 && byte <= 0x7e) {
			return byte == 'c' || byte == 'n' ? i + 1 : 0;
		}
		if (byte < 0x20 || byte > 0x7e) {
			return 0;
		}
	}
	return 0;
}

/* Steps over questions while the backlog is shown again. */
static void skip_questions(struct terminal *terminal)
{
	uint32_t front = terminal_front(terminal);
	const uint8_t *log = saved_log(terminal->saved, front);

	for (;;) {
		uint32_t position = TERMINAL_POSITION(terminal->saved->terminal_word);
		uint32_t again = terminal->saved->replay_end - position;
		uint32_t skipped;

		if (again > TERMINAL_REPLAY) {
			/* past it: follow, so that indices that wrap never meet the old end again */
			terminal->saved->replay_end = position;
			return;
		}
		skipped = question_length(log, position, again);
		if (skipped == 0) {
			return;
		}
		set_position(terminal, position + skipped, front);
	}
}

bool terminal_next(struct terminal *terminal, uint8_t *byte)
{
	struct saved *saved = terminal->saved;

	if (saved->notice_head != saved->notice_tail) {
		*byte = saved->notice[saved->notice_tail & (NOTICE_CAPACITY - 1)];
		return true;
	}
	if (TERMINAL_POSITION(saved->terminal_word) != saved->replay_end) {
		skip_questions(terminal);
	}
	if (terminal_pending(terminal) == 0) {
		return false;
	}
	*byte = log_byte(saved_log(saved, terminal_front(terminal)), TERMINAL_POSITION(saved->terminal_word));
	return true;
}

void terminal_sent(struct terminal *terminal)
{
	struct saved *saved = terminal->saved;

	if (saved->notice_head != saved->notice_tail) {
		__atomic_store_n(&saved->notice_tail, saved->notice_tail + 1, __ATOMIC_RELEASE);
	} else {
		set_position(terminal, TERMINAL_POSITION(saved->terminal_word) + 1, terminal_front(terminal));
	}
}

/* Where the backlog begins that is shown again. */
static uint32_t replay_start(struct terminal *terminal, uint32_t index)
{
	const struct saved_console *console = &terminal->saved->consoles[index];
	const uint8_t *log = saved_log(terminal->saved, index);
	uint64_t length = console->head - console->first;
	uint32_t position;

	if (length <= TERMINAL_REPLAY) {
		return (uint32_t)console->first;
	}
	position = (uint32_t)console->head - TERMINAL_REPLAY;
	for (uint32_t i = 0; i < LINE_SEARCH; i++) {
		if (log_byte(log, position + i) == '\n') {
			return position + i + 1;
		}
	}
	return position;
}

void terminal_switch(struct terminal *terminal, uint32_t index)
{
	struct saved *saved = terminal->saved;
	uint32_t front = terminal_front(terminal);
	uint32_t start = replay_start(terminal, index);

	saved->consoles[front].seen = TERMINAL_POSITION(saved->terminal_word);
	saved->notice_tail = saved->notice_head;
	terminal_notice(terminal, "\r\n[");
	terminal_notice(terminal, saved->consoles[index].name);
	terminal_notice(terminal, "]\r\n");
	saved->replay_end = (uint32_t)saved->consoles[index].head;
	set_position(terminal, start, index);
}

static void list(struct terminal *terminal)
{
	const struct saved *saved = terminal->saved;
	uint32_t front = terminal_front(terminal);

	terminal_notice(terminal, "\r\n");
	for (uint32_t i = 0; i < saved->count; i++) {
		const struct saved_console *console = &saved->consoles[i];

		notice_number(terminal, shown_number(terminal, i));
		terminal_notice(terminal, "  ");
		terminal_notice(terminal, console->name);
		if (i == front) {
			terminal_notice(terminal, "  (in front)");
		} else if ((uint32_t)console->head != console->seen) {
			terminal_notice(terminal, "  (new output)");
		}
		terminal_notice(terminal, "\r\n");
	}
}

/* The console with that number; the count of consoles if there is none. */
static uint32_t console_of_number(const struct terminal *terminal, uint32_t number)
{
	for (uint32_t i = 0; i < terminal->saved->count; i++) {
		if (shown_number(terminal, i) == number) {
			return i;
		}
	}
	return terminal->saved->count;
}

static void switch_to_number(struct terminal *terminal, uint32_t number)
{
	uint32_t index = console_of_number(terminal, number);

	if (index < terminal->saved->count) {
		terminal_switch(terminal, index);
	} else {
		terminal_notice(terminal, "\r\n[there is no such console; Ctrl-] l lists them]\r\n");
	}
}

static enum terminal_action command(struct terminal *terminal, uint8_t key)
{
	uint32_t count = terminal->saved->count;
	uint32_t front = terminal_front(terminal);

	terminal->saved->escape = ESCAPE_NONE;
	if (key >= '0' && key <= '9') {
		switch_to_number(terminal, key - '0');
		return TERMINAL_NOTHING;
	}
	switch (key) {
	case TERMINAL_ESCAPE:
		return TERMINAL_INPUT;
	case 'a':
		terminal_switch(terminal, terminal->admin);
		break;
	case 'n':
		terminal_switch(terminal, (front + 1) % count);
		break;
	case 'p':
		terminal_switch(terminal, (front + count - 1) % count);
		break;
	case 'l':
		list(terminal);
		break;
	case 'q':
		terminal_notice(
			terminal, "\r\n[power off the machine with all its VMs? y or any other key]\r\n");
		terminal->saved->escape = ESCAPE_POWER_OFF;
		break;
	case '?':
	case 'h':
		terminal_notice(terminal, help);
		break;
	default:
		terminal_notice(terminal, "\r\n[no such key; Ctrl-] ? shows help]\r\n");
		break;
	}
	return TERMINAL_NOTHING;
}

enum terminal_action terminal_typed(struct terminal *terminal, uint8_t byte)
{
	struct saved *saved = terminal->saved;

	switch (saved->escape) {
	case ESCAPE_TYPED:
		return command(terminal, byte);
	case ESCAPE_POWER_OFF:
		saved->escape = ESCAPE_NONE;
		if (byte != 'y' && byte != 'Y') {
			terminal_notice(terminal, "[not powered off]\r\n");
			return TERMINAL_NOTHING;
		}
		return TERMINAL_POWER_OFF;
	default:
		if (byte == TERMINAL_ESCAPE) {
			saved->escape = ESCAPE_TYPED;
			return TERMINAL_NOTHING;
		}
		return TERMINAL_INPUT;
	}
}
