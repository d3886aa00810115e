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
#define TASK_LARGE_REGIONS \
	UINT64_C(0x0000200000000000) /* mappings of the manifest that have large frames, or may have */
#define TASK_BUFFERS UINT64_C(0x00007f0000100000) /* IPC buffers, two pages apart */
#define TASK_BLOCKS UINT64_C(0x00007f0000180000)  /* runtime blocks, with an unmapped page below each */
#define TASK_BLOCK_SPAN UINT64_C(0x0000000000010000)
/* Stacks, one above the other with an unmapped page below each, and behind them the other mappings of the manifest. All this stands so close that
 * for most tasks one page table has it. */
#define TASK_STACKS UINT64_C(0x00007f00001d0000)

_Static_assert(TASK_INFO_ADDRESS + TASK_INFO_MAX_SIZE <= TASK_PAGE_ADDRESS,
	"task information and task page overlap");
_Static_assert(TASK_PAGE_ADDRESS + TASK_PAGE_SIZE <= TASK_BUFFERS, "task page and IPC buffers overlap");
_Static_assert(
	TASK_BLOCKS + TASK_INFO_MAX_THREADS * TASK_BLOCK_SPAN <= TASK_STACKS, "blocks and stacks overlap");

/* The lowest byte of a thread's stack, in a task whose stacks have `size` bytes, a multiple of a page. */
static inline uint64_t thread_stack(uint32_t thread, uint64_t size)
{
	return TASK_STACKS + thread * (size + 0x1000) + 0x1000;
}
static inline uint64_t thread_buffer(uint32_t thread) { return TASK_BUFFERS + (uint64_t)thread * 0x2000; }
static inline uint64_t thread_block(uint32_t thread) { return TASK_BLOCKS + thread * TASK_BLOCK_SPAN; }
