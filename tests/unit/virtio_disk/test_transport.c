/* SPDX-License-Identifier: MIT */
/* The handshake, and structures that are not where they should be. Host only. */
#include "fake.h"

#include <string.h>

static struct virtio_device device;
static struct virtio_queue queue;

static int set_up(void **state)
{
	(void)state;
	fake_reset();
	return 0;
}

static void find(enum virtio_error expected)
{
	assert_int_equal(virtio_find(&device, &fake_function, fake_bars), expected);
}

static void test_the_structures_are_found(void **state)
{
	(void)state;
	find(VIRTIO_OK);
	assert_ptr_equal(device.common, fake.device.common);
	assert_ptr_equal(device.notify, fake.device.notify);
	assert_ptr_equal(device.config, fake.device.config);
	assert_int_equal(device.notify_multiplier, 4);
	assert_int_equal(virtio_config(&device, 0, 4), FAKE_SECTORS);
	assert_int_equal(virtio_config(&device, 60, 4), 0);
	assert_int_equal(virtio_config(&device, 64, 1), 0);
	assert_int_equal(virtio_config(&device, UINT32_MAX, 4), 0);
}

#define REFUSED(word, value)                        \
	do {                                        \
		fake_reset();                       \
		fake_function.header[word] = value; \
		find(VIRTIO_ERROR_CAPABILITY);      \
	} while (0)

static void test_structures_outside_are_refused(void **state)
{
	(void)state;
	REFUSED(0x98 / 4 + 1, 6); /* BAR number */
	REFUSED(0x98 / 4 + 1, 255);
	REFUSED(0x98 / 4 + 1, 1); /* a BAR that the driver does not have */
	REFUSED(0x98 / 4 + 2, 4); /* beyond its end */
	REFUSED(0x98 / 4 + 2, 0xfffffffc);
	REFUSED(0x98 / 4 + 3, 0x37); /* too short */
	REFUSED(0x98 / 4 + 3, 0x39); /* too long */
	REFUSED(0x98 / 4 + 3, UINT32_MAX);
	REFUSED(0x84 / 4 + 2, 2); /* not aligned */
	REFUSED(0x84 / 4 + 3, 1);
	REFUSED(0x70 / 4 + 3, 0);
	REFUSED(0x34 / 4, 0); /* no list, one in the header, one that is cut off, one that goes round */
	REFUSED(0x34 / 4, 0x30);
	REFUSED(0x34 / 4, 0xf0);
	REFUSED(0x98 / 4, 1u << 24 | 20u << 16 | 0x98u << 8 | 0x09);
	/* In a page that is the PCI server's alone. */
	fake_reset();
	fake_function.table_bar = 0;
	find(VIRTIO_ERROR_CAPABILITY);
	fake_reset();
	fake_function.pending_bar = 4;
	fake_function.pending_offset = 0;
	find(VIRTIO_ERROR_CAPABILITY);
}

static void test_the_handshake(void **state)
{
	(void)state;
	find(VIRTIO_OK);
	fake.device.status = 0xff;
	assert_int_equal(virtio_reset(&device), VIRTIO_OK);
	assert_int_equal(fake.device.status, 0);
	assert_int_equal(virtio_negotiate(&device, DISK_FEATURES), VIRTIO_OK);
	assert_int_equal(fake.device.status, 1 | 2 | 8);
	/* Of what it offers what we know, and nothing else. */
	assert_int_equal(
		fake.device.taken_features, (fake.device.offered & DISK_FEATURES) | UINT64_C(1) << 32);
	assert_int_equal(
		virtio_open_queue(&device, &queue, 0, 3, fake_memory, UINT64_C(0x123456000)), VIRTIO_OK);
	assert_int_equal(fake.device.queue[0].vector, 3);
	assert_int_equal(fake.device.queue[0].size, 256);
	assert_true(fake.device.queue[0].address[0] == UINT64_C(0x123456000));
	assert_true(fake.device.queue[0].address[1] == UINT64_C(0x123457000));
	assert_true(fake.device.queue[0].address[2] == UINT64_C(0x123458000));
	assert_true(fake.device.queue[0].is_enabled);
	assert_int_equal(fake.device.config_vector, 0xffff); /* a disk that changes is not told of */
	virtio_start(&device);
	assert_int_equal(fake.device.status, 1 | 2 | 4 | 8);
}

static void test_devices_that_do_not_play(void **state)
{
	(void)state;
	find(VIRTIO_OK);
	fake.device.is_stuck = true;
	assert_int_equal(virtio_reset(&device), VIRTIO_ERROR_STUCK);
	fake.device.is_stuck = false;
	fake.device.refuses_features = true;
	assert_int_equal(virtio_negotiate(&device, DISK_FEATURES), VIRTIO_ERROR_FEATURES);
	fake.device.refuses_features = false;
	fake.device.offered &= ~(UINT64_C(1) << 32);
	assert_int_equal(virtio_negotiate(&device, DISK_FEATURES), VIRTIO_ERROR_VERSION);
	assert_int_equal(virtio_open_queue(&device, &queue, 1, 0, fake_memory, 0), VIRTIO_ERROR_QUEUE);
	fake.device.refuses_vector = true;
	assert_int_equal(virtio_open_queue(&device, &queue, 0, 0, fake_memory, 0), VIRTIO_ERROR_VECTOR);
	fake.device.refuses_vector = false;
	fake_reset();
	fake.device.queue_size = 0;
	assert_int_equal(virtio_open_queue(&device, &queue, 0, 0, fake_memory, 0), VIRTIO_ERROR_QUEUE);
	for (int error = VIRTIO_OK; error <= VIRTIO_ERROR_STUCK; error++) {
		assert_non_null(virtio_error_text((enum virtio_error)error));
	}
}

#define TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_structures_are_found),
		TEST(test_structures_outside_are_refused),
		TEST(test_the_handshake),
		TEST(test_devices_that_do_not_play),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
