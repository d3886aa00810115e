/* SPDX-License-Identifier: MIT */
/* The disk in memory, and the protocol's two ends: what is posted is done and answered once, who asked is signalled once. */
#include "fake_disk.h"
#include "memdisk.h"

#include <string.h>

static struct block_page page;
static struct memdisk disk;
static struct block_client client;
static uint8_t bytes[8 * 512 + 100];
static uint8_t data[4 * 512];

static void start(void)
{
	bool signal = false;

	memset(&page, 0, sizeof(page));
	memset(&disk, 0, sizeof(disk));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(i / 512);
	}
	disk.area[2] = (struct memdisk_area){ data, sizeof(data) };
	client = block_client_start(block_attach(&page, sizeof(page)));
	memdisk_start(&disk, block_attach(&page, sizeof(page)), bytes, sizeof(bytes), &signal);
	assert_false(signal);
}

static enum block_status request(struct block_slot what)
{
	bool signal = false;

	block_client_post(&client, 63, &what, &signal);
	assert_false(block_client_is_idle(&client));
	assert_true(memdisk_step(&disk, &signal));
	assert_false(memdisk_step(&disk, &signal));
	assert_true(block_client_is_idle(&client));
	return block_status_of(&page, 63);
}

static void sectors_are_read_and_written(void **state)
{
	struct block_geometry geometry;

	(void)state;
	start();
	assert_true(block_read_geometry(&page, &geometry));
	assert_int_equal(geometry.sectors, 8);
	assert_int_equal(request((struct block_slot){ BLOCK_READ, 2, 6, 512, 2, 0 }), BLOCK_OK);
	assert_int_equal(data[512], 6);
	assert_int_equal(data[1535], 7);
	assert_int_equal(request((struct block_slot){ BLOCK_WRITE, 2, 0, 1024, 1, 0 }), BLOCK_OK);
	assert_memory_equal(bytes, data + 1024, 512);
	assert_int_equal(request((struct block_slot){ BLOCK_WRITE_ZEROES, 0, 3, 0, 2, 0 }), BLOCK_OK);
	assert_int_equal(bytes[3 * 512 - 1], 2);
	assert_int_equal(bytes[3 * 512], 0);
	assert_int_equal(bytes[5 * 512 - 1], 0);
	assert_int_equal(bytes[5 * 512], 5);
	assert_int_equal(request((struct block_slot){ BLOCK_FLUSH, 0, 0, 0, 0, 0 }), BLOCK_OK);
	assert_int_equal(request((struct block_slot){ BLOCK_DISCARD, 0, 0, 0, 8, 0 }), BLOCK_OK);
}

static void nothing_else_is_reached(void **state)
{
	(void)state;
	start();
	assert_int_equal(request((struct block_slot){ BLOCK_READ, 2, 7, 0, 2, 0 }), BLOCK_REFUSED);
	assert_int_equal(request((struct block_slot){ BLOCK_READ, 1, 0, 0, 1, 0 }), BLOCK_REFUSED);
	assert_int_equal(
		request((struct block_slot){ BLOCK_READ, MEMDISK_AREAS, 0, 0, 1, 0 }), BLOCK_REFUSED);
	assert_int_equal(request((struct block_slot){ BLOCK_READ, UINT32_MAX, 0, 0, 1, 0 }), BLOCK_REFUSED);
	assert_int_equal(request((struct block_slot){ BLOCK_WRITE, 2, 0, 3 * 512, 2, 0 }), BLOCK_REFUSED);
	assert_int_equal(
		request((struct block_slot){ BLOCK_WRITE_ZEROES, 0, UINT64_MAX, 0, 2, 0 }), BLOCK_REFUSED);
}

static void a_side_that_asked_is_signalled_once(void **state)
{
	struct block_slot what = { BLOCK_READ, 2, 0, 0, 1, 0 };
	bool signal = false;

	(void)state;
	start();
	block_client_post(&client, 0, &what, &signal);
	assert_false(signal);
	(void)memdisk_step(&disk, &signal);
	assert_false(signal);
	block_ask_for_requests(&disk.client);
	block_ask_for_answers(&page);
	block_client_post(&client, 0, &what, &signal);
	assert_true(signal);
	signal = false;
	block_client_post(&client, 1, &what, &signal);
	assert_false(signal);
	(void)memdisk_step(&disk, &signal);
	assert_true(signal);
	signal = false;
	block_client_post(&client, 1, &what, &signal);
	(void)memdisk_step(&disk, &signal);
	assert_false(signal);
	/* A restarted side has forgotten whom it signalled: once too often, never once too few. */
	client = block_client_start(&page);
	block_client_post(&client, 1, &what, &signal);
	assert_true(signal);
}

static void pages_of_others_are_not_used(void **state)
{
	(void)state;
	memset(&page, 0, sizeof(page));
	assert_null(block_attach(&page, sizeof(page) - 1));
	assert_null(block_attach(NULL, sizeof(page)));
	page.magic = BLOCK_MAGIC;
	page.version = BLOCK_VERSION + 1;
	assert_null(block_attach(&page, sizeof(page)));
	page.version = BLOCK_VERSION;
	assert_non_null(block_attach(&page, sizeof(page)));
	page.status[3] = 77;
	assert_int_equal(block_status_of(&page, 3), BLOCK_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sectors_are_read_and_written),
		cmocka_unit_test(nothing_else_is_reached),
		cmocka_unit_test(a_side_that_asked_is_signalled_once),
		cmocka_unit_test(pages_of_others_are_not_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
