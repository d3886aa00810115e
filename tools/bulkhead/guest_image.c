/* SPDX-License-Identifier: MIT */
/* Looks at the headers of boot images. Pure: bounds-checks every read against the bytes that it was given. */
#include "guest_image.h"

#include <elf.h>
#include <string.h>

/* Linux, Documentation/x86/boot.rst, "The Real-Mode Kernel Header". */
#define LINUX_HEADER_MAGIC 0x202u
#define LINUX_VERSION 0x206u
#define LINUX_LOADFLAGS 0x211u
#define LINUX_XLOADFLAGS 0x236u
#define LINUX_COMMAND_LINE_MAX 0x238u
#define LINUX_PREF_ADDRESS 0x258u
#define LINUX_INIT_SIZE 0x260u
#define LINUX_HEADER_END 0x264u
#define LINUX_OLDEST_VERSION 0x020cu /* the first with xloadflags */
#define LINUX_LOADED_HIGH 0x01u
#define LINUX_KERNEL_64 0x01u

/* Multiboot Specification 0.6.96, section 3.1. */
#define MULTIBOOT_MAGIC 0x1badb002u
#define MULTIBOOT_SEARCH 8192u

static uint64_t load(const uint8_t *head, size_t offset, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = bytes; i > 0; i--) {
		value = value << 8 | head[offset + i - 1];
	}
	return value;
}

const char *guest_image_check_linux(const uint8_t *head, size_t size, struct guest_image_needs *needs)
{
	if (size < LINUX_HEADER_END || memcmp(head + LINUX_HEADER_MAGIC, "HdrS", 4) != 0) {
		return "is no Linux kernel (bzImage): name a vmlinuz file, or set protocol = multiboot";
	}
	if (load(head, LINUX_VERSION, 2) < LINUX_OLDEST_VERSION ||
		(head[LINUX_LOADFLAGS] & LINUX_LOADED_HIGH) == 0) {
		return "is a Linux kernel too old for the 64-bit boot protocol: use 3.8 or newer";
	}
	if ((head[LINUX_XLOADFLAGS] & LINUX_KERNEL_64) == 0) {
		return "is a Linux kernel without the 64-bit entry point: use one built for x86-64";
	}
	needs->memory_end = load(head, LINUX_PREF_ADDRESS, 8) + load(head, LINUX_INIT_SIZE, 4);
	needs->command_line_max = (uint32_t)load(head, LINUX_COMMAND_LINE_MAX, 4);
	return NULL;
}

static bool has_multiboot_header(const uint8_t *head, size_t size)
{
	for (size_t offset = 0; offset + 12 <= size && offset + 12 <= MULTIBOOT_SEARCH; offset += 4) {
		uint64_t sum = load(head, offset, 4) + load(head, offset + 4, 4) + load(head, offset + 8, 4);

		if (load(head, offset, 4) == MULTIBOOT_MAGIC && (uint32_t)sum == 0) {
			return true;
		}
	}
	return false;
}

const char *guest_image_check_multiboot(const uint8_t *head, size_t size, struct guest_image_needs *needs)
{
	Elf32_Ehdr header;

	if (!has_multiboot_header(head, size)) {
		return "is no multiboot kernel: name one, or set protocol = linux";
	}
	if (size < sizeof header || memcmp(head, ELFMAG, SELFMAG) != 0 || head[EI_CLASS] != ELFCLASS32) {
		return "is a multiboot kernel, but no 32-bit ELF file: convert it with objcopy -O elf32-i386";
	}
	memcpy(&header, head, sizeof header);
	needs->memory_end = 0;
	needs->command_line_max = UINT32_MAX;
	for (unsigned i = 0; i < header.e_phnum; i++) {
		uint64_t offset = (uint64_t)header.e_phoff + (uint64_t)i * sizeof(Elf32_Phdr);
		Elf32_Phdr segment;

		if (header.e_phentsize != sizeof segment || offset + sizeof segment > size) {
			return "has ELF program headers that cannot be read: is it complete?";
		}
		memcpy(&segment, head + offset, sizeof segment);
		uint64_t end = (uint64_t)segment.p_paddr + segment.p_memsz;

		if (segment.p_type == PT_LOAD && end > needs->memory_end) {
			needs->memory_end = end;
		}
	}
	return NULL;
}

bool guest_image_is_elf64(const uint8_t *head, size_t size)
{
	Elf64_Ehdr header;

	if (size < sizeof header) {
		return false;
	}
	memcpy(&header, head, sizeof header);
	return memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_ident[EI_CLASS] == ELFCLASS64 &&
	       header.e_machine == EM_X86_64 && header.e_type == ET_EXEC;
}
