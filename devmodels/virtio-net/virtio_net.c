/* SPDX-License-Identifier: MIT */
/* virtio-net with one pair of queues (virtio 1.2 section 5.1; no control queue): guest buffers on one side, the rings to the switch and from it
 * on the other. Touches its registers, its ends of the rings and, through its queues, guest memory.
 *
 * Frames of many packets, and such whose checksum is still to be put in, go through the rings as they are: between two guests that
 * both know that, nobody ever cuts or sums. For a guest that does not, its own model does it. */
#include "virtio-net/virtio_net.h"

#include "virtio/virtio.h"

#include <bulkhead/mac.h>
#include <bulkhead/offload.h>

#include <stddef.h>

enum { QUEUE_RECEIVE, QUEUE_TRANSMIT, QUEUES, QUEUE_SIZE = 256 };
enum { MERGED_MAX = 160 }; /* buffers of one frame; with Linux's of a page and less, the largest takes 43 */

/* Section 5.1.3. */
#define FEATURE_CHECKSUM (UINT64_C(1) << 0)
#define FEATURE_GUEST_CHECKSUM (UINT64_C(1) << 1)
#define FEATURE_MAC (UINT64_C(1) << 5)
#define FEATURE_GUEST_TSO4 (UINT64_C(1) << 7)
#define FEATURE_GUEST_TSO6 (UINT64_C(1) << 8)
#define FEATURE_HOST_TSO4 (UINT64_C(1) << 11)
#define FEATURE_HOST_TSO6 (UINT64_C(1) << 12)
#define FEATURE_MERGED_BUFFERS (UINT64_C(1) << 15)

enum { MAC_SIZE = 6 };

/* Before each frame in guest memory (section 5.1.6). Little-endian, as we are. */
struct net_header {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t header_length;
	uint16_t gso_size;
	uint16_t checksum_start;
	uint16_t checksum_offset;
	uint16_t buffers;
};
_Static_assert(sizeof(struct net_header) == 12, "section 5.1.6: 12 bytes with VERSION_1");

struct net_registers {
	struct virtio_registers virtio;
	uint64_t mac;
	uint32_t cut;     /* packets of the oldest frame that the guest has already */
	uint32_t discard; /* 1: what has come for nobody, before the driver ran, is not for it */
};

/* The next chain of `queue`, whose only segment is as a rule such as `flags` says: virtio_take(), soon done for such. */
static inline bool take(struct virtio_registers *virtio, const struct model_context *context, uint32_t queue,
	uint16_t flags, struct virtio_chain *chain)
{
	struct virtio_segment segment;
	uint16_t head;
	enum virtio_pop found = virtio_queue_pop_single(
		&virtio->queue[queue], virtio_areas(context, queue), context->memory, flags, &head, &segment);

	if (found != VIRTIO_POP_CHAIN) {
		return found == VIRTIO_POP_OTHER && virtio_take(virtio, context, queue, chain);
	}
	chain->head = head;
	chain->count = 1;
	chain->readable = flags == 0;
	chain->readable_bytes = flags == 0 ? segment.length : 0;
	chain->writable_bytes = segment.length - chain->readable_bytes;
	chain->segment[0] = segment;
	return true;
}

/* ---- Guest to switch ---- */

/* Copies the chain's bytes from `skip` on into the ring. */
static void put_chain(
	const struct ring *ring, uint32_t index, const struct virtio_chain *chain, uint32_t skip)
{
	for (uint32_t i = 0; i < chain->readable; i++) {
		const struct virtio_segment *segment = &chain->segment[i];

		if (skip >= segment->length) {
			skip -= segment->length;
			continue;
		}
		frame_ring_put(ring, index, segment->bytes + skip, segment->length - skip);
		index += segment->length - skip;
		skip = 0;
	}
}

/* The frame of a chain; false if it is none. Whether its offloads make sense the switch judges. */
static bool read_frame(const struct virtio_chain *chain, struct frame *frame)
{
	struct net_header header;

	if (chain->readable_bytes < sizeof(header) + FRAME_MIN_LENGTH ||
		chain->readable_bytes > sizeof(header) + FRAME_MAX_LENGTH) {
		return false;
	}
	(void)virtio_chain_read(chain, 0, &header, sizeof(header));
	*frame = (struct frame){
		.length = (uint32_t)(chain->readable_bytes - sizeof(header)),
		.offload = { .flags = header.flags,
			.gso_type = header.gso_type,
			.gso_size = header.gso_size,
			.checksum_start = header.checksum_start,
			.checksum_offset = header.checksum_offset },
	};
	return true;
}

/* A chain that has no room stays the next to be taken. What is no frame is given back, and nothing else happens. */
static enum virtio_served transmit(struct net_registers *net, const struct model_context *context)
{
	struct virtio_registers *virtio = &net->virtio;
	struct model_outputs *outputs = &virtio->outputs;
	struct virtio_chain chain;

	outputs->wants_space = 0;
	for (uint32_t i = 0; i < VIRTIO_SERVE_CHAINS; i++) {
		struct frame frame;

		if (!take(virtio, context, QUEUE_TRANSMIT, 0, &chain)) {
			return VIRTIO_SERVED_EMPTY;
		}
		if (read_frame(&chain, &frame)) {
			if (!frame_ring_has_room(context->transmit, outputs->transmit_head, frame.length)) {
				virtio->queue[QUEUE_TRANSMIT].next_available--;
				outputs->wants_space = frame_record_size(frame.length);
				return VIRTIO_SERVED_WAITS;
			}
			frame_ring_begin(context->transmit, outputs->transmit_head, &frame);
			put_chain(context->transmit, frame_ring_frame(outputs->transmit_head), &chain,
				sizeof(struct net_header));
			outputs->transmit_head += frame_record_size(frame.length);
		}
		virtio_give(virtio, context, QUEUE_TRANSMIT, chain.head, 0);
	}
	return VIRTIO_SERVED_MORE;
}

/* ---- Switch to guest ---- */

/* What the guest gets behind the header, piece by piece: bytes that stand in a row, in the model's own memory or in the ring. */
struct piece {
	const uint8_t *bytes;
	uint32_t length;
};

/* What is before a checksum in the ring, the checksum, what is behind it; and the ring ends somewhere. */
enum { PIECES = 4 };

struct delivery {
	struct net_header header;
	uint32_t length;    /* bytes of all pieces that are still to go */
	struct piece *next; /* what is still to go of it */
	struct piece *end;
	struct piece piece[PIECES];
};

static void add_piece(struct delivery *delivery, const uint8_t *bytes, uint32_t length)
{
	*delivery->end++ = (struct piece){ bytes, length };
	delivery->length += length;
}

static void add_ring(struct delivery *delivery, const struct ring *ring, uint32_t index, uint32_t length)
{
	uint32_t run = frame_ring_run(ring, index, length);

	add_piece(delivery, frame_ring_at(ring, index), run);
	if (run != length) {
		add_piece(delivery, ring->bytes, length - run);
	}
}

/* A delivery begins with its header; all of it but the pieces is set. */
static void begin_delivery(struct delivery *delivery)
{
	delivery->header = (struct net_header){ .buffers = 1 };
	delivery->length = 0;
	delivery->next = delivery->piece;
	delivery->end = delivery->piece;
}

/* Fills a buffer of `room` bytes with what comes next. */
static void fill(struct delivery *delivery, uint8_t *to, uint32_t room)
{
	struct piece *piece = delivery->next;
	uint32_t count = room < delivery->length ? room : delivery->length;

	delivery->length -= count;
	for (; count > piece->length; piece++) {
		frame_copy(to, piece->bytes, piece->length);
		to += piece->length;
		count -= piece->length;
	}
	frame_copy(to, piece->bytes, count);
	piece->bytes += count;
	piece->length -= count;
	delivery->next = piece;
}

/* Fills the chain's buffers behind their first `skip` bytes. */
static void fill_chain(struct delivery *delivery, const struct virtio_chain *chain, uint32_t skip)
{
	for (uint32_t i = chain->readable; i < chain->count; i++) {
		const struct virtio_segment *segment = &chain->segment[i];

		if (skip >= segment->length) {
			skip -= segment->length;
			continue;
		}
		fill(delivery, segment->bytes + skip, segment->length - skip);
		skip = 0;
	}
}

enum delivered {
	DELIVERED,
	DELIVERED_NOT,  /* the guest has no buffers: later */
	DELIVERED_LOST, /* it will never fit, or is nothing that could be delivered */
};

/* The first buffer, which gets the header, too. Gives the bytes in it, 0 if there is none. */
static uint32_t fill_first(struct net_registers *net, const struct model_context *context,
	struct delivery *delivery, struct virtio_chain *chain)
{
	const uint32_t size = sizeof(delivery->header);
	uint32_t before = delivery->length;

	if (!take(&net->virtio, context, QUEUE_RECEIVE, VIRTIO_DESCRIPTOR_WRITE, chain)) {
		return 0;
	}
	/* Section 5.1.6.3.1: it has room for the header at least. */
	if (virtio_chain_write(chain, 0, &delivery->header, size) != size) {
		virtio_break(&net->virtio);
		return 0;
	}
	fill_chain(delivery, chain, size);
	return size + before - delivery->length;
}

/* A further one that is no single segment. False: there is none. */
static bool fill_next(struct net_registers *net, const struct model_context *context,
	struct delivery *delivery, uint16_t *head)
{
	struct virtio_chain chain;

	if (!virtio_take(&net->virtio, context, QUEUE_RECEIVE, &chain)) {
		return false;
	}
	fill_chain(delivery, &chain, 0);
	*head = chain.head;
	return true;
}

/* Takes buffers, fills them and gives them back until nothing is left; nobody sees that before the commit. */
static enum delivered fill_buffers(
	struct net_registers *net, const struct model_context *context, struct delivery *delivery)
{
	struct virtio_queue *queue = &net->virtio.queue[QUEUE_RECEIVE];
	const struct virtio_areas areas = *virtio_areas(context, QUEUE_RECEIVE);
	uint32_t most = virtio_has(&net->virtio, FEATURE_MERGED_BUFFERS) ? MERGED_MAX : 1;
	struct virtio_chain first;
	uint32_t used = fill_first(net, context, delivery, &first);
	uint32_t count = 1;

	if (used == 0) {
		return DELIVERED_NOT;
	}
	virtio_queue_push(queue, &areas, first.head, used);
	most = most < areas.size ? most : areas.size;
	for (uint32_t left = delivery->length; left > 0; left = delivery->length) {
		struct virtio_segment segment;
		uint16_t head;

		if (count == most) {
			return DELIVERED_LOST;
		}
		switch (virtio_queue_pop_single(
			queue, &areas, context->memory, VIRTIO_DESCRIPTOR_WRITE, &head, &segment)) {
		case VIRTIO_POP_CHAIN:
			fill(delivery, segment.bytes, segment.length);
			break;
		case VIRTIO_POP_EMPTY:
			return DELIVERED_NOT;
		default:
			if (!fill_next(net, context, delivery, &head)) {
				return DELIVERED_NOT;
			}
		}
		virtio_queue_push(queue, &areas, head, left - delivery->length);
		count++;
	}
	if (count > 1) {
		uint16_t buffers = (uint16_t)count;

		(void)virtio_chain_write(
			&first, offsetof(struct net_header, buffers), &buffers, sizeof(buffers));
	}
	return DELIVERED;
}

/* Into one buffer, or, where the guest said so, as many as it takes. Where they do not suffice, none was taken. `is_bulk`: nobody waits
 * for it alone. */
static enum delivered deliver(struct net_registers *net, const struct model_context *context,
	struct delivery *delivery, bool is_bulk)
{
	struct virtio_queue *queue = &net->virtio.queue[QUEUE_RECEIVE];
	const uint16_t next_available = queue->next_available;
	const uint16_t next_used = queue->next_used;
	enum delivered delivered = fill_buffers(net, context, delivery);

	if (delivered != DELIVERED) {
		queue->next_available = next_available;
		queue->next_used = next_used;
	} else if (!is_bulk) {
		queue->prompt = 1;
	}
	return delivered;
}

/* Whether the guest takes frames of that kind as they are. */
static bool takes_whole(const struct virtio_registers *virtio, const struct frame_offload *offload)
{
	switch (offload->gso_type) {
	case FRAME_GSO_TCPV4:
		return virtio_has(virtio, FEATURE_GUEST_TSO4);
	case FRAME_GSO_TCPV6:
		return virtio_has(virtio, FEATURE_GUEST_TSO6);
	default:
		return offload->flags == 0 || virtio_has(virtio, FEATURE_GUEST_CHECKSUM);
	}
}

/* As it came: with what is left to do. `header_length`: of what is to be cut. */
static void add_whole(struct delivery *delivery, const struct ring *ring, uint32_t index,
	const struct frame *frame, uint32_t header_length)
{
	const struct frame_offload *offload = &frame->offload;

	delivery->header.flags = offload->flags;
	delivery->header.gso_type = offload->gso_type;
	delivery->header.header_length = (uint16_t)header_length;
	delivery->header.gso_size = offload->gso_size;
	if (offload->flags != 0) {
		delivery->header.checksum_start = offload->checksum_start;
		delivery->header.checksum_offset = offload->checksum_offset;
	}
	add_ring(delivery, ring, index, frame->length);
}

/* With its checksum put in, whose two bytes are at `sum`. */
static void add_summed(struct delivery *delivery, const struct offload_packet *packet, uint8_t sum[2])
{
	const struct frame_offload *offload = &packet->frame.offload;
	uint32_t place = (uint32_t)offload->checksum_start + offload->checksum_offset;
	uint16_t checksum = offload_checksum(packet);

	sum[0] = (uint8_t)(checksum >> 8);
	sum[1] = (uint8_t)checksum;
	add_ring(delivery, packet->ring, packet->index, place);
	add_piece(delivery, sum, 2);
	add_ring(delivery, packet->ring, packet->index + place + 2, packet->frame.length - place - 2);
}

/* Packet `number` of a frame that has to be cut. */
static void add_cut(struct delivery *delivery, struct offload_packet *packet, uint32_t number)
{
	uint32_t offset;
	uint32_t count;

	offload_cut(packet, number, &offset, &count);
	add_piece(delivery, packet->header, packet->header_length);
	add_ring(delivery, packet->ring, packet->index + offset, count);
}

/* The next packet of a frame that somebody has to look into: one of many packets, or with a checksum to put in. */
static enum delivered deliver_packet(struct net_registers *net, const struct model_context *context,
	struct delivery *delivery, const struct frame *frame, bool *is_last)
{
	uint32_t index = frame_ring_frame(net->virtio.outputs.receive_tail);
	struct offload_packet packet;
	uint8_t sum[2];

	if (!offload_open(&packet, context->receive, index, frame)) {
		return DELIVERED_LOST;
	}
	if (takes_whole(&net->virtio, &frame->offload)) {
		add_whole(delivery, context->receive, index, frame, packet.header_length);
	} else if (packet.header_length == 0) {
		add_summed(delivery, &packet, sum);
	} else if (net->cut < packet.packets) {
		*is_last = net->cut + 1 == packet.packets;
		add_cut(delivery, &packet, net->cut);
	} else {
		return DELIVERED_LOST; /* the other side has changed it meanwhile */
	}
	return deliver(net, context, delivery, frame->offload.gso_type != FRAME_GSO_NONE);
}

/* The next packet of the frame at the ring's tail. *is_last: of this frame nothing is left then. */
static enum delivered deliver_next(struct net_registers *net, const struct model_context *context,
	const struct frame *frame, bool *is_last)
{
	struct delivery delivery;

	*is_last = true;
	begin_delivery(&delivery);
	if (frame->offload.gso_type != FRAME_GSO_NONE || !takes_whole(&net->virtio, &frame->offload)) {
		return deliver_packet(net, context, &delivery, frame, is_last);
	}
	if (!frame_offload_is_sound(frame, FRAME_MIN_LENGTH)) {
		return DELIVERED_LOST;
	}
	add_whole(&delivery, context->receive, frame_ring_frame(net->virtio.outputs.receive_tail), frame, 0);
	return deliver(net, context, &delivery, false);
}

static enum virtio_served receive(struct net_registers *net, const struct model_context *context)
{
	struct model_outputs *outputs = &net->virtio.outputs;

	outputs->wants_bytes = 0;
	if (net->discard != 0) {
		net->discard = 0;
		net->cut = 0;
		outputs->receive_tail = frame_ring_end(context->receive);
	}
	for (uint32_t i = 0; i < VIRTIO_SERVE_CHAINS; i++) {
		struct frame frame;
		enum frame_look look = frame_ring_look(context->receive, outputs->receive_tail, &frame);
		bool is_last;

		if (look == FRAME_NONE) {
			outputs->wants_bytes = 1;
			return VIRTIO_SERVED_WAITS;
		}
		if (look == FRAME_NONSENSE) {
			net->cut = 0;
			outputs->receive_tail = frame_ring_end(context->receive);
			continue;
		}
		enum delivered delivered = deliver_next(net, context, &frame, &is_last);

		if (delivered == DELIVERED_NOT) {
			return VIRTIO_SERVED_EMPTY;
		}
		if (delivered == DELIVERED && !is_last) {
			net->cut++;
			continue;
		}
		net->cut = 0;
		outputs->receive_tail += frame_record_size(frame.length);
	}
	return VIRTIO_SERVED_MORE;
}

/* ---- The device ---- */

static enum virtio_served serve(void *registers, const struct model_context *context, uint32_t queue)
{
	return queue == QUEUE_RECEIVE ? receive(registers, context) : transmit(registers, context);
}

static void config(const void *registers, const struct model_context *context, uint8_t *bytes)
{
	const struct net_registers *net = registers;

	(void)context;
	for (uint32_t i = 0; i < MAC_SIZE; i++) {
		bytes[i] = (uint8_t)(net->mac >> (8 * (MAC_SIZE - 1 - i)));
	}
}

/* No chain is ever in flight: what was taken was given back, or is taken again. */
static bool reset(void *registers, const struct model_context *context)
{
	struct net_registers *net = registers;

	(void)context;
	net->cut = 0;
	net->discard = 1;
	net->virtio.outputs.wants_bytes = 0;
	net->virtio.outputs.wants_space = 0;
	return true;
}

static const char *power_on(void *registers, const struct model_context *context)
{
	struct net_registers *net = registers;
	const char *mac = environment_argument(context->environment, "mac");

	net->discard = 1;
	return mac != NULL && mac_parse(mac, &net->mac) ? NULL : "the argument mac is no address";
}

static const struct virtio_device net_device = {
	.features = VIRTIO_F_INDIRECT_DESC | FEATURE_CHECKSUM | FEATURE_GUEST_CHECKSUM | FEATURE_MAC |
		    FEATURE_GUEST_TSO4 | FEATURE_GUEST_TSO6 | FEATURE_HOST_TSO4 | FEATURE_HOST_TSO6 |
		    FEATURE_MERGED_BUFFERS,
	.queue_count = QUEUES,
	.queue_size = { [QUEUE_RECEIVE] = QUEUE_SIZE, [QUEUE_TRANSMIT] = QUEUE_SIZE },
	.moderated = 1u << QUEUE_TRANSMIT,
	.config_size = MAC_SIZE,
	.power_on = power_on,
	.config = config,
	.reset = reset,
	.serve = serve,
};

const struct model virtio_net_model = {
	VIRTIO_MODEL("virtio-net", 0x3254454e /* "NET2" */, struct net_registers, net_device),
	.has_frames = true,
};
