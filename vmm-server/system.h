/* SPDX-License-Identifier: MIT */
/* Every system call that the VMM server makes while its guest runs, as plain functions: the unit tests link
 * another system.c. All may be called by handler threads; none touches libc or FPU registers. */
#ifndef VMM_SYSTEM_H
#define VMM_SYSTEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <bulkhead/abi.h>

/* Host TSC ticks, now. */
uint64_t system_tsc(void);

/* Stores the groups BH_GROUP_* of the vCPU, which waits for our answer, to its state page. */
__attribute__((warn_unused_result)) enum bh_error system_read_state(uint64_t vcpu, uint32_t groups);

/* Arms or stops the vCPU's timer; `deadline` in host TSC ticks, a past one fires at once. */
__attribute__((warn_unused_result)) enum bh_error system_timer_arm(uint64_t timer, uint64_t deadline);
__attribute__((warn_unused_result)) enum bh_error system_timer_cancel(uint64_t timer);

/* One port access by message to a device model's endpoint: `word` BH_PORT_WORD with the offset in the model's
 * range, `value` for OUT, `sequence` the access's number. Blocks until the model answers. The answer, 32 bits, or
 * minus what a Call can fail with (enum bh_error). */
__attribute__((warn_unused_result)) int64_t system_port_call(
	uint64_t endpoint, uint64_t word, uint32_t value, uint64_t sequence);

/* Signals a notification; there is nobody to tell if that fails. */
void system_signal(uint64_t notification);

/* Makes ports `first`.. (`count` of them; 0 and 0: none) route `number` of the guest space; where they lead was bound before. Ports that another
 * route has stay that one's. */
void system_route(uint64_t guest_space, uint32_t number, uint32_t first, uint32_t count);

/* Logs a line, as bh_log does. */
void system_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Formats as bh_format_list does: at most size - 1 characters and a NUL. */
void system_format_list(char *buffer, size_t size, const char *format, va_list arguments)
	__attribute__((format(printf, 3, 0)));

#endif
