/* SPDX-License-Identifier: MIT */
/* The test-device task: this model on the framework's main(). */

#include "framework/task.h"
#include "test-device/test_device.h"

const struct model *const task_model = &test_device_model;
