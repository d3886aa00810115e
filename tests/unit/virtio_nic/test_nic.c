/* SPDX-License-Identifier: MIT */
/* Frames between the switch and a virtio card: both ways, over restarts, with a full ring and without buffers; and neither a bad device nor a bad switch leads
 * anywhere else. Host only. */
#include "fake.h"

#include "far_end.h"

#define VECTOR 0u

static struct far_end far;
static struct frames frames;
static struct virtio_device device;
static struct nic nic;

/* As the task starts, the first time and after it was killed. */
static void start_driver(void)
{
	memset(&nic, 0xee, sizeof nic);
	assert_int_equal(virtio_find(&device, &fake_function, fake_bars), VIRTIO_OK);
	assert_int_equal(virtio_reset(&device), VIRTIO_OK);
	assert_int_equal(virtio_negotiate(&device, NIC_FEATURE_STATUS), VIRTIO_OK);
	assert_int_equal(virtio_open_queue(&device, &nic.receive, NIC_QUEUE_RECEIVE, VECTOR, fake_queues,
				 FAKE_QUEUES_ADDRESS),
		VIRTIO_OK);
	assert_int_equal(
		virtio_open_queue(&device, &nic.transmit, NIC_QUEUE_TRANSMIT, VECTOR,
			fake_queues + VIRTIO_QUEUE_MEMORY, FAKE_QUEUES_ADDRESS + VIRTIO_QUEUE_MEMORY),
		VIRTIO_OK);
	assert_int_equal(virtio_tell_changes(&device, VECTOR), VIRTIO_OK);
	nic_init(&nic, fake_buffers, FAKE_BUFFERS_ADDRESS);
	virtio_start(&device);
	assert_true(frames_open(&frames, far.region, far.size));
}

static void start_with(uint16_t queue_size, uint32_t region_size)
{
	fake_reset();
	fake.queue_size = queue_size;
	far_open(&far, region_size);
	start_driver();
}

static int set_up(void **state)
{
	(void)state;
	start_with(256, FAR_REGION_SIZE);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	far_close(&far);
	return 0;
}

/* As the task's loop does. */
static void work(void)
{
	enum driver_turn turn;

	nic_hush(&nic);
	do {
		while ((turn = nic_turn(&nic, &frames, nic_is_up(&device))) == DRIVER_MOVED) {}
		assert_int_equal(turn, DRIVER_IDLE);
	} while (!nic_may_sleep(&nic, &frames));
}

static void it_takes_no_offloads(void **state)
{
	(void)state;
	assert_true(fake.taken_features == (UINT64_C(1) << 32 | UINT64_C(1) << 33 | NIC_FEATURE_STATUS));
	assert_int_equal(fake.config_vector, VECTOR);
	work();
	assert_int_equal(fake_available(NIC_QUEUE_RECEIVE), NIC_BUFFERS);
	assert_int_equal(fake.queue[NIC_QUEUE_RECEIVE].doorbells, 1);
	assert_int_equal(fake_available(NIC_QUEUE_TRANSMIT), 0);
}

/* A frame comes from the line. False: the device has no buffer for it. */
static bool deliver(uint32_t length, uint32_t seed)
{
	uint8_t bytes[FRAMES_BUFFER];

	far_pattern(bytes, length, seed);
	return fake_deliver(bytes, length);
}

/* The next frame that the device sends is that one. Its buffer, which the device keeps. */
static uint32_t expect_sent(uint32_t length, uint32_t seed)
{
	uint8_t got[FRAMES_BUFFER];
	uint32_t head;

	assert_int_equal(fake_send(got, &head), length);
	far_check_pattern(got, length, seed);
	return head;
}

static void expect_nothing_sent(void)
{
	uint8_t got[FRAMES_BUFFER];
	uint32_t head;

	assert_int_equal(fake_send(got, &head), 0);
}

static void frames_go_out(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t length = 60 + i * 17 % 1455;

		far_send_pattern(&far, length, i);
		work();
		fake_give_back(NIC_QUEUE_TRANSMIT, expect_sent(length, i), 0);
	}
	expect_nothing_sent();
}

static void frames_come_in(void **state)
{
	(void)state;
	work();
	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t length = 60 + i * 17 % 1459;

		assert_true(deliver(length, i));
		assert_true(fake_may_interrupt(NIC_QUEUE_RECEIVE));
		work();
		far_expect_pattern(&far, length, i);
	}
	far_expect_nothing(&far);
	assert_int_equal(fake_available(NIC_QUEUE_RECEIVE), NIC_BUFFERS);
}

/* More at once than there are buffers, given back in another order. */
static void the_device_is_slow(void **state)
{
	uint32_t heads[NIC_BUFFERS];

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < NIC_BUFFERS + 10; i++) {
			far_send_pattern(&far, 100, i);
		}
		work();
		assert_true(fake_may_interrupt(NIC_QUEUE_TRANSMIT));
		for (uint32_t i = 0; i < NIC_BUFFERS; i++) {
			heads[i] = expect_sent(100, i);
		}
		expect_nothing_sent();
		for (uint32_t i = NIC_BUFFERS; i-- > 0;) {
			fake_give_back(NIC_QUEUE_TRANSMIT, heads[i], 0);
		}
		work();
		/* there are buffers again: what the device has sent does not matter */
		assert_false(fake_may_interrupt(NIC_QUEUE_TRANSMIT));
		for (uint32_t i = NIC_BUFFERS; i < NIC_BUFFERS + 10; i++) {
			fake_give_back(NIC_QUEUE_TRANSMIT, expect_sent(100, i), 0);
		}
	}
}

/* What has no room stays with the device, in order, and none is lost. */
static void the_switch_is_slow(void **state)
{
	uint32_t delivered = 0;
	uint32_t received = 0;

	(void)state;
	tear_down(NULL);
	start_with(256, FAR_SMALL_SIZE);
	work();
	while (received < 500) {
		while (deliver(700, delivered)) {
			delivered++;
			work();
		}
		assert_false(fake_may_interrupt(NIC_QUEUE_RECEIVE));
		assert_int_not_equal(far.in.shared->producer_ticket, 0);
		for (unsigned i = 0; i < 3; i++) {
			far_expect_pattern(&far, 700, received++);
		}
		work();
	}
	assert_true(delivered - received >= NIC_BUFFERS);
}

static void a_small_queue_will_do(void **state)
{
	(void)state;
	tear_down(NULL);
	start_with(4, FAR_REGION_SIZE);
	work();
	assert_int_equal(fake_available(NIC_QUEUE_RECEIVE), 4);
	for (uint32_t i = 0; i < 50; i++) {
		assert_true(deliver(100, i));
		far_send_pattern(&far, 100, i);
		work();
		far_expect_pattern(&far, 100, i);
		fake_give_back(NIC_QUEUE_TRANSMIT, expect_sent(100, i), 0);
	}
}

/* Killed with frames under way everywhere: these are lost, and the next ones pass. */
static void a_new_driver_begins_anew(void **state)
{
	static uint8_t got[FRAME_MAX_LENGTH];
	uint32_t head;

	(void)state;
	work();
	for (uint32_t life = 0; life < 20; life++) {
		for (uint32_t i = 0; i < 7; i++) {
			(void)deliver(200, life);
			far_send_pattern(&far, 200, life);
		}
		(void)nic_turn(&nic, &frames, true);
		(void)fake_send(got, &head);
		start_driver();
		work();
		while (far_receive(&far, got) != 0) {}
		while (fake_send(got, &head) != 0) {
			fake_give_back(NIC_QUEUE_TRANSMIT, head, 0);
		}
		assert_true(deliver(200, 100 + life));
		far_send_pattern(&far, 200, 100 + life);
		work();
		far_expect_pattern(&far, 200, 100 + life);
		(void)expect_sent(200, 100 + life);
	}
}

static void the_link_is_as_the_device_says(void **state)
{
	(void)state;
	assert_true(nic_is_up(&device));
	fake_set_link(0xfffe);
	assert_false(nic_is_up(&device));
	far_send_pattern(&far, 100, 0);
	work();
	assert_true(far_is_empty(&far));
	expect_nothing_sent();
	/* that it has changed is told by a message, if the device takes that */
	fake.refuses_changes = true;
	assert_int_equal(virtio_tell_changes(&device, VECTOR), VIRTIO_ERROR_VECTOR);
	fake.refuses_changes = false;
	/* a device that does not say it is up */
	fake.offered &= ~NIC_FEATURE_STATUS;
	start_driver();
	assert_true(nic_is_up(&device));
}

static enum driver_turn after(unsigned queue, uint32_t head, uint32_t length)
{
	fake_give_back(queue, head, length);
	return nic_turn(&nic, &frames, true);
}

static void nonsense_of_the_device_is_noticed(void **state)
{
	uint32_t head;

	(void)state;
	/* a buffer that there is not; one that was not given; one twice; more bytes than it has; more than was given at all */
	work();
	assert_int_equal(after(NIC_QUEUE_RECEIVE, NIC_BUFFERS, 100), DRIVER_NONSENSE);
	start_driver();
	work();
	assert_int_equal(after(NIC_QUEUE_RECEIVE, UINT32_MAX, 100), DRIVER_NONSENSE);
	start_driver();
	work();
	assert_int_equal(after(NIC_QUEUE_TRANSMIT, 0, 0), DRIVER_NONSENSE);
	start_driver();
	far_send_pattern(&far, 100, 0);
	far_send_pattern(&far, 100, 0);
	work();
	head = expect_sent(100, 0);
	fake_give_back(NIC_QUEUE_TRANSMIT, head, 0);
	assert_int_equal(after(NIC_QUEUE_TRANSMIT, head, 0), DRIVER_NONSENSE);
	start_driver();
	work();
	assert_int_equal(after(NIC_QUEUE_RECEIVE, 5, FRAMES_BUFFER + 1), DRIVER_NONSENSE);
	start_driver();
	work();
	fake.queue[NIC_QUEUE_RECEIVE].used = 1000;
	assert_int_equal(after(NIC_QUEUE_RECEIVE, 0, 100), DRIVER_NONSENSE);
	/* frames that are none are lost, and their buffers are not */
	start_driver();
	work();
	for (uint32_t length = 0; length < NIC_HEADER + FRAME_MIN_LENGTH; length++) {
		assert_int_equal(after(NIC_QUEUE_RECEIVE, length, length), DRIVER_IDLE);
		work();
	}
	assert_int_equal(frames.malformed, NIC_HEADER + FRAME_MIN_LENGTH);
	far_expect_nothing(&far);
	assert_int_equal(fake_available(NIC_QUEUE_RECEIVE), NIC_BUFFERS + NIC_HEADER + FRAME_MIN_LENGTH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_takes_no_offloads, set_up, tear_down),
		cmocka_unit_test_setup_teardown(frames_go_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(frames_come_in, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_device_is_slow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_switch_is_slow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_small_queue_will_do, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_new_driver_begins_anew, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_link_is_as_the_device_says, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nonsense_of_the_device_is_noticed, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
