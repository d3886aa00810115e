/* SPDX-License-Identifier: MIT */
/* Memory for objects: see memory.h. */
#include "memory.h"

#include "pool.h"
#include "slots.h"

#include <stdbool.h>
#include <stddef.h>

#define RETYPE_MAX 256u /* objects in one Retype */
#define PAGE_BITS 12u
#define ROOT_CNODE BH_BOOT_CNODE
#define SYSTEM_GROWTH 18u
#define LONG_WORK_BYTES (UINT64_C(1) << 21)
/* As the kernel starts the root task (docs/abi.md, boot information), and between virtual CPUs (100) and VMMs that load
 * their guests (50): the manifest's priorities, tools/bulkhead/builder.h. */
#define PRIORITY_ROOT 200u
#define PRIORITY_MAXIMUM 255u
#define PRIORITY_LONG_WORK 90u

static struct pool pool;
static struct pool device_pool;
struct arena system_arena = { .grow_bits = SYSTEM_GROWTH, .parent_owner = OWNER_SYSTEM };

void memory_init(const struct bh_boot_info *boot)
{
	for (uint32_t i = 0; i < boot->untyped_count && i < BH_BOOT_UNTYPEDS_MAX; i++) {
		const struct bh_boot_untyped *untyped = &boot->untyped[i];

		if (untyped->module == 0 && untyped->size_bits >= PAGE_BITS) {
			pool_add(untyped->device == 0 ? &pool : &device_pool,
				(struct pool_piece){
					boot->untyped_first + i, untyped->size_bits, untyped->physical });
		}
	}
}

enum bh_error pool_split(uint32_t slot, uint32_t bits, uint32_t *first)
{
	*first = slots_take(OWNER_SYSTEM, 2);
	if (*first == 0) {
		return BH_ERROR_MEMORY;
	}
	return bh_untyped_retype(slot, BH_OBJECT_UNTYPED, bits, ROOT_CNODE, *first, 2);
}

uint64_t memory_free_bytes(void) { return pool_free_bytes(&pool); }

/* Bytes of one object, as a power of two, so that an arena grows enough for it. */
static uint32_t object_bits(enum bh_object_type type, uint32_t size_bits)
{
	switch (type) {
	case BH_OBJECT_UNTYPED:
	case BH_OBJECT_FRAME:
		return size_bits;
	case BH_OBJECT_CNODE:
		return size_bits + BH_CNODE_SLOT_BITS + 1; /* the page in front included */
	case BH_OBJECT_GUEST_SPACE:
		return BH_GUEST_SPACE_BITS;
	case BH_OBJECT_VCPU:
		return BH_VCPU_BITS;
	default:
		return BH_ADDRESS_SPACE_BITS; /* no other is larger */
	}
}

static uint32_t floor_log2(uint64_t value) { return 63u - (uint32_t)__builtin_clzll(value | 1); }

/* Adds an Untyped of at least 2^least bytes, of 2^wanted if there is one. */
static enum bh_error arena_grow(struct arena *arena, uint32_t least, uint32_t wanted)
{
	enum bh_error error = BH_ERROR_MEMORY;
	uint32_t slot = arena->parent != NULL ? slots_take(arena->parent_owner, 1) : 0;
	struct pool_piece piece = { 0 };

	if (arena->count == ARENA_MAX || (arena->parent != NULL && slot == 0)) {
		slots_free(slot);
		return BH_ERROR_MEMORY;
	}
	for (uint32_t bits = wanted > least ? wanted : least; error == BH_ERROR_MEMORY && bits >= least;
		bits--) {
		error = arena->parent == NULL ? pool_take(&pool, bits, &piece)
					      : arena_make(arena->parent, BH_OBJECT_UNTYPED, bits, slot, 1);
	}
	if (error == BH_OK) {
		arena->untyped[arena->count++] = arena->parent == NULL ? piece.slot : slot;
	} else if (arena->parent != NULL) {
		slots_free(slot);
	}
	return error;
}

/* Guest memory is zeroed when it is made into frames: milliseconds, which the root task, above all virtual CPUs, would
 * take from every other VM. Retype can be interrupted anywhere, so it is done below them, in the time that the VMs'
 * shares leave over (there is always some: docs/appliance-file.md), and above what only loads a guest. */
static enum bh_error retype(
	uint32_t untyped, enum bh_object_type type, uint32_t size_bits, uint32_t first, uint32_t count)
{
	bool is_long = type == BH_OBJECT_FRAME && (uint64_t)count << size_bits >= LONG_WORK_BYTES;
	enum bh_error error =
		is_long ? bh_thread_set_priority(BH_BOOT_THREAD, PRIORITY_LONG_WORK, PRIORITY_MAXIMUM)
			: BH_OK;
	enum bh_error back = BH_OK;

	if (error == BH_OK) {
		error = bh_untyped_retype(untyped, type, size_bits, ROOT_CNODE, first, count);
	}
	if (is_long) {
		back = bh_thread_set_priority(BH_BOOT_THREAD, PRIORITY_ROOT, PRIORITY_MAXIMUM);
	}
	return error != BH_OK ? error : back;
}

/* `pages` frames out of one Untyped, in fresh slots of the system's. */
static enum bh_error make_frames(uint32_t untyped, uint32_t pages, uint32_t *first)
{
	*first = slots_take(OWNER_SYSTEM, pages);
	if (*first == 0) {
		return BH_ERROR_MEMORY;
	}
	for (uint32_t made = 0; made < pages; made += RETYPE_MAX) {
		uint32_t rest = pages - made;
		enum bh_error error = retype(untyped, BH_OBJECT_FRAME, PAGE_BITS, *first + made,
			rest < RETYPE_MAX ? rest : RETYPE_MAX);

		if (error != BH_OK) {
			return error;
		}
	}
	return BH_OK;
}

enum bh_error memory_make_contiguous(uint32_t pages, uint32_t *first, uint64_t *physical)
{
	struct pool_piece piece;
	uint32_t bits = PAGE_BITS + floor_log2(pages);
	enum bh_error error =
		pool_take(&pool, (UINT64_C(1) << (bits - PAGE_BITS)) < pages ? bits + 1 : bits, &piece);

	if (error != BH_OK) {
		return error;
	}
	*physical = piece.physical;
	return make_frames(piece.slot, pages, first);
}

enum bh_error memory_make_device(uint64_t physical, uint32_t bits, uint32_t *first)
{
	struct pool_piece piece;
	enum bh_error error = pool_take_at(&device_pool, physical, bits, &piece);

	return error != BH_OK ? error : make_frames(piece.slot, UINT32_C(1) << (bits - PAGE_BITS), first);
}

/* As many of the objects as the first of the arena's Untypeds with room can take at once; 0 if none has room for even one. Always the first,
 * and all that it can take: so that a restart fills the same Untypeds in the same way, and never needs another. */
static enum bh_error make_some(const struct arena *arena, enum bh_object_type type, uint32_t size_bits,
	uint32_t first, uint32_t count, uint32_t *made)
{
	for (uint32_t i = 0; i < arena->count; i++) {
		for (*made = count < RETYPE_MAX ? count : RETYPE_MAX; *made > 0; *made /= 2) {
			enum bh_error error = retype(arena->untyped[i], type, size_bits, first, *made);

			if (error != BH_ERROR_MEMORY) {
				return error;
			}
		}
	}
	*made = 0;
	return BH_OK;
}

enum bh_error arena_make(
	struct arena *arena, enum bh_object_type type, uint32_t size_bits, uint32_t first, uint32_t count)
{
	uint32_t bits = object_bits(type, size_bits);

	while (count > 0) {
		uint32_t made;
		enum bh_error error = make_some(arena, type, size_bits, first, count, &made);

		if (error == BH_OK && made == 0) {
			uint32_t wanted = floor_log2((uint64_t)count << bits);

			error = arena_grow(
				arena, bits, wanted > arena->grow_bits ? wanted : arena->grow_bits);
		}
		if (error != BH_OK) {
			return error;
		}
		first += made;
		count -= made;
	}
	return BH_OK;
}

enum bh_error arena_make_owned(struct arena *arena, uint16_t owner, enum bh_object_type type,
	uint32_t size_bits, uint32_t count, uint32_t *first)
{
	*first = slots_take(owner, count);
	return *first == 0 ? BH_ERROR_MEMORY : arena_make(arena, type, size_bits, *first, count);
}

enum bh_error arena_revoke(const struct arena *arena)
{
	for (uint32_t i = 0; i < arena->count; i++) {
		enum bh_error error = bh_cnode_revoke(ROOT_CNODE, arena->untyped[i]);

		if (error != BH_OK) {
			return error;
		}
	}
	return BH_OK;
}

uint64_t arena_bytes(const struct arena *arena)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < arena->count; i++) {
		struct bh_capability_facts facts;

		if (bh_cnode_inspect(ROOT_CNODE, arena->untyped[i], &facts) == BH_OK) {
			bytes += UINT64_C(1) << facts.size_bits;
		}
	}
	return bytes;
}

enum bh_error owner_release(uint16_t owner)
{
	for (uint32_t slot = slots_next(owner, 1); slot != 0; slot = slots_next(owner, slot + 1)) {
		enum bh_error error = bh_cnode_delete(ROOT_CNODE, slot);

		if (error != BH_OK) {
			return error;
		}
		slots_free(slot);
	}
	return BH_OK;
}
