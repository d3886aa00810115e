/* SPDX-License-Identifier: MIT */
/* What capabilities a task really has, beside what the manifest lists. */
#pragma once

#include <stdint.h>

/* Prints one line for each occupied slot of the task's CNode, "TASK NAME TYPE OBJECT rights=RWG badge=0x...", then one line for each
 * difference to the manifest, then "caps TASK: N capabilities, equal to the manifest" or "..., M differences". */
void dump_capabilities(uint32_t task);
