/* SPDX-License-Identifier: MIT */
/* The switch itself: takes frames from its ports' rings, judges them, and puts them where a flow leads. Pure: rings and the page are
 * memory, time is an argument, signals are bits.
 *
 * Addresses are declared, so nothing is learned. A frame goes from a port only
 *   - with the port's own source address (an uplink: with none of a card's),
 *   - without a tag of its own (an uplink without a VLAN: with the tag of the frame's, which is taken off),
 *   - to the card with its destination address, or, if that is a group's, to all ports, or, if nobody has it, to uplinks:
 *     in each case only where a flow leads and the VLAN is the same.
 * A receiver whose ring is full loses the frame, and nobody waits for it. A sender that is faster than its rate waits, in its ring.
 *
 * Each step first writes what nobody looks at yet, then commits by one store: bytes, then the receiver's head, then the sender's tail.
 * Killed in between, the frame goes twice to those that it had reached. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <bulkhead/frame_ring.h>
#include <bulkhead/switch_page.h>

#define SWITCH_NEVER UINT64_MAX

struct switch_port {
	struct switch_port_settings settings;
	struct ring from;    /* the port sends; the switch is the consumer */
	struct ring to;      /* the port receives */
	uint32_t tail;       /* of `from` */
	uint32_t head;       /* of `to` */
	uint64_t held_until; /* ns: the port has to wait for its rate; 0: it has not */
	uint64_t burst_ns;
	struct switch_page_port *page;
};

struct network_switch {
	struct switch_port ports[SWITCH_PORTS_MAX];
	uint32_t count;
	uint64_t signals; /* bit i: port i's owner is to be signalled; the caller clears what it has sent */
};

/* Adds a port: its settings, the rings of ring_region_rings(). At most SWITCH_PORTS_MAX, in the order of the flows' bits. */
void switch_add_port(struct network_switch *network, const struct switch_port_settings *settings,
	const struct ring *from, const struct ring *to);

/* After all ports were added: takes over what a former switch left in `page` if that was for the same ports; else begins anew. Sets
 * signals for all who may have waited for a signal that the former switch did not send any more. True if something was taken over. */
bool switch_start(struct network_switch *network, struct switch_page *page, uint64_t now_ns);

/* A turn for each port: some frames of it go on, not more than its share of the switch's time. `now_ns` counts from the machine's start.
 * True if there may be more to do at once. */
bool switch_turn(struct network_switch *network, uint64_t now_ns);

/* Asks for signals. True if there is nothing to do until one of them comes, or until switch_deadline(). */
bool switch_may_sleep(struct network_switch *network);

/* When the first port that waits for its rate may go on; SWITCH_NEVER if none waits. */
uint64_t switch_deadline(const struct network_switch *network);
