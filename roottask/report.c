/* SPDX-License-Identifier: MIT */
/* The root task's log: a ring of text in its own memory, also shown on the administrator's console as it grows. See report.h. */
#include "report.h"

#include "audit.h"
#include "console.h"
#include "control.h"
#include "power.h"
#include "root.h"

#include <bulkhead/audit_record.h>
#include <bulkhead/task.h>

#include <string.h>

static char log_text[REPORT_LOG_SIZE];
static uint64_t log_head; /* bytes ever written; byte n stands at n % REPORT_LOG_SIZE */

static void append(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		log_text[log_head++ % REPORT_LOG_SIZE] = text[i];
	}
}

/* `name_length` bytes of the line, a task's name, are left out where the source is told beside it. */
static void report_line(uint32_t source, char *line, size_t length, size_t name_length)
{
	char stamp[32];
	uint64_t khz = root.boot != NULL && root.boot->tsc_khz != 0 ? root.boot->tsc_khz : 1;
	uint64_t ms = root.boot != NULL ? (bh_tsc() - root.boot->boot_tsc) / khz : 0;

	for (size_t i = 0; i < length; i++) {
		line[i] = line[i] >= ' ' && line[i] <= '~' ? line[i] : '?';
	}
	append(stamp, bh_format(stamp, sizeof(stamp), "[%5lu.%03lu] ", ms / 1000, ms % 1000));
	append(line, length);
	append("\n", 1);
	console_event(source, line, length);
	control_event(source, ms, line + name_length, length - name_length);
	if (source == MANIFEST_ROOT) {
		audit_event(AUDIT_EVENT, line, length);
	}
}

void report(const char *format, ...)
{
	char line[REPORT_LINE_MAX];
	__builtin_va_list arguments;
	size_t length;

	__builtin_va_start(arguments, format);
	length = bh_format_list(line, sizeof(line), format, arguments);
	__builtin_va_end(arguments);
	report_line(MANIFEST_ROOT, line, length, 0);
}

void report_of_task(uint32_t task, const char *text)
{
	char line[REPORT_LINE_MAX];
	size_t name_length = bh_format(line, sizeof(line), "%s: ", task_name(task));
	size_t length = bh_format(line, sizeof(line), "%s: %s", task_name(task), text);

	report_line(task, line, length, name_length);
}

enum bh_error failed(const char *subject, const char *what, enum bh_error error)
{
	if (error != BH_OK) {
		report("%s: %s: %s", subject, what, bh_error_text(error));
	}
	return error;
}

size_t report_read(uint64_t *position, char *bytes, size_t size)
{
	size_t count = 0;

	if (log_head - *position > REPORT_LOG_SIZE) {
		*position = log_head - REPORT_LOG_SIZE;
		while (*position < log_head && log_text[(*position)++ % REPORT_LOG_SIZE] != '\n') {}
	}
	while (count < size && *position < log_head) {
		bytes[count++] = log_text[(*position)++ % REPORT_LOG_SIZE];
	}
	return count;
}

static void show_log_on_serial(void)
{
	uint64_t position = 0;
	char text[256];
	size_t length;

	while ((length = report_read(&position, text, sizeof(text))) > 0) {
		for (size_t i = 0; i < length; i++) {
			if (!emergency_write(text[i] == '\n' ? "\r\n" : &text[i], text[i] == '\n' ? 2 : 1)) {
				return;
			}
		}
	}
}

_Noreturn void fatal(const char *format, ...)
{
	static const char halted[] = "root task halted\r\n";
	char line[REPORT_LINE_MAX];
	__builtin_va_list arguments;
	size_t length;

	__builtin_va_start(arguments, format);
	length = bh_format_list(line, sizeof(line), format, arguments);
	__builtin_va_end(arguments);
	report_line(MANIFEST_ROOT, line, length, 0);
	console_drain();
	show_log_on_serial();
	if (root.manifest.header != NULL && root.manifest.header->panic == MANIFEST_PANIC_REBOOT) {
		power_reset();
	}
	(void)emergency_write(halted, sizeof(halted) - 1);
	for (;;) {
		uint64_t word;

		/* Nothing signals it any more that would be answered; without a notification the kernel takes over, with this line. */
		if (root.notification == 0 || bh_wait(root.notification, &word) != BH_OK) {
			struct bh_ipc_buffer *buffer = root_buffer();

			memset(buffer->words, 0, sizeof(buffer->words));
			memcpy(buffer->words, line,
				length < sizeof(buffer->words) ? length : sizeof(buffer->words) - 1);
			__asm__ volatile("ud2" : : "a"(BH_LAST_WORDS) : "memory");
		}
	}
}
