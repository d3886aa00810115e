/* SPDX-License-Identifier: MIT */
/* The table of named volumes at the beginning of a partition: its format on the disk (docs/volumes.md), its checks, and how it
 * is changed so that a loss of power at any moment leaves the old one or the new one. Pure.
 *
 *   sector 0   first copy of struct table, 8 sectors
 *   sector 8   second copy
 *   sector 16  volumes and snapshots' maps */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bulkhead/disk_io.h>

#define TABLE_MAGIC UINT64_C(0x534c4f5644484b42) /* "BKHDVOLS" read as little-endian */
#define TABLE_VERSION 1u
#define TABLE_SECTORS 8u /* of one copy */
#define TABLE_FIRST_FREE 16u
#define TABLE_NAME_SIZE 32u
#define TABLE_ENTRIES 42u
#define TABLE_ALIGN 8u /* sectors: volumes and maps begin on multiples, from the partition's beginning */
#define TABLE_NONE UINT32_MAX

/* A snapshot is written in chunks; its map has one bit for each, set when the chunk is the snapshot's own. */
#define TABLE_CHUNK_SECTORS 128u
#define TABLE_CHUNKS_PER_MAP_SECTOR 4096u

enum table_kind { TABLE_PLAIN = 1, TABLE_SNAPSHOT };

struct table_entry {
	char name[TABLE_NAME_SIZE]; /* NUL-terminated, NUL-padded, unique */
	uint32_t kind;              /* enum table_kind */
	uint32_t origin;            /* SNAPSHOT: index of an earlier PLAIN entry; else TABLE_NONE */
	uint64_t first;             /* sector, from the partition's beginning */
	uint64_t sectors;           /* SNAPSHOT: the origin's */
	uint64_t map_first;         /* SNAPSHOT: the map; else 0 */
	uint64_t map_sectors;
	uint64_t reserved[3]; /* 0 */
};
_Static_assert(sizeof(struct table_entry) == 96, "table_entry is a format on disks");

struct table {
	uint64_t magic;
	uint32_t version;
	uint32_t checksum;   /* CRC-32 of the whole with this field 0 */
	uint64_t generation; /* one more with each change; of two good copies the higher one counts */
	uint64_t partition_sectors;
	uint32_t count; /* entries in use */
	uint32_t reserved0;
	uint64_t reserved1[3];
	struct table_entry entry[TABLE_ENTRIES];
};
_Static_assert(sizeof(struct table) == TABLE_SECTORS * 512, "table is a format on disks");

enum table_error {
	TABLE_OK,
	TABLE_FAILED,    /* the disk failed */
	TABLE_FOREIGN,   /* something else is there: it is not touched */
	TABLE_BROKEN,    /* both copies are damaged */
	TABLE_FULL,      /* no room for another entry, or not enough sectors */
	TABLE_INVALID,   /* the name, the size or the origin asked for */
	TABLE_READ_ONLY, /* something would have to be written */
};

/* Sectors that the map of a snapshot of `sectors` sectors takes, a multiple of TABLE_ALIGN. */
uint64_t table_map_sectors(uint64_t sectors);

/* Whether all of a copy makes sense for a partition of that size: checksum, names, ranges. */
__attribute__((warn_unused_result)) bool table_valid(const struct table *table, uint64_t partition_sectors);

/* Reads the table of the partition from `first` on, `sectors` long. A partition that begins with zeroes has an empty table, of
 * generation 0. */
__attribute__((warn_unused_result)) enum table_error table_read(
	const struct disk_io *io, uint64_t first, uint64_t sectors, struct table *table);

/* Adds a volume to `table` and writes it to the disk. `origin` is the index of the entry that a snapshot begins as, with
 * `sectors` its sectors, or TABLE_NONE. A new plain volume shows what was on the disk there. */
__attribute__((warn_unused_result)) enum table_error table_add(const struct disk_io *io, uint64_t first,
	struct table *table, const char *name, uint64_t sectors, uint32_t origin);

/* The index of the entry called `name`; TABLE_NONE if there is none. */
uint32_t table_find(const struct table *table, const char *name);

/* What is wrong, in English; NULL for TABLE_OK. */
const char *table_error_text(enum table_error error);
