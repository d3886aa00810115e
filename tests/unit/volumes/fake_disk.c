/* SPDX-License-Identifier: MIT */
/* The fake disk. */
#include "fake_disk.h"

#include <stdlib.h>
#include <string.h>

uint64_t fake_random(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * UINT64_C(0x2545f4914f6cdd1d);
}

static bool powered(struct fake_disk *disk)
{
	if (disk->transfers_left == 0) {
		return false;
	}
	if (disk->transfers_left != UINT64_MAX) {
		disk->transfers_left--;
	}
	return true;
}

static bool good(const struct fake_disk *disk, uint64_t sector, uint32_t count)
{
	assert_true(sector <= disk->sectors && count <= disk->sectors - sector);
	return disk->failing_sector < sector || disk->failing_sector >= sector + count;
}

static bool io_read(void *context, uint64_t sector, uint32_t count, void *bytes)
{
	struct fake_disk *disk = context;

	memcpy(bytes, disk->cache + sector * BLOCK_SECTOR_SIZE, (size_t)count * BLOCK_SECTOR_SIZE);
	return good(disk, sector, count);
}

static bool io_write(void *context, uint64_t sector, uint32_t count, const void *bytes)
{
	struct fake_disk *disk = context;

	if (!good(disk, sector, count) || !powered(disk)) {
		return false;
	}
	memcpy(disk->cache + sector * BLOCK_SECTOR_SIZE, bytes, (size_t)count * BLOCK_SECTOR_SIZE);
	return true;
}

static bool io_flush(void *context)
{
	struct fake_disk *disk = context;

	if (!powered(disk)) {
		return false;
	}
	memcpy(disk->stable, disk->cache, disk->sectors * BLOCK_SECTOR_SIZE);
	disk->flushes++;
	return true;
}

void fake_disk_start(struct fake_disk *disk, uint64_t sectors, uint64_t seed)
{
	*disk = (struct fake_disk){ .sectors = sectors,
		.cache = calloc(sectors, BLOCK_SECTOR_SIZE),
		.stable = calloc(sectors, BLOCK_SECTOR_SIZE),
		.seed = seed,
		.transfers_left = UINT64_MAX,
		.failing_sector = UINT64_MAX,
		.geometry = { sectors, BLOCK_CAN_WRITE | BLOCK_CAN_FLUSH | BLOCK_CAN_DISCARD, 256 } };
	disk->io = (struct disk_io){ io_read, io_write, io_flush, disk, sectors, true };
	assert_non_null(disk->cache);
	assert_non_null(disk->stable);
}

void fake_disk_end(struct fake_disk *disk)
{
	free(disk->cache);
	free(disk->stable);
}

void fake_disk_cut(struct fake_disk *disk)
{
	for (uint64_t i = 0; i < disk->sectors; i++) {
		uint8_t *cache = disk->cache + i * BLOCK_SECTOR_SIZE;
		uint8_t *stable = disk->stable + i * BLOCK_SECTOR_SIZE;

		if ((fake_random(&disk->seed) >> 20 & 1) != 0) {
			memcpy(stable, cache, BLOCK_SECTOR_SIZE);
		} else {
			memcpy(cache, stable, BLOCK_SECTOR_SIZE);
		}
	}
	disk->transfers_left = UINT64_MAX;
}

void fake_disk_serve(struct fake_disk *disk, struct block_page *page)
{
	bool signal = false;

	disk->page = page;
	disk->server = block_server_start(page);
	block_tell_geometry(&disk->server, &disk->geometry, &signal);
}

static enum block_status serve(struct fake_disk *disk, const struct block_slot *what)
{
	enum block_status status = block_check(
		what, &disk->geometry, what->area < FAKE_AREAS ? disk->area_bytes[what->area] : 0);
	bool done;

	/* The volume server asks for nothing that a disk has to refuse. */
	assert_int_equal(status, BLOCK_OK);
	switch (what->operation) {
	case BLOCK_READ:
		done = io_read(disk, what->sector, what->count, disk->area[what->area] + what->offset);
		break;
	case BLOCK_WRITE:
		done = io_write(disk, what->sector, what->count, disk->area[what->area] + what->offset);
		break;
	case BLOCK_FLUSH:
		done = io_flush(disk);
		break;
	case BLOCK_DISCARD:
		done = good(disk, what->sector, what->count);
		memset(disk->cache + what->sector * BLOCK_SECTOR_SIZE, 0xdd,
			(size_t)what->count * BLOCK_SECTOR_SIZE);
		break;
	default:
		fail();
		done = false;
	}
	return done ? BLOCK_OK : BLOCK_FAILED;
}

uint32_t fake_disk_step(struct fake_disk *disk, uint32_t count, bool answer)
{
	uint32_t done = 0;
	bool signal = false;
	uint64_t pending = block_pending(&disk->server);

	while (done < count && pending != 0) {
		uint32_t slot = (uint32_t)(fake_random(&disk->seed) >> 30) % BLOCK_SLOTS;
		struct block_slot what;

		while ((pending >> slot & 1) == 0) {
			slot = (slot + 1) % BLOCK_SLOTS;
		}
		pending &= ~(UINT64_C(1) << slot);
		what = block_take(&disk->server, slot);
		if (answer) {
			block_answer(&disk->server, slot, serve(disk, &what), &signal);
		} else {
			(void)serve(disk, &what);
		}
		done++;
	}
	return done;
}
