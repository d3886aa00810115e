/* SPDX-License-Identifier: MIT */
/* The virtio-net task: this model on the framework's main(). */

#include "framework/task.h"
#include "virtio-net/virtio_net.h"

const struct model *const task_model = &virtio_net_model;
