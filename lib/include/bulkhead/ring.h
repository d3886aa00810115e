/* SPDX-License-Identifier: MIT */
/* Byte rings in shared memory: one producer, one consumer, neither trusts the other. Two of them, one for
 * each direction, are a console: the guest's UART on one side, the console backend on the other. Or, with a
 * frame for each record of bytes, the line between a network card and the switch: frame_ring.h. No system
 * calls; usable in host unit tests.
 *
 *   +--------+-------------------+-------------------+--- 512 ---+-------------------+-------------------+
 *   | header | transmit: indices | receive: indices  |           | transmit: bytes   | receive: bytes    |
 *   +--------+-------------------+-------------------+-----------+-------------------+-------------------+
 *             guest -> backend    backend -> guest                capacity            capacity
 *
 * Indices run freely modulo 2^32; byte n stands at n modulo capacity, a power of two. `head` counts the
 * bytes put in, `tail` those taken out. Every word has one writer. Each side keeps its own index itself
 * and only publishes it; what it reads of the other's index it checks: a distance above the capacity is
 * nonsense and counts as "nothing to do" (no space, no bytes). The capacity follows from the region's
 * size, never from shared memory. All zeroes is a valid, empty region: nobody has to come first.
 *
 * Who wakes whom. A signal costs a system call, so it is sent only to a side that asked, and once for each
 * time it asked:
 *
 *   waiter                                      other side
 *   W1  my ticket := ticket + 1                 S1  my index := new value
 *   W2  full fence                              S2  full fence
 *   W3  look at the other's index again         S3  ticket := waiter's ticket
 *       still nothing to do: sleep              S4  if ticket is neither 0 nor the one signalled last: signal
 *
 * No wake-up is lost: because of the fences it is impossible that both W3 misses S1 and S3 misses W1. The
 * signal is sticky, so it does not matter if it comes before the sleep. Nobody clears a ticket (a waiter
 * that is awake has none outstanding that is not signalled, or gets one signal too many), so there is no
 * race about clearing. A side that is killed between S1 and S4 has, after its restart, no record of what
 * it signalled, publishes its index again and signals: at most one signal too many, never one too few. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_DATA_OFFSET 512u
#define RING_REGION_MIN_SIZE 4096u /* capacity 1024 */
#define RING_MAX_CAPACITY (1u << 24)

#define CONSOLE_MAGIC UINT64_C(0x53474e4952534e4f)
#define CONSOLE_VERSION 1u
#define CONSOLE_MIN_SIZE RING_REGION_MIN_SIZE

struct ring_indices {
	/* written by the producer */
	uint32_t head;
	uint32_t producer_ticket; /* waits for space */
	uint32_t reserved0[14];
	/* written by the consumer; another cache line */
	uint32_t tail;
	uint32_t consumer_ticket; /* waits for bytes */
	uint32_t reserved1[14];
};
_Static_assert(sizeof(struct ring_indices) == 128, "ring_indices is shared between tasks");

struct ring_region {
	uint64_t magic; /* either side writes the same three values */
	uint32_t version;
	uint32_t capacity; /* of each ring, for people who look at a dump; never read by the code */
	uint64_t reserved[6];
	struct ring_indices transmit; /* guest -> backend */
	struct ring_indices receive;  /* backend -> guest */
};
_Static_assert(offsetof(struct ring_region, transmit) == 64, "ring_region is shared between tasks");
_Static_assert(sizeof(struct ring_region) <= RING_DATA_OFFSET, "the bytes begin after the header");

/* One ring as one side sees it; private memory. */
struct ring {
	struct ring_indices *shared;
	uint8_t *bytes;
	uint32_t capacity;  /* a power of two */
	uint32_t signalled; /* the other side's ticket that was signalled last */
};

/* Where both rings of `region` (`size` bytes, from the task information) are, whatever stands in its header: for a side that several
 * others rely on, so that none of them can keep it from starting. Returns 0, or -1 if the region is too small. */
static inline int ring_region_rings(void *region, uint64_t size, struct ring *transmit, struct ring *receive)
{
	struct ring_region *header = region;
	uint8_t *bytes = (uint8_t *)region + RING_DATA_OFFSET;
	uint32_t capacity = RING_REGION_MIN_SIZE / 4;

	if (size < RING_REGION_MIN_SIZE) {
		return -1;
	}
	while (capacity < RING_MAX_CAPACITY && RING_DATA_OFFSET + 4 * (uint64_t)capacity <= size) {
		capacity *= 2;
	}
	*transmit = (struct ring){ &header->transmit, bytes, capacity, 0 };
	*receive = (struct ring){ &header->receive, bytes + capacity, capacity, 0 };
	return 0;
}

/* The same, where `magic` and `version` name what the region is for; who comes first writes them. Returns 0, or -1 if the region is too
 * small or holds something else, or another version; the rings are then not to be used. */
static inline int ring_region_attach(void *region, uint64_t size, uint64_t magic, uint32_t version,
	struct ring *transmit, struct ring *receive)
{
	struct ring_region *header = region;

	if (ring_region_rings(region, size, transmit, receive) != 0) {
		return -1;
	}
	if (header->magic == 0) {
		header->version = version;
		header->capacity = transmit->capacity;
		__atomic_store_n(&header->magic, magic, __ATOMIC_RELEASE);
	}
	return header->magic == magic && header->version == version ? 0 : -1;
}

/* The rings of a console: ring_region_attach() with its names. */
static inline int console_attach(void *region, uint64_t size, struct ring *transmit, struct ring *receive)
{
	return ring_region_attach(region, size, CONSOLE_MAGIC, CONSOLE_VERSION, transmit, receive);
}

/* ---- Basic operations, for a side that keeps its index elsewhere (a device model: in its registers).
 * ---- */

/* Producer: bytes that may be put in behind `head`, its own index: 0..capacity. */
static inline uint32_t ring_space(const struct ring *ring, uint32_t head)
{
	uint32_t used = head - __atomic_load_n(&ring->shared->tail, __ATOMIC_ACQUIRE);

	return used <= ring->capacity ? ring->capacity - used : 0;
}

/* Producer: puts a byte at `index`, which must lie in the space behind `head`. Nobody sees it before the
 * head is published. */
static inline void ring_put(const struct ring *ring, uint32_t index, uint8_t byte)
{
	__atomic_store_n(&ring->bytes[index & (ring->capacity - 1)], byte, __ATOMIC_RELAXED);
}

/* Producer: everything before `head` is there. With a full fence: a ticket read afterwards is not older. */
static inline void ring_publish_head(const struct ring *ring, uint32_t head)
{
	__atomic_store_n(&ring->shared->head, head, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Consumer: how far the producer says it is ahead of `tail`, the consumer's own index. Above the capacity: nonsense. */
static inline uint32_t ring_distance(const struct ring *ring, uint32_t tail)
{
	return __atomic_load_n(&ring->shared->head, __ATOMIC_ACQUIRE) - tail;
}

/* Consumer: bytes that are there from `tail`, its own index, on: 0..capacity. */
static inline uint32_t ring_available(const struct ring *ring, uint32_t tail)
{
	uint32_t used = ring_distance(ring, tail);

	return used <= ring->capacity ? used : 0;
}

/* Consumer: the byte at `index`, which must be an available one. The producer may change it at any time:
 * take it once. */
static inline uint8_t ring_get(const struct ring *ring, uint32_t index)
{
	return __atomic_load_n(&ring->bytes[index & (ring->capacity - 1)], __ATOMIC_RELAXED);
}

/* Consumer: everything before `tail` was taken. With a full fence, as above. */
static inline void ring_publish_tail(const struct ring *ring, uint32_t tail)
{
	__atomic_store_n(&ring->shared->tail, tail, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* A ticket with this bit is withdrawn: who took it is awake, and takes a new one before it sleeps. */
#define RING_TICKET_WITHDRAWN (UINT32_C(1) << 31)

/* Takes a new ticket, never 0, with a full fence. The caller looks again after it, and sleeps only if
 * there is still nothing to do. */
static inline void ring_take_ticket(uint32_t *ticket)
{
	uint32_t next = (__atomic_load_n(ticket, __ATOMIC_RELAXED) + 1) & ~RING_TICKET_WITHDRAWN;

	__atomic_store_n(ticket, next != 0 ? next : 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Saves the other side a signal that would wake nobody. Only for who looks again, behind a new ticket, before it sleeps. */
static inline void ring_withdraw_ticket(uint32_t *ticket)
{
	__atomic_store_n(
		ticket, __atomic_load_n(ticket, __ATOMIC_RELAXED) | RING_TICKET_WITHDRAWN, __ATOMIC_RELAXED);
}

/* Whether the owner of a ticket is to be signalled now, the one signalled last being `signalled`. */
static inline bool ring_ticket_asks(uint32_t ticket, uint32_t signalled)
{
	return ticket != 0 && ticket != signalled && (ticket & RING_TICKET_WITHDRAWN) == 0;
}

/* Producer: asks for a signal when the consumer has taken bytes. Then look at ring_space() again. */
static inline void ring_ask_for_space(const struct ring *ring)
{
	ring_take_ticket(&ring->shared->producer_ticket);
}

/* Consumer: asks for a signal when the producer has put bytes in. Then look at ring_available() again. */
static inline void ring_ask_for_bytes(const struct ring *ring)
{
	ring_take_ticket(&ring->shared->consumer_ticket);
}

static inline int ring_ticket_is_due(struct ring *ring, const uint32_t *ticket)
{
	uint32_t asked = __atomic_load_n(ticket, __ATOMIC_RELAXED);

	if (!ring_ticket_asks(asked, ring->signalled)) {
		return 0;
	}
	ring->signalled = asked;
	return 1;
}

/* Producer, after ring_publish_head(): true if the consumer is to be signalled now. */
static inline int ring_consumer_asked(struct ring *ring)
{
	return ring_ticket_is_due(ring, &ring->shared->consumer_ticket);
}

/* Consumer, after ring_publish_tail(): true if the producer is to be signalled now. */
static inline int ring_producer_asked(struct ring *ring)
{
	return ring_ticket_is_due(ring, &ring->shared->producer_ticket);
}

/* ---- For a side whose index needs no other home: it is published with each operation, and picked up
 * again after a restart. ---- The index is kept privately, so that the other side, which can write all of
 * the region, can't move it. */

struct ring_producer {
	struct ring ring;
	uint32_t head;
};

struct ring_consumer {
	struct ring ring;
	uint32_t tail;
};

static inline struct ring_producer ring_producer_start(struct ring ring)
{
	return (struct ring_producer){ ring, __atomic_load_n(&ring.shared->head, __ATOMIC_ACQUIRE) };
}

static inline struct ring_consumer ring_consumer_start(struct ring ring)
{
	return (struct ring_consumer){ ring, __atomic_load_n(&ring.shared->tail, __ATOMIC_ACQUIRE) };
}

/* Puts up to `count` bytes in and publishes them; returns how many had room. If `signal` is set to 1
 * afterwards (it is never set to 0), signal the other side. */
static inline uint32_t ring_write(
	struct ring_producer *producer, const uint8_t *bytes, uint32_t count, int *signal)
{
	uint32_t space = ring_space(&producer->ring, producer->head);
	uint32_t written = count < space ? count : space;

	for (uint32_t i = 0; i < written; i++) {
		ring_put(&producer->ring, producer->head + i, bytes[i]);
	}
	if (written != 0) {
		producer->head += written;
		ring_publish_head(&producer->ring, producer->head);
		if (ring_consumer_asked(&producer->ring)) {
			*signal = 1;
		}
	}
	return written;
}

/* Copies up to `count` available bytes without taking them (ring_take() does): a consumer that must not
 * lose bytes when it is killed takes them after they went on. */
static inline uint32_t ring_peek(const struct ring_consumer *consumer, uint8_t *bytes, uint32_t count)
{
	uint32_t available = ring_available(&consumer->ring, consumer->tail);
	uint32_t copied = count < available ? count : available;

	for (uint32_t i = 0; i < copied; i++) {
		bytes[i] = ring_get(&consumer->ring, consumer->tail + i);
	}
	return copied;
}

/* Takes `count` bytes, at most as many as ring_peek() gave, and publishes that. `signal` as for
 * ring_write(). */
static inline void ring_take(struct ring_consumer *consumer, uint32_t count, int *signal)
{
	if (count != 0) {
		consumer->tail += count;
		ring_publish_tail(&consumer->ring, consumer->tail);
		if (ring_producer_asked(&consumer->ring)) {
			*signal = 1;
		}
	}
}

/* Peek and take at once. */
static inline uint32_t ring_read(struct ring_consumer *consumer, uint8_t *bytes, uint32_t count, int *signal)
{
	uint32_t taken = ring_peek(consumer, bytes, count);

	ring_take(consumer, taken, signal);
	return taken;
}

/* The consumer wants to sleep: asks for a signal. True if it may; false if bytes have come meanwhile. */
static inline int ring_consumer_may_sleep(const struct ring_consumer *consumer)
{
	ring_ask_for_bytes(&consumer->ring);
	return ring_available(&consumer->ring, consumer->tail) == 0;
}

/* The producer wants to sleep: asks for a signal. True if it may; false if there is space now. */
static inline int ring_producer_may_sleep(const struct ring_producer *producer)
{
	ring_ask_for_space(&producer->ring);
	return ring_space(&producer->ring, producer->head) == 0;
}
