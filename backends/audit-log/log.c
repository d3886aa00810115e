/* SPDX-License-Identifier: MIT */
/* The log on its volume: see log.h. Touches what it is given only. */
#include "log.h"

#include <bulkhead/task.h>

#include <string.h>

#define TEXT_FULL "the volume is full: nothing is recorded from here on"

/* Seals and writes the next record, and waits until it would survive a loss of power. */
static void write_record(struct log *log, struct audit_record *what, const char *text, size_t length)
{
	const struct disk_io *io = log->io;

	audit_seal(what, log->next, log->head, text, length);
	if (!io->write(io->context, log->next, 1, what) || !io->flush(io->context)) {
		log->state = LOG_FAILED;
		return;
	}
	log->next++;
	memcpy(log->head, what->hash, sizeof(log->head));
	log->event = what->event;
}

void log_append(struct log *log, struct audit_record *what, const char *text, size_t length)
{
	if (log->state != LOG_READY) {
		return;
	}
	if (log->next + 1 < log->io->sectors) {
		write_record(log, what, text, length);
		return;
	}
	what->kind = AUDIT_FULL;
	what->event = log->event;
	write_record(log, what, TEXT_FULL, sizeof(TEXT_FULL) - 1);
	if (log->state == LOG_READY) {
		log->state = LOG_FULL;
	}
}

/* The sector where the next record belongs holds something else. Its hash is kept, whatever it was. */
static void replace_damaged(struct log *log, const uint8_t *sector)
{
	static const char digits[] = "0123456789abcdef";
	struct audit_record record = { .kind = AUDIT_DAMAGED, .event = log->event };
	uint8_t hash[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1] = { 0 };
	char text[AUDIT_TEXT_SIZE];

	sha256(sector, AUDIT_RECORD_SIZE, hash);
	for (size_t i = 0; i < sizeof(hash); i++) {
		hex[2 * i] = digits[hash[i] >> 4];
		hex[2 * i + 1] = digits[hash[i] & 15];
	}
	log_append(log, &record, text,
		bh_format(text, sizeof(text),
			"here stood a record that was not written to its end, or was changed; SHA-256 of the sector: %s",
			hex));
}

/* The chain ends in a sector that is no record and not zero. */
static void open_damaged(struct log *log, const struct audit_scan *scan, uint8_t *work)
{
	uint64_t magic;

	if (!log->io->read(log->io->context, scan->records, 1, work)) {
		log->state = LOG_FAILED;
		return;
	}
	memcpy(&magic, work, sizeof(magic));
	if (scan->records == 0 && magic != AUDIT_MAGIC) {
		log->state = LOG_FOREIGN;
	} else if (scan->stray != 0) {
		log->state = LOG_BROKEN;
	} else {
		replace_damaged(log, work);
	}
}

static enum log_state state_after(const struct disk_io *io, const struct audit_scan *scan)
{
	if (scan->disk_failed) {
		return LOG_FAILED;
	}
	if (scan->records == 0 && scan->fault == AUDIT_EMPTY && scan->stray != 0) {
		return LOG_FOREIGN;
	}
	if (scan->fault == AUDIT_EMPTY && scan->stray != 0) {
		return LOG_BROKEN;
	}
	/* What was read may stand in a cache only: nothing follows it on the disk before it is there itself. */
	if (!io->flush(io->context)) {
		return LOG_FAILED;
	}
	/* Nothing follows a record that says that the log is full. */
	if (scan->kind == AUDIT_FULL || scan->records == io->sectors) {
		return audit_is_whole(scan) ? LOG_FULL : LOG_BROKEN;
	}
	return LOG_READY;
}

void log_open(struct log *log, const struct disk_io *io, uint8_t *work)
{
	struct audit_scan scan;

	*log = (struct log){ .io = io, .state = LOG_SMALL };
	if (io->sectors < AUDIT_MIN_SECTORS || !io->writable) {
		return;
	}
	audit_scan(io, work, NULL, NULL, &scan);
	log->found = scan.records;
	log->next = scan.records;
	log->event = scan.event;
	memcpy(log->head, scan.head, sizeof(log->head));
	log->state = state_after(io, &scan);
	if (log->state == LOG_READY && scan.fault != AUDIT_EMPTY) {
		open_damaged(log, &scan, work);
	}
}
