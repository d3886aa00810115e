/* SPDX-License-Identifier: MIT */
/* Loads Multiboot 1 kernels (Multiboot Specification 0.6.96): 32-bit ELF, or any format by the address
 * fields of the header, with modules. */
#include "loaders/common.h"

#include "loaders/elf32.h"
#include "memory/guest_layout.h"

/* Section 3.1. */
enum {
	HEADER_MAGIC = 0x1badb002,
	HEADER_SEARCH = 8192,
	HEADER_ALIGN_MODULES = 1u << 0,
	HEADER_MEMORY_INFO = 1u << 1,
	HEADER_VIDEO_MODE = 1u << 2,
	HEADER_ADDRESSES = 1u << 16,
	HEADER_REQUIRED_KNOWN = HEADER_ALIGN_MODULES | HEADER_MEMORY_INFO | HEADER_VIDEO_MODE,
	HEADER_REQUIRED = 0xffff, /* flags that must be understood */
};
/* Sections 3.2 and 3.3. */
enum {
	ENTRY_MAGIC = 0x2badb002,
	INFO_MEMORY = 1u << 0,
	INFO_COMMAND_LINE = 1u << 2,
	INFO_MODULES = 1u << 3,
	INFO_MEMORY_MAP = 1u << 6,
	INFO_LOADER_NAME = 1u << 9,
	INFO_SIZE = 120,
};
enum { MODULES_MAX = 64, PAGE = 4096 };

/* Inside the loader's area. */
#define INFO (LOADER_AREA)
#define MEMORY_MAP (INFO + 0x100)
#define MODULE_TABLE (INFO + 0x200)
#define STRINGS (MODULE_TABLE + 16 * MODULES_MAX)
_Static_assert(24 * E820_ENTRIES_MAX <= 0x100, "memory map in its place");
_Static_assert(STRINGS < LOADER_AREA_END, "room for strings");

struct header {
	uint64_t offset; /* in the file */
	uint32_t flags;
};

/* The kernel as segments: one by the address fields, or those of the ELF file. */
struct image {
	const struct loader_file *file;
	bool by_addresses;
	struct kernel_segment single;
	struct elf32 elf;
	uint64_t entry;
	uint64_t end; /* of the highest segment */
};

static bool find_header(const struct loader_file *kernel, struct header *header)
{
	uint64_t search = kernel->size < HEADER_SEARCH ? kernel->size : HEADER_SEARCH;
	for (uint64_t offset = 0; offset + 12 <= search; offset += 4) {
		const uint8_t *at = kernel->bytes + offset;
		uint32_t flags = load32(at + 4);
		if (load32(at) == HEADER_MAGIC && HEADER_MAGIC + flags + load32(at + 8) == 0) {
			*header = (struct header){ .offset = offset, .flags = flags };
			return true;
		}
	}
	return false;
}

static enum loader_error check_flags(
	const struct loader_file *kernel, const struct header *header, struct loader_failure *failure)
{
	enum { MODE_TYPE = 32, MODE_TEXT = 1 };
	if ((header->flags & HEADER_REQUIRED) & ~(uint32_t)HEADER_REQUIRED_KNOWN)
		return fail_with(
			failure, LOADER_MULTIBOOT_UNKNOWN_FLAGS, header->flags, HEADER_REQUIRED_KNOWN);
	if (!(header->flags & HEADER_VIDEO_MODE))
		return LOADER_OK;
	if (!inside(kernel->size, header->offset + MODE_TYPE, 4))
		return fail_with(
			failure, LOADER_FILE_TRUNCATED, kernel->size, header->offset + MODE_TYPE + 4);
	return load32(kernel->bytes + header->offset + MODE_TYPE) == MODE_TEXT
		       ? LOADER_OK
		       : LOADER_MULTIBOOT_WANTS_GRAPHICS;
}

/* Section 3.1.3. */
static enum loader_error open_by_addresses(const struct loader_file *kernel, const struct header *header,
	struct image *image, struct loader_failure *failure)
{
	if (!inside(kernel->size, header->offset, 32))
		return fail_with(failure, LOADER_FILE_TRUNCATED, kernel->size, header->offset + 32);
	const uint8_t *fields = kernel->bytes + header->offset;
	uint64_t header_address = load32(fields + 12), load = load32(fields + 16),
		 load_end = load32(fields + 20);
	uint64_t bss_end = load32(fields + 24);
	image->entry = load32(fields + 28);
	if (load > header_address || header_address - load > header->offset)
		return fail_with(failure, LOADER_MULTIBOOT_BAD_ADDRESSES, load, header_address);
	uint64_t file_offset = header->offset - (header_address - load);
	if (load_end == 0)
		load_end = load + (kernel->size - file_offset);
	if (load_end <= load)
		return fail_with(failure, LOADER_MULTIBOOT_BAD_ADDRESSES, load_end, load);
	if (!inside(kernel->size, file_offset, load_end - load))
		return fail_with(
			failure, LOADER_FILE_TRUNCATED, kernel->size, file_offset + (load_end - load));
	if (bss_end == 0)
		bss_end = load_end;
	if (bss_end < load_end)
		return fail_with(failure, LOADER_MULTIBOOT_BAD_ADDRESSES, bss_end, load_end);
	image->single = (struct kernel_segment){
		.file_offset = file_offset,
		.file_size = load_end - load,
		.address = load,
		.memory_size = bss_end - load,
		.virtual_address = load,
	};
	return LOADER_OK;
}

static uint32_t segment_count(const struct image *image)
{
	return image->by_addresses ? 1 : image->elf.headers;
}

static enum loader_error segment_at(const struct image *image, uint32_t index, struct kernel_segment *segment,
	struct loader_failure *failure)
{
	if (!image->by_addresses)
		return elf32_segment(&image->elf, index, segment, failure);
	*segment = image->single;
	return LOADER_OK;
}

static enum loader_error check_overlap(const struct image *image, uint32_t index,
	const struct kernel_segment *segment, struct loader_failure *failure)
{
	for (uint32_t i = 0; i < index; i++) {
		struct kernel_segment other;
		enum loader_error error = segment_at(image, i, &other, failure);
		if (error != LOADER_OK)
			return error;
		if (other.memory_size != 0 && segment->address < other.address + other.memory_size &&
			other.address < segment->address + segment->memory_size)
			return fail_with(
				failure, LOADER_ELF_SEGMENTS_OVERLAP, segment->address, other.address);
	}
	return LOADER_OK;
}

/* Checks where every segment goes, and finds entry point and end. */
static enum loader_error check_segments(struct image *image, uint64_t low_end, struct loader_failure *failure)
{
	uint64_t given_entry = image->by_addresses ? image->entry : image->elf.entry;
	bool entry_found = false, any = false;
	image->end = GUEST_HIGH_MEMORY;
	for (uint32_t i = 0; i < segment_count(image); i++) {
		struct kernel_segment segment;
		enum loader_error error = segment_at(image, i, &segment, failure);
		if (error != LOADER_OK)
			return error;
		if (segment.memory_size == 0)
			continue;
		any = true;
		uint64_t end = segment.address + segment.memory_size;
		bool low = segment.address >= LOADER_AREA_END && end <= GUEST_EBDA_BASE;
		if (segment.address >= GUEST_HIGH_MEMORY && segment.address < low_end && end > low_end)
			return fail_with(failure, LOADER_KERNEL_TOO_LARGE, end, low_end);
		if (!low && (segment.address < GUEST_HIGH_MEMORY || end > low_end))
			return fail_with(failure, LOADER_ELF_SEGMENT_OUTSIDE, segment.address, low_end);
		error = check_overlap(image, i, &segment, failure);
		if (error != LOADER_OK)
			return error;
		if (given_entry - segment.virtual_address < segment.memory_size) {
			image->entry = segment.address + (given_entry - segment.virtual_address);
			entry_found = true;
		} else if (!entry_found && given_entry - segment.address < segment.memory_size) {
			/* Kernels linked high give the entry point's physical address. */
			image->entry = given_entry;
			entry_found = true;
		}
		if (end > image->end)
			image->end = end;
	}
	if (!any)
		return LOADER_ELF_NO_SEGMENT;
	return entry_found ? LOADER_OK : fail_with(failure, LOADER_MULTIBOOT_BAD_ENTRY, given_entry, 0);
}

static enum loader_error check_modules(const struct loader_request *request, uint64_t kernel_end,
	uint64_t low_end, struct loader_failure *failure)
{
	uint64_t next = kernel_end;
	uint64_t strings = text_length(request->command_line, LOADER_AREA_END) + 1;
	if (request->module_count > MODULES_MAX)
		return fail_with(
			failure, LOADER_MULTIBOOT_TOO_MANY_MODULES, request->module_count, MODULES_MAX);
	for (uint32_t i = 0; i < request->module_count; i++) {
		next = (next + PAGE - 1) & ~(uint64_t)(PAGE - 1);
		if (next > low_end || request->modules[i].size > low_end - next)
			return fail_with(
				failure, LOADER_MODULES_TOO_LARGE, next + request->modules[i].size, low_end);
		next += request->modules[i].size;
		strings += text_length(request->modules[i].text, LOADER_AREA_END) + 1;
	}
	static const uint64_t room = LOADER_AREA_END - STRINGS - 16; /* our own name takes 16 */
	return strings <= room ? LOADER_OK
			       : fail_with(failure, LOADER_MULTIBOOT_STRINGS_TOO_LONG, strings, room);
}

static bool write_segments(const struct loader_request *request, const struct image *image)
{
	for (uint32_t i = 0; i < segment_count(image); i++) {
		struct kernel_segment segment;
		struct loader_failure ignored;
		if (segment_at(image, i, &segment, &ignored) != LOADER_OK)
			return false; /* was checked before */
		if (segment.memory_size == 0)
			continue;
		if (!guest_memory_write(request->memory, segment.address,
			    image->file->bytes + segment.file_offset, segment.file_size) ||
			!guest_memory_fill(request->memory, segment.address + segment.file_size, 0,
				segment.memory_size - segment.file_size))
			return false;
	}
	return true;
}

/* Puts a string behind the others and moves *next; the area was cleared, which ends it. */
static bool write_string(const struct guest_memory *memory, const char *text, uint64_t *next)
{
	uint64_t length = text_length(text, LOADER_AREA_END);
	if (!guest_memory_write(memory, *next, text, length))
		return false;
	*next += length + 1;
	return true;
}

static bool write_modules(const struct loader_request *request, uint64_t kernel_end, uint64_t *strings)
{
	uint64_t next = kernel_end;
	for (uint32_t i = 0; i < request->module_count; i++) {
		const struct loader_file *module = &request->modules[i];
		uint8_t entry[16] = { 0 };
		next = (next + PAGE - 1) & ~(uint64_t)(PAGE - 1);
		store32(entry, (uint32_t)next);
		store32(entry + 4, (uint32_t)(next + module->size));
		store32(entry + 8, (uint32_t)*strings);
		if (!guest_memory_write(request->memory, MODULE_TABLE + 16 * i, entry, sizeof entry) ||
			!guest_memory_write(request->memory, next, module->bytes, module->size) ||
			!write_string(request->memory, module->text, strings))
			return false;
		next += module->size;
	}
	return true;
}

static bool write_info(const struct loader_request *request, const struct e820_map *map, uint64_t kernel_end)
{
	uint64_t strings = STRINGS;
	uint8_t info[INFO_SIZE] = { 0 };
	store32(info, INFO_MEMORY | INFO_COMMAND_LINE | INFO_MODULES | INFO_MEMORY_MAP | INFO_LOADER_NAME);
	store32(info + 4, (uint32_t)(GUEST_EBDA_BASE / 1024));
	store32(info + 8, (uint32_t)((map->low_end - GUEST_HIGH_MEMORY) / 1024));
	store32(info + 16, (uint32_t)strings);
	if (!write_string(request->memory, request->command_line, &strings))
		return false;
	store32(info + 20, request->module_count);
	store32(info + 24, (uint32_t)MODULE_TABLE);
	store32(info + 44, 24 * map->entries);
	store32(info + 48, (uint32_t)MEMORY_MAP);
	store32(info + 64, (uint32_t)strings);
	if (!write_string(request->memory, "bulkhead", &strings))
		return false;
	for (uint32_t i = 0; i < map->entries; i++) {
		uint8_t entry[24];
		store32(entry, 20); /* the size does not count itself */
		store64(entry + 4, map->entry[i].base);
		store64(entry + 12, map->entry[i].size);
		store32(entry + 20, map->entry[i].type);
		if (!guest_memory_write(request->memory, MEMORY_MAP + 24 * i, entry, sizeof entry))
			return false;
	}
	return guest_memory_write(request->memory, INFO, info, sizeof info) &&
	       write_modules(request, kernel_end, &strings);
}

enum loader_error multiboot1_load(
	const struct loader_request *request, struct bh_vcpu_state *state, struct loader_failure *failure)
{
	struct e820_map map;
	struct header header;
	struct image image = { .file = &request->kernel };
	*failure = (struct loader_failure){ 0 };
	if (request->initrd.size != 0)
		return LOADER_MULTIBOOT_INITRD_GIVEN;
	if (!e820_build(request->memory, &map))
		return LOADER_NO_LOW_RAM;
	if (!find_header(&request->kernel, &header))
		return LOADER_MULTIBOOT_NO_HEADER;
	enum loader_error error = check_flags(&request->kernel, &header, failure);
	image.by_addresses = header.flags & HEADER_ADDRESSES;
	if (error == LOADER_OK)
		error = image.by_addresses ? open_by_addresses(&request->kernel, &header, &image, failure)
					   : elf32_open(&request->kernel, &image.elf, failure);
	if (error == LOADER_OK)
		error = check_segments(&image, map.low_end, failure);
	if (error == LOADER_OK)
		error = check_modules(request, image.end, map.low_end, failure);
	if (error != LOADER_OK)
		return error;

	if (!prepare_low_memory(request) || !write_segments(request, &image) ||
		!write_info(request, &map, image.end) || !start_state(request->memory, false, state))
		return LOADER_NO_LOW_RAM;
	state->rip = image.entry;
	state->registers[BH_RAX] = ENTRY_MAGIC;
	state->registers[BH_RBX] = INFO;
	return LOADER_OK;
}
