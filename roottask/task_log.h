/* SPDX-License-Identifier: MIT */
/* Fetches what tasks log in their task pages into the root task's log. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Fetches the lines of task `task` that are complete, of at most `limit` records. */
void task_log_fetch(uint32_t task, uint32_t limit);

/* Fetches all running tasks' lines. Each task may have TASK_LOG_RECORDS records taken between two ticks, so that one that floods
 * its log costs others little; `ticked` gives all a new allowance. */
void task_logs_fetch_all(bool ticked);
