/* SPDX-License-Identifier: MIT */
/* The virtio-blk model's table, for its task, its tests and its fuzzer. */
#pragma once

#include "framework/model.h"

/* Requests under way at a time; each has an equal part of the data area. */
#define VIRTIO_BLK_SLOTS 32u

extern const struct model virtio_blk_model;
