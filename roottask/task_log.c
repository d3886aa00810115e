/* SPDX-License-Identifier: MIT */
/* Fetches tasks' logs: see task_log.h. Nothing in a task page is believed: lengths are clamped, numbers are checked for distance. */
#include "task_log.h"

#include "report.h"
#include "root.h"

#include <string.h>

#define LINE_MAX (4 * TASK_LOG_TEXT)

static uint32_t taken[MANIFEST_MAX_TASKS]; /* records since the last tick */

/* Copies record `number` to `copy` if it is there, whole, now. */
static bool read_record(const struct task_page *page, uint64_t number, struct task_log_record *copy)
{
	const struct task_log_record *record = &page->record[number % TASK_LOG_RECORDS];

	if (__atomic_load_n(&record->sequence, __ATOMIC_ACQUIRE) != number + 1) {
		return false;
	}
	memcpy(copy, record, sizeof(*copy));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (copy->length > TASK_LOG_TEXT) {
		copy->length = TASK_LOG_TEXT;
	}
	return __atomic_load_n(&record->sequence, __ATOMIC_RELAXED) == number + 1;
}

void task_log_fetch(uint32_t task, uint32_t limit)
{
	const struct task_page *page = root.task[task].page;
	uint64_t number = root.task[task].log_next;
	char line[LINE_MAX + 1];
	size_t length = 0;
	uint64_t start; /* of the line */
	uint64_t head;

	if (page == NULL) {
		return;
	}
	head = __atomic_load_n(&page->next, __ATOMIC_ACQUIRE);
	if (head - number > TASK_LOG_RECORDS) {
		report("%s: %lu log records were lost", task_name(task), head - number - TASK_LOG_RECORDS);
		number = head - TASK_LOG_RECORDS;
		taken[task] += TASK_LOG_RECORDS; /* one such line between two ticks is enough */
		root.task[task].log_next = number;
	}
	start = number;
	for (uint32_t count = 0; number != head && count < limit && count < TASK_LOG_RECORDS; count++) {
		struct task_log_record record;

		if (!read_record(page, number, &record)) {
			return; /* its writer was interrupted: the line is fetched from its start next time */
		}
		number++;
		if (record.length <= LINE_MAX - length) {
			memcpy(line + length, record.text, record.length);
			length += record.length;
		}
		if (record.line_end != 0) {
			line[length] = '\0';
			report_of_task(task, line);
			root.task[task].log_next = number;
			taken[task] += (uint32_t)(number - start);
			start = number;
			length = 0;
		}
	}
}

void task_logs_fetch_all(bool ticked)
{
	for (uint32_t task = 0; task < root.manifest.task_count; task++) {
		taken[task] = ticked ? 0 : taken[task];
		if (root.task[task].state == TASK_RUNNING && taken[task] < TASK_LOG_RECORDS) {
			task_log_fetch(task, TASK_LOG_RECORDS);
		}
	}
}
