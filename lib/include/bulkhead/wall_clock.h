/* SPDX-License-Identifier: MIT */
/* The wall-clock page: what time it is, for whoever has it mapped. The wall-clock task alone writes it, from the machine's clock chip; it
 * outlives that task. All zeroes: no task has started yet, and the date is not known. No system calls; usable in host unit tests.
 *
 * One moment is all there is: a Unix time, and the TSC then. Every reader counts on from it by its own TSC.
 *
 * The sequence lock keeps two copies, as that of bulkhead/clock.h: `sequence` says which one readers use (its lowest bit), and the
 * writer changes only the other. So the page is valid at any time, a writer that is killed in the middle of an update included, and
 * no reader waits for one that is preempted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WALL_CLOCK_MAGIC UINT64_C(0x4b434f4c434c4157) /* "WALCLOCK" read as little-endian; written last */
#define WALL_CLOCK_VERSION 1u
#define WALL_CLOCK_NAME "wall-clock" /* of the region, in each task that has it */
#define WALL_CLOCK_READ_TRIES 8u
#define WALL_CLOCK_NS_PER_MS UINT64_C(1000000)

struct wall_clock_moment {
	uint64_t tsc;
	uint64_t unix_ns; /* since 1970-01-01, UTC; 0: the machine's clock says no date */
};

struct wall_clock_page {
	uint64_t magic;
	uint32_t version;
	uint32_t reserved0;
	uint64_t sequence; /* readers use copies[sequence & 1] */
	uint64_t reserved1[5];
	struct wall_clock_moment copies[2];
};
_Static_assert(sizeof(struct wall_clock_moment) == 16, "wall_clock_moment is shared between tasks");
_Static_assert(offsetof(struct wall_clock_page, copies) == 64, "wall_clock_page is shared between tasks");

/* ---- Readers. The number of tries is bounded: what a writer gone mad can do is to be wrong about the date. ---- */

/* The moment that stands there; one with unix_ns 0 if the date is not known. */
static inline struct wall_clock_moment wall_clock_read(const struct wall_clock_page *page)
{
	struct wall_clock_moment moment = { 0, 0 };

	if (__atomic_load_n(&page->magic, __ATOMIC_ACQUIRE) != WALL_CLOCK_MAGIC ||
		page->version != WALL_CLOCK_VERSION) {
		return moment;
	}
	for (uint32_t tries = 0; tries < WALL_CLOCK_READ_TRIES; tries++) {
		uint64_t sequence = __atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE);

		moment = *(const volatile struct wall_clock_moment *)&page->copies[sequence & 1];
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&page->sequence, __ATOMIC_RELAXED) == sequence) {
			break;
		}
	}
	return moment;
}

/* The Unix time in ns when the TSC was `tsc`, before or after the moment; `khz`: the TSC's frequency, not 0. 0: not known. */
static inline uint64_t wall_clock_at(struct wall_clock_moment moment, uint64_t tsc, uint64_t khz)
{
	bool is_before = (int64_t)(tsc - moment.tsc) < 0;
	uint64_t ticks = is_before ? moment.tsc - tsc : tsc - moment.tsc;
	uint64_t ns = ticks / khz * WALL_CLOCK_NS_PER_MS + ticks % khz * WALL_CLOCK_NS_PER_MS / khz;

	if (moment.unix_ns == 0) {
		return 0;
	}
	if (!is_before) {
		return moment.unix_ns + ns;
	}
	return moment.unix_ns > ns ? moment.unix_ns - ns : 0;
}

/* ---- The writer. ---- */

/* Before all else: makes the page one, and leaves what a predecessor has published. */
static inline void wall_clock_attach(struct wall_clock_page *page)
{
	static const struct wall_clock_moment unknown;

	if (__atomic_load_n(&page->magic, __ATOMIC_ACQUIRE) == WALL_CLOCK_MAGIC &&
		page->version == WALL_CLOCK_VERSION) {
		return;
	}
	__atomic_store_n(&page->magic, 0, __ATOMIC_RELEASE);
	page->version = WALL_CLOCK_VERSION;
	page->sequence = 0;
	page->copies[0] = unknown;
	page->copies[1] = unknown;
	__atomic_store_n(&page->magic, WALL_CLOCK_MAGIC, __ATOMIC_RELEASE);
}

/* Publishes `moment`: writes the copy that readers don't use, then turns them to it. */
static inline void wall_clock_write(struct wall_clock_page *page, struct wall_clock_moment moment)
{
	uint64_t sequence = page->sequence + 1;

	*(volatile struct wall_clock_moment *)&page->copies[sequence & 1] = moment;
	__atomic_store_n(&page->sequence, sequence, __ATOMIC_RELEASE);
	/* The next update writes the copy that readers used until now: not before they can see that they must not. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}
