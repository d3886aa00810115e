/* SPDX-License-Identifier: MIT */
/* Reads multiboot2 information (Multiboot2 Specification 2.0 §3.6): GRUB on BIOS and UEFI. */

#include "arch/x86_64/boot_loader.h"
#include "arch/x86_64/layout.h"
#include "string.h"

enum multiboot2_tag_type {
	TAG_END = 0,
	TAG_COMMAND_LINE = 1,
	TAG_MODULE = 3,
	TAG_MEMORY_MAP = 6,
	TAG_FRAMEBUFFER = 8,
	TAG_EFI32_SYSTEM_TABLE = 11,
	TAG_EFI64_SYSTEM_TABLE = 12,
	TAG_RSDP_1 = 14,
	TAG_RSDP_2 = 15,
};

struct multiboot2_tag {
	uint32_t type;
	uint32_t size; /* of the whole tag; the next one starts at the next multiple of 8 */
};

struct multiboot2_module {
	struct multiboot2_tag tag;
	uint32_t start, end; /* the name follows */
};

struct multiboot2_map {
	struct multiboot2_tag tag;
	uint32_t entry_size, entry_version; /* the entries follow */
};

struct multiboot2_map_entry {
	uint64_t start, length;
	uint32_t kind, reserved;
};

struct multiboot2_framebuffer {
	struct multiboot2_tag tag;
	uint64_t address;
	uint32_t pitch, width, height;
	uint8_t bits_per_pixel, type;
	uint16_t reserved;
};

#define RSDP_1_SIZE 20
#define RSDP_2_SIZE 36

static enum boot_result read_map(struct boot_information *boot, const uint8_t *bytes, uint32_t size)
{
	struct multiboot2_map map;

	if (size < sizeof(map)) {
		return BOOT_INFORMATION_MALFORMED;
	}
	memcpy(&map, bytes, sizeof(map));
	if (map.entry_size < sizeof(struct multiboot2_map_entry)) {
		return BOOT_INFORMATION_MALFORMED;
	}
	for (uint32_t at = sizeof(map); size - at >= map.entry_size; at += map.entry_size) {
		struct multiboot2_map_entry entry;

		memcpy(&entry, bytes + at, sizeof(entry));
		boot_add_map_entry(boot, entry.start, entry.length, entry.kind);
	}
	return BOOT_OK;
}

static enum boot_result read_tag(struct boot_information *boot, uint64_t physical, struct multiboot2_tag tag)
{
	const uint8_t *bytes = phys_to_virt(physical);

	switch (tag.type) {
	case TAG_COMMAND_LINE:
		loader_copy_string(boot, boot->command_line, sizeof(boot->command_line),
			physical + sizeof(tag), tag.size - sizeof(tag));
		return BOOT_OK;
	case TAG_MODULE: {
		struct multiboot2_module module;

		if (tag.size < sizeof(module)) {
			return BOOT_INFORMATION_MALFORMED;
		}
		memcpy(&module, bytes, sizeof(module));
		return boot_add_module(boot, module.start, module.end, physical + sizeof(module),
			tag.size - sizeof(module), false);
	}
	case TAG_MEMORY_MAP:
		return read_map(boot, bytes, tag.size);
	case TAG_FRAMEBUFFER: {
		struct multiboot2_framebuffer framebuffer;

		if (tag.size < sizeof(framebuffer)) {
			return BOOT_INFORMATION_MALFORMED;
		}
		memcpy(&framebuffer, bytes, sizeof(framebuffer));
		boot_set_framebuffer(boot, framebuffer.type, framebuffer.address, framebuffer.pitch,
			framebuffer.width, framebuffer.height, framebuffer.bits_per_pixel);
		return BOOT_OK;
	}
	case TAG_EFI32_SYSTEM_TABLE:
	case TAG_EFI64_SYSTEM_TABLE:
		boot->efi = true;
		return BOOT_OK;
	case TAG_RSDP_1:
		/* The newer one, with the 64-bit table address, wins whatever the order. */
		if (tag.size >= sizeof(tag) + RSDP_1_SIZE && boot->rsdp_physical == 0) {
			boot->rsdp_physical = physical + sizeof(tag);
		}
		return BOOT_OK;
	case TAG_RSDP_2:
		if (tag.size >= sizeof(tag) + RSDP_2_SIZE) {
			boot->rsdp_physical = physical + sizeof(tag);
		}
		return BOOT_OK;
	default:
		return BOOT_OK;
	}
}

enum boot_result multiboot2_read(struct boot_information *boot, uint32_t information)
{
	const uint32_t *total_size = loader_bytes(information, 8);
	uint64_t at = (uint64_t)information + 8;
	uint64_t end;

	boot->protocol = "multiboot2";
	if (total_size == 0 || information % 8 != 0 || loader_bytes(information, *total_size) == 0) {
		return BOOT_INFORMATION_MALFORMED;
	}
	end = (uint64_t)information + *total_size;
	boot_exclude(information, end);

	while (at + sizeof(struct multiboot2_tag) <= end) {
		struct multiboot2_tag tag;
		enum boot_result result;

		memcpy(&tag, phys_to_virt(at), sizeof(tag));
		if (tag.size < sizeof(tag) || tag.size > end - at) {
			return BOOT_INFORMATION_MALFORMED;
		}
		if (tag.type == TAG_END) {
			return BOOT_OK;
		}
		result = read_tag(boot, at, tag);
		if (result != BOOT_OK) {
			return result;
		}
		at = (at + tag.size + 7) & ~7ul;
	}
	return BOOT_INFORMATION_MALFORMED;
}
