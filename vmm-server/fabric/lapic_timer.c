/* SPDX-License-Identifier: MIT */
/* The local APIC's timer: one-shot, periodic, TSC-deadline (Intel SDM vol. 3 §11.5.4). It holds an absolute deadline and counts
 * nothing in between: whatever the guest writes, no loop runs over periods. */

#include "fabric/lapic_internal.h"

enum timer_mode { TIMER_ONE_SHOT = 0, TIMER_PERIODIC = 1, TIMER_TSC_DEADLINE = 2, TIMER_RESERVED = 3 };

static uint32_t timer_mode(const struct lapic *lapic) { return lapic->lvt[LVT_TIMER] >> 17 & 3; }

/* Ticks of `now` for one run of the initial count: below 2^39, and not 0 while the timer runs. */
static uint64_t period(const struct lapic *lapic)
{
	return (uint64_t)lapic->initial_count << lapic->divide_shift;
}

/* A deadline past the end of the clock never comes. */
static uint64_t saturating_add(uint64_t now, uint64_t ticks)
{
	return ticks > UINT64_MAX - now ? LAPIC_NEVER : now + ticks;
}

/* Ticks until the timer next reaches zero, having passed it as often as the mode allows. 0: it stands. */
static uint64_t remaining(const struct lapic *lapic, uint64_t now)
{
	uint64_t late;

	if (lapic->deadline == LAPIC_NEVER) {
		return 0;
	}
	if (now < lapic->deadline) {
		return lapic->deadline - now;
	}
	if (timer_mode(lapic) != TIMER_PERIODIC || period(lapic) == 0) {
		return 0;
	}
	late = now - lapic->deadline;
	return late < period(lapic) ? period(lapic) - late : period(lapic) - late % period(lapic);
}

void lapic_advance(struct lapic *lapic, uint64_t now)
{
	uint64_t left;

	if (now < lapic->deadline || lapic->deadline == LAPIC_NEVER) {
		return;
	}
	left = remaining(lapic, now);
	lapic->deadline = left == 0 ? LAPIC_NEVER : saturating_add(now, left);
	lapic->tsc_deadline = 0;
	lapic_local_interrupt(lapic, LVT_TIMER);
}

uint8_t lapic_take_timer(struct lapic *lapic, uint64_t now)
{
	uint32_t lvt = lapic->lvt[LVT_TIMER];
	uint8_t vector = LVT_VECTOR(lvt);
	uint64_t expired = lapic->deadline;
	uint64_t left;

	if (now < expired || expired == LAPIC_NEVER || lapic->irr_highest != 0 ||
		(lvt & LAPIC_LVT_MASKED) != 0 || LVT_DELIVERY_MODE(lvt) != DELIVERY_FIXED || vector < 16 ||
		!lapic->software_enabled || vector >> 4 <= lapic->ppr >> 4 || lapic->events != 0 ||
		lapic->wait_for_startup) {
		return 0;
	}
	lapic->deadline = LAPIC_NEVER;
	if (timer_mode(lapic) == TIMER_PERIODIC) {
		lapic->deadline = expired;
		left = remaining(lapic, now);
		lapic->deadline = left == 0 ? LAPIC_NEVER : saturating_add(now, left);
	}
	lapic->tsc_deadline = 0;
	vector_set_remove(&lapic->tmr, vector);
	lapic->source[vector] = 0;
	vector_set_add(&lapic->isr, vector);
	lapic->isr_highest = vector;
	lapic->ppr = vector & 0xf0;
	return vector;
}

void lapic_timer_write_lvt(struct lapic *lapic, uint32_t value, uint64_t now)
{
	uint32_t mode = value >> 17 & 3;

	/* What expired before the write did so under the old entry. */
	lapic_advance(lapic, now);
	if (mode != timer_mode(lapic) &&
		(mode >= TIMER_TSC_DEADLINE || timer_mode(lapic) >= TIMER_TSC_DEADLINE)) {
		/* To and from TSC-deadline mode disarms the timer (§11.5.4.1). */
		lapic->deadline = LAPIC_NEVER;
		lapic->tsc_deadline = 0;
		lapic->initial_count = 0;
	}
	lapic->lvt[LVT_TIMER] = value;
}

void lapic_timer_write_initial_count(struct lapic *lapic, uint32_t value, uint64_t now)
{
	lapic_advance(lapic, now);
	if (timer_mode(lapic) >= TIMER_TSC_DEADLINE) {
		return;
	}
	lapic->initial_count = value;
	lapic->deadline = value == 0 ? LAPIC_NEVER : saturating_add(now, period(lapic));
}

void lapic_timer_write_divide(struct lapic *lapic, uint32_t value, uint64_t now)
{
	uint32_t count;

	lapic_advance(lapic, now);
	count = lapic_timer_current_count(lapic, now);
	lapic->divide = value;
	/* Bits 3, 1, 0 as a number n: divide by 2^(n + 1), and by 1 for n = 7. */
	lapic->divide_shift = (uint8_t)(((value & 3) | (value >> 1 & 4)) + 1) & 7;
	if (lapic->deadline != LAPIC_NEVER && timer_mode(lapic) < TIMER_TSC_DEADLINE) {
		/* The count that is left goes on at the new speed. */
		lapic->deadline = saturating_add(now, (uint64_t)count << lapic->divide_shift);
	}
}

uint32_t lapic_timer_current_count(const struct lapic *lapic, uint64_t now)
{
	uint64_t round_up = (UINT64_C(1) << lapic->divide_shift) - 1;

	if (timer_mode(lapic) >= TIMER_TSC_DEADLINE) {
		return 0;
	}
	return (uint32_t)((remaining(lapic, now) + round_up) >> lapic->divide_shift);
}

/* Arms the deadline that the MSR names. */
static void arm_tsc_deadline(struct lapic *lapic, uint64_t now)
{
	uint64_t own_tsc = now + lapic->tsc_offset;

	lapic->deadline =
		lapic->tsc_deadline > own_tsc ? saturating_add(now, lapic->tsc_deadline - own_tsc) : now;
}

void lapic_timer_write_tsc_deadline(struct lapic *lapic, uint64_t value, uint64_t now)
{
	if (timer_mode(lapic) != TIMER_TSC_DEADLINE) {
		return;
	}
	lapic_advance(lapic, now);
	lapic->tsc_deadline = value;
	if (value == 0) {
		lapic->deadline = LAPIC_NEVER;
		return;
	}
	arm_tsc_deadline(lapic, now);
	lapic_advance(lapic, now);
}

void lapic_set_tsc_offset(struct lapic *lapic, uint64_t offset, uint64_t now)
{
	lapic_advance(lapic, now);
	lapic->tsc_offset = offset;
	if (lapic->tsc_deadline != 0) {
		arm_tsc_deadline(lapic, now);
		lapic_advance(lapic, now);
	}
}
