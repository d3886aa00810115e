/* SPDX-License-Identifier: MIT */
/*
 * Requests of the block protocol (bulkhead/block.h) done by a virtio disk (virtio 1.2 section 5.2). A request that was begun holds a chain of three
 * descriptors: what is to be done, the data or the range, the outcome. What is under way is kept nowhere but in the device: after a restart, when the device
 * was reset, all that is pending is new. Pure but for the device's registers.
 */
#pragma once

#include "slots.h"
#include "transport.h"
#include "work.h"

#include <stdbool.h>

#define DISK_CHAINS BLOCK_SLOTS
#define DISK_CHAIN_DESCRIPTORS 3u
#define DISK_REQUEST_SIZE 64u
#define DISK_MEMORY \
	(VIRTIO_QUEUE_MEMORY + DISK_CHAINS * DISK_REQUEST_SIZE) /* the queue, and behind it the requests */

/* What a chain says, and what comes back: sections 5.2.6 and 5.2.6.1. */
struct disk_request {
	uint32_t type;
	uint32_t reserved;
	uint64_t sector;
	uint64_t range_sector; /* of DISCARD and WRITE_ZEROES */
	uint32_t range_sectors;
	uint32_t range_flags;
	volatile uint8_t status; /* the device's */
	uint8_t padding[31];
};
_Static_assert(sizeof(struct disk_request) == DISK_REQUEST_SIZE, "a request for each chain");

struct disk {
	struct virtio_queue queue;
	struct slots slots;
	struct disk_request *request; /* one for each chain */
	uint64_t request_address;     /* as the device sees them */
	uint64_t free_chains;         /* one bit each */
	uint8_t slot_of_chain[DISK_CHAINS];
};

/* The features that this driver knows what to do with. */
#define DISK_FEATURES                                                                                    \
	(UINT64_C(1) << 1 | UINT64_C(1) << 5 | UINT64_C(1) << 6 | UINT64_C(1) << 9 | UINT64_C(1) << 13 | \
		UINT64_C(1) << 14) /* SIZE_MAX, RO, BLK_SIZE, FLUSH, DISCARD, WRITE_ZEROES */

/* What is wrong with a disk of which the device's configuration says this; NULL if nothing. Fills the geometry and the limits. */
const char *disk_measure(struct disk *disk, const struct virtio_device *device);

/* Makes ready: queue is open, slots and geometry are set; `memory` is the DISK_MEMORY bytes, which the device sees at `address`. */
void disk_init(struct disk *disk, void *memory, uint64_t address);

/* Does what can be done now. *signal is set to true where the client is to be signalled; it is never set to false. */
enum driver_turn disk_turn(struct disk *disk, bool *signal);
