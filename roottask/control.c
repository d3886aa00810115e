/* SPDX-License-Identifier: MIT */
/* The control port: see control.h.
 *
 * Nothing waits for its reader. Output stands in a buffer: the first part of it is for whatever waits, the rest for one answer. A command is
 * executed only while no more waits than the first part holds, so its answer always finds the same room; then commands stay in their
 * ring, and in the serial port's, until the reader reads. Lines of a followed log may use the first part only; those that find no room are
 * lost and counted, and the next one says how many. */
#include "control.h"

#include "channel.h"
#include "execute.h"
#include "report.h"
#include "request.h"

#include <bulkhead/log_ring.h>
#include <bulkhead/task.h>

#include <string.h>

#define OUTPUT_SIZE 524288u                             /* a power of two */
#define WAITING_MAX 131072u                             /* of it, for what waits */
#define FOLLOWED_LINE_MAX (6u * REPORT_LINE_MAX + 256u) /* a line's object: each byte may take six */
#define TURN_MS \
	1u /* the root task stands above all others: what is asked after that waits for the next signal or tick */

_Static_assert(
	OUTPUT_SIZE - WAITING_MAX > 2 * (LOG_RING_CAPACITY + REPORT_LOG_SIZE) + ANSWER_ROOM_MIN + 65536,
	"both logs fit in one answer, with each byte escaped and a comma and quotes for each line");

static uint8_t output_bytes[OUTPUT_SIZE];
static struct channel channel = { .output = { .bytes = output_bytes, .size = OUTPUT_SIZE } };
static struct request request;
static struct answer answer;
static uint32_t followed = FOLLOW_NOBODY;
static uint32_t lost; /* lines of what is followed */

/* ---- Output ---------------------------------------------------------------------------------------------------------- */

static void put_text(const char *text) { (void)output_put(&channel.output, text, strlen(text)); }

static void put_followed(const char *name, uint64_t ms, const char *line, size_t length)
{
	char text[64];

	put_text("{\"follow\":");
	(void)json_string(&channel.output, name, strlen(name));
	(void)bh_format(text, sizeof(text), ",\"ms\":%lu,\"lost\":%u,\"line\":", ms, lost);
	put_text(text);
	(void)json_string(&channel.output, line, length);
	put_text("}\n");
}

void control_event(uint32_t source, uint64_t ms, const char *line, size_t length)
{
	if (!channel.is_open || !follows(followed, source)) {
		return;
	}
	if (answer_is_open(&answer) || output_pending(&channel.output) + FOLLOWED_LINE_MAX > WAITING_MAX) {
		lost++;
		return;
	}
	put_followed(source == MANIFEST_ROOT ? "root" : task_name(source), ms, line,
		length < REPORT_LINE_MAX ? length : REPORT_LINE_MAX);
	lost = 0;
}

bool control_is_drained(void) { return channel_is_drained(&channel); }

/* ---- Input ----------------------------------------------------------------------------------------------------------- */

/* A line that is no command: why not. */
static void refuse(const char *why)
{
	answer_begin(&answer, ANSWER_JSON, &channel.output, "", "");
	answer_error(&answer, "%s", why);
	answer_end(&answer);
}

static void take(char byte)
{
	uint32_t before = followed;

	switch (request_add(&request, byte)) {
	case REQUEST_READY:
		execute(&answer, ANSWER_JSON, &channel.output, request.id, request.text, &followed,
			FOLLOW_NOBODY);
		lost = followed == before ? lost : 0;
		break;
	case REQUEST_TOO_LONG:
		refuse("the line is too long: send at most 127 bytes and LF");
		break;
	case REQUEST_NO_TEXT:
		refuse("the line is no text: send printable ASCII and LF");
		break;
	default:
		break;
	}
}

void control_pump(void)
{
	uint64_t until = bh_tsc() + (root.boot->tsc_khz != 0 ? TURN_MS * root.boot->tsc_khz : 1);
	uint8_t byte;

	channel_drain(&channel);
	while (channel.is_open && output_pending(&channel.output) <= WAITING_MAX && bh_tsc() < until &&
		channel_receive(&channel, &byte, 1) > 0) {
		take((char)byte);
	}
	channel_drain(&channel);
}

void control_open(void)
{
	if (channel_open(&channel, "console:control", "control-signal") == CHANNEL_VERSION) {
		report("the rings of the control port are of another version or too small");
	}
}
