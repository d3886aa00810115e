/* SPDX-License-Identifier: MIT */
/* The machine's clock: the TSC, its rate measured once at boot against the ACPI PM timer. */
#pragma once

#include <stdint.h>

#include "arch/x86_64/acpi.h"

struct clock_rates {
	uint64_t tsc_khz;
	uint64_t tsc_per_nanosecond;    /* 32.32 fixed point */
	uint64_t lapic_per_tsc;         /* local APIC timer counts a TSC tick, 32.32 fixed point */
	uint64_t tsc_per_lapic_maximum; /* TSC ticks that the timer's full 32-bit count lasts */
};

/* Filled by clock_calibrate; constant afterwards. */
extern struct clock_rates clock_rates;

/* Measures, some 5 to 50 ms, interrupts off, lapic_enable() done. Boot only. */
void clock_calibrate(const struct platform_information *platform);

/* Conversion; results saturate at UINT64_MAX. */
static inline uint64_t fixed_point_scale(uint64_t value, uint64_t factor)
{
	unsigned __int128 product = (unsigned __int128)value * factor;

	return (uint64_t)(product >> 96) != 0 ? UINT64_MAX : (uint64_t)(product >> 32);
}

static inline uint64_t tsc_from_nanoseconds(uint64_t nanoseconds)
{
	return fixed_point_scale(nanoseconds, clock_rates.tsc_per_nanosecond);
}
