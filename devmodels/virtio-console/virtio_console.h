/* SPDX-License-Identifier: MIT */
/* The virtio-console model's table, for its task, its tests and its fuzzer. */
#pragma once

#include "framework/model.h"

extern const struct model virtio_console_model;
