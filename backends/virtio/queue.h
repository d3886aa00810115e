/* SPDX-License-Identifier: MIT */
/*
 * A split queue from the driver's side (virtio 1.2 section 2.7), in memory that the device reads and writes:
 *
 *   0      descriptors, 16 bytes each
 *   4096   available ring: the driver's
 *   8192   used ring: the device's. Nothing in it is believed
 *
 * The caller says which descriptors are what; here they are written, offered and taken back. Pure but for the doorbell (mmio.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define VIRTIO_QUEUE_MAX 256u /* entries; 256 descriptors fill a page */
#define VIRTIO_QUEUE_MEMORY 0x3000u
#define VIRTIO_QUEUE_AVAILABLE 0x1000u
#define VIRTIO_QUEUE_USED 0x2000u

#define VIRTIO_DESCRIPTOR_NEXT 1u  /* another follows */
#define VIRTIO_DESCRIPTOR_WRITE 2u /* the device writes there; otherwise it reads */

struct virtio_descriptor {
	uint64_t address; /* as the device sees it */
	uint32_t length;
	uint16_t flags;
	uint16_t next;
};
_Static_assert(sizeof(struct virtio_descriptor) == 16, "virtio 1.2 section 2.7.5");

struct virtio_available {
	uint16_t flags;
	uint16_t index;
	uint16_t ring[VIRTIO_QUEUE_MAX];
};

struct virtio_used {
	uint16_t flags; /* bit 0: the device wants no doorbell */
	uint16_t index;
	struct {
		uint32_t head;
		uint32_t length;
	} ring[VIRTIO_QUEUE_MAX];
};

struct virtio_queue {
	struct virtio_descriptor *descriptor;
	struct virtio_available *available;
	const volatile struct virtio_used *used;
	volatile uint8_t *doorbell;
	uint16_t number;
	uint16_t size;      /* entries, 1 to VIRTIO_QUEUE_MAX; a power of two */
	uint16_t offered;   /* so far, wraps */
	uint16_t published; /* of these, the device knows */
	uint16_t taken;     /* so far, wraps */
	uint32_t taken_length;
};

enum virtio_taken {
	VIRTIO_NOTHING,
	VIRTIO_TAKEN,
	VIRTIO_NONSENSE, /* the device says that it used more than it was offered */
};

/* Lays the queue out in `memory`, VIRTIO_QUEUE_MEMORY bytes, and zeroes it. The device must not know it yet. */
void virtio_queue_init(struct virtio_queue *queue, void *memory, uint16_t number, uint16_t size);

/* Offers the chain that begins at descriptor `head`, which is written. The device is told by virtio_queue_kick(). */
void virtio_queue_offer(struct virtio_queue *queue, uint16_t head);

/* Tells the device of what was offered, if there is something new. */
void virtio_queue_kick(struct virtio_queue *queue);

/* Takes back what the device has used. *head is the device's word: any 32 bits; and so is queue->taken_length, what it says that it wrote. */
enum virtio_taken virtio_queue_take(struct virtio_queue *queue, uint32_t *head);

/* Asks for no interrupts (section 2.7.7); the device may send some all the same. */
void virtio_queue_hush(struct virtio_queue *queue);

/* Asks for an interrupt when the device has used something. True if it has not yet. */
bool virtio_queue_listen(struct virtio_queue *queue);
