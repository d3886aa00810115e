/* SPDX-License-Identifier: MIT */
/* Slots of the block protocol in a disk's driver: see slots.h. The client is not believed: its slots are checked as block.h says. */
#include "slots.h"

static uint64_t bit(uint32_t index) { return UINT64_C(1) << index; }

uint64_t slots_fresh(const struct slots *slots) { return block_pending(&slots->server) & ~slots->begun; }

bool slots_begin(struct slots *slots, uint32_t index, bool *signal)
{
	struct slots_slot *slot = &slots->slot[index];
	struct block_slot request = block_take(&slots->server, index);
	bool moves_data = request.operation == BLOCK_READ || request.operation == BLOCK_WRITE;
	bool needs_nothing;
	enum block_status status = BLOCK_REFUSED;

	if (!moves_data || request.area < slots->area_count) {
		status = block_check(
			&request, &slots->geometry, moves_data ? slots->area[request.area].size : 0);
	}
	if (request.operation == BLOCK_FLUSH) {
		request.sector = 0;
		request.count = 0;
	}
	needs_nothing = request.operation == BLOCK_FLUSH && (slots->geometry.flags & BLOCK_CAN_FLUSH) == 0;
	*slot = (struct slots_slot){ .request = request };
	if (status != BLOCK_OK || needs_nothing) {
		block_answer(&slots->server, index, status, signal);
		return false;
	}
	slots->begun |= bit(index);
	return true;
}

enum block_operation slots_piece(
	struct slots *slots, uint32_t index, uint64_t *sector, uint32_t *count, uint64_t *address)
{
	struct slots_slot *slot = &slots->slot[index];
	enum block_operation operation = (enum block_operation)slot->request.operation;
	uint32_t limit = operation == BLOCK_DISCARD        ? slots->max_discard
			 : operation == BLOCK_WRITE_ZEROES ? slots->max_zeroes
							   : slot->request.count;

	slot->piece = slot->request.count - slot->done;
	slot->piece = slot->piece > limit ? limit : slot->piece;
	*sector = slot->request.sector + slot->done;
	*count = slot->piece;
	*address = 0;
	if (operation == BLOCK_READ || operation == BLOCK_WRITE) {
		*address = slots->area[slot->request.area].address + slot->request.offset;
	}
	return operation;
}

bool slots_finish(struct slots *slots, uint32_t index, enum block_status status, bool *signal)
{
	struct slots_slot *slot = &slots->slot[index];

	slot->done += slot->piece;
	if (status == BLOCK_OK && slot->done < slot->request.count) {
		return true;
	}
	slots->begun &= ~bit(index);
	block_answer(&slots->server, index, status, signal);
	return false;
}
