/* SPDX-License-Identifier: MIT */
/* The VMM server's system calls on the running system (system.h). */
#include "system.h"

#include <stdarg.h>

#include <bulkhead/syscall.h>
#include <bulkhead/task.h>

uint64_t system_tsc(void) { return bh_tsc(); }

enum bh_error system_read_state(uint64_t vcpu, uint32_t groups) { return bh_vcpu_read_state(vcpu, groups); }

enum bh_error system_timer_arm(uint64_t timer, uint64_t deadline) { return bh_timer_arm(timer, deadline); }

enum bh_error system_timer_cancel(uint64_t timer) { return bh_timer_cancel(timer, NULL); }

int64_t system_port_call(uint64_t endpoint, uint64_t word, uint32_t value, uint64_t sequence)
{
	uint64_t answer;
	enum bh_error error =
		bh_call_words(endpoint, BH_MESSAGE_INFO(BH_LABEL_PORT, 3, 0), word, value, sequence, &answer);

	return error == BH_OK ? (int64_t)(uint32_t)answer : -(int64_t)error;
}

void system_signal(uint64_t notification)
{
	if (bh_signal(notification) != BH_OK) {
		bh_log("cannot signal notification in slot %lu", (unsigned long)notification);
	}
}

void system_route(uint64_t guest_space, uint32_t number, uint32_t first, uint32_t count)
{
	enum bh_error error = bh_guest_space_route(guest_space, number, first, count);

	/* Where the guest puts a BAR on ports that are taken is its own affair, as often as it likes: no line for that. */
	if (error != BH_OK && error != BH_ERROR_MAPPED) {
		bh_log("ports 0x%x.. are not routed to doorbell %u: %s", first, number, bh_error_text(error));
	}
}

void system_log(const char *format, ...)
{
	char line[400];
	va_list arguments;

	va_start(arguments, format);
	(void)bh_format_list(line, sizeof(line), format, arguments);
	va_end(arguments);
	bh_log("%s", line);
}

void system_format_list(char *buffer, size_t size, const char *format, va_list arguments)
{
	(void)bh_format_list(buffer, size, format, arguments);
}
