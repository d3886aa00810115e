/* SPDX-License-Identifier: MIT */
/* What conformance cases need: output on COM1, slots and memory, threads, checks. Everything goes through the kernel's ABI. */
#pragma once

#include <bulkhead/abi.h>
#include <bulkhead/boot_info.h>
#include <bulkhead/invocation.h>
#include <bulkhead/syscall.h>
#include <bulkhead/vcpu.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const struct bh_boot_info *boot_info;

/* Prints: %s %u %x (64-bit values each). */
void print(const char *format, ...);

/* One case: what it proves in one line. Cases that follow belong to it until the next. */
void case_begin(const char *name, const char *proves);
void check_failed(const char *file, int line, const char *what, uint64_t expected, uint64_t actual);
extern unsigned int cases_passed, cases_failed;

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			check_failed(__FILE__, __LINE__, #condition, 1, 0); \
		} \
	} while (0)
#define CHECK_EQUAL(expected, actual) \
	do { \
		uint64_t expected_ = (uint64_t)(expected), actual_ = (uint64_t)(actual); \
		if (expected_ != actual_) { \
			check_failed(__FILE__, __LINE__, #actual, expected_, actual_); \
		} \
	} while (0)
/* A condition that the rest of the case can't do without. */
#define REQUIRE_OK(call) \
	do { \
		uint64_t error_ = (uint64_t)(call); \
		if (error_ != BH_OK) { \
			check_failed(__FILE__, __LINE__, #call, BH_OK, error_); \
			return; \
		} \
	} while (0)

#define SELF BH_BOOT_CNODE

/* Empty slots of the own CNode; `slots_reset` deletes everything made since slots_mark. */
uint64_t slot_new(void);
uint64_t slot_run(unsigned int count);
void slots_reset(void);

/* An Untyped of 64 MiB that cases make their objects from; revoked by slots_reset. */
extern uint64_t pool;

/* A new object from the pool, or 0. */
uint64_t object_new(enum bh_object_type type, uint64_t size_bits);

/* Maps a new 4 KiB frame read-write at the next free address of the own space; returns the address, the Frame's slot. */
void *page_new(uint64_t *frame);

/* A thread in the own spaces that runs function(argument) with that priority; with a context of its own (budget == period)
 * where active. Suspended: resume it, or put it in Recv. */
struct test_thread {
	uint64_t thread, context, buffer_frame, fault_endpoint;
	struct bh_ipc_buffer *buffer;
};
bool thread_new(struct test_thread *thread, void (*function)(uint64_t), uint64_t argument, unsigned int priority, bool active);

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* Lets others of the same or lower priority run: waits on a timer for that many microseconds. */
void pause_us(uint64_t microseconds);

#define OWN_BUFFER ((struct bh_ipc_buffer *)BH_BOOT_BUFFER_ADDRESS)

/* Groups, one file each. */
void group_ipc(void);
void group_guest(void);
