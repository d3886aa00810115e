/* SPDX-License-Identifier: MIT */
/* The 16550A model's table, for its task, its tests and its fuzzer. */
#pragma once

#include "framework/model.h"

#define UART16550_LINE_INTERRUPT 0u

extern const struct model uart16550_model;
