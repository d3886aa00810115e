/* SPDX-License-Identifier: MIT */
/* The sample manifest. Memory only. */
#include "sample.h"

#define READ MANIFEST_RIGHT_READ
#define WRITE MANIFEST_RIGHT_WRITE

static uint32_t text(struct manifest_writer *writer, const char *string)
{
	return manifest_writer_string(writer, "%s", string);
}

static void add_object(struct manifest_writer *writer, const char *name, uint32_t type, uint32_t scope,
	uint32_t scope_index, struct manifest_object object)
{
	object.name = text(writer, name);
	object.type = type;
	object.scope = scope;
	object.scope_index = scope_index;
	object.module = type == MANIFEST_OBJECT_MEMORY && object.module == 1 ? 0 : MANIFEST_NONE;
	if (type != MANIFEST_OBJECT_VCPU) {
		object.guest_space = MANIFEST_NONE;
		object.sched_context = MANIFEST_NONE;
	}
	(void)manifest_writer_add(writer, MANIFEST_SECTION_OBJECTS, &object);
}

/* `module` 1 stands for module 0 here, so that 0 can mean none. */
static void add_objects(struct manifest_writer *writer)
{
	const uint32_t system = MANIFEST_SCOPE_SYSTEM;
	const uint32_t vm = MANIFEST_SCOPE_VM;
	const uint32_t task = MANIFEST_SCOPE_TASK;
	const uint32_t none = MANIFEST_NONE;
	const struct manifest_object plain = { 0 };

	add_object(writer, "root/notification", MANIFEST_OBJECT_NOTIFICATION, system, none, plain);
	add_object(writer, "console/notification", MANIFEST_OBJECT_NOTIFICATION, system, none, plain);
	add_object(writer, "host/ports", MANIFEST_OBJECT_IO_PORTS, system, none,
		(struct manifest_object){ .first = 0x3f8, .count = 8 });
	add_object(writer, "host/irq", MANIFEST_OBJECT_IRQ_HANDLER, system, none,
		(struct manifest_object){ .first = 4, .flags = MANIFEST_OBJECT_ISA });
	add_object(writer, "module/0", MANIFEST_OBJECT_MEMORY, system, none,
		(struct manifest_object){ .module = 1, .size = 5000 });
	add_object(writer, "red/guest-space", MANIFEST_OBJECT_GUEST_SPACE, vm, SAMPLE_VM_RED, plain);
	add_object(writer, "red/context", MANIFEST_OBJECT_SCHED_CONTEXT, vm, SAMPLE_VM_RED,
		(struct manifest_object){ .budget_us = 8000, .period_us = 20000 });
	add_object(writer, "red/vcpu0", MANIFEST_OBJECT_VCPU, vm, SAMPLE_VM_RED,
		(struct manifest_object){ .guest_space = SAMPLE_GUEST_SPACE,
			.sched_context = SAMPLE_CONTEXT,
			.priority = 100 });
	add_object(writer, "red/vcpu0-notification", MANIFEST_OBJECT_NOTIFICATION, vm, SAMPLE_VM_RED, plain);
	add_object(writer, "red/ram", MANIFEST_OBJECT_MEMORY, vm, SAMPLE_VM_RED,
		(struct manifest_object){
			.size = 4 * MANIFEST_LARGE_PAGE_SIZE, .flags = MANIFEST_OBJECT_LARGE_PAGES });
	add_object(writer, "red/uart0/endpoint", MANIFEST_OBJECT_ENDPOINT, vm, SAMPLE_VM_RED, plain);
	add_object(writer, "red/uart0/reply", MANIFEST_OBJECT_REPLY, task, SAMPLE_TASK_MODEL, plain);
	add_object(writer, "red/uart0/handler", MANIFEST_OBJECT_THREAD, task, SAMPLE_TASK_MODEL,
		(struct manifest_object){ .priority = 140, .index = 1 });
	add_object(writer, "red/uart0/timer", MANIFEST_OBJECT_TIMER, task, SAMPLE_TASK_MODEL, plain);
	add_object(writer, "red/vmm/endpoint", MANIFEST_OBJECT_ENDPOINT, vm, SAMPLE_VM_RED, plain);
	add_object(writer, "blue/page", MANIFEST_OBJECT_MEMORY, vm, SAMPLE_VM_BLUE,
		(struct manifest_object){ .size = MANIFEST_PAGE_SIZE });
	add_object(writer, "system/endpoint", MANIFEST_OBJECT_ENDPOINT, system, none, plain);
}

static void add_task(
	struct manifest_writer *writer, const char *name, uint32_t vm, uint32_t trust_domain, uint32_t flags)
{
	struct manifest_task task = {
		.name = text(writer, name),
		.vm = vm,
		.trust_domain = trust_domain,
		.priority = 150,
		.cnode_size_bits = 3,
		.flags = flags,
		.handler_count = 1,
		.budget_us = 1000,
		.period_us = 20000,
		.heap_size = 0x10000,
		.stack_size = 0x4000,
		.restart = { MANIFEST_ON_EXIT_RESTART, 5, 60 },
		.argument_count = 2,
	};

	(void)manifest_writer_add(writer, MANIFEST_SECTION_TASKS, &task);
}

static void add_capability(struct manifest_writer *writer, uint32_t task, const char *name, uint32_t object,
	uint32_t rights, uint64_t badge)
{
	struct manifest_capability capability = { task, text(writer, name), object, rights, badge };

	(void)manifest_writer_add(writer, MANIFEST_SECTION_CAPABILITIES, &capability);
}

static void add_mapping(struct manifest_writer *writer, uint32_t task, const char *name, uint32_t object,
	uint32_t rights, uint64_t length)
{
	struct manifest_mapping mapping = {
		.task = task, .name = text(writer, name), .object = object, .rights = rights, .length = length
	};

	(void)manifest_writer_add(writer, MANIFEST_SECTION_MAPPINGS, &mapping);
}

static void add_vms_and_tasks(struct manifest_writer *writer)
{
	static const char *const NAMES[] = { "red", "blue" };
	uint32_t arguments[] = { text(writer, "vm=red"), text(writer, "line=uart0,0,gsi,4") };

	for (uint32_t i = 0; i < SAMPLE_VMS; i++) {
		struct manifest_vm vm = {
			.name = text(writer, NAMES[i]),
			.trust_domain = i + 1,
			.on_reset = { MANIFEST_ON_EXIT_RESTART, 10, 60 },
			.hang_limit_ms = 5000,
			.memory = 4 * MANIFEST_LARGE_PAGE_SIZE,
			.budget_us = 8000,
			.period_us = 20000,
		};

		(void)manifest_writer_add(writer, MANIFEST_SECTION_VMS, &vm);
		(void)manifest_writer_add(writer, MANIFEST_SECTION_ARGUMENTS, &arguments[i]);
	}
	add_task(writer, "console", MANIFEST_NONE, 3, 0);
	add_task(writer, "red/uart0", SAMPLE_VM_RED, 1, 0);
	add_task(writer, "red/vmm", SAMPLE_VM_RED, 1, MANIFEST_TASK_ESSENTIAL);
	add_task(writer, "blue/vmm", SAMPLE_VM_BLUE, 2, MANIFEST_TASK_ESSENTIAL | MANIFEST_TASK_FPU);
}

static void add_guest(struct manifest_writer *writer)
{
	struct manifest_guest_mapping mappings[] = {
		{ SAMPLE_GUEST_SPACE, SAMPLE_RAM, READ | WRITE, 0, 0, 0, 3 * MANIFEST_LARGE_PAGE_SIZE },
		{ SAMPLE_GUEST_SPACE, SAMPLE_RAM, READ, 0, 3 * MANIFEST_LARGE_PAGE_SIZE, UINT64_C(1) << 32,
			MANIFEST_LARGE_PAGE_SIZE },
	};
	struct manifest_route routes[] = {
		{ SAMPLE_GUEST_SPACE, SAMPLE_VCPU, 0, 0x3f8, 8, SAMPLE_MODEL_ENDPOINT, 0 },
		{ SAMPLE_GUEST_SPACE, SAMPLE_VCPU, 1, 0xfff0, 16, SAMPLE_CONSOLE_NOTIFICATION, 1 },
	};
	struct manifest_exit exit = { SAMPLE_VCPU, SAMPLE_VMM_ENDPOINT, 7 };
	struct manifest_binding bindings[] = {
		{ MANIFEST_BINDING_THREAD, MANIFEST_ROOT, SAMPLE_ROOT_NOTIFICATION, 0, 0 },
		{ MANIFEST_BINDING_VCPU, SAMPLE_VCPU, SAMPLE_VCPU_NOTIFICATION, 0, 0 },
		{ MANIFEST_BINDING_TIMER, SAMPLE_MODEL_TIMER, SAMPLE_VCPU_NOTIFICATION, 0, 1 },
		{ MANIFEST_BINDING_IRQ, SAMPLE_INTERRUPT, SAMPLE_CONSOLE_NOTIFICATION, 0, 2 },
	};

	for (unsigned i = 0; i < 2; i++) {
		(void)manifest_writer_add(writer, MANIFEST_SECTION_GUEST_MAPPINGS, &mappings[i]);
		(void)manifest_writer_add(writer, MANIFEST_SECTION_ROUTES, &routes[i]);
	}
	(void)manifest_writer_add(writer, MANIFEST_SECTION_EXITS, &exit);
	for (unsigned i = 0; i < 4; i++) {
		(void)manifest_writer_add(writer, MANIFEST_SECTION_BINDINGS, &bindings[i]);
	}
}

uint32_t sample_fill(struct manifest_writer *writer)
{
	uint32_t name = text(writer, "sample");
	struct manifest_module module = { .name = text(writer, "kernel"), .size = 5000 };

	(void)manifest_writer_add(writer, MANIFEST_SECTION_MODULES, &module);
	add_vms_and_tasks(writer);
	add_objects(writer);
	add_capability(writer, SAMPLE_TASK_CONSOLE, "ports", SAMPLE_PORTS, MANIFEST_RIGHT_ALL, 0);
	add_capability(writer, SAMPLE_TASK_MODEL, "endpoint", SAMPLE_MODEL_ENDPOINT, READ | WRITE, 0);
	add_capability(writer, SAMPLE_TASK_MODEL, "handler", SAMPLE_MODEL_THREAD, MANIFEST_RIGHT_ALL, 0);
	add_capability(writer, SAMPLE_TASK_VMM, "model:uart0", SAMPLE_MODEL_ENDPOINT, WRITE, 1);
	add_capability(writer, MANIFEST_ROOT, "signal", SAMPLE_CONSOLE_NOTIFICATION, WRITE, 4);
	add_mapping(writer, SAMPLE_TASK_VMM, "ram", SAMPLE_RAM, READ | WRITE, 4 * MANIFEST_LARGE_PAGE_SIZE);
	add_mapping(writer, SAMPLE_TASK_VMM, "state", SAMPLE_VCPU, READ | WRITE, MANIFEST_PAGE_SIZE);
	add_mapping(writer, SAMPLE_TASK_VMM, "kernel", SAMPLE_MODULE_MEMORY, READ, 5000);
	add_mapping(writer, SAMPLE_TASK_BLUE, "page", SAMPLE_BLUE_PAGE, READ, MANIFEST_PAGE_SIZE);
	add_guest(writer);
	return name;
}
