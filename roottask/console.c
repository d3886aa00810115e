/* SPDX-License-Identifier: MIT */
/* The administrator's console: line editing, the prompt, and events as they happen. See console.h. Commands are in execute.c. */
#include "console.h"

#include "channel.h"
#include "command.h"
#include "execute.h"
#include "report.h"

#include <string.h>

#define OUTPUT_SIZE 131072u /* a power of two; what does not fit is lost by whole lines, and counted */
#define PROMPT "bulkhead> "
#define CONTROL_C 0x03
#define BACKSPACE '\b'
#define DELETE 0x7f

static uint8_t output_bytes[OUTPUT_SIZE];
static struct channel channel = { .output = { .bytes = output_bytes, .size = OUTPUT_SIZE } };
static uint32_t followed = FOLLOW_EVERYBODY;

static char typed[COMMAND_LINE_MAX];
static size_t typed_length;
static bool typing; /* the prompt is shown */

/* ---- Output ---------------------------------------------------------------------------------------------------------- */

static void put(const char *text, size_t length) { (void)output_put(&channel.output, text, length); }

void console_event(uint32_t source, const char *line, size_t length)
{
	/* What happens is shown, whomever else is followed. */
	if (source != MANIFEST_ROOT && !follows(followed, source)) {
		return;
	}
	if (typing) {
		put("\r\n", 2);
	}
	output_line(&channel.output, line, length);
	if (typing) {
		put(PROMPT, sizeof(PROMPT) - 1);
		put(typed, typed_length);
	}
}

void console_drain(void) { channel_drain(&channel); }

bool console_is_drained(void) { return channel_is_drained(&channel); }

/* ---- Input ----------------------------------------------------------------------------------------------------------- */

static void show_prompt(void)
{
	put(PROMPT, sizeof(PROMPT) - 1);
	typing = true;
}

static void enter(void)
{
	static struct answer answer;

	put("\r\n", 2);
	typed[typed_length] = '\0';
	typing = false;
	typed_length = 0;
	execute(&answer, ANSWER_TEXT, &channel.output, "", typed, &followed, FOLLOW_EVERYBODY);
	show_prompt();
}

static void type(char character)
{
	if (!typing) {
		show_prompt();
	}
	if (character == '\r' || character == '\n') {
		enter();
	} else if (character == CONTROL_C) {
		put("^C\r\n", 4);
		followed = FOLLOW_EVERYBODY;
		typed_length = 0;
		show_prompt();
	} else if (character == BACKSPACE || character == DELETE) {
		if (typed_length > 0) {
			typed_length--;
			put("\b \b", 3);
		}
	} else if (character >= ' ' && character <= '~' && typed_length < sizeof(typed) - 1) {
		typed[typed_length++] = character;
		put(&character, 1);
	}
}

void console_pump(void)
{
	uint8_t bytes[64];
	uint32_t count;

	while ((count = channel_receive(&channel, bytes, sizeof(bytes))) > 0) {
		for (uint32_t i = 0; i < count; i++) {
			type((char)bytes[i]);
		}
	}
	console_drain();
}

void console_open(void)
{
	switch (channel_open(&channel, "console:admin", "console-signal")) {
	case CHANNEL_NONE:
		report("the manifest gives the root task no region \"console:admin\": there is no administrator's console");
		break;
	case CHANNEL_VERSION:
		report("the rings of the administrator's console are of another version or too small");
		break;
	default:
		break;
	}
}
