/* SPDX-License-Identifier: MIT */
/* Volumes on a disk that holds anything, and a client whose page holds anything: the input is the disk's first sectors,
 * and then what is written into the page while the server runs. Whatever comes, the disk is asked only for sectors that it has. */
#include "catalog.h"
#include "server.h"

#include <bulkhead/manifest.h>

#include <stdlib.h>
#include <string.h>

#define SECTORS 512u
#define HEAD_SECTORS 40u
#define DATA_BYTES 8192u

static uint8_t disk[SECTORS * 512];
static uint8_t area[SERVER_MAPS_OFFSET + 64 * 512];
static uint8_t maps[64 * 512];
static uint8_t data[DATA_BYTES];
static uint8_t work[CATALOG_WORK_BYTES];
static struct volume_server server;

static bool inside(uint64_t sector, uint32_t count)
{
	if (sector > SECTORS || count > SECTORS - sector) {
		abort();
	}
	return true;
}

static bool io_read(void *context, uint64_t sector, uint32_t count, void *bytes)
{
	(void)context;
	(void)inside(sector, count);
	memcpy(bytes, disk + sector * 512, (size_t)count * 512);
	return true;
}

static bool io_write(void *context, uint64_t sector, uint32_t count, const void *bytes)
{
	(void)context;
	(void)inside(sector, count);
	memcpy(disk + sector * 512, bytes, (size_t)count * 512);
	return true;
}

static bool io_flush(void *context)
{
	(void)context;
	return true;
}

/* So that inputs get past the checksums. */
static void seal(void)
{
	for (uint32_t copy = 0; copy < 2; copy++) {
		struct table *table = (struct table *)(void *)(disk + copy * TABLE_SECTORS * 512);

		if (table->magic == TABLE_MAGIC) {
			table->checksum = 0;
			table->checksum = manifest_checksum(table, sizeof(*table));
		}
	}
	if (memcmp(disk + 512, "EFI PART", 8) == 0) {
		uint32_t size;
		uint32_t checksum;

		checksum = manifest_checksum(disk + 1024, 128 * 128);
		memcpy(disk + 512 + 88, &checksum, 4);
		memcpy(&size, disk + 512 + 12, 4);
		memset(disk + 512 + 16, 0, 4);
		checksum = manifest_checksum(disk + 512, size <= 512 ? size : 512);
		memcpy(disk + 512 + 16, &checksum, 4);
	}
}

static void serve(struct block_server *side)
{
	uint64_t pending = block_pending(side);
	bool signal = false;

	for (; pending != 0; pending &= pending - 1) {
		uint32_t slot = (uint32_t)__builtin_ctzll(pending);
		struct block_slot what = block_take(side, slot);

		if (what.operation != BLOCK_FLUSH) {
			(void)inside(what.sector, what.count);
		}
		if (what.area > 1 || (what.operation <= BLOCK_WRITE &&
					     what.offset + (uint64_t)what.count * 512 >
						     (what.area == 0 ? sizeof(area) : DATA_BYTES))) {
			abort();
		}
		block_answer(side, slot, (what.sector & 7) == 7 ? BLOCK_FAILED : BLOCK_OK, &signal);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static struct block_page disk_page;
	static struct block_page client_page;
	static const struct block_geometry geometry = { SECTORS, BLOCK_CAN_WRITE | BLOCK_CAN_FLUSH, 256 };
	static const struct catalog_wish wishes[] = {
		{ .name = "base", .sectors = 150 },
		{ .name = "one", .snapshot_of = "base" },
		{ .partition = 1 },
		{ .partition = 2, .name = "x", .sectors = 8 },
		{ .partition = 0 },
	};
	struct disk_io io = { io_read, io_write, io_flush, NULL, SECTORS, true };
	struct block_server disk_side;
	size_t head;

	memset(disk, 0, sizeof(disk));
	memset(&disk_page, 0, sizeof(disk_page));
	memset(&client_page, 0, sizeof(client_page));
	if (size < 2) {
		return 0;
	}
	/* The first two bytes say how much of the rest is the disk's. */
	head = (input[0] | (size_t)input[1] << 8) % (HEAD_SECTORS * 512 + 1);
	input += 2;
	size -= 2;
	head = head < size ? head : size;
	memcpy(disk, input, head);
	input += head;
	size -= head;
	seal();
	disk_side = block_server_start(block_attach(&disk_page, sizeof(disk_page)));
	if (!volume_server_start(&server, block_client_start(&disk_page), &geometry, area, sizeof(area))) {
		abort();
	}
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		(void)catalog_add(&server, &io, &wishes[i], maps, work);
	}
	if (server.volume_count == 0) {
		return 0;
	}
	(void)volume_server_add(&server, block_attach(&client_page, sizeof(client_page)),
		server.volume_count - 1, true, 1, data, DATA_BYTES);
	for (; size >= 3; input += 3, size -= 3) {
		uint32_t at = (input[0] | (uint32_t)input[1] << 8) % BLOCK_PAGE_SIZE;

		((uint8_t *)&client_page)[at] = input[2];
		(void)volume_server_step(&server);
		serve(&disk_side);
	}
	return 0;
}
