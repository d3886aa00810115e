/* SPDX-License-Identifier: MIT */
/* The virtio network card: see nic.h. The device is not believed: it may name only buffers that it has, and no more bytes than these have. */
#include "nic.h"

#include <string.h>

#define TURN_FRAMES 64u /* of one direction, before the other has its turn */

/* struct virtio_net_config, section 5.1.4. */
#define CONFIG_STATUS 6u
#define STATUS_LINK_UP 1u

enum { RECEIVE, TRANSMIT };

static uint32_t buffer_count(const struct virtio_queue *queue)
{
	return queue->size < NIC_BUFFERS ? queue->size : NIC_BUFFERS;
}

static uint8_t *buffer_at(const struct nic *nic, unsigned direction, uint32_t index)
{
	return nic->buffers + (direction * NIC_BUFFERS + index) * FRAMES_BUFFER;
}

static void give(struct nic *nic, unsigned direction, uint32_t index, uint32_t length)
{
	struct virtio_queue *queue = direction == RECEIVE ? &nic->receive : &nic->transmit;

	queue->descriptor[index] = (struct virtio_descriptor){
		.address = nic->buffers_address + (uint64_t)(direction * NIC_BUFFERS + index) * FRAMES_BUFFER,
		.length = length,
		.flags = direction == RECEIVE ? VIRTIO_DESCRIPTOR_WRITE : 0,
	};
	nic->is_with_device[direction][index] = true;
	virtio_queue_offer(queue, (uint16_t)index);
}

/* The buffer that the device gives back, if it has that. */
static enum virtio_taken take_back(struct nic *nic, unsigned direction, uint32_t *index)
{
	struct virtio_queue *queue = direction == RECEIVE ? &nic->receive : &nic->transmit;
	enum virtio_taken taken = virtio_queue_take(queue, index);

	if (taken != VIRTIO_TAKEN) {
		return taken;
	}
	if (*index >= NIC_BUFFERS || !nic->is_with_device[direction][*index]) {
		return VIRTIO_NONSENSE;
	}
	nic->is_with_device[direction][*index] = false;
	return VIRTIO_TAKEN;
}

void nic_init(struct nic *nic, void *buffers, uint64_t address)
{
	nic->buffers = buffers;
	nic->buffers_address = address;
	memset(buffers, 0, NIC_MEMORY);
	memset(nic->is_with_device, 0, sizeof nic->is_with_device);
	nic->waiting = 0;
	nic->free_count = 0;
	for (uint32_t i = 0; i < buffer_count(&nic->transmit); i++) {
		nic->free[nic->free_count++] = (uint8_t)i;
	}
	for (uint32_t i = 0; i < buffer_count(&nic->receive); i++) {
		give(nic, RECEIVE, i, FRAMES_BUFFER);
	}
}

bool nic_is_up(const struct virtio_device *device)
{
	return (device->features & NIC_FEATURE_STATUS) == 0 ||
	       (virtio_config(device, CONFIG_STATUS, 2) & STATUS_LINK_UP) != 0;
}

/* ---- From the line ------------------------------------------------------------------------------------------------- */

/* The next frame that has come is the one that waits. */
static enum driver_turn fetch(struct nic *nic, struct frames *frames)
{
	uint32_t length;

	switch (take_back(nic, RECEIVE, &nic->waiting_buffer)) {
	case VIRTIO_NOTHING:
		return DRIVER_IDLE;
	case VIRTIO_NONSENSE:
		return DRIVER_NONSENSE;
	case VIRTIO_TAKEN:
		break;
	}
	length = nic->receive.taken_length;
	if (length > FRAMES_BUFFER) {
		return DRIVER_NONSENSE;
	}
	if (length <= NIC_HEADER) {
		frames->malformed++;
		give(nic, RECEIVE, nic->waiting_buffer, FRAMES_BUFFER);
	} else {
		nic->waiting = length - NIC_HEADER;
	}
	return DRIVER_MOVED;
}

/* A frame that has no room waits, and those behind it in the device. */
static enum driver_turn receive(struct nic *nic, struct frames *frames)
{
	for (uint32_t i = 0; i < TURN_FRAMES; i++) {
		if (nic->waiting != 0) {
			if (!frames_put(frames, buffer_at(nic, RECEIVE, nic->waiting_buffer) + NIC_HEADER,
				    nic->waiting)) {
				return DRIVER_IDLE;
			}
			nic->waiting = 0;
			give(nic, RECEIVE, nic->waiting_buffer, FRAMES_BUFFER);
		}
		enum driver_turn turn = fetch(nic, frames);

		if (turn != DRIVER_MOVED) {
			return turn;
		}
	}
	return DRIVER_MOVED;
}

/* ---- To the line --------------------------------------------------------------------------------------------------- */

static enum driver_turn reclaim(struct nic *nic)
{
	enum virtio_taken taken;
	uint32_t index;

	while ((taken = take_back(nic, TRANSMIT, &index)) == VIRTIO_TAKEN) {
		nic->free[nic->free_count++] = (uint8_t)index;
	}
	return taken == VIRTIO_NONSENSE ? DRIVER_NONSENSE : DRIVER_IDLE;
}

static enum driver_turn transmit(struct nic *nic, struct frames *frames)
{
	for (uint32_t i = 0; i < TURN_FRAMES; i++) {
		uint32_t length;

		if (nic->free_count == 0) {
			return DRIVER_IDLE;
		}
		uint32_t index = nic->free[nic->free_count - 1];

		/* the header before the frame is zero from the start */
		switch (frames_take(frames, buffer_at(nic, TRANSMIT, index) + NIC_HEADER, &length)) {
		case FRAMES_NOTHING:
			return DRIVER_IDLE;
		case FRAMES_LOST:
			break;
		case FRAMES_TAKEN:
			nic->free_count--;
			give(nic, TRANSMIT, index, NIC_HEADER + length);
			break;
		}
	}
	return DRIVER_MOVED;
}

enum driver_turn nic_turn(struct nic *nic, struct frames *frames, bool is_up)
{
	enum driver_turn received = receive(nic, frames);
	enum driver_turn reclaimed = reclaim(nic);
	enum driver_turn sent = DRIVER_IDLE;

	if (received == DRIVER_NONSENSE || reclaimed == DRIVER_NONSENSE) {
		return DRIVER_NONSENSE;
	}
	if (is_up) {
		sent = transmit(nic, frames);
	} else {
		frames_discard(frames);
	}
	virtio_queue_kick(&nic->receive);
	virtio_queue_kick(&nic->transmit);
	return received == DRIVER_MOVED || sent == DRIVER_MOVED ? DRIVER_MOVED : DRIVER_IDLE;
}

/* ---- Waiting ------------------------------------------------------------------------------------------------------- */

void nic_hush(struct nic *nic)
{
	virtio_queue_hush(&nic->receive);
	virtio_queue_hush(&nic->transmit);
}

/* While a frame waits for room no other is fetched; that something was sent matters only where all buffers are with the device. */
bool nic_may_sleep(struct nic *nic, struct frames *frames)
{
	bool is_idle = frames_may_sleep(frames, nic->free_count != 0, nic->waiting);

	if (nic->waiting == 0) {
		is_idle &= virtio_queue_listen(&nic->receive);
	}
	if (nic->free_count == 0) {
		is_idle &= virtio_queue_listen(&nic->transmit);
	}
	return is_idle;
}
