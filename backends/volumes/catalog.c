/* SPDX-License-Identifier: MIT */
/* Finds volumes on the disk, and makes named ones that are not there yet. Touches the server's list of volumes, its maps, the disk. */
#include "catalog.h"

#include <bulkhead/gpt.h>

#include <string.h>

_Static_assert(CATALOG_WORK_BYTES >= GPT_ARRAY_BYTES, "the work memory is for the partition table");

/* Makes the volume that is not there. */
static const char *make(
	const struct disk_io *io, const struct catalog_wish *wish, uint64_t first, struct table *table)
{
	uint32_t origin = TABLE_NONE;
	uint64_t sectors = wish->sectors;

	if (wish->snapshot_of != NULL) {
		origin = table_find(table, wish->snapshot_of);
		if (origin == TABLE_NONE) {
			return "what it is to be a snapshot of is not there";
		}
		sectors = table->entry[origin].sectors;
	} else if (sectors == 0) {
		return "no volume of that name is there";
	}
	return table_error_text(table_add(io, first, table, wish->name, sectors, origin));
}

/* True if a snapshot in the table begins as what entry `index` holds. */
static bool is_origin(const struct table *table, uint32_t index)
{
	for (uint32_t i = 0; i < table->count; i++) {
		if (table->entry[i].kind == TABLE_SNAPSHOT && table->entry[i].origin == index) {
			return true;
		}
	}
	return false;
}

/* Room in area 0 behind the maps that are there, and the map itself. */
static const char *load_map(struct volume_server *server, const struct disk_io *io, struct volume *volume,
	uint64_t map_sectors, uint8_t *maps)
{
	uint64_t offset = SERVER_MAPS_OFFSET;

	for (uint32_t i = 0; i < server->volume_count; i++) {
		offset += server->volume[i].map_bytes;
	}
	volume->map_offset = offset;
	volume->map_bytes = map_sectors * BLOCK_SECTOR_SIZE;
	volume->map = maps + (offset - SERVER_MAPS_OFFSET);
	if (volume->map_bytes > server->area_bytes - offset) {
		return "there is no memory for its map";
	}
	if (!io->read(io->context, volume->map_first, (uint32_t)map_sectors, volume->map)) {
		return "the disk failed at its map";
	}
	memcpy(server->area + offset, volume->map, volume->map_bytes);
	return NULL;
}

/* Named volumes: their table says where they are. */
static const char *find_named(struct volume_server *server, const struct disk_io *io,
	const struct catalog_wish *wish, struct gpt_partition range, uint8_t *maps, struct volume *volume)
{
	static struct table table;
	const struct table_entry *entry;
	const char *problem = table_error_text(table_read(io, range.first, range.sectors, &table));
	uint32_t index;

	if (problem != NULL) {
		return problem;
	}
	if (table_find(&table, wish->name) == TABLE_NONE) {
		problem = make(io, wish, range.first, &table);
		if (problem != NULL) {
			return problem;
		}
	}
	index = table_find(&table, wish->name);
	entry = &table.entry[index];
	if ((wish->snapshot_of != NULL) != (entry->kind == TABLE_SNAPSHOT) ||
		(wish->snapshot_of != NULL && table_find(&table, wish->snapshot_of) != entry->origin)) {
		return "on the disk it is not a snapshot of that";
	}
	if (wish->snapshot_of == NULL && wish->sectors != 0 && wish->sectors != entry->sectors) {
		return "on the disk it has another size";
	}
	*volume = (struct volume){ .first = range.first + entry->first,
		.sectors = entry->sectors,
		.frozen = is_origin(&table, index) };
	if (entry->kind != TABLE_SNAPSHOT) {
		return NULL;
	}
	volume->is_snapshot = true;
	volume->origin_first = range.first + table.entry[entry->origin].first;
	volume->map_first = range.first + entry->map_first;
	return load_map(server, io, volume, entry->map_sectors, maps);
}

const char *catalog_add(struct volume_server *server, const struct disk_io *io,
	const struct catalog_wish *wish, uint8_t *maps, uint8_t *work)
{
	struct gpt_partition range = { 0, 0 };
	struct volume volume;
	const char *problem;

	if (server->volume_count == SERVER_VOLUMES) {
		return "there are too many volumes";
	}
	problem = gpt_find(io, wish->partition, work, &range);
	if (problem != NULL) {
		return problem;
	}
	volume = (struct volume){ .first = range.first, .sectors = range.sectors };
	if (wish->name != NULL) {
		problem = find_named(server, io, wish, range, maps, &volume);
		if (problem != NULL) {
			return problem;
		}
	}
	for (uint32_t i = 0; i < server->volume_count; i++) {
		const struct volume *other = &server->volume[i];

		if (volume.first < other->first + other->sectors &&
			other->first < volume.first + volume.sectors) {
			return "its sectors are another volume's, too";
		}
	}
	server->volume[server->volume_count++] = volume;
	/* A snapshot may have been made of a volume that is in the list already. */
	for (uint32_t i = 0; volume.is_snapshot && i < server->volume_count; i++) {
		if (server->volume[i].first == volume.origin_first) {
			server->volume[i].frozen = true;
		}
	}
	return NULL;
}
