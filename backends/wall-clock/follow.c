/* SPDX-License-Identifier: MIT */
/* The rule by which the moment follows the chip: see follow.h. So the time never jumps because it was looked at, and each look narrows it
 * down; a step is as small as it can be. */
#include "follow.h"

#define NS_PER_SECOND UINT64_C(1000000000)

bool follow_chip(
	struct wall_clock_moment *moment, uint64_t seconds, uint64_t before, uint64_t after, uint64_t khz)
{
	uint64_t first = seconds * NS_PER_SECOND;
	uint64_t last = first + NS_PER_SECOND - 1;

	if (seconds == 0 || seconds >= UINT64_MAX / NS_PER_SECOND) {
		return false;
	}
	if (moment->unix_ns == 0 || wall_clock_at(*moment, after, khz) < first) {
		*moment = (struct wall_clock_moment){ after, first };
		return true;
	}
	if (wall_clock_at(*moment, before, khz) > last) {
		*moment = (struct wall_clock_moment){ before, last };
		return true;
	}
	return false;
}
