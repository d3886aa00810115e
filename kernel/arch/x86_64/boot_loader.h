/* SPDX-License-Identifier: MIT */
/* What the two multiboot parsers share: bounds-checked access to loader memory, and filling struct boot_information. */
#pragma once

#include "arch/x86_64/boot_information.h"

/* The early tables map the low 4 GiB: no loader structure may reach beyond. Returns 0 if this one does. */
const void *loader_bytes(uint64_t physical, uint64_t length);

/* Copies a zero-terminated string of at most `length` bytes (the terminator may be missing); cut to the room there
 * is, and noted in strings_cut. Nothing is copied if the string is outside loader memory. */
void loader_copy_string(
	struct boot_information *boot, char *destination, uint64_t room, uint64_t physical, uint64_t length);

/* Adds one entry of the loader's map; ranges that are empty or wrap are left out. */
void boot_add_map_entry(struct boot_information *boot, uint64_t start, uint64_t length, uint32_t kind);

/* Adds a module. path_first: the loader puts the file's path before the module's own words. */
__attribute__((warn_unused_result)) enum boot_result boot_add_module(struct boot_information *boot,
	uint64_t start, uint64_t end, uint64_t name_physical, uint64_t name_length, bool path_first);

/* Notes the framebuffer; type is the loader's (1 = RGB, 2 = text), and other or impossible modes are left out. */
void boot_set_framebuffer(struct boot_information *boot, uint8_t type, uint64_t address, uint32_t pitch,
	uint32_t width, uint32_t height, uint8_t bits_per_pixel);

/* Takes [start, end), rounded outward to pages, out of what will be usable memory. */
void boot_exclude(uint64_t start, uint64_t end);

/* The parsers: fill everything but usable[] and memory_ceiling. */
__attribute__((warn_unused_result)) enum boot_result multiboot1_read(
	struct boot_information *boot, uint32_t information);
__attribute__((warn_unused_result)) enum boot_result multiboot2_read(
	struct boot_information *boot, uint32_t information);
