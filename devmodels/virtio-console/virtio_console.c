/* SPDX-License-Identifier: MIT */
/* virtio-console with one port (virtio 1.2 section 5.3; no multiport): guest buffers on one side, the console's rings on the other.
 * Touches its registers, its ends of the rings and, through its queues, guest memory. */
#include "virtio-console/virtio_console.h"

#include "virtio/virtio.h"

enum { QUEUE_RECEIVE, QUEUE_TRANSMIT, QUEUES, QUEUE_SIZE = 64 };
enum { PIECE = 64 }; /* bytes copied at once */

struct console_registers {
	struct virtio_registers virtio;
	uint32_t transmit_done; /* bytes of the oldest chain to transmit that are in the ring already */
	uint32_t reserved;
};

/* Console to guest. A buffer is given back with what there is, however little: somebody types. */
static enum virtio_served receive(struct console_registers *console, const struct model_context *context)
{
	struct virtio_registers *virtio = &console->virtio;
	struct model_outputs *outputs = &virtio->outputs;
	struct virtio_chain chain;

	outputs->wants_bytes = 0;
	for (uint32_t i = 0; i < VIRTIO_SERVE_CHAINS; i++) {
		uint32_t available = ring_available(context->receive, outputs->receive_tail);
		uint32_t count;
		uint8_t bytes[PIECE];

		if (available == 0) {
			outputs->wants_bytes = 1;
			return VIRTIO_SERVED_WAITS;
		}
		if (!virtio_take(virtio, context, QUEUE_RECEIVE, &chain)) {
			return VIRTIO_SERVED_EMPTY;
		}
		count = chain.writable_bytes < available ? (uint32_t)chain.writable_bytes : available;
		for (uint32_t done = 0; done < count;) {
			uint32_t part = count - done < PIECE ? count - done : PIECE;

			for (uint32_t j = 0; j < part; j++) {
				bytes[j] = ring_get(context->receive, outputs->receive_tail + j);
			}
			(void)virtio_chain_write(&chain, done, bytes, part);
			outputs->receive_tail += part;
			done += part;
		}
		virtio_give(virtio, context, QUEUE_RECEIVE, chain.head, count);
	}
	return VIRTIO_SERVED_MORE;
}

/* Puts what has room of the chain, from transmit_done on, into the ring. True: all of it is there. */
static bool put(struct console_registers *console, const struct model_context *context,
	const struct virtio_chain *chain)
{
	struct model_outputs *outputs = &console->virtio.outputs;

	while (console->transmit_done < chain->readable_bytes) {
		uint32_t space = ring_space(context->transmit, outputs->transmit_head);
		uint8_t bytes[PIECE];
		uint32_t count = (uint32_t)virtio_chain_read(
			chain, console->transmit_done, bytes, space < PIECE ? space : PIECE);

		if (count == 0) {
			return false;
		}
		for (uint32_t i = 0; i < count; i++) {
			ring_put(context->transmit, outputs->transmit_head + i, bytes[i]);
		}
		outputs->transmit_head += count;
		console->transmit_done += count;
	}
	return true;
}

/* Guest to console. A chain that does not fit stays the next to be taken; how far it went is remembered. */
static enum virtio_served transmit(struct console_registers *console, const struct model_context *context)
{
	struct virtio_registers *virtio = &console->virtio;
	struct virtio_queue *queue = &virtio->queue[QUEUE_TRANSMIT];
	struct virtio_chain chain;

	virtio->outputs.wants_space = 0;
	for (uint32_t i = 0; i < VIRTIO_SERVE_CHAINS; i++) {
		if (!virtio_take(virtio, context, QUEUE_TRANSMIT, &chain)) {
			return VIRTIO_SERVED_EMPTY;
		}
		/* Nobody takes 4 GiB at once. */
		if (chain.readable_bytes > UINT32_MAX) {
			virtio_break(virtio);
			return VIRTIO_SERVED_EMPTY;
		}
		if (!put(console, context, &chain)) {
			queue->next_available--;
			virtio->outputs.wants_space = 1;
			return VIRTIO_SERVED_WAITS;
		}
		console->transmit_done = 0;
		virtio_give(virtio, context, QUEUE_TRANSMIT, chain.head, 0);
	}
	return VIRTIO_SERVED_MORE;
}

static enum virtio_served serve(void *registers, const struct model_context *context, uint32_t queue)
{
	return queue == QUEUE_RECEIVE ? receive(registers, context) : transmit(registers, context);
}

static bool reset(void *registers, const struct model_context *context)
{
	struct console_registers *console = registers;

	(void)context;
	console->transmit_done = 0;
	console->virtio.outputs.wants_bytes = 0;
	console->virtio.outputs.wants_space = 0;
	return true;
}

static const struct virtio_device console_device = {
	.features = VIRTIO_F_INDIRECT_DESC,
	.queue_count = QUEUES,
	.queue_size = { [QUEUE_RECEIVE] = QUEUE_SIZE, [QUEUE_TRANSMIT] = QUEUE_SIZE },
	.reset = reset,
	.serve = serve,
};

const struct model virtio_console_model = {
	VIRTIO_MODEL("virtio-console", 0x324e4f43 /* "CON2" */, struct console_registers, console_device),
	.has_console = true,
};
