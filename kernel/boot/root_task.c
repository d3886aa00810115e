/* SPDX-License-Identifier: MIT */
/* Makes the root task: its CNode with a capability to everything, its space with image, stack, IPC buffer and boot
 * information. Every page of it has its capability, too. */
#include "boot/root_task.h"

#include <bulkhead/boot_info.h>
#include <bulkhead/invocation.h>
#include <bulkhead/log_ring.h>

#include "arch/x86_64/acpi.h"
#include "arch/x86_64/boot_information.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/iommu.h"
#include "arch/x86_64/cpu_features.h"
#include "arch/x86_64/tsc.h"
#include "boot/image.h"
#include "boot/memory.h"
#include "log.h"
#include "object/invocation.h"
#include "panic.h"
#include "sched/scheduler.h"
#include "string.h"
#include "trace.h"

#define STACK_PAGES 64
#define BOOT_INFO_PAGES ((sizeof(struct bh_boot_info) + PAGE_SIZE - 1) / PAGE_SIZE)
#define ROOT_PRIORITY 200
#define ROOT_BUDGET_US 10000
#define LOW_MEMORY_END UINT64_C(0x100000)
#define HIGH_MEMORY_START UINT64_C(0x100000000)
#define DEVICE_WINDOW_END \
	UINT64_C(0xfec00000) /* from here on interrupt controllers and other parts of the chipset */

const struct thread *root_thread;

struct builder {
	struct cnode *cnode;
	struct space *space;
	struct capability *last; /* in the derivation list */
	uint64_t next_slot;
	struct bh_boot_info *info;
	uint64_t info_physical;
};

static struct capability *put(
	struct builder *builder, uint64_t index, enum bh_object_type type, uint64_t object, uint64_t rights)
{
	struct capability *slot = cnode_slot(builder->cnode, index);

	if (slot == NULL) {
		panic("boot: the root task's CNode is full");
	}
	slot->type = (uint8_t)type;
	slot->rights = rights & BH_RIGHTS_ALL;
	slot->object = object;
	if (type_is_counted(type)) {
		capability_header(slot)->references++;
	}
	derivation_append(builder->last, slot);
	builder->last = slot;
	return slot;
}

/* A Frame or PageTable. */
static struct capability *put_page(
	struct builder *builder, uint64_t index, enum bh_object_type type, uint64_t physical, uint64_t rights)
{
	struct capability *slot = put(builder, index, type, physical, rights);

	slot->mapping.size_bits = PAGE_SHIFT;
	return slot;
}

/* Maps a page, whose Frame goes to the slot of that index, making the tables on the way. */
static struct capability *map_page(
	struct builder *builder, uint64_t index, uint64_t physical, uint64_t address, uint64_t flags)
{
	struct capability *frame = put_page(builder, index, BH_OBJECT_FRAME, physical, BH_RIGHTS_ALL);

	for (unsigned int level = 3; level >= 1; level--) {
		uint64_t table_address = address & ~((UINT64_C(1) << (PAGE_SHIFT + 9 * level)) - 1);

		if (space_has_table(builder->space, address, level)) {
			continue;
		}

		struct capability *table = put_page(builder, builder->next_slot++, BH_OBJECT_PAGE_TABLE,
			boot_memory_take(PAGE_SHIFT), BH_RIGHTS_ALL);

		if (space_insert_table(builder->space, table, table_address, level) != BH_OK) {
			panic("boot: can't map a page table of the root task at %lx", table_address);
		}
	}
	if (space_insert_frame(builder->space, frame, address, flags) != BH_OK) {
		panic("boot: can't map a page of the root task at %lx: segments overlap", address);
	}
	return frame;
}

static void load_segment(struct builder *builder, const uint8_t *file, const struct image_segment *segment)
{
	uint64_t first = segment->address & ~(uint64_t)(PAGE_SIZE - 1);
	uint64_t end = segment->address + segment->memory_size;
	bool write = (segment->flags & IMAGE_SEGMENT_WRITE) != 0;
	bool execute = (segment->flags & IMAGE_SEGMENT_EXECUTE) != 0;
	uint64_t flags = BH_MAP_READ | (write ? BH_MAP_WRITE : 0) | (execute ? BH_MAP_EXECUTE : 0);

	if (write && execute) {
		panic("boot: a segment of the root task is writable and executable");
	}
	for (uint64_t page = first; page < end; page += PAGE_SIZE) {
		uint64_t physical = boot_memory_take(PAGE_SHIFT);
		uint64_t from = page > segment->address ? page : segment->address;
		uint64_t to = segment->address + segment->file_size;

		if (to > page + PAGE_SIZE) {
			to = page + PAGE_SIZE;
		}
		if (from < to) {
			memcpy((uint8_t *)phys_to_virt(physical) + (from - page),
				file + segment->file_offset + (from - segment->address), to - from);
		}
		(void)map_page(builder, builder->next_slot++, physical, page, flags);
	}
}

static uint64_t load_image(struct builder *builder)
{
	const struct bh_boot_module *module = &boot_information.modules[0];
	const uint8_t *file = phys_to_virt(module->physical);
	const struct image_segment *segment;
	unsigned int count;
	uint64_t entry;

	if (boot_information.module_count == 0) {
		panic("boot: no modules: the first one must be the root task (start the image with its module list)");
	}
	segment = image_open(file, module->length, &entry, &count);
	if (segment == NULL) {
		panic("boot: the first module (%s) is not a static x86-64 ELF program: it must be the root task",
			module->name);
	}
	for (unsigned int i = 0; i < count; i++, segment++) {
		if (segment->type != IMAGE_SEGMENT_LOAD || segment->memory_size == 0) {
			continue;
		}
		if (!image_segment_fits(segment, module->length)) {
			panic("boot: program header %u of the root task lies outside its file", i);
		}
		load_segment(builder, file, segment);
	}
	return entry;
}

static void put_untyped(struct builder *builder, uint64_t start, uint64_t end, uint8_t device, uint8_t module)
{
	uint64_t physical;
	unsigned int bits;

	while (boot_memory_next_piece(&start, end, &physical, &bits)) {
		struct bh_boot_info *info = builder->info;
		struct capability *slot;

		if (info->untyped_count == BH_BOOT_UNTYPEDS_MAX) {
			log_line("boot: memory map has too many pieces: %lx to %lx is not used", physical,
				end);
			return;
		}
		slot = put(builder, builder->next_slot++, BH_OBJECT_UNTYPED, physical, BH_RIGHTS_ALL);
		slot->untyped.size_bits = bits & 63;
		slot->untyped.device = device != 0;
		info->untyped[info->untyped_count++] = (struct bh_boot_untyped){
			.physical = physical, .size_bits = (uint8_t)bits, .device = device, .module = module
		};
	}
}

/* Device space: what the memory map does not name below the interrupt controllers and IOMMUs, and the VGA window. */
static void put_device_memory(struct builder *builder)
{
	uint64_t start = LOW_MEMORY_END, end = DEVICE_WINDOW_END;

	put_untyped(builder, 0xa0000, 0xc0000, 1, 0);
	for (unsigned int i = 0; i < boot_information.map_count; i++) {
		const struct memory_map_entry *entry = &boot_information.map[i];

		if (entry->start < DEVICE_WINDOW_END && entry->end > start) {
			start = entry->end;
		}
	}
	for (unsigned int i = 0; i < platform_information.iommu_count; i++) {
		if (platform_information.iommus[i].physical < end) {
			end = platform_information.iommus[i].physical;
		}
	}
	if (start < end) {
		put_untyped(builder, start, end, 1, 0);
	}
}

/* The first address from `start` on that no entry of the memory map names. */
static uint64_t first_unnamed(uint64_t start)
{
	for (unsigned int i = 0; i < boot_information.map_count;) {
		const struct memory_map_entry *entry = &boot_information.map[i++];

		if (entry->start <= start && start < entry->end) {
			start = entry->end;
			i = 0; /* entries may overlap, and stand in any order */
		}
	}
	return start;
}

/* Device space above 4 GiB, where firmware puts BARs of 64 bits: all that the CPU can address and the memory map does not name. */
static void put_high_device_memory(struct builder *builder)
{
	uint64_t limit = UINT64_C(1) << cpu_features.physical_address_bits;
	uint64_t start = first_unnamed(HIGH_MEMORY_START);

	while (start < limit) {
		uint64_t end = limit;

		for (unsigned int i = 0; i < boot_information.map_count; i++) {
			const struct memory_map_entry *entry = &boot_information.map[i];

			if (entry->start > start && entry->start < end) {
				end = entry->start;
			}
		}
		put_untyped(builder, start, end, 1, 0);
		start = first_unnamed(end);
	}
}

static void put_all_memory(struct builder *builder)
{
	struct bh_boot_info *info = builder->info;

	info->untyped_first = (uint32_t)builder->next_slot;
	for (unsigned int i = 0; i < boot_information.usable_count; i++) {
		put_untyped(builder, boot_information.usable[i].start, boot_information.usable[i].end, 0, 0);
	}
	for (unsigned int i = 0; i < boot_information.module_count; i++) {
		const struct bh_boot_module *module = &boot_information.modules[i];

		put_untyped(builder, module->physical, module->physical + module->length + PAGE_SIZE - 1, 1,
			(uint8_t)(i + 1));
	}
	put_device_memory(builder);
	put_high_device_memory(builder);
}

/* Frames for reading of all pages that those bytes touch. Returns the first one's slot. */
static uint32_t put_readable(struct builder *builder, uint64_t physical, uint64_t length)
{
	uint64_t first = builder->next_slot;

	for (uint64_t page = physical & ~(uint64_t)(PAGE_SIZE - 1); page < physical + length;
		page += PAGE_SIZE) {
		(void)put_page(builder, builder->next_slot++, BH_OBJECT_FRAME, page, BH_RIGHT_READ);
	}
	return (uint32_t)first;
}

static void put_acpi_tables(struct builder *builder)
{
	const struct platform_information *platform = &platform_information;
	struct bh_boot_info *info = builder->info;

	info->acpi_table_count = platform->table_count;
	for (unsigned int i = 0; i < platform->table_count; i++) {
		info->acpi_table[i] = platform->tables[i];
		info->acpi_table[i].first =
			put_readable(builder, platform->tables[i].physical, platform->tables[i].length);
	}
}

static void fill_info(struct builder *builder)
{
	struct bh_boot_info *info = builder->info;

	info->abi_version = BH_ABI_VERSION;
	info->size = sizeof(*info);
	info->cpu_count = 1;
	info->tsc_khz = clock_rates.tsc_khz;
	info->boot_tsc = rdtsc();
	info->has_iommu = iommu_is_on() ? 1 : 0;
	memcpy(info->command_line, boot_information.command_line, sizeof(info->command_line));
	info->module_count = boot_information.module_count;
	memcpy(info->module, boot_information.modules, sizeof(info->module));
}

static void start_thread(struct builder *builder, struct cpu *cpu, struct thread *thread,
	struct sched_context *context, struct capability *buffer, uint64_t entry)
{
	struct capability *sources[THREAD_SLOTS] = { cnode_slot(builder->cnode, BH_BOOT_CNODE),
		cnode_slot(builder->cnode, BH_BOOT_ADDRESS_SPACE), buffer, NULL };

	for (unsigned int i = 0; i < THREAD_SLOTS; i++) {
		if (sources[i] != NULL && slot_keep(&thread->slots[i], sources[i]) != BH_OK) {
			panic("boot: can't give the root task its capabilities");
		}
	}
	root_thread = thread;
	thread->execution.cpu = cpu;
	thread->execution.priority = ROOT_PRIORITY;
	thread->execution.maximum_priority = 255;
	thread->registers.rip = entry;
	thread->registers.rsp = BH_BOOT_STACK_TOP;
	thread->registers.rdi = BH_BOOT_INFO_ADDRESS;
	context->cpu = cpu;
	context->budget = tsc_from_nanoseconds(ROOT_BUDGET_US * UINT64_C(1000));
	context->period = context->budget;
	context->remaining = context->budget;
	context->replenish_at = rdtsc() + context->period;
	context->home = &thread->execution;
	thread->execution.own_context = context;
	context_give(context, &thread->execution);
	scheduler_make_ready(&thread->execution);
}

void root_task_create(struct cpu *cpu)
{
	struct builder builder = { .next_slot = BH_BOOT_FIRST_FREE };
	uint64_t cnode_physical = boot_memory_take(BH_BOOT_CNODE_BITS + BH_CNODE_SLOT_BITS);
	uint64_t space_physical = boot_memory_take(BH_ADDRESS_SPACE_BITS);
	uint64_t info_physical = boot_memory_take(14);
	struct thread *thread = phys_to_virt(boot_memory_take(BH_THREAD_BITS));
	struct sched_context *context = phys_to_virt(boot_memory_take(PAGE_SHIFT));
	struct capability *buffer;
	uint64_t entry;

	_Static_assert(BOOT_INFO_PAGES <= 4, "boot information takes 2^14 bytes");
	builder.cnode = phys_to_virt(cnode_physical);
	cnode_initialise(builder.cnode, BH_BOOT_CNODE_BITS);
	builder.info = phys_to_virt(info_physical);
	address_space_initialise(phys_to_virt(space_physical), space_physical);
	builder.space = &((struct address_space *)phys_to_virt(space_physical))->space;
	thread_initialise(thread);
	sched_context_initialise(context);

	(void)put(&builder, BH_BOOT_CNODE, BH_OBJECT_CNODE, (uint64_t)builder.cnode, BH_RIGHTS_ALL);
	(void)put(&builder, BH_BOOT_THREAD, BH_OBJECT_THREAD, (uint64_t)thread, BH_RIGHTS_ALL);
	(void)put(&builder, BH_BOOT_ADDRESS_SPACE, BH_OBJECT_ADDRESS_SPACE, (uint64_t)builder.space,
		BH_RIGHTS_ALL);
	(void)put(&builder, BH_BOOT_SCHED_CONTEXT, BH_OBJECT_SCHED_CONTEXT, (uint64_t)context, BH_RIGHTS_ALL);
	(void)put(&builder, BH_BOOT_SCHED_CONTROL, BH_OBJECT_SCHED_CONTROL, 0, BH_RIGHTS_ALL);
	(void)put(&builder, BH_BOOT_IRQ_CONTROL, BH_OBJECT_IRQ_CONTROL, 0, BH_RIGHTS_ALL);
	(void)put(&builder, BH_BOOT_IO_PORT_CONTROL, BH_OBJECT_IO_PORT_CONTROL, 0, BH_RIGHTS_ALL);
	(void)put(&builder, BH_BOOT_IO_SPACE_CONTROL, BH_OBJECT_IO_SPACE_CONTROL, 0, BH_RIGHTS_ALL);
	builder.info->log_pages = LOG_RING_BYTES / PAGE_SIZE;
	builder.info->log_first = put_readable(&builder, log_ring_physical(), LOG_RING_BYTES);
	builder.info->trace_pages = BH_TRACE_PAGES;
	builder.info->trace_first =
		put_readable(&builder, virt_to_phys(&trace_ring), BH_TRACE_PAGES * PAGE_SIZE);
	put_acpi_tables(&builder);

	entry = load_image(&builder);
	for (uint64_t i = 1; i <= STACK_PAGES; i++) {
		(void)map_page(&builder, builder.next_slot++, boot_memory_take(PAGE_SHIFT),
			BH_BOOT_STACK_TOP - i * PAGE_SIZE, BH_MAP_READ | BH_MAP_WRITE);
	}
	for (uint64_t i = 0; i < BOOT_INFO_PAGES; i++) {
		(void)map_page(&builder, builder.next_slot++, info_physical + i * PAGE_SIZE,
			BH_BOOT_INFO_ADDRESS + i * PAGE_SIZE, BH_MAP_READ);
	}
	buffer = map_page(&builder, BH_BOOT_IPC_BUFFER, boot_memory_take(PAGE_SHIFT), BH_BOOT_BUFFER_ADDRESS,
		BH_MAP_READ | BH_MAP_WRITE);
	fill_info(&builder);
	put_all_memory(&builder);
	builder.info->free_first = (uint32_t)builder.next_slot;
	builder.info->free_end = 1u << BH_BOOT_CNODE_BITS;
	start_thread(&builder, cpu, thread, context, buffer, entry);
}
