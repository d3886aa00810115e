/* SPDX-License-Identifier: MIT */
/* Mapping frames: see space.h. */
#include "space.h"

#include "root.h"

#include <string.h>

#define PAGE_TABLE_LEVELS 3u

const struct space root_space = {
	.slot = BH_BOOT_ADDRESS_SPACE,
	.arena = &system_arena,
	.owner = OWNER_SYSTEM,
	.table_owner = OWNER_SYSTEM,
};

/* Bytes that one table of a level covers, as a power of two: level 1 2 MiB, 2 1 GiB, 3 512 GiB. */
static uint32_t covered_bits(uint32_t level) { return 12 + 9 * level; }

/* Adds the highest page table that is missing on the way to `address`. */
static enum bh_error add_page_table(const struct space *space, uint64_t address)
{
	uint32_t slot;
	enum bh_error error =
		arena_make_owned(space->arena, space->table_owner, BH_OBJECT_PAGE_TABLE, 0, 1, &slot);

	for (uint32_t level = PAGE_TABLE_LEVELS; error == BH_OK && level > 0; level--) {
		uint64_t aligned = address & ~((UINT64_C(1) << covered_bits(level)) - 1);

		error = bh_page_table_map(slot, space->slot, aligned, level);
		if (error == BH_OK) {
			return BH_OK;
		}
		error = error == BH_ERROR_MAPPED ? BH_OK : error; /* that level is there: the next one */
	}
	return error == BH_OK ? BH_ERROR_MAPPED : error;
}

static enum bh_error map_one(const struct space *space, uint32_t frame, uint64_t address, uint64_t flags)
{
	enum bh_error error = bh_frame_map(frame, space->slot, address, flags);

	for (uint32_t tries = 0; error == BH_ERROR_NOT_MAPPED && tries < PAGE_TABLE_LEVELS; tries++) {
		error = add_page_table(space, address);
		if (error == BH_OK) {
			error = bh_frame_map(frame, space->slot, address, flags);
		}
	}
	return error;
}

enum bh_error space_map(const struct space *space, uint32_t first, uint32_t count, uint32_t bits,
	uint64_t address, uint64_t flags)
{
	for (uint32_t i = 0; i < count; i++) {
		enum bh_error error = map_one(space, first + i, address + ((uint64_t)i << bits), flags);

		if (error != BH_OK) {
			return error;
		}
	}
	return BH_OK;
}

enum bh_error space_map_copies(const struct space *space, uint32_t first, uint32_t count, uint32_t bits,
	uint64_t address, uint64_t flags, uint64_t rights)
{
	uint32_t copies = slots_take(space->owner, count);

	if (copies == 0) {
		return BH_ERROR_MEMORY;
	}
	for (uint32_t i = 0; i < count; i++) {
		enum bh_error error = bh_cnode_copy(ROOT_CNODE, copies + i, ROOT_CNODE, first + i, rights);

		if (error != BH_OK) {
			return error;
		}
	}
	return space_map(space, copies, count, bits, address, flags);
}

enum bh_error space_map_fresh(
	const struct space *space, uint32_t count, uint64_t address, uint64_t flags, uint32_t *first)
{
	uint32_t frames = 0;
	enum bh_error error = count == 0 ? BH_OK
					 : arena_make_owned(space->arena, space->owner, BH_OBJECT_FRAME,
						   PAGE_BITS, count, &frames);

	if (first != NULL) {
		*first = frames;
	}
	return error != BH_OK ? error : space_map(space, frames, count, PAGE_BITS, address, flags);
}

enum bh_error frame_write(uint32_t slot, uint64_t offset, const void *bytes, uint64_t size)
{
	enum bh_error error;

	if (offset > PAGE_SIZE || size > PAGE_SIZE - offset) {
		return BH_ERROR_ARGUMENT;
	}
	error = map_one(&root_space, slot, ROOT_WINDOW, BH_MAP_READ | BH_MAP_WRITE);
	if (error != BH_OK) {
		return error;
	}
	memcpy((uint8_t *)(uintptr_t)(ROOT_WINDOW + offset), bytes, size);
	return bh_frame_unmap(slot);
}
