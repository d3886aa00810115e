/* SPDX-License-Identifier: MIT */
/* What the switch keeps outside of itself, and the root task reads: its counters, and how far each port has used up its rate. The
 * switch alone writes it; it outlives the switch. All zeroes: no switch has started yet. */
#pragma once

#include <bulkhead/switch_port.h>

#include <stdint.h>

#define SWITCH_PAGE_MAGIC UINT64_C(0x5354524f5057534e) /* "NSWPORTS" read as little-endian */
#define SWITCH_PAGE_VERSION 1u

/* Why a frame went nowhere. */
enum switch_drop {
	SWITCH_DROP_MALFORMED, /* its length or what is to be done to it makes no sense, or the ring's contents did not */
	SWITCH_DROP_SOURCE, /* its source address is not the port's */
	SWITCH_DROP_TAGGED, /* it has a VLAN tag of the sender's own */
	SWITCH_DROP_FLOW,   /* no flow leads where it wants to */
	SWITCH_DROP_FULL,   /* counted at the receiver: it takes its frames too slowly */
	SWITCH_DROP_REASONS
};

/* 64-bit words that only grow; a reader may see one of them newer than another. A kill of the switch can lose one frame's. */
struct switch_counters {
	uint64_t sent_frames; /* by the port, to at least one other */
	uint64_t sent_bytes;
	uint64_t received_frames; /* put into the port's ring */
	uint64_t received_bytes;
	uint64_t held; /* how often the port had to wait because of its rate */
	uint64_t dropped[SWITCH_DROP_REASONS];
};

struct switch_page_port {
	char name[SWITCH_PORT_NAME_SIZE];
	uint64_t mac;     /* 0 of an uplink */
	uint64_t used_ns; /* the time at which what was sent would be worked off at the port's rate */
	struct switch_counters counters;
};

struct switch_page {
	uint64_t magic; /* written last */
	uint32_t version;
	uint32_t count;
	struct switch_page_port ports[SWITCH_PORTS_MAX];
};
_Static_assert(sizeof(struct switch_counters) == 80, "switch_counters is shared between tasks");
_Static_assert(sizeof(struct switch_page_port) == 128, "switch_page_port is shared between tasks");
