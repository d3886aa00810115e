/* SPDX-License-Identifier: MIT */
/* The task's view of itself: names from its task information, its end, its handler threads. See task.h. No libc calls. */
#include "log.h"

#include <bulkhead/runtime_block.h>
#include <bulkhead/syscall.h>
#include <bulkhead/task.h>
#include <bulkhead/wall_clock.h>

extern const char bh_handler_entry[]; /* handler_entry.S */

const struct task_info *bh_task_info(void)
{
	const struct task_info *info = task_info_get();

	if (info == NULL) {
		bh_exit(BH_EXIT_ABORT);
	}
	return info;
}

uint64_t bh_capability(const char *name)
{
	const struct task_info_capability *capability = task_info_capability(bh_task_info(), name);

	return capability != NULL ? capability->slot : 0;
}

uint64_t bh_capability_required(const char *name)
{
	uint64_t slot = bh_capability(name);

	if (slot == 0) {
		bh_log("this task needs a capability \"%s\", and the manifest gives it none", name);
		bh_exit(BH_EXIT_MISSING);
	}
	return slot;
}

void *bh_region(const char *name, size_t *size)
{
	const struct task_info_region *region = task_info_region(bh_task_info(), name);

	if (size != NULL) {
		*size = region != NULL ? region->size : 0;
	}
	return region != NULL ? (void *)(uintptr_t)region->address : NULL;
}

void *bh_region_required(const char *name, size_t minimum, size_t *size)
{
	size_t found;
	void *region = bh_region(name, &found);

	if (region == NULL) {
		bh_log("this task needs a memory region \"%s\", and the manifest gives it none", name);
		bh_exit(BH_EXIT_MISSING);
	}
	if (found < minimum) {
		bh_log("memory region \"%s\" has %zu bytes, and %zu are needed", name, found, minimum);
		bh_exit(BH_EXIT_MISSING);
	}
	if (size != NULL) {
		*size = found;
	}
	return region;
}

const char *bh_argument(const char *key) { return task_info_value(bh_task_info(), key); }

const char *bh_argument_required(const char *key)
{
	const char *value = bh_argument(key);

	if (value == NULL) {
		bh_log("this task needs an argument \"%s=...\", and the manifest gives it none", key);
		bh_exit(BH_EXIT_MISSING);
	}
	return value;
}

uint64_t bh_argument_number(const char *key, uint64_t otherwise)
{
	const char *text = bh_argument(key);
	uint64_t value = otherwise;

	if (text != NULL && !bh_parse_number(text, &value)) {
		bh_log("argument \"%s=%s\" is not a number of at most 64 bits", key, text);
		bh_exit(BH_EXIT_MISSING);
	}
	return value;
}

_Noreturn void bh_exit(int code)
{
	struct task_page *page = runtime_page();

	log_flush();
	page->exit_code = (uint64_t)(unsigned int)code & 0xff;
	__atomic_store_n(&page->exited, 1, __ATOMIC_RELEASE);
	/* The end of a task is an invalid-opcode fault with `exited` set: the root task then takes the task down. */
	for (;;) {
		__asm__ volatile("ud2");
	}
}

void bh_ready(void) { __atomic_store_n(&runtime_page()->ready_tsc, bh_tsc(), __ATOMIC_RELEASE); }

struct bh_ipc_buffer *bh_ipc_buffer(void)
{
	struct bh_ipc_buffer *buffer;

	__asm__("movq %%gs:%c1, %0" : "=r"(buffer) : "i"(RUNTIME_BLOCK_IPC_BUFFER));
	return buffer;
}

enum bh_error bh_thread_start_passive(
	uint64_t thread, uint32_t index, uint64_t endpoint, uint64_t reply, bh_handler *entry, void *argument)
{
	const struct task_info *info = bh_task_info();
	const struct task_info_thread *memory = &info->threads[index < TASK_INFO_MAX_THREADS ? index : 0];
	struct bh_thread_registers registers = {
		.rip = (uint64_t)(uintptr_t)bh_handler_entry,
		.rsp = memory->stack_bottom + memory->stack_size,
		.rbx = (uint64_t)(uintptr_t)entry,
		.rbp = (uint64_t)(uintptr_t)argument,
		.rflags = 0x202, /* IF, and the bit that is always 1 */
		.gs_base = memory->runtime_block,
	};
	enum bh_error error;

	if (index == 0 || index >= info->thread_count || index >= TASK_INFO_MAX_THREADS) {
		return BH_ERROR_ARGUMENT;
	}
	error = bh_thread_write_registers(thread, bh_ipc_buffer(), &registers);
	return error != BH_OK ? error : bh_thread_receive(thread, endpoint, reply);
}

uint64_t bh_tsc_khz(void)
{
	uint64_t khz = runtime_page()->tsc_khz;

	return khz != 0 ? khz : 1;
}

uint64_t bh_boot_tsc(void) { return runtime_page()->boot_tsc; }

uint64_t bh_wall_clock_ns(void)
{
	const struct wall_clock_page *page = bh_region(WALL_CLOCK_NAME, NULL);

	return page != NULL ? wall_clock_at(wall_clock_read(page), bh_tsc(), bh_tsc_khz()) : 0;
}

uint64_t bh_century_register(void) { return runtime_page()->century_register; }
