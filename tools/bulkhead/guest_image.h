/* SPDX-License-Identifier: MIT */
/* A light look at boot images: are they of the kind that the appliance file says, and what do they need? Pure functions. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Enough of a file's start for every check here. */
#define GUEST_IMAGE_HEAD_SIZE 32768u

struct guest_image_needs {
	uint64_t memory_end;       /* first address behind what the kernel needs while it starts */
	uint32_t command_line_max; /* bytes that the kernel takes */
};

/*
 * Judges the first `size` bytes of a kernel file for Linux' 64-bit boot protocol. Returns NULL and fills `needs`, or says what is wrong:
 * a phrase that goes on after "FILE".
 */
const char *guest_image_check_linux(const uint8_t *head, size_t size, struct guest_image_needs *needs);

/* The same for a multiboot (version 1) ELF kernel. */
const char *guest_image_check_multiboot(const uint8_t *head, size_t size, struct guest_image_needs *needs);

/* Is it an ELF64 executable for x86-64: what the system's own tasks are? */
bool guest_image_is_elf64(const uint8_t *head, size_t size);
