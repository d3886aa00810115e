/* SPDX-License-Identifier: MIT */
/* Byte rings: sizes, wrap-around, a peer that lies, and every interleaving of the wake-up protocol. */

#include <string.h>

#include "machine.h"

static void region_sizes(void **state)
{
	static uint8_t memory[1 << 17] __attribute__((aligned(64)));
	static const struct {
		uint64_t size;
		uint32_t capacity;
	} cases[] = { { 4096, 1024 }, { 8192, 2048 }, { 8192 + 512, 4096 }, { 16384, 4096 }, { 65536, 16384 },
		{ 65536 + 512, 32768 } };
	struct ring transmit;
	struct ring receive;
	struct ring_region *console = (struct ring_region *)(void *)memory;

	(void)state;
	assert_int_equal(console_attach(memory, 4095, &transmit, &receive), -1);
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(console_attach(memory, cases[i].size, &transmit, &receive), 0);
		assert_int_equal(transmit.capacity, cases[i].capacity);
		assert_int_equal(receive.capacity, cases[i].capacity);
		assert_true(receive.bytes + receive.capacity <= memory + cases[i].size);
	}
	console->version = 2;
	assert_int_equal(console_attach(memory, 4096, &transmit, &receive), -1);
	console->version = CONSOLE_VERSION;
	console->magic++;
	assert_int_equal(console_attach(memory, 4096, &transmit, &receive), -1);
}

static void bytes_arrive_in_order(void **state)
{
	static uint8_t memory[4096] __attribute__((aligned(64)));
	struct ring transmit;
	struct ring receive;
	struct ring_producer producer;
	struct ring_consumer consumer;
	uint64_t seed = 11;
	uint32_t sent = 0;
	uint32_t got = 0;

	(void)state;
	memset(memory, 0, sizeof(memory));
	assert_int_equal(console_attach(memory, sizeof(memory), &transmit, &receive), 0);
	/* indices that wrap in the middle of the test */
	transmit.shared->head = UINT32_MAX - 5000;
	transmit.shared->tail = UINT32_MAX - 5000;
	producer = ring_producer_start(transmit);
	consumer = ring_consumer_start(transmit);
	while (got < 50000) {
		uint8_t bytes[1500];
		uint32_t count = (uint32_t)(machine_random(&seed) % sizeof(bytes));
		int signal = 0;

		for (uint32_t i = 0; i < count; i++) {
			bytes[i] = (uint8_t)((sent + i) * 31 + (sent + i) / 256);
		}
		sent += ring_write(&producer, bytes, count, &signal);
		count = ring_read(
			&consumer, bytes, (uint32_t)(machine_random(&seed) % sizeof(bytes)), &signal);
		for (uint32_t i = 0; i < count; i++, got++) {
			assert_int_equal(bytes[i], (uint8_t)(got * 31 + got / 256));
		}
		assert_int_equal(signal, 0);
		assert_true(sent - got <= 1024);
		if (machine_random(&seed) % 50 == 0) {
			producer = ring_producer_start(transmit);
			consumer = ring_consumer_start(transmit);
		}
	}
}

static void a_peer_that_lies(void **state)
{
	static uint8_t memory[4096] __attribute__((aligned(64)));
	struct ring transmit;
	struct ring receive;
	struct ring_producer producer;
	struct ring_consumer consumer;
	uint64_t seed = 13;
	uint8_t bytes[2048];
	int signal = 0;

	(void)state;
	memset(memory, 0, sizeof(memory));
	assert_int_equal(console_attach(memory, sizeof(memory), &transmit, &receive), 0);
	producer = ring_producer_start(transmit);
	consumer = ring_consumer_start(receive);
	for (int i = 0; i < 100000; i++) {
		uint32_t lie = (uint32_t)machine_random(&seed);
		uint32_t most;

		transmit.shared->tail = lie;
		most = producer.head - lie <= 1024 ? 1024 - (producer.head - lie) : 0;
		assert_int_equal(ring_space(&producer.ring, producer.head), most);
		assert_int_equal(ring_write(&producer, bytes, sizeof(bytes), &signal), most);
		receive.shared->head = lie;
		most = lie - consumer.tail <= 1024 ? lie - consumer.tail : 0;
		assert_int_equal(ring_read(&consumer, bytes, sizeof(bytes), &signal), most);
	}
}

/* ---- Wake-ups: all interleavings of one side that waits and one that moves, step by step, with a kill of
 * the mover at any step ---- */

enum { WAITER_STEPS = 2, MOVER_STEPS = 3 };

static void no_interleaving_sleeps_for_ever(void **state)
{
	static uint8_t memory[4096] __attribute__((aligned(64)));
	unsigned int sleeps = 0;

	(void)state;
	/* `order`: bit i says who makes step i. `killed`: the mover dies before its step of that number
	 * and starts again at the end. */
	for (unsigned int killed = 0; killed <= MOVER_STEPS; killed++) {
		for (unsigned int order = 0; order < 1u << (WAITER_STEPS + MOVER_STEPS); order++) {
			struct ring transmit;
			struct ring receive;
			struct ring mover;
			unsigned int waiter_step = 0;
			unsigned int mover_step = 0;
			int asleep = 0;
			int signalled = 0;
			int due = 0;

			memset(memory, 0, sizeof(memory));
			assert_int_equal(console_attach(memory, sizeof(memory), &transmit, &receive), 0);
			mover = transmit;
			for (unsigned int i = 0; i < WAITER_STEPS + MOVER_STEPS; i++) {
				if ((order >> i & 1) != 0 && waiter_step < WAITER_STEPS) {
					if (waiter_step++ == 0) {
						ring_ask_for_bytes(&transmit);
					} else {
						asleep = ring_available(&transmit, 0) == 0;
					}
				} else if (mover_step < MOVER_STEPS && mover_step < killed) {
					switch (mover_step++) {
					case 0:
						ring_publish_head(&mover, 1);
						break;
					case 1:
						due = ring_consumer_asked(&mover);
						break;
					default:
						signalled |= due;
						break;
					}
				}
			}
			while (waiter_step < WAITER_STEPS) {
				if (waiter_step++ == 0) {
					ring_ask_for_bytes(&transmit);
				} else {
					asleep = ring_available(&transmit, 0) == 0;
				}
			}
			if (mover_step < MOVER_STEPS) {
				/* A new process, without memory: publishes again, and signals if asked. */
				mover = transmit;
				ring_publish_head(&mover, 1);
				signalled |= ring_consumer_asked(&mover);
			}
			sleeps += (unsigned int)asleep;
			assert_true(!asleep || signalled);
		}
	}
	assert_true(sleeps > 0);
}

static void one_signal_for_each_question(void **state)
{
	static uint8_t memory[4096] __attribute__((aligned(64)));
	struct ring transmit;
	struct ring receive;
	struct ring_producer producer;
	struct ring_consumer consumer;
	uint8_t bytes[1024] = { 0 };
	int signal = 0;

	(void)state;
	memset(memory, 0, sizeof(memory));
	assert_int_equal(console_attach(memory, sizeof(memory), &transmit, &receive), 0);
	producer = ring_producer_start(transmit);
	consumer = ring_consumer_start(transmit);
	assert_int_equal(ring_write(&producer, bytes, 1, &signal), 1);
	assert_int_equal(signal, 0);
	assert_int_equal(ring_consumer_may_sleep(&consumer), 0);
	assert_int_equal(ring_read(&consumer, bytes, 10, &signal), 1);
	assert_int_equal(ring_consumer_may_sleep(&consumer), 1);
	assert_int_equal(ring_write(&producer, bytes, 1, &signal), 1);
	assert_int_equal(signal, 1);
	signal = 0;
	assert_int_equal(ring_write(&producer, bytes, 1, &signal), 1);
	assert_int_equal(signal, 0);
	/* the producer waits for space */
	assert_int_equal(ring_write(&producer, bytes, 1024, &signal), 1022);
	assert_int_equal(ring_producer_may_sleep(&producer), 1);
	assert_int_equal(ring_peek(&consumer, bytes, 5), 5);
	assert_int_equal(signal, 0);
	ring_take(&consumer, 0, &signal);
	assert_int_equal(signal, 0);
	ring_take(&consumer, 5, &signal);
	assert_int_equal(signal, 1);
	assert_int_equal(ring_producer_may_sleep(&producer), 0);
	/* tickets wrap past 0 */
	transmit.shared->consumer_ticket = UINT32_MAX;
	ring_ask_for_bytes(&transmit);
	assert_int_equal(transmit.shared->consumer_ticket, 1);
}

/* Who is awake has withdrawn its ticket and is not signalled; the next ticket is a new one, also for who has signalled before. */
static void a_withdrawn_ticket_asks_for_nothing(void **state)
{
	static uint8_t memory[4096] __attribute__((aligned(64)));
	uint32_t *ticket;
	struct ring transmit;
	struct ring receive;

	(void)state;
	memset(memory, 0, sizeof(memory));
	assert_int_equal(console_attach(memory, sizeof(memory), &transmit, &receive), 0);
	ticket = &transmit.shared->consumer_ticket;
	ring_withdraw_ticket(ticket);
	assert_int_equal(ring_consumer_asked(&transmit), 0);
	for (unsigned int i = 0; i < 4; i++) {
		ring_ask_for_bytes(&transmit);
		if (i % 2 == 0) {
			assert_int_equal(ring_consumer_asked(&transmit), 1);
		}
		ring_withdraw_ticket(ticket);
		ring_withdraw_ticket(ticket);
		assert_int_equal(ring_consumer_asked(&transmit), 0);
	}
	*ticket = UINT32_MAX; /* the last one, withdrawn */
	ring_ask_for_bytes(&transmit);
	assert_int_equal(*ticket, 1);
	assert_int_equal(ring_consumer_asked(&transmit), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(region_sizes),
		cmocka_unit_test(bytes_arrive_in_order),
		cmocka_unit_test(a_peer_that_lies),
		cmocka_unit_test(no_interleaving_sleeps_for_ever),
		cmocka_unit_test(one_signal_for_each_question),
		cmocka_unit_test(a_withdrawn_ticket_asks_for_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
