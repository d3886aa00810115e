/* SPDX-License-Identifier: MIT */
/* A disk with a volatile cache whose power can be cut: what was not flushed is then there or not, each sector for itself. Both as a
 * struct disk_io, one transfer after the other, and as the server of a block page that does requests in any order. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bulkhead/block.h>
#include <bulkhead/disk_io.h>

#define FAKE_AREAS 4u

struct fake_disk {
	uint64_t sectors;
	uint8_t *cache;  /* what reads show */
	uint8_t *stable; /* what a loss of power leaves for certain */
	uint64_t seed;
	uint64_t transfers_left; /* writes and flushes until the power goes; UINT64_MAX: never */
	uint64_t failing_sector; /* the medium is bad there; UINT64_MAX: nowhere */
	uint64_t flushes;
	struct disk_io io;
	/* As a server. */
	struct block_page *page;
	struct block_server server;
	struct block_geometry geometry;
	uint8_t *area[FAKE_AREAS];
	uint64_t area_bytes[FAKE_AREAS];
};

void fake_disk_start(struct fake_disk *disk, uint64_t sectors, uint64_t seed);
void fake_disk_end(struct fake_disk *disk);

/* xorshift64* */
uint64_t fake_random(uint64_t *seed);

/* The power goes and comes back. */
void fake_disk_cut(struct fake_disk *disk);

/* A new driver process on `page`. */
void fake_disk_serve(struct fake_disk *disk, struct block_page *page);

/* Does up to `count` pending requests, chosen at random, and answers them. Returns how many. With `answer` false they are done, but
 * the driver is killed before it answers. */
uint32_t fake_disk_step(struct fake_disk *disk, uint32_t count, bool answer);
