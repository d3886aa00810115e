/* SPDX-License-Identifier: MIT */
/* Messages and memory for the host tool. Touches standard error only. */
#include "diagnostics.h"

#include "status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void report(struct diagnostics *diagnostics, unsigned line, const char *format, ...)
{
	va_list arguments;

	diagnostics->errors++;
	fprintf(stderr, "%s:%u: ", diagnostics->file, line);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

void complain(const char *format, ...)
{
	va_list arguments;

	fputs("bulkhead: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

void *reallocate(void *memory, size_t size)
{
	void *result = realloc(memory, size != 0 ? size : 1);

	if (result == NULL) {
		complain("out of memory");
		exit(STATUS_INPUT_OUTPUT);
	}
	return result;
}

void *allocate(size_t size) { return reallocate(NULL, size); }

char *format_text(const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	int length = vasprintf(&text, format, arguments);

	va_end(arguments);
	if (length < 0) {
		complain("out of memory");
		exit(STATUS_INPUT_OUTPUT);
	}
	return text;
}
