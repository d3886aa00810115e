/* SPDX-License-Identifier: MIT */
/* The table of named volumes. Reads it from two copies and checks each; writes the older copy first and flushes before it writes
 * the other, so that one of them is good at any time. Touches what it is given only. */
#include <bulkhead/volume_table.h>

#include <bulkhead/block.h>
#include <bulkhead/manifest.h>

#include <string.h>

static const uint8_t zeroes[TABLE_SECTORS * BLOCK_SECTOR_SIZE];

uint64_t table_map_sectors(uint64_t sectors)
{
	uint64_t chunks = sectors / TABLE_CHUNK_SECTORS + (sectors % TABLE_CHUNK_SECTORS != 0);
	uint64_t map = chunks / TABLE_CHUNKS_PER_MAP_SECTOR + (chunks % TABLE_CHUNKS_PER_MAP_SECTOR != 0);

	return (map + TABLE_ALIGN - 1) / TABLE_ALIGN * TABLE_ALIGN;
}

/* ---- Checks ---- */

static uint32_t checksum_of(const struct table *table)
{
	struct table copy = *table;

	copy.checksum = 0;
	return manifest_checksum(&copy, sizeof(copy));
}

/* Bytes before the NUL; TABLE_NAME_SIZE if there is none. */
static size_t name_length(const char *name)
{
	size_t length = 0;

	while (length < TABLE_NAME_SIZE && name[length] != '\0') {
		length++;
	}
	return length;
}

static bool name_valid(const char *name)
{
	size_t length = name_length(name);

	if (length == 0 || length == TABLE_NAME_SIZE) {
		return false;
	}
	for (size_t i = length; i < TABLE_NAME_SIZE; i++) {
		if (name[i] != '\0') {
			return false;
		}
	}
	return true;
}

struct range {
	uint64_t first;
	uint64_t sectors;
};

static bool range_valid(struct range range, uint64_t partition_sectors)
{
	return range.first >= TABLE_FIRST_FREE && range.first % TABLE_ALIGN == 0 && range.sectors != 0 &&
	       range.first < partition_sectors && range.sectors <= partition_sectors - range.first;
}

static bool ranges_overlap(struct range left, struct range right)
{
	return left.first < right.first + right.sectors && right.first < left.first + left.sectors;
}

/* The entry's two ranges; the second is empty for a plain volume. */
static void ranges_of(const struct table_entry *entry, struct range ranges[2])
{
	ranges[0] = (struct range){ entry->first, entry->sectors };
	ranges[1] = (struct range){ entry->map_first, entry->map_sectors };
}

/* Entry `index` against the partition and those before it, which are valid. */
static bool entry_valid(const struct table *table, uint32_t index, uint64_t partition_sectors)
{
	const struct table_entry *entry = &table->entry[index];
	struct range ranges[2];

	ranges_of(entry, ranges);
	if (!name_valid(entry->name) || !range_valid(ranges[0], partition_sectors)) {
		return false;
	}
	if (entry->kind == TABLE_PLAIN) {
		if (entry->origin != TABLE_NONE || entry->map_first != 0 || entry->map_sectors != 0) {
			return false;
		}
	} else if (entry->kind == TABLE_SNAPSHOT) {
		if (entry->origin >= index || table->entry[entry->origin].kind != TABLE_PLAIN ||
			table->entry[entry->origin].sectors != entry->sectors ||
			entry->map_sectors != table_map_sectors(entry->sectors) ||
			!range_valid(ranges[1], partition_sectors) || ranges_overlap(ranges[0], ranges[1])) {
			return false;
		}
	} else {
		return false;
	}
	for (uint32_t i = 0; i < index; i++) {
		struct range others[2];

		ranges_of(&table->entry[i], others);
		if (strcmp(table->entry[i].name, entry->name) == 0) {
			return false;
		}
		for (uint32_t j = 0; j < 4; j++) {
			if (ranges_overlap(ranges[j / 2], others[j % 2])) {
				return false;
			}
		}
	}
	return true;
}

bool table_valid(const struct table *table, uint64_t partition_sectors)
{
	if (table->magic != TABLE_MAGIC || table->version != TABLE_VERSION ||
		table->checksum != checksum_of(table) || table->partition_sectors != partition_sectors ||
		table->count > TABLE_ENTRIES) {
		return false;
	}
	for (uint32_t i = 0; i < table->count; i++) {
		if (!entry_valid(table, i, partition_sectors)) {
			return false;
		}
	}
	return true;
}

uint32_t table_find(const struct table *table, const char *name)
{
	for (uint32_t i = 0; i < table->count; i++) {
		if (strncmp(table->entry[i].name, name, TABLE_NAME_SIZE) == 0) {
			return i;
		}
	}
	return TABLE_NONE;
}

/* ---- Disk ---- */

enum table_error table_read(const struct disk_io *io, uint64_t first, uint64_t sectors, struct table *table)
{
	struct table copy[2];
	bool good[2];

	if (sectors < TABLE_FIRST_FREE) {
		return TABLE_FOREIGN;
	}
	for (uint32_t i = 0; i < 2; i++) {
		if (!io->read(io->context, first + (uint64_t)i * TABLE_SECTORS, TABLE_SECTORS, &copy[i])) {
			return TABLE_FAILED;
		}
		good[i] = table_valid(&copy[i], sectors);
	}
	if (good[0] || good[1]) {
		bool second = good[1] && (!good[0] || copy[1].generation > copy[0].generation);

		*table = copy[second ? 1 : 0];
		return TABLE_OK;
	}
	/* Nothing yet; or power was lost while the first table was written, which begins with the sector that has the magic. */
	if (memcmp(&copy[1], zeroes, sizeof(zeroes)) == 0 &&
		(memcmp(&copy[0], zeroes, sizeof(zeroes)) == 0 || copy[0].magic == TABLE_MAGIC)) {
		*table = (struct table){
			.magic = TABLE_MAGIC, .version = TABLE_VERSION, .partition_sectors = sectors
		};
		return TABLE_OK;
	}
	return copy[0].magic == TABLE_MAGIC || copy[1].magic == TABLE_MAGIC ? TABLE_BROKEN : TABLE_FOREIGN;
}

static bool write_copy(const struct disk_io *io, uint64_t first, uint32_t number, const struct table *table)
{
	return io->write(io->context, first + (uint64_t)number * TABLE_SECTORS, TABLE_SECTORS, table) &&
	       io->flush(io->context);
}

/* Writes `table`, whose generation is one above that on the disk. */
static bool write_both(const struct disk_io *io, uint64_t first, const struct table *table)
{
	if (table->generation == 1) {
		/* From now on the partition is ours, whatever becomes of the rest. */
		return io->write(io->context, first, 1, table) && io->flush(io->context) &&
		       write_copy(io, first, 0, table) && write_copy(io, first, 1, table);
	}
	/* The copy that counted so far comes second. Both are equal but after a loss of power, and then either may be the old one:
	 * so make the other one good first. */
	for (uint32_t number = 0; number < 2; number++) {
		struct table copy;

		if (!io->read(io->context, first + (uint64_t)number * TABLE_SECTORS, TABLE_SECTORS, &copy)) {
			return false;
		}
		if (!table_valid(&copy, table->partition_sectors) ||
			copy.generation + 1 != table->generation) {
			return write_copy(io, first, number, table) &&
			       write_copy(io, first, 1 - number, table);
		}
	}
	return write_copy(io, first, 0, table) && write_copy(io, first, 1, table);
}

/* The first sector of a free range of `sectors` sectors; 0 if there is none. Volumes are never removed, so what is behind all
 * others is all that is free. */
static uint64_t find_room(const struct table *table, uint64_t sectors)
{
	uint64_t first = TABLE_FIRST_FREE;

	for (uint32_t i = 0; i < table->count; i++) {
		struct range ranges[2];

		ranges_of(&table->entry[i], ranges);
		for (uint32_t j = 0; j < 2; j++) {
			uint64_t end = ranges[j].first + ranges[j].sectors;

			first = end > first ? end : first;
		}
	}
	first = (first + TABLE_ALIGN - 1) / TABLE_ALIGN * TABLE_ALIGN;
	return first < table->partition_sectors && sectors <= table->partition_sectors - first ? first : 0;
}

static bool write_zeroes(const struct disk_io *io, uint64_t sector, uint64_t sectors)
{
	for (uint64_t done = 0; done < sectors; done += TABLE_SECTORS) {
		if (!io->write(io->context, sector + done, TABLE_SECTORS, zeroes)) {
			return false;
		}
	}
	return io->flush(io->context);
}

enum table_error table_add(const struct disk_io *io, uint64_t first, struct table *table, const char *name,
	uint64_t sectors, uint32_t origin)
{
	struct table changed = *table;
	struct table_entry *entry;
	size_t length = name_length(name);

	if (!io->writable) {
		return TABLE_READ_ONLY;
	}
	if (length == 0 || length == TABLE_NAME_SIZE || table_find(table, name) != TABLE_NONE ||
		sectors == 0) {
		return TABLE_INVALID;
	}
	if (origin != TABLE_NONE && (origin >= table->count || table->entry[origin].kind != TABLE_PLAIN ||
					    table->entry[origin].sectors != sectors)) {
		return TABLE_INVALID;
	}
	if (table->count == TABLE_ENTRIES) {
		return TABLE_FULL;
	}
	entry = &changed.entry[changed.count];
	memset(entry, 0, sizeof(*entry));
	memcpy(entry->name, name, length);
	entry->kind = origin == TABLE_NONE ? TABLE_PLAIN : TABLE_SNAPSHOT;
	entry->origin = origin;
	entry->sectors = sectors;
	entry->first = find_room(&changed, sectors);
	changed.count++;
	if (entry->first == 0) {
		return TABLE_FULL;
	}
	if (origin != TABLE_NONE) {
		entry->map_sectors = table_map_sectors(sectors);
		entry->map_first = find_room(&changed, entry->map_sectors);
		if (entry->map_first == 0) {
			return TABLE_FULL;
		}
		/* Its map is empty before anybody can find it. */
		if (!write_zeroes(io, first + entry->map_first, entry->map_sectors)) {
			return TABLE_FAILED;
		}
	}
	changed.generation++;
	changed.checksum = checksum_of(&changed);
	if (!write_both(io, first, &changed)) {
		return TABLE_FAILED;
	}
	*table = changed;
	return TABLE_OK;
}

const char *table_error_text(enum table_error error)
{
	switch (error) {
	case TABLE_OK:
		break;
	case TABLE_FAILED:
		return "the disk failed at its volume table";
	case TABLE_FOREIGN:
		return "something else than a volume table is there: wipe its first 8 KiB to have one made";
	case TABLE_BROKEN:
		return "both copies of the volume table are damaged";
	case TABLE_FULL:
		return "there is no room for it";
	case TABLE_INVALID:
		return "its name or its size can't be";
	case TABLE_READ_ONLY:
		return "it is not there yet, and the disk can't be written";
	}
	return NULL;
}
