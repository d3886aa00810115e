/* SPDX-License-Identifier: MIT */
/* From the ring of events to the log: one record for each, none twice and none left out, though the task may be killed between any two instructions. Pure.
 *
 * An event is taken out of the ring after its record was flushed. In between it stands in both, so the journal, memory that outlives the
 * task, says beforehand which event is to become which record:
 *
 *   journal: record := next, then event := head of the ring    write, flush    take the event out of the ring
 *
 * A successor that finds that record on the volume, and that event still in the ring, takes it out. If either is not so, nothing of the sort
 * was under way. The record of the boot is journalled likewise, in a word of its own. */
#pragma once

#include "log.h"

#include <bulkhead/audit_ring.h>
#include <bulkhead/wall_clock.h>

/* Zero when the machine starts. Sequence numbers are one higher here, so that 0 is none. */
struct audit_journal {
	uint64_t boot;   /* the record that says that the machine was started */
	uint64_t record; /* the record that is written last or next, */
	uint64_t tail;   /* and 1 + the index of its event in the ring */
};

struct recorder {
	struct log log;
	struct ring_consumer ring;
	struct audit_journal *journal;
	const struct wall_clock_page *wall_clock;
	uint64_t boot_tsc;
	uint64_t khz;
	uint64_t dropped; /* events that the log could not take */
};

/* Opens the log and settles what a predecessor had under way; `recorder` has its ring, journal, clock and frequencies. Then records the
 * boot, if that is still to be done. `work` as for audit_scan(). */
void recorder_start(struct recorder *recorder, const struct disk_io *io, uint8_t *work);

/* Records one event; false: there is none. Where the log is not ready, the event is dropped and counted; after LOG_FAILED it stays. */
bool recorder_step(struct recorder *recorder);
