/* SPDX-License-Identifier: MIT */
/* Split virtqueues: see queue.h. Touches guest memory through its windows, and the queue that it is given. */
#include "virtio/queue.h"

#include <stddef.h>

enum { QUEUE_SIZE_MAX = 32768 };

bool virtio_queue_open(
	struct virtio_areas *areas, const struct virtio_queue *queue, const struct guest_memory *memory)
{
	struct virtio_areas found = {
		.descriptors = guest_memory_pointer(memory, queue->descriptors, 16 * (uint64_t)queue->size),
		.available = guest_memory_pointer(memory, queue->driver, virtio_available_bytes(queue->size)),
		.used = guest_memory_pointer(memory, queue->device, virtio_used_bytes(queue->size)),
		.size = queue->size,
	};

	if (queue->size == 0 || queue->size > QUEUE_SIZE_MAX || (queue->size & (queue->size - 1)) != 0 ||
		(queue->descriptors & 15) != 0 || (queue->driver & 1) != 0 || (queue->device & 3) != 0 ||
		found.descriptors == NULL || found.available == NULL || found.used == NULL) {
		return false;
	}
	*areas = found;
	return true;
}

/* A table of descriptors in RAM: the queue's own, or a chain's. */
struct table {
	const uint8_t *bytes;
	uint32_t entries;
};

static bool open_table(
	struct table *table, const struct guest_memory *memory, uint64_t address, uint32_t entries)
{
	table->bytes = guest_memory_pointer(memory, address, 16 * (uint64_t)entries);
	table->entries = entries;
	return table->bytes != NULL;
}

bool virtio_queue_chain(const struct virtio_areas *areas, const struct guest_memory *memory, uint16_t head,
	struct virtio_chain *chain)
{
	uint64_t readable_bytes = 0;
	uint64_t writable_bytes = 0;
	uint32_t readable = 0;
	uint32_t count = 0;
	struct table table = { areas->descriptors, areas->size };
	uint32_t index = head;
	bool indirect = false;

	/* Ends with the segments that a chain may have: one that is linked to itself ends there. */
	while (index < table.entries && count < VIRTIO_SEGMENTS) {
		struct virtio_descriptor descriptor = virtio_descriptor_at(table.bytes, index);
		uint8_t *bytes;

		if ((descriptor.flags & VIRTIO_DESCRIPTOR_INDIRECT) != 0) {
			/* Neither in a table nor with a next one (section 2.7.5.3.1). An empty table says nothing. */
			if (indirect || (descriptor.flags & VIRTIO_DESCRIPTOR_NEXT) != 0 ||
				descriptor.length % 16 != 0 || descriptor.length == 0 ||
				!open_table(&table, memory, descriptor.address, descriptor.length / 16)) {
				return false;
			}
			indirect = true;
			index = 0;
			continue;
		}
		bytes = guest_memory_pointer(memory, descriptor.address, descriptor.length);
		if (bytes == NULL && descriptor.length != 0) {
			return false;
		}
		chain->segment[count] = (struct virtio_segment){ bytes, descriptor.length };
		if ((descriptor.flags & VIRTIO_DESCRIPTOR_WRITE) != 0) {
			writable_bytes += descriptor.length;
		} else if (readable == count) {
			readable_bytes += descriptor.length;
			readable++;
		} else {
			return false; /* all that is read comes first (section 2.7.4.2) */
		}
		count++;
		if ((descriptor.flags & VIRTIO_DESCRIPTOR_NEXT) == 0) {
			chain->head = head;
			chain->readable = (uint16_t)readable;
			chain->count = (uint16_t)count;
			chain->readable_bytes = readable_bytes;
			chain->writable_bytes = writable_bytes;
			return true;
		}
		index = descriptor.next;
	}
	return false;
}

uint64_t virtio_chain_gather(
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

uint64_t virtio_chain_scatter(
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

void virtio_chain_end(const struct virtio_chain *chain, uint8_t byte)
{
	for (uint32_t i = chain->count; i > chain->readable; i--) {
		const struct virtio_segment *segment = &chain->segment[i - 1];

		if (segment->length != 0) {
			segment->bytes[segment->length - 1] = byte;
			return;
		}
	}
}
