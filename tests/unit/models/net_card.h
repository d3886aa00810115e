/* SPDX-License-Identifier: MIT */
/* A virtio-net card for tests: its driver, the switch's sides of its rings, and frames. */
#pragma once

#include "virtio-net/virtio_net.h"
#include "virtio_driver.h"

#include <bulkhead/frame_ring.h>

enum { RECEIVE, TRANSMIT, ENTRIES = 128 };
enum { HEADER = 12, SMALL = 60 };
enum {
	FLAGS = 0,
	GSO_TYPE = 1,
	HEADER_LENGTH = 2,
	GSO_SIZE = 4,
	SUM_START = 6,
	SUM_OFFSET = 8,
	BUFFERS = 10
};

#define CHECKSUM (UINT64_C(1) << 0)
#define GUEST_CHECKSUM (UINT64_C(1) << 1)
#define MAC (UINT64_C(1) << 5)
#define GUEST_TSO4 (UINT64_C(1) << 7)
#define GUEST_TSO6 (UINT64_C(1) << 8)
#define HOST_TSO4 (UINT64_C(1) << 11)
#define HOST_TSO6 (UINT64_C(1) << 12)
#define MERGED (UINT64_C(1) << 15)
#define ALL (CHECKSUM | GUEST_CHECKSUM | MAC | GUEST_TSO4 | GUEST_TSO6 | HOST_TSO4 | HOST_TSO6 | MERGED)

/* A card with a driver, and the switch's sides of its rings. */
struct card {
	struct machine *machine;
	struct driver driver;
	struct ring from;
	struct ring to;
	uint32_t tail;
	uint32_t head;
};

enum { IPV4_HEADERS = 14 + 24 + 32, IPV6_HEADERS = 14 + 40 + 32 };

struct card *card_new(uint64_t features);

void card_free(struct card *card);

uint8_t *ram(struct card *card, uint32_t offset);

/* The switch puts a frame into the ring, without waking the model. */
bool feed(struct card *card, const uint8_t *bytes, uint32_t length, const struct frame_offload *offload);

/* The switch takes the next frame; its length, 0 if there is none. */
uint32_t drain(struct card *card, uint8_t *bytes, struct frame_offload *offload);

void pattern(uint8_t *bytes, uint32_t length, unsigned seed);

uint32_t word(const uint8_t *bytes);

/* RFC 1071, as slowly as it is written there. */
uint32_t sum_of(const uint8_t *bytes, uint32_t length, uint32_t sum);

/* A TCP packet with IP options or none, TCP options, and `payload` bytes. Its checksum is that of the pseudo header, as offloads have it.
 * Returns its length. */
uint32_t make_tcp(uint8_t *bytes, bool is_v6, uint32_t payload, uint8_t flags);

void offer_buffers(struct card *card, unsigned count, uint32_t size);

/* The driver sends a frame from descriptor `head`; nobody is killed. */
void send_one(struct card *card, uint16_t head);
