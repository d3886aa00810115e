/* SPDX-License-Identifier: MIT */
/* The i8042 task: this model on the framework's main(). */

#include "framework/task.h"
#include "i8042/i8042.h"

const struct model *const task_model = &i8042_model;
