/* SPDX-License-Identifier: MIT */
/* Builds a task: memory and image, capabilities, threads, in this order, so that nothing of it runs before all of it stands.
 * Everything is made from the task's own arena and stands in slots that the task owns. See tasks.h. */
#include "tasks.h"

#include "describe.h"
#include "host_functions.h"
#include "layout.h"
#include "objects.h"
#include "power.h"
#include "report.h"

#include <string.h>

#define ARENA_GROWTH_BITS 15u
#define USER_FLAGS 0x202u /* IF, and the bit that is always 1 */

/* What is known while a task is being built. */
struct build {
	uint32_t task;
	const struct manifest_task *record;
	const char *name;
	const struct elf_image *image;
	struct space space;
	uint32_t thread[TASK_INFO_MAX_THREADS]; /* slots */
	uint32_t buffer[TASK_INFO_MAX_THREADS];
	uint64_t main_stack_pointer;
};

static uint8_t info_buffer[TASK_INFO_MAX_SIZE] __attribute__((aligned(4096)));
static uint8_t page_buffer[PAGE_SIZE] __attribute__((aligned(4096)));

static uint32_t pages_of(uint64_t bytes) { return (uint32_t)((bytes + PAGE_SIZE - 1) >> PAGE_BITS); }

const struct manifest_capability *task_capability(uint32_t task, uint32_t number)
{
	for (uint32_t i = 0; i < root.manifest.capability_count; i++) {
		if (root.manifest.capabilities[i].task == task && number-- == 0) {
			return &root.manifest.capabilities[i];
		}
	}
	return NULL;
}

/* ---- Memory ---------------------------------------------------------------------------------------------------------- */

static enum bh_error open_image(struct build *build)
{
	struct module *module = &root.module[build->record->module];
	enum bh_error error = module_map(build->record->module);
	enum elf_error elf;

	if (error == BH_OK && !module->image_is_open) {
		elf = elf_open(module->mapped, root.manifest.modules[build->record->module].size,
			TASK_IMAGE_START, TASK_IMAGE_END, &module->image);
		if (elf != ELF_OK) {
			report("%s: image %s: %s", build->name, root.boot->module[module->boot].name,
				elf_error_text(elf));
			return BH_ERROR_ARGUMENT;
		}
		module->image_is_open = true;
	}
	build->image = &module->image;
	return error;
}

static enum bh_error build_segment(struct build *build, const struct elf_segment *segment)
{
	uint64_t start = segment->address & ~(PAGE_SIZE - 1);
	uint32_t count = pages_of(segment->address + segment->memory_size - start);
	uint64_t flags = BH_MAP_READ | (segment->writable ? BH_MAP_WRITE : 0) |
			 (segment->executable ? BH_MAP_EXECUTE : 0);
	uint32_t first;
	enum bh_error error = arena_make_owned(
		build->space.arena, build->space.owner, BH_OBJECT_FRAME, PAGE_BITS, count, &first);

	for (uint32_t i = 0; error == BH_OK && i < count; i++) {
		memset(page_buffer, 0, sizeof(page_buffer));
		if (elf_copy_page(build->image, start + i * PAGE_SIZE, page_buffer)) {
			error = frame_write(first + i, 0, page_buffer, PAGE_SIZE);
		}
	}
	return error != BH_OK ? error : space_map(&build->space, first, count, PAGE_BITS, start, flags);
}

static enum bh_error build_image(struct build *build)
{
	for (uint32_t i = 0; i < build->image->segment_count; i++) {
		enum bh_error error = build_segment(build, &build->image->segment[i]);

		if (error != BH_OK) {
			return failed(build->name, "cannot load its image", error);
		}
	}
	return BH_OK;
}

/* Fresh frames that get `size` bytes at `offset` of their last page before they are mapped. */
static enum bh_error map_filled(struct build *build, uint32_t count, uint64_t address, uint64_t offset,
	const void *bytes, uint64_t size)
{
	uint32_t first;
	enum bh_error error = arena_make_owned(
		build->space.arena, build->space.owner, BH_OBJECT_FRAME, PAGE_BITS, count, &first);

	if (error == BH_OK) {
		error = frame_write(first + count - 1, offset, bytes, size);
	}
	return error != BH_OK ? error
			      : space_map(&build->space, first, count, PAGE_BITS, address,
					BH_MAP_READ | BH_MAP_WRITE);
}

static enum bh_error build_main_stack(struct build *build)
{
	uint64_t top = thread_stack(0, build->record->stack_size) + build->record->stack_size;
	uint64_t seed[2] = { bh_tsc() * UINT64_C(0x9e3779b97f4a7c15),
		(bh_tsc() ^ build->task) * UINT64_C(0xbf58476d1ce4e5b9) };

	build->main_stack_pointer = describe_start_frame(page_buffer, top, build->name, build->image, seed);
	return map_filled(build, pages_of(build->record->stack_size),
		thread_stack(0, build->record->stack_size), PAGE_SIZE - START_FRAME_MAX, page_buffer,
		START_FRAME_MAX);
}

/* Stack, IPC buffer and runtime block of one thread. */
static enum bh_error build_thread_memory(struct build *build, uint32_t thread)
{
	struct runtime_block block = {
		.self = thread_block(thread),
		.stack_top = thread_block(thread) + RUNTIME_BLOCK_SIZE,
		.ipc_buffer = thread_buffer(thread),
		.index = thread,
	};
	uint64_t flags = BH_MAP_READ | BH_MAP_WRITE;
	uint32_t first;
	enum bh_error error = thread == 0
				      ? build_main_stack(build)
				      : space_map_fresh(&build->space, pages_of(build->record->stack_size),
						thread_stack(thread, build->record->stack_size), flags, NULL);

	if (error == BH_OK) {
		error = space_map_fresh(
			&build->space, 1, thread_buffer(thread), flags, &build->buffer[thread]);
	}
	if (error == BH_OK) {
		error = arena_make_owned(build->space.arena, build->space.owner, BH_OBJECT_FRAME, PAGE_BITS,
			pages_of(RUNTIME_BLOCK_SIZE), &first);
	}
	if (error == BH_OK) {
		error = frame_write(first, 0, &block, sizeof(block));
	}
	return error != BH_OK ? error
			      : space_map(&build->space, first, pages_of(RUNTIME_BLOCK_SIZE), PAGE_BITS,
					thread_block(thread), flags);
}

/* The task page is the system's: made at the first start, mapped here for good, and lent to each incarnation. */
static enum bh_error build_task_page(struct build *build)
{
	struct task *task = &root.task[build->task];
	uint64_t address = ROOT_TASK_PAGES + (uint64_t)build->task * TASK_PAGE_SIZE;
	uint32_t pages = pages_of(TASK_PAGE_SIZE);

	if (task->page == NULL) {
		enum bh_error error = space_map_fresh(
			&root_space, pages, address, BH_MAP_READ | BH_MAP_WRITE, &task->page_frames);

		if (error != BH_OK) {
			return error;
		}
		task->page = (struct task_page *)(uintptr_t)address;
	}
	memset(task->page->record, 0, sizeof(task->page->record));
	task->page->magic = TASK_PAGE_MAGIC;
	task->page->tsc_khz = root.boot->tsc_khz;
	task->page->boot_tsc = root.boot->boot_tsc;
	task->page->century_register = century_register();
	task->page->exited = 0;
	task->page->next = 0;
	task->page->ready_tsc = 0;
	task->log_next = 0;
	return space_map_copies(&build->space, task->page_frames, pages, PAGE_BITS, TASK_PAGE_ADDRESS,
		BH_MAP_READ | BH_MAP_WRITE, BH_RIGHT_READ | BH_RIGHT_WRITE);
}

/* ---- What the manifest lists ----------------------------------------------------------------------------------------- */

/* Where a device finds the beginning of the mapping; 0: it is no DMA memory. */
static uint64_t device_address(const struct manifest_mapping *mapping)
{
	uint64_t start = root.object[mapping->object].device_address;

	return start != 0 ? start + mapping->offset : 0;
}

/* What has large frames, or may have, stands at multiples of theirs; a file's keep their place within one. */
static bool has_large_frames(const struct manifest_object *object)
{
	return object->module != MANIFEST_NONE || object->type == MANIFEST_OBJECT_DEVICE_MEMORY ||
	       (object->flags & MANIFEST_OBJECT_LARGE_PAGES) != 0;
}

/* Where the mapping is to begin. free_from: where those without and those with large frames may begin; an unmapped page lies between two. */
static uint64_t place_region(const struct manifest_mapping *mapping, uint64_t free_from[2])
{
	uint64_t large = UINT64_C(1) << LARGE_BITS;
	bool is_large = has_large_frames(&root.manifest.objects[mapping->object]);
	uint64_t unit = is_large ? large : PAGE_SIZE;
	uint64_t address = (free_from[is_large] + unit - 1) & ~(unit - 1);
	/* a file's place within 2 MiB comes on top */
	uint64_t end = address + mapping->offset + mapping->length + (is_large ? large : 0);

	free_from[is_large] = end + PAGE_SIZE;
	return address;
}

static enum bh_error build_regions(struct build *build, struct description *description)
{
	uint64_t free_from[2] = { thread_stack(1 + build->record->handler_count, build->record->stack_size),
		TASK_LARGE_REGIONS };

	for (uint32_t i = 0; i < root.manifest.mapping_count; i++) {
		const struct manifest_mapping *mapping = &root.manifest.mappings[i];
		const char *name = manifest_string(&root.manifest, mapping->name);
		uint64_t length = mapping->length;
		uint64_t address;
		enum bh_error error;

		if (mapping->task != build->task) {
			continue;
		}
		address = place_region(mapping, free_from);
		error = root.manifest.objects[mapping->object].type == MANIFEST_OBJECT_DEVICE_MEMORY
				? host_region_map(
					  &build->space, mapping->object, address, mapping->rights, &length)
				: object_map(&build->space, mapping->object, mapping->offset, length, address,
					  mapping->rights, false, &address);
		if (error != BH_OK) {
			report("%s: region %s: %s", build->name, name, bh_error_text(error));
			return error;
		}
		/* A device's address is for those who have a device. */
		if (length != 0 && !describe_region(description, name, address, length, mapping->rights,
					   host_is_driver(build->task) ? device_address(mapping) : 0)) {
			return failed(build->name, "its task information is too long", BH_ERROR_MEMORY);
		}
	}
	return BH_OK;
}

static enum bh_error put_capability(
	struct build *build, const struct manifest_capability *capability, uint32_t slot)
{
	uint32_t cnode = root.task[build->task].cnode;
	uint32_t source = root.object[capability->object].slot;
	enum bh_error error = BH_OK;

	if (root.manifest.objects[capability->object].type == MANIFEST_OBJECT_IO_PORTS) {
		error = bh_io_ports_map(source, build->space.slot);
	}
	if (error != BH_OK) {
		return error;
	}
	return capability->badge != 0
		       ? bh_cnode_mint(cnode, slot, ROOT_CNODE, source, capability->rights, capability->badge)
		       : bh_cnode_copy(cnode, slot, ROOT_CNODE, source, capability->rights);
}

static enum bh_error build_capabilities(struct build *build, struct description *description)
{
	const struct manifest_capability *capability;

	for (uint32_t i = 0; (capability = task_capability(build->task, i)) != NULL; i++) {
		const char *name = manifest_string(&root.manifest, capability->name);
		enum bh_error error = put_capability(build, capability, i + 1);

		if (error != BH_OK) {
			report("%s: capability %s to %s: %s", build->name, name,
				object_name(capability->object), bh_error_text(error));
			return error;
		}
		if (!describe_capability(description, name, i + 1, capability->rights)) {
			return failed(build->name, "its task information is too long", BH_ERROR_MEMORY);
		}
	}
	return BH_OK;
}

static enum bh_error build_information(struct build *build)
{
	struct description description;
	struct task_info *info;
	uint32_t first;
	uint32_t pages;
	enum bh_error error;

	describe_begin(&description, info_buffer, build->name, root.task[build->task].incarnation);
	info = describe_header(&description);
	info->thread_count = 1 + build->record->handler_count;
	info->heap_address = TASK_HEAP;
	info->heap_size = build->record->heap_size;
	for (uint32_t i = 0; i < info->thread_count; i++) {
		info->threads[i] = (struct task_info_thread){
			.ipc_buffer = thread_buffer(i),
			.runtime_block = thread_block(i),
			.stack_bottom = thread_stack(i, build->record->stack_size),
			.stack_size = build->record->stack_size,
		};
	}
	error = build_capabilities(build, &description);
	if (error == BH_OK) {
		error = build_regions(build, &description);
	}
	for (uint32_t i = 0; error == BH_OK && i < build->record->argument_count; i++) {
		if (!describe_argument(&description, manifest_argument(&root.manifest, build->record, i))) {
			error = failed(build->name, "its task information is too long", BH_ERROR_MEMORY);
		}
	}
	if (error != BH_OK) {
		return error;
	}
	describe_end(&description);
	pages = pages_of(description.used);
	memset(info_buffer + description.used, 0, pages * PAGE_SIZE - description.used);
	error = arena_make_owned(
		build->space.arena, build->space.owner, BH_OBJECT_FRAME, PAGE_BITS, pages, &first);
	for (uint32_t i = 0; error == BH_OK && i < pages; i++) {
		error = frame_write(first + i, 0, info_buffer + i * PAGE_SIZE, PAGE_SIZE);
	}
	if (error == BH_OK) {
		error = space_map(&build->space, first, pages, PAGE_BITS, TASK_INFO_ADDRESS, BH_MAP_READ);
	}
	return failed(build->name, "cannot map its task information", error);
}

/* ---- Threads --------------------------------------------------------------------------------------------------------- */

static enum bh_error configure_thread(struct build *build, uint32_t thread, uint32_t priority, uint64_t flags)
{
	uint32_t fault = slots_take(build->space.owner, 1);
	uint64_t upcall = 0;
	enum bh_error error = fault == 0 ? BH_ERROR_MEMORY
					 : bh_cnode_mint(ROOT_CNODE, fault, ROOT_CNODE, root.fault_endpoint,
						   BH_RIGHT_WRITE, FAULT_BADGE(build->task, thread));

	if (error == BH_OK) {
		error = bh_thread_configure(build->thread[thread], root.task[build->task].cnode,
			build->space.slot, build->buffer[thread], fault, priority, priority, flags,
			build->record->trust_domain, thread_block(thread));
	}
	/* An image without the note makes no Linux calls; if it does, that is a fault. */
	if (error == BH_OK && elf_find_note(build->image, RUNTIME_NOTE_OWNER, RUNTIME_NOTE_UPCALL, &upcall)) {
		error = bh_thread_set_upcall(build->thread[thread], upcall);
	}
	return error;
}

/* The handler threads are the manifest's THREAD objects of this task; they stay suspended until the task starts them. */
static enum bh_error build_handlers(struct build *build)
{
	for (uint32_t i = 0; i < root.manifest.object_count; i++) {
		const struct manifest_object *object = &root.manifest.objects[i];
		enum bh_error error;

		if (object->type != MANIFEST_OBJECT_THREAD || object->scope_index != build->task) {
			continue;
		}
		build->thread[object->index] = root.object[i].slot;
		error = build_thread_memory(build, object->index);
		if (error == BH_OK) {
			error = configure_thread(build, object->index, object->priority, BH_THREAD_NO_FPU);
		}
		if (error != BH_OK) {
			return failed(object_name(i), "cannot be set up", error);
		}
	}
	return BH_OK;
}

static enum bh_error bind_main_notification(const struct build *build)
{
	for (uint32_t i = 0; i < root.manifest.binding_count; i++) {
		const struct manifest_binding *binding = &root.manifest.bindings[i];

		if (binding->kind == MANIFEST_BINDING_THREAD && binding->subject == build->task) {
			return bh_thread_bind_notification(
				build->thread[0], root.object[binding->notification].slot);
		}
	}
	return BH_OK;
}

static enum bh_error build_main_thread(struct build *build)
{
	struct task *task = &root.task[build->task];
	struct bh_thread_registers registers = {
		.rip = build->image->entry,
		.rsp = build->main_stack_pointer,
		.rflags = USER_FLAGS,
		.gs_base = thread_block(0),
	};
	uint64_t flags = (build->record->flags & MANIFEST_TASK_FPU) != 0 ? 0 : BH_THREAD_NO_FPU;
	enum bh_error error = configure_thread(build, 0, build->record->priority, flags);

	if (error == BH_OK) {
		error = bh_thread_write_registers(build->thread[0], root_buffer(), &registers);
	}
	if (error == BH_OK) {
		error = bind_main_notification(build);
	}
	task->thread = build->thread[0];
	if (error == BH_OK && build->record->budget_us != 0) {
		error = arena_make_owned(build->space.arena, build->space.owner, BH_OBJECT_SCHED_CONTEXT, 0,
			1, &task->sched_context);
		if (error == BH_OK) {
			error = bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, task->sched_context,
				build->record->budget_us, build->record->period_us);
		}
		if (error == BH_OK) {
			error = bh_sched_context_bind(task->sched_context, task->thread);
		}
	}
	return failed(build->name, "cannot set up its main thread", error);
}

/* ---- The whole ------------------------------------------------------------------------------------------------------- */

static enum bh_error build_task(struct build *build)
{
	struct task *task = &root.task[build->task];
	enum bh_error error = open_image(build);

	if (error == BH_OK) {
		error = objects_make(MANIFEST_SCOPE_TASK, build->task);
	}
	if (error == BH_OK) {
		error = failed(build->name, "cannot make its CNode",
			arena_make_owned(&task->arena, build->space.owner, BH_OBJECT_CNODE,
				build->record->cnode_size_bits, 1, &task->cnode));
	}
	if (error == BH_OK) {
		error = failed(build->name, "cannot make its address space",
			arena_make_owned(&task->arena, build->space.owner, BH_OBJECT_ADDRESS_SPACE, 0, 1,
				&task->address_space));
	}
	if (error == BH_OK) {
		error = failed(build->name, "cannot make its main thread",
			arena_make_owned(
				&task->arena, build->space.owner, BH_OBJECT_THREAD, 0, 1, &build->thread[0]));
	}
	if (error != BH_OK) {
		return error;
	}
	build->space.slot = task->address_space;
	error = build_image(build);
	if (error == BH_OK) {
		error = failed(build->name, "no memory for its heap",
			space_map_fresh(&build->space, pages_of(build->record->heap_size), TASK_HEAP,
				BH_MAP_READ | BH_MAP_WRITE, NULL));
	}
	if (error == BH_OK) {
		error = failed(build->name, "no memory for its main thread", build_thread_memory(build, 0));
	}
	if (error == BH_OK) {
		error = failed(build->name, "no memory for its task page", build_task_page(build));
	}
	if (error == BH_OK) {
		error = build_handlers(build);
	}
	if (error == BH_OK) {
		error = build_information(build);
	}
	return error == BH_OK ? build_main_thread(build) : error;
}

enum bh_error task_start(uint32_t index)
{
	struct task *task = &root.task[index];
	const struct manifest_task *record = &root.manifest.tasks[index];
	struct build build = { .task = index, .record = record, .name = task_name(index) };
	enum bh_error error;

	if (task->arena.count == 0) {
		bool has_vm = record->vm != MANIFEST_NONE;

		task->arena.parent = has_vm ? &root.vm[record->vm].arena : NULL;
		task->arena.parent_owner = has_vm ? OWNER_VM(record->vm) : OWNER_SYSTEM;
		task->arena.grow_bits = ARENA_GROWTH_BITS;
	}
	build.space = (struct space){
		.arena = &task->arena, .owner = OWNER_TASK(index), .table_owner = OWNER_TASK(index)
	};
	task->state = TASK_RUNNING;
	error = build_task(&build);
	if (error == BH_OK && record->budget_us != 0) {
		error = failed(build.name, "cannot be resumed", bh_thread_resume(task->thread));
	}
	if (error != BH_OK && task_stop(index) != BH_OK) {
		report("%s: what was made of it cannot be taken down", build.name);
	}
	return error;
}

void task_forget(uint32_t index)
{
	struct task *task = &root.task[index];

	objects_forget(MANIFEST_SCOPE_TASK, index);
	task->cnode = 0;
	task->address_space = 0;
	task->thread = 0;
	task->sched_context = 0;
	task->state = TASK_OFF;
	task->died_tsc = 0;
	task->incarnation++;
}

enum bh_error task_stop(uint32_t index)
{
	enum bh_error error = arena_revoke(&root.task[index].arena);

	if (error == BH_OK) {
		error = owner_release(OWNER_TASK(index));
	}
	task_forget(index);
	return failed(task_name(index), "cannot be taken down", error);
}
