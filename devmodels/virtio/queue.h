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

#include "virtio/layout.h"

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
	uint16_t prompt;      /* 1: somebody waits for what was given back last */
	uint16_t waits;       /* 1: is to be served when what the device waits for may have come */
};
_Static_assert(
	sizeof(struct virtio_queue) == 40, "part of register structures: their identity changes with it");

struct virtio_segment {
	uint8_t *bytes;  /* in guest memory; nothing to be used if length is 0 */
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
	VIRTIO_POP_OTHER,  /* a chain, or nonsense, that was not taken: virtio_queue_pop() */
};

/* Where an enabled queue's areas are in this process. Looked up and checked once: good as long as the queue is enabled. */
struct virtio_areas {
	const uint8_t *descriptors;
	const uint8_t *available;
	uint8_t *used;
	uint32_t size; /* entries; 0: not looked up */
};

/* Looks the areas up. False, and nothing done, if they may not be used: not aligned (section 2.7), not in RAM, or `size` no power of two
 * up to 32768. Registers of a former process may say anything, too. */
__attribute__((warn_unused_result)) bool virtio_queue_open(
	struct virtio_areas *areas, const struct virtio_queue *queue, const struct guest_memory *memory);

/* Reads the chain of `head`; that of one in flight again. False if it is nonsense (by now). */
__attribute__((warn_unused_result)) bool virtio_queue_chain(const struct virtio_areas *areas,
	const struct guest_memory *memory, uint16_t head, struct virtio_chain *chain);

/* Chains that the guest has made available; more than the queue has entries: nonsense. */
static inline uint16_t virtio_queue_available(
	const struct virtio_queue *queue, const struct virtio_areas *areas)
{
	return (uint16_t)(virtio_load(areas->available + VIRTIO_RING_INDEX) - queue->next_available);
}

/* Asks the guest to notify of the next chain. True: one has come already, there will be no notification of it. */
__attribute__((warn_unused_result)) static inline bool virtio_queue_wait(
	const struct virtio_queue *queue, const struct virtio_areas *areas)
{
	if (queue->event_index != 0) {
		virtio_store(areas->used + virtio_used_bytes(areas->size) - VIRTIO_RING_EVENT,
			queue->next_available);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	return virtio_queue_available(queue, areas) != 0;
}

/* Shows the guest what was given back up to next_used. `before` is the index shown before. True: it wants an interrupt for it. */
__attribute__((warn_unused_result)) static inline bool virtio_queue_publish(
	const struct virtio_queue *queue, const struct virtio_areas *areas, uint16_t before)
{
	uint16_t event;

	virtio_store(areas->used + VIRTIO_RING_INDEX, queue->next_used);
	/* The guest says what it wants, then looks at the index: one of us sees the other's store. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (queue->event_index == 0) {
		return (virtio_load(areas->available + VIRTIO_RING_FLAGS) & VIRTIO_AVAILABLE_NO_INTERRUPT) ==
		       0;
	}
	event = virtio_load(areas->available + virtio_available_bytes(areas->size) - VIRTIO_RING_EVENT);
	/* Whether `event` is one of the entries shown now (section 2.7.7.1). */
	return (uint16_t)(queue->next_used - event - 1) < (uint16_t)(queue->next_used - before);
}

/* The head of the next chain. */
__attribute__((warn_unused_result)) static inline enum virtio_pop virtio_queue_next(
	const struct virtio_queue *queue, const struct virtio_areas *areas, uint16_t *head)
{
	uint32_t size = areas->size;
	uint32_t place = queue->next_available & (size - 1u);
	uint16_t ready = virtio_queue_available(queue, areas);

	if (ready == 0) {
		return VIRTIO_POP_EMPTY;
	}
	*head = virtio_load(areas->available + VIRTIO_RING_ENTRIES + VIRTIO_AVAILABLE_ENTRY * place);
	return ready > size ? VIRTIO_POP_BROKEN : VIRTIO_POP_CHAIN;
}

/* Takes the next chain. `queue` is enabled. */
__attribute__((warn_unused_result)) static inline enum virtio_pop virtio_queue_pop(struct virtio_queue *queue,
	const struct virtio_areas *areas, const struct guest_memory *memory, struct virtio_chain *chain)
{
	uint16_t head;
	enum virtio_pop found = virtio_queue_next(queue, areas, &head);

	if (found == VIRTIO_POP_CHAIN) {
		if (!virtio_queue_chain(areas, memory, head, chain)) {
			return VIRTIO_POP_BROKEN;
		}
		queue->next_available++;
	}
	return found;
}

/* The same where the next chain is one descriptor, as most buffers of a network are, that the device reads (`flags` 0) or writes
 * (VIRTIO_DESCRIPTOR_WRITE). Any other is VIRTIO_POP_OTHER. */
__attribute__((warn_unused_result)) static inline enum virtio_pop virtio_queue_pop_single(
	struct virtio_queue *queue, const struct virtio_areas *areas, const struct guest_memory *memory,
	uint16_t flags, uint16_t *head, struct virtio_segment *segment)
{
	enum virtio_pop found = virtio_queue_next(queue, areas, head);
	struct virtio_descriptor descriptor;
	uint8_t *bytes;

	if (found == VIRTIO_POP_EMPTY) {
		return VIRTIO_POP_EMPTY;
	}
	if (found == VIRTIO_POP_BROKEN || *head >= areas->size) {
		return VIRTIO_POP_OTHER;
	}
	descriptor = virtio_descriptor_at(areas->descriptors, *head);
	if ((descriptor.flags & VIRTIO_DESCRIPTOR_KINDS) != flags) {
		return VIRTIO_POP_OTHER;
	}
	bytes = guest_memory_pointer(memory, descriptor.address, descriptor.length);
	if (bytes == NULL) {
		return VIRTIO_POP_OTHER;
	}
	*segment = (struct virtio_segment){ bytes, descriptor.length };
	queue->next_available++;
	return VIRTIO_POP_CHAIN;
}

/* Gives the chain of `head` back, into whose buffers `length` bytes were written. */
static inline void virtio_queue_push(
	struct virtio_queue *queue, const struct virtio_areas *areas, uint16_t head, uint32_t length)
{
	uint32_t place = queue->next_used & (areas->size - 1u);

	virtio_used_write(areas->used + VIRTIO_RING_ENTRIES + VIRTIO_USED_ENTRY * place, head, length);
	queue->next_used++;
}

/* The functions below, whatever the segments are like. */
uint64_t virtio_chain_gather(
	const struct virtio_chain *chain, uint64_t offset, void *destination, uint64_t count);
uint64_t virtio_chain_scatter(
	const struct virtio_chain *chain, uint64_t offset, const void *source, uint64_t count);

/* Whether the segment alone has these bytes. */
static inline bool virtio_segment_has(const struct virtio_segment *segment, uint64_t offset, uint64_t count)
{
	return offset < segment->length && count <= segment->length - offset;
}

/* Copies out of the chain's readable part, from `offset`; the bytes copied, fewer than `count` at its end. */
static inline uint64_t virtio_chain_read(
	const struct virtio_chain *chain, uint64_t offset, void *destination, uint64_t count)
{
	if (chain->readable != 0 && virtio_segment_has(&chain->segment[0], offset, count)) {
		__builtin_memcpy(destination, chain->segment[0].bytes + offset, count);
		return count;
	}
	return virtio_chain_gather(chain, offset, destination, count);
}

/* Copies into its writable part, likewise. */
static inline uint64_t virtio_chain_write(
	const struct virtio_chain *chain, uint64_t offset, const void *source, uint64_t count)
{
	const struct virtio_segment *first = &chain->segment[chain->readable];

	if (chain->readable < chain->count && virtio_segment_has(first, offset, count)) {
		__builtin_memcpy(first->bytes + offset, source, count);
		return count;
	}
	return virtio_chain_scatter(chain, offset, source, count);
}

/* Writes the last byte of its writable part, which is not empty. */
void virtio_chain_end(const struct virtio_chain *chain, uint8_t byte);
