/* SPDX-License-Identifier: MIT */
/* The switch with cards that do what the input says: send frames, write anything anywhere in their regions, take frames or not, while time
 * passes and the switch starts again. Whatever they do: the switch touches no memory but its own and the regions, each of its turns ends,
 * and no port gets anything from one that no flow leads from, nor a frame that was not judged. */
#include "input.h"
#include "switch.h"

#include <stdlib.h>
#include <string.h>

#define PORTS 4u
#define UPLINK 3u
#define SMALL_REGION 4096u /* two rings of 1024 bytes: they are full, and over their ends, all the time */
#define TURNS_MAX 64u

enum operation { SEND, WRITE, INDEX, TAKE, WORK, TIME, RESTART, OPERATIONS };

static struct {
	uint8_t *regions[PORTS];
	struct ring out[PORTS]; /* the cards' sides */
	struct ring in[PORTS];
	struct network_switch network;
	struct switch_page page;
	uint64_t now_ns;
	bool is_liar[PORTS]; /* has written into its region itself */
} world;

/* Port 0 may send to 1, port 1 to the uplink, the uplink to 0; port 2 to nobody, nobody to port 2. Ports 0 and 2 are in no VLAN. */
static const struct switch_port_settings SETTINGS[PORTS] = {
	{ .name = "a", .mac = 0x020000000001, .flows = 0x2 },
	{ .name = "b", .mac = 0x020000000002, .vlan = 7, .flows = 0x8, .rate = 8000000, .burst = 2000 },
	{ .name = "c", .mac = 0x020000000003 },
	{ .name = "up", .is_uplink = true, .flows = 0x1 },
};

static void plug(void)
{
	world.network = (struct network_switch){ 0 };
	for (uint32_t i = 0; i < PORTS; i++) {
		struct ring from;
		struct ring to;

		(void)ring_region_rings(world.regions[i], SMALL_REGION, &from, &to);
		switch_add_port(&world.network, &SETTINGS[i], &from, &to);
	}
	(void)switch_start(&world.network, &world.page, world.now_ns);
}

static void send_frame(struct input *input, uint32_t port)
{
	uint8_t bytes[256];
	uint32_t length = FRAME_MIN_LENGTH + next_byte(input) % 200;
	uint32_t head = world.out[port].shared->head;
	uint8_t choice = next_byte(input);
	struct frame frame = { .length = length };

	for (uint32_t i = 0; i < length; i++) {
		bytes[i] = (uint8_t)i;
	}
	memcpy(bytes, "\x02\0\0\0\0", 5);
	memcpy(bytes + 6, "\x02\0\0\0\0", 5);
	bytes[0] = (choice & 0x80) != 0 ? 0xff : 0x02;
	bytes[5] = choice & 7;
	bytes[11] = (choice & 0x40) != 0 ? next_byte(input) : (uint8_t)(port + 1);
	bytes[12] = (choice & 0x20) != 0 ? 0x81 : 0x08;
	bytes[13] = 0;
	if ((choice & 0x10) != 0) {
		frame.offload.flags = next_byte(input) & 3;
		frame.offload.gso_type = next_byte(input) & 7;
		frame.offload.gso_size = next_byte(input);
		frame.offload.checksum_start = next_byte(input);
		frame.offload.checksum_offset = next_byte(input);
	}
	if (frame_ring_has_room(&world.out[port], head, length)) {
		frame_ring_begin(&world.out[port], head, &frame);
		frame_ring_put(&world.out[port], frame_ring_frame(head), bytes, length);
		ring_publish_head(&world.out[port], head + frame_record_size(length));
	}
}

/* What stands in a port's ring to be received was judged, if the port did not write there itself. */
static void take_frame(uint32_t port)
{
	struct ring *ring = &world.in[port];
	struct frame frame;
	uint8_t bytes[FRAME_MIN_LENGTH];
	uint32_t tail = ring->shared->tail;

	if (frame_ring_look(ring, tail, &frame) != FRAME_READY) {
		if (!world.is_liar[port] && ring->shared->head != tail) {
			abort();
		}
		ring_publish_tail(ring, ring->shared->head);
		return;
	}
	frame_ring_get(ring, frame_ring_frame(tail), bytes, sizeof(bytes));
	if (!world.is_liar[port]) {
		bool is_tagged = bytes[12] == 0x81 && bytes[13] == 0;

		/* to port 0 from the uplink alone, to port 1 from port 0, to the uplink from port 1, in VLAN 7 */
		if ((port == 0 && (is_tagged || memcmp(bytes + 6, "\x02\0\0\0\0", 5) == 0) &&
			    (is_tagged || (bytes[11] >= 1 && bytes[11] <= 3))) ||
			(port == 1 && (is_tagged || memcmp(bytes + 6, "\x02\0\0\0\0\x01", 6) != 0)) ||
			(port == UPLINK && (!is_tagged || memcmp(bytes + 6, "\x02\0\0\0\0\x02", 6) != 0)) ||
			port == 2) {
			abort();
		}
	}
	ring_publish_tail(ring, tail + frame_record_size(frame.length));
}

static void work(void)
{
	uint32_t turns = 0;

	switch_wake(&world.network, (UINT64_C(1) << PORTS) - 1);
	/* nobody else runs: what is there to do ends */
	while (switch_turn(&world.network, world.now_ns)) {
		if (++turns > TURNS_MAX) {
			abort();
		}
	}
	(void)switch_may_sleep(&world.network);
	world.network.signals = 0;
}

static void operate(struct input *input)
{
	uint8_t choice = next_byte(input);
	uint32_t port = choice >> 6;

	switch ((choice & 0x3f) % OPERATIONS) {
	case SEND:
		send_frame(input, port);
		break;
	case WRITE:
		world.regions[port][next_word(input) % SMALL_REGION] = next_byte(input);
		world.is_liar[port] = true;
		break;
	case INDEX: {
		uint32_t *words[] = { &world.out[port].shared->head, &world.out[port].shared->tail,
			&world.in[port].shared->head, &world.in[port].shared->tail };

		*words[next_byte(input) % 4] = next_word(input);
		world.is_liar[port] = true;
		break;
	}
	case TAKE:
		take_frame(port);
		break;
	case WORK:
		work();
		break;
	case TIME:
		world.now_ns += next_word(input);
		break;
	default:
		plug();
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = { bytes, size };

	memset(&world.page, 0, sizeof(world.page));
	memset(world.is_liar, 0, sizeof(world.is_liar));
	world.now_ns = 0;
	for (uint32_t i = 0; i < PORTS; i++) {
		if (world.regions[i] == NULL) {
			world.regions[i] = aligned_alloc(64, SMALL_REGION);
		}
		memset(world.regions[i], 0, SMALL_REGION);
		(void)frame_region_attach(world.regions[i], SMALL_REGION, &world.out[i], &world.in[i]);
	}
	plug();
	while (input.left > 0) {
		operate(&input);
	}
	work();
	if (world.page.ports[2].counters.received_frames != 0) {
		abort();
	}
	return 0;
}
