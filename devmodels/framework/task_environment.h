/* SPDX-License-Identifier: MIT */
/* The environment of a model that is a task: capabilities and the clock page. */
#pragma once

#include <stdint.h>

#include <bulkhead/clock.h>

#include "framework/model.h"

struct environment {
	const struct clock_page *clock;
	uint64_t timer;          /* Timer, bound to bit 0 of the model's Notification */
	uint64_t interrupt;      /* the VCPU's Notification, with this model's badge */
	uint64_t console_signal; /* the console backend's Notification, or the switch's; 0 without rings */
};
