/* SPDX-License-Identifier: MIT */
/* Split virtqueues: see queue.h. Touches guest memory through its windows, and the queue that it is given. */
#include "virtio/queue.h"

#include <stddef.h>

/* A descriptor (section 2.7.5). */
struct descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t flags;
	uint16_t next;
};
_Static_assert(sizeof(struct descriptor) == 16, "section 2.7.5");

enum { FLAG_NEXT = 1, FLAG_WRITE = 2, FLAG_INDIRECT = 4 };
enum { AVAILABLE_NO_INTERRUPT = 1 };
enum { QUEUE_SIZE_MAX = 32768 };

/* Places in the rings (sections 2.7.6 and 2.7.8): flags, index, entries, and behind them the other side's event index. */
enum {
	RING_FLAGS = 0,
	RING_INDEX = 2,
	RING_ENTRIES = 4,
	AVAILABLE_ENTRY = 2,
	USED_ENTRY = 8,
	RING_EVENT = 2, /* bytes of an event index */
};

static uint64_t available_bytes(const struct virtio_queue *queue)
{
	return RING_ENTRIES + (uint64_t)queue->size * AVAILABLE_ENTRY + RING_EVENT;
}

static uint64_t used_bytes(const struct virtio_queue *queue)
{
	return RING_ENTRIES + (uint64_t)queue->size * USED_ENTRY + RING_EVENT;
}

bool virtio_queue_valid(const struct virtio_queue *queue, const struct guest_memory *memory)
{
	return queue->size != 0 && queue->size <= QUEUE_SIZE_MAX && (queue->size & (queue->size - 1)) == 0 &&
	       (queue->descriptors & 15) == 0 && (queue->driver & 1) == 0 && (queue->device & 3) == 0 &&
	       guest_memory_pointer(memory, queue->descriptors, 16 * (uint64_t)queue->size) != NULL &&
	       guest_memory_pointer(memory, queue->driver, available_bytes(queue)) != NULL &&
	       guest_memory_pointer(memory, queue->device, used_bytes(queue)) != NULL;
}

/* A 16-bit word of a ring; NULL if it is not in RAM, which virtio_queue_valid() has excluded. */
static uint16_t *ring_word(const struct guest_memory *memory, uint64_t ring, uint64_t offset)
{
	return (uint16_t *)(void *)guest_memory_pointer(memory, ring + offset, sizeof(uint16_t));
}

static uint16_t load(const uint16_t *word)
{
	return word != NULL ? __atomic_load_n(word, __ATOMIC_ACQUIRE) : 0;
}

static void store(uint16_t *word, uint16_t value)
{
	if (word != NULL) {
		__atomic_store_n(word, value, __ATOMIC_RELEASE);
	}
}

uint16_t virtio_queue_available(const struct virtio_queue *queue, const struct guest_memory *memory)
{
	uint16_t ready =
		(uint16_t)(load(ring_word(memory, queue->driver, RING_INDEX)) - queue->next_available);

	return ready <= queue->size ? ready : 0;
}

/* A word of an indirect table, which may stand anywhere. */
struct unaligned {
	uint64_t word;
} __attribute__((packed, may_alias));

/* One descriptor of the table at `table`, copied once. */
static bool read_descriptor(
	const struct guest_memory *memory, uint64_t table, uint32_t index, struct descriptor *descriptor)
{
	const uint8_t *from = guest_memory_pointer(memory, table + 16 * (uint64_t)index, sizeof(*descriptor));
	uint64_t words[2];

	if (from == NULL) {
		return false;
	}
	words[0] = ((const volatile struct unaligned *)(const void *)from)->word;
	words[1] = ((const volatile struct unaligned *)(const void *)(from + 8))->word;
	*descriptor = (struct descriptor){
		.address = words[0],
		.length = (uint32_t)words[1],
		.flags = (uint16_t)(words[1] >> 32),
		.next = (uint16_t)(words[1] >> 48),
	};
	return true;
}

static bool add_segment(
	struct virtio_chain *chain, const struct guest_memory *memory, const struct descriptor *descriptor)
{
	bool writable = (descriptor->flags & FLAG_WRITE) != 0;
	uint8_t *bytes = NULL;

	/* All that is read comes first (section 2.7.4.2). */
	if (chain->count == VIRTIO_SEGMENTS || (!writable && chain->count != chain->readable)) {
		return false;
	}
	if (descriptor->length != 0) {
		bytes = guest_memory_pointer(memory, descriptor->address, descriptor->length);
		if (bytes == NULL) {
			return false;
		}
	}
	chain->segment[chain->count++] = (struct virtio_segment){ bytes, descriptor->length };
	if (writable) {
		chain->writable_bytes += descriptor->length;
	} else {
		chain->readable++;
		chain->readable_bytes += descriptor->length;
	}
	return true;
}

bool virtio_queue_chain(const struct virtio_queue *queue, const struct guest_memory *memory, uint16_t head,
	struct virtio_chain *chain)
{
	uint64_t table = queue->descriptors;
	uint32_t entries = queue->size;
	uint32_t index = head;
	bool indirect = false;

	chain->head = head;
	chain->readable = 0;
	chain->count = 0;
	chain->readable_bytes = 0;
	chain->writable_bytes = 0;
	/* As many steps as there can be: a chain that is linked to itself ends here. One step more is for the descriptor that leads to
	 * an indirect table. */
	for (uint32_t step = 0; step <= VIRTIO_SEGMENTS; step++) {
		struct descriptor descriptor;

		if (index >= entries || !read_descriptor(memory, table, index, &descriptor)) {
			return false;
		}
		if ((descriptor.flags & FLAG_INDIRECT) != 0) {
			/* Neither in a table nor with a next one (section 2.7.5.3.1). An empty table says nothing. */
			if (indirect || (descriptor.flags & FLAG_NEXT) != 0 || descriptor.length % 16 != 0 ||
				descriptor.length == 0) {
				return false;
			}
			indirect = true;
			table = descriptor.address;
			entries = descriptor.length / 16;
			index = 0;
			continue;
		}
		if (!add_segment(chain, memory, &descriptor)) {
			return false;
		}
		if ((descriptor.flags & FLAG_NEXT) == 0) {
			return true;
		}
		index = descriptor.next;
	}
	return false;
}

enum virtio_pop virtio_queue_pop(
	struct virtio_queue *queue, const struct guest_memory *memory, struct virtio_chain *chain)
{
	uint16_t ready =
		(uint16_t)(load(ring_word(memory, queue->driver, RING_INDEX)) - queue->next_available);
	uint16_t head;

	if (ready == 0) {
		return VIRTIO_POP_EMPTY;
	}
	if (ready > queue->size) {
		return VIRTIO_POP_BROKEN;
	}
	head = load(ring_word(memory, queue->driver,
		RING_ENTRIES + AVAILABLE_ENTRY * (uint64_t)(queue->next_available & (queue->size - 1))));
	if (!virtio_queue_chain(queue, memory, head, chain)) {
		return VIRTIO_POP_BROKEN;
	}
	queue->next_available++;
	return VIRTIO_POP_CHAIN;
}

void virtio_queue_push(
	struct virtio_queue *queue, const struct guest_memory *memory, uint16_t head, uint32_t length)
{
	uint64_t place = RING_ENTRIES + USED_ENTRY * (uint64_t)(queue->next_used & (queue->size - 1));
	uint8_t *element = guest_memory_pointer(memory, queue->device + place, USED_ENTRY);

	if (element != NULL) {
		__atomic_store_n((uint32_t *)(void *)element, head, __ATOMIC_RELAXED);
		__atomic_store_n((uint32_t *)(void *)(element + 4), length, __ATOMIC_RELAXED);
	}
	queue->next_used++;
}

bool virtio_queue_wait(const struct virtio_queue *queue, const struct guest_memory *memory)
{
	if (queue->event_index != 0) {
		store(ring_word(memory, queue->device, RING_ENTRIES + USED_ENTRY * (uint64_t)queue->size),
			queue->next_available);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	return load(ring_word(memory, queue->driver, RING_INDEX)) != queue->next_available;
}

bool virtio_queue_publish(
	const struct virtio_queue *queue, const struct guest_memory *memory, uint16_t before)
{
	uint16_t event;

	store(ring_word(memory, queue->device, RING_INDEX), queue->next_used);
	/* The guest says what it wants, then looks at the index: one of us sees the other's store. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (queue->event_index == 0) {
		return (load(ring_word(memory, queue->driver, RING_FLAGS)) & AVAILABLE_NO_INTERRUPT) == 0;
	}
	event = load(
		ring_word(memory, queue->driver, RING_ENTRIES + AVAILABLE_ENTRY * (uint64_t)queue->size));
	/* Whether `event` is one of the entries shown now (section 2.7.7.1). */
	return (uint16_t)(queue->next_used - event - 1) < (uint16_t)(queue->next_used - before);
}

uint64_t virtio_chain_read(
	const struct virtio_chain *chain, uint64_t offset, void *destination, uint64_t count)
{
	uint8_t *to = destination;
	uint64_t done = 0;

	for (uint32_t i = 0; i < chain->readable && done < count; i++) {
		uint64_t length = chain->segment[i].length;
		uint64_t part;

		if (offset >= length) {
			offset -= length;
			continue;
		}
		part = length - offset < count - done ? length - offset : count - done;
		__builtin_memcpy(to + done, chain->segment[i].bytes + offset, part);
		done += part;
		offset = 0;
	}
	return done;
}

uint64_t virtio_chain_write(
	const struct virtio_chain *chain, uint64_t offset, const void *source, uint64_t count)
{
	const uint8_t *from = source;
	uint64_t done = 0;

	for (uint32_t i = chain->readable; i < chain->count && done < count; i++) {
		uint64_t length = chain->segment[i].length;
		uint64_t part;

		if (offset >= length) {
			offset -= length;
			continue;
		}
		part = length - offset < count - done ? length - offset : count - done;
		__builtin_memcpy(chain->segment[i].bytes + offset, from + done, part);
		done += part;
		offset = 0;
	}
	return done;
}
