/* SPDX-License-Identifier: MIT */
/* Requests of a disk in memory. Each is done at once and then answered, so a predecessor has nothing under way: rule S2 holds by
 * itself. There is no volatile cache: what is written is there as long as the memory is. Touches page, areas and the disk's memory only. */
#include "memdisk.h"

#include <string.h>

void memdisk_start(struct memdisk *disk, struct block_page *page, uint8_t *bytes, uint64_t size, bool *signal)
{
	disk->client = block_server_start(page);
	disk->bytes = bytes;
	disk->geometry = (struct block_geometry){ .sectors = size / BLOCK_SECTOR_SIZE,
		.flags = BLOCK_CAN_WRITE | BLOCK_CAN_DISCARD | BLOCK_CAN_WRITE_ZEROES,
		.max_sectors = MEMDISK_MAX_SECTORS };
	block_tell_geometry(&disk->client, &disk->geometry, signal);
}

static enum block_status serve(struct memdisk *disk, const struct block_slot *what)
{
	static uint8_t nothing[1];
	static const struct memdisk_area none = { nothing, 0 };
	const struct memdisk_area *area = what->area < MEMDISK_AREAS ? &disk->area[what->area] : &none;
	enum block_status status = block_check(what, &disk->geometry, area->size);
	uint8_t *sectors = disk->bytes + what->sector * BLOCK_SECTOR_SIZE;
	uint64_t bytes = (uint64_t)what->count * BLOCK_SECTOR_SIZE;

	if (status != BLOCK_OK) {
		return status;
	}
	switch (what->operation) {
	case BLOCK_READ:
		memcpy(area->bytes + what->offset, sectors, bytes);
		break;
	case BLOCK_WRITE:
		memcpy(sectors, area->bytes + what->offset, bytes);
		break;
	case BLOCK_WRITE_ZEROES:
		memset(sectors, 0, bytes);
		break;
	default: /* FLUSH, DISCARD: nothing to do */
		break;
	}
	return BLOCK_OK;
}

bool memdisk_step(struct memdisk *disk, bool *signal)
{
	uint64_t pending = block_pending(&disk->client);
	bool moved = pending != 0;

	for (; pending != 0; pending &= pending - 1) {
		uint32_t slot = (uint32_t)__builtin_ctzll(pending);
		struct block_slot what = block_take(&disk->client, slot);

		block_put_answer(&disk->client, slot, serve(disk, &what));
	}
	if (moved) {
		block_publish_answers(&disk->client, signal);
	}
	return moved;
}
