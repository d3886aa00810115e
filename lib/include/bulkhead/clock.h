/* SPDX-License-Identifier: MIT */
/* The clock page: one per VM, written by its VMM server alone, read by its device models. It maps the
 * host's TSC to the guest's TSC, to nanoseconds of guest time and to the wall clock, so that every clock a
 * guest sees is the same one, across pauses too. No system calls; usable in host unit tests.
 *
 *   host TSC --(+ tsc_offset)--> guest TSC --(* multiplier >> shift)--> guest time in ns
 *   guest time in ns --(+ wall_base_ns)--> Unix time in ns
 *
 * Guest TSC and guest time are 0 at the VM's start and stand still while the VM is paused. After a pause they may catch up, by
 * jumps: to the guest it is as if it had not been given the CPU.
 *
 * The sequence lock keeps two copies ("latch"): `sequence` tells which of them readers use (its lowest
 * bit), and the writer changes only the other. A reader is therefore never held up by a writer that was
 * preempted, or that died, in the middle of an update: on one CPU a reader of higher priority would
 * otherwise spin for ever. It repeats only if the page was updated under it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CLOCK_PAGE_MAGIC UINT64_C(0x4547415043434c4b) /* the page was initialised by a VMM */
#define CLOCK_PAGE_VERSION 1u
#define CLOCK_PAGE_SIZE 4096u
#define CLOCK_READ_TRIES 8u

#define NANOSECONDS_PER_SECOND UINT64_C(1000000000)

/* A factor as multiplier / 2^shift; the multiplier's top bit is set, so that the factor is exact to 63
 * bits. */
struct clock_scale {
	uint64_t multiplier;
	uint32_t shift; /* 0..127 */
	uint32_t reserved;
};
_Static_assert(sizeof(struct clock_scale) == 16, "clock_scale is shared between tasks");

/* Everything that belongs together: a reader gets all of it from one moment. */
struct clock_state {
	/* guest TSC = host TSC + this, modulo 2^64; the VCPU's state page has the same value */
	uint64_t tsc_offset;
	uint64_t guest_tsc_khz;     /* ticks of the guest TSC in a millisecond; 0 = no clock */
	struct clock_scale to_ns;   /* guest TSC ticks -> ns */
	struct clock_scale from_ns; /* ns -> guest TSC ticks */
	uint64_t
		wall_base_ns; /* Unix time in ns when guest time was 0, plus all pauses since that were not caught up */
	uint64_t paused; /* 1 = guest time stands at paused_guest_tsc */
	uint64_t paused_guest_tsc;
	uint64_t pauses; /* the paused epoch: how often the VM has been paused */
};
_Static_assert(sizeof(struct clock_state) == 80, "clock_state is shared between tasks");

struct clock_page {
	uint64_t magic; /* written last by clock_initialise() */
	uint32_t version;
	uint32_t size;     /* sizeof(struct clock_page) */
	uint64_t sequence; /* readers use copies[sequence & 1] */
	uint64_t reserved[5];
	struct clock_state copies[2];
};
_Static_assert(offsetof(struct clock_page, copies) == 64, "clock_page is shared between tasks");
_Static_assert(sizeof(struct clock_page) == 64 + 160, "clock_page is shared between tasks");

/* This CPU's time-stamp counter. */
static inline uint64_t clock_host_tsc(void)
{
	uint32_t low;
	uint32_t high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* value * scale, rounded down, modulo 2^64. */
static inline uint64_t clock_scale_apply(struct clock_scale scale, uint64_t value)
{
	return (uint64_t)(((unsigned __int128)value * scale.multiplier) >> (scale.shift & 127));
}

/* The scale numerator / denominator, rounded down in its 64th bit. Both must be 1..2^62: else the scale is
 * 0. */
static inline struct clock_scale clock_scale_make(uint64_t numerator, uint64_t denominator)
{
	struct clock_scale scale = { 0 };
	uint64_t remainder;

	if (numerator == 0 || denominator == 0 || numerator >> 62 != 0 || denominator >> 62 != 0) {
		return scale;
	}
	scale.multiplier = numerator / denominator;
	remainder = numerator % denominator;
	/* Long division, one bit at a time: at start-up only. */
	while (scale.multiplier >> 63 == 0 && scale.shift < 127) {
		remainder <<= 1;
		scale.multiplier <<= 1;
		scale.shift++;
		if (remainder >= denominator) {
			remainder -= denominator;
			scale.multiplier |= 1;
		}
	}
	return scale;
}

/* ---- Readers: any task that has the page mapped. ---- */

/* A consistent copy of the clock. A page that no VMM has initialised gives a clock that stands at 0
 * (guest_tsc_khz is 0). The number of tries is bounded: a VMM that updates its page all the time harms its
 * own VM only. */
static inline struct clock_state clock_read(const struct clock_page *page)
{
	struct clock_state state = { 0 };

	if (__atomic_load_n(&page->magic, __ATOMIC_ACQUIRE) != CLOCK_PAGE_MAGIC ||
		page->version != CLOCK_PAGE_VERSION) {
		return state;
	}
	for (uint32_t tries = 0; tries < CLOCK_READ_TRIES; tries++) {
		uint64_t sequence = __atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE);

		state = *(const volatile struct clock_state *)&page->copies[sequence & 1];
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&page->sequence, __ATOMIC_RELAXED) == sequence) {
			break;
		}
	}
	return state;
}

/* The guest's TSC at the moment when the host's was `host_tsc`. A moment before the VM's start counts as
 * 0. */
static inline uint64_t clock_guest_tsc(const struct clock_state *state, uint64_t host_tsc)
{
	uint64_t guest_tsc = state->paused != 0 ? state->paused_guest_tsc : host_tsc + state->tsc_offset;

	return guest_tsc >> 63 != 0 || state->guest_tsc_khz == 0 ? 0 : guest_tsc;
}

/* Guest time in ns at the moment when the host's TSC was `host_tsc`. */
static inline uint64_t clock_ns_at(const struct clock_state *state, uint64_t host_tsc)
{
	return clock_scale_apply(state->to_ns, clock_guest_tsc(state, host_tsc));
}

/* Guest time in ns, now. */
static inline uint64_t clock_now_ns(const struct clock_page *page)
{
	struct clock_state state = clock_read(page);

	return clock_ns_at(&state, clock_host_tsc());
}

/* The host TSC from which on guest time is at least `ns`: what a kernel Timer is armed with. Of a paused
 * clock (check `paused`) it is the moment at which it would have been so without the pause. 0 if there is
 * no clock. */
static inline uint64_t clock_host_tsc_at(const struct clock_state *state, uint64_t ns)
{
	/* Both scales are rounded down: the product is short by less than 2 ticks, plus one for rounding
	 * up. */
	return state->guest_tsc_khz == 0 ? 0 : clock_scale_apply(state->from_ns, ns) + 3 - state->tsc_offset;
}

/* ---- The writer: the VM's VMM server, one thread at a time. ---- */

/* Publishes `state`: writes the copy that readers don't use, then turns them to it. */
static inline void clock_write(struct clock_page *page, const struct clock_state *state)
{
	uint64_t sequence = page->sequence + 1;

	*(volatile struct clock_state *)&page->copies[sequence & 1] = *state;
	__atomic_store_n(&page->sequence, sequence, __ATOMIC_RELEASE);
	/* The next update writes the copy that readers used until now: not before they can see that they
	 * must not. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Starts the clock: guest TSC and guest time are 0 at `host_tsc`. `khz` is the TSC's frequency in kHz,
 * 1..2^32; `wall_ns` the Unix time in ns at that moment. The page may hold anything before. */
static inline void clock_initialise(
	struct clock_page *page, uint64_t host_tsc, uint64_t khz, uint64_t wall_ns)
{
	struct clock_state state = {
		.tsc_offset = 0 - host_tsc,
		.guest_tsc_khz = khz,
		.to_ns = clock_scale_make(1000000, khz),
		.from_ns = clock_scale_make(khz, 1000000),
		.wall_base_ns = wall_ns,
	};

	__atomic_store_n(&page->magic, 0, __ATOMIC_RELEASE);
	page->version = CLOCK_PAGE_VERSION;
	page->size = sizeof(*page);
	page->sequence = 0;
	page->copies[0] = state;
	page->copies[1] = state;
	__atomic_store_n(&page->magic, CLOCK_PAGE_MAGIC, __ATOMIC_RELEASE);
}

/* Stops guest time at `host_tsc`. No effect if it stands already. */
static inline void clock_pause(struct clock_page *page, uint64_t host_tsc)
{
	struct clock_state state = clock_read(page);

	if (state.paused != 0) {
		return;
	}
	state.paused_guest_tsc = clock_guest_tsc(&state, host_tsc);
	state.paused = 1;
	state.pauses++;
	clock_write(page, &state);
}

/* Lets guest time go on at `host_tsc` from where it stood; wall time has gone on meanwhile. The VMM loads
 * the new tsc_offset into its vCPUs before they run. Device models that have a deadline look at a paused
 * clock again now and then: nobody has to tell them. */
static inline void clock_resume(struct clock_page *page, uint64_t host_tsc)
{
	struct clock_state state = clock_read(page);
	uint64_t elapsed;

	if (state.paused == 0) {
		return;
	}
	elapsed = host_tsc + state.tsc_offset - state.paused_guest_tsc;
	state.wall_base_ns += clock_scale_apply(state.to_ns, elapsed);
	state.tsc_offset -= elapsed;
	state.paused = 0;
	clock_write(page, &state);
}

/* Moves guest time forward by `ticks` of the guest TSC, of what it is behind wall time. Not while it stands. The VMM loads the new
 * tsc_offset into its vCPUs before they run; deadlines of device models come as late as the jump is long. */
static inline void clock_advance(struct clock_page *page, uint64_t ticks)
{
	struct clock_state state = clock_read(page);

	state.wall_base_ns -= clock_scale_apply(state.to_ns, ticks);
	state.tsc_offset += ticks;
	clock_write(page, &state);
}
