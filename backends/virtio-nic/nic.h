/* SPDX-License-Identifier: MIT */
/*
 * Frames between the rings to the switch and a virtio network card (virtio 1.2 section 5.1) with one pair of queues and no offloads. Buffer i belongs to
 * descriptor i for good: those of the receive queue are with the device but for one that waits for room in a ring, those of the transmit queue while they
 * are sent. What is under way is kept nowhere else: after a restart, when the device was reset, it is lost. Pure but for the device's registers.
 */
#pragma once

#include "frames.h"
#include "transport.h"
#include "turn.h"

#include <stdbool.h>
#include <stdint.h>

#define NIC_BUFFERS 128u /* of each queue */
#define NIC_HEADER \
	12u /* before each frame: struct virtio_net_hdr, section 5.1.6. All zero: nothing is left to do */
#define NIC_QUEUES (2 * VIRTIO_QUEUE_MEMORY)
#define NIC_MEMORY (2 * NIC_BUFFERS * FRAMES_BUFFER)

#define NIC_QUEUE_RECEIVE 0u
#define NIC_QUEUE_TRANSMIT 1u

#define NIC_FEATURE_STATUS (UINT64_C(1) << 16) /* section 5.1.3: the device tells how the line is */

_Static_assert(NIC_HEADER + FRAMES_MAX_LENGTH + FRAMES_TAG <= FRAMES_BUFFER, "a frame fits a buffer");
_Static_assert(NIC_BUFFERS <= VIRTIO_QUEUE_MAX, "a descriptor for each buffer");

struct nic {
	struct virtio_queue receive;
	struct virtio_queue transmit;
	uint8_t *buffers; /* the receive queue's, then the transmit queue's */
	uint64_t buffers_address;
	bool is_with_device[2][NIC_BUFFERS];
	uint8_t free[NIC_BUFFERS]; /* of the transmit queue, a stack */
	uint32_t free_count;
	uint32_t waiting;        /* a frame of so many bytes has come, and has no room; 0: none */
	uint32_t waiting_buffer; /* where it is */
};

/* Makes ready: both queues are open; `buffers`, NIC_MEMORY bytes, are at `address` for the device. Gives the device its receive buffers. */
void nic_init(struct nic *nic, void *buffers, uint64_t address);

/* Whether the line is up, as far as the device tells. */
bool nic_is_up(const struct virtio_device *device);

/* Does what can be done now, but no more than some frames of each direction. While the line is down, what is to be sent is thrown away. */
enum driver_turn nic_turn(struct nic *nic, struct frames *frames, bool is_up);

/* No interrupts are needed. */
void nic_hush(struct nic *nic);

/* Asks for the interrupts that matter, and the switch for its signals. True if there is nothing to do until one comes. */
bool nic_may_sleep(struct nic *nic, struct frames *frames);
