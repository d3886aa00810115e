/* SPDX-License-Identifier: MIT */
/* Loads a Linux bzImage for its 64-bit entry point (Linux Documentation/x86/boot.rst, "64-bit Boot
 * Protocol"; zero-page.rst). Offsets in the file's setup header and in boot_params (the zero page) are the
 * same, which the names below are for both. */
#include "loaders/common.h"

#include "memory/guest_layout.h"

/* boot_params */
enum {
	BP_ACPI_RSDP_ADDR = 0x070,
	BP_ALT_MEM_K = 0x1e0,
	BP_E820_ENTRIES = 0x1e8,
	BP_SETUP_SECTS = 0x1f1,
	BP_SYSSIZE = 0x1f4,
	BP_VID_MODE = 0x1fa,
	BP_JUMP = 0x200,
	BP_HEADER_MAGIC = 0x202,
	BP_VERSION = 0x206,
	BP_TYPE_OF_LOADER = 0x210,
	BP_LOADFLAGS = 0x211,
	BP_RAMDISK_IMAGE = 0x218,
	BP_RAMDISK_SIZE = 0x21c,
	BP_CMD_LINE_PTR = 0x228,
	BP_INITRD_ADDR_MAX = 0x22c,
	BP_KERNEL_ALIGNMENT = 0x230,
	BP_XLOADFLAGS = 0x236,
	BP_CMDLINE_SIZE = 0x238,
	BP_PREF_ADDRESS = 0x258,
	BP_INIT_SIZE = 0x260,
	BP_HEADER_NEEDED = 0x264, /* behind init_size */
	BP_HEADER_LIMIT = 0x290,  /* what follows in boot_params belongs to others */
	BP_E820_TABLE = 0x2d0,
	BP_SIZE = 4096,
};
enum {
	HEADER_MAGIC = 0x53726448, /* "HdrS" */
	VERSION_2_12 = 0x020c,
	LOADED_HIGH = 1u << 0,
	XLF_KERNEL_64 = 1u << 0,
	LOADER_UNDEFINED = 0xff,
	VIDEO_NORMAL = 0xffff,
	SECTOR = 512,
	ENTRY_64 = 0x200,
	PAGE = 4096,
};

/* Inside the loader's area. */
#define PAGE_TABLES (LOADER_AREA)            /* PML4, PDPT, four page directories */
#define BOOT_PARAMS (PAGE_TABLES + 6 * PAGE) /* 0x7000 */
#define COMMAND_LINE (BOOT_PARAMS + BP_SIZE) /* 0x8000 */
_Static_assert(COMMAND_LINE < LOADER_AREA_END, "room for the command line");

struct image {
	const uint8_t *file;
	uint64_t payload_offset, payload_size; /* the protected-mode part in the file */
	uint64_t address, memory_size;         /* guest-physical: pref_address, init_size */
	uint32_t header_end;                   /* in file and boot_params */
	uint64_t initrd_limit;                 /* first address that the initrd must not reach */
	uint64_t command_line_max;             /* without the terminating zero */
};

static enum loader_error check_header(
	const struct loader_file *kernel, struct image *image, struct loader_failure *failure)
{
	const uint8_t *file = kernel->bytes;
	if (kernel->size < BP_HEADER_NEEDED)
		return kernel->size >= BP_HEADER_MAGIC + 4 && load32(file + BP_HEADER_MAGIC) == HEADER_MAGIC
			       ? fail_with(failure, LOADER_FILE_TRUNCATED, kernel->size, BP_HEADER_NEEDED)
			       : fail_with(failure, LOADER_LINUX_NO_MAGIC, 0, 0);
	if (load32(file + BP_HEADER_MAGIC) != HEADER_MAGIC)
		return fail_with(failure, LOADER_LINUX_NO_MAGIC, 0, 0);
	if (load16(file + BP_VERSION) < VERSION_2_12)
		return fail_with(failure, LOADER_LINUX_TOO_OLD, load16(file + BP_VERSION), VERSION_2_12);
	if (!(file[BP_LOADFLAGS] & LOADED_HIGH))
		return fail_with(failure, LOADER_LINUX_NOT_LOADED_HIGH, 0, 0);
	if (!(load16(file + BP_XLOADFLAGS) & XLF_KERNEL_64))
		return fail_with(failure, LOADER_LINUX_NOT_64_BIT, 0, 0);

	/* The header ends where the short jump at 0x200 leads to. */
	image->header_end = BP_HEADER_MAGIC + (uint32_t)file[BP_JUMP + 1];
	if (file[BP_JUMP] != 0xeb || image->header_end < BP_HEADER_NEEDED ||
		image->header_end > BP_HEADER_LIMIT)
		return fail_with(failure, LOADER_LINUX_BAD_HEADER_SIZE, image->header_end, BP_HEADER_LIMIT);

	uint32_t sectors = file[BP_SETUP_SECTS] ? file[BP_SETUP_SECTS] : 4;
	image->file = file;
	image->payload_offset = (uint64_t)(sectors + 1) * SECTOR;
	image->payload_size = (uint64_t)load32(file + BP_SYSSIZE) * 16;
	if (image->payload_size <= ENTRY_64)
		return fail_with(failure, LOADER_LINUX_BAD_INIT_SIZE, image->payload_size, ENTRY_64 + 1);
	if (!inside(kernel->size, image->payload_offset, image->payload_size) ||
		image->header_end > kernel->size)
		return fail_with(failure, LOADER_FILE_TRUNCATED, kernel->size,
			image->payload_offset + image->payload_size);
	image->initrd_limit = (uint64_t)load32(file + BP_INITRD_ADDR_MAX) + 1;
	image->command_line_max = load32(file + BP_CMDLINE_SIZE);
	return LOADER_OK;
}

static enum loader_error check_placement(
	struct image *image, uint64_t low_end, struct loader_failure *failure)
{
	uint64_t alignment = load32(image->file + BP_KERNEL_ALIGNMENT);
	image->address = load64(image->file + BP_PREF_ADDRESS);
	image->memory_size = load32(image->file + BP_INIT_SIZE);
	if (alignment == 0 || (alignment & (alignment - 1)) != 0 || (image->address & (alignment - 1)) != 0)
		return fail_with(failure, LOADER_LINUX_BAD_ALIGNMENT, image->address, alignment);
	if (image->address < GUEST_HIGH_MEMORY || image->address > UINT32_MAX)
		return fail_with(failure, LOADER_LINUX_BAD_ADDRESS, image->address, GUEST_HIGH_MEMORY);
	if (image->memory_size < image->payload_size)
		return fail_with(
			failure, LOADER_LINUX_BAD_INIT_SIZE, image->memory_size, image->payload_size);
	if (image->address + image->memory_size > low_end)
		return fail_with(
			failure, LOADER_KERNEL_TOO_LARGE, image->address + image->memory_size, low_end);
	return LOADER_OK;
}

/* As high as the kernel allows, page-aligned, so that the kernel has room to unpack and to grow below. */
static enum loader_error place_initrd(const struct image *image, uint64_t size, uint64_t low_end,
	uint64_t *address, struct loader_failure *failure)
{
	uint64_t top = image->initrd_limit < low_end ? image->initrd_limit : low_end;
	uint64_t bottom = (image->address + image->memory_size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	*address = 0;
	if (size == 0)
		return LOADER_OK;
	if (top <= bottom || size > top - bottom)
		return fail_with(failure, LOADER_INITRD_TOO_LARGE, size, top > bottom ? top - bottom : 0);
	*address = (top - size) & ~(uint64_t)(PAGE - 1);
	return LOADER_OK;
}

/* The 64-bit entry demands identity mapping of kernel, boot_params and command line: the first 4 GiB in 2
 * MiB pages. */
static bool write_page_tables(const struct guest_memory *memory)
{
	enum { PRESENT_WRITABLE = 0x3, LARGE = 0x80, ENTRIES = 512, DIRECTORIES = 4 };
	uint8_t *tables = guest_memory_pointer(memory, PAGE_TABLES, 6 * PAGE);
	if (tables == NULL)
		return false;
	store64(tables, (PAGE_TABLES + PAGE) | PRESENT_WRITABLE);
	for (uint64_t i = 0; i < DIRECTORIES; i++)
		store64(tables + PAGE + 8 * i, (PAGE_TABLES + (2 + i) * PAGE) | PRESENT_WRITABLE);
	for (uint64_t i = 0; i < DIRECTORIES * ENTRIES; i++)
		store64(tables + 2 * PAGE + 8 * i, i << 21 | PRESENT_WRITABLE | LARGE);
	return true;
}

static bool write_boot_params(const struct loader_request *request, const struct image *image,
	const struct e820_map *map, uint64_t initrd)
{
	uint8_t *params = guest_memory_pointer(request->memory, BOOT_PARAMS, BP_SIZE);
	if (params == NULL)
		return false;
	__builtin_memcpy(
		params + BP_SETUP_SECTS, image->file + BP_SETUP_SECTS, image->header_end - BP_SETUP_SECTS);
	params[BP_TYPE_OF_LOADER] = LOADER_UNDEFINED;
	store16(params + BP_VID_MODE, VIDEO_NORMAL);
	store32(params + BP_RAMDISK_IMAGE, (uint32_t)initrd);
	store32(params + BP_RAMDISK_SIZE, (uint32_t)request->initrd.size);
	store32(params + BP_CMD_LINE_PTR, (uint32_t)COMMAND_LINE);
	store64(params + BP_ACPI_RSDP_ADDR, request->acpi_rsdp);
	store32(params + BP_ALT_MEM_K, (uint32_t)((map->low_end - GUEST_HIGH_MEMORY) / 1024));
	params[BP_E820_ENTRIES] = (uint8_t)map->entries;
	for (uint32_t i = 0; i < map->entries; i++) {
		uint8_t *entry = params + BP_E820_TABLE + 20 * i;
		store64(entry, map->entry[i].base);
		store64(entry + 8, map->entry[i].size);
		store32(entry + 16, map->entry[i].type);
	}
	return true;
}

static bool write_all(const struct loader_request *request, const struct image *image,
	const struct e820_map *map, uint64_t initrd, uint64_t command_line_length)
{
	const struct guest_memory *memory = request->memory;
	return prepare_low_memory(request) && write_page_tables(memory) &&
	       write_boot_params(request, image, map, initrd) &&
	       guest_memory_write(memory, COMMAND_LINE, request->command_line, command_line_length) &&
	       guest_memory_write(
		       memory, image->address, image->file + image->payload_offset, image->payload_size) &&
	       guest_memory_write(memory, initrd, request->initrd.bytes, request->initrd.size);
}

enum loader_error linux_load(
	const struct loader_request *request, struct bh_vcpu_state *state, struct loader_failure *failure)
{
	enum { CR4_PAE = 1u << 5, EFER_LME_LMA = 1u << 8 | 1u << 10 };
	const uint64_t cr0_pg = UINT64_C(1) << 31;
	struct e820_map map;
	struct image image = { 0 };
	uint64_t initrd = 0;
	*failure = (struct loader_failure){ 0 };
	if (request->module_count != 0)
		return LOADER_LINUX_MODULES_GIVEN;
	if (!e820_build(request->memory, &map))
		return LOADER_NO_LOW_RAM;
	enum loader_error error = check_header(&request->kernel, &image, failure);
	if (error == LOADER_OK)
		error = check_placement(&image, map.low_end, failure);
	if (error == LOADER_OK)
		error = place_initrd(&image, request->initrd.size, map.low_end, &initrd, failure);
	if (error != LOADER_OK)
		return error;
	uint64_t room = LOADER_AREA_END - COMMAND_LINE - 1;
	uint64_t most = image.command_line_max < room ? image.command_line_max : room;
	uint64_t length = text_length(request->command_line, most + 1);
	if (length > most)
		return fail_with(failure, LOADER_COMMAND_LINE_TOO_LONG, length, most);

	if (!write_all(request, &image, &map, initrd, length) || !start_state(request->memory, true, state))
		return LOADER_NO_LOW_RAM;
	state->cr0 |= cr0_pg;
	state->cr3 = PAGE_TABLES;
	state->cr4 = CR4_PAE;
	state->efer = EFER_LME_LMA;
	state->rip = image.address + ENTRY_64;
	state->registers[BH_RSI] = BOOT_PARAMS;
	return LOADER_OK;
}
