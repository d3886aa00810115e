/* SPDX-License-Identifier: MIT */
/* The pit8254 task: this model on the framework's main(). */

#include "framework/task.h"
#include "pit8254/pit8254.h"

const struct model *const task_model = &pit8254_model;
