/* SPDX-License-Identifier: MIT */
/* The debug-exit model's table, for its task, its tests and its fuzzer. */
#pragma once

#include "framework/model.h"

#define DEBUG_EXIT_LINE_EXIT 0u

extern const struct model debug_exit_model;
