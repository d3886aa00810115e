/* SPDX-License-Identifier: MIT */
/* Makes kernel objects as the manifest lists them, in the root task's own CNode; tasks get copies. See objects.h. */
#include "objects.h"

#include "power.h"
#include "report.h"

#include <string.h>

struct arena *scope_arena(uint32_t scope, uint32_t index)
{
	switch (scope) {
	case MANIFEST_SCOPE_VM:
		return &root.vm[index].arena;
	case MANIFEST_SCOPE_TASK:
		return &root.task[index].arena;
	default:
		return &system_arena;
	}
}

uint16_t scope_owner(uint32_t scope, uint32_t index)
{
	switch (scope) {
	case MANIFEST_SCOPE_VM:
		return OWNER_VM(index);
	case MANIFEST_SCOPE_TASK:
		return OWNER_TASK(index);
	default:
		return OWNER_SYSTEM;
	}
}

static bool in_scope(uint32_t object, uint32_t scope, uint32_t index)
{
	const struct manifest_object *record = &root.manifest.objects[object];

	return record->scope == scope && (scope == MANIFEST_SCOPE_SYSTEM || record->scope_index == index);
}

static enum bh_object_type kernel_type(uint32_t type)
{
	static const enum bh_object_type types[MANIFEST_OBJECT_TYPE_END] = {
		[MANIFEST_OBJECT_ENDPOINT] = BH_OBJECT_ENDPOINT,
		[MANIFEST_OBJECT_REPLY] = BH_OBJECT_REPLY,
		[MANIFEST_OBJECT_NOTIFICATION] = BH_OBJECT_NOTIFICATION,
		[MANIFEST_OBJECT_TIMER] = BH_OBJECT_TIMER,
		[MANIFEST_OBJECT_THREAD] = BH_OBJECT_THREAD,
		[MANIFEST_OBJECT_SCHED_CONTEXT] = BH_OBJECT_SCHED_CONTEXT,
		[MANIFEST_OBJECT_GUEST_SPACE] = BH_OBJECT_GUEST_SPACE,
		[MANIFEST_OBJECT_VCPU] = BH_OBJECT_VCPU,
		[MANIFEST_OBJECT_IRQ_HANDLER] = BH_OBJECT_IRQ_HANDLER,
		[MANIFEST_OBJECT_IO_PORTS] = BH_OBJECT_IO_PORTS,
	};

	return type < MANIFEST_OBJECT_TYPE_END ? types[type] : BH_OBJECT_NULL;
}

static enum bh_error make_memory(uint32_t object, struct arena *arena, uint16_t owner)
{
	const struct manifest_object *record = &root.manifest.objects[object];
	struct extent *memory = &root.object[object].memory;
	enum bh_error error;

	if (record->module != MANIFEST_NONE) {
		error = module_frames(record->module);
		root.object[object].slot = root.module[record->module].extent[0].first;
		return error;
	}
	if ((record->flags & MANIFEST_OBJECT_DMA) != 0) {
		memory->bits = PAGE_BITS;
		memory->count = (uint32_t)(record->size >> PAGE_BITS);
		error = memory_make_contiguous(
			memory->count, &memory->first, &root.object[object].device_address);
		root.object[object].slot = memory->first;
		return error;
	}
	memory->bits = (record->flags & MANIFEST_OBJECT_LARGE_PAGES) != 0 ? LARGE_BITS : PAGE_BITS;
	memory->count = (uint32_t)(record->size >> memory->bits);
	error = arena_make_owned(arena, owner, BH_OBJECT_FRAME, memory->bits, memory->count, &memory->first);
	root.object[object].slot = memory->first;
	return error;
}

/* What only a control capability, or another object, makes usable. */
static enum bh_error configure(uint32_t object)
{
	const struct manifest_object *record = &root.manifest.objects[object];
	uint32_t slot = root.object[object].slot;

	switch (record->type) {
	case MANIFEST_OBJECT_SCHED_CONTEXT:
		return bh_sched_control_configure(
			BH_BOOT_SCHED_CONTROL, slot, record->budget_us, record->period_us);
	case MANIFEST_OBJECT_IRQ_HANDLER: {
		struct isa_line line = { record->first, 0 };

		if ((record->flags & MANIFEST_OBJECT_ISA) != 0) {
			line = isa_line(record->first);
		} else if ((record->flags & MANIFEST_OBJECT_LEVEL) != 0) {
			line.flags = BH_IRQ_LEVEL | BH_IRQ_ACTIVE_LOW;
		}
		return bh_irq_control_configure(BH_BOOT_IRQ_CONTROL, slot, line.line, line.flags);
	}
	case MANIFEST_OBJECT_IO_PORTS:
		return bh_io_port_control_configure(
			BH_BOOT_IO_PORT_CONTROL, slot, record->first, record->count);
	default:
		return BH_OK;
	}
}

static enum bh_error make_object(uint32_t object, struct arena *arena, uint16_t owner)
{
	const struct manifest_object *record = &root.manifest.objects[object];
	enum bh_error error;

	if (record->type == MANIFEST_OBJECT_MEMORY) {
		return failed(object_name(object), "no memory for it", make_memory(object, arena, owner));
	}
	error = arena_make_owned(arena, owner, kernel_type(record->type), 0, 1, &root.object[object].slot);
	if (error != BH_OK) {
		return failed(object_name(object), "cannot be made", error);
	}
	return failed(object_name(object), "cannot be configured", configure(object));
}

/* A copy of the notification of a binding, with its badge, in a slot of `owner`. */
static enum bh_error mint_notification(const struct manifest_binding *binding, uint16_t owner, uint32_t *slot)
{
	*slot = slots_take(owner, 1);
	return *slot == 0
		       ? BH_ERROR_MEMORY
		       : bh_cnode_mint(ROOT_CNODE, *slot, ROOT_CNODE, root.object[binding->notification].slot,
				 BH_RIGHT_READ | BH_RIGHT_WRITE, binding->badge);
}

enum bh_error object_bind(const struct manifest_binding *binding, uint16_t owner)
{
	uint32_t subject = root.object[binding->subject].slot;
	uint32_t notification;
	enum bh_error error = mint_notification(binding, owner, &notification);

	if (error != BH_OK) {
		return error;
	}
	switch (binding->kind) {
	case MANIFEST_BINDING_TIMER:
		return bh_timer_bind(subject, notification);
	case MANIFEST_BINDING_IRQ:
		return bh_irq_bind(subject, notification);
	default:
		return bh_vcpu_bind_notification(subject, notification);
	}
}

enum bh_error objects_make(uint32_t scope, uint32_t index)
{
	struct arena *arena = scope_arena(scope, index);
	uint16_t owner = scope_owner(scope, index);

	for (uint32_t i = 0; i < root.manifest.object_count; i++) {
		enum bh_error error = in_scope(i, scope, index) && !object_is_of_function(i)
					      ? make_object(i, arena, owner)
					      : BH_OK;

		if (error != BH_OK) {
			return error;
		}
	}
	for (uint32_t i = 0; i < root.manifest.binding_count; i++) {
		const struct manifest_binding *binding = &root.manifest.bindings[i];
		enum bh_error error;

		/* Threads are bound when their task is built; virtual CPUs have to be configured before: vm.c. */
		if ((binding->kind != MANIFEST_BINDING_TIMER && binding->kind != MANIFEST_BINDING_IRQ) ||
			!in_scope(binding->subject, scope, index) ||
			object_is_of_function(binding->subject)) {
			continue;
		}
		error = failed(object_name(binding->subject), "cannot be bound to its notification",
			object_bind(binding, owner));
		if (error != BH_OK) {
			return error;
		}
	}
	return BH_OK;
}

void objects_forget(uint32_t scope, uint32_t index)
{
	for (uint32_t i = 0; i < root.manifest.object_count; i++) {
		if (in_scope(i, scope, index)) {
			memset(&root.object[i], 0, sizeof(root.object[i]));
		}
	}
	for (uint32_t i = 0; i < root.manifest.mapping_count; i++) {
		if (in_scope(root.manifest.mappings[i].object, scope, index)) {
			root.mapping[i] = NULL;
		}
	}
	for (uint32_t i = 0; i < root.manifest.capability_count; i++) {
		if (in_scope(root.manifest.capabilities[i].object, scope, index)) {
			root.capability[i] = 0;
		}
	}
}

/* ---- Mapping --------------------------------------------------------------------------------------------------------- */

/* The object's runs of frames: of its module, of its own, or a virtual CPU's state page in *single. */
static uint32_t extents_of(const struct space *space, uint32_t object, struct extent *single,
	const struct extent **extents, enum bh_error *error)
{
	const struct manifest_object *record = &root.manifest.objects[object];

	*error = BH_OK;
	*extents = single;
	if (record->type == MANIFEST_OBJECT_MEMORY && record->module != MANIFEST_NONE) {
		*extents = root.module[record->module].extent;
		return root.module[record->module].extent_count;
	}
	if (record->type == MANIFEST_OBJECT_MEMORY) {
		*single = root.object[object].memory;
		return 1;
	}
	*single = (struct extent){ .first = slots_take(space->owner, 1), .count = 1, .bits = PAGE_BITS };
	*error = single->first == 0
			 ? BH_ERROR_MEMORY
			 : bh_vcpu_state_frame(root.object[object].slot, ROOT_CNODE, single->first);
	return 1;
}

enum bh_error object_map(const struct space *space, uint32_t object, uint64_t offset, uint64_t length,
	uint64_t base, uint32_t rights, bool execute, uint64_t *address)
{
	const struct manifest_object *record = &root.manifest.objects[object];
	bool writable = (rights & MANIFEST_RIGHT_WRITE) != 0;
	uint64_t flags = BH_MAP_READ | (writable ? BH_MAP_WRITE : 0) | (execute ? BH_MAP_EXECUTE : 0);
	uint64_t position = 0; /* of the next frame in the object */
	struct extent single;
	const struct extent *extents;
	enum bh_error error;
	uint32_t count = extents_of(space, object, &single, &extents, &error);

	if (record->type == MANIFEST_OBJECT_MEMORY && record->module != MANIFEST_NONE) {
		/* Its large frames stand where physical memory puts them: keep the place within 2 MiB. */
		const struct module *module = &root.module[record->module];

		base += root.boot->module[module->boot].physical & ((UINT64_C(1) << LARGE_BITS) - 1) &
			~(PAGE_SIZE - 1);
	}
	*address = base + offset;
	for (uint32_t i = 0; error == BH_OK && i < count; i++) {
		const struct extent *extent = &extents[i];
		uint64_t size = UINT64_C(1) << extent->bits;
		uint64_t end = position + ((uint64_t)extent->count << extent->bits);

		if (position < offset + length && end > offset) {
			uint32_t skipped = offset > position ? (uint32_t)((offset - position) / size) : 0;
			uint64_t last = offset + length < end ? offset + length : end;
			uint32_t used = (uint32_t)((last - position + size - 1) / size);

			error = space_map_copies(space, extent->first + skipped, used - skipped, extent->bits,
				base + position + skipped * size, flags,
				BH_RIGHT_READ | (writable ? BH_RIGHT_WRITE : 0));
		}
		position = end;
	}
	return error;
}

enum bh_error root_shares_make(uint32_t scope, uint32_t index)
{
	struct space space = root_space;

	space.owner = scope_owner(scope, index);

	for (uint32_t i = 0; i < root.manifest.mapping_count; i++) {
		const struct manifest_mapping *mapping = &root.manifest.mappings[i];
		uint64_t address;
		enum bh_error error;

		if (mapping->task != MANIFEST_ROOT || !in_scope(mapping->object, scope, index)) {
			continue;
		}
		error = object_map(&space, mapping->object, mapping->offset, mapping->length,
			ROOT_REGIONS + ((uint64_t)i << 30), mapping->rights, false, &address);
		if (error != BH_OK) {
			return failed(object_name(mapping->object), "the root task cannot map it", error);
		}
		root.mapping[i] = (void *)(uintptr_t)address;
	}
	for (uint32_t i = 0; i < root.manifest.capability_count; i++) {
		const struct manifest_capability *capability = &root.manifest.capabilities[i];
		enum bh_error error;

		if (capability->task != MANIFEST_ROOT || !in_scope(capability->object, scope, index)) {
			continue;
		}
		root.capability[i] = slots_take(space.owner, 1);
		if (root.capability[i] == 0) {
			return failed(object_name(capability->object), "the root task has no slot left",
				BH_ERROR_MEMORY);
		}
		error = capability->badge != 0
				? bh_cnode_mint(ROOT_CNODE, root.capability[i], ROOT_CNODE,
					  root.object[capability->object].slot, capability->rights,
					  capability->badge)
				: bh_cnode_copy(ROOT_CNODE, root.capability[i], ROOT_CNODE,
					  root.object[capability->object].slot, capability->rights);
		if (error != BH_OK) {
			return failed(object_name(capability->object),
				"the root task cannot copy its capability", error);
		}
	}
	return BH_OK;
}

uint32_t root_capability(const char *name)
{
	for (uint32_t i = 0; i < root.manifest.capability_count; i++) {
		const struct manifest_capability *capability = &root.manifest.capabilities[i];

		if (capability->task == MANIFEST_ROOT &&
			strcmp(manifest_string(&root.manifest, capability->name), name) == 0) {
			return root.capability[i];
		}
	}
	return 0;
}
