/* SPDX-License-Identifier: MIT */
/* The virtio-blk task: this model on the framework's main(). */

#include "framework/task.h"
#include "virtio-blk/virtio_blk.h"

const struct model *const task_model = &virtio_blk_model;
