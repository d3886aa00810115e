/* SPDX-License-Identifier: MIT */
/* The virtio disk: see disk.h. The device is not believed: it may name only chains that it was given. */
#include "disk.h"

#include <stddef.h>
#include <string.h>

/* virtio 1.2 section 5.2.3. */
#define FEATURE_SIZE_MAX (UINT64_C(1) << 1)
#define FEATURE_READ_ONLY (UINT64_C(1) << 5)
#define FEATURE_BLOCK_SIZE (UINT64_C(1) << 6)
#define FEATURE_FLUSH (UINT64_C(1) << 9)
#define FEATURE_DISCARD (UINT64_C(1) << 13)
#define FEATURE_WRITE_ZEROES (UINT64_C(1) << 14)

/* struct virtio_blk_config, section 5.2.4. */
#define CONFIG_CAPACITY 0u
#define CONFIG_SIZE_MAX 8u
#define CONFIG_BLOCK_SIZE 20u
#define CONFIG_MAX_DISCARD 36u
#define CONFIG_MAX_ZEROES 48u

/* Section 5.2.6. */
#define TYPE_READ 0u
#define TYPE_WRITE 1u
#define TYPE_FLUSH 4u
#define TYPE_DISCARD 11u
#define TYPE_WRITE_ZEROES 13u
#define STATUS_OK 0u
#define STATUS_UNSUPPORTED 2u
#define STATUS_NONE 0xffu /* not the device's: it has not written yet */

#define LEAST_SECTORS 128u     /* the block protocol's: bulkhead/block.h */
#define MOST_SECTORS 0x200000u /* 1 GiB: a descriptor's length has 32 bits */
#define RANGE_BYTES 16u
#define HEADER_BYTES 16u

static uint64_t bit(uint32_t index) { return UINT64_C(1) << index; }

const char *disk_measure(struct disk *disk, const struct virtio_device *device)
{
	struct slots *slots = &disk->slots;
	uint64_t features = device->features;
	uint64_t capacity = virtio_config(device, CONFIG_CAPACITY, 4) |
			    (uint64_t)virtio_config(device, CONFIG_CAPACITY + 4, 4) << 32;
	uint32_t size_max =
		(features & FEATURE_SIZE_MAX) != 0 ? virtio_config(device, CONFIG_SIZE_MAX, 4) : 0;

	slots->max_discard =
		(features & FEATURE_DISCARD) != 0 ? virtio_config(device, CONFIG_MAX_DISCARD, 4) : 0;
	slots->max_zeroes =
		(features & FEATURE_WRITE_ZEROES) != 0 ? virtio_config(device, CONFIG_MAX_ZEROES, 4) : 0;
	slots->geometry = (struct block_geometry){ .sectors = capacity, .max_sectors = MOST_SECTORS };
	if (size_max != 0 && size_max / BLOCK_SECTOR_SIZE < MOST_SECTORS) {
		slots->geometry.max_sectors = size_max / BLOCK_SECTOR_SIZE;
	}
	slots->geometry.flags = ((features & FEATURE_READ_ONLY) == 0 ? BLOCK_CAN_WRITE : 0) |
				((features & FEATURE_FLUSH) != 0 ? BLOCK_CAN_FLUSH : 0) |
				(slots->max_discard != 0 ? BLOCK_CAN_DISCARD : 0) |
				(slots->max_zeroes != 0 ? BLOCK_CAN_WRITE_ZEROES : 0);
	if (slots->geometry.max_sectors < LEAST_SECTORS) {
		return "it takes less than 64 KiB at once: use another device";
	}
	if ((features & FEATURE_BLOCK_SIZE) != 0 &&
		virtio_config(device, CONFIG_BLOCK_SIZE, 4) != BLOCK_SECTOR_SIZE) {
		return "its sectors are not of 512 bytes (QEMU: give the device logical_block_size=512)";
	}
	return capacity > UINT64_MAX / BLOCK_SECTOR_SIZE ? "its size is impossible" : NULL;
}

void disk_init(struct disk *disk, void *memory, uint64_t address)
{
	uint32_t chains = disk->queue.size / DISK_CHAIN_DESCRIPTORS;

	disk->request = (struct disk_request *)(void *)((uint8_t *)memory + VIRTIO_QUEUE_MEMORY);
	disk->request_address = address + VIRTIO_QUEUE_MEMORY;
	disk->free_chains = chains < DISK_CHAINS ? bit(chains) - 1 : UINT64_MAX;
}

/* ---- Out ------------------------------------------------------------------------------------------------------------- */

static uint32_t type_of(uint32_t operation)
{
	switch (operation) {
	case BLOCK_READ:
		return TYPE_READ;
	case BLOCK_WRITE:
		return TYPE_WRITE;
	case BLOCK_FLUSH:
		return TYPE_FLUSH;
	case BLOCK_DISCARD:
		return TYPE_DISCARD;
	default:
		return TYPE_WRITE_ZEROES;
	}
}

static void describe(struct disk *disk, uint32_t index, uint64_t address, uint32_t length, uint16_t flags)
{
	disk->queue.descriptor[index] = (struct virtio_descriptor){
		.address = address, .length = length, .flags = flags, .next = (uint16_t)(index + 1)
	};
}

/* Sends the next piece of slot `index`, which was begun, by the free chain `chain`. */
static void send(struct disk *disk, uint32_t index, uint32_t chain)
{
	struct disk_request *message = &disk->request[chain];
	uint64_t address = disk->request_address + (uint64_t)chain * DISK_REQUEST_SIZE;
	uint32_t head = chain * DISK_CHAIN_DESCRIPTORS;
	uint32_t next = head + 1;
	uint64_t sector;
	uint32_t count;
	uint64_t data;
	enum block_operation operation = slots_piece(&disk->slots, index, &sector, &count, &data);

	*message = (struct disk_request){ .type = type_of(operation), .status = STATUS_NONE };
	describe(disk, head, address, HEADER_BYTES, VIRTIO_DESCRIPTOR_NEXT);
	if (operation == BLOCK_DISCARD || operation == BLOCK_WRITE_ZEROES) {
		message->range_sector = sector;
		message->range_sectors = count;
		describe(disk, next++, address + offsetof(struct disk_request, range_sector), RANGE_BYTES,
			VIRTIO_DESCRIPTOR_NEXT);
	} else if (operation != BLOCK_FLUSH) {
		message->sector = sector;
		describe(disk, next++, data, count * BLOCK_SECTOR_SIZE,
			VIRTIO_DESCRIPTOR_NEXT | (operation == BLOCK_READ ? VIRTIO_DESCRIPTOR_WRITE : 0));
	}
	describe(disk, next, address + offsetof(struct disk_request, status), 1, VIRTIO_DESCRIPTOR_WRITE);
	disk->slot_of_chain[chain] = (uint8_t)index;
	disk->free_chains &= ~bit(chain);
	virtio_queue_offer(&disk->queue, (uint16_t)head);
}

/* ---- Back ------------------------------------------------------------------------------------------------------------ */

static enum block_status status_of(uint8_t status)
{
	return status == STATUS_OK            ? BLOCK_OK
	       : status == STATUS_UNSUPPORTED ? BLOCK_UNSUPPORTED
					      : BLOCK_FAILED;
}

/* A chain has come back. */
static void finish(struct disk *disk, uint32_t chain, bool *signal)
{
	uint32_t index = disk->slot_of_chain[chain];

	disk->free_chains |= bit(chain);
	if (slots_finish(&disk->slots, index, status_of(disk->request[chain].status), signal)) {
		send(disk, index, chain);
	}
}

/* The chain that begins at the descriptor that the device names, if the device has it. */
static bool is_under_way(const struct disk *disk, uint32_t head, uint32_t *chain)
{
	uint32_t chains = disk->queue.size / DISK_CHAIN_DESCRIPTORS;

	*chain = head / DISK_CHAIN_DESCRIPTORS;
	return head % DISK_CHAIN_DESCRIPTORS == 0 && *chain < chains && *chain < DISK_CHAINS &&
	       (disk->free_chains & bit(*chain)) == 0;
}

enum driver_turn disk_turn(struct disk *disk, bool *signal)
{
	enum driver_turn turn = DRIVER_IDLE;
	enum virtio_taken taken;
	uint64_t fresh;
	uint32_t head;
	uint32_t chain;

	while ((taken = virtio_queue_take(&disk->queue, &head)) == VIRTIO_TAKEN) {
		if (!is_under_way(disk, head, &chain)) {
			return DRIVER_NONSENSE;
		}
		finish(disk, chain, signal);
		turn = DRIVER_MOVED;
	}
	if (taken == VIRTIO_NONSENSE) {
		return DRIVER_NONSENSE;
	}
	fresh = slots_fresh(&disk->slots);
	for (; fresh != 0 && disk->free_chains != 0; fresh &= fresh - 1) {
		uint32_t index = (uint32_t)__builtin_ctzll(fresh);

		if (slots_begin(&disk->slots, index, signal)) {
			send(disk, index, (uint32_t)__builtin_ctzll(disk->free_chains));
		}
		turn = DRIVER_MOVED;
	}
	virtio_queue_kick(&disk->queue);
	return turn;
}
