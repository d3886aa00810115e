/* SPDX-License-Identifier: MIT */
#include "net_card.h"

#include <stdlib.h>
#include <string.h>

struct card *card_new(uint64_t features)
{
	static const char *const ARGUMENTS[] = { "mac=52:54:00:12:34:56", NULL };
	struct card *card = calloc(1, sizeof(*card));

	card->machine = machine_new(&virtio_net_model, ARGUMENTS);
	assert_int_equal(
		ring_region_rings(card->machine->frames, MACHINE_FRAMES_SIZE, &card->from, &card->to), 0);
	driver_start(&card->driver, card->machine, features, 2, ENTRIES);
	return card;
}

void card_free(struct card *card)
{
	machine_free(card->machine);
	free(card);
}

uint8_t *ram(struct card *card, uint32_t offset) { return card->machine->ram + DRIVER_BUFFERS + offset; }

bool feed(struct card *card, const uint8_t *bytes, uint32_t length, const struct frame_offload *offload)
{
	struct frame frame = { .length = length };

	if (offload != NULL) {
		frame.offload = *offload;
	}
	if (!frame_ring_has_room(&card->to, card->head, length)) {
		return false;
	}
	frame_ring_begin(&card->to, card->head, &frame);
	frame_ring_put(&card->to, frame_ring_frame(card->head), bytes, length);
	card->head += frame_record_size(length);
	ring_publish_head(&card->to, card->head);
	return true;
}

uint32_t drain(struct card *card, uint8_t *bytes, struct frame_offload *offload)
{
	struct frame frame;
	enum frame_look look = frame_ring_look(&card->from, card->tail, &frame);

	assert_int_not_equal(look, FRAME_NONSENSE);
	if (look == FRAME_NONE) {
		return 0;
	}
	frame_ring_get(&card->from, frame_ring_frame(card->tail), bytes, frame.length);
	*offload = frame.offload;
	card->tail += frame_record_size(frame.length);
	ring_publish_tail(&card->from, card->tail);
	return frame.length;
}

void pattern(uint8_t *bytes, uint32_t length, unsigned seed)
{
	for (uint32_t i = 0; i < length; i++) {
		bytes[i] = (uint8_t)(seed * 13 + i * 3 + i / 256);
	}
}

uint32_t word(const uint8_t *bytes) { return bytes[0] | (uint32_t)bytes[1] << 8; }

uint32_t sum_of(const uint8_t *bytes, uint32_t length, uint32_t sum)
{
	for (uint32_t i = 0; i < length; i++) {
		sum += (i & 1) == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

uint32_t make_tcp(uint8_t *bytes, bool is_v6, uint32_t payload, uint8_t flags)
{
	uint32_t ip_length = is_v6 ? 40 : 24;
	uint32_t tcp = 14 + ip_length;
	uint32_t length = tcp + 32 + payload;
	uint8_t *ip = bytes + 14;
	uint32_t addresses = is_v6 ? 32 : 8;

	pattern(bytes, length, 3);
	bytes[12] = is_v6 ? 0x86 : 0x08;
	bytes[13] = is_v6 ? 0xdd : 0x00;
	if (is_v6) {
		ip[0] = 0x60;
		ip[4] = (uint8_t)((32 + payload) >> 8);
		ip[5] = (uint8_t)(32 + payload);
		ip[6] = 6;
	} else {
		ip[0] = 0x46;
		ip[2] = (uint8_t)((length - 14) >> 8);
		ip[3] = (uint8_t)(length - 14);
		ip[4] = 0xff; /* identification goes over its end */
		ip[5] = 0xff;
		ip[6] = 0x40;
		ip[7] = 0;
		ip[9] = 6;
	}
	memcpy(bytes + tcp + 4, "\xff\xff\xff\x00", 4); /* so does the sequence number */
	bytes[tcp + 12] = 0x80;
	bytes[tcp + 13] = flags;
	bytes[tcp + 16] = bytes[tcp + 17] = 0;
	uint32_t sum = sum_of(ip + (is_v6 ? 8 : 12), addresses, 6 + 32 + payload);

	bytes[tcp + 16] = (uint8_t)(sum >> 8);
	bytes[tcp + 17] = (uint8_t)sum;
	return length;
}

void offer_buffers(struct card *card, unsigned count, uint32_t size)
{
	for (uint16_t i = 0; i < count; i++) {
		driver_offer_buffer(&card->driver, RECEIVE, i, DRIVER_BUFFERS + i * size, size, DRIVER_WRITE);
	}
	driver_notify(&card->driver, RECEIVE);
}

void send_one(struct card *card, uint16_t head)
{
	driver_offer_buffer(&card->driver, TRANSMIT, head, DRIVER_BUFFERS, HEADER + SMALL, 0);
	model_run_event(&card->machine->run, MODEL_EVENT_DOORBELL(TRANSMIT));
}
