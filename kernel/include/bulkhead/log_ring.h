/* SPDX-License-Identifier: MIT */
/* The kernel's log ring, as the root task sees it through a read-only Frame: part of the ABI. The kernel is the
 * only writer and never waits for a reader. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define LOG_RING_MAGIC 0x676f6c6b6c7562ul /* "bulklog", little endian */
#define LOG_RING_VERSION 1u
#define LOG_RING_BYTES 65536u /* header and text together; page aligned in memory */
#define LOG_RING_CAPACITY (LOG_RING_BYTES - 64u)

/* `head` counts all bytes ever written and never wraps in practice. Byte number n stands at text[n % capacity].
 * A reader that holds position p reads head (acquire), copies at most the last `capacity` bytes before it, reads
 * head again, and drops those bytes that were overwritten meanwhile (p + capacity < new head). Lines end with '\n'. */
struct log_ring {
	uint64_t magic;
	uint32_t version;
	uint32_t capacity; /* bytes in text[] */
	uint64_t head;
	uint8_t reserved[40];
	uint8_t text[LOG_RING_CAPACITY];
};

_Static_assert(offsetof(struct log_ring, head) == 16, "log ring ABI");
_Static_assert(offsetof(struct log_ring, text) == 64, "log ring ABI");
_Static_assert(sizeof(struct log_ring) == LOG_RING_BYTES, "log ring ABI");
