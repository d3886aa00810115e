/* SPDX-License-Identifier: MIT */
/* The virtio-net model's table, for its task, its tests and its fuzzer. */
#pragma once

#include "framework/model.h"

extern const struct model virtio_net_model;
