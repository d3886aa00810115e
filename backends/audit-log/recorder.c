/* SPDX-License-Identifier: MIT */
/* Events become records: see recorder.h. The ring's other side is the root task, which is trusted; nonsense in it costs events, no more. */
#include "recorder.h"

#include <bulkhead/task.h>

#include <string.h>

#define TEXT_BOOT "the machine was started"
#define NS_PER_MS UINT64_C(1000000)

static uint64_t uptime_ns(const struct recorder *recorder, uint64_t tsc)
{
	uint64_t ticks = tsc - recorder->boot_tsc;

	return ticks / recorder->khz * NS_PER_MS + ticks % recorder->khz * NS_PER_MS / recorder->khz;
}

static struct audit_record record_at(
	const struct recorder *recorder, uint32_t kind, uint64_t event, uint64_t tsc)
{
	return (struct audit_record){
		.kind = kind,
		.event = event,
		.unix_ns = wall_clock_at(wall_clock_read(recorder->wall_clock), tsc, recorder->khz),
		.uptime_ns = uptime_ns(recorder, tsc),
	};
}

static void journal_store(uint64_t *word, uint64_t value) { __atomic_store_n(word, value, __ATOMIC_RELEASE); }

/* ---- The ring ---- */

enum piece { PIECE_NONE, PIECE_WHOLE, PIECE_NONSENSE };

/* The piece at the ring's head, without taking it. The producer publishes whole ones only. */
static enum piece peek(
	const struct recorder *recorder, struct audit_ring_header *header, char text[AUDIT_TEXT_SIZE])
{
	uint32_t available = ring_available(&recorder->ring.ring, recorder->ring.tail);
	uint32_t at = recorder->ring.tail + (uint32_t)sizeof(*header);

	if (available == 0) {
		return PIECE_NONE;
	}
	if (available < sizeof(*header)) {
		return PIECE_NONSENSE;
	}
	(void)ring_peek(&recorder->ring, (uint8_t *)header, sizeof(*header));
	if (header->length > available - sizeof(*header)) {
		return PIECE_NONSENSE;
	}
	for (uint32_t i = 0; i < header->length && i < AUDIT_TEXT_SIZE; i++) {
		text[i] = (char)ring_get(&recorder->ring.ring, at + i);
	}
	return PIECE_WHOLE;
}

static void take(struct recorder *recorder, uint32_t count)
{
	int signal = 0; /* nobody waits for room */

	ring_take(&recorder->ring, count, &signal);
}

static uint32_t piece_size(const struct audit_ring_header *header)
{
	return (uint32_t)sizeof(*header) + header->length;
}

/* ---- Start ---- */

static void record_boot(struct recorder *recorder)
{
	struct audit_record record = record_at(recorder, AUDIT_BOOT, 0, recorder->boot_tsc);

	if (recorder->journal->boot != 0 && recorder->log.found >= recorder->journal->boot) {
		return;
	}
	journal_store(&recorder->journal->boot, recorder->log.next + 1);
	log_append(&recorder->log, &record, TEXT_BOOT, sizeof(TEXT_BOOT) - 1);
}

/* The event that a predecessor has recorded and not taken out. */
static void settle(struct recorder *recorder)
{
	const struct audit_journal *journal = recorder->journal;
	struct audit_ring_header header = { 0 };
	char text[AUDIT_TEXT_SIZE];

	if (journal->record != 0 && recorder->log.found >= journal->record &&
		journal->tail == UINT64_C(1) + recorder->ring.tail &&
		peek(recorder, &header, text) == PIECE_WHOLE) {
		take(recorder, piece_size(&header));
	}
}

void recorder_start(struct recorder *recorder, const struct disk_io *io, uint8_t *work)
{
	log_open(&recorder->log, io, work);
	settle(recorder);
	record_boot(recorder);
}

/* ---- Work ---- */

/* Some numbers are missing before this event: says so, once. */
static void record_lost(struct recorder *recorder, const struct audit_ring_header *header)
{
	uint64_t lost = header->event - recorder->log.event - 1;
	struct audit_record record = record_at(recorder, AUDIT_LOST, header->event - 1, header->tsc);
	char text[AUDIT_TEXT_SIZE];

	log_append(&recorder->log, &record, text,
		bh_format(text, sizeof(text), "%lu events before this one were lost: they came too fast",
			lost));
}

static void record_event(struct recorder *recorder, const struct audit_ring_header *header, const char *text)
{
	struct audit_record record = record_at(recorder,
		header->kind == AUDIT_ORDER ? AUDIT_ORDER : AUDIT_EVENT, header->event, header->tsc);

	if (header->event > recorder->log.event + 1) {
		record_lost(recorder, header);
	}
	/* The journal names the next record only where one is really going to be written. */
	if (recorder->log.state != LOG_READY) {
		return;
	}
	journal_store(&recorder->journal->record, recorder->log.next + 1);
	journal_store(&recorder->journal->tail, UINT64_C(1) + recorder->ring.tail);
	log_append(&recorder->log, &record, text,
		header->length < AUDIT_TEXT_SIZE ? header->length : AUDIT_TEXT_SIZE);
}

bool recorder_step(struct recorder *recorder)
{
	struct audit_ring_header header = { 0 };
	char text[AUDIT_TEXT_SIZE];

	switch (peek(recorder, &header, text)) {
	case PIECE_NONE:
		return false;
	case PIECE_NONSENSE:
		recorder->dropped++;
		take(recorder, ring_available(&recorder->ring.ring, recorder->ring.tail));
		return true;
	default:
		break;
	}
	record_event(recorder, &header, text);
	if (recorder->log.state == LOG_FAILED) {
		return false;
	}
	recorder->dropped += recorder->log.state != LOG_READY;
	take(recorder, piece_size(&header));
	return true;
}
