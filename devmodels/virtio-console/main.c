/* SPDX-License-Identifier: MIT */
/* The virtio-console task: this model on the framework's main(). */

#include "framework/task.h"
#include "virtio-console/virtio_console.h"

const struct model *const task_model = &virtio_console_model;
