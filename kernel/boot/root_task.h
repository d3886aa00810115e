/* SPDX-License-Identifier: MIT */
/* The root task, as the kernel makes it. */
#pragma once

#include "sched/cpu.h"

/* The root task's thread: the one whose fault nobody takes, since it takes those of all others. Never NULL after boot. */
extern const struct thread *root_thread;

/* Makes the root task of the first module and makes it ready on that CPU. Panics, saying why, where it can't. */
void root_task_create(struct cpu *cpu);
