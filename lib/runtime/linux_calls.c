/* SPDX-License-Identifier: MIT */
/* The Linux system calls that Debian's musl makes, served inside the task: memory, standard output, clock, exit. What is not
 * served answers -ENOSYS and is counted in the task page. Called by upcall.S alone; calls only functions that make no system call
 * and use no TLS and no FPU. Threads: musl's calls come from the main thread (clone is refused), so nothing here needs a lock. */
#include "heap.h"
#include "log.h"

#include <bulkhead/task.h>

#include <errno.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define ARCH_SET_FS 0x1002 /* Linux arch/x86/include/uapi/asm/prctl.h */
#define ARCH_GET_FS 0x1003
#define ONLY_THREAD 1 /* the answer to who am I */

#define MAY_MOVE 1 /* MREMAP_MAYMOVE */
#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define FUTEX_COMMAND_MASK 0x7f

#define CLOCK_REALTIME_ID 0
#define CLOCK_REALTIME_COARSE_ID 5
#define CLOCK_LAST_ID 7

#define USER_END UINT64_C(0x0000800000000000)

struct linux_timespec {
	int64_t seconds;
	int64_t nanoseconds;
};

struct linux_timeval {
	int64_t seconds;
	int64_t microseconds;
};

struct linux_vector {
	const char *base;
	uint64_t length;
};

static struct heap heap;
static bool heap_ready;

static uint64_t failure(int error) { return 0 - (uint64_t)(unsigned int)error; }

static struct heap *task_heap(void)
{
	if (!heap_ready) {
		heap_init(&heap, bh_task_info()->heap_address, bh_task_info()->heap_size);
		heap_ready = true;
	}
	return &heap;
}

static uint64_t serve_arch_prctl(uint64_t code, uint64_t address)
{
	uint64_t base;

	switch (code) {
	case ARCH_SET_FS:
		if (address >= USER_END) {
			return failure(EPERM);
		}
		__asm__ volatile("wrfsbase %0" : : "r"(address));
		return 0;
	case ARCH_GET_FS:
		__asm__ volatile("rdfsbase %0" : "=r"(base));
		*(uint64_t *)(uintptr_t)address = base;
		return 0;
	default:
		return failure(EINVAL);
	}
}

static uint64_t serve_mmap(uint64_t address, uint64_t length, uint64_t flags)
{
	uint64_t mapped;

	if ((flags & MAP_ANONYMOUS) == 0) {
		return failure(ENODEV);
	}
	if ((flags & MAP_FIXED) != 0) {
		return heap_map_fixed(task_heap(), address, length) ? address : failure(ENOMEM);
	}
	mapped = heap_map(task_heap(), length);
	return mapped != 0 ? mapped : failure(length == 0 ? EINVAL : ENOMEM);
}

static uint64_t serve_mremap(uint64_t address, uint64_t old_length, uint64_t new_length, uint64_t flags)
{
	uint64_t moved;

	if ((flags & ~(uint64_t)MAY_MOVE) != 0) {
		return failure(EINVAL);
	}
	moved = heap_remap(task_heap(), address, old_length, new_length, (flags & MAY_MOVE) != 0);
	return moved != 0 ? moved : failure(ENOMEM);
}

static bool is_output(uint64_t descriptor) { return descriptor == 1 || descriptor == 2; }

static uint64_t serve_writev(const struct linux_vector *vector, uint64_t count)
{
	uint64_t total = 0;

	if (count > 1024) { /* UIO_MAXIOV */
		return failure(EINVAL);
	}
	for (uint64_t i = 0; i < count; i++) {
		log_write(vector[i].base, vector[i].length);
		total += vector[i].length;
	}
	return total;
}

/* `clock` as Linux numbers them: real time is that of the wall-clock page, for a task that has it; all others count from TSC 0. */
static uint64_t serve_clock(uint64_t clock, struct linux_timespec *time)
{
	bool real = clock == CLOCK_REALTIME_ID || clock == CLOCK_REALTIME_COARSE_ID;
	uint64_t khz = bh_tsc_khz();
	uint64_t ticks = bh_tsc();
	uint64_t ns = real ? bh_wall_clock_ns() : 0;

	if (clock > CLOCK_LAST_ID) {
		return failure(EINVAL);
	}
	if (ns == 0) {
		ns = ticks / khz * 1000000 + ticks % khz * 1000000 / khz;
	}
	time->seconds = (int64_t)(ns / 1000000000);
	time->nanoseconds = (int64_t)(ns % 1000000000);
	return 0;
}

static uint64_t serve_gettimeofday(struct linux_timeval *time)
{
	struct linux_timespec now = { 0 };
	uint64_t result = serve_clock(CLOCK_REALTIME_ID, &now);

	if (time != NULL) {
		time->seconds = now.seconds;
		time->microseconds = now.nanoseconds / 1000;
	}
	return result;
}

/* One thread makes libc calls, so a lock is never contended; a wait that happens all the same lets others run and looks again. */
static uint64_t serve_futex(const uint32_t *word, uint64_t operation, uint32_t expected)
{
	switch (operation & FUTEX_COMMAND_MASK) {
	case FUTEX_WAIT:
		if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != expected) {
			return failure(EAGAIN);
		}
		bh_yield();
		return 0;
	case FUTEX_WAKE:
		return 0;
	default:
		return failure(ENOSYS);
	}
}

/* The log is a terminal for musl (which asks for its window size): so standard output is written line by line. */
static uint64_t serve_ioctl(uint64_t descriptor, uint64_t request, uint16_t *window_size)
{
	if (!is_output(descriptor)) {
		return failure(EBADF);
	}
	if (request != TIOCGWINSZ) {
		return failure(ENOTTY);
	}
	for (unsigned int i = 0; i < 4; i++) { /* struct winsize: rows, columns, pixels; 0 = not known */
		window_size[i] = 0;
	}
	return 0;
}

static uint64_t serve_signal_mask(uint64_t *old_mask)
{
	if (old_mask != NULL) {
		*old_mask = 0;
	}
	return 0;
}

static uint64_t not_served(uint64_t number)
{
	runtime_page()->unserved_calls++;
	runtime_page()->last_unserved_call = number;
	return failure(ENOSYS);
}

uint64_t bh_linux_call(uint64_t number, const uint64_t argument[6]);

/* Answers system call `number` with its six arguments; the result goes to rax, an error as its negative number. */
uint64_t bh_linux_call(uint64_t number, const uint64_t argument[6])
{
	switch (number) {
	case SYS_arch_prctl:
		return serve_arch_prctl(argument[0], argument[1]);
	case SYS_set_tid_address:
	case SYS_getpid:
	case SYS_gettid:
		return ONLY_THREAD;
	case SYS_brk:
		return heap_break(task_heap(), argument[0]);
	case SYS_mmap:
		return serve_mmap(argument[0], argument[1], argument[3]);
	case SYS_munmap:
		return heap_unmap(task_heap(), argument[0], argument[1]) ? 0 : failure(EINVAL);
	case SYS_mremap:
		return serve_mremap(argument[0], argument[1], argument[2], argument[3]);
	case SYS_mprotect: /* the heap stays readable and writable, and is never executable */
		return 0;
	case SYS_write:
		if (!is_output(argument[0])) {
			return failure(EBADF);
		}
		log_write((const char *)(uintptr_t)argument[1], argument[2]);
		return argument[2];
	case SYS_writev:
		return is_output(argument[0])
			       ? serve_writev(
					 (const struct linux_vector *)(uintptr_t)argument[1], argument[2])
			       : failure(EBADF);
	case SYS_ioctl:
		return serve_ioctl(argument[0], argument[1], (uint16_t *)(uintptr_t)argument[2]);
	case SYS_rt_sigprocmask:
		return serve_signal_mask((uint64_t *)(uintptr_t)argument[2]);
	case SYS_futex:
		return serve_futex(
			(const uint32_t *)(uintptr_t)argument[0], argument[1], (uint32_t)argument[2]);
	case SYS_clock_gettime:
		return serve_clock(argument[0], (struct linux_timespec *)(uintptr_t)argument[1]);
	case SYS_gettimeofday:
		return serve_gettimeofday((struct linux_timeval *)(uintptr_t)argument[0]);
	case SYS_sched_yield:
		bh_yield();
		return 0;
	case SYS_exit:
	case SYS_exit_group:
		bh_exit((int)argument[0]);
	default:
		return not_served(number);
	}
}
