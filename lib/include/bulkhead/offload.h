/* SPDX-License-Identifier: MIT */
/* What who takes frames only as they are on a line needs to have done: checksums put in, frames of many packets cut. A frame stands
 * in a ring, whose other side may change it meanwhile: what is decided upon is a copy of its headers. Touches nothing else; no libc. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <bulkhead/frame_ring.h>

/* Most bytes of headers of a frame that is cut: Ethernet with a tag, IP with options or IPv6 with extensions, TCP with options. */
#define OFFLOAD_HEADERS_MAX 256u

/* A frame and its headers, copied. */
struct offload_packet {
	const struct ring *ring;
	uint32_t index; /* of the frame's first byte in the ring */
	struct frame frame;
	uint8_t header[OFFLOAD_HEADERS_MAX];
	uint32_t ip; /* where the IP header of what is cut begins: behind the type, or behind one tag */
	uint32_t header_length; /* up to the payload of what is cut; 0: a frame of one packet */
	uint32_t packets;       /* that it is cut into; 1: it is one */
};

/* Looks at a frame at `index` of the ring. False if it is to be cut and is no TCP packet that could be, or what is to be done to it makes no sense. */
__attribute__((warn_unused_result)) bool offload_open(
	struct offload_packet *packet, const struct ring *ring, uint32_t index, const struct frame *frame);

/* Once after offload_open(): packet `number` (below packets) as it is on a line: its headers into packet->header, complete with checksums, and where the payload
 * stands that follows them: `count` bytes from `offset` of the frame on. */
void offload_cut(struct offload_packet *packet, uint32_t number, uint32_t *offset, uint32_t *count);

/* The checksum that is still to be put into a frame of one packet with FRAME_NEEDS_CHECKSUM, at checksum_start + checksum_offset,
 * high byte first. The range of both was checked. */
uint16_t offload_checksum(const struct offload_packet *packet);
