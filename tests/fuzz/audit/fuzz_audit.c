/* SPDX-License-Identifier: MIT */
/* The audit log on a volume that holds anything, and a ring of events that holds anything. The input: a byte of flags, the volume's first
 * sectors, then what stands in the ring. A log that can be continued is whole afterwards; any other volume is left as it was. */
#include "recorder.h"

#include <stdlib.h>
#include <string.h>

#define SECTORS 24u
#define VOLUME_BYTES (SECTORS * AUDIT_RECORD_SIZE)
#define REGION_BYTES 4096u
#define SEALED 0x1fu /* so many sectors are given right hashes, so that a fuzzer gets behind these checks */
#define RESTARTS 0x20u
#define STEPS 4096u

static uint8_t disk[VOLUME_BYTES];
static uint8_t before[VOLUME_BYTES];
static uint8_t region[REGION_BYTES] __attribute__((aligned(8)));
static uint8_t work[AUDIT_WORK_SECTORS * AUDIT_RECORD_SIZE] __attribute__((aligned(8)));
static struct wall_clock_page wall_clock;

static void check(bool good)
{
	if (!good) {
		abort();
	}
}

static bool inside(uint64_t sector, uint32_t count)
{
	check(sector <= SECTORS && count <= SECTORS - sector);
	return true;
}

static bool io_read(void *context, uint64_t sector, uint32_t count, void *bytes)
{
	(void)context;
	(void)inside(sector, count);
	memcpy(bytes, disk + sector * AUDIT_RECORD_SIZE, (size_t)count * AUDIT_RECORD_SIZE);
	return true;
}

static bool io_write(void *context, uint64_t sector, uint32_t count, const void *bytes)
{
	(void)context;
	(void)inside(sector, count);
	memcpy(disk + sector * AUDIT_RECORD_SIZE, bytes, (size_t)count * AUDIT_RECORD_SIZE);
	return true;
}

static bool io_flush(void *context)
{
	(void)context;
	return true;
}

/* Gives the first sectors magic, places and hashes of a chain; all other fields stay what they are. */
static void seal(uint32_t count)
{
	uint8_t head[SHA256_SIZE] = { 0 };

	for (uint32_t i = 0; i < count && i < SECTORS; i++) {
		struct audit_record record;

		memcpy(&record, disk + (size_t)i * AUDIT_RECORD_SIZE, sizeof(record));
		record.magic = AUDIT_MAGIC;
		record.version = AUDIT_VERSION;
		record.sequence = i;
		memcpy(record.previous, head, sizeof(head));
		sha256(&record, offsetof(struct audit_record, hash), record.hash);
		memcpy(head, record.hash, sizeof(head));
		memcpy(disk + (size_t)i * AUDIT_RECORD_SIZE, &record, sizeof(record));
	}
}

static void run(const struct disk_io *io, struct audit_journal *journal)
{
	struct recorder recorder = {
		.journal = journal, .wall_clock = &wall_clock, .boot_tsc = 5, .khz = 1000000
	};
	struct ring transmit;
	struct ring receive;
	struct audit_scan scan;

	if (ring_region_attach(
		    region, sizeof(region), AUDIT_RING_MAGIC, AUDIT_RING_VERSION, &transmit, &receive) != 0) {
		return;
	}
	recorder.ring = ring_consumer_start(transmit);
	recorder_start(&recorder, io, work);
	for (uint32_t i = 0; recorder_step(&recorder); i++) {
		check(i < STEPS);
	}
	audit_scan(io, work, NULL, NULL, &scan);
	switch (recorder.log.state) {
	case LOG_READY:
	case LOG_FULL:
		check(audit_is_whole(&scan));
		check(scan.records == recorder.log.next);
		break;
	default:
		check(memcmp(disk, before, sizeof(disk)) == 0);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct disk_io io = { io_read, io_write, io_flush, NULL, SECTORS, true };
	struct audit_journal journal = { 0 };
	size_t on_disk;

	if (size == 0) {
		return 0;
	}
	on_disk = size - 1 < VOLUME_BYTES ? size - 1 : VOLUME_BYTES;
	memset(disk, 0, sizeof(disk));
	memcpy(disk, bytes + 1, on_disk);
	memset(region, 0, sizeof(region));
	memcpy(region, bytes + 1 + on_disk,
		size - 1 - on_disk < sizeof(region) ? size - 1 - on_disk : sizeof(region));
	seal(bytes[0] & SEALED);
	memcpy(before, disk, sizeof(disk));
	run(&io, &journal);
	if ((bytes[0] & RESTARTS) != 0) {
		memcpy(before, disk, sizeof(disk));
		run(&io, &journal);
	}
	return 0;
}
