/* SPDX-License-Identifier: MIT */
/* The kernel's log: lines of text in a fixed ring in memory, mirrored to serial port and screen until the root
 * task takes the console over, and again on panic. Usable on any kernel path; never blocks, never allocates. */
#pragma once

#include <stdarg.h>
#include <stdint.h>

/* Writes one line (the newline is added). Conversions: %s %c %u %x %lu %lx and %%; a minimum width with an
 * optional leading 0 (%02x, %016lx). 64-bit values take %lu and %lx. Any other conversion prints itself. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same after a prefix, with its arguments in a list. For panic. */
void log_line_list(const char *prefix, const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));

/* Prints every following line on serial port and screen as well. Boot calls it once; panic calls it again. */
void log_console_take(void);

/* From now on lines go to the ring only: serial port and screen belong to user tasks. Called by kernel_main just
 * before the root task first runs. */
void log_console_release(void);

/* Physical address of the ring (LOG_RING_BYTES long, page aligned; struct log_ring), for the root task's Frame. */
uint64_t log_ring_physical(void);
