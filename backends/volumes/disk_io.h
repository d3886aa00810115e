/* SPDX-License-Identifier: MIT */
/* Sectors of the disk, one transfer after the other: what the server needs at its start, before it serves anybody. The task
 * implements it with the driver's page, tests with memory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct disk_io {
	/* Reads or writes `count` sectors from `sector` on; false if the disk could not. */
	bool (*read)(void *context, uint64_t sector, uint32_t count, void *bytes);
	bool (*write)(void *context, uint64_t sector, uint32_t count, const void *bytes);
	bool (*flush)(void *context);
	void *context;
	uint64_t sectors; /* of the disk */
	bool writable;
};
