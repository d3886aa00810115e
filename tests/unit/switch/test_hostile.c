/* SPDX-License-Identifier: MIT */
/* Cards that lie, cards that change a frame while it is passed on, and a switch that is killed at any instruction. */
#include "wire.h"

#include <pthread.h>
#include <signal.h>

#define BIT(port) (UINT64_C(1) << (port))
#define CHANGED_FRAMES 5000u
#define CHANGED_SOURCES 100u

/* ---- Nonsense ---- */

/* Whatever stands in the indices of either ring, the frame after the next passes. */
static void a_line_recovers_from_any_index(void **state)
{
	static const uint32_t WORDS[] = { 0, 1, 8, 0x10000, 0x3fff8, 0x40000, 0x40008, 0x80000000, 0xfffffff8,
		0xffffffff };
	const unsigned count = sizeof(WORDS) / sizeof(WORDS[0]);

	(void)state;
	for (unsigned i = 0; i < count * count * 2; i++) {
		struct wire *wire = wire_new((const uint64_t[]){ BIT(1), BIT(0), 0, 0 });
		struct card *card = &wire->cards[0];

		for (unsigned j = 0; j < 5; j++) {
			assert_int_equal(wire_try(wire, 0, MAC_OF(1), MAC_OF(0), TYPE_IPV4), BIT(1));
			assert_int_equal(wire_try(wire, 1, MAC_OF(0), MAC_OF(1), TYPE_IPV4), BIT(0));
		}
		/* a card's model that starts anew, with these as its own indices; and the switch too, every second time */
		card->head = WORDS[i % count];
		card->tail = WORDS[i / count % count];
		ring_publish_head(&card->out, card->head);
		ring_publish_tail(&card->in, card->tail);
		card->rings = true;
		if (i >= count * count) {
			card->out.shared->tail = WORDS[(i + 3) % count];
			card->in.shared->head = WORDS[(i + 5) % count];
			assert_true(wire_plug(wire));
		}
		wire_work(wire);
		/* what stands between the indices may look like frames: the card lets them go */
		card->tail = card->in.shared->head;
		card->head = card->out.shared->tail;
		ring_publish_tail(&card->in, card->tail);
		ring_publish_head(&card->out, card->head);
		wire->cards[1].tail = wire->cards[1].in.shared->head;
		ring_publish_tail(&wire->cards[1].in, wire->cards[1].tail);
		assert_int_equal(wire_try(wire, 0, MAC_OF(1), MAC_OF(0), TYPE_IPV4), BIT(1));
		assert_int_equal(wire_try(wire, 1, MAC_OF(0), MAC_OF(1), TYPE_IPV4), BIT(0));
		wire_free(wire);
	}
}

static void a_bad_length_costs_what_was_sent_only(void **state)
{
	static const uint32_t LENGTHS[] = { 0, 13, FRAME_MAX_LENGTH + 1, 0xffffffff, 200 };
	struct wire *wire = wire_new((const uint64_t[]){ BIT(1), 0, 0, 0 });
	struct card *card = &wire->cards[0];
	uint8_t bytes[60];

	(void)state;
	frame_make(bytes, sizeof(bytes), MAC_OF(1), MAC_OF(0), TYPE_IPV4, 0);
	for (unsigned i = 0; i < sizeof(LENGTHS) / sizeof(LENGTHS[0]); i++) {
		uint32_t head = card->head;

		assert_true(card_send(card, bytes, sizeof(bytes), NULL));
		frame_ring_begin(&card->out, head, &(struct frame){ .length = LENGTHS[i] });
		wire_work(wire);
		assert_int_equal(
			wire->page->ports[0].counters.dropped[SWITCH_DROP_MALFORMED], (uint64_t)i + 1);
		assert_int_equal(wire_try(wire, 0, MAC_OF(1), MAC_OF(0), TYPE_IPV4), BIT(1));
	}
	wire_free(wire);
}

static void whoever_asked_is_signalled_once(void **state)
{
	struct wire *wire = wire_new((const uint64_t[]){ BIT(1), 0, 0, 0 });
	static uint8_t got[FRAME_MAX_LENGTH];
	uint8_t bytes[60];

	(void)state;
	frame_make(bytes, sizeof(bytes), MAC_OF(1), MAC_OF(0), TYPE_IPV4, 0);
	for (unsigned i = 0; i < 5; i++) {
		assert_true(card_send(&wire->cards[0], bytes, sizeof(bytes), NULL));
	}
	wire_work(wire);
	assert_int_equal(wire->cards[1].signals, 0);
	while (card_receive(&wire->cards[1], got, NULL) != 0) {}
	ring_ask_for_bytes(&wire->cards[1].in);
	ring_ask_for_space(&wire->cards[0].out);
	for (unsigned i = 0; i < 5; i++) {
		assert_true(card_send(&wire->cards[0], bytes, sizeof(bytes), NULL));
	}
	wire_work(wire);
	assert_int_equal(wire->cards[1].signals, 1);
	assert_int_equal(wire->cards[0].signals, 1);
	/* and who sends after the switch went to sleep has to signal it, once */
	assert_int_equal(ring_consumer_asked(&wire->cards[0].out), 1);
	assert_int_equal(ring_consumer_asked(&wire->cards[0].out), 0);
	/* a switch that starts again signals all who may have waited */
	assert_true(wire_plug(wire));
	wire_work(wire);
	assert_int_equal(wire->cards[1].signals, 2);
	assert_int_equal(wire->cards[0].signals, 2);
	assert_int_equal(wire->cards[2].signals, 0);
	wire_free(wire);
}

/* A port that sleeps is not looked at, and whatever it signals, it is asked again. */
static void who_signals_is_looked_at_and_asked_again(void **state)
{
	struct wire *wire = wire_new((const uint64_t[]){ BIT(1), BIT(0), 0, 0 });
	struct card *card = &wire->cards[0];
	static uint8_t got[FRAME_MAX_LENGTH];
	uint8_t bytes[60];

	(void)state;
	frame_make(bytes, sizeof(bytes), MAC_OF(1), MAC_OF(0), TYPE_IPV4, 0);
	wire_work(wire);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(card_send(card, bytes, sizeof(bytes), NULL));
		assert_true(card->rings);
		/* its signal is on the way, and another card's is there already */
		card->rings = false;
		wire->cards[1].rings = true;
		wire_work(wire);
		assert_int_equal(card_receive(&wire->cards[1], got, NULL), 0);
		card->rings = true;
		wire_work(wire);
		assert_int_equal(card_receive(&wire->cards[1], got, NULL), sizeof(bytes));
		/* a model that starts anew signals for nothing, after it has found that the switch asks */
		assert_int_equal(ring_consumer_asked(&card->out), 1);
		card->rings = true;
		wire_work(wire);
	}
	wire_free(wire);
}

/* ---- A frame that changes while it is passed on ---- */

struct changer {
	struct card *card;
	bool is_over;
};

/* Writes other addresses, tags and lengths into the ring, over and over. */
static void *change(void *argument)
{
	struct changer *changer = argument;
	uint64_t seed = 3;

	while (!__atomic_load_n(&changer->is_over, __ATOMIC_RELAXED)) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
		uint32_t at = (uint32_t)(seed >> 33) % 2048;
		static const uint8_t BYTES[] = { 0x02, 0, 0, 0, 0, 1, 0x81, 0x00, 0xff, 60, 14, 0x08 };

		__atomic_store_n(
			&changer->card->out.bytes[at], BYTES[(seed >> 20) % sizeof(BYTES)], __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Whatever the sender does: what a receiver gets is a frame, from the sender's address, to an address that leads there, without a tag. */
static void what_arrives_was_judged(void **state)
{
	struct wire *wire = wire_new((const uint64_t[]){ BIT(1), 0, 0, 0 });
	struct changer changer = { .card = &wire->cards[0] };
	static uint8_t got[FRAME_MAX_LENGTH];
	static uint8_t sent[60];
	pthread_t thread;
	unsigned arrived = 0;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, change, &changer), 0);
	frame_make(sent, sizeof(sent), MAC_OF(1), MAC_OF(0), TYPE_IPV4, 0);
	while (arrived < CHANGED_FRAMES ||
		wire->page->ports[0].counters.dropped[SWITCH_DROP_SOURCE] < CHANGED_SOURCES) {
		uint32_t length;

		/* always near the ring's beginning, where the other thread writes */
		wire->cards[0].head = 0;
		wire->cards[0].out.shared->tail = 0;
		wire->network.ports[0].tail = 0;
		while (wire->cards[0].head < 1600 && card_send(&wire->cards[0], sent, sizeof(sent), NULL)) {}
		(void)switch_turn(&wire->network, wire->now_ns);
		while ((length = card_receive(&wire->cards[1], got, NULL)) != 0) {
			static uint8_t wanted[60];

			frame_make(wanted, sizeof(wanted), MAC_OF(1), MAC_OF(0), 0, 0);
			assert_true(length >= FRAME_MIN_LENGTH);
			assert_memory_equal(got + 6, wanted + 6, 6);
			assert_true((got[0] & 1) != 0 || memcmp(got, wanted, 6) == 0);
			assert_false(got[12] == 0x81 && got[13] == 0);
			arrived++;
		}
		assert_int_equal(wire->page->ports[2].counters.received_frames, 0);
	}
	__atomic_store_n(&changer.is_over, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	wire_free(wire);
}

/* ---- Kills ---- */

/* What a process that is killed leaves behind is the shared memory. So the switch is run instruction by instruction, and whenever one of
 * the words that its successor goes by has changed, a successor is started on a copy. */
static struct {
	struct wire *wire;
	uint32_t heads[2]; /* of the receivers, as last seen */
	uint32_t tail;     /* of the sender */
	unsigned successors;
	unsigned steps;
} stepping;

static struct wire *copy_of(const struct wire *wire)
{
	struct wire *copy = wire_new((const uint64_t[]){ BIT(1) | BIT(2), 0, 0, 0 });

	for (unsigned i = 0; i < WIRE_PORTS; i++) {
		memcpy(copy->cards[i].region, wire->cards[i].region, WIRE_REGION_SIZE);
		copy->cards[i].head = wire->cards[i].head;
		copy->cards[i].tail = wire->cards[i].tail;
	}
	*copy->page = *wire->page;
	return copy;
}

/* Both receivers get frame 0 and frame 1, whole and in order; one of them may come twice: that which went, but the sender's index does not
 * say so yet. */
static void successor_completes(void)
{
	struct wire *copy = copy_of(stepping.wire);

	assert_true(wire_plug(copy));
	wire_work(copy);
	for (unsigned port = 1; port <= 2; port++) {
		static uint8_t got[FRAME_MAX_LENGTH];
		static uint8_t wanted[1000];
		unsigned next = 0;
		unsigned repeated = 0;

		while (card_receive(&copy->cards[port], got, NULL) != 0) {
			frame_make(wanted, sizeof(wanted), BROADCAST, MAC_OF(0), TYPE_IPV4, next);
			if (next > 0 && memcmp(got, wanted, sizeof(wanted)) != 0) {
				next--;
				repeated++;
				frame_make(wanted, sizeof(wanted), BROADCAST, MAC_OF(0), TYPE_IPV4, next);
			}
			assert_memory_equal(got, wanted, sizeof(wanted));
			next++;
		}
		assert_in_range(repeated, 0, 1);
		assert_int_equal(next, 2);
	}
	assert_int_equal(copy->cards[0].out.shared->tail, copy->cards[0].head);
	wire_free(copy);
	stepping.successors++;
}

static void step(int signal_number)
{
	struct wire *wire = stepping.wire;
	uint32_t heads[2] = { wire->cards[1].in.shared->head, wire->cards[2].in.shared->head };
	uint32_t tail = wire->cards[0].out.shared->tail;

	(void)signal_number;
	stepping.steps++;
	if (heads[0] != stepping.heads[0] || heads[1] != stepping.heads[1] || tail != stepping.tail) {
		memcpy(stepping.heads, heads, sizeof(heads));
		stepping.tail = tail;
		successor_completes();
	}
}

/* Sets or clears the trap flag: a SIGTRAP after each instruction. */
static void set_trap_flag(bool set)
{
	uint64_t flags;

	__asm__ volatile("pushfq; popq %0" : "=r"(flags));
	flags = set ? flags | 0x100 : flags & ~UINT64_C(0x100);
	__asm__ volatile("pushq %0; popfq" : : "r"(flags) : "cc");
}

static void killed_anywhere_it_loses_nothing(void **state)
{
	static uint8_t bytes[1000];
	struct sigaction action = { .sa_handler = step };
	struct sigaction before;

	(void)state;
	stepping.wire = wire_new((const uint64_t[]){ BIT(1) | BIT(2), 0, 0, 0 });
	/* around the rings' ends */
	for (unsigned i = 0; i < 3; i++) {
		struct card *card = &stepping.wire->cards[i];

		card->head = card->tail = UINT32_MAX - 7 - 64;
		ring_publish_head(&card->out, card->head);
		ring_publish_tail(&card->out, card->head);
		ring_publish_head(&card->in, card->tail);
		ring_publish_tail(&card->in, card->tail);
	}
	assert_true(wire_plug(stepping.wire));
	for (unsigned i = 0; i < 2; i++) {
		frame_make(bytes, sizeof(bytes), BROADCAST, MAC_OF(0), TYPE_IPV4, i);
		assert_true(card_send(&stepping.wire->cards[0], bytes, sizeof(bytes), NULL));
	}
	stepping.tail = stepping.wire->cards[0].out.shared->tail;
	stepping.heads[0] = stepping.heads[1] = stepping.wire->cards[1].in.shared->head;
	assert_int_equal(sigaction(SIGTRAP, &action, &before), 0);
	set_trap_flag(true);
	(void)switch_turn(&stepping.wire->network, stepping.wire->now_ns);
	set_trap_flag(false);
	assert_int_equal(sigaction(SIGTRAP, &before, NULL), 0);
	assert_true(stepping.steps > 1000);
	/* for each frame: the one receiver, the other, the sender */
	assert_int_equal(stepping.successors, 6);
	wire_free(stepping.wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_recovers_from_any_index),
		cmocka_unit_test(a_bad_length_costs_what_was_sent_only),
		cmocka_unit_test(whoever_asked_is_signalled_once),
		cmocka_unit_test(who_signals_is_looked_at_and_asked_again),
		cmocka_unit_test(what_arrives_was_judged),
		cmocka_unit_test(killed_anywhere_it_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
