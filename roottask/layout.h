/* SPDX-License-Identifier: MIT */
/* Where the root task puts things in a task's address space. Tasks learn these addresses from their task information; only
 * TASK_INFO_ADDRESS and TASK_PAGE_ADDRESS are fixed for them. */
#pragma once

#include <bulkhead/runtime_block.h>
#include <bulkhead/task_info.h>
#include <bulkhead/task_page.h>

#define TASK_IMAGE_START UINT64_C(0x0000000000001000) /* images lie in [start, end) */
#define TASK_IMAGE_END UINT64_C(0x0000000040000000)
#define TASK_HEAP UINT64_C(0x0000000100000000)
#define TASK_REGIONS UINT64_C(0x0000200000000000) /* the manifest's mappings, each at a multiple of 2 MiB */
#define TASK_STACKS UINT64_C(0x00007e0000000000)  /* 1 GiB apart, so an unmapped page lies below each */
#define TASK_STACK_SPAN UINT64_C(0x0000000040000000)
#define TASK_BUFFERS UINT64_C(0x00007f0000100000) /* IPC buffers, two pages apart */
#define TASK_BLOCKS UINT64_C(0x00007f0000200000)  /* runtime blocks, with an unmapped page below each */
#define TASK_BLOCK_SPAN UINT64_C(0x0000000000010000)

_Static_assert(TASK_INFO_ADDRESS + TASK_INFO_MAX_SIZE <= TASK_PAGE_ADDRESS,
	"task information and task page overlap");
_Static_assert(TASK_PAGE_ADDRESS + TASK_PAGE_SIZE <= TASK_BUFFERS, "task page and IPC buffers overlap");

static inline uint64_t thread_stack(uint32_t thread)
{
	return TASK_STACKS + thread * TASK_STACK_SPAN + 0x1000;
}
static inline uint64_t thread_buffer(uint32_t thread) { return TASK_BUFFERS + (uint64_t)thread * 0x2000; }
static inline uint64_t thread_block(uint32_t thread) { return TASK_BLOCKS + thread * TASK_BLOCK_SPAN; }
