/* SPDX-License-Identifier: MIT */
/* Turns what the parsers found into the list of usable memory. Loader-made input: everything is checked, nothing is
 * asserted. */

#include "arch/x86_64/boot_information.h"

#include "arch/x86_64/acpi.h"
#include "arch/x86_64/boot_loader.h"
#include "arch/x86_64/image.h"
#include "arch/x86_64/layout.h"
#include "log.h"
#include "panic.h"
#include "string.h"

#define MULTIBOOT1_BOOT_MAGIC 0x2badb002u
#define MULTIBOOT2_BOOT_MAGIC 0x36d76289u
#define FOUR_GIB (1ul << 32)
#define LOW_MEMORY_END 0x100000ul
#define KERNEL_PHYSICAL_START 0x100000ul

/* Ranges that the parser saw in use (its own information); kept until usable[] is made. */
#define LOADER_RANGES_MAXIMUM 4
static struct memory_region loader_ranges[LOADER_RANGES_MAXIMUM];
static unsigned int loader_range_count;

static uint64_t page_down(uint64_t address) { return address & ~(uint64_t)(PAGE_SIZE - 1); }

/* Callers pass addresses below DIRECT_MAP_LIMIT: no overflow. */
static uint64_t page_up(uint64_t address) { return page_down(address + PAGE_SIZE - 1); }

const void *loader_bytes(uint64_t physical, uint64_t length)
{
	if (physical == 0 || physical >= FOUR_GIB || length > FOUR_GIB - physical) {
		return 0;
	}
	return phys_to_virt(physical);
}

void loader_copy_string(
	struct boot_information *boot, char *destination, uint64_t room, uint64_t physical, uint64_t length)
{
	const char *source = loader_bytes(physical, 1);
	uint64_t i;

	if (source == 0) {
		return;
	}
	if (length > FOUR_GIB - physical) {
		length = FOUR_GIB - physical;
	}
	for (i = 0; i < length && source[i] != 0; i++) {
		if (i == room - 1) {
			boot->strings_cut = true;
			break;
		}
		/* The text goes to terminals: no control characters. */
		destination[i] = source[i] >= ' ' && source[i] <= '~' ? source[i] : '?';
	}
	destination[i] = 0;
}

void boot_add_map_entry(struct boot_information *boot, uint64_t start, uint64_t length, uint32_t kind)
{
	uint64_t end = start + length;

	if (end <= start || start >= DIRECT_MAP_LIMIT) {
		return;
	}
	if (end > DIRECT_MAP_LIMIT) {
		end = DIRECT_MAP_LIMIT;
	}
	if (kind < MEMORY_USABLE || kind > MEMORY_BAD) {
		kind = MEMORY_RESERVED;
	}
	start = kind == MEMORY_USABLE ? page_up(start) : page_down(start);
	end = kind == MEMORY_USABLE ? page_down(end) : page_up(end);
	if (end > start && boot->map_count < BOOT_REGIONS_MAXIMUM) {
		boot->map[boot->map_count++] =
			(struct memory_map_entry){ start, end, (enum memory_kind)kind };
	} else if (end > start) {
		boot->regions_dropped++;
	}
}

/* What follows the first word and its spaces; of a lone word (a path) the last component. */
static const char *without_path(const char *name)
{
	const char *component = name;

	for (; *name != 0 && *name != ' '; name++) {
		if (*name == '/') {
			component = name + 1;
		}
	}
	while (*name == ' ') {
		name++;
	}
	return *name != 0 ? name : component;
}

enum boot_result boot_add_module(struct boot_information *boot, uint64_t start, uint64_t end,
	uint64_t name_physical, uint64_t name_length, bool path_first)
{
	uint64_t kernel_end = virt_to_phys(kernel_data_end);
	char words[BOOT_COMMAND_LINE_SIZE] = { 0 };
	const char *name = words;
	struct bh_boot_module *module;

	if (boot->module_count == BH_BOOT_MODULES_MAX) {
		boot->modules_dropped++;
		return BOOT_OK;
	}
	/* UEFI loaders use low memory too. A page shared with the kernel's image would be handed out with the module. */
	if (end <= start || start < PAGE_SIZE || start % PAGE_SIZE != 0 || end > FOUR_GIB ||
		(page_down(start) < kernel_end && end > KERNEL_PHYSICAL_START)) {
		return BOOT_MODULE_MISPLACED;
	}
	loader_copy_string(boot, words, sizeof(words), name_physical, name_length);
	if (path_first) {
		name = without_path(words);
	}
	module = &boot->modules[boot->module_count++];
	module->physical = start;
	module->length = end - start;
	for (unsigned int i = 0; name[i] != 0; i++) {
		if (i == sizeof(module->name) - 1) {
			boot->strings_cut = true;
			break;
		}
		module->name[i] = name[i];
	}
	return BOOT_OK;
}

void boot_set_framebuffer(struct boot_information *boot, uint8_t type, uint64_t address, uint32_t pitch,
	uint32_t width, uint32_t height, uint8_t bits_per_pixel)
{
	bool text = type == 2;
	bool pixels = type == 1 && (bits_per_pixel == 16 || bits_per_pixel == 24 || bits_per_pixel == 32);
	uint32_t bytes_per_cell = text ? 2 : bits_per_pixel / 8;

	if ((!text && !pixels) || address == 0 || address >= DIRECT_MAP_LIMIT || width == 0 || height == 0 ||
		width > 32768 || height > 32768 || pitch > 0x100000 || pitch < width * bytes_per_cell) {
		return;
	}
	boot->framebuffer = (struct boot_framebuffer){ text ? FRAMEBUFFER_TEXT : FRAMEBUFFER_PIXELS, address,
		pitch, width, height, bits_per_pixel };
}

void boot_exclude(uint64_t start, uint64_t end)
{
	ASSERT(loader_range_count < LOADER_RANGES_MAXIMUM);
	loader_ranges[loader_range_count++] = (struct memory_region){ start, end };
}

/* Adds a usable range, if it is one. */
static void add_usable(struct boot_information *boot, uint64_t start, uint64_t end)
{
	if (start < end && boot->usable_count < BOOT_REGIONS_MAXIMUM) {
		boot->usable[boot->usable_count++] = (struct memory_region){ start, end };
	} else if (start < end) {
		boot->regions_dropped++;
	}
}

/* Takes [start, end) out of every usable range. A range cut in two needs a free place: else its upper part is lost. */
static void subtract(struct boot_information *boot, uint64_t start, uint64_t end)
{
	start = page_down(start);
	end = page_up(end);
	/* From the last one on: what takes the place of a range, and what is added, does not touch [start, end). */
	for (unsigned int i = boot->usable_count; i-- > 0;) {
		struct memory_region region = boot->usable[i];

		if (region.start < end && start < region.end) {
			boot->usable[i] = boot->usable[--boot->usable_count];
			add_usable(boot, region.start, start);
			add_usable(boot, end, region.end);
		}
	}
}

static void make_usable(struct boot_information *boot)
{
	for (unsigned int i = 0; i < boot->map_count; i++) {
		const struct memory_map_entry *entry = &boot->map[i];

		if (entry->kind == MEMORY_USABLE) {
			subtract(boot, entry->start, entry->end); /* two may overlap */
			add_usable(boot, entry->start, entry->end);
		}
		if (entry->kind != MEMORY_RESERVED && entry->kind != MEMORY_BAD &&
			entry->end > boot->memory_ceiling) {
			boot->memory_ceiling = entry->end;
		}
	}
	/* Firmware maps overlap at times: what any entry reserves is reserved. */
	for (unsigned int i = 0; i < boot->map_count; i++) {
		if (boot->map[i].kind != MEMORY_USABLE) {
			subtract(boot, boot->map[i].start, boot->map[i].end);
		}
	}
	subtract(boot, 0, LOW_MEMORY_END);
	subtract(boot, KERNEL_PHYSICAL_START, virt_to_phys(kernel_data_end));
	for (unsigned int i = 0; i < boot->module_count; i++) {
		const struct bh_boot_module *module = &boot->modules[i];

		subtract(boot, module->physical, module->physical + module->length);
	}
	for (unsigned int i = 0; i < loader_range_count; i++) {
		subtract(boot, loader_ranges[i].start, loader_ranges[i].end);
	}
}

/* ACPI 6.4 §5.2.5.1: in the first KiB of the EBDA or in the BIOS area, on a 16-byte boundary. */
static uint64_t find_rsdp_in(uint64_t start, uint64_t end)
{
	for (uint64_t at = start; at < end; at += 16) {
		if (memcmp(phys_to_virt(at), "RSD PTR ", 8) == 0 &&
			acpi_checksum_good(phys_to_virt(at), 20)) {
			return at;
		}
	}
	return 0;
}

static uint64_t find_rsdp(void)
{
	const uint8_t *ebda_segment = phys_to_virt(0x40e);
	uint64_t ebda = (uint64_t)(ebda_segment[0] | ebda_segment[1] << 8) << 4;
	uint64_t rsdp = 0;

	if (ebda >= 0x80000 && ebda < 0xa0000) {
		rsdp = find_rsdp_in(ebda, ebda + 1024);
	}
	return rsdp != 0 ? rsdp : find_rsdp_in(0xe0000, 0x100000);
}

enum boot_result boot_information_read(struct boot_information *boot, uint32_t magic, uint32_t information)
{
	enum boot_result result;

	if (magic == MULTIBOOT1_BOOT_MAGIC) {
		result = multiboot1_read(boot, information);
	} else if (magic == MULTIBOOT2_BOOT_MAGIC) {
		result = multiboot2_read(boot, information);
	} else {
		return BOOT_UNKNOWN_MAGIC;
	}
	if (result != BOOT_OK) {
		return result;
	}
	if (!boot->efi && boot->rsdp_physical == 0) {
		boot->rsdp_physical = find_rsdp();
		if (boot->rsdp_physical == 0 && magic == MULTIBOOT1_BOOT_MAGIC) {
			return BOOT_MULTIBOOT1_ON_UEFI;
		}
	}
	if (!boot->efi && boot->framebuffer.kind == FRAMEBUFFER_NONE) {
		boot->framebuffer = (struct boot_framebuffer){ FRAMEBUFFER_TEXT, 0xb8000, 160, 80, 25, 0 };
	}
	if (boot->map_count == 0) {
		return BOOT_NO_MEMORY_MAP;
	}
	make_usable(boot);
	return boot->usable_count != 0 ? BOOT_OK : BOOT_NO_MEMORY_MAP;
}

const char *boot_result_text(enum boot_result result)
{
	static const char *const texts[BOOT_MULTIBOOT1_ON_UEFI + 1] = {
		[BOOT_OK] = "loader information is complete",
		[BOOT_UNKNOWN_MAGIC] =
			"not started by a multiboot loader: use GRUB's multiboot2, or QEMU's -kernel with the elf32 file",
		[BOOT_INFORMATION_MALFORMED] =
			"the boot loader's information is malformed: use GRUB 2 (multiboot2)",
		[BOOT_NO_MEMORY_MAP] =
			"the boot loader gave no map of usable memory: use GRUB 2 (multiboot2)",
		[BOOT_MODULE_MISPLACED] =
			"a module is empty, not on a page boundary, or overlaps the kernel: check the module lines of the boot entry",
		[BOOT_MULTIBOOT1_ON_UEFI] =
			"no ACPI tables found. Under UEFI multiboot1 cannot pass them on: start the kernel by multiboot2 (in GRUB: `multiboot2` and `module2`)",
	};

	return texts[result];
}

bool boot_command_line_has(const struct boot_information *boot, const char *word)
{
	const char *line = boot->command_line;

	for (const char *at = line; *at != 0; at++) {
		uint64_t matched = 0;

		while (word[matched] != 0 && at[matched] == word[matched]) {
			matched++;
		}
		if (word[matched] == 0 && (at[matched] == 0 || at[matched] == ' ') &&
			(at == line || at[-1] == ' ')) {
			return true;
		}
	}
	return false;
}
