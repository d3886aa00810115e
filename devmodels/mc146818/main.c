/* SPDX-License-Identifier: MIT */
/* The mc146818 task: this model on the framework's main(). */

#include "framework/task.h"
#include "mc146818/mc146818.h"

const struct model *const task_model = &mc146818_model;
