/* SPDX-License-Identifier: MIT */
/* Messages about an appliance file: each names file, line, what is wrong and how to mend it. Writes to standard error. */
#pragma once

#include <stddef.h>

struct diagnostics {
	const char *file; /* as the user wrote it */
	unsigned errors;  /* reported so far */
};

/* Prints "FILE:LINE: MESSAGE" and counts it. `format` says what is wrong, then, after a colon or full stop, the remedy. */
__attribute__((format(printf, 3, 4))) void report(
	struct diagnostics *diagnostics, unsigned line, const char *format, ...);

/* Prints "bulkhead: MESSAGE": for what is not the appliance file's fault. */
__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);

/* malloc, realloc and a printf into new memory that end the tool with STATUS_INPUT_OUTPUT where there is no memory. */
void *allocate(size_t size);
void *reallocate(void *memory, size_t size);
__attribute__((format(printf, 1, 2))) char *format_text(const char *format, ...);
