/* SPDX-License-Identifier: MIT */
/* Mapping frames into host and guest address spaces, page tables included, and the root task's window for filling frames. */
#pragma once

#include "memory.h"

#include <bulkhead/syscall.h>

#include <stdint.h>

/* Where things stand in the root task's own space. */
#define ROOT_WINDOW UINT64_C(0x7d0000000000)     /* one page */
#define ROOT_MODULES UINT64_C(0x100000000000)    /* 4 GiB for each module */
#define ROOT_REGIONS UINT64_C(0x200000000000)    /* 1 GiB for each mapping of the manifest */
#define ROOT_TASK_PAGES UINT64_C(0x300000000000) /* a task page for each task */

/* A space to map into, and where its page tables come from. */
struct space {
	uint32_t slot;
	struct arena *arena;  /* of frames and page tables */
	uint16_t owner;       /* of frames and copies of frames */
	uint16_t table_owner; /* of page tables: what is mapped may come and go while these stay */
};

extern const struct space root_space;

/* Maps `count` frames of 2^bits bytes, in the slots from `first` on, at `address` and behind it. */
BH_MUST_USE enum bh_error space_map(const struct space *space, uint32_t first, uint32_t count, uint32_t bits,
	uint64_t address, uint64_t flags);

/* Maps copies of these frames with only `rights` (BH_RIGHT_*), in fresh slots of the space's owner. */
BH_MUST_USE enum bh_error space_map_copies(const struct space *space, uint32_t first, uint32_t count,
	uint32_t bits, uint64_t address, uint64_t flags, uint64_t rights);

/* Makes `count` zeroed 4 KiB frames and maps them at `address`; *first (may be NULL) is the first's slot. */
BH_MUST_USE enum bh_error space_map_fresh(
	const struct space *space, uint32_t count, uint64_t address, uint64_t flags, uint32_t *first);

/* Copies `size` bytes, at most a page's, to offset `offset` of the 4 KiB frame in `slot`, which is mapped nowhere. */
BH_MUST_USE enum bh_error frame_write(uint32_t slot, uint64_t offset, const void *bytes, uint64_t size);
