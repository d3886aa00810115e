/* SPDX-License-Identifier: MIT */
/* What a task does to know itself and to start its handler threads: look things up by the names that the manifest gave
 * them, log lines, start passive threads. Any thread of the task may call these; none makes libc calls or uses the FPU. */
#pragma once

#include <bulkhead/syscall.h>
#include <bulkhead/task_info.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The task's information page. Ends the task (with a message in its log) if the page is not what task_info.h describes. */
const struct task_info *bh_task_info(void);

/* The slot of the capability called `name`; 0 if the manifest gave none. */
uint64_t bh_capability(const char *name);

/* As bh_capability, but a missing name is logged and ends the task with exit code BH_EXIT_MISSING. */
uint64_t bh_capability_required(const char *name);

/* The address of the region called `name`, its size in bytes in *size (may be NULL); NULL if the manifest gave none. */
void *bh_region(const char *name, size_t *size);

/* As bh_region; a missing name, or a region of less than `minimum` bytes, is logged and ends the task. */
void *bh_region_required(const char *name, size_t minimum, size_t *size);

/* The value of the argument `key=value`; NULL if the manifest gave none. */
const char *bh_argument(const char *key);

/* As bh_argument; a missing key is logged and ends the task. */
const char *bh_argument_required(const char *key);

/* Reads `text` as a decimal or 0x-hexadecimal number up to its end into *value; false if it is none or exceeds 64 bits. */
BH_MUST_USE bool bh_parse_number(const char *text, uint64_t *value);

/* The argument `key` as a number; `otherwise` if there is none. One that is no number is logged and ends the task. */
uint64_t bh_argument_number(const char *key, uint64_t otherwise);

/* Exit codes that the runtime itself uses. */
#define BH_EXIT_MISSING \
	120 /* a capability, region or argument that the task needs is not in its task information */
#define BH_EXIT_ABORT 121 /* task information unreadable, thread start refused */

/* Ends the whole task at once: the root task is told `code` and restarts it if the manifest says so. */
_Noreturn void bh_exit(int code);

/* The task serves from now on: the root task tells how long that was after its death ("restart_us" of `list`). */
void bh_ready(void);

/* ---- Log --------------------------------------------------------------------------------------------------------------- */

/* Writes one line (without its newline) to the task's log, from where the root task fetches it. Conversions: %s %c %d %i %u %x %%,
 * with l, ll or z, width and 0-padding; %lx of 64-bit values. Lines over 460 bytes are cut. Never blocks: where the root task is too
 * slow, the oldest lines are lost and it says how many bytes. */
void bh_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The formatter behind bh_log: at most size - 1 characters and a NUL to `buffer`; returns the length written. size is at least 1. */
size_t bh_format(char *buffer, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
size_t bh_format_list(char *buffer, size_t size, const char *format, __builtin_va_list arguments)
	__attribute__((format(printf, 3, 0)));

/* ---- Threads ----------------------------------------------------------------------------------------------------------- */

/* What a handler thread runs: called once with the first message that it received (it stays in the thread's stack and may be
 * reused for answers). It must not return, make libc calls or use the FPU: compile its file with -mgeneral-regs-only. */
typedef void bh_handler(void *argument, struct bh_message *first);

/* Starts the handler thread `thread` (a capability with write) as a passive receiver on `endpoint` with `reply`: it runs
 * for the first time when a message comes, on the sender's context. `index` is its number 1.. among the task's threads, which says
 * its stack. A typical `entry`: for (;;) { answer in *message; error = bh_reply_receive(endpoint, reply, message); }.
 * Errors: ARGUMENT (no such index), or what WRITE_REGISTERS and THREAD_RECEIVE return. The calling thread's IPC buffer is used. */
BH_MUST_USE enum bh_error bh_thread_start_passive(uint64_t thread, uint32_t index, uint64_t endpoint,
	uint64_t reply, bh_handler *entry, void *argument);

/* The IPC buffer of the calling thread. */
struct bh_ipc_buffer *bh_ipc_buffer(void);

/* ---- Time -------------------------------------------------------------------------------------------------------------- */

/* TSC ticks per millisecond; never 0. */
uint64_t bh_tsc_khz(void);

/* The TSC at which the root task started. */
uint64_t bh_boot_tsc(void);

/* The Unix time in ns; 0: not known, or the manifest does not give this task the wall-clock page. */
uint64_t bh_wall_clock_ns(void);

/* The register of the machine's clock chip in which the century stands, 0: none. For the task that has the chip. */
uint64_t bh_century_register(void);
