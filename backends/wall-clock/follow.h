/* SPDX-License-Identifier: MIT */
/* How the published moment follows the clock chip, which shows whole seconds only. Pure; no system calls. */
#pragma once

#include <bulkhead/wall_clock.h>

/* The chip showed `seconds` (since 1970; 0: no date) at some time between the TSC values `before` and `after`, so the time was within
 * that second. Where *moment says so too, it stays: false. Else it becomes the nearest one that does: true. `khz` as for wall_clock_at(). */
bool follow_chip(
	struct wall_clock_moment *moment, uint64_t seconds, uint64_t before, uint64_t after, uint64_t khz);
