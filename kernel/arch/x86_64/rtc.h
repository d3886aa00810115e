/* SPDX-License-Identifier: MIT */
/* The machine's real-time clock (MC146818 at ports 0x70 and 0x71), read once at boot. */
#pragma once

#include <stdint.h>

/* Seconds since 1970-01-01, taking the clock as UTC; 0 if it holds no valid date or does not answer. Waits at most
 * for one update of the clock (some 2 ms). */
uint64_t rtc_read_seconds(void);
