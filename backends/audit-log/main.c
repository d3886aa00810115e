/* SPDX-License-Identifier: MIT */
/* The audit log's task: takes the root task's events from a ring, and appends them as a chain of records to its volume. What it does with them is in
 * recorder.c; here are the volume, by the block protocol, and waiting.
 *
 * Given by the manifest: capabilities notification and disk-signal; regions disk-page, disk-data, audit (the ring), journal, wall-clock. */
#include "recorder.h"

#include <bulkhead/block_transfer.h>
#include <bulkhead/syscall.h>
#include <bulkhead/task.h>

#define DATA_SIZE ((size_t)AUDIT_WORK_SECTORS * BLOCK_SECTOR_SIZE)

static struct block_transfer volume;
static struct recorder recorder;

/* These can fail only if the manifest gave the wrong object: then nothing works. */
static void demand(enum bh_error error, const char *what)
{
	if (error != BH_OK) {
		bh_log("%s: %s", what, bh_error_text(error));
		bh_exit(BH_EXIT_ABORT);
	}
}

static void wait_for_signal(void)
{
	uint64_t word;

	demand(bh_wait(volume.notification, &word), "waiting");
}

/* ---- The log ---- */

static void open_ring(void)
{
	size_t size;
	void *region = bh_region_required(AUDIT_RING_NAME, RING_REGION_MIN_SIZE, &size);
	struct ring transmit;
	struct ring receive;

	if (ring_region_attach(region, size, AUDIT_RING_MAGIC, AUDIT_RING_VERSION, &transmit, &receive) !=
		0) {
		bh_log("the ring of events is of another version");
		bh_exit(BH_EXIT_MISSING);
	}
	recorder.ring = ring_consumer_start(transmit);
}

/* Says what has become of the log; ends the task where another start could help. */
static void report_state(void)
{
	unsigned long next = recorder.log.next;

	switch (recorder.log.state) {
	case LOG_READY:
		bh_log("record %lu of at most %lu is next", next, volume.geometry.sectors);
		break;
	case LOG_FULL:
		bh_log("the audit log is full: events are not recorded any more. Give it another volume");
		break;
	case LOG_FAILED:
		bh_log("the volume failed at record %lu", next);
		bh_exit(1);
	case LOG_FOREIGN:
		bh_log("something else is on the volume, and events are not recorded: wipe it if it is to be the log");
		break;
	case LOG_BROKEN:
		bh_log("record %lu is not the one that was written there, and more follows: events are not recorded. "
		       "Keep the volume, and give the log another one",
			next);
		break;
	case LOG_SMALL:
		bh_log("the volume cannot be written, or has fewer than %u sectors: events are not recorded",
			AUDIT_MIN_SECTORS);
		break;
	}
}

static void work(void)
{
	enum log_state before = recorder.log.state;

	do {
		while (recorder_step(&recorder)) {}
		if (recorder.log.state != before) {
			report_state();
			before = recorder.log.state;
		}
	} while (!ring_consumer_may_sleep(&recorder.ring));
}

int main(void)
{
	static uint8_t work_memory[DATA_SIZE] __attribute__((aligned(8)));
	static struct disk_io io;

	recorder.journal = bh_region_required("journal", sizeof(struct audit_journal), NULL);
	recorder.wall_clock = bh_region_required(WALL_CLOCK_NAME, sizeof(struct wall_clock_page), NULL);
	recorder.boot_tsc = bh_boot_tsc();
	recorder.khz = bh_tsc_khz();
	open_ring();
	volume.memory = bh_region_required("disk-data", DATA_SIZE, NULL);
	volume.most = AUDIT_WORK_SECTORS;
	block_transfer_open(&volume);
	io = block_transfer_io(&volume);
	recorder_start(&recorder, &io, work_memory);
	report_state();
	bh_ready();
	for (;;) {
		work();
		wait_for_signal();
	}
}
