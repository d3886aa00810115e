/* SPDX-License-Identifier: MIT */
/* GUID partition tables (UEFI 2.10 section 5.3), read only. Trusts nothing on the disk. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <bulkhead/disk_io.h>

#define GPT_MAX_PARTITIONS 256u
#define GPT_MAX_ENTRY_SIZE 512u
#define GPT_ARRAY_BYTES (GPT_MAX_PARTITIONS * 128u) /* most bytes of an array of entries that is read */

struct gpt_partition {
	uint64_t first;   /* sector */
	uint64_t sectors; /* 0: the entry is not used */
};

struct gpt {
	uint32_t count; /* entries, used or not */
	struct gpt_partition partition[GPT_MAX_PARTITIONS];
};

enum gpt_error {
	GPT_OK,
	GPT_UNREADABLE, /* the disk failed */
	GPT_NONE,       /* neither header is one: the disk has no such table */
	GPT_BROKEN,     /* a header is there, but neither it nor its array of entries passes the checks */
};

/* Reads the table of the disk: by its primary header, or where that is no good by the backup one in the last sector. `work`:
 * GPT_ARRAY_BYTES bytes, overwritten. After GPT_OK no two partitions overlap each other or the tables. */
__attribute__((warn_unused_result)) enum gpt_error gpt_read(
	const struct disk_io *io, struct gpt *gpt, uint8_t *work);

/* Where partition `number` (1.., 0: the whole disk) is. Returns NULL, or in English why it can't be had. `work` as above. */
__attribute__((warn_unused_result)) const char *gpt_find(
	const struct disk_io *io, uint32_t number, uint8_t *work, struct gpt_partition *partition);
