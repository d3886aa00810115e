/* SPDX-License-Identifier: MIT */
/* The runtime block: two pages per thread, to which user GS base points. The root task fills in the header, the upcall stub
 * (lib/runtime/upcall.S) takes its stack from here, so that it needs neither the thread's own stack nor its TLS. */
#pragma once

#define RUNTIME_BLOCK_SIZE 8192
#define RUNTIME_BLOCK_SELF 0        /* address of the block itself */
#define RUNTIME_BLOCK_STACK_TOP 8   /* top of the upcall stack: the block's end */
#define RUNTIME_BLOCK_USER_STACK 16 /* rsp of the interrupted code during an upcall */
#define RUNTIME_BLOCK_IPC_BUFFER 24 /* address of the thread's IPC buffer */

/* ELF note by which an image names its upcall entry, so that a stripped image works too: owner "Bulkhead", this type,
 * description = the entry's address, 8 bytes. */
#define RUNTIME_NOTE_OWNER "Bulkhead"
#define RUNTIME_NOTE_UPCALL 1

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

struct runtime_block {
	uint64_t self;
	uint64_t stack_top;
	uint64_t user_stack;
	uint64_t ipc_buffer;
	uint64_t index; /* of the thread within its task */
};
_Static_assert(
	offsetof(struct runtime_block, self) == RUNTIME_BLOCK_SELF, "runtime_block is used by assembly");
_Static_assert(offsetof(struct runtime_block, stack_top) == RUNTIME_BLOCK_STACK_TOP,
	"runtime_block is used by assembly");
_Static_assert(offsetof(struct runtime_block, user_stack) == RUNTIME_BLOCK_USER_STACK,
	"runtime_block is used by assembly");
_Static_assert(offsetof(struct runtime_block, ipc_buffer) == RUNTIME_BLOCK_IPC_BUFFER,
	"runtime_block is used by assembly");
#endif
