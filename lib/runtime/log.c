/* SPDX-License-Identifier: MIT */
/* Writes a task's log into its task page (task_page.h), where the root task fetches it. No lock: records are numbered by an atomic
 * addition, so main and handler threads may log at once. */
#include "log.h"

#include <bulkhead/task.h>

#include <string.h>

static char unfinished[LOG_LINE_MAX];
static size_t unfinished_length;

struct task_page *runtime_page(void) { return (struct task_page *)(uintptr_t)TASK_PAGE_ADDRESS; }

void log_line(const char *text, size_t length)
{
	struct task_page *page = runtime_page();
	uint64_t count = length == 0 ? 1 : (length + TASK_LOG_TEXT - 1) / TASK_LOG_TEXT;
	uint64_t number = __atomic_fetch_add(&page->next, count, __ATOMIC_RELAXED);
	uint64_t signal;

	for (uint64_t i = 0; i < count; i++) {
		struct task_log_record *record = &page->record[(number + i) % TASK_LOG_RECORDS];
		size_t part = length < TASK_LOG_TEXT ? length : TASK_LOG_TEXT;

		__atomic_store_n(&record->sequence, 0, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_RELEASE);
		memcpy(record->text, text, part);
		record->length = (uint8_t)part;
		record->line_end = i + 1 == count;
		__atomic_store_n(&record->sequence, number + i + 1, __ATOMIC_RELEASE);
		text += part;
		length -= part;
	}
	signal = bh_capability("log-signal");
	if (signal != 0 && bh_signal(signal) != BH_OK) {
		page->reserved[0]++; /* the root task looks at its next tick anyway */
	}
}

void log_write(const char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (bytes[i] == '\n') {
			log_flush();
			continue;
		}
		unfinished[unfinished_length++] = bytes[i];
		if (unfinished_length == sizeof(unfinished)) {
			log_flush();
		}
	}
}

void log_flush(void)
{
	if (unfinished_length > 0) {
		log_line(unfinished, unfinished_length);
		unfinished_length = 0;
	}
}

void bh_log(const char *format, ...)
{
	char line[LOG_LINE_MAX + 1];
	__builtin_va_list arguments;
	size_t length;

	__builtin_va_start(arguments, format);
	length = bh_format_list(line, sizeof(line), format, arguments);
	__builtin_va_end(arguments);
	log_line(line, length);
}
