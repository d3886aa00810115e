/* SPDX-License-Identifier: MIT */
/* Ethernet frames in the two rings of a region (ring.h): the line between a network card's model, or a driver, and the switch.
 * The card is the side that transmits. No system calls, no libc; usable in host unit tests.
 *
 *   index ─▶ +-----------------------+-------------------------------------+---------+
 *            | length, offloads (16) | the frame from its destination on   | 0..7    |   next record
 *            +-----------------------+-------------------------------------+---------+
 *
 * A record begins at a multiple of 8 and may go over the ring's end: only who copies it has to know. The producer publishes whole
 * records, so whoever is killed has never sent half a frame; a frame whose record was published but whose source was not yet
 * marked as taken goes twice, as frames may.
 *
 * The other side can write all of the region at any time. So the two words before a frame are read once, by frame_ring_look(), and
 * what is judged in a frame is copied first and judged in the copy. Whoever finds that the indices, or a record's length, make no sense
 * takes the other side's index for its own: frames are lost, the line goes on. So whatever either side, or one before it, has left in
 * the region, the next frame passes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <bulkhead/copy_words.h>
#include <bulkhead/ring.h>

#define FRAME_REGION_MAGIC UINT64_C(0x53454d4152464e42) /* "BNFRAMES" read as little-endian */
#define FRAME_REGION_VERSION 1u
#define FRAME_REGION_SIZE \
	0x200000u /* one large page: two rings of 512 KiB, seven frames of the largest size in each */

#define FRAME_MIN_LENGTH 14u /* destination, source, type: IEEE 802.3 clause 3.1.1, without padding and FCS */
#define FRAME_MAX_LENGTH 65553u /* an IP packet of 65535 bytes behind a header with one 802.1Q tag */
#define FRAME_HEADER_SIZE 16u

#define FRAME_NEEDS_CHECKSUM \
	(1u << 0) /* the checksum over all from checksum_start on is still to be put in */

/* What is left to do to a frame; fields and values as in virtio 1.2 section 5.1.6, struct virtio_net_hdr. All zero: nothing. */
struct frame_offload {
	uint8_t flags;     /* FRAME_NEEDS_CHECKSUM */
	uint8_t gso_type;  /* 0: one packet; FRAME_GSO_*: to be cut into several */
	uint16_t gso_size; /* bytes of payload in each */
	uint16_t checksum_start;
	uint16_t checksum_offset; /* from checksum_start */
};

#define FRAME_GSO_NONE 0u
#define FRAME_GSO_TCPV4 1u
#define FRAME_GSO_TCPV6 4u

struct frame {
	uint32_t length; /* FRAME_MIN_LENGTH..FRAME_MAX_LENGTH bytes */
	struct frame_offload offload;
};

/* Whether what is left to do is of a kind that there is, and about bytes of the frame behind its first `header`. */
static inline bool frame_offload_is_sound(const struct frame *frame, uint32_t header)
{
	const struct frame_offload *offload = &frame->offload;
	bool has_checksum = (offload->flags & FRAME_NEEDS_CHECKSUM) != 0;

	if ((offload->flags & ~FRAME_NEEDS_CHECKSUM) != 0 ||
		(has_checksum && (offload->checksum_start < header ||
					 (uint32_t)offload->checksum_start + offload->checksum_offset + 2 >
						 frame->length))) {
		return false;
	}
	switch (offload->gso_type) {
	case FRAME_GSO_NONE:
		return true;
	case FRAME_GSO_TCPV4:
	case FRAME_GSO_TCPV6:
		return has_checksum && offload->gso_size != 0;
	default:
		return false;
	}
}

/* The card attaches to its region; as ring_region_attach(). The switch takes ring_region_rings(). */
static inline int frame_region_attach(
	void *region, uint64_t size, struct ring *from_card, struct ring *to_card)
{
	return ring_region_attach(region, size, FRAME_REGION_MAGIC, FRAME_REGION_VERSION, from_card, to_card);
}

/* Bytes that a frame of `length` takes in a ring. `length` is at most FRAME_MAX_LENGTH. */
static inline uint32_t frame_record_size(uint32_t length) { return (FRAME_HEADER_SIZE + length + 7u) & ~7u; }

/* ---- Copying ---- */

typedef uint64_t __attribute__((may_alias, aligned(1))) frame_word;
typedef uint32_t __attribute__((may_alias, aligned(1))) frame_half;
typedef uint16_t __attribute__((may_alias, aligned(1))) frame_quarter;

/* Copies `count` bytes that somebody else may be writing; each is read once. The areas do not overlap. */
static inline void frame_copy(void *to, const void *from, uint32_t count)
{
	uint8_t *to_byte = to;
	const uint8_t *from_byte = from;
	uint32_t i = 0;

	if (count >= COPY_WORDS_MANY * sizeof(frame_word)) {
		i = count & ~(uint32_t)(sizeof(frame_word) - 1);
		copy_words(to, from, i / sizeof(frame_word));
	} else {
		for (; i + sizeof(frame_word) <= count; i += (uint32_t)sizeof(frame_word)) {
			*(frame_word *)(void *)(to_byte + i) =
				*(const volatile frame_word *)(const void *)(from_byte + i);
		}
	}
	if (i == count) {
		return;
	}
	if ((count & sizeof(frame_half)) != 0) {
		*(frame_half *)(void *)(to_byte + i) =
			*(const volatile frame_half *)(const void *)(from_byte + i);
		i += (uint32_t)sizeof(frame_half);
	}
	if ((count & sizeof(frame_quarter)) != 0) {
		*(frame_quarter *)(void *)(to_byte + i) =
			*(const volatile frame_quarter *)(const void *)(from_byte + i);
		i += (uint32_t)sizeof(frame_quarter);
	}
	if ((count & 1) != 0) {
		to_byte[i] = *(const volatile uint8_t *)(from_byte + i);
	}
}

/* Bytes from `index` on that stand in a row, at most `count`. */
static inline uint32_t frame_ring_run(const struct ring *ring, uint32_t index, uint32_t count)
{
	uint32_t run = ring->capacity - (index & (ring->capacity - 1));

	return run < count ? run : count;
}

static inline uint8_t *frame_ring_at(const struct ring *ring, uint32_t index)
{
	return ring->bytes + (index & (ring->capacity - 1));
}

/* Producer: puts `count` bytes at `index`, within the space that it has. */
static inline void frame_ring_put(const struct ring *ring, uint32_t index, const void *from, uint32_t count)
{
	uint32_t run = frame_ring_run(ring, index, count);

	frame_copy(frame_ring_at(ring, index), from, run);
	if (run != count) {
		frame_copy(ring->bytes, (const uint8_t *)from + run, count - run);
	}
}

/* Consumer: gets `count` bytes from `index` on. */
static inline void frame_ring_get(const struct ring *ring, uint32_t index, void *to, uint32_t count)
{
	uint32_t run = frame_ring_run(ring, index, count);

	frame_copy(to, frame_ring_at(ring, index), run);
	if (run != count) {
		frame_copy((uint8_t *)to + run, ring->bytes, count - run);
	}
}

/* From ring to ring: `count` bytes from index `from_index` of one to `to_index` of the other, without a stop between. */
static inline void frame_ring_pass(const struct ring *from, uint32_t from_index, const struct ring *to,
	uint32_t to_index, uint32_t count)
{
	while (count > 0) {
		uint32_t run = frame_ring_run(from, from_index, count);

		frame_ring_put(to, to_index, frame_ring_at(from, from_index), run);
		from_index += run;
		to_index += run;
		count -= run;
	}
}

/* ---- Records ---- */

/* The word of a record at `index`; misaligned only where the other side wrote nonsense, and then within the ring all the same. */
static inline uint64_t *frame_ring_word(const struct ring *ring, uint32_t index)
{
	return (uint64_t *)(void *)(ring->bytes + (index & (ring->capacity - 1) & ~7u));
}

/* Where the frame of the record at `index` begins. */
static inline uint32_t frame_ring_frame(uint32_t index) { return index + FRAME_HEADER_SIZE; }

/* Consumer: the producer's index, as it says: where to go on when what stands before makes no sense, or is not wanted. */
static inline uint32_t frame_ring_end(const struct ring *ring)
{
	return __atomic_load_n(&ring->shared->head, __ATOMIC_ACQUIRE);
}

enum frame_look {
	FRAME_NONE,     /* nothing there */
	FRAME_READY,    /* a frame: all of its bytes are there */
	FRAME_NONSENSE, /* indices or length make no sense */
};

/* Consumer: what stands at `tail`, its own index. Fills `frame` if that is FRAME_READY: the length fits what is there, the offloads
 * are as the other side wrote them, not judged. */
static inline enum frame_look frame_ring_look(const struct ring *ring, uint32_t tail, struct frame *frame)
{
	uint32_t used = ring_distance(ring, tail);

	if (used == 0) {
		return FRAME_NONE;
	}
	if (used > ring->capacity || used % 8 != 0) {
		return FRAME_NONSENSE;
	}
	uint64_t first = __atomic_load_n(frame_ring_word(ring, tail), __ATOMIC_RELAXED);
	uint64_t second = __atomic_load_n(frame_ring_word(ring, tail + 8), __ATOMIC_RELAXED);
	uint32_t length = (uint32_t)first;

	if (length < FRAME_MIN_LENGTH || length > FRAME_MAX_LENGTH || frame_record_size(length) > used) {
		return FRAME_NONSENSE;
	}
	*frame = (struct frame){
		.length = length,
		.offload = { .flags = (uint8_t)(first >> 32),
			.gso_type = (uint8_t)(first >> 40),
			.gso_size = (uint16_t)(first >> 48),
			.checksum_start = (uint16_t)second,
			.checksum_offset = (uint16_t)(second >> 16) },
	};
	return FRAME_READY;
}

/* Producer: whether a frame of `length` (at most FRAME_MAX_LENGTH) has room behind `head`, its own index. */
static inline bool frame_ring_has_room(const struct ring *ring, uint32_t head, uint32_t length)
{
	return ring_space(ring, head) >= frame_record_size(length);
}

/* Producer, where there is room: writes what stands before the frame. The frame itself goes to frame_ring_frame(head); the record
 * counts when head + frame_record_size(length) is published. */
static inline void frame_ring_begin(const struct ring *ring, uint32_t head, const struct frame *frame)
{
	const struct frame_offload *offload = &frame->offload;

	__atomic_store_n(frame_ring_word(ring, head),
		frame->length | (uint64_t)offload->flags << 32 | (uint64_t)offload->gso_type << 40 |
			(uint64_t)offload->gso_size << 48,
		__ATOMIC_RELAXED);
	__atomic_store_n(frame_ring_word(ring, head + 8),
		offload->checksum_start | (uint64_t)offload->checksum_offset << 16, __ATOMIC_RELAXED);
}
