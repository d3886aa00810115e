/* SPDX-License-Identifier: MIT */
/* The task's log as the runtime sees it: bytes from musl's standard output, and the task page behind bh_log. Inside lib/runtime only. */
#pragma once

#include <bulkhead/task_page.h>

#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX (4 * TASK_LOG_TEXT)

/* The page shared with the root task. */
struct task_page *runtime_page(void);

/* Puts one line of at most LOG_LINE_MAX bytes (no newline in it) into the log. Any thread. */
void log_line(const char *text, size_t length);

/* Collects bytes of standard output and error, and logs each whole line. Main thread only. */
void log_write(const char *bytes, size_t count);

/* Logs what stands in an unfinished line. */
void log_flush(void);
