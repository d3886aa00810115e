/* SPDX-License-Identifier: MIT */
/*
 * What every driver of a network card does with its rings to and from the switch (bulkhead/frame_ring.h): takes packets as they are on a line,
 * checksums put in and large ones cut, and puts in those that have come. A packet is copied on its way, so neither side changes what the other has
 * looked at. Nothing outlives the process but the rings. Pure.
 */
#pragma once

#include <bulkhead/offload.h>

#include <stdbool.h>
#include <stdint.h>

/* IEEE 802.3 clauses 3.2.7 and 4.4.2, without FCS. */
#define FRAMES_MIN_LENGTH 60u /* shorter ones are filled up with zeroes */
#define FRAMES_MTU 1500u
#define FRAMES_MAX_LENGTH (14u + FRAMES_MTU)
#define FRAMES_TAG 4u       /* a VLAN's tag comes on top */
#define FRAMES_BUFFER 2048u /* for one, with what a device puts before it */

struct frames {
	struct ring out;    /* to the switch */
	struct ring in;     /* from it */
	uint32_t head;      /* of `out` */
	uint32_t tail;      /* of `in` */
	uint32_t cut;       /* packets of the oldest frame of `in` that were taken */
	uint64_t too_long;  /* packets from the switch that the line does not take */
	uint64_t malformed; /* what is no frame, from either side */
	bool signal;        /* the switch is to be signalled; the caller clears it */
};

enum frames_taken {
	FRAMES_NOTHING,
	FRAMES_TAKEN,
	FRAMES_LOST, /* what was next could not be sent: look again */
};

/* Begins where a predecessor ended. `region` is what the driver shares with the switch, of `size` bytes. False if it is something else. */
__attribute__((warn_unused_result)) bool frames_open(struct frames *frames, void *region, uint64_t size);

/* The next packet for the line, into `bytes`, which have room for FRAMES_MAX_LENGTH + FRAMES_TAG; its length in *length. */
__attribute__((warn_unused_result)) enum frames_taken frames_take(
	struct frames *frames, uint8_t *bytes, uint32_t *length);

/* Throws away what the switch has sent: the line is down. */
void frames_discard(struct frames *frames);

/* Puts in a packet that has come, of any length. False if it has no room: again, when frames_may_sleep() says so. */
__attribute__((warn_unused_result)) bool frames_put(
	struct frames *frames, const uint8_t *bytes, uint32_t length);

/* Asks the switch for signals: for frames, where the driver could take one; for room, where a packet of `waiting` bytes (0: none) has come. True if there is
 * nothing of what was asked for. */
__attribute__((warn_unused_result)) bool frames_may_sleep(
	struct frames *frames, bool wants_frames, uint32_t waiting);
