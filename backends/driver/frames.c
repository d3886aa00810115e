/* SPDX-License-Identifier: MIT */
/* Packets between a driver and the switch: see frames.h. */
#include "frames.h"

#include <string.h>

#define TYPE 12u       /* behind the two addresses */
#define TAG_HIGH 0x81u /* IEEE 802.1Q table 9-1 */
#define TAG_LOW 0x00u

bool frames_open(struct frames *frames, void *region, uint64_t size)
{
	*frames = (struct frames){ 0 };
	if (frame_region_attach(region, size, &frames->out, &frames->in) != 0) {
		return false;
	}
	frames->head = __atomic_load_n(&frames->out.shared->head, __ATOMIC_ACQUIRE);
	frames->tail = __atomic_load_n(&frames->in.shared->tail, __ATOMIC_ACQUIRE);
	frames->signal = true; /* the predecessor may have ended between a store and its signal */
	return true;
}

/* ---- From the switch ---- */

static void go_on_from(struct frames *frames, uint32_t tail)
{
	frames->cut = 0;
	frames->tail = tail;
	ring_publish_tail(&frames->in, tail);
	if (ring_producer_asked(&frames->in)) {
		frames->signal = true;
	}
}

/* The packet as it is sent, if it fits. Of a frame of many: number frames->cut. */
static uint32_t copy_packet(const struct frames *frames, struct offload_packet *packet, uint8_t *bytes)
{
	const struct frame_offload *offload = &packet->frame.offload;
	uint32_t length = packet->frame.length;
	uint32_t offset = 0;
	uint32_t most = FRAMES_MAX_LENGTH;

	if (packet->header_length != 0) {
		offload_cut(packet, frames->cut, &offset, &length);
		memcpy(bytes, packet->header, packet->header_length);
	}
	if (packet->header_length + length > FRAMES_MAX_LENGTH + FRAMES_TAG) {
		return 0;
	}
	frame_ring_get(packet->ring, packet->index + offset, bytes + packet->header_length, length);
	length += packet->header_length;
	if (packet->header_length == 0 && (offload->flags & FRAME_NEEDS_CHECKSUM) != 0) {
		uint32_t place = (uint32_t)offload->checksum_start + offload->checksum_offset;
		uint16_t checksum = offload_checksum(packet);

		bytes[place] = (uint8_t)(checksum >> 8);
		bytes[place + 1] = (uint8_t)checksum;
	}
	if (bytes[TYPE] == TAG_HIGH && bytes[TYPE + 1] == TAG_LOW) {
		most += FRAMES_TAG;
	}
	return length <= most ? length : 0;
}

enum frames_taken frames_take(struct frames *frames, uint8_t *bytes, uint32_t *length)
{
	struct offload_packet packet;
	struct frame frame;
	uint32_t next;

	switch (frame_ring_look(&frames->in, frames->tail, &frame)) {
	case FRAME_NONE:
		return FRAMES_NOTHING;
	case FRAME_NONSENSE:
		frames->malformed++;
		go_on_from(frames, frame_ring_end(&frames->in));
		return FRAMES_LOST;
	case FRAME_READY:
		break;
	}
	next = frames->tail + frame_record_size(frame.length);
	/* That there are fewer packets than were taken: the other side has changed it meanwhile. */
	if (!offload_open(&packet, &frames->in, frame_ring_frame(frames->tail), &frame) ||
		frames->cut >= packet.packets) {
		frames->malformed++;
		go_on_from(frames, next);
		return FRAMES_LOST;
	}
	*length = copy_packet(frames, &packet, bytes);
	if (++frames->cut == packet.packets) {
		go_on_from(frames, next);
	}
	if (*length == 0) {
		frames->too_long++;
		return FRAMES_LOST;
	}
	if (*length < FRAMES_MIN_LENGTH) {
		memset(bytes + *length, 0, FRAMES_MIN_LENGTH - *length);
		*length = FRAMES_MIN_LENGTH;
	}
	return FRAMES_TAKEN;
}

void frames_discard(struct frames *frames)
{
	uint32_t end = frame_ring_end(&frames->in);

	if (end != frames->tail) {
		go_on_from(frames, end);
	}
}

/* ---- To the switch ---- */

bool frames_put(struct frames *frames, const uint8_t *bytes, uint32_t length)
{
	const struct frame frame = { .length = length };
	uint32_t tail = __atomic_load_n(&frames->out.shared->tail, __ATOMIC_ACQUIRE);

	if (length < FRAME_MIN_LENGTH || length > FRAME_MAX_LENGTH) {
		frames->malformed++;
		return true;
	}
	/* Where its index makes no sense beside ours, the switch says where it is. */
	if (frames->head - tail > frames->out.capacity) {
		frames->head = tail;
	}
	if (!frame_ring_has_room(&frames->out, frames->head, length)) {
		return false;
	}
	frame_ring_begin(&frames->out, frames->head, &frame);
	frame_ring_put(&frames->out, frame_ring_frame(frames->head), bytes, length);
	frames->head += frame_record_size(length);
	ring_publish_head(&frames->out, frames->head);
	if (ring_consumer_asked(&frames->out)) {
		frames->signal = true;
	}
	return true;
}

/* ---- Waiting ---- */

bool frames_may_sleep(struct frames *frames, bool wants_frames, uint32_t waiting)
{
	bool is_idle = true;

	if (wants_frames) {
		ring_ask_for_bytes(&frames->in);
		is_idle = ring_distance(&frames->in, frames->tail) == 0;
	}
	if (waiting != 0) {
		ring_ask_for_space(&frames->out);
		is_idle &= !frame_ring_has_room(&frames->out, frames->head, waiting);
	}
	return is_idle;
}
