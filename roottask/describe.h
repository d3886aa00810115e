/* SPDX-License-Identifier: MIT */
/* What a task finds in its memory when it starts: task information and the start stack of its main thread, composed in buffers. Pure. */
#pragma once

#include <bulkhead/elf64.h>
#include <bulkhead/manifest.h>
#include <bulkhead/task_info.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Builds task information in a buffer of TASK_INFO_MAX_SIZE bytes, 8-byte aligned. First describe_begin, then all capabilities, all regions,
 * all arguments, then describe_end. The functions return false where it does not fit. */
struct description {
	uint8_t *buffer;
	uint32_t used;
};

void describe_begin(struct description *description, uint8_t *buffer, const char *name, uint32_t incarnation);
struct task_info *describe_header(const struct description *description);
bool describe_capability(struct description *description, const char *name, uint32_t slot, uint32_t rights);
bool describe_region(struct description *description, const char *name, uint64_t address, uint64_t size,
	uint32_t rights, uint64_t device_address);
bool describe_argument(struct description *description, const char *argument);
void describe_end(struct description *description);

#define START_FRAME_MAX 512u

/* The Linux start frame of a static program (System V ABI AMD64 supplement, section 3.4.1): argc, argv, envp, auxiliary vector. Written to the
 * end of `frame` (START_FRAME_MAX bytes), which will stand right below address `top`, a multiple of 16. `seed` becomes AT_RANDOM's
 * bytes. Returns the initial stack pointer. */
uint64_t describe_start_frame(uint8_t *frame, uint64_t top, const char *name, const struct elf_image *image,
	const uint64_t seed[2]);
