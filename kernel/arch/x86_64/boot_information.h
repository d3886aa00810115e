/* SPDX-License-Identifier: MIT */
/* What the boot loader told us, in one form for multiboot1 and multiboot2. Everything here was bounds-checked and
 * copied: nothing points into loader memory except the physical addresses of modules, RSDP and framebuffer. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <bulkhead/boot_info.h>

#define BOOT_REGIONS_MAXIMUM 256
#define BOOT_COMMAND_LINE_SIZE 1024

/* [start, end), both multiples of PAGE_SIZE. */
struct memory_region {
	uint64_t start;
	uint64_t end;
};

/* Numbers are those of the E820 map (ACPI 6.4 §15.1). */
enum memory_kind {
	MEMORY_USABLE = 1,
	MEMORY_RESERVED = 2,
	MEMORY_ACPI_RECLAIMABLE = 3,
	MEMORY_ACPI_NVS = 4,
	MEMORY_BAD = 5,
};

struct memory_map_entry {
	uint64_t start; /* rounded outward to pages, except for MEMORY_USABLE: inward */
	uint64_t end;
	enum memory_kind kind;
};

enum framebuffer_kind {
	FRAMEBUFFER_NONE,
	FRAMEBUFFER_TEXT, /* VGA text: width and height in characters, 2 bytes each */
	FRAMEBUFFER_PIXELS,
};

struct boot_framebuffer {
	enum framebuffer_kind kind;
	uint64_t physical;
	uint32_t pitch; /* bytes from one line to the next */
	uint32_t width;
	uint32_t height;
	uint8_t bits_per_pixel; /* 16, 24 or 32 if kind is FRAMEBUFFER_PIXELS */
};

struct boot_information {
	/* Memory that is free to give away: disjoint, without kernel image, modules, loader information and
	 * the low 1 MiB. Boot takes its own pieces from here (boot/memory.h). */
	struct memory_region usable[BOOT_REGIONS_MAXIMUM];
	unsigned int usable_count;

	/* The loader's whole map, in its order, for telling RAM from device space. */
	struct memory_map_entry map[BOOT_REGIONS_MAXIMUM];
	unsigned int map_count;

	/* First address above all RAM (usable, ACPI reclaimable and NVS). */
	uint64_t memory_ceiling;

	/* Page aligned; the rest of the last page is nobody else's. Names: the module's command line (loaders that put the
	 * file's path first: without it), cut to 63 characters. */
	struct bh_boot_module modules[BH_BOOT_MODULES_MAX];
	unsigned int module_count;

	char command_line[BOOT_COMMAND_LINE_SIZE];
	uint64_t rsdp_physical; /* 0: none found */
	struct boot_framebuffer framebuffer;
	bool efi;             /* started by UEFI firmware */
	const char *protocol; /* "multiboot1" or "multiboot2" */

	/* What did not fit, each reported in the log too. */
	unsigned int regions_dropped;
	unsigned int modules_dropped;
	bool strings_cut;
};

/* Filled by arch_boot before kernel_main runs; kernel_main may consume usable[]. */
extern struct boot_information boot_information;

enum boot_result {
	BOOT_OK,
	BOOT_UNKNOWN_MAGIC,         /* not started by a multiboot loader */
	BOOT_INFORMATION_MALFORMED, /* a length or address of the loader's does not fit */
	BOOT_NO_MEMORY_MAP,
	BOOT_MODULE_MISPLACED,   /* a module is empty, not page aligned, or overlaps the kernel image */
	BOOT_MULTIBOOT1_ON_UEFI, /* no RSDP: the message says to use multiboot2 */
};

/* Reads the loader's information. magic: EAX at entry; information: EBX, physical, below 4 GiB. Boot only. */
__attribute__((warn_unused_result)) enum boot_result boot_information_read(
	struct boot_information *boot, uint32_t magic, uint32_t information);

/* What a boot_result means and what to do, for a person. */
const char *boot_result_text(enum boot_result result);

/* Does the command line have `word`, as a whole word (such as "panic=reboot")? */
bool boot_command_line_has(const struct boot_information *boot, const char *word);
