/* SPDX-License-Identifier: MIT */
/* The loop of a disk's driver: works until there is nothing to do, signals its client where that is due, waits. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum driver_turn {
	DRIVER_IDLE,
	DRIVER_MOVED,    /* look again */
	DRIVER_NONSENSE, /* the device says what cannot be: it is to be reset */
};

struct slots;

/* Runs for good. `turn` does what can be done now; `can_begin` says whether the device has room for another request. */
_Noreturn void driver_serve(
	struct slots *slots, enum driver_turn (*turn)(bool *signal), bool (*can_begin)(void));
