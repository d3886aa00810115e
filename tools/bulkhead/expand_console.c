/* SPDX-License-Identifier: MIT */
/*
 * The template of the console backend: it owns the host's serial ports and one side of every console's rings, nothing of any VM. Its
 * notification's bits: console i is bit i, in the order of its arguments; then the control port's two, the administrator's, the timer, and
 * the two ports' interrupts.
 */
#include "builder.h"

#include <stdlib.h>
#include <string.h>

#define CONSOLE_REGION_SIZE 0x4000u /* two rings of 4 KiB less their header, see bulkhead/ring.h */
#define BACKLOG_SIZE 0x10000u       /* for each console */
#define CONSOLE_HEAP_SIZE 0x40000u
#define CONSOLE_BUDGET_US 1500u
#define CONSOLE_PERIOD_US 10000u
#define CONSOLE_TASK "console"
#define BIT_CONTROL_PORT 58u
#define BIT_CONTROL 59u
#define BIT_ADMIN 60u
#define BIT_TIMER 61u
#define BIT_COM2 62u
#define BIT_COM1 63u
#define READ MANIFEST_RIGHT_READ
#define WRITE MANIFEST_RIGHT_WRITE

_Static_assert(
	APPLIANCE_MAX_CONSOLES <= BIT_CONTROL_PORT, "each console needs a bit of the backend's notification");

uint32_t console_memory(const struct builder *builder, const char *console)
{
	char *name = format_text("console:%s/rings", console);
	uint32_t memory = find_object(builder, name);

	free(name);
	return memory;
}

/* A console's rings in the backend, under the name "console:NAME". */
static void add_rings(struct builder *builder, uint32_t task, const char *console)
{
	char *name = format_text("console:%s", console);

	add_mapping(builder, task, name,
		add_memory(builder, owned_by_system(name), "rings", CONSOLE_REGION_SIZE), READ | WRITE);
	free(name);
}

static void add_serial_port(
	struct builder *builder, uint32_t task, const char *name, uint32_t first, uint32_t line, unsigned bit)
{
	struct owner owner = owned_by_system("host");
	struct manifest_object ports = {
		.type = MANIFEST_OBJECT_IO_PORTS,
		.module = MANIFEST_NONE,
		.guest_space = MANIFEST_NONE,
		.sched_context = MANIFEST_NONE,
		.first = first,
		.count = 8,
	};
	struct manifest_object interrupt = {
		.type = MANIFEST_OBJECT_IRQ_HANDLER,
		.module = MANIFEST_NONE,
		.guest_space = MANIFEST_NONE,
		.sched_context = MANIFEST_NONE,
		.first = line,
		.flags = MANIFEST_OBJECT_ISA,
	};
	char *port_name = format_text("port:%s", name);
	char *interrupt_name = format_text("irq:%s", name);
	uint32_t handler = add_object_with(builder, owner, interrupt_name, interrupt);

	add_capability(builder, task, port_name, add_object_with(builder, owner, port_name, ports),
		MANIFEST_RIGHT_ALL, 0);
	add_capability(builder, task, interrupt_name, handler, MANIFEST_RIGHT_ALL, 0);
	add_binding(
		builder, MANIFEST_BINDING_IRQ, handler, builder->console_notification, UINT64_C(1) << bit);
	free(port_name);
	free(interrupt_name);
}

/* The backend's task; every console of a VM and then the administrator's is an argument. Returns the number of consoles. */
static unsigned add_console_task(struct builder *builder)
{
	const struct appliance *appliance = builder->appliance;
	uint32_t arguments[APPLIANCE_MAX_CONSOLES + 2];
	uint32_t consoles;
	uint32_t count = 0;

	for (unsigned i = 0; i < appliance->vm_count; i++) {
		for (unsigned j = 0; j < appliance->vms[i].device_count; j++) {
			const char *console = appliance->vms[i].devices[j].console;

			if (console != NULL) {
				arguments[count++] =
					manifest_writer_string(&builder->writer, "console=%s", console);
			}
		}
	}
	arguments[count++] = manifest_writer_string(&builder->writer, "admin=%s", appliance->admin_console);
	consoles = count;
	if (appliance->control != CONTROL_NONE) {
		arguments[count++] = manifest_writer_string(&builder->writer, APPLIANCE_CONTROL "=%s",
			appliance->control == CONTROL_COM2 ? "com2" : "com3");
	}

	struct manifest_task task = {
		.vm = MANIFEST_NONE,
		.trust_domain = appliance->vm_count + 1,
		.priority = PRIORITY_CONSOLE,
		.flags = MANIFEST_TASK_FPU, /* it uses libc */
		.budget_us = CONSOLE_BUDGET_US,
		.period_us = CONSOLE_PERIOD_US,
		.heap_size = CONSOLE_HEAP_SIZE,
		.restart = builder->appliance->on_crash,
	};

	(void)add_task(builder, CONSOLE_TASK, "console", task, arguments, count);
	return consoles;
}

/* The serial port for programs: its rings, and who wakes whom. The root task is woken as by the administrator's console. */
static void add_control(struct builder *builder, uint32_t task)
{
	bool is_com2 = builder->appliance->control == CONTROL_COM2;

	add_serial_port(
		builder, task, APPLIANCE_CONTROL, is_com2 ? 0x2f8 : 0x3e8, is_com2 ? 3 : 5, BIT_CONTROL_PORT);
	add_rings(builder, task, APPLIANCE_CONTROL);
	add_mapping(builder, MANIFEST_ROOT, "console:control", console_memory(builder, APPLIANCE_CONTROL),
		READ | WRITE);
	add_capability(builder, MANIFEST_ROOT, "control-signal", builder->console_notification, WRITE,
		UINT64_C(1) << BIT_CONTROL);
	add_capability(builder, task, "signal:control", builder->root_notification, WRITE,
		MANIFEST_ROOT_SIGNAL_ADMIN);
}

void expand_console(struct builder *builder)
{
	const struct appliance *appliance = builder->appliance;
	const uint32_t task = 0; /* the first of all */
	struct owner system = owned_by_system(CONSOLE_TASK);
	unsigned count = add_console_task(builder);

	builder->console_notification =
		add_object(builder, system, "notification", MANIFEST_OBJECT_NOTIFICATION);
	add_capability(builder, task, "notification", builder->console_notification, READ, 0);

	uint32_t timer = add_object(
		builder, owned_by_task(CONSOLE_TASK, MANIFEST_NONE, task), "timer", MANIFEST_OBJECT_TIMER);

	add_capability(builder, task, "timer", timer, MANIFEST_RIGHT_ALL, 0);
	add_binding(builder, MANIFEST_BINDING_TIMER, timer, builder->console_notification,
		UINT64_C(1) << BIT_TIMER);
	add_serial_port(builder, task, "com1", 0x3f8, 4, BIT_COM1);
	if (appliance->has_transcript) {
		add_serial_port(builder, task, "com2", 0x2f8, 3, BIT_COM2);
	}
	for (unsigned i = 0; i < appliance->vm_count; i++) {
		for (unsigned j = 0; j < appliance->vms[i].device_count; j++) {
			if (appliance->vms[i].devices[j].console != NULL) {
				add_rings(builder, task, appliance->vms[i].devices[j].console);
			}
		}
	}
	add_rings(builder, task, APPLIANCE_ADMIN_CONSOLE);
	add_mapping(builder, MANIFEST_ROOT, "console:admin", console_memory(builder, APPLIANCE_ADMIN_CONSOLE),
		READ | WRITE);
	add_capability(builder, MANIFEST_ROOT, "console-signal", builder->console_notification, WRITE,
		UINT64_C(1) << BIT_ADMIN);
	add_capability(
		builder, task, "signal:admin", builder->root_notification, WRITE, MANIFEST_ROOT_SIGNAL_ADMIN);
	if (appliance->control != CONTROL_NONE) {
		add_control(builder, task);
	}
	add_log_signal(builder, task);
	add_mapping(builder, task, "backlog", add_memory(builder, system, "backlog", count * BACKLOG_SIZE),
		READ | WRITE);
}
