/* SPDX-License-Identifier: MIT */
/* The trace ring: fixed records of exits, switches and capability operations, written by the kernel when the boot command
 * line has `trace`, read by who holds its Frames. A record is valid when its sequence equals its index in the stream + 1. */
#ifndef BULKHEAD_TRACE_RING_H
#define BULKHEAD_TRACE_RING_H

#include <stdint.h>

enum bh_trace_kind { BH_TRACE_EXIT = 1, BH_TRACE_SWITCH, BH_TRACE_CAPABILITY, BH_TRACE_INTERRUPT };

#define BH_TRACE_EXIT_HOST \
	0x100u /* detail of an EXIT that is no exit reason: a host interrupt, or nothing that has to be told */

struct bh_trace_record {
	uint64_t sequence; /* stored last */
	uint64_t tsc;
	uint32_t kind;    /* enum bh_trace_kind */
	uint32_t detail;  /* exit reason or BH_TRACE_EXIT_HOST, vector, invocation */
	uint64_t subject; /* identity of the thread or vCPU; SWITCH: of who runs next, 0: nobody */
};
_Static_assert(sizeof(struct bh_trace_record) == 32, "ABI: trace record");

#define BH_TRACE_MAGIC UINT32_C(0x63617274) /* "trac" */
#define BH_TRACE_PAGES 16u
#define BH_TRACE_RECORDS ((BH_TRACE_PAGES * 4096u) / 32u - 1u)

struct bh_trace_ring {
	uint32_t magic, abi_version;
	uint32_t records, enabled;
	uint64_t next; /* number of records written so far */
	uint64_t reserved;
	struct bh_trace_record record[BH_TRACE_RECORDS];
};
_Static_assert(sizeof(struct bh_trace_ring) == BH_TRACE_PAGES * 4096u, "ABI: trace ring");

#endif
