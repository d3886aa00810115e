/* SPDX-License-Identifier: MIT */
/* Sectors of a disk or volume, one transfer after the other: for what reads tables or writes a log, whoever moves the sectors: a task by the block
 * protocol, the host tool with a file, tests with memory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct disk_io {
	/* Reads or writes `count` sectors from `sector` on; false if the disk could not. */
	bool (*read)(void *context, uint64_t sector, uint32_t count, void *bytes);
	bool (*write)(void *context, uint64_t sector, uint32_t count, const void *bytes);
	bool (*flush)(void *context);
	void *context;
	uint64_t sectors; /* of the disk or volume */
	bool writable;
};
