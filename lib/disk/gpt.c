/* SPDX-License-Identifier: MIT */
/* Reads a GUID partition table. All fields are little-endian; offsets are those of UEFI 2.10 tables 5.5 (header) and 5.6 (entry).
 * Touches what it is given only. */
#include <bulkhead/gpt.h>

#include <bulkhead/block.h>
#include <bulkhead/manifest.h>

#include <string.h>

#define SIGNATURE UINT64_C(0x5452415020494645) /* "EFI PART" */
#define REVISION 0x00010000u
#define HEADER_SIZE 92u
#define PRIMARY_SECTOR 1u

enum {
	HEADER_SIGNATURE = 0,
	HEADER_REVISION = 8,
	HEADER_HEADER_SIZE = 12,
	HEADER_CHECKSUM = 16,
	HEADER_MY_LBA = 24,
	HEADER_FIRST_USABLE = 40,
	HEADER_LAST_USABLE = 48,
	HEADER_ARRAY_LBA = 72,
	HEADER_ENTRY_COUNT = 80,
	HEADER_ENTRY_SIZE = 84,
	HEADER_ARRAY_CHECKSUM = 88,
};

enum { ENTRY_TYPE = 0, ENTRY_FIRST = 32, ENTRY_LAST = 40, ENTRY_MIN_SIZE = 128 };

struct header {
	uint64_t first_usable;
	uint64_t last_usable;
	uint64_t array;
	uint64_t array_sectors;
	uint32_t entries;
	uint32_t entry_size;
	uint32_t array_checksum;
};

static uint32_t get32(const uint8_t *bytes)
{
	return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint64_t get64(const uint8_t *bytes) { return get32(bytes) | (uint64_t)get32(bytes + 4) << 32; }

/* Whether `bytes`, read from `sector`, is a header that can be gone by. */
static bool header_read(uint8_t *bytes, uint64_t sector, uint64_t disk_sectors, struct header *header)
{
	uint32_t size = get32(bytes + HEADER_HEADER_SIZE);
	uint32_t checksum = get32(bytes + HEADER_CHECKSUM);
	uint64_t array_bytes;

	if (get32(bytes + HEADER_REVISION) != REVISION || size < HEADER_SIZE || size > BLOCK_SECTOR_SIZE) {
		return false;
	}
	/* The checksum is computed with its own field 0. */
	memset(bytes + HEADER_CHECKSUM, 0, sizeof(uint32_t));
	if (manifest_checksum(bytes, size) != checksum || get64(bytes + HEADER_MY_LBA) != sector) {
		return false;
	}
	*header = (struct header){
		.first_usable = get64(bytes + HEADER_FIRST_USABLE),
		.last_usable = get64(bytes + HEADER_LAST_USABLE),
		.array = get64(bytes + HEADER_ARRAY_LBA),
		.entries = get32(bytes + HEADER_ENTRY_COUNT),
		.entry_size = get32(bytes + HEADER_ENTRY_SIZE),
		.array_checksum = get32(bytes + HEADER_ARRAY_CHECKSUM),
	};
	if (header->entries == 0 || header->entries > GPT_MAX_PARTITIONS ||
		header->entry_size < ENTRY_MIN_SIZE || header->entry_size > GPT_MAX_ENTRY_SIZE ||
		header->entry_size % ENTRY_MIN_SIZE != 0) {
		return false;
	}
	array_bytes = (uint64_t)header->entries * header->entry_size;
	if (array_bytes > GPT_ARRAY_BYTES) {
		return false;
	}
	header->array_sectors = (array_bytes + BLOCK_SECTOR_SIZE - 1) / BLOCK_SECTOR_SIZE;
	/* Between the two headers: usable sectors, and on one side of them the array. */
	if (header->first_usable <= PRIMARY_SECTOR || header->first_usable > header->last_usable ||
		header->last_usable >= disk_sectors - 1) {
		return false;
	}
	if (header->array <= PRIMARY_SECTOR || header->array >= disk_sectors ||
		header->array_sectors > disk_sectors - header->array) {
		return false;
	}
	return header->array + header->array_sectors <= header->first_usable ||
	       header->array > header->last_usable;
}

/* Fills `gpt` from the array of entries. False: they contradict the header or each other. */
static bool entries_read(const uint8_t *array, const struct header *header, struct gpt *gpt)
{
	static const uint8_t unused[16];

	gpt->count = header->entries;
	for (uint32_t i = 0; i < header->entries; i++) {
		const uint8_t *entry = array + (size_t)i * header->entry_size;
		uint64_t first = get64(entry + ENTRY_FIRST);
		uint64_t last = get64(entry + ENTRY_LAST);

		gpt->partition[i] = (struct gpt_partition){ 0, 0 };
		if (memcmp(entry + ENTRY_TYPE, unused, sizeof(unused)) == 0) {
			continue;
		}
		if (first < header->first_usable || last > header->last_usable || first > last) {
			return false;
		}
		for (uint32_t j = 0; j < i; j++) {
			const struct gpt_partition *other = &gpt->partition[j];

			if (other->sectors != 0 && first < other->first + other->sectors &&
				other->first <= last) {
				return false;
			}
		}
		gpt->partition[i] = (struct gpt_partition){ first, last - first + 1 };
	}
	return true;
}

/* The table by the header in `sector`. */
static enum gpt_error read_by(const struct disk_io *io, uint64_t sector, struct gpt *gpt, uint8_t *work)
{
	struct header header;

	if (!io->read(io->context, sector, 1, work)) {
		return GPT_UNREADABLE;
	}
	if (get64(work + HEADER_SIGNATURE) != SIGNATURE) {
		return GPT_NONE;
	}
	if (!header_read(work, sector, io->sectors, &header)) {
		return GPT_BROKEN;
	}
	if (!io->read(io->context, header.array, (uint32_t)header.array_sectors, work)) {
		return GPT_UNREADABLE;
	}
	if (manifest_checksum(work, (size_t)header.entries * header.entry_size) != header.array_checksum ||
		!entries_read(work, &header, gpt)) {
		return GPT_BROKEN;
	}
	return GPT_OK;
}

enum gpt_error gpt_read(const struct disk_io *io, struct gpt *gpt, uint8_t *work)
{
	enum gpt_error primary;
	enum gpt_error backup;

	/* Two headers and something between them. */
	if (io->sectors < 6) {
		return GPT_NONE;
	}
	primary = read_by(io, PRIMARY_SECTOR, gpt, work);
	if (primary == GPT_OK) {
		return GPT_OK;
	}
	backup = read_by(io, io->sectors - 1, gpt, work);
	if (backup == GPT_OK) {
		return GPT_OK;
	}
	gpt->count = 0;
	return primary == GPT_NONE ? backup : primary;
}

const char *gpt_find(
	const struct disk_io *io, uint32_t number, uint8_t *work, struct gpt_partition *partition)
{
	static struct gpt gpt;

	if (number == 0) {
		*partition = (struct gpt_partition){ 0, io->sectors };
		return NULL;
	}
	switch (gpt_read(io, &gpt, work)) {
	case GPT_OK:
		break;
	case GPT_UNREADABLE:
		return "the disk's partition table can't be read";
	case GPT_NONE:
		return "the disk has no GUID partition table";
	case GPT_BROKEN:
		return "the disk's partition table is damaged, its copy too";
	}
	if (number > gpt.count || gpt.partition[number - 1].sectors == 0) {
		return "the disk has no such partition";
	}
	*partition = gpt.partition[number - 1];
	return NULL;
}
