/* SPDX-License-Identifier: MIT */
/* What the root task says: one line at a time into its log in memory and to the administrator's console. */
#pragma once

#include <bulkhead/syscall.h>

#include <stddef.h>
#include <stdint.h>

#define REPORT_LINE_MAX 640u
#define REPORT_LOG_SIZE 65536u /* bytes of the log; a power of two */

/* One line (without newline) to the log and the administrator's console. Control characters become '?'. */
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line that the task of that index has logged, behind its name; likewise. */
void report_of_task(uint32_t task, const char *line);

/* For `return failed(...)`: reports "SUBJECT: WHAT: error" unless error is BH_OK; returns error. */
enum bh_error failed(const char *subject, const char *what, enum bh_error error);

/* The root task can't go on: reports the line, shows the whole log on the first serial port if nobody owns it yet,
 * then halts or resets the machine, as the manifest says (halts before there is a manifest). */
_Noreturn void fatal(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Fetches up to `size` bytes of the log from byte number *position on, which is moved on (forward first if those bytes are gone).
 * Returns how many; 0 at the end. Lines end with '\n'. */
size_t report_read(uint64_t *position, char *bytes, size_t size);
