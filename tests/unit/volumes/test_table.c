/* SPDX-License-Identifier: MIT */
/* The table of named volumes: what it refuses, and that a loss of power at any moment leaves the old table or the new one. */
#include "fake_disk.h"

#include <string.h>

#include <bulkhead/manifest.h>
#include <bulkhead/volume_table.h>

#define FIRST 64u
#define SECTORS 4000u

static void add(
	struct fake_disk *disk, struct table *table, const char *name, uint64_t sectors, uint32_t origin)
{
	assert_int_equal(table_add(&disk->io, FIRST, table, name, sectors, origin), TABLE_OK);
}

static void volumes_are_found_again(void **state)
{
	struct fake_disk disk;
	struct table table;
	struct table again;

	(void)state;
	fake_disk_start(&disk, FIRST + SECTORS, 1);
	assert_int_equal(table_read(&disk.io, FIRST, SECTORS, &table), TABLE_OK);
	assert_int_equal(table.count, 0);
	add(&disk, &table, "base", 1000, TABLE_NONE);
	add(&disk, &table, "one", 1000, 0);
	add(&disk, &table, "other", 100, TABLE_NONE);
	assert_int_equal(table_read(&disk.io, FIRST, SECTORS, &again), TABLE_OK);
	assert_memory_equal(&again, &table, sizeof(table));
	assert_int_equal(table_find(&again, "one"), 1);
	assert_int_equal(table_find(&again, "on"), TABLE_NONE);
	assert_int_equal(again.entry[0].first, 16);
	assert_int_equal(again.entry[1].origin, 0);
	assert_int_equal(again.entry[1].map_sectors, 8);
	fake_disk_end(&disk);
}

static void what_cannot_be_is_refused(void **state)
{
	struct fake_disk disk;
	struct table table;

	(void)state;
	fake_disk_start(&disk, FIRST + SECTORS, 1);
	assert_int_equal(table_read(&disk.io, FIRST, 15, &table), TABLE_FOREIGN);
	assert_int_equal(table_read(&disk.io, FIRST, SECTORS, &table), TABLE_OK);
	add(&disk, &table, "base", 1000, TABLE_NONE);
	add(&disk, &table, "snapshot", 1000, 0);
	assert_int_equal(table_add(&disk.io, FIRST, &table, "base", 10, TABLE_NONE), TABLE_INVALID);
	assert_int_equal(table_add(&disk.io, FIRST, &table, "", 10, TABLE_NONE), TABLE_INVALID);
	assert_int_equal(
		table_add(&disk.io, FIRST, &table, "a-name-of-thirty-two-characters-", 10, TABLE_NONE),
		TABLE_INVALID);
	assert_int_equal(table_add(&disk.io, FIRST, &table, "empty", 0, TABLE_NONE), TABLE_INVALID);
	assert_int_equal(table_add(&disk.io, FIRST, &table, "of-a-snapshot", 1000, 1), TABLE_INVALID);
	assert_int_equal(table_add(&disk.io, FIRST, &table, "smaller", 999, 0), TABLE_INVALID);
	assert_int_equal(table_add(&disk.io, FIRST, &table, "of-none", 1000, 2), TABLE_INVALID);
	assert_int_equal(table_add(&disk.io, FIRST, &table, "large", SECTORS, TABLE_NONE), TABLE_FULL);
	assert_int_equal(table_add(&disk.io, FIRST, &table, "absurd", UINT64_MAX, TABLE_NONE), TABLE_FULL);
	disk.io.writable = false;
	assert_int_equal(table_add(&disk.io, FIRST, &table, "more", 8, TABLE_NONE), TABLE_READ_ONLY);
	disk.io.writable = true;
	for (uint32_t i = 2; i < TABLE_ENTRIES; i++) {
		char name[4] = { 'v', (char)('a' + i / 10), (char)('0' + i % 10), '\0' };

		add(&disk, &table, name, 8, TABLE_NONE);
	}
	assert_int_equal(table_add(&disk.io, FIRST, &table, "more", 8, TABLE_NONE), TABLE_FULL);
	fake_disk_end(&disk);
}

static void nobody_elses_sectors_are_touched(void **state)
{
	struct fake_disk disk;
	struct table table;

	(void)state;
	for (uint32_t byte = 0; byte < 16 * 512; byte += 511) {
		fake_disk_start(&disk, FIRST + SECTORS, 1);
		disk.cache[FIRST * 512 + byte] = 1;
		assert_int_equal(table_read(&disk.io, FIRST, SECTORS, &table), TABLE_FOREIGN);
		fake_disk_end(&disk);
	}
}

static void one_damaged_copy_is_no_harm(void **state)
{
	struct fake_disk disk;
	struct table table;
	struct table again;

	(void)state;
	for (uint32_t byte = 0; byte < sizeof(table); byte += 37) {
		uint8_t *copies;

		fake_disk_start(&disk, FIRST + SECTORS, 1);
		assert_int_equal(table_read(&disk.io, FIRST, SECTORS, &table), TABLE_OK);
		add(&disk, &table, "base", 1000, TABLE_NONE);
		copies = disk.cache + FIRST * 512;
		copies[byte] ^= 1;
		assert_int_equal(table_read(&disk.io, FIRST, SECTORS, &again), TABLE_OK);
		assert_memory_equal(&again, &table, sizeof(table));
		add(&disk, &again, "more", 10, TABLE_NONE); /* and it is repaired by the next change */
		copies[4096 + byte] ^= 1;
		assert_int_equal(table_read(&disk.io, FIRST, SECTORS, &table), TABLE_OK);
		assert_int_equal(table.count, 2);
		copies[byte] ^= 1;
		assert_int_equal(table_read(&disk.io, FIRST, SECTORS, &table),
			byte < sizeof(table.magic) ? TABLE_FOREIGN : TABLE_BROKEN);
		fake_disk_end(&disk);
	}
}

/* Each field of a good table, with a good checksum. */
static void a_table_that_contradicts_itself_is_refused(void **state)
{
	static const struct {
		uint32_t entry;
		uint32_t offset;
		uint32_t width;
		uint64_t value;
	} cases[] = {
		{ 0, 0, 1, 0 },                /* no name */
		{ 0, 31, 1, 'x' },             /* something behind the name */
		{ 1, 0, 8, 0x65736162 },       /* "base" twice */
		{ 0, 32, 4, 3 },               /* unknown kind */
		{ 0, 36, 4, 0 },               /* plain, with an origin */
		{ 1, 36, 4, 1 },               /* its own origin */
		{ 1, 36, 4, UINT32_MAX },      /* no origin */
		{ 0, 40, 8, 8 },               /* over the table */
		{ 0, 40, 8, 17 },              /* not aligned */
		{ 0, 48, 8, 0 },               /* empty */
		{ 0, 48, 8, 1001 },            /* another size than its snapshot's, and over it */
		{ 0, 48, 8, UINT64_MAX - 15 }, /* its end wraps around */
		{ 1, 40, 8, 16 },              /* over its origin */
		{ 1, 40, 8, SECTORS - 8 },     /* beyond the partition */
		{ 1, 56, 8, 16 },              /* map over the origin */
		{ 1, 56, 8, 1016 },            /* map over itself */
		{ 1, 64, 8, 16 },              /* map too long */
		{ 1, 64, 8, 0 },               /* none */
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake_disk disk;
		struct table table;
		struct table copy;

		fake_disk_start(&disk, FIRST + SECTORS, 1);
		assert_int_equal(table_read(&disk.io, FIRST, SECTORS, &table), TABLE_OK);
		add(&disk, &table, "base", 1000, TABLE_NONE);
		add(&disk, &table, "one", 1000, 0);
		assert_true(table_valid(&table, SECTORS));
		assert_false(table_valid(&table, SECTORS + 1));
		memcpy((uint8_t *)&table.entry[cases[i].entry] + cases[i].offset, &cases[i].value,
			cases[i].width);
		table.checksum = 0;
		copy = table;
		table.checksum = manifest_checksum(&copy, sizeof(copy));
		if (table_valid(&table, SECTORS)) {
			fail_msg("case %u was taken", i);
		}
		fake_disk_end(&disk);
	}
}

/* Three changes, and the power goes before each write and flush of them. */
static void power_is_lost_at_every_write(void **state)
{
	bool all_done = false;

	(void)state;
	for (uint64_t left = 0; !all_done; left++) {
		for (uint64_t seed = 1; seed <= 20; seed++) {
			struct fake_disk disk;
			struct table table;
			struct table again;
			uint32_t done = 0;
			static const char *const names[] = { "base", "snapshot", "third" };

			fake_disk_start(&disk, FIRST + SECTORS, seed * 77);
			memset(disk.cache + (FIRST + 16) * 512, 0xff,
				2048 * 512); /* a map has to be made empty */
			memcpy(disk.stable, disk.cache, disk.sectors * 512);
			disk.transfers_left = left;
			assert_int_equal(table_read(&disk.io, FIRST, SECTORS, &table), TABLE_OK);
			while (done < 3 && table_add(&disk.io, FIRST, &table, names[done], 800,
						   done == 1 ? 0 : TABLE_NONE) == TABLE_OK) {
				done++;
			}
			all_done = done == 3;
			fake_disk_cut(&disk);
			assert_int_equal(table_read(&disk.io, FIRST, SECTORS, &again), TABLE_OK);
			assert_in_range(again.count, done, done + 1);
			if (again.count >= 2) {
				const uint8_t *map = disk.cache + (FIRST + again.entry[1].map_first) * 512;

				for (uint32_t i = 0; i < again.entry[1].map_sectors * 512; i++) {
					assert_int_equal(map[i], 0);
				}
			}
			/* Work goes on where it ended. */
			for (uint32_t i = again.count; i < 3; i++) {
				add(&disk, &again, names[i], 800, i == 1 ? 0 : TABLE_NONE);
			}
			fake_disk_cut(&disk);
			assert_int_equal(table_read(&disk.io, FIRST, SECTORS, &again), TABLE_OK);
			assert_int_equal(again.count, 3);
			fake_disk_end(&disk);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(volumes_are_found_again),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(nobody_elses_sectors_are_touched),
		cmocka_unit_test(one_damaged_copy_is_no_harm),
		cmocka_unit_test(a_table_that_contradicts_itself_is_refused),
		cmocka_unit_test(power_is_lost_at_every_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
