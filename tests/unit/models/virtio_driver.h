/* SPDX-License-Identifier: MIT */
/* The driver's side of a virtio model under test: negotiation, rings in the machine's RAM, chains. The rings of queue q stand in the
 * page 0x1000 * (q + 1); buffers are the test's, from DRIVER_BUFFERS on. */
#pragma once

#include "machine.h"

#include "virtio/virtio.h"

#define DRIVER_BUFFERS 0x10000u

enum { DRIVER_NEXT = 1, DRIVER_WRITE = 2, DRIVER_INDIRECT = 4 };

struct driver_descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t flags;
	uint16_t next;
};

struct driver_used {
	uint32_t head;
	uint32_t length;
};

struct driver {
	struct machine *machine;
	uint16_t size; /* of each queue */
	bool event_index;
	uint16_t used_seen[VIRTIO_QUEUES];
};

/* Resets, negotiates `features` (with VERSION_1), enables `queues` queues of `size` entries with vectors 1.. (0: configuration), and
 * runs. */
void driver_start(
	struct driver *driver, struct machine *machine, uint64_t features, uint32_t queues, uint16_t size);

/* Common configuration. */
uint64_t driver_common(struct driver *driver, uint32_t offset, uint32_t width);
void driver_set_common(struct driver *driver, uint32_t offset, uint32_t width, uint64_t value);
uint8_t driver_status(struct driver *driver);

struct driver_descriptor *driver_descriptors(struct driver *driver, uint32_t queue);
uint16_t *driver_available(struct driver *driver, uint32_t queue);  /* flags, index, entries, used_event */
uint16_t *driver_used_words(struct driver *driver, uint32_t queue); /* flags, index */

/* Makes the chain that begins at descriptor `head` available. */
void driver_offer(struct driver *driver, uint32_t queue, uint16_t head);

/* One descriptor as a chain of its own, and offers it. */
void driver_offer_buffer(struct driver *driver, uint32_t queue, uint16_t head, uint64_t address,
	uint32_t length, uint16_t flags);

/* Rings the queue's doorbell. The event is besides killed before and after its commit, and done by the successor, which must leave
 * the same in RAM and in the rings. */
void driver_notify(struct driver *driver, uint32_t queue);

/* The same for other events. */
void driver_event(struct driver *driver, uint64_t bits);

/* The next used element; false if there is none. */
bool driver_take_used(struct driver *driver, uint32_t queue, struct driver_used *used);
