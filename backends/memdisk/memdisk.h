/* SPDX-License-Identifier: MIT */
/* A disk in memory: the server's side of bulkhead/block.h on a piece of memory that outlives the task. Pure. */
#pragma once

#include <bulkhead/block.h>

#define MEMDISK_AREAS 50u
#define MEMDISK_MAX_SECTORS 65536u

struct memdisk_area {
	uint8_t *bytes; /* NULL: there is none of this number */
	uint64_t size;
};

struct memdisk {
	struct block_server client;
	struct block_geometry geometry;
	uint8_t *bytes;
	struct memdisk_area area[MEMDISK_AREAS];
};

/* A disk of the `size` bytes at `bytes`, less what is no whole sector. Tells it to the client. If `*signal` is set to true (it is never
 * set to false), signal it. */
void memdisk_start(
	struct memdisk *disk, struct block_page *page, uint8_t *bytes, uint64_t size, bool *signal);

/* Does and answers all requests that are pending; true if there were any. `signal` as above. */
bool memdisk_step(struct memdisk *disk, bool *signal);
