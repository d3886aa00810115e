/* SPDX-License-Identifier: MIT */
/* The root task's state, one record for each thing of the manifest, and who fills it in. All arrays have the reader's bounds;
 * an index from the opened manifest is valid for them. */
#pragma once

#include "memory.h"
#include "policy.h"
#include "slots.h"

#include <bulkhead/boot_info.h>
#include <bulkhead/elf64.h>
#include <bulkhead/manifest.h>
#include <bulkhead/syscall.h>
#include <bulkhead/task_page.h>
#include <bulkhead/vm_status.h>

#include <stdbool.h>
#include <stdint.h>

#define ROOT_CNODE BH_BOOT_CNODE
#define PAGE_BITS 12u
#define LARGE_BITS 21u
#define PAGE_SIZE UINT64_C(4096)

/* Frames that stand in consecutive slots and show consecutive memory. */
struct extent {
	uint32_t first;
	uint32_t count;
	uint32_t bits;
};

/* An object of the manifest: its capability, or its frames. slot 0: it does not exist now. */
struct object {
	uint32_t slot;
	struct extent memory;    /* MEMORY that is no module's */
	uint64_t device_address; /* of DMA memory: where devices find it */
};

#define MODULE_EXTENTS_MAX 48u

/* A boot module: frames are made when it is first used. */
struct module {
	uint32_t boot;         /* index in boot information */
	uint32_t extent_count; /* 0: no frames yet */
	struct extent extent[MODULE_EXTENTS_MAX];
	const void *mapped; /* in the root task's space, NULL: not mapped */
	bool image_is_open;
	struct elf_image image;
};

enum task_state { TASK_OFF, TASK_RUNNING, TASK_GIVEN_UP };

struct task {
	enum task_state state;
	struct arena arena;
	uint32_t incarnation;
	uint32_t cnode;         /* slot */
	uint32_t address_space; /* slot */
	uint32_t thread;        /* slot of the main thread */
	uint32_t sched_context; /* slot of its context, 0: passive */
	uint64_t died_tsc;      /* TSC when it ended, if it was started again because of that; else 0 */
	uint32_t page_frames;   /* first of the frames of the task page, which outlive the task */
	struct task_page *page; /* in the root task's space */
	uint64_t log_next;      /* number of the next log record to fetch */
	struct restart_history restarts;
};

struct vm {
	bool running;
	bool announced; /* "is running" was said */
	bool paused;    /* by the administrator */
	struct arena arena;
	struct restart_history crashes;
	struct restart_history resets;
	uint32_t redone_by; /* task whose access was cancelled last, MANIFEST_NONE */
};

struct root {
	const struct bh_boot_info *boot;
	const struct log_ring *kernel_log; /* NULL: not mapped */
	struct manifest manifest;
	struct object object[MANIFEST_MAX_OBJECTS];
	struct module module[MANIFEST_MAX_MODULES];
	struct task task[MANIFEST_MAX_TASKS];
	struct vm vm[MANIFEST_MAX_VMS];
	uint32_t capability[MANIFEST_MAX_CAPABILITIES]; /* slots of the root task's own */
	void *mapping[MANIFEST_MAX_MAPPINGS]; /* addresses of the root task's own, NULL: not mapped now */
	uint32_t fault_endpoint;              /* slots */
	uint32_t fault_reply;
	uint32_t notification; /* bound to the root task's thread, all rights */
	uint32_t tick_timer;
};

extern struct root root;

static inline struct bh_ipc_buffer *root_buffer(void)
{
	return (struct bh_ipc_buffer *)(uintptr_t)BH_BOOT_BUFFER_ADDRESS;
}

static inline const char *task_name(uint32_t task)
{
	return manifest_string(&root.manifest, root.manifest.tasks[task].name);
}

static inline const char *vm_name(uint32_t vm)
{
	return manifest_string(&root.manifest, root.manifest.vms[vm].name);
}

static inline const char *object_name(uint32_t object)
{
	return manifest_string(&root.manifest, root.manifest.objects[object].name);
}

/* Registers or a message of a PCI function: made when that was found (host_functions.c). */
static inline bool object_is_of_function(uint32_t object)
{
	const struct manifest_object *record = &root.manifest.objects[object];

	return record->type == MANIFEST_OBJECT_DEVICE_MEMORY ||
	       (record->flags & MANIFEST_OBJECT_MESSAGE) != 0;
}

/* The arena and the slot owner of a scope. */
struct arena *scope_arena(uint32_t scope, uint32_t index);
uint16_t scope_owner(uint32_t scope, uint32_t index);
