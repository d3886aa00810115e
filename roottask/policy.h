/* SPDX-License-Identifier: MIT */
/* The supervisor's judgement, apart from what it then does: may something be restarted, does a virtual CPU hang, are faults of a device news. Pure. */
#pragma once

#include <bulkhead/manifest.h>

#include <stdbool.h>
#include <stdint.h>

/* When the last restarts were, oldest first. All zeroes: none yet. */
struct restart_history {
	uint32_t count;
	uint64_t when_ms[MANIFEST_MAX_RESTARTS];
};

/* May it be restarted at `now_ms`? If so the restart is recorded. STOP: never; RESTART: at most `max` times
 * within any `seconds`. */
bool restart_permitted(
	const struct manifest_restart *policy, struct restart_history *history, uint64_t now_ms);

/* True if waiting since `since_tsc` exceeds `limit_ms` at `now_tsc`. A stamp in the future counts as now. */
bool waits_too_long(uint64_t now_tsc, uint64_t since_tsc, uint64_t limit_ms, uint64_t tsc_khz);

/* When a device's faults were last asked for and told. All zeroes: not yet. */
struct fault_watch {
	uint64_t ask_ms; /* not before then: until asked, the kernel hears of no further fault */
	uint64_t tell_ms, pause_ms;
	uint64_t told; /* how many there were */
};

/* May the kernel be asked at `now_ms`? Then that is recorded: ten times a second at most, so that a device that faults without end costs the CPU little. */
bool faults_ask(struct fault_watch *watch, uint64_t now_ms);

/* Is it to be told that there have been `count`? Then that is recorded. The first at once, then after a second, two, four, up to an hour: whoever causes
 * faults must not fill the log with them. What came meanwhile is in the next one's count. */
bool faults_tell(struct fault_watch *watch, uint64_t count, uint64_t now_ms);

/* Milliseconds between two looks at the virtual CPUs: a quarter of the shortest limit, within 10..100. */
uint64_t tick_interval_ms(uint64_t shortest_limit_ms);
