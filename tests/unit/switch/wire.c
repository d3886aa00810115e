/* SPDX-License-Identifier: MIT */
/* Cards plugged into a switch: see wire.h. */
#include "wire.h"

#include <stdio.h>

#define SMALL 60u

static void put_mac(uint8_t *bytes, uint64_t mac)
{
	for (unsigned i = 0; i < 6; i++) {
		bytes[i] = (uint8_t)(mac >> (40 - 8 * i));
	}
}

void frame_make(uint8_t *bytes, uint32_t length, uint64_t to, uint64_t from, uint32_t type, unsigned seed)
{
	put_mac(bytes, to);
	put_mac(bytes + 6, from);
	bytes[12] = (uint8_t)(type >> 8);
	bytes[13] = (uint8_t)type;
	for (uint32_t i = 14; i < length; i++) {
		bytes[i] = (uint8_t)(seed * 7 + i + i / 256);
	}
}

struct wire *wire_new(const uint64_t flows[WIRE_PORTS])
{
	struct wire *wire = calloc(1, sizeof(*wire));

	wire->page = calloc(1, sizeof(*wire->page));
	wire->now_ns = 1000;
	for (unsigned i = 0; i < WIRE_PORTS; i++) {
		struct card *card = &wire->cards[i];

		card->region = aligned_alloc(64, WIRE_REGION_SIZE);
		memset(card->region, 0, WIRE_REGION_SIZE);
		assert_int_equal(
			frame_region_attach(card->region, WIRE_REGION_SIZE, &card->out, &card->in), 0);
		(void)snprintf(wire->settings[i].name, SWITCH_PORT_NAME_SIZE, "vm%u/net0", i);
		wire->settings[i].mac = MAC_OF(i);
		wire->settings[i].flows = flows[i];
	}
	assert_false(wire_plug(wire));
	return wire;
}

void wire_free(struct wire *wire)
{
	for (unsigned i = 0; i < WIRE_PORTS; i++) {
		free(wire->cards[i].region);
	}
	free(wire->page);
	free(wire);
}

bool wire_plug(struct wire *wire)
{
	wire->network = (struct network_switch){ 0 };
	for (unsigned i = 0; i < WIRE_PORTS; i++) {
		struct ring from;
		struct ring to;

		assert_int_equal(ring_region_rings(wire->cards[i].region, WIRE_REGION_SIZE, &from, &to), 0);
		switch_add_port(&wire->network, &wire->settings[i], &from, &to);
	}
	return switch_start(&wire->network, wire->page, wire->now_ns);
}

static void take_signals(struct wire *wire)
{
	for (unsigned i = 0; i < WIRE_PORTS; i++) {
		wire->cards[i].signals += (unsigned)(wire->network.signals >> i & 1);
	}
	wire->network.signals = 0;
}

void wire_work(struct wire *wire)
{
	for (unsigned i = 0; i < WIRE_PORTS; i++) {
		switch_wake(&wire->network, (uint64_t)wire->cards[i].rings << i);
		wire->cards[i].rings = false;
	}
	do {
		while (switch_turn(&wire->network, wire->now_ns)) {
			wire->turns++;
			take_signals(wire);
		}
		take_signals(wire);
	} while (!switch_may_sleep(&wire->network));
}

bool card_send(struct card *card, const void *bytes, uint32_t length, const struct frame_offload *offload)
{
	struct frame frame = { .length = length };

	if (!frame_ring_has_room(&card->out, card->head, length)) {
		return false;
	}
	if (offload != NULL) {
		frame.offload = *offload;
	}
	frame_ring_begin(&card->out, card->head, &frame);
	frame_ring_put(&card->out, frame_ring_frame(card->head), bytes, length);
	card->head += frame_record_size(length);
	ring_publish_head(&card->out, card->head);
	card->rings |= ring_consumer_asked(&card->out) != 0;
	return true;
}

uint32_t card_receive(struct card *card, uint8_t *bytes, struct frame_offload *offload)
{
	struct frame frame;
	enum frame_look look = frame_ring_look(&card->in, card->tail, &frame);

	assert_int_not_equal(look, FRAME_NONSENSE);
	if (look == FRAME_NONE) {
		return 0;
	}
	frame_ring_get(&card->in, frame_ring_frame(card->tail), bytes, frame.length);
	if (offload != NULL) {
		*offload = frame.offload;
	}
	card->tail += frame_record_size(frame.length);
	ring_publish_tail(&card->in, card->tail);
	return frame.length;
}

uint64_t wire_try(struct wire *wire, unsigned port, uint64_t to, uint64_t from, uint32_t type)
{
	static unsigned seed;
	uint8_t sent[SMALL];
	static uint8_t got[FRAME_MAX_LENGTH];
	uint64_t receivers = 0;

	frame_make(sent, SMALL, to, from, type, seed++);
	assert_true(card_send(&wire->cards[port], sent, SMALL, NULL));
	wire_work(wire);
	for (unsigned i = 0; i < WIRE_PORTS; i++) {
		uint32_t length = card_receive(&wire->cards[i], got, NULL);

		if (length != 0) {
			assert_int_equal(length, SMALL);
			assert_memory_equal(got, sent, SMALL);
			receivers |= UINT64_C(1) << i;
		}
		assert_int_equal(card_receive(&wire->cards[i], got, NULL), 0);
	}
	return receivers;
}
