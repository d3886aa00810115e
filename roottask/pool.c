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

void pool_add(struct pool *pool, struct pool_piece piece)
{
	if (pool->count == POOL_MAX) {
		uint32_t least = smallest(pool, 0);

		if (pool->piece[least].bits >= piece.bits) {
			return;
		}
		remove_piece(pool, least);
	}
	pool->piece[pool->count++] = piece;
}

/* Halves piece `index` until it is of 2^bits bytes, each time going on with the half in which `physical` lies. */
static enum bh_error carve(
	struct pool *pool, uint32_t index, uint64_t physical, uint32_t bits, struct pool_piece *taken)
{
	struct pool_piece piece = pool->piece[index];

	remove_piece(pool, index);
	while (piece.bits > bits) {
		uint32_t halves;
		enum bh_error error = pool_split(piece.slot, piece.bits - 1, &halves);
		uint64_t size = UINT64_C(1) << (piece.bits - 1);
		struct pool_piece lower = { halves, piece.bits - 1, piece.physical };
		struct pool_piece upper = { halves + 1, piece.bits - 1, piece.physical + size };

		if (error != BH_OK) {
			pool_add(pool, piece);
			return error;
		}
		if (physical < upper.physical) {
			piece = lower;
			pool_add(pool, upper);
		} else {
			piece = upper;
			pool_add(pool, lower);
		}
	}
	*taken = piece;
	return BH_OK;
}

enum bh_error pool_take(struct pool *pool, uint32_t bits, struct pool_piece *taken)
{
	uint32_t index = smallest(pool, bits);

	return index == pool->count ? BH_ERROR_MEMORY
				    : carve(pool, index, pool->piece[index].physical, bits, taken);
}

enum bh_error pool_take_at(struct pool *pool, uint64_t physical, uint32_t bits, struct pool_piece *taken)
{
	for (uint32_t i = 0; i < pool->count; i++) {
		if (pool->piece[i].bits >= bits &&
			physical >> pool->piece[i].bits == pool->piece[i].physical >> pool->piece[i].bits) {
			return carve(pool, i, physical, bits, taken);
		}
	}
	return BH_ERROR_MEMORY;
}

uint64_t pool_free_bytes(const struct pool *pool)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < pool->count; i++) {
		total += UINT64_C(1) << pool->piece[i].bits;
	}
	return total;
}
