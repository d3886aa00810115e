/* SPDX-License-Identifier: MIT */
/* The loop of a network card's driver: works until there is nothing to do, signals the switch where that is due, says how the line is, waits. */
#pragma once

#include "frames.h"
#include "turn.h"

/* The device's side. */
struct frames_device {
	/* What a wake-up begins with: quiets interrupts, returns whether the line is up. */
	bool (*look)(void);
	/* Does what can be done now, but no more than some frames of each direction. */
	enum driver_turn (*turn)(struct frames *frames, bool is_up);
	/* Asks for interrupts. True if there is nothing to do until one comes, or the switch signals. */
	bool (*may_sleep)(struct frames *frames);
};

/* Finds the rings of the task, and runs for good. */
_Noreturn void frames_serve(const struct frames_device *device);
