/* SPDX-License-Identifier: MIT */
/* Makes and ends VMs: see vm.h. Everything comes from the VM's own arena, so ending it is one Revoke for each of its Untypeds. */
#include "vm.h"

#include "objects.h"
#include "report.h"
#include "tasks.h"

#define ARENA_GROWTH_BITS 17u

static bool of_vm(uint32_t object, uint32_t vm)
{
	const struct manifest_object *record = &root.manifest.objects[object];

	return record->scope == MANIFEST_SCOPE_VM && record->scope_index == vm;
}

const struct vm_status *vm_status_page(uint32_t vm)
{
	for (uint32_t i = 0; i < root.manifest.mapping_count; i++) {
		const struct manifest_mapping *mapping = &root.manifest.mappings[i];

		if (mapping->task == MANIFEST_ROOT && of_vm(mapping->object, vm) &&
			mapping->length >= sizeof(struct vm_status)) {
			return root.mapping[i];
		}
	}
	return NULL;
}

static enum bh_error make_guest_mappings(uint32_t vm)
{
	for (uint32_t i = 0; i < root.manifest.guest_mapping_count; i++) {
		const struct manifest_guest_mapping *mapping = &root.manifest.guest_mappings[i];
		struct space space = {
			.slot = root.object[mapping->guest_space].slot,
			.arena = &root.vm[vm].arena,
			.owner = OWNER_VM(vm),
			.table_owner = OWNER_VM(vm),
		};
		uint64_t address;
		enum bh_error error;

		if (!of_vm(mapping->guest_space, vm)) {
			continue;
		}
		error = object_map(&space, mapping->object, mapping->offset, mapping->length,
			mapping->guest_physical - mapping->offset, mapping->rights, true, &address);
		if (error != BH_OK) {
			return failed(object_name(mapping->object), "cannot be mapped for the guest", error);
		}
	}
	return BH_OK;
}

/* A copy of `object`'s capability with what is needed to send or signal. */
static enum bh_error mint_target(uint32_t vm, uint32_t object, uint64_t badge, uint32_t *slot)
{
	*slot = slots_take(OWNER_VM(vm), 1);
	return *slot == 0 ? BH_ERROR_MEMORY
			  : bh_cnode_mint(ROOT_CNODE, *slot, ROOT_CNODE, root.object[object].slot,
				    BH_RIGHT_READ | BH_RIGHT_WRITE | BH_RIGHT_GRANT, badge);
}

static enum bh_error make_vcpu(uint32_t vm, uint32_t object)
{
	const struct manifest_object *record = &root.manifest.objects[object];
	uint32_t vcpu = root.object[object].slot;
	enum bh_error error = bh_vcpu_configure(vcpu, root.object[record->guest_space].slot, record->index,
		record->priority, root.manifest.vms[vm].trust_domain);

	if (error == BH_OK) {
		error = bh_sched_context_bind(root.object[record->sched_context].slot, vcpu);
	}
	for (uint32_t i = 0; error == BH_OK && i < root.manifest.binding_count; i++) {
		const struct manifest_binding *binding = &root.manifest.bindings[i];

		if (binding->kind == MANIFEST_BINDING_VCPU && binding->subject == object) {
			error = bh_vcpu_bind_notification(vcpu, root.object[binding->notification].slot);
		}
	}
	for (uint32_t i = 0; error == BH_OK && i < root.manifest.exit_count; i++) {
		const struct manifest_exit *record_exit = &root.manifest.exits[i];
		uint32_t target;

		if (record_exit->vcpu == object) {
			error = mint_target(vm, record_exit->endpoint, record_exit->badge, &target);
			/* General registers always come; which groups an exit brings besides, the VMM binds itself. */
			error = error != BH_OK ? error : bh_vcpu_bind(vcpu, BH_BIND_ALL_EXITS, target, 0);
		}
	}
	for (uint32_t i = 0; error == BH_OK && i < root.manifest.route_count; i++) {
		const struct manifest_route *route = &root.manifest.routes[i];
		uint32_t target;

		if (route->vcpu == object) {
			error = mint_target(vm, route->target, route->badge, &target);
			error = error != BH_OK ? error
					       : bh_vcpu_bind(vcpu, BH_BIND_ROUTE + route->number, target, 0);
		}
	}
	return failed(object_name(object), "cannot be set up", error);
}

static enum bh_error make_guest(uint32_t vm)
{
	enum bh_error error = make_guest_mappings(vm);

	for (uint32_t i = 0; error == BH_OK && i < root.manifest.route_count; i++) {
		const struct manifest_route *route = &root.manifest.routes[i];

		if (of_vm(route->guest_space, vm) && route->port_count != 0) {
			error = failed(object_name(route->guest_space), "cannot route its ports",
				bh_guest_space_route(root.object[route->guest_space].slot, route->number,
					route->first_port, route->port_count));
		}
	}
	for (uint32_t i = 0; error == BH_OK && i < root.manifest.object_count; i++) {
		if (of_vm(i, vm) && root.manifest.objects[i].type == MANIFEST_OBJECT_VCPU) {
			error = make_vcpu(vm, i);
		}
	}
	return error;
}

enum bh_error vm_start(uint32_t vm)
{
	enum bh_error error;

	root.vm[vm].arena.grow_bits = ARENA_GROWTH_BITS;
	root.vm[vm].arena.parent_owner = OWNER_SYSTEM;
	root.vm[vm].running = true;
	root.vm[vm].announced = false;
	root.vm[vm].paused = false;
	root.vm[vm].redone_by = MANIFEST_NONE;
	error = objects_make(MANIFEST_SCOPE_VM, vm);
	if (error == BH_OK) {
		error = make_guest(vm);
	}
	if (error == BH_OK) {
		error = root_shares_make(MANIFEST_SCOPE_VM, vm);
	}
	for (uint32_t i = 0; error == BH_OK && i < root.manifest.task_count; i++) {
		if (root.manifest.tasks[i].vm == vm) {
			error = task_start(i);
		}
	}
	if (error != BH_OK) {
		report("VM %s could not be started", vm_name(vm));
		if (vm_stop(vm) != BH_OK) {
			report("VM %s: what was made of it cannot be taken down", vm_name(vm));
		}
	}
	return error;
}

enum bh_error vm_stop(uint32_t vm)
{
	enum bh_error error = arena_revoke(&root.vm[vm].arena);

	for (uint32_t i = 0; i < root.manifest.task_count; i++) {
		if (root.manifest.tasks[i].vm != vm) {
			continue;
		}
		if (error == BH_OK) {
			error = owner_release(OWNER_TASK(i));
		}
		if (root.task[i].state != TASK_OFF) {
			task_forget(i);
		}
		root.task[i].arena.count = 0; /* its Untypeds were the VM's */
		root.task[i].restarts.count = 0;
	}
	if (error == BH_OK) {
		error = owner_release(OWNER_VM(vm));
	}
	objects_forget(MANIFEST_SCOPE_VM, vm);
	root.vm[vm].running = false;
	return failed(vm_name(vm), "cannot be taken down", error);
}
