/* SPDX-License-Identifier: MIT */
/* Partition tables: what is read, what is refused, and when the copy in the last sectors helps. */
#include "fake_disk.h"

#include <string.h>

#include <bulkhead/gpt.h>
#include <bulkhead/manifest.h>

#define SECTORS 4096u
#define ARRAY_SECTORS 32u
#define FIRST_USABLE (2u + ARRAY_SECTORS)
#define LAST_USABLE (SECTORS - 2u - ARRAY_SECTORS)

static uint8_t work[GPT_ARRAY_BYTES];
static struct gpt gpt;

static void put(uint8_t *bytes, uint64_t value, uint32_t width)
{
	for (uint32_t i = 0; i < width; i++) {
		bytes[i] = (uint8_t)(value >> 8 * i);
	}
}

/* Where a header and its array stand. */
struct place {
	uint64_t header;
	uint64_t array;
};

static const struct place primary = { 1, 2 };
static const struct place backup = { SECTORS - 1, SECTORS - 1 - ARRAY_SECTORS };

static void seal(struct fake_disk *disk, struct place place)
{
	uint8_t *header = disk->cache + place.header * 512;

	put(header + 88, manifest_checksum(disk->cache + place.array * 512, 128 * 128), 4);
	put(header + 16, 0, 4);
	put(header + 16, manifest_checksum(header, 92), 4);
}

static void write_table(struct fake_disk *disk, struct place place)
{
	static const uint64_t partitions[][2] = { { 40, 100 }, { 0, 0 }, { 101, 2000 },
		{ LAST_USABLE, LAST_USABLE } };
	uint8_t *header = disk->cache + place.header * 512;

	memcpy(header, "EFI PART", 8);
	put(header + 8, 0x10000, 4);
	put(header + 12, 92, 4);
	put(header + 24, place.header, 8);
	put(header + 32, place.header == 1 ? SECTORS - 1 : 1, 8);
	put(header + 40, FIRST_USABLE, 8);
	put(header + 48, LAST_USABLE, 8);
	put(header + 72, place.array, 8);
	put(header + 80, 128, 4);
	put(header + 84, 128, 4);
	for (uint32_t i = 0; i < 4; i++) {
		uint8_t *entry = disk->cache + place.array * 512 + i * 128;

		if (partitions[i][1] != 0) {
			memset(entry, 0x77, 32);
			put(entry + 32, partitions[i][0], 8);
			put(entry + 40, partitions[i][1], 8);
		}
	}
	seal(disk, place);
}

static void new_disk(struct fake_disk *disk)
{
	fake_disk_start(disk, SECTORS, 1);
	write_table(disk, primary);
	write_table(disk, backup);
}

static void assert_as_written(void)
{
	assert_int_equal(gpt.count, 128);
	assert_int_equal(gpt.partition[0].first, 40);
	assert_int_equal(gpt.partition[0].sectors, 61);
	assert_int_equal(gpt.partition[1].sectors, 0);
	assert_int_equal(gpt.partition[2].sectors, 1900);
	assert_int_equal(gpt.partition[3].first, LAST_USABLE);
	assert_int_equal(gpt.partition[3].sectors, 1);
	assert_int_equal(gpt.partition[4].sectors, 0);
}

static void a_table_is_read(void **state)
{
	struct fake_disk disk;

	(void)state;
	new_disk(&disk);
	assert_int_equal(gpt_read(&disk.io, &gpt, work), GPT_OK);
	assert_as_written();
	fake_disk_end(&disk);
}

static void the_copy_helps(void **state)
{
	struct fake_disk disk;

	(void)state;
	for (uint32_t byte = 0; byte < 92; byte++) {
		new_disk(&disk);
		disk.cache[512 + byte] ^= 0x40;
		memset(&gpt, 0, sizeof(gpt));
		assert_int_equal(gpt_read(&disk.io, &gpt, work), GPT_OK);
		assert_as_written();
		/* Now that one, too. */
		disk.cache[(SECTORS - 1) * 512 + byte] ^= 0x40;
		assert_int_not_equal(gpt_read(&disk.io, &gpt, work), GPT_OK);
		fake_disk_end(&disk);
	}
	new_disk(&disk);
	disk.failing_sector = 1;
	assert_int_equal(gpt_read(&disk.io, &gpt, work), GPT_OK);
	assert_as_written();
	fake_disk_end(&disk);
}

/* A field of the header or of an array in both tables, with good checksums. */
struct bad {
	uint32_t in_array; /* 1: offset is in the array */
	uint32_t offset;
	uint32_t width;
	uint64_t value;
};

static void nonsense_is_refused(void **state)
{
	static const struct bad cases[] = {
		{ 0, 8, 4, 0x20000 },                /* revision */
		{ 0, 24, 8, 77 },                    /* not where it stands */
		{ 0, 40, 8, 0 },                     /* usable sectors: with the header in them */
		{ 0, 40, 8, LAST_USABLE + 1 },       /* from behind the end */
		{ 0, 48, 8, SECTORS - 1 },           /* up to the copy */
		{ 0, 48, 8, UINT64_MAX },            /* beyond the disk */
		{ 0, 72, 8, 0 },                     /* array: in sector 0 */
		{ 0, 72, 8, SECTORS },               /* outside */
		{ 0, 72, 8, UINT64_MAX - 3 },        /* its end wraps around */
		{ 0, 72, 8, FIRST_USABLE },          /* within the usable sectors */
		{ 0, 80, 4, 0 },                     /* no entries */
		{ 0, 80, 4, 257 },                   /* too many */
		{ 0, 80, 4, UINT32_MAX },            /* absurdly many */
		{ 0, 84, 4, 64 },                    /* entries too small */
		{ 0, 84, 4, 136 },                   /* no multiple of 128 */
		{ 0, 84, 4, 1024 },                  /* too large */
		{ 1, 32, 8, FIRST_USABLE - 1 },      /* a partition over the table */
		{ 1, 40, 8, LAST_USABLE + 1 },       /* beyond the usable sectors */
		{ 1, 40, 8, UINT64_MAX },            /* absurdly long */
		{ 1, 32, 8, 101 },                   /* ends before it begins */
		{ 1, 40, 8, 101 },                   /* over another by one sector */
		{ 1, 2 * 128 + 32, 8, 100 },         /* likewise from the other side */
		{ 1, 2 * 128 + 40, 8, LAST_USABLE }, /* over the last */
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake_disk disk;

		new_disk(&disk);
		for (uint32_t j = 0; j < 2; j++) {
			struct place place = j == 0 ? primary : backup;
			uint64_t sector = cases[i].in_array != 0 ? place.array : place.header;

			put(disk.cache + sector * 512 + cases[i].offset, cases[i].value, cases[i].width);
			seal(&disk, place);
		}
		if (gpt_read(&disk.io, &gpt, work) != GPT_BROKEN) {
			fail_msg("case %u was taken", i);
		}
		fake_disk_end(&disk);
	}
}

static void other_disks_have_none(void **state)
{
	struct fake_disk disk;

	(void)state;
	for (uint32_t sectors = 1; sectors < 8; sectors++) {
		fake_disk_start(&disk, sectors, 1);
		assert_int_equal(gpt_read(&disk.io, &gpt, work), GPT_NONE);
		fake_disk_end(&disk);
	}
	new_disk(&disk);
	memset(disk.cache + 512, 0, 512);
	memset(disk.cache + (SECTORS - 1) * 512, 0, 512);
	assert_int_equal(gpt_read(&disk.io, &gpt, work), GPT_NONE);
	disk.failing_sector = 1;
	assert_int_equal(gpt_read(&disk.io, &gpt, work), GPT_UNREADABLE);
	fake_disk_end(&disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_is_read),
		cmocka_unit_test(the_copy_helps),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(other_disks_have_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
