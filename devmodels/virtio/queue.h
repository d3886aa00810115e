/* SPDX-License-Identifier: MIT */
/* Split virtqueues (virtio 1.2 section 2.7), the device's side. All that lies in guest memory is read once and checked: the guest
 * may change it at any time. What the device knows of a queue stands in its registers, so that it outlives the process:
 *
 *   guest                                             registers
 *   available ring:  ... next_available -> index      taken: before next_available
 *   used ring:       ... next_used -> (free)          given back: before next_used; the guest sees the ring's index,
 *                                                     which is stored after next_used was committed
 *
 * A chain that was taken and not given back is in flight: a model that keeps such remembers their heads in its registers, and
 * has them read again (virtio_queue_chain) after a restart, for the guest leaves them alone until they are given back. Killed before
 * the commit, a model takes the same chains again, and writes the same into the same buffers and used elements. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <bulkhead/guest_memory.h>

#define VIRTIO_NO_VECTOR 0xffffu

/* Most segments of a chain. A longer one breaks the queue, as one that never ends does. */
#define VIRTIO_SEGMENTS 130u

struct virtio_queue {
	uint64_t descriptors; /* guest-physical addresses */
	uint64_t driver;      /* available ring */
	uint64_t device;      /* used ring */
	uint16_t size;        /* entries, a power of two */
	uint16_t vector;      /* of MSI-X, or VIRTIO_NO_VECTOR */
	uint16_t next_available;
	uint16_t next_used;
	uint16_t enabled;     /* 1: none of the above but the indices changes any more */
	uint16_t event_index; /* 1: VIRTIO_F_EVENT_IDX was negotiated */
	uint32_t reserved;
};
_Static_assert(
	sizeof(struct virtio_queue) == 40, "part of register structures: their identity changes with it");

struct virtio_segment {
	uint8_t *bytes;  /* in guest memory; NULL if length is 0 */
	uint32_t length; /* bytes */
};

/* A descriptor chain, copied and checked: `readable` segments that the device reads, then those that it writes. */
struct virtio_chain {
	uint16_t head;
	uint16_t readable; /* segments */
	uint16_t count;    /* segments in all */
	uint64_t readable_bytes;
	uint64_t writable_bytes;
	struct virtio_segment segment[VIRTIO_SEGMENTS];
};

enum virtio_pop {
	VIRTIO_POP_EMPTY,
	VIRTIO_POP_CHAIN,
	VIRTIO_POP_BROKEN, /* the guest's ring is nonsense: the device needs a reset */
};

/* Whether the three areas may be used: aligned (section 2.7), in RAM, `size` a power of two up to 32768. */
__attribute__((warn_unused_result)) bool virtio_queue_valid(
	const struct virtio_queue *queue, const struct guest_memory *memory);

/* Takes the next chain. `queue` is enabled. */
__attribute__((warn_unused_result)) enum virtio_pop virtio_queue_pop(
	struct virtio_queue *queue, const struct guest_memory *memory, struct virtio_chain *chain);

/* Reads the chain of `head` again, which is in flight. False if it is nonsense (by now). */
__attribute__((warn_unused_result)) bool virtio_queue_chain(const struct virtio_queue *queue,
	const struct guest_memory *memory, uint16_t head, struct virtio_chain *chain);

/* Gives the chain of `head` back, into whose buffers `length` bytes were written. */
void virtio_queue_push(
	struct virtio_queue *queue, const struct guest_memory *memory, uint16_t head, uint32_t length);

/* Chains that the guest has made available; 0 if its index is nonsense. */
uint16_t virtio_queue_available(const struct virtio_queue *queue, const struct guest_memory *memory);

/* Asks the guest to notify of the next chain. True: one has come already, there will be no notification of it. */
__attribute__((warn_unused_result)) bool virtio_queue_wait(
	const struct virtio_queue *queue, const struct guest_memory *memory);

/* Shows the guest what was given back up to next_used. `before` is the index shown before. True: it wants an interrupt for it. */
__attribute__((warn_unused_result)) bool virtio_queue_publish(
	const struct virtio_queue *queue, const struct guest_memory *memory, uint16_t before);

/* Copies out of the chain's readable part, from `offset`; the bytes copied, fewer than `count` at its end. */
uint64_t virtio_chain_read(
	const struct virtio_chain *chain, uint64_t offset, void *destination, uint64_t count);

/* Copies into its writable part, likewise. */
uint64_t virtio_chain_write(
	const struct virtio_chain *chain, uint64_t offset, const void *source, uint64_t count);
