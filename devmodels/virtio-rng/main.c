/* SPDX-License-Identifier: MIT */
/* The virtio-rng task: this model on the framework's main(). */

#include "framework/task.h"
#include "virtio-rng/virtio_rng.h"

const struct model *const task_model = &virtio_rng_model;
