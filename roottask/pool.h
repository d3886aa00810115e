/* SPDX-License-Identifier: MIT */
/* The machine's free memory: Untypeds of powers of two, halved until they fit. What is taken stays with its VM, task or the system for
 * good (a restart revokes it and fills it again), so nothing is ever given back or merged. */
#pragma once

#include <bulkhead/syscall.h>

#include <stdint.h>

#define POOL_MAX 512u

struct pool_piece {
	uint32_t slot;
	uint32_t bits;
	uint64_t physical; /* where it begins, a multiple of its size */
};

struct pool {
	uint32_t count;
	struct pool_piece piece[POOL_MAX];
};

/* Adds a free Untyped. More than POOL_MAX pieces: the smallest is forgotten. */
void pool_add(struct pool *pool, struct pool_piece piece);

/* Takes an Untyped of exactly 2^bits bytes, out of the smallest piece that is large enough. MEMORY if there is none;
 * what pool_split() returns otherwise. */
BH_MUST_USE enum bh_error pool_take(struct pool *pool, uint32_t bits, struct pool_piece *taken);

/* Takes the Untyped of 2^bits bytes that begins at `physical`, a multiple of its size. MEMORY if that is not free; what pool_split() returns
 * otherwise. */
BH_MUST_USE enum bh_error pool_take_at(
	struct pool *pool, uint64_t physical, uint32_t bits, struct pool_piece *taken);

/* All that is free, in bytes. */
uint64_t pool_free_bytes(const struct pool *pool);

/* Makes two halves of 2^bits bytes each out of the Untyped in `slot`, in *first and the slot after it. Not part of pool.c:
 * the root task does it by Retype (memory.c), tests pretend. */
BH_MUST_USE enum bh_error pool_split(uint32_t slot, uint32_t bits, uint32_t *first);
