/* SPDX-License-Identifier: MIT */
/* How events go from the root task to the task that records them: as pieces of bytes in a ring (bulkhead/ring.h), each of them whole. The root
 * task counts events and never waits: one that finds no room is left out, and the next one's number says that some are missing. */
#pragma once

#include <bulkhead/ring.h>

#define AUDIT_RING_MAGIC UINT64_C(0x474e495254445541) /* "AUDTRING" read as little-endian */
#define AUDIT_RING_VERSION 1u
#define AUDIT_RING_SIZE 0x40000u         /* bytes of the region */
#define AUDIT_RING_NAME "audit"          /* of the region, on both sides */
#define AUDIT_SIGNAL_NAME "audit-signal" /* the root task's capability that wakes the other side */

/* Before the text. */
struct audit_ring_header {
	uint32_t length; /* bytes of text that follow */
	uint32_t kind;   /* enum audit_kind: EVENT or ORDER */
	uint64_t event;  /* 1, 2, ... since the machine was started; a gap: the ring was full */
	uint64_t tsc;    /* when it happened */
};
_Static_assert(sizeof(struct audit_ring_header) == 24, "audit_ring_header is shared between tasks");
