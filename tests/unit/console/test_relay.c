/* SPDX-License-Identifier: MIT */
/* The control port's bytes: nothing lost, doubled or changed, whoever is slow and however often the task is killed; and how rarely the other
 * side is woken. Host only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "relay.h"

#include <stdlib.h>
#include <string.h>

#define REGION 0x4000u
#define BYTES 200000u

static uint8_t region[REGION] __attribute__((aligned(8)));
static struct relay relay;
/* The root task's side. */
static struct ring_producer producer;
static struct ring_consumer consumer;

static void attach(struct ring *output, struct ring *input)
{
	assert_int_equal(console_attach(region, REGION, output, input), 0);
}

static void start_relay(void)
{
	struct ring output;
	struct ring input;

	attach(&output, &input);
	relay_start(&relay, output, input);
}

static int set_up(void **state)
{
	struct ring output;
	struct ring input;

	(void)state;
	memset(region, 0, sizeof region);
	attach(&output, &input);
	producer = ring_producer_start(output);
	consumer = ring_consumer_start(input);
	start_relay();
	return 0;
}

/* Sleeping only when the other side has been asked, and waking only when signalled, all bytes go both ways. */
static void test_both_directions(void **state)
{
	uint32_t put = 0, sent = 0, received = 0, got = 0, wakes = 0, restarts = 0;
	bool root_sleeps = false, relay_sleeps = false;

	(void)state;
	srand(11);
	while (sent < BYTES || got < BYTES) {
		int signal = 0;
		uint8_t byte;

		if (rand() % 997 == 0) {
			start_relay(); /* killed, and started again */
			relay_sleeps = false;
			restarts++;
		}
		if (!root_sleeps) {
			uint32_t burst = (uint32_t)rand() % 3000;
			bool is_full = false;
			bool is_empty = false;

			for (uint32_t i = 0; i < burst && put < BYTES && !is_full; i++) {
				byte = (uint8_t)(put * 7);
				is_full = ring_write(&producer, &byte, 1, &signal) == 0;
				put += !is_full;
			}
			while (!is_empty && rand() % 64 != 0) {
				is_empty = ring_read(&consumer, &byte, 1, &signal) == 0;
				assert_true(is_empty || byte == (uint8_t)(got * 3));
				got += !is_empty;
			}
			root_sleeps = is_empty && (is_full || put == BYTES) &&
				      ring_consumer_may_sleep(&consumer) != 0 &&
				      (put == BYTES || ring_producer_may_sleep(&producer) != 0);
		}
		if (signal != 0 && relay_sleeps) {
			relay_signalled(&relay);
			relay_sleeps = false;
		}
		/* The port itself wakes the relay: it has bytes, or room. */
		for (uint32_t i = 0;
			i < (uint32_t)rand() % 64 && received < BYTES && relay_takes_input(&relay); i++) {
			relay_received(&relay, (uint8_t)(received * 3));
			received++;
		}
		for (uint32_t i = 0; !relay_sleeps && i < (uint32_t)rand() % 64 && relay_next(&relay, &byte);
			i++) {
			assert_int_equal(byte, (uint8_t)(sent * 7));
			relay_sent(&relay);
			sent++;
		}
		relay_turn(&relay);
		if (!relay_next(&relay, &byte)) {
			relay_sleeps = relay_may_sleep(&relay);
		}
		if (relay.wakes) {
			relay.wakes = false;
			root_sleeps = false;
			wakes++;
		}
		/* Bytes in the ring that end no line: the root task is not woken for them; it has a tick. */
		if (received == BYTES && !relay.wakes && rand() % 64 == 0) {
			root_sleeps = false;
		}
	}
	assert_int_equal(put, BYTES);
	assert_int_equal(received, BYTES);
	assert_true(restarts > 10);
	assert_true(wakes < BYTES / 50);
}

/* The root task is woken at the end of a line, not before. */
static void test_a_line_wakes(void **state)
{
	(void)state;
	relay_turn(&relay);
	assert_true(relay.wakes);
	relay.wakes = false;
	assert_true(ring_consumer_may_sleep(&consumer));
	relay_turn(&relay);
	relay.wakes = false; /* a task that starts wakes once */
	assert_true(ring_consumer_may_sleep(&consumer));
	for (const char *byte = "list"; *byte != '\0'; byte++) {
		relay_received(&relay, (uint8_t)*byte);
		relay_turn(&relay);
		assert_false(relay.wakes);
	}
	relay_received(&relay, '\n');
	relay_turn(&relay);
	assert_true(relay.wakes);
}

/* A line longer than the ring: the root task is woken before it is full, and the port waits while it is. */
static void test_a_line_without_end(void **state)
{
	uint32_t count = 0;

	(void)state;
	relay_turn(&relay);
	assert_true(ring_consumer_may_sleep(&consumer));
	relay_turn(&relay);
	relay.wakes = false;
	assert_true(ring_consumer_may_sleep(&consumer));
	while (relay_takes_input(&relay)) {
		relay_received(&relay, 'x');
		relay_turn(&relay);
		count++;
	}
	assert_true(relay.wakes);
	assert_int_equal(count, consumer.ring.capacity);
	relay_received(&relay, 'y'); /* dropped: nobody may write past the ring */
	for (uint32_t i = 0; i < count; i++) {
		uint8_t byte = 0;
		int signal = 0;

		assert_int_equal(ring_read(&consumer, &byte, 1, &signal), 1);
		assert_int_equal(byte, 'x');
		assert_int_equal(signal, i == 0); /* it had asked for room */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_both_directions, set_up),
		cmocka_unit_test_setup(test_a_line_wakes, set_up),
		cmocka_unit_test_setup(test_a_line_without_end, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
