/* SPDX-License-Identifier: MIT */
/* The 8254 model's table, for its task, its tests and its fuzzer. */
#pragma once

#include "framework/model.h"

#define PIT8254_LINE_INTERRUPT 0u
#define PIT8254_HERTZ UINT64_C(1193182)
/* Least distance of two timer events: a guest that asks for more interrupts than this gets this many. */
#define PIT8254_MINIMUM_NS UINT64_C(100000)

extern const struct model pit8254_model;
