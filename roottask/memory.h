/* SPDX-License-Identifier: MIT */
/* Memory for objects: arenas. The system, each VM and each task has one: a list of Untypeds that grows when it is full. A task's
 * arena is filled from its VM's, so revoking a VM's Untypeds takes its tasks down, too. */
#pragma once

#include <bulkhead/boot_info.h>
#include <bulkhead/syscall.h>

#include <stdint.h>

#define ARENA_MAX 64u

struct arena {
	struct arena *parent;  /* NULL: grows from the machine's pool */
	uint16_t parent_owner; /* whose slots its Untypeds stand in: they outlive what is made of them */
	uint32_t grow_bits;    /* it grows by at least 2^this bytes */
	uint32_t count;
	uint32_t untyped[ARENA_MAX]; /* slots */
};

extern struct arena system_arena;

/* Takes over the boot Untypeds that are ordinary free memory, and those of devices. */
void memory_init(const struct bh_boot_info *boot);

/* Makes `count` objects in the consecutive slots from `first` on, which are empty. Errors: MEMORY (machine or arena full),
 * or what Retype returns; objects made until then stay in their slots. */
BH_MUST_USE enum bh_error arena_make(
	struct arena *arena, enum bh_object_type type, uint32_t size_bits, uint32_t first, uint32_t count);

/* As arena_make, into fresh slots of `owner`; *first is the first. MEMORY also where no slots are left. */
BH_MUST_USE enum bh_error arena_make_owned(struct arena *arena, uint16_t owner, enum bh_object_type type,
	uint32_t size_bits, uint32_t count, uint32_t *first);

/* Ends everything that was made in the arena, wherever its capabilities are; its Untypeds stay for the next start. */
BH_MUST_USE enum bh_error arena_revoke(const struct arena *arena);

/* Empties and frees all slots of `owner`. */
BH_MUST_USE enum bh_error owner_release(uint16_t owner);

/* Bytes that the arena has taken from the machine, or from its parent, and keeps. */
uint64_t arena_bytes(const struct arena *arena);
/* Makes `pages` frames of 4 KiB in a row, zeroed, for the system and for good; *first is the first's slot, *physical where they begin. Up to as
 * much again is lost, as they come from one Untyped. MEMORY if there is none so large. */
BH_MUST_USE enum bh_error memory_make_contiguous(uint32_t pages, uint32_t *first, uint64_t *physical);

/* Makes frames of 2^bits bytes of device memory that begin at `physical`, a multiple of that size; likewise. bits is 12 or more. MEMORY: that is no
 * device memory, or somebody has it. */
BH_MUST_USE enum bh_error memory_make_device(uint64_t physical, uint32_t bits, uint32_t *first);

/* Free bytes of the machine. */
uint64_t memory_free_bytes(void);
