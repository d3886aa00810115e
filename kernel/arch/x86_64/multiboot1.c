/* SPDX-License-Identifier: MIT */
/* Reads multiboot1 information (Multiboot Specification 0.6.96 §3.3): QEMU's -kernel, and GRUB on BIOS. */

#include "arch/x86_64/boot_loader.h"
#include "string.h"

#define FLAG_COMMAND_LINE (1u << 2)
#define FLAG_MODULES (1u << 3)
#define FLAG_MEMORY_MAP (1u << 6)
#define FLAG_LOADER_NAME (1u << 9)
#define FLAG_FRAMEBUFFER (1u << 12)

struct multiboot1_information {
	uint32_t flags;
	uint32_t memory_lower, memory_upper;
	uint32_t boot_device;
	uint32_t command_line;
	uint32_t module_count, modules;
	uint32_t symbols[4];
	uint32_t map_length, map;
	uint32_t drives_length, drives;
	uint32_t config_table;
	uint32_t loader_name;
	uint32_t apm_table;
	uint8_t vbe[16];
	uint64_t framebuffer_address;
	uint32_t framebuffer_pitch, framebuffer_width, framebuffer_height;
	uint8_t framebuffer_bits_per_pixel;
	uint8_t framebuffer_type; /* 1 = RGB, 2 = text */
	uint8_t colour_information[6];
} __attribute__((packed));
_Static_assert(sizeof(struct multiboot1_information) == 116, "multiboot1 layout");

struct multiboot1_module {
	uint32_t start, end;
	uint32_t name;
	uint32_t reserved;
};

struct multiboot1_map_entry {
	uint32_t size; /* of what follows this field */
	uint64_t start, length;
	uint32_t kind;
} __attribute__((packed));

static enum boot_result read_map(struct boot_information *boot, uint32_t physical, uint32_t length)
{
	const uint8_t *bytes = loader_bytes(physical, length);
	uint32_t at = 0;

	if (bytes == 0) {
		return BOOT_INFORMATION_MALFORMED;
	}
	while (length - at >= sizeof(struct multiboot1_map_entry)) {
		struct multiboot1_map_entry entry;

		memcpy(&entry, bytes + at, sizeof(entry));
		if (entry.size < sizeof(entry) - sizeof(entry.size)) {
			return BOOT_INFORMATION_MALFORMED;
		}
		boot_add_map_entry(boot, entry.start, entry.length, entry.kind);
		if (entry.size > length - at - sizeof(entry.size)) {
			break;
		}
		at += entry.size + (uint32_t)sizeof(entry.size);
	}
	return BOOT_OK;
}

enum boot_result multiboot1_read(struct boot_information *boot, uint32_t information)
{
	const void *bytes = loader_bytes(information, sizeof(struct multiboot1_information));
	struct multiboot1_information info;
	char loader[5] = { 0 };
	bool path_first;

	boot->protocol = "multiboot1";
	if (bytes == 0) {
		return BOOT_INFORMATION_MALFORMED;
	}
	memcpy(&info, bytes, sizeof(info));
	boot_exclude(information, (uint64_t)information + sizeof(info));

	if ((info.flags & FLAG_COMMAND_LINE) != 0) {
		loader_copy_string(boot, boot->command_line, sizeof(boot->command_line), info.command_line,
			BOOT_COMMAND_LINE_SIZE * 4);
	}
	/* QEMU hands over each word of -initrd as it is, the path first; GRUB 2 leaves the path out. */
	if ((info.flags & FLAG_LOADER_NAME) != 0) {
		loader_copy_string(boot, loader, sizeof(loader), info.loader_name, 4);
	}
	path_first = memcmp(loader, "qemu", 4) == 0;

	if ((info.flags & FLAG_MEMORY_MAP) != 0) {
		enum boot_result result = read_map(boot, info.map, info.map_length);

		if (result != BOOT_OK) {
			return result;
		}
	}
	if ((info.flags & FLAG_MODULES) != 0 && info.module_count != 0) {
		uint64_t length = (uint64_t)info.module_count * sizeof(struct multiboot1_module);
		const struct multiboot1_module *modules = loader_bytes(info.modules, length);

		if (modules == 0) {
			return BOOT_INFORMATION_MALFORMED;
		}
		for (uint32_t i = 0; i < info.module_count; i++) {
			enum boot_result result = boot_add_module(boot, modules[i].start, modules[i].end,
				modules[i].name, BOOT_COMMAND_LINE_SIZE, path_first);

			if (result != BOOT_OK) {
				return result;
			}
		}
	}
	if ((info.flags & FLAG_FRAMEBUFFER) != 0) {
		boot_set_framebuffer(boot, info.framebuffer_type, info.framebuffer_address,
			info.framebuffer_pitch, info.framebuffer_width, info.framebuffer_height,
			info.framebuffer_bits_per_pixel);
	}
	return BOOT_OK;
}
