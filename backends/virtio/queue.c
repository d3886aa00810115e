/* SPDX-License-Identifier: MIT */
/* The split queue: see queue.h. Pure but for the doorbell. */
#include "queue.h"

#include "mmio.h"

#include <stddef.h>
#include <string.h>

#define USED_NO_DOORBELL 1u
#define AVAILABLE_NO_INTERRUPT 1u

_Static_assert(sizeof(struct virtio_descriptor) * VIRTIO_QUEUE_MAX <= VIRTIO_QUEUE_AVAILABLE &&
		       sizeof(struct virtio_available) <= VIRTIO_QUEUE_USED - VIRTIO_QUEUE_AVAILABLE &&
		       sizeof(struct virtio_used) <= VIRTIO_QUEUE_MEMORY - VIRTIO_QUEUE_USED,
	"the parts of a queue do not overlap");
_Static_assert(offsetof(struct virtio_used, ring) == 4, "virtio 1.2 section 2.7.8");

void virtio_queue_init(struct virtio_queue *queue, void *memory, uint16_t number, uint16_t size)
{
	uint8_t *bytes = memory;

	memset(memory, 0, VIRTIO_QUEUE_MEMORY);
	*queue = (struct virtio_queue){
		.descriptor = (struct virtio_descriptor *)memory,
		.available = (struct virtio_available *)(void *)(bytes + VIRTIO_QUEUE_AVAILABLE),
		.used = (const volatile struct virtio_used *)(void *)(bytes + VIRTIO_QUEUE_USED),
		.number = number,
		.size = size,
	};
}

void virtio_queue_offer(struct virtio_queue *queue, uint16_t head)
{
	queue->available->ring[queue->offered % queue->size] = head;
	queue->offered++;
}

void virtio_queue_kick(struct virtio_queue *queue)
{
	if (queue->published == queue->offered) {
		return;
	}
	queue->published = queue->offered;
	__atomic_store_n(&queue->available->index, queue->offered, __ATOMIC_RELEASE);
	/* The device may have stopped to want doorbells after it last looked at the index, or the other way round. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if ((queue->used->flags & USED_NO_DOORBELL) == 0) {
		mmio_write(queue->doorbell, 2, queue->number);
	}
}

enum virtio_taken virtio_queue_take(struct virtio_queue *queue, uint32_t *head)
{
	uint16_t used = __atomic_load_n(&queue->used->index, __ATOMIC_ACQUIRE);

	if (used == queue->taken) {
		return VIRTIO_NOTHING;
	}
	if ((uint16_t)(used - queue->taken) > (uint16_t)(queue->published - queue->taken)) {
		return VIRTIO_NONSENSE;
	}
	*head = queue->used->ring[queue->taken % queue->size].head;
	queue->taken_length = queue->used->ring[queue->taken % queue->size].length;
	queue->taken++;
	return VIRTIO_TAKEN;
}

void virtio_queue_hush(struct virtio_queue *queue)
{
	__atomic_store_n(&queue->available->flags, AVAILABLE_NO_INTERRUPT, __ATOMIC_RELAXED);
}

bool virtio_queue_listen(struct virtio_queue *queue)
{
	__atomic_store_n(&queue->available->flags, 0, __ATOMIC_RELAXED);
	/* The device may have used a chain after it last looked at the flags. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&queue->used->index, __ATOMIC_ACQUIRE) == queue->taken;
}
