/* SPDX-License-Identifier: MIT */
/* The MC146818 model's table, for its task, its tests and its fuzzer. */
#pragma once

#include "framework/model.h"

#define MC146818_LINE_INTERRUPT 0u

extern const struct model mc146818_model;
