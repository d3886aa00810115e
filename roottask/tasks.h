/* SPDX-License-Identifier: MIT */
/* Building tasks as the manifest describes them, starting them, and taking them down. */
#pragma once

#include "root.h"

/* Makes task `task` with exactly what the manifest lists and starts its main thread. On an error the reason was reported, and what
 * was made so far is taken down again. */
BH_MUST_USE enum bh_error task_start(uint32_t task);

/* Ends the task and gives back all that was made for it; its task page stays. Errors: what Revoke and Delete return. */
BH_MUST_USE enum bh_error task_stop(uint32_t task);

/* Forgets a task whose memory was revoked together with its VM's. */
void task_forget(uint32_t task);

/* The badge of a thread's faults, and back. */
#define FAULT_BADGE(task, thread) (((uint64_t)(task) << 8 | (uint64_t)(thread)) + 1)
#define FAULT_TASK(badge) ((uint32_t)(((badge)-1) >> 8))
#define FAULT_THREAD(badge) ((uint32_t)(((badge)-1) & 0xff))

/* The n-th (0..) capability of `task` in the manifest; NULL beyond the last. It stands in slot n + 1 of the task's CNode. */
const struct manifest_capability *task_capability(uint32_t task, uint32_t number);
