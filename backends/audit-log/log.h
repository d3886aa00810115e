/* SPDX-License-Identifier: MIT */
/* The audit log on its volume: finds its end, and appends records, each of which is flushed before the next one is begun. So whatever happens,
 * the volume holds a whole chain, with at most the last record missing. Pure: the volume is reached through a struct disk_io. */
#pragma once

#include <bulkhead/audit_record.h>

enum log_state {
	LOG_READY,
	LOG_FULL,    /* its last record says so: nothing can be appended any more */
	LOG_FAILED,  /* the volume failed: what is on it is found out by opening it again */
	LOG_FOREIGN, /* something else is on the volume, which is left alone */
	LOG_BROKEN,  /* more than the last record is wrong: it is left as it is, for whoever looks into it */
	LOG_SMALL,   /* the volume has fewer than AUDIT_MIN_SECTORS sectors, or cannot be written */
};

struct log {
	const struct disk_io *io;
	enum log_state state;
	uint64_t found; /* records, when it was opened */
	uint64_t next;  /* sequence number of the next record; after LOG_BROKEN: of the one that is wrong */
	uint8_t head[SHA256_SIZE];
	uint64_t event; /* as in the last record: AUDIT_DAMAGED and AUDIT_FULL repeat it */
};

/* Finds the log on the volume, or begins one on a volume of zeroes. A last record that is damaged, as by a loss of power in the middle of
 * a sector, is replaced by one that says so. `io` is kept; `work` as for audit_scan(). */
void log_open(struct log *log, const struct disk_io *io, uint8_t *work);

/* Appends a record; fields beside the kind, times and event of *what are overwritten. Does nothing unless the state is LOG_READY; afterwards
 * it may be LOG_FULL (the record was left out: one that says that the log is full has taken its place) or LOG_FAILED. */
void log_append(struct log *log, struct audit_record *what, const char *text, size_t length);
