/* SPDX-License-Identifier: MIT */
/* What the switch lets through, and what it does not: flows, addresses, VLANs, offloads, full receivers, rates. */
#include "wire.h"

#include <stdio.h>

#define BIT(port) (UINT64_C(1) << (port))
#define ALL_FLOWS                  \
	{                          \
		0xe, 0xd, 0xb, 0x7 \
	}
#define UPLINK 3u
#define SECOND UINT64_C(1000000000)

static uint64_t dropped(const struct wire *wire, unsigned port, enum switch_drop reason)
{
	return wire->page->ports[port].counters.dropped[reason];
}

/* ---- Flows and addresses ---- */

static void nothing_passes_without_a_flow(void **state)
{
	struct wire *wire = wire_new((const uint64_t[]){ 0, 0, 0, 0 });

	(void)state;
	for (unsigned i = 0; i < WIRE_PORTS; i++) {
		for (unsigned j = 0; j < WIRE_PORTS; j++) {
			assert_int_equal(wire_try(wire, i, MAC_OF(j), MAC_OF(i), TYPE_IPV4), 0);
		}
		assert_int_equal(wire_try(wire, i, BROADCAST, MAC_OF(i), TYPE_IPV4), 0);
		assert_int_equal(wire_try(wire, i, STRANGER, MAC_OF(i), TYPE_IPV4), 0);
		assert_int_equal(dropped(wire, i, SWITCH_DROP_FLOW), WIRE_PORTS + 2);
		assert_int_equal(wire->page->ports[i].counters.sent_frames, 0);
		assert_int_equal(wire->page->ports[i].counters.received_frames, 0);
	}
	wire_free(wire);
}

/* Every flow alone, of every pair: it carries its direction, and nothing else passes. */
static void a_flow_carries_one_direction(void **state)
{
	(void)state;
	for (unsigned from = 0; from < WIRE_PORTS; from++) {
		for (unsigned to = 0; to < WIRE_PORTS; to++) {
			uint64_t flows[WIRE_PORTS] = { 0 };
			struct wire *wire;

			flows[from] = from != to ? BIT(to) : 0;
			wire = wire_new(flows);
			for (unsigned i = 0; i < WIRE_PORTS; i++) {
				for (unsigned j = 0; j < WIRE_PORTS; j++) {
					assert_int_equal(wire_try(wire, i, MAC_OF(j), MAC_OF(i), TYPE_IPV4),
						i == from && j == to ? flows[from] : 0);
				}
				assert_int_equal(wire_try(wire, i, BROADCAST, MAC_OF(i), TYPE_IPV4),
					i == from ? flows[from] : 0);
			}
			wire_free(wire);
		}
	}
}

static void groups_go_to_all_that_a_flow_leads_to(void **state)
{
	struct wire *wire = wire_new((const uint64_t[]){ 0x6, 0xd, 0, 0x1 });

	(void)state;
	assert_int_equal(wire_try(wire, 0, BROADCAST, MAC_OF(0), TYPE_IPV4), 0x6);
	assert_int_equal(wire_try(wire, 1, UINT64_C(0x333300000001), MAC_OF(1), TYPE_IPV4), 0xd);
	assert_int_equal(wire->page->ports[0].counters.sent_frames, 1);
	assert_int_equal(wire->page->ports[0].counters.sent_bytes, 60);
	assert_int_equal(wire->page->ports[2].counters.received_frames, 2);
	assert_int_equal(wire->page->ports[2].counters.received_bytes, 120);
	wire_free(wire);
}

static void a_forged_source_does_not_pass(void **state)
{
	struct wire *wire = wire_new((const uint64_t[])ALL_FLOWS);

	(void)state;
	assert_int_equal(wire_try(wire, 0, MAC_OF(1), MAC_OF(2), TYPE_IPV4), 0);
	assert_int_equal(wire_try(wire, 0, MAC_OF(1), STRANGER, TYPE_IPV4), 0);
	assert_int_equal(wire_try(wire, 0, BROADCAST, MAC_OF(0) | MAC_GROUP, TYPE_IPV4), 0);
	assert_int_equal(wire_try(wire, 0, BROADCAST, 0, TYPE_IPV4), 0);
	assert_int_equal(dropped(wire, 0, SWITCH_DROP_SOURCE), 4);
	assert_int_equal(wire_try(wire, 0, MAC_OF(1), MAC_OF(0), TYPE_IPV4), BIT(1));
	wire_free(wire);
}

static void a_tag_of_the_senders_own_does_not_pass(void **state)
{
	struct wire *wire = wire_new((const uint64_t[])ALL_FLOWS);

	(void)state;
	assert_int_equal(wire_try(wire, 0, MAC_OF(1), MAC_OF(0), 0x8100), 0);
	assert_int_equal(wire_try(wire, 0, MAC_OF(1), MAC_OF(0), 0x88a8), 0);
	assert_int_equal(wire_try(wire, 0, MAC_OF(1), MAC_OF(0), 0x9100), 0);
	assert_int_equal(dropped(wire, 0, SWITCH_DROP_TAGGED), 3);
	wire_free(wire);
}

/* ---- Uplinks ---- */

/* Port 3 is an uplink, port 0 is in VLAN 5, 1 in 6, 2 in none. */
static struct wire *wire_with_uplink(const uint64_t flows[WIRE_PORTS])
{
	struct wire *wire = wire_new(flows);

	wire->settings[0].vlan = 5;
	wire->settings[1].vlan = 6;
	wire->settings[UPLINK].is_uplink = true;
	wire->settings[UPLINK].mac = 0;
	assert_false(wire_plug(wire));
	return wire;
}

/* A frame as it is on a line with tags. */
static uint32_t make_tagged(
	uint8_t *bytes, uint32_t length, uint64_t to, uint64_t from, uint16_t tag, unsigned seed)
{
	uint8_t untagged[2000];

	frame_make(untagged, length, to, from, TYPE_IPV4, seed);
	memcpy(bytes, untagged, 12);
	bytes[12] = 0x81;
	bytes[13] = 0;
	bytes[14] = (uint8_t)(tag >> 8);
	bytes[15] = (uint8_t)tag;
	memcpy(bytes + 16, untagged + 12, length - 12);
	return length + 4;
}

static void an_unknown_address_is_beyond_an_uplink(void **state)
{
	uint64_t without[WIRE_PORTS] = { 0, 0, BIT(0) | BIT(1), 0 };
	uint64_t with[WIRE_PORTS] = { 0, 0, BIT(0) | BIT(1) | BIT(UPLINK), 0 };
	struct wire *wire = wire_with_uplink(without);

	(void)state;
	assert_int_equal(wire_try(wire, 2, STRANGER, MAC_OF(2), TYPE_IPV4), 0);
	wire_free(wire);
	wire = wire_with_uplink(with);
	assert_int_equal(wire_try(wire, 2, STRANGER, MAC_OF(2), TYPE_IPV4), BIT(UPLINK));
	/* a card's address is never beyond it, even where no flow leads to the card; nor is it one with another VLAN */
	assert_int_equal(wire_try(wire, 2, MAC_OF(0), MAC_OF(2), TYPE_IPV4), 0);
	assert_int_equal(wire_try(wire, 2, BROADCAST, MAC_OF(2), TYPE_IPV4), BIT(UPLINK));
	wire_free(wire);
}

static void a_card_in_a_vlan_is_tagged_on_the_uplink(void **state)
{
	struct wire *wire = wire_with_uplink((const uint64_t[]){ BIT(UPLINK), BIT(UPLINK), 0, 0 });
	struct frame_offload offload = { FRAME_NEEDS_CHECKSUM, FRAME_GSO_TCPV4, 1448, 34, 16 };
	uint8_t sent[1000];
	uint8_t wanted[1000];
	static uint8_t got[FRAME_MAX_LENGTH];

	(void)state;
	for (unsigned port = 0; port < 2; port++) {
		uint32_t length =
			make_tagged(wanted, 900, STRANGER, MAC_OF(port), (uint16_t)(5 + port), port);
		struct frame_offload got_offload;

		frame_make(sent, 900, STRANGER, MAC_OF(port), TYPE_IPV4, port);
		assert_true(card_send(&wire->cards[port], sent, 900, &offload));
		wire_work(wire);
		assert_int_equal(card_receive(&wire->cards[UPLINK], got, &got_offload), length);
		assert_memory_equal(got, wanted, length);
		assert_int_equal(got_offload.checksum_start, 38);
		assert_int_equal(got_offload.checksum_offset, 16);
		assert_int_equal(got_offload.gso_size, 1448);
	}
	wire_free(wire);
}

static void what_comes_tagged_goes_to_its_vlan_only(void **state)
{
	struct wire *wire = wire_with_uplink((const uint64_t[]){ 0, 0, 0, 0x7 });
	struct frame_offload offload = { FRAME_NEEDS_CHECKSUM, FRAME_GSO_NONE, 0, 38, 16 };
	struct card *uplink = &wire->cards[UPLINK];
	uint8_t sent[1000];
	uint8_t wanted[1000];
	static uint8_t got[FRAME_MAX_LENGTH];

	(void)state;
	/* priority bits do not change where it goes */
	for (unsigned i = 0; i < 4; i++) {
		static const uint16_t TAGS[] = { 5, 0xa000 | 6, 0, 7 };
		uint32_t length = make_tagged(sent, 500, BROADCAST, STRANGER, TAGS[i], i);

		frame_make(wanted, 500, BROADCAST, STRANGER, TYPE_IPV4, i);
		assert_true(card_send(uplink, sent, length, &offload));
		wire_work(wire);
		for (unsigned port = 0; port < 3; port++) {
			struct frame_offload got_offload;
			uint32_t got_length = card_receive(&wire->cards[port], got, &got_offload);

			assert_int_equal(got_length, port == i ? 500 : 0);
			if (port == i) {
				assert_memory_equal(got, wanted, 500);
				assert_int_equal(got_offload.checksum_start, 34);
			}
		}
	}
	/* without a tag: to the card without a VLAN */
	assert_int_equal(wire_try(wire, UPLINK, BROADCAST, STRANGER, TYPE_IPV4), BIT(2));
	assert_int_equal(wire_try(wire, UPLINK, MAC_OF(0), STRANGER, TYPE_IPV4), 0);
	wire_free(wire);
}

/* An uplink with a VLAN: no tags there, and no other VLAN. */
static void an_uplink_in_a_vlan_has_no_tags(void **state)
{
	struct wire *wire = wire_with_uplink((const uint64_t[]){ BIT(UPLINK), BIT(UPLINK), 0, 0x7 });
	struct card *uplink = &wire->cards[UPLINK];
	uint8_t sent[1000];
	uint8_t wanted[1000];
	static uint8_t got[FRAME_MAX_LENGTH];

	(void)state;
	wire->settings[UPLINK].vlan = 5;
	assert_true(wire_plug(wire));
	assert_int_equal(wire_try(wire, 0, STRANGER, MAC_OF(0), TYPE_IPV4), BIT(UPLINK));
	assert_int_equal(wire_try(wire, 1, STRANGER, MAC_OF(1), TYPE_IPV4), 0);
	assert_int_equal(wire_try(wire, UPLINK, BROADCAST, STRANGER, TYPE_IPV4), BIT(0));
	assert_int_equal(wire_try(wire, UPLINK, MAC_OF(2), STRANGER, TYPE_IPV4), 0);
	/* tagged frames do not pass, even those of its own VLAN; a tag that has a priority alone comes off */
	for (uint16_t tag = 5; tag <= 6; tag++) {
		uint32_t length = make_tagged(sent, 500, BROADCAST, STRANGER, tag, 1);

		assert_true(card_send(uplink, sent, length, NULL));
		wire_work(wire);
		for (unsigned port = 0; port < 3; port++) {
			assert_int_equal(card_receive(&wire->cards[port], got, NULL), 0);
		}
	}
	assert_int_equal(dropped(wire, UPLINK, SWITCH_DROP_TAGGED), 2);
	frame_make(wanted, 500, BROADCAST, STRANGER, TYPE_IPV4, 2);
	assert_true(card_send(uplink, sent, make_tagged(sent, 500, BROADCAST, STRANGER, 0x6000, 2), NULL));
	wire_work(wire);
	assert_int_equal(card_receive(&wire->cards[0], got, NULL), 500);
	assert_memory_equal(got, wanted, 500);
	assert_int_equal(card_receive(&wire->cards[2], got, NULL), 0);
	wire_free(wire);
}

static void an_uplink_speaks_for_no_card(void **state)
{
	struct wire *wire = wire_with_uplink((const uint64_t[]){ 0, 0, 0, 0x7 });
	struct card *uplink = &wire->cards[UPLINK];
	uint8_t sent[1000];

	(void)state;
	assert_int_equal(wire_try(wire, UPLINK, MAC_OF(2), MAC_OF(1), TYPE_IPV4), 0);
	assert_int_equal(wire_try(wire, UPLINK, MAC_OF(2), STRANGER | MAC_GROUP, TYPE_IPV4), 0);
	assert_int_equal(dropped(wire, UPLINK, SWITCH_DROP_SOURCE), 2);
	/* tags behind tags */
	make_tagged(sent, 500, MAC_OF(0), STRANGER, 5, 0);
	sent[16] = 0x81;
	sent[17] = 0;
	assert_true(card_send(uplink, sent, 504, NULL));
	make_tagged(sent, 500, MAC_OF(0), STRANGER, 5, 0);
	sent[12] = 0x88;
	sent[13] = 0xa8;
	assert_true(card_send(uplink, sent, 504, NULL));
	/* a tag, and the frame ends */
	make_tagged(sent, 500, MAC_OF(0), STRANGER, 5, 0);
	assert_true(card_send(uplink, sent, 16, NULL));
	wire_work(wire);
	assert_int_equal(dropped(wire, UPLINK, SWITCH_DROP_TAGGED), 2);
	assert_int_equal(dropped(wire, UPLINK, SWITCH_DROP_MALFORMED), 1);
	assert_int_equal(wire->page->ports[0].counters.received_frames, 0);
	wire_free(wire);
}

/* ---- Frames ---- */

static void every_length_passes_unchanged(void **state)
{
	struct wire *wire = wire_new((const uint64_t[]){ BIT(1), 0, 0, 0 });
	static const uint32_t LENGTHS[] = { 14, 15, 16, 17, 18, 19, 21, 22, 23, 60, 1514, 9014, 65549,
		FRAME_MAX_LENGTH };
	static uint8_t sent[FRAME_MAX_LENGTH];
	static uint8_t got[FRAME_MAX_LENGTH];

	(void)state;
	for (unsigned i = 0; i < 20 * sizeof(LENGTHS) / sizeof(LENGTHS[0]); i++) {
		uint32_t length = LENGTHS[i % (sizeof(LENGTHS) / sizeof(LENGTHS[0]))];

		frame_make(sent, length, MAC_OF(1), MAC_OF(0), TYPE_IPV4, i);
		assert_true(card_send(&wire->cards[0], sent, length, NULL));
		wire_work(wire);
		assert_int_equal(card_receive(&wire->cards[1], got, NULL), length);
		assert_memory_equal(got, sent, length);
	}
	wire_free(wire);
}

/* A record ends with up to 7 bytes that are not the frame's. */
static void what_stands_behind_a_frame_does_not_pass(void **state)
{
	struct wire *wire = wire_new((const uint64_t[]){ BIT(1), 0, 0, 0 });
	uint8_t sent[80];
	static uint8_t got[FRAME_MAX_LENGTH];

	(void)state;
	for (uint32_t length = FRAME_MIN_LENGTH; length < sizeof(sent); length++) {
		uint32_t end = frame_ring_frame(wire->cards[0].head) + length;
		uint32_t tail = wire->cards[1].tail;

		frame_make(sent, length, MAC_OF(1), MAC_OF(0), TYPE_IPV4, length);
		assert_true(card_send(&wire->cards[0], sent, length, NULL));
		for (; end != wire->cards[0].head; end++) {
			*frame_ring_at(&wire->cards[0].out, end) = 0xee;
		}
		wire_work(wire);
		assert_int_equal(card_receive(&wire->cards[1], got, NULL), length);
		assert_memory_equal(got, sent, length);
		for (end = frame_ring_frame(tail) + length; end != wire->cards[1].tail; end++) {
			assert_int_equal(*frame_ring_at(&wire->cards[1].in, end), 0);
		}
	}
	wire_free(wire);
}

static void an_uplinks_tag_has_to_fit(void **state)
{
	struct wire *wire = wire_with_uplink((const uint64_t[]){ BIT(UPLINK), 0, 0, 0 });
	static uint8_t sent[FRAME_MAX_LENGTH];
	static uint8_t got[FRAME_MAX_LENGTH];

	(void)state;
	frame_make(sent, FRAME_MAX_LENGTH, STRANGER, MAC_OF(0), TYPE_IPV4, 0);
	assert_true(card_send(&wire->cards[0], sent, FRAME_MAX_LENGTH - 4, NULL));
	wire_work(wire);
	assert_int_equal(card_receive(&wire->cards[UPLINK], got, NULL), FRAME_MAX_LENGTH);
	assert_true(card_send(&wire->cards[0], sent, FRAME_MAX_LENGTH - 3, NULL));
	wire_work(wire);
	assert_int_equal(card_receive(&wire->cards[UPLINK], got, NULL), 0);
	assert_int_equal(dropped(wire, UPLINK, SWITCH_DROP_MALFORMED), 1);
	wire_free(wire);
}

static void offloads_are_judged(void **state)
{
	static const struct {
		struct frame_offload offload;
		bool passes;
	} cases[] = {
		{ { 0, 0, 0, 0, 0 }, true },
		{ { 0, 0, 0, 500, 500 }, true }, /* nobody looks */
		{ { FRAME_NEEDS_CHECKSUM, 0, 0, 34, 16 }, true },
		{ { FRAME_NEEDS_CHECKSUM, 0, 0, 14, 0 }, true },
		{ { FRAME_NEEDS_CHECKSUM, 0, 0, 13, 16 }, false }, /* in the header */
		{ { FRAME_NEEDS_CHECKSUM, 0, 0, 34, 24 }, true },  /* the last two bytes */
		{ { FRAME_NEEDS_CHECKSUM, 0, 0, 34, 25 }, false },
		{ { FRAME_NEEDS_CHECKSUM, 0, 0, 60, 0 }, false },
		{ { FRAME_NEEDS_CHECKSUM, 0, 0, 0xffff, 0xffff }, false },
		{ { FRAME_NEEDS_CHECKSUM, 0, 0, 0xfff0, 0x20 }, false },
		{ { FRAME_NEEDS_CHECKSUM, FRAME_GSO_TCPV4, 1448, 34, 16 }, true },
		{ { FRAME_NEEDS_CHECKSUM, FRAME_GSO_TCPV6, 1, 34, 16 }, true },
		{ { FRAME_NEEDS_CHECKSUM, FRAME_GSO_TCPV4, 0, 34, 16 }, false },
		{ { 0, FRAME_GSO_TCPV4, 1448, 34, 16 }, false },
		{ { FRAME_NEEDS_CHECKSUM, 3, 1448, 34, 16 }, false },                      /* UDP */
		{ { FRAME_NEEDS_CHECKSUM, FRAME_GSO_TCPV4 | 0x80, 1448, 34, 16 }, false }, /* ECN */
		{ { 2, 0, 0, 0, 0 }, false }, /* "the data is valid" */
		{ { 0x80, 0, 0, 0, 0 }, false },
	};
	struct wire *wire = wire_new((const uint64_t[]){ BIT(1), 0, 0, 0 });
	uint8_t sent[60];
	static uint8_t got[FRAME_MAX_LENGTH];
	unsigned bad = 0;

	(void)state;
	frame_make(sent, 60, MAC_OF(1), MAC_OF(0), TYPE_IPV4, 0);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct frame_offload offload;

		assert_true(card_send(&wire->cards[0], sent, 60, &cases[i].offload));
		wire_work(wire);
		assert_int_equal(card_receive(&wire->cards[1], got, &offload), cases[i].passes ? 60 : 0);
		if (cases[i].passes) {
			assert_memory_equal(&offload, &cases[i].offload, sizeof(offload));
		}
		bad += !cases[i].passes;
	}
	assert_int_equal(dropped(wire, 0, SWITCH_DROP_MALFORMED), bad);
	wire_free(wire);
}

/* ---- Full receivers, turns, rates ---- */

static void a_full_receiver_holds_nobody_up(void **state)
{
	struct wire *wire = wire_new((const uint64_t[]){ BIT(1) | BIT(2), BIT(2), 0, 0 });
	static uint8_t sent[1500];
	static uint8_t got[FRAME_MAX_LENGTH];
	unsigned received = 0;

	(void)state;
	/* card 1 takes nothing, card 2 takes all */
	for (unsigned i = 0; i < 1000; i++) {
		frame_make(sent, sizeof(sent), BROADCAST, MAC_OF(0), TYPE_IPV4, i);
		assert_true(card_send(&wire->cards[0], sent, sizeof(sent), NULL));
		wire_work(wire);
		assert_int_equal(card_receive(&wire->cards[2], got, NULL), sizeof(sent));
		assert_memory_equal(got, sent, sizeof(sent));
	}
	assert_int_equal(wire->page->ports[2].counters.received_frames, 1000);
	received = (unsigned)wire->page->ports[1].counters.received_frames;
	assert_int_equal(received, wire->cards[1].in.capacity / frame_record_size(sizeof(sent)));
	assert_int_equal(dropped(wire, 1, SWITCH_DROP_FULL), 1000 - received);
	assert_int_equal(dropped(wire, 2, SWITCH_DROP_FULL), 0);
	assert_int_equal(wire->page->ports[0].counters.sent_frames, 1000);
	/* what it has it has in order, and then it gets frames again */
	for (unsigned i = 0; i < received; i++) {
		frame_make(sent, sizeof(sent), BROADCAST, MAC_OF(0), TYPE_IPV4, i);
		assert_int_equal(card_receive(&wire->cards[1], got, NULL), sizeof(sent));
		assert_memory_equal(got, sent, sizeof(sent));
	}
	assert_int_equal(wire_try(wire, 0, MAC_OF(1), MAC_OF(0), TYPE_IPV4), BIT(1));
	wire_free(wire);
}

static void senders_take_turns(void **state)
{
	struct wire *wire = wire_new((const uint64_t[]){ BIT(2), BIT(3), 0, 0 });
	static uint8_t sent[1000];
	static uint8_t got[FRAME_MAX_LENGTH];
	unsigned filled = 0;

	(void)state;
	frame_make(sent, sizeof(sent), MAC_OF(2), MAC_OF(0), TYPE_IPV4, 0);
	while (card_send(&wire->cards[0], sent, sizeof(sent), NULL)) {
		filled++;
	}
	frame_make(sent, sizeof(sent), MAC_OF(3), MAC_OF(1), TYPE_IPV4, 0);
	assert_true(card_send(&wire->cards[1], sent, sizeof(sent), NULL));
	/* the one frame does not wait until the other's ring is empty */
	assert_true(switch_turn(&wire->network, wire->now_ns));
	assert_int_equal(card_receive(&wire->cards[3], got, NULL), sizeof(sent));
	assert_in_range(wire->page->ports[2].counters.received_frames, 1, filled - 1);
	wire_work(wire);
	assert_int_equal(wire->page->ports[2].counters.received_frames, filled);
	wire_free(wire);
}

static unsigned send_all(struct wire *wire, unsigned port, const uint8_t *bytes, uint32_t length)
{
	static uint8_t got[FRAME_MAX_LENGTH];
	unsigned received = 0;
	bool moved = true;

	while (moved) {
		while (card_send(&wire->cards[port], bytes, length, NULL)) {}
		wire_work(wire);
		moved = false;
		while (card_receive(&wire->cards[1], got, NULL) != 0) {
			received++;
			moved = true;
		}
	}
	return received;
}

static void a_rate_holds_its_sender_back(void **state)
{
	struct wire *wire = wire_new((const uint64_t[]){ BIT(1), 0, BIT(1), 0 });
	static uint8_t sent[1250]; /* 10,000 bits */
	unsigned received;

	(void)state;
	wire->settings[0].rate = 10 * 1000 * 1000;
	wire->settings[0].burst = 12500;
	assert_true(wire_plug(wire));
	frame_make(sent, sizeof(sent), MAC_OF(1), MAC_OF(0), TYPE_IPV4, 0);
	/* a burst at once: what is in credit, and the frame that uses it up */
	received = send_all(wire, 0, sent, sizeof(sent));
	assert_int_equal(received, 11);
	assert_int_equal(wire->page->ports[0].counters.held, 1);
	/* a thousand frames a second, taken at the deadlines that the switch names */
	uint64_t end = wire->now_ns + SECOND;

	received = 0;
	while (switch_deadline(&wire->network) <= end) {
		assert_true(switch_deadline(&wire->network) > wire->now_ns);
		wire->now_ns = switch_deadline(&wire->network);
		received += send_all(wire, 0, sent, sizeof(sent));
	}
	assert_in_range(received, 999, 1001);
	/* somebody else is not held back, and a switch that starts again forgets nothing */
	frame_make(sent, sizeof(sent), MAC_OF(1), MAC_OF(2), TYPE_IPV4, 0);
	assert_true(card_send(&wire->cards[2], sent, sizeof(sent), NULL));
	wire_work(wire);
	assert_int_equal(wire->page->ports[2].counters.sent_frames, 1);
	assert_true(wire_plug(wire));
	wire_work(wire);
	assert_int_equal(switch_deadline(&wire->network) > wire->now_ns, 1);
	assert_in_range(wire->page->ports[0].counters.sent_frames, 1010, 1012);
	wire_free(wire);
}

static void a_frame_beyond_the_burst_passes_and_is_paid_for(void **state)
{
	struct wire *wire = wire_new((const uint64_t[]){ BIT(1), 0, 0, 0 });
	static uint8_t sent[50000]; /* 400,000 bits: 40 ms */

	(void)state;
	wire->settings[0].rate = 10 * 1000 * 1000;
	wire->settings[0].burst = 1500;
	assert_true(wire_plug(wire));
	frame_make(sent, sizeof(sent), MAC_OF(1), MAC_OF(0), TYPE_IPV4, 0);
	assert_int_equal(send_all(wire, 0, sent, sizeof(sent)), 1);
	assert_in_range(
		switch_deadline(&wire->network) - wire->now_ns, 38 * SECOND / 1000, 40 * SECOND / 1000);
	wire_free(wire);
}

static void nonsense_in_the_page_starves_nobody(void **state)
{
	struct wire *wire = wire_new((const uint64_t[]){ BIT(1), 0, 0, 0 });

	(void)state;
	wire->settings[0].rate = 10 * 1000 * 1000;
	wire->settings[0].burst = 12500;
	wire->page->ports[0].used_ns = UINT64_MAX;
	assert_true(wire_plug(wire));
	wire->now_ns += SECOND / 10;
	assert_int_equal(wire_try(wire, 0, MAC_OF(1), MAC_OF(0), TYPE_IPV4), BIT(1));
	wire_free(wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_passes_without_a_flow),
		cmocka_unit_test(a_flow_carries_one_direction),
		cmocka_unit_test(groups_go_to_all_that_a_flow_leads_to),
		cmocka_unit_test(a_forged_source_does_not_pass),
		cmocka_unit_test(a_tag_of_the_senders_own_does_not_pass),
		cmocka_unit_test(an_unknown_address_is_beyond_an_uplink),
		cmocka_unit_test(a_card_in_a_vlan_is_tagged_on_the_uplink),
		cmocka_unit_test(what_comes_tagged_goes_to_its_vlan_only),
		cmocka_unit_test(an_uplink_in_a_vlan_has_no_tags),
		cmocka_unit_test(an_uplink_speaks_for_no_card),
		cmocka_unit_test(every_length_passes_unchanged),
		cmocka_unit_test(what_stands_behind_a_frame_does_not_pass),
		cmocka_unit_test(an_uplinks_tag_has_to_fit),
		cmocka_unit_test(offloads_are_judged),
		cmocka_unit_test(a_full_receiver_holds_nobody_up),
		cmocka_unit_test(senders_take_turns),
		cmocka_unit_test(a_rate_holds_its_sender_back),
		cmocka_unit_test(a_frame_beyond_the_burst_passes_and_is_paid_for),
		cmocka_unit_test(nonsense_in_the_page_starves_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
