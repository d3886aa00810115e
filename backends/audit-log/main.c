/* SPDX-License-Identifier: MIT */
/* The audit log's task: takes the root task's events from a ring, and appends them as a chain of records to its volume. What it does with them is in
 * recorder.c; here are the volume, by the block protocol, and waiting.
 *
 * Given by the manifest: capabilities notification and disk-signal; regions disk-page, disk-data, audit (the ring), journal, wall-clock. */
#include "recorder.h"

#include <bulkhead/block.h>
#include <bulkhead/syscall.h>
#include <bulkhead/task.h>

#include <string.h>

#define DATA_SIZE ((size_t)AUDIT_WORK_SECTORS * BLOCK_SECTOR_SIZE)

static struct block_client disk;
static struct block_geometry geometry;
static uint8_t *data;
static uint64_t notification;
static uint64_t disk_signal;
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

	demand(bh_wait(notification, &word), "waiting");
}

/* ---- The volume: one transfer after the other, by slot 0. ---- */

static bool transfer(const struct block_slot *what)
{
	bool signal = false;

	block_client_post(&disk, 0, what, &signal);
	if (signal) {
		demand(bh_signal(disk_signal), "signalling the volume server");
	}
	for (;;) {
		block_ask_for_answers(disk.page);
		if (block_client_is_idle(&disk)) {
			return block_status_of(disk.page, 0) == BLOCK_OK;
		}
		wait_for_signal();
	}
}

static uint32_t piece_of(uint32_t rest)
{
	uint32_t most = geometry.max_sectors < AUDIT_WORK_SECTORS ? geometry.max_sectors : AUDIT_WORK_SECTORS;

	return rest < most ? rest : most;
}

static bool volume_read(void *context, uint64_t sector, uint32_t count, void *bytes)
{
	(void)context;
	for (uint32_t done = 0; done < count;) {
		struct block_slot what = {
			.operation = BLOCK_READ, .sector = sector + done, .count = piece_of(count - done)
		};

		if (!transfer(&what)) {
			return false;
		}
		memcpy((uint8_t *)bytes + (size_t)done * BLOCK_SECTOR_SIZE, data,
			(size_t)what.count * BLOCK_SECTOR_SIZE);
		done += what.count;
	}
	return true;
}

static bool volume_write(void *context, uint64_t sector, uint32_t count, const void *bytes)
{
	(void)context;
	for (uint32_t done = 0; done < count;) {
		struct block_slot what = {
			.operation = BLOCK_WRITE, .sector = sector + done, .count = piece_of(count - done)
		};

		memcpy(data, (const uint8_t *)bytes + (size_t)done * BLOCK_SECTOR_SIZE,
			(size_t)what.count * BLOCK_SECTOR_SIZE);
		if (!transfer(&what)) {
			return false;
		}
		done += what.count;
	}
	return true;
}

static bool volume_flush(void *context)
{
	static const struct block_slot what = { .operation = BLOCK_FLUSH };

	(void)context;
	return transfer(&what);
}

/* Until nothing of a predecessor is under way (rule C2 of the protocol), and the volume is known. */
static void open_volume(void)
{
	struct block_page *page =
		block_attach(bh_region_required(BLOCK_NAME_PAGE, BLOCK_PAGE_SIZE, NULL), BLOCK_PAGE_SIZE);

	if (page == NULL) {
		bh_log("the volume's page was written by another version");
		bh_exit(BH_EXIT_MISSING);
	}
	data = bh_region_required("disk-data", DATA_SIZE, NULL);
	disk = block_client_start(page);
	demand(bh_signal(disk_signal), "signalling the volume server");
	for (;;) {
		block_ask_for_answers(page);
		if (block_client_is_idle(&disk) && block_read_geometry(page, &geometry)) {
			break;
		}
		wait_for_signal();
	}
	if (geometry.max_sectors == 0) {
		bh_log("the volume takes no transfers");
		bh_exit(BH_EXIT_ABORT);
	}
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
		bh_log("record %lu of at most %lu is next", next, geometry.sectors);
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
	static struct disk_io io = { .read = volume_read, .write = volume_write, .flush = volume_flush };

	notification = bh_capability_required(BLOCK_NAME_NOTIFICATION);
	disk_signal = bh_capability_required(BLOCK_NAME_SIGNAL);
	recorder.journal = bh_region_required("journal", sizeof(struct audit_journal), NULL);
	recorder.wall_clock = bh_region_required(WALL_CLOCK_NAME, sizeof(struct wall_clock_page), NULL);
	recorder.boot_tsc = bh_boot_tsc();
	recorder.khz = bh_tsc_khz();
	open_ring();
	open_volume();
	io.sectors = geometry.sectors;
	io.writable = (geometry.flags & BLOCK_CAN_WRITE) != 0;
	recorder_start(&recorder, &io, work_memory);
	report_state();
	bh_ready();
	for (;;) {
		work();
		wait_for_signal();
	}
}
