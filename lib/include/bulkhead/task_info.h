/* SPDX-License-Identifier: MIT */
/*
 * Task information: the read-only page range in which a task finds its name, its arguments and what it was given, by name.
 * The root task writes it before the task's first instruction; tasks read it through the functions below. No system calls.
 *
 *   TASK_INFO_ADDRESS  +---------------------------+
 *                      | struct task_info          |
 *                      | capabilities, regions     |  at the offsets that the header names
 *                      | arguments: "key=value\0"… |
 *                      +---------------------------+  size bytes, at most TASK_INFO_MAX_SIZE
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TASK_INFO_MAGIC UINT64_C(0x4f464e494b534154) /* "TASKINFO" read as little-endian */
#define TASK_INFO_VERSION 2u
#define TASK_INFO_ADDRESS UINT64_C(0x00007f0000000000) /* where it stands in every task */
#define TASK_INFO_MAX_SIZE 0x10000u
#define TASK_INFO_NAME_SIZE 32u
#define TASK_INFO_MAX_THREADS 5u /* the main thread and the handlers */

#define TASK_INFO_READ (1u << 0)
#define TASK_INFO_WRITE (1u << 1)
#define TASK_INFO_GRANT (1u << 2)

struct task_info_capability {
	char name[TASK_INFO_NAME_SIZE]; /* NUL-terminated, NUL-padded */
	uint32_t slot;                  /* in the task's own CNode */
	uint32_t rights;                /* TASK_INFO_* */
};
_Static_assert(sizeof(struct task_info_capability) == 40, "task_info_capability is shared between tasks");

struct task_info_region {
	char name[TASK_INFO_NAME_SIZE]; /* NUL-terminated, NUL-padded */
	uint64_t address;               /* page-aligned virtual address */
	uint64_t size;                  /* bytes as declared; of a module: its exact length */
	uint32_t rights;                /* TASK_INFO_READ, with or without TASK_INFO_WRITE */
	uint32_t reserved;
	uint64_t device_address; /* DMA memory in a driver: where its device finds it; 0: no device is to */
};
_Static_assert(sizeof(struct task_info_region) == 64, "task_info_region is shared between tasks");

/* Memory of one thread that the root task has mapped. Index 0 is the main thread, 1.. are the handlers. */
struct task_info_thread {
	uint64_t ipc_buffer;    /* virtual address of its IPC buffer */
	uint64_t runtime_block; /* virtual address of its runtime block; user GS base points there */
	uint64_t stack_bottom;  /* lowest address of its stack; an unmapped page lies below */
	uint64_t stack_size;    /* bytes */
};
_Static_assert(sizeof(struct task_info_thread) == 32, "task_info_thread is shared between tasks");

struct task_info {
	uint64_t magic;                 /* TASK_INFO_MAGIC */
	uint32_t version;               /* TASK_INFO_VERSION */
	uint32_t size;                  /* bytes in use, this header included */
	char name[TASK_INFO_NAME_SIZE]; /* the task's name, like "red/uart0" */
	uint32_t incarnation;           /* 0 at its first start, then how often it was restarted */
	uint32_t thread_count;          /* 1 + handlers */
	uint32_t capability_offset;     /* from the start of this structure */
	uint32_t capability_count;
	uint32_t region_offset;
	uint32_t region_count;
	uint32_t argument_offset; /* argument_count NUL-terminated strings, one after the other */
	uint32_t argument_count;
	uint64_t heap_address; /* room for brk and mmap of the runtime */
	uint64_t heap_size;    /* bytes */
	struct task_info_thread threads[TASK_INFO_MAX_THREADS];
};
_Static_assert(offsetof(struct task_info, incarnation) == 48, "task_info is shared between tasks");
_Static_assert(
	sizeof(struct task_info) == 96 + 32 * TASK_INFO_MAX_THREADS, "task_info is shared between tasks");

/* This task's own information; NULL if magic or version is not what this header describes. Any task may call it. */
static inline const struct task_info *task_info_get(void)
{
	const struct task_info *info = (const struct task_info *)(uintptr_t)TASK_INFO_ADDRESS;

	return info->magic == TASK_INFO_MAGIC && info->version == TASK_INFO_VERSION ? info : NULL;
}

/* True if the two NUL-terminated names are equal. Here because handlers make no libc calls. */
static inline int task_info_same_name(const char *left, const char *right)
{
	while (*left != '\0' && *left == *right) {
		left++;
		right++;
	}
	return *left == *right;
}

/* The capability called `name`; NULL if the task was given none. */
static inline const struct task_info_capability *task_info_capability(
	const struct task_info *info, const char *name)
{
	const struct task_info_capability *capabilities =
		(const struct task_info_capability *)(const void *)((const char *)info +
								    info->capability_offset);

	for (uint32_t i = 0; i < info->capability_count; i++) {
		if (task_info_same_name(capabilities[i].name, name)) {
			return &capabilities[i];
		}
	}
	return NULL;
}

/* The memory region called `name`; NULL if the task was given none. */
static inline const struct task_info_region *task_info_region(const struct task_info *info, const char *name)
{
	const struct task_info_region *regions =
		(const struct task_info_region *)(const void *)((const char *)info + info->region_offset);

	for (uint32_t i = 0; i < info->region_count; i++) {
		if (task_info_same_name(regions[i].name, name)) {
			return &regions[i];
		}
	}
	return NULL;
}

/* Argument `number` (0..) as it stands ("key=value"); NULL beyond the last. */
static inline const char *task_info_argument(const struct task_info *info, uint32_t number)
{
	const char *argument = (const char *)info + info->argument_offset;

	if (number >= info->argument_count) {
		return NULL;
	}
	while (number-- > 0) {
		while (*argument != '\0') {
			argument++;
		}
		argument++;
	}
	return argument;
}

/* The value of the first argument "key=value" whose key is `key`; NULL if there is none. */
static inline const char *task_info_value(const struct task_info *info, const char *key)
{
	for (uint32_t number = 0; number < info->argument_count; number++) {
		const char *argument = task_info_argument(info, number);
		const char *rest = key;

		while (*rest != '\0' && *rest == *argument) {
			rest++;
			argument++;
		}
		if (*rest == '\0' && *argument == '=') {
			return argument + 1;
		}
	}
	return NULL;
}
