/* SPDX-License-Identifier: MIT */
/* Split virtqueues as they lie in guest memory (virtio 1.2 section 2.7): places, and the words there. All of it may change at any time:
 * each word is read once. */
#pragma once

#include <stdint.h>

/* A descriptor (section 2.7.5). */
struct virtio_descriptor {
	uint64_t address; /* guest-physical */
	uint32_t length;  /* bytes */
	uint16_t flags;
	uint16_t next;
};
_Static_assert(sizeof(struct virtio_descriptor) == 16, "section 2.7.5");

enum {
	VIRTIO_DESCRIPTOR_NEXT = 1,
	VIRTIO_DESCRIPTOR_WRITE = 2,
	VIRTIO_DESCRIPTOR_INDIRECT = 4,
	VIRTIO_DESCRIPTOR_KINDS = 7, /* all of them */
};
enum { VIRTIO_AVAILABLE_NO_INTERRUPT = 1 };

/* Places in the rings (sections 2.7.6 and 2.7.8): flags, index, entries, and behind them the other side's event index. */
enum {
	VIRTIO_RING_FLAGS = 0,
	VIRTIO_RING_INDEX = 2,
	VIRTIO_RING_ENTRIES = 4,
	VIRTIO_AVAILABLE_ENTRY = 2,
	VIRTIO_USED_ENTRY = 8,
	VIRTIO_RING_EVENT = 2, /* bytes of an event index */
};

static inline uint64_t virtio_available_bytes(uint32_t entries)
{
	return VIRTIO_RING_ENTRIES + (uint64_t)entries * VIRTIO_AVAILABLE_ENTRY + VIRTIO_RING_EVENT;
}

static inline uint64_t virtio_used_bytes(uint32_t entries)
{
	return VIRTIO_RING_ENTRIES + (uint64_t)entries * VIRTIO_USED_ENTRY + VIRTIO_RING_EVENT;
}

/* A 16-bit word at `bytes`, which is aligned. */
static inline uint16_t virtio_load(const uint8_t *bytes)
{
	return __atomic_load_n((const uint16_t *)(const void *)bytes, __ATOMIC_ACQUIRE);
}

static inline void virtio_store(uint8_t *bytes, uint16_t value)
{
	__atomic_store_n((uint16_t *)(void *)bytes, value, __ATOMIC_RELEASE);
}

/* Eight bytes that may stand anywhere, as an indirect table does. */
struct virtio_word {
	uint64_t word;
} __attribute__((packed, may_alias));

/* Descriptor `index` of the table at `table`. */
static inline struct virtio_descriptor virtio_descriptor_at(const uint8_t *table, uint32_t index)
{
	const volatile struct virtio_word *words = (const void *)(table + 16 * (uint64_t)index);
	uint64_t first = words[0].word;
	uint64_t second = words[1].word;

	return (struct virtio_descriptor){
		.address = first,
		.length = (uint32_t)second,
		.flags = (uint16_t)(second >> 32),
		.next = (uint16_t)(second >> 48),
	};
}

/* Writes a used element (section 2.7.8) at `bytes`. */
static inline void virtio_used_write(uint8_t *bytes, uint16_t head, uint32_t length)
{
	volatile struct virtio_word *element = (void *)bytes;

	element->word = head | (uint64_t)length << 32;
}
