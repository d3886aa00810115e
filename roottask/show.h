/* SPDX-License-Identifier: MIT */
/* The commands that tell what is: VMs and tasks with what they use, the logs, the help. They change nothing. */
#pragma once

#include "answer.h"
#include "root.h"

/* The words by which list and the answers of other commands tell states. */
const char *vm_state_word(uint32_t vm);
const char *task_state_word(uint32_t task);

/* Each VM and each task with its state, memory, slots, time and counts; what is free; what the system itself uses. */
void show_list(struct answer *answer);

/* The kernel's log and the root task's. */
void show_log(struct answer *answer);

/* Every command with its purpose. */
void show_help(struct answer *answer);
