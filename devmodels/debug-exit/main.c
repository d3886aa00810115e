/* SPDX-License-Identifier: MIT */
/* The debug-exit task: this model on the framework's main(). */

#include "framework/task.h"
#include "debug-exit/debug_exit.h"

const struct model *const task_model = &debug_exit_model;
