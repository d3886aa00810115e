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
	uint64_t bit; /* 1 << its number */
	uint64_t
		peers; /* ports, as bits: where a flow leads and frames of the port's VLAN come out; of a trunk, where a flow leads */
	uint32_t last_card; /* where the frame before went, if to a card: the first one to ask */
	struct switch_page_port *page;
};

struct network_switch {
	struct switch_port ports[SWITCH_PORTS_MAX];
	uint32_t count;
	bool has_rates; /* some port has one: the time matters */
	uint64_t
		awake; /* bit i: port i is looked at. The others have nothing to send, and signal when they have */
	uint64_t signals; /* bit i: port i's owner is to be signalled; the caller clears what it has sent */
	uint64_t uplinks; /* ports, as bits */
	uint64_t cards[SWITCH_PORTS_MAX]; /* their addresses; UINT64_MAX, which is none, of uplinks */
};

/* Adds a port: its settings, the rings of ring_region_rings(). At most SWITCH_PORTS_MAX, in the order of the flows' bits. */
void switch_add_port(struct network_switch *network, const struct switch_port_settings *settings,
	const struct ring *from, const struct ring *to);

/* After all ports were added: takes over what a former switch left in `page` if that was for the same ports; else begins anew. Sets
 * signals for all who may have waited for a signal that the former switch did not send any more. True if something was taken over. */
bool switch_start(struct network_switch *network, struct switch_page *page, uint64_t now_ns);

/* These ports, as bits, have signalled. A port that is asleep and has not is not looked at: whoever publishes an index afterwards finds that
 * the switch has asked, and who starts anew signals whatever there is. */
static inline void switch_wake(struct network_switch *network, uint64_t ports) { network->awake |= ports; }

/* A turn for each port that is awake: some frames of it go on, not more than its share of the switch's time. `now_ns` counts from the
 * machine's start; anything if the network has no rates. True if there may be more to do at once. */
bool switch_turn(struct network_switch *network, uint64_t now_ns);

/* Asks for signals of all ports that are awake and not held by their rate; they sleep then, if they have nothing to send. True if there is
 * nothing to do until one of them signals, or until switch_deadline(). */
bool switch_may_sleep(struct network_switch *network);

/* When the first port that waits for its rate may go on; SWITCH_NEVER if none waits. */
uint64_t switch_deadline(const struct network_switch *network);
