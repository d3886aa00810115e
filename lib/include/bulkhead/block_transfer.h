/* SPDX-License-Identifier: MIT */
/* A client of the block protocol that makes one transfer after the other and waits for each, as a struct disk_io: for what a task reads at its start, or writes in
 * order. For tasks with a notification, on which they are signalled; any other signal only makes it look again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <bulkhead/block.h>
#include <bulkhead/disk_io.h>

struct block_transfer {
	struct block_client disk; /* of which slot 0 is used */
	struct block_geometry geometry;
	uint64_t notification; /* capabilities: on which the task waits, */
	uint64_t signal;       /* and by which it signals the server */
	uint8_t *memory;       /* in data area 0, */
	uint64_t offset;       /* from its beginning */
	uint32_t most;         /* sectors that have room there; not 0 */
};

/* Takes hold of the page (region BLOCK_NAME_PAGE) and of the capabilities BLOCK_NAME_NOTIFICATION and BLOCK_NAME_SIGNAL, and waits until nothing of a predecessor is
 * under way (rule C2 of the protocol) and the server has told the geometry. `memory`, `offset` and `most` are the caller's to set, before the first transfer.
 * Ends the task, with a message, where something of this is missing or of another version. */
void block_transfer_open(struct block_transfer *transfer);

/* Reads, writes, flushes: as a struct disk_io with `transfer` as its context. */
struct disk_io block_transfer_io(struct block_transfer *transfer);
