/* SPDX-License-Identifier: MIT */
/* Requests reach the disk and answers the client, over restarts too, and neither a bad client nor a bad device leads anywhere else. Host only. */
#include "fake.h"

#include <string.h>

#define VECTOR 0u

static struct virtio_device device;
static struct disk disk;
static struct block_client client;
static bool signalled;

/* As the task starts, the first time and after it was killed. */
static void start_driver(void)
{
	memset(&disk, 0, sizeof disk);
	assert_int_equal(virtio_find(&device, &fake_function, fake_bars), VIRTIO_OK);
	assert_int_equal(virtio_reset(&device), VIRTIO_OK);
	assert_int_equal(virtio_negotiate(&device, DISK_FEATURES), VIRTIO_OK);
	assert_int_equal(virtio_open_queue(&device, &disk.queue, 0, VECTOR, fake_memory, FAKE_QUEUE_ADDRESS),
		VIRTIO_OK);
	assert_null(disk_measure(&disk, &device));
	disk_init(&disk, fake_memory, FAKE_QUEUE_ADDRESS);
	disk.slots.area[0] = (struct slots_area){ FAKE_AREA_ADDRESS, FAKE_AREA_SIZE };
	disk.slots.area_count = 1;
	disk.slots.server = block_server_start(block_attach(&fake_page, sizeof fake_page));
	virtio_start(&device);
	block_tell_geometry(&disk.slots.server, &disk.slots.geometry, &signalled);
}

static int set_up(void **state)
{
	(void)state;
	fake_reset();
	signalled = false;
	client = block_client_start(block_attach(&fake_page, sizeof fake_page));
	return 0;
}

static void post(
	uint32_t slot, enum block_operation operation, uint64_t sector, uint32_t count, uint64_t offset)
{
	struct block_slot request = {
		.operation = operation, .sector = sector, .count = count, .offset = offset
	};
	bool signal = false;

	block_client_post(&client, slot, &request, &signal);
}

static bool is_free(uint32_t slot) { return (block_free_slots(&fake_page, client.posted) >> slot & 1) != 0; }

static void turn(enum driver_turn expected) { assert_int_equal(disk_turn(&disk, &signalled), expected); }

/* Until neither side has anything to do. */
static void run(void)
{
	do {
		fake_work(UINT32_MAX, false);
	} while (disk_turn(&disk, &signalled) == DRIVER_MOVED);
}

static void expect(uint32_t slot, enum block_status status)
{
	assert_true(is_free(slot));
	assert_int_equal(block_status_of(&fake_page, slot), status);
}

static void test_sectors_go_both_ways(void **state)
{
	(void)state;
	start_driver();
	memset(fake_area, 0xa5, 1024);
	post(0, BLOCK_WRITE, 7, 2, 0);
	post(1, BLOCK_READ, 6, 4, 0x8000);
	turn(DRIVER_MOVED);
	assert_int_equal(fake.device.queue[0].doorbells, 1);
	assert_false(is_free(0));
	run();
	expect(0, BLOCK_OK);
	expect(1, BLOCK_OK);
	assert_int_equal(fake.sectors[7 * 512], 0xa5);
	assert_int_equal(fake_area[0x8000], 0);
	assert_int_equal(fake_area[0x8000 + 512], 0xa5);
	assert_int_equal(fake_area[0x8000 + 3 * 512], 0);
	turn(DRIVER_IDLE);
}

static void test_the_geometry_is_the_devices(void **state)
{
	struct block_geometry geometry;

	(void)state;
	assert_false(block_read_geometry(&fake_page, &geometry));
	start_driver();
	assert_true(block_read_geometry(&fake_page, &geometry));
	assert_int_equal(geometry.sectors, FAKE_SECTORS);
	assert_int_equal(geometry.flags,
		BLOCK_CAN_WRITE | BLOCK_CAN_FLUSH | BLOCK_CAN_DISCARD | BLOCK_CAN_WRITE_ZEROES);
	fake.device.offered |= UINT64_C(1) << 5 | UINT64_C(1) << 1;
	fake.device.offered &= ~(UINT64_C(1) << 9 | UINT64_C(1) << 13 | UINT64_C(1) << 14);
	fake.device.config[8 + 2] = 0x02; /* size_max 128 KiB */
	start_driver();
	assert_int_equal(disk.slots.geometry.flags, 0);
	assert_int_equal(disk.slots.geometry.max_sectors, 256);
	fake.device.config[8 + 2] = 0x00;
	fake.device.config[8 + 1] = 0xfe; /* 63.5 KiB: less than the protocol asks for */
	assert_int_equal(virtio_negotiate(&device, DISK_FEATURES), VIRTIO_OK);
	assert_non_null(disk_measure(&disk, &device));
	fake.device.config[8 + 2] = 0x02;
	fake.device.config[20 + 1] = 0x10; /* sectors of 4 KiB */
	assert_non_null(disk_measure(&disk, &device));
	fake.device.config[20 + 1] = 0x02;
	fake.device.config[7] = 0x80;
	assert_non_null(disk_measure(&disk, &device));
}

static void test_a_flush_without_a_cache_is_done(void **state)
{
	(void)state;
	fake.device.offered &= ~(UINT64_C(1) << 9);
	start_driver();
	post(3, BLOCK_FLUSH, 0, 0, 0);
	turn(DRIVER_MOVED);
	expect(3, BLOCK_OK);
	assert_int_equal(fake.device.queue[0].doorbells, 0);
}

static void test_flush_reaches_the_device(void **state)
{
	(void)state;
	start_driver();
	post(3, BLOCK_FLUSH, 0, 0, 0);
	turn(DRIVER_MOVED);
	assert_false(is_free(3));
	run();
	expect(3, BLOCK_OK);
	assert_int_equal(fake.order[0], 4);
}

/* The device takes 1000 sectors of a discard and 500 of zeroes at once; a client may ask for more. */
static void test_long_ranges_go_in_pieces(void **state)
{
	(void)state;
	start_driver();
	memset(fake.sectors, 0x11, sizeof fake.sectors);
	post(0, BLOCK_DISCARD, 96, 2500, 0);
	post(1, BLOCK_WRITE_ZEROES, 2700, 1001, 0);
	run();
	run();
	expect(0, BLOCK_OK);
	expect(1, BLOCK_OK);
	assert_int_equal(fake.pieces, 3 + 3);
	assert_int_equal(fake.sectors[96 * 512 - 1], 0x11);
	assert_int_equal(fake.sectors[96 * 512], 0xdd);
	assert_int_equal(fake.sectors[2596 * 512 - 1], 0xdd);
	assert_int_equal(fake.sectors[2596 * 512], 0x11);
	assert_int_equal(fake.sectors[2700 * 512], 0);
	assert_int_equal(fake.sectors[3701 * 512 - 1], 0);
	assert_int_equal(fake.sectors[3701 * 512], 0x11);
}

static void test_bad_requests_are_answered(void **state)
{
	struct block_slot foreign = { .operation = BLOCK_READ, .area = 1, .count = 1 };
	bool signal = false;

	(void)state;
	start_driver();
	post(0, BLOCK_READ, FAKE_SECTORS, 1, 0);
	post(1, BLOCK_WRITE, FAKE_SECTORS - 1, 2, 0);
	post(2, BLOCK_READ, 0, 2, FAKE_AREA_SIZE - 512);
	post(3, (enum block_operation)77, 0, 1, 0);
	post(4, BLOCK_READ, 0, 0, 0);
	block_client_post(&client, 5, &foreign, &signal);
	foreign.area = UINT32_MAX;
	block_client_post(&client, 6, &foreign, &signal);
	post(7, BLOCK_READ, UINT64_MAX, UINT32_MAX, 0);
	turn(DRIVER_MOVED);
	for (uint32_t slot = 0; slot < 8; slot++) {
		expect(slot, BLOCK_REFUSED);
	}
	assert_int_equal(fake.device.queue[0].doorbells, 0);
}

static void test_failures_are_told(void **state)
{
	(void)state;
	start_driver();
	fake.fails = true;
	post(0, BLOCK_READ, 0, 1, 0);
	post(1, BLOCK_DISCARD, 0, 2500, 0);
	run();
	expect(0, BLOCK_FAILED);
	expect(1, BLOCK_FAILED);
	assert_int_equal(fake.pieces, 2); /* no further pieces */
}

static void test_all_slots_at_once_and_in_any_order(void **state)
{
	(void)state;
	start_driver();
	for (uint32_t round = 0; round < 10; round++) { /* past the wrap of the ring */
		for (uint32_t slot = 0; slot < BLOCK_SLOTS; slot++) {
			memset(fake_area + slot * 512, (int)(slot + round), 512);
			post(slot, BLOCK_WRITE, slot, 1, slot * 512);
		}
		turn(DRIVER_MOVED);
		fake_work(UINT32_MAX, true);
		turn(DRIVER_MOVED);
		assert_true(block_client_is_idle(&client));
		for (uint32_t slot = 0; slot < BLOCK_SLOTS; slot++) {
			assert_int_equal(fake.sectors[slot * 512 + 511], (slot + round) & 0xff);
		}
	}
}

static void test_a_small_queue_takes_its_time(void **state)
{
	(void)state;
	fake.device.queue_size = 19; /* 16 of them are used: five chains */
	start_driver();
	assert_int_equal(fake.device.queue[0].size, 16);
	for (uint32_t slot = 0; slot < BLOCK_SLOTS; slot++) {
		post(slot, BLOCK_READ, slot, 1, slot * 512);
	}
	turn(DRIVER_MOVED);
	assert_int_equal(__builtin_popcountll(disk.slots.begun), 5);
	turn(DRIVER_IDLE);
	run();
	run();
	assert_true(block_client_is_idle(&client));
	assert_int_equal(fake.pieces, BLOCK_SLOTS);
}

/* Killed at any moment: what was posted is done in the end, and what was answered is not done again. */
static void test_a_killed_driver_goes_on(void **state)
{
	(void)state;
	start_driver();
	for (uint32_t slot = 0; slot < 10; slot++) {
		memset(fake_area + slot * 512, (int)slot + 1, 512);
		post(slot, BLOCK_WRITE, slot, 1, slot * 512);
	}
	turn(DRIVER_MOVED);
	fake_work(4, false);
	turn(DRIVER_MOVED);
	fake_work(3, false); /* done, but the driver has not seen it */
	expect(3, BLOCK_OK);
	assert_false(is_free(4));
	/* The client uses a slot that was answered for something else: it must not be overwritten by the old request. */
	memset(fake.sectors, 0xee, 512);
	start_driver();
	run();
	run();
	assert_true(block_client_is_idle(&client));
	assert_int_equal(fake.sectors[0], 0xee);
	for (uint32_t slot = 4; slot < 10; slot++) {
		assert_int_equal(fake.sectors[slot * 512], slot + 1);
	}
}

static void test_a_lying_device_is_noticed(void **state)
{
	static const uint32_t HEADS[] = { 1, 2, 3, 192, 255, 256, UINT32_MAX, 0x10000 };

	(void)state;
	for (size_t i = 0; i < sizeof HEADS / sizeof HEADS[0]; i++) {
		set_up(NULL);
		start_driver();
		post(0, BLOCK_READ, 0, 1, 0);
		turn(DRIVER_MOVED);
		fake_give_back(HEADS[i]);
		turn(DRIVER_NONSENSE);
	}
	/* More than it was offered, and one thing twice. */
	set_up(NULL);
	start_driver();
	fake_give_back(0);
	turn(DRIVER_NONSENSE);
	set_up(NULL);
	start_driver();
	post(0, BLOCK_READ, 0, 1, 0);
	post(1, BLOCK_READ, 0, 1, 0);
	turn(DRIVER_MOVED);
	fake_give_back(0);
	fake_give_back(0);
	turn(DRIVER_NONSENSE);
	/* Given back, and nothing written: the status byte is not left over from the last request. */
	set_up(NULL);
	start_driver();
	post(0, BLOCK_READ, 0, 1, 0);
	run();
	expect(0, BLOCK_OK);
	post(0, BLOCK_READ, 0, 1, 0);
	turn(DRIVER_MOVED);
	fake_give_back(0);
	turn(DRIVER_MOVED);
	expect(0, BLOCK_FAILED);
}

static void test_the_client_is_signalled_when_it_asked(void **state)
{
	(void)state;
	start_driver();
	post(0, BLOCK_READ, 0, 1, 0);
	run();
	assert_false(signalled);
	block_ask_for_answers(&fake_page);
	post(0, BLOCK_READ, 0, 1, 0);
	run();
	assert_true(signalled);
}

static void test_no_doorbell_where_none_is_wanted(void **state)
{
	(void)state;
	start_driver();
	((struct virtio_used *)(void *)(fake_memory + VIRTIO_QUEUE_USED))->flags = 1;
	post(0, BLOCK_READ, 0, 1, 0);
	turn(DRIVER_MOVED);
	assert_int_equal(fake.device.queue[0].doorbells, 0);
	run();
	expect(0, BLOCK_OK);
}

#define TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sectors_go_both_ways),
		TEST(test_the_geometry_is_the_devices),
		TEST(test_a_flush_without_a_cache_is_done),
		TEST(test_flush_reaches_the_device),
		TEST(test_long_ranges_go_in_pieces),
		TEST(test_bad_requests_are_answered),
		TEST(test_failures_are_told),
		TEST(test_all_slots_at_once_and_in_any_order),
		TEST(test_a_small_queue_takes_its_time),
		TEST(test_a_killed_driver_goes_on),
		TEST(test_a_lying_device_is_noticed),
		TEST(test_the_client_is_signalled_when_it_asked),
		TEST(test_no_doorbell_where_none_is_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
