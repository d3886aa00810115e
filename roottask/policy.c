/* SPDX-License-Identifier: MIT */
/* The supervisor's judgement: see policy.h. Pure. */
#include "policy.h"

#define TICK_SHORTEST_MS 10u
#define TICK_LONGEST_MS 100u
#define FAULT_ASK_MS 100u
#define FAULT_PAUSE_MIN_MS 1000u
#define FAULT_PAUSE_MAX_MS 3600000u

bool restart_permitted(
	const struct manifest_restart *policy, struct restart_history *history, uint64_t now_ms)
{
	uint64_t window_ms = (uint64_t)policy->seconds * 1000;
	uint32_t recent = 0;

	if (policy->on_exit != MANIFEST_ON_EXIT_RESTART) {
		return false;
	}
	/* Keep those inside the window. */
	for (uint32_t i = 0; i < history->count; i++) {
		if (now_ms - history->when_ms[i] < window_ms) {
			history->when_ms[recent++] = history->when_ms[i];
		}
	}
	history->count = recent;
	if (recent >= policy->max || recent >= MANIFEST_MAX_RESTARTS) {
		return false;
	}
	history->when_ms[history->count++] = now_ms;
	return true;
}

bool waits_too_long(uint64_t now_tsc, uint64_t since_tsc, uint64_t limit_ms, uint64_t tsc_khz)
{
	return now_tsc > since_tsc && (now_tsc - since_tsc) / (tsc_khz != 0 ? tsc_khz : 1) > limit_ms;
}

bool faults_ask(struct fault_watch *watch, uint64_t now_ms)
{
	if (now_ms < watch->ask_ms) {
		return false;
	}
	watch->ask_ms = now_ms + FAULT_ASK_MS;
	return true;
}

bool faults_tell(struct fault_watch *watch, uint64_t count, uint64_t now_ms)
{
	if (count == watch->told || now_ms < watch->tell_ms) {
		return false;
	}
	watch->told = count;
	watch->pause_ms = watch->pause_ms == 0 ? FAULT_PAUSE_MIN_MS : 2 * watch->pause_ms;
	if (watch->pause_ms > FAULT_PAUSE_MAX_MS) {
		watch->pause_ms = FAULT_PAUSE_MAX_MS;
	}
	watch->tell_ms = now_ms + watch->pause_ms;
	return true;
}

uint64_t tick_interval_ms(uint64_t shortest_limit_ms)
{
	uint64_t quarter = shortest_limit_ms / 4;

	if (quarter < TICK_SHORTEST_MS) {
		return TICK_SHORTEST_MS;
	}
	return quarter > TICK_LONGEST_MS ? TICK_LONGEST_MS : quarter;
}
