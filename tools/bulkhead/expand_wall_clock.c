/* SPDX-License-Identifier: MIT */
/*
 * The template of the wall-clock task: it owns the host's clock chip and publishes the date in a page, which outlives it. It is in every appliance.
 */
#include "builder.h"

#include <bulkhead/wall_clock.h>

#define CLOCK_TASK "wall-clock"
#define CLOCK_PORTS 0x70u     /* index and data: Motorola MC146818A, on a PC */
#define CLOCK_BUDGET_US 5000u /* the chip's longest update takes half of it */
#define CLOCK_PERIOD_US 1000000u
#define CLOCK_HEAP_SIZE 0x10000u
#define READ MANIFEST_RIGHT_READ
#define WRITE MANIFEST_RIGHT_WRITE

void expand_wall_clock(struct builder *builder)
{
	struct owner system = owned_by_system(CLOCK_TASK);
	struct manifest_object ports = {
		.type = MANIFEST_OBJECT_IO_PORTS,
		.module = MANIFEST_NONE,
		.guest_space = MANIFEST_NONE,
		.sched_context = MANIFEST_NONE,
		.first = CLOCK_PORTS,
		.count = 2,
	};
	struct manifest_task record = {
		.vm = MANIFEST_NONE,
		.trust_domain = next_trust_domain(builder),
		.priority = PRIORITY_DRIVER,
		.flags = MANIFEST_TASK_FPU, /* it is compiled as any C program */
		.budget_us = CLOCK_BUDGET_US,
		.period_us = CLOCK_PERIOD_US,
		.heap_size = CLOCK_HEAP_SIZE,
		.restart = builder->appliance->on_crash,
	};
	uint32_t task = add_task(builder, CLOCK_TASK, "wall-clock", record, NULL, 0);
	uint32_t notification = add_object(builder, system, "notification", MANIFEST_OBJECT_NOTIFICATION);
	uint32_t timer = add_object(
		builder, owned_by_task(CLOCK_TASK, MANIFEST_NONE, task), "timer", MANIFEST_OBJECT_TIMER);

	builder->wall_clock = add_memory(builder, system, "page", sizeof(struct wall_clock_page));
	add_capability(builder, task, "notification", notification, READ, 0);
	add_capability(builder, task, "timer", timer, MANIFEST_RIGHT_ALL, 0);
	add_binding(builder, MANIFEST_BINDING_TIMER, timer, notification, 1);
	add_capability(builder, task, "port:clock",
		add_object_with(builder, owned_by_system("host"), "port:clock", ports), MANIFEST_RIGHT_ALL,
		0);
	add_capability(
		builder, task, "log-signal", builder->root_notification, WRITE, MANIFEST_ROOT_SIGNAL_LOG);
	add_mapping(builder, task, WALL_CLOCK_NAME, builder->wall_clock, READ | WRITE);
}
