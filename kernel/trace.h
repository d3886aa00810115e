/* SPDX-License-Identifier: MIT */
/* The trace ring: switched on by `trace` on the boot command line. One branch where it is off. */
#pragma once

#include <stdint.h>

#include <bulkhead/trace_ring.h>

extern struct bh_trace_ring trace_ring;

void trace_initialise(uint32_t enabled);
void trace_write(uint32_t kind, uint32_t detail, const void *subject);

static inline void trace_record(uint32_t kind, uint32_t detail, const void *subject)
{
	if (__builtin_expect(trace_ring.enabled != 0, 0)) {
		trace_write(kind, detail, subject);
	}
}
