/* SPDX-License-Identifier: MIT */
/* Builds the kernel's page tables (AMD APM vol. 2 §5.3) and stacks, once. Layout: see layout.h. */

#include "arch/x86_64/kernel_space.h"

#include "arch/x86_64/boot_information.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/cpu_features.h"
#include "arch/x86_64/image.h"
#include "arch/x86_64/selectors.h"
#include "boot/memory.h"
#include "panic.h"

#define PTE_PRESENT (1ul << 0)
#define PTE_WRITABLE (1ul << 1)
#define PTE_CACHE_DISABLE (1ul << 4) /* PAT entry 2: UC-, which an MTRR may make write-combining */
#define PTE_LARGE (1ul << 7)
#define PTE_GLOBAL (1ul << 8)
#define PTE_NO_EXECUTE (1ul << 63)
#define PTE_ADDRESS 0x000ffffffffff000ul

#define FLAGS_DATA (PTE_PRESENT | PTE_WRITABLE | PTE_GLOBAL | PTE_NO_EXECUTE)
#define FLAGS_CONSTANTS (PTE_PRESENT | PTE_GLOBAL | PTE_NO_EXECUTE)
#define FLAGS_TEXT (PTE_PRESENT | PTE_GLOBAL)

#define FOUR_GIB (1ul << 32)

/* A CPU's stacks: guard page, kernel stack, then guard page and stack for each IST number; the rest is unmapped. */
#define STACK_SLOT_SIZE 0x20000ul
#define KERNEL_STACK_OFFSET ((uint64_t)PAGE_SIZE)
#define IST_STACKS_OFFSET (KERNEL_STACK_OFFSET + KERNEL_STACK_SIZE + PAGE_SIZE)
#define IST_STACK_STRIDE ((uint64_t)IST_STACK_SIZE + PAGE_SIZE)
_Static_assert(
	IST_STACKS_OFFSET + IST_COUNT * IST_STACK_STRIDE <= STACK_SLOT_SIZE, "a CPU's stacks fit their slot");
_Static_assert(MAXIMUM_CPUS *STACK_SLOT_SIZE <= HUGE_PAGE_SIZE, "all stacks stand under one PDPT entry");

uint64_t kernel_pml4[512] __attribute__((aligned(PAGE_SIZE)));

/* What the direct map covers; the early tables' 4 GiB to begin with. */
static uint64_t direct_map_end = FOUR_GIB;
static struct memory_region direct_map_window; /* the framebuffer, where it lies higher */

/* The entry for the address in the table of that level (1: of pages, 2: of 2 MiB, 3: of 1 GiB); makes the tables on the way. */
static uint64_t *entry_of(uint64_t virtual, unsigned int level)
{
	uint64_t *table = kernel_pml4;
	unsigned int shift = PAGE_SHIFT + 27;

	for (; level < 4; level++, shift -= 9) {
		uint64_t *entry = &table[virtual >> shift & 511];

		if ((*entry & PTE_PRESENT) == 0) {
			*entry = boot_memory_take(PAGE_SHIFT) | PTE_PRESENT | PTE_WRITABLE;
		}
		table = phys_to_virt(*entry & PTE_ADDRESS);
	}
	return &table[virtual >> shift & 511];
}

static bool is_ram(enum memory_kind kind)
{
	return kind == MEMORY_USABLE || kind == MEMORY_ACPI_RECLAIMABLE || kind == MEMORY_ACPI_NVS;
}

/* Does one entry of the loader's map that is RAM hold all of [start, end), or any of it? */
static bool ram_holds(const struct boot_information *boot, uint64_t start, uint64_t end, bool all)
{
	for (unsigned int i = 0; i < boot->map_count; i++) {
		const struct memory_map_entry *entry = &boot->map[i];

		if (is_ram(entry->kind) && (all ? entry->start <= start && entry->end >= end
						: entry->start < end && entry->end > start)) {
			return true;
		}
	}
	return false;
}

/* Maps one GiB of the direct map: RAM cached, all else (device registers, holes) uncached. */
static void map_direct_gib(const struct boot_information *boot, uint64_t physical)
{
	if (cpu_features.huge_pages && ram_holds(boot, physical, physical + HUGE_PAGE_SIZE, true)) {
		*entry_of(DIRECT_MAP_BASE + physical, 3) = physical | FLAGS_DATA | PTE_LARGE;
		return;
	}
	for (uint64_t at = physical; at < physical + HUGE_PAGE_SIZE; at += LARGE_PAGE_SIZE) {
		bool ram = ram_holds(boot, at, at + LARGE_PAGE_SIZE, false);

		*entry_of(DIRECT_MAP_BASE + at, 2) =
			at | FLAGS_DATA | PTE_LARGE | (ram ? 0 : PTE_CACHE_DISABLE);
	}
}

static void map_image(const char *start, const char *end, uint64_t flags)
{
	for (uint64_t at = (uint64_t)start; at < (uint64_t)end; at += PAGE_SIZE) {
		*entry_of(at, 1) = (at - KERNEL_IMAGE_BASE) | flags;
	}
}

static uint64_t gib_up(uint64_t address)
{
	return (address + HUGE_PAGE_SIZE - 1) & ~((uint64_t)HUGE_PAGE_SIZE - 1);
}

void kernel_space_create(const struct boot_information *boot)
{
	const struct boot_framebuffer *framebuffer = &boot->framebuffer;
	uint64_t addressable = 1ul << cpu_features.physical_address_bits;
	uint64_t end = gib_up(boot->memory_ceiling);
	struct memory_region window = { 0, 0 };

	if (end < FOUR_GIB) {
		end = FOUR_GIB;
	}
	/* CPUs with 46 and more bits could pass the window that layout.h gives; map entries were cut there already. */
	if (end > addressable || end > DIRECT_MAP_LIMIT) {
		panic("the loader reports memory up to 0x%lx, beyond what this CPU addresses",
			boot->memory_ceiling);
	}
	for (uint64_t at = 0; at < end; at += HUGE_PAGE_SIZE) {
		map_direct_gib(boot, at);
	}
	if (framebuffer->kind != FRAMEBUFFER_NONE && framebuffer->physical >= end) {
		window.start = framebuffer->physical & ~((uint64_t)HUGE_PAGE_SIZE - 1);
		window.end =
			gib_up(framebuffer->physical + (uint64_t)framebuffer->pitch * framebuffer->height);
		if (window.end > addressable || window.end > DIRECT_MAP_LIMIT) {
			window.end = window.start;
		}
		for (uint64_t at = window.start; at < window.end; at += HUGE_PAGE_SIZE) {
			map_direct_gib(boot, at);
		}
	}

	map_image(kernel_text_start, kernel_text_end, FLAGS_TEXT);
	map_image(kernel_constants_start, kernel_constants_end, FLAGS_CONSTANTS);
	map_image(kernel_data_start, kernel_data_end, FLAGS_DATA);
	write_cr3(virt_to_phys(kernel_pml4));
	direct_map_end = end;
	direct_map_window = window;
}

static uint64_t stack_slot(unsigned int cpu)
{
	ASSERT(cpu < MAXIMUM_CPUS);
	return KERNEL_STACKS_BASE + cpu * STACK_SLOT_SIZE;
}

static void map_stack(uint64_t virtual, uint64_t size)
{
	for (uint64_t offset = 0; offset < size; offset += PAGE_SIZE) {
		*entry_of(virtual + offset, 1) = boot_memory_take(PAGE_SHIFT) | FLAGS_DATA;
	}
}

void kernel_stacks_create(unsigned int cpu)
{
	uint64_t slot = stack_slot(cpu);

	map_stack(slot + KERNEL_STACK_OFFSET, KERNEL_STACK_SIZE);
	for (unsigned int i = 0; i < IST_COUNT; i++) {
		map_stack(slot + IST_STACKS_OFFSET + i * IST_STACK_STRIDE, IST_STACK_SIZE);
	}
}

uint64_t kernel_stack_top(unsigned int cpu)
{
	return stack_slot(cpu) + KERNEL_STACK_OFFSET + KERNEL_STACK_SIZE;
}

uint64_t kernel_ist_stack_top(unsigned int cpu, unsigned int ist)
{
	ASSERT(ist >= 1 && ist <= IST_COUNT);
	return stack_slot(cpu) + IST_STACKS_OFFSET + (ist - 1) * IST_STACK_STRIDE + IST_STACK_SIZE;
}

uint64_t kernel_stack_end(uint64_t address)
{
	uint64_t cpu = (address - KERNEL_STACKS_BASE) / STACK_SLOT_SIZE;

	if (address >= (uint64_t)boot_stack && address < (uint64_t)boot_stack_top) {
		return (uint64_t)boot_stack_top;
	}
	for (unsigned int ist = 0; cpu < MAXIMUM_CPUS && ist <= IST_COUNT; ist++) {
		uint64_t top = ist == 0 ? kernel_stack_top((unsigned int)cpu)
					: kernel_ist_stack_top((unsigned int)cpu, ist);

		if (address < top && top - address <= (ist == 0 ? KERNEL_STACK_SIZE : IST_STACK_SIZE)) {
			return top;
		}
	}
	return address;
}

bool direct_map_covers(uint64_t physical, uint64_t length)
{
	if (physical < direct_map_end) {
		return length <= direct_map_end - physical;
	}
	return physical >= direct_map_window.start && physical < direct_map_window.end &&
	       length <= direct_map_window.end - physical;
}
