/* SPDX-License-Identifier: MIT */
/* The machine's free memory: see pool.h. Pure but for pool_split(). */
#include "pool.h"

static void remove_piece(struct pool *pool, uint32_t index)
{
	pool->count--;
	pool->piece[index] = pool->piece[pool->count];
}

/* The smallest piece of at least 2^bits bytes; pool->count if there is none. */
static uint32_t smallest(const struct pool *pool, uint32_t bits)
{
	uint32_t best = pool->count;

	for (uint32_t i = 0; i < pool->count; i++) {
		if (pool->piece[i].bits >= bits &&
			(best == pool->count || pool->piece[i].bits < pool->piece[best].bits)) {
			best = i;
		}
	}
	return best;
}

void pool_add(struct pool *pool, uint32_t slot, uint32_t bits)
{
	if (pool->count == POOL_MAX) {
		uint32_t least = smallest(pool, 0);

		if (pool->piece[least].bits >= bits) {
			return;
		}
		remove_piece(pool, least);
	}
	pool->piece[pool->count].slot = slot;
	pool->piece[pool->count].bits = bits;
	pool->count++;
}

enum bh_error pool_take(struct pool *pool, uint32_t bits, uint32_t *slot)
{
	uint32_t index = smallest(pool, bits);
	uint32_t piece_slot;
	uint32_t piece_bits;

	if (index == pool->count) {
		return BH_ERROR_MEMORY;
	}
	piece_slot = pool->piece[index].slot;
	piece_bits = pool->piece[index].bits;
	remove_piece(pool, index);
	while (piece_bits > bits) {
		uint32_t halves;
		enum bh_error error = pool_split(piece_slot, piece_bits - 1, &halves);

		if (error != BH_OK) {
			pool_add(pool, piece_slot, piece_bits);
			return error;
		}
		piece_bits--;
		piece_slot = halves;
		pool_add(pool, halves + 1, piece_bits);
	}
	*slot = piece_slot;
	return BH_OK;
}

uint64_t pool_free_bytes(const struct pool *pool)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < pool->count; i++) {
		total += UINT64_C(1) << pool->piece[i].bits;
	}
	return total;
}
