/* SPDX-License-Identifier: MIT */
/* The uart16550 task: this model on the framework's main(). */

#include "framework/task.h"
#include "uart16550/uart16550.h"

const struct model *const task_model = &uart16550_model;
