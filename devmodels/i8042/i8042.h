/* SPDX-License-Identifier: MIT */
/* The 8042 model's table, for its task, its tests and its fuzzer. */
#pragma once

#include "framework/model.h"

#define I8042_LINE_KEYBOARD 0u
#define I8042_LINE_AUXILIARY 1u
#define I8042_LINE_RESET 2u

extern const struct model i8042_model;
