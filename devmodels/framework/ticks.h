/* SPDX-License-Identifier: MIT */
/* Conversion between nanoseconds of guest time and ticks of a device's own clock, exact and without
 * 128-bit division, so that a tick's time and the tick at that time always agree. Pure. */
#pragma once

#include <stdint.h>

#define TICKS_NS_PER_SECOND UINT64_C(1000000000)

/* Whole ticks of a clock of `hertz` (1..10^9) that have passed at `ns`. */
static inline uint64_t ticks_at_ns(uint64_t ns, uint64_t hertz)
{
	return ns / TICKS_NS_PER_SECOND * hertz + ns % TICKS_NS_PER_SECOND * hertz / TICKS_NS_PER_SECOND;
}

/* The first ns at which `tick` has passed: ticks_at_ns(result) >= tick, and ticks_at_ns(result - 1) <
 * tick. */
static inline uint64_t ticks_to_ns(uint64_t tick, uint64_t hertz)
{
	return tick / hertz * TICKS_NS_PER_SECOND + (tick % hertz * TICKS_NS_PER_SECOND + hertz - 1) / hertz;
}
