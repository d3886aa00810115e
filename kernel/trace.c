/* SPDX-License-Identifier: MIT */
/* Writes the trace ring; readers have its Frames read-only. */
#include "trace.h"

#include <bulkhead/abi.h>

#include "arch/x86_64/cpu.h"

struct bh_trace_ring trace_ring __attribute__((aligned(4096)));

void trace_initialise(uint32_t enabled)
{
	trace_ring.magic = BH_TRACE_MAGIC;
	trace_ring.abi_version = BH_ABI_VERSION;
	trace_ring.records = BH_TRACE_RECORDS;
	trace_ring.enabled = enabled;
}

void trace_write(uint32_t kind, uint32_t detail, const void *subject)
{
	struct bh_trace_record *record = &trace_ring.record[trace_ring.next % BH_TRACE_RECORDS];

	record->sequence = 0;
	compiler_barrier();
	record->tsc = rdtsc();
	record->kind = kind;
	record->detail = detail;
	record->subject = (uint64_t)subject;
	compiler_barrier();
	record->sequence = ++trace_ring.next;
}
