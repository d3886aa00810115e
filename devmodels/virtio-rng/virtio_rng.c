/* SPDX-License-Identifier: MIT */
/* virtio-rng, the entropy device (virtio 1.2 section 5.4): hands over bytes that come from the entropy task by a ring. Touches its
 * registers, its end of the ring and, through its queue, guest memory. */
#include "virtio-rng/virtio_rng.h"

#include "virtio/virtio.h"

enum { QUEUE_REQUESTS = 0, QUEUE_SIZE = 64 };

struct rng_registers {
	struct virtio_registers virtio;
};

/* Fills the chain as far as there are bytes. */
static uint32_t fill(struct model_outputs *outputs, const struct ring *ring, const struct virtio_chain *chain,
	uint32_t available)
{
	uint32_t count = chain->writable_bytes < available ? (uint32_t)chain->writable_bytes : available;
	uint8_t bytes[64];

	for (uint32_t done = 0; done < count; done += sizeof(bytes)) {
		uint32_t part = count - done < sizeof(bytes) ? count - done : sizeof(bytes);

		for (uint32_t i = 0; i < part; i++) {
			bytes[i] = ring_get(ring, outputs->receive_tail + i);
		}
		(void)virtio_chain_write(chain, done, bytes, part);
		outputs->receive_tail += part;
	}
	return count;
}

static enum virtio_served serve(void *registers, const struct model_context *context, uint32_t queue)
{
	struct virtio_registers *virtio = registers;
	struct model_outputs *outputs = &virtio->outputs;
	struct virtio_chain chain;

	outputs->wants_bytes = 0;
	for (uint32_t i = 0; i < VIRTIO_SERVE_CHAINS; i++) {
		uint32_t available = ring_available(context->receive, outputs->receive_tail);

		if (available == 0 &&
			virtio_queue_available(&virtio->queue[queue], virtio_areas(context, queue)) != 0) {
			outputs->wants_bytes = 1;
			return VIRTIO_SERVED_WAITS;
		}
		if (!virtio_take(virtio, context, queue, &chain)) {
			return VIRTIO_SERVED_EMPTY;
		}
		virtio_give(virtio, context, queue, chain.head,
			fill(outputs, context->receive, &chain, available));
	}
	return VIRTIO_SERVED_MORE;
}

static const struct virtio_device rng_device = {
	.features = VIRTIO_F_INDIRECT_DESC,
	.queue_count = QUEUE_REQUESTS + 1,
	.queue_size = { [QUEUE_REQUESTS] = QUEUE_SIZE },
	.serve = serve,
};

const struct model virtio_rng_model = {
	VIRTIO_MODEL("virtio-rng", 0x32474e52 /* "RNG2" */, struct rng_registers, rng_device),
	.has_console = true, /* its ring from the entropy task */
};
