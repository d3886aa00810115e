/* SPDX-License-Identifier: MIT */
/* Frames between the switch and an 82574L: both ways, over restarts, with a full ring and without descriptors; and a bad device leads nowhere else. Host
 * only. */
#include "fake.h"

#include "far_end.h"

#include <string.h>

#define VECTOR 0u
#define DONE 0x01u /* of a receive descriptor's status */
#define WHOLE 0x03u
#define RECEIVE_BUFFERS (E1000E_DESCRIPTORS - 1)

static struct far_end far;
static struct frames frames;
static struct e1000e device;

static enum e1000e_error try_start(void)
{
	memset(&device, 0xee, sizeof device);
	return e1000e_start(&device, &fake_function, &fake_bar, VECTOR, fake_queues, FAKE_QUEUES_ADDRESS,
		fake_buffers, FAKE_BUFFERS_ADDRESS);
}

/* As the task starts, the first time and after it was killed. */
static void start_driver(void)
{
	assert_int_equal(try_start(), E1000E_OK);
	assert_true(frames_open(&frames, far.region, far.size));
}

static void start_with(uint32_t region_size)
{
	fake_reset();
	far_open(&far, region_size);
	start_driver();
}

static int set_up(void **state)
{
	(void)state;
	start_with(FAR_REGION_SIZE);
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
	bool is_up = e1000e_look(&device);
	enum driver_turn turn;

	do {
		while ((turn = e1000e_turn(&device, &frames, is_up)) == DRIVER_MOVED) {}
		assert_int_equal(turn, DRIVER_IDLE);
	} while (!e1000e_may_sleep(&device, &frames));
	fake.messages = 0;
}

static void it_is_reset_and_asks_for_its_causes(void **state)
{
	(void)state;
	assert_int_equal(fake.resets, 1);
	assert_int_equal(fake.mask, 0);
	assert_int_equal(fake.vectors, 0x00080808 | VECTOR * 0x010101);
	assert_int_equal(fake.extended, 1u << 31 | 1u << 28);
	assert_int_equal(fake.base[0] & 15, 0);
	assert_int_equal(fake.tail[0], RECEIVE_BUFFERS);
	assert_int_equal(fake.tail[1], 0);
	work();
	assert_int_equal(fake.mask, 1u << 24 | 1u << 20 | 1u << 2);
}

static void a_device_that_cannot_be_used_is_refused(void **state)
{
	(void)state;
	fake.is_master_forever = true;
	assert_int_equal(try_start(), E1000E_OK);
	fake.is_stuck = true;
	assert_int_equal(try_start(), E1000E_ERROR_STUCK);
	fake.is_stuck = false;
	fake_bar.size = 0x5000;
	assert_int_equal(try_start(), E1000E_ERROR_REGISTERS);
	fake_bar.size = FAKE_REGISTERS;
	fake_function.table_bar = 0;
	fake_function.table_offset = 0x3000;
	assert_int_equal(try_start(), E1000E_ERROR_REGISTERS);
	fake_function.table_offset = 0x10000;
	assert_int_equal(try_start(), E1000E_OK);
	for (int error = E1000E_OK; error <= E1000E_ERROR_STUCK; error++) {
		assert_non_null(e1000e_error_text((enum e1000e_error)error));
	}
}

/* A whole frame comes from the line. False: the device has no descriptor for it. */
static bool deliver(uint32_t length, uint32_t seed, uint8_t errors)
{
	uint8_t bytes[FRAMES_BUFFER];

	far_pattern(bytes, length, seed);
	return fake_deliver(bytes, length, WHOLE, errors);
}

/* The next frame that the device sends is that one. Its descriptor is not yet done. */
static void expect_sent(uint32_t length, uint32_t seed)
{
	uint8_t got[FRAMES_BUFFER];

	assert_int_equal(fake_send(got), length);
	far_check_pattern(got, length, seed);
}

static void expect_nothing_sent(void)
{
	uint8_t got[FRAMES_BUFFER];

	assert_int_equal(fake_send(got), 0);
}

static void frames_go_out(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t length = 60 + i * 17 % 1455;

		far_send_pattern(&far, length, i);
		work();
		expect_sent(length, i);
		fake_complete(1);
		/* there are descriptors: that it was sent does not matter */
		assert_int_equal(fake.messages, 0);
	}
	expect_nothing_sent();
}

static void frames_come_in(void **state)
{
	(void)state;
	work();
	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t length = 60 + i * 17 % 1459;

		/* checksums that the device finds wrong are not its business */
		assert_true(deliver(length, i, i % 2 != 0 ? 0x60 : 0));
		assert_int_equal(fake.messages, 1);
		work();
		far_expect_pattern(&far, length, i);
	}
	far_expect_nothing(&far);
}

/* What comes at any place of the driver's way to sleep wakes it, or is seen. */
static void nothing_is_slept_through(void **state)
{
	(void)state;
	for (unsigned place = 0; place < 3; place++) {
		bool is_up = e1000e_look(&device);

		if (place == 0) {
			assert_true(deliver(100, place, 0));
		}
		while (e1000e_turn(&device, &frames, is_up) == DRIVER_MOVED) {}
		if (place == 1) {
			assert_true(deliver(100, place, 0));
		}
		bool may_sleep = e1000e_may_sleep(&device, &frames);

		if (place == 2) {
			assert_true(deliver(100, place, 0));
		}
		assert_true(!may_sleep || place == 0 || fake.messages != 0);
		work();
		far_expect_pattern(&far, 100, place);
		fake_set_link(place % 2 == 0);
		assert_int_not_equal(fake.messages, 0);
		assert_int_equal(e1000e_look(&device), place % 2 == 0);
		fake_set_link(true);
		work();
	}
}

/* What has been seen does not interrupt again. */
static void nothing_wakes_twice(void **state)
{
	(void)state;
	work();
	fake_set_link(true);
	(void)e1000e_look(&device);
	assert_true(deliver(100, 0, 0));
	while (e1000e_turn(&device, &frames, true) == DRIVER_MOVED) {}
	fake.messages = 0;
	assert_true(e1000e_may_sleep(&device, &frames));
	assert_int_equal(fake.messages, 0);
	/* a frame that is none, and comes at the last moment, keeps no other from being seen */
	(void)e1000e_look(&device);
	assert_true(deliver(100, 0, 1));
	assert_false(e1000e_may_sleep(&device, &frames));
}

static void frames_with_errors_are_lost(void **state)
{
	static const uint8_t ERRORS[] = { 0x01, 0x02, 0x04, 0x10, 0x80 };
	uint8_t bytes[100] = { 0 };

	(void)state;
	work();
	for (unsigned i = 0; i < sizeof ERRORS; i++) {
		assert_true(deliver(100, 0, ERRORS[i]));
	}
	assert_true(fake_deliver(bytes, sizeof bytes, DONE, 0)); /* goes on in the next buffer */
	assert_true(deliver(13, 0, 0));
	work();
	assert_int_equal(frames.malformed, sizeof ERRORS + 2);
	far_expect_nothing(&far);
	/* their descriptors are not */
	assert_int_equal((fake.tail[0] - fake.head[0]) % E1000E_DESCRIPTORS, RECEIVE_BUFFERS);
}

static void the_device_is_slow(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 5; round++) {
		for (uint32_t i = 0; i < RECEIVE_BUFFERS + 10; i++) {
			far_send_pattern(&far, 100, i);
		}
		work();
		assert_int_not_equal(fake.mask & 1u << 22, 0);
		for (uint32_t i = 0; i < RECEIVE_BUFFERS; i++) {
			expect_sent(100, i);
		}
		expect_nothing_sent();
		fake_complete(11);
		assert_int_not_equal(fake.messages, 0);
		work();
		for (uint32_t i = RECEIVE_BUFFERS; i < RECEIVE_BUFFERS + 10; i++) {
			expect_sent(100, i);
		}
		fake_complete(RECEIVE_BUFFERS - 1);
		work();
	}
}

/* What has no room stays in its descriptor, in order, and none is lost. */
static void the_switch_is_slow(void **state)
{
	uint32_t delivered = 0;
	uint32_t received = 0;

	(void)state;
	tear_down(NULL);
	start_with(FAR_SMALL_SIZE);
	work();
	while (received < 500) {
		while (deliver(700, delivered, 0)) {
			delivered++;
			work();
		}
		assert_int_equal(fake.mask & 1u << 20, 0);
		assert_int_not_equal(far.in.shared->producer_ticket, 0);
		for (unsigned i = 0; i < 3; i++) {
			far_expect_pattern(&far, 700, received++);
		}
		work();
	}
	assert_true(delivered - received >= RECEIVE_BUFFERS);
}

/* Killed with frames under way everywhere: these are lost, and the next ones pass. */
static void a_new_driver_begins_anew(void **state)
{
	static uint8_t got[FRAME_MAX_LENGTH];

	(void)state;
	work();
	for (uint32_t life = 0; life < 20; life++) {
		for (uint32_t i = 0; i < 7; i++) {
			(void)deliver(200, life, 0);
			far_send_pattern(&far, 200, life);
		}
		(void)e1000e_turn(&device, &frames, true);
		(void)fake_send(got);
		start_driver();
		work();
		while (far_receive(&far, got) != 0) {}
		while (fake_send(got) != 0) {
			fake_complete(1);
		}
		assert_true(deliver(200, 100 + life, 0));
		far_send_pattern(&far, 200, 100 + life);
		work();
		far_expect_pattern(&far, 200, 100 + life);
		expect_sent(200, 100 + life);
	}
}

static void a_line_that_is_down_takes_all(void **state)
{
	(void)state;
	fake_set_link(false);
	far_send_pattern(&far, 100, 0);
	work();
	assert_true(far_is_empty(&far));
	expect_nothing_sent();
}

static void nonsense_of_the_device_is_noticed(void **state)
{
	(void)state;
	work();
	assert_true(fake_deliver(NULL, 2049, WHOLE, 0));
	assert_int_equal(e1000e_turn(&device, &frames, true), DRIVER_NONSENSE);
	start_driver();
	work();
	assert_true(fake_deliver(NULL, 0xffff, DONE, 0xff));
	assert_int_equal(e1000e_turn(&device, &frames, true), DRIVER_NONSENSE);
	/* descriptors that it was not given, all done: those of the transmit ring are not looked at, those of the receive ring are frames */
	start_driver();
	work();
	memset(fake_queues + sizeof fake_queues / 2, 0xff, sizeof fake_queues / 2);
	for (uint32_t i = 0; i < E1000E_DESCRIPTORS; i++) {
		((struct e1000e_descriptor *)(void *)fake_queues)[i].word = 100 | UINT64_C(3) << 32;
	}
	for (unsigned i = 0; i < 10; i++) {
		assert_int_not_equal(e1000e_turn(&device, &frames, true), DRIVER_NONSENSE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_is_reset_and_asks_for_its_causes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_device_that_cannot_be_used_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(frames_go_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(frames_come_in, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_is_slept_through, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_wakes_twice, set_up, tear_down),
		cmocka_unit_test_setup_teardown(frames_with_errors_are_lost, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_device_is_slow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_switch_is_slow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_new_driver_begins_anew, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_line_that_is_down_takes_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nonsense_of_the_device_is_noticed, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
