/* SPDX-License-Identifier: MIT */
/*
 * What every disk driver does with the slots of the block protocol (bulkhead/block.h): takes each pending one once, checks it, has it done in as many pieces as
 * the device needs, answers it. Which slots were begun is known to this process alone: after a restart, with the device reset, all that is pending is
 * new. Pure.
 */
#pragma once

#include <bulkhead/block.h>

#include <stdbool.h>

#define SLOTS_AREAS 64u

/* Memory from and to which sectors go. */
struct slots_area {
	uint64_t address; /* as the device sees it */
	uint64_t size;
};

/* A slot that was begun. */
struct slots_slot {
	struct block_slot request; /* the copy that was checked */
	uint32_t done;             /* sectors of it that are done */
	uint32_t piece;            /* sectors that are under way */
};

struct slots {
	struct block_server server;
	struct block_geometry geometry;
	uint32_t max_discard; /* sectors that the device takes at once */
	uint32_t max_zeroes;
	struct slots_area area[SLOTS_AREAS];
	uint32_t area_count;
	uint64_t begun; /* one bit each */
	struct slots_slot slot[BLOCK_SLOTS];
};

/* The slots that are pending and not begun, one bit each. */
uint64_t slots_fresh(const struct slots *slots);

/* Takes slot `index`, which is fresh. False: it is answered already. True: it is begun, and its first piece is to be done. *signal is set to true where the
 * client is to be signalled, here and below; it is never set to false. */
bool slots_begin(struct slots *slots, uint32_t index, bool *signal);

/* What is to be done next of slot `index`: its operation, and from *sector on *count sectors. For READ and WRITE with *address, where the device finds
 * or puts them. */
enum block_operation slots_piece(
	struct slots *slots, uint32_t index, uint64_t *sector, uint32_t *count, uint64_t *address);

/* The piece is done, or could not be. True: another one is to be done. False: the slot is answered. */
bool slots_finish(struct slots *slots, uint32_t index, enum block_status status, bool *signal);
