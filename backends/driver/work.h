/* SPDX-License-Identifier: MIT */
/* What a disk's driver serves, and its loop: works until there is nothing to do, signals its client where that is due, waits. */
#pragma once

#include "turn.h"

#include <stdbool.h>

struct slots;

/* The data areas and the page of requests, from the task information; what a predecessor has answered is adopted. */
void driver_open_slots(struct slots *slots);

/* Runs for good. `turn` does what can be done now; `can_begin` says whether the device has room for another request. */
_Noreturn void driver_serve(
	struct slots *slots, enum driver_turn (*turn)(bool *signal), bool (*can_begin)(void));
