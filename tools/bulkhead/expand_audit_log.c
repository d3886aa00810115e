/* SPDX-License-Identifier: MIT */
/*
 * The template of the audit log's task: it has the root task's events in a ring, a volume, the date, and a page for what it has under way. Only it writes
 * the volume: check_disks.c.
 */
#include "builder.h"

#include <bulkhead/audit_ring.h>
#include <bulkhead/wall_clock.h>

#define AUDIT_TASK "audit-log"
#define AUDIT_BUDGET_US (HOST_PERIOD_US * AUDIT_SHARE_PER_MILLE / 1000)
#define PRIORITY_AUDIT 150u
#define SIGNAL_EVENTS UINT64_C(1) /* the volume server has the other bit */
#define READ MANIFEST_RIGHT_READ
#define WRITE MANIFEST_RIGHT_WRITE

void expand_audit_log(struct builder *builder)
{
	struct owner system = owned_by_system(AUDIT_TASK);
	struct manifest_task record = {
		.vm = MANIFEST_NONE,
		.trust_domain = next_trust_domain(builder),
		.priority = PRIORITY_AUDIT,
		.flags = MANIFEST_TASK_FPU, /* it uses libc */
		.budget_us = AUDIT_BUDGET_US,
		.period_us = HOST_PERIOD_US,
		.heap_size = HOST_HEAP_SIZE,
		.restart = builder->appliance->on_crash,
	};

	if (builder->appliance->audit_log_line == 0) {
		return;
	}
	uint32_t task = add_task(builder, AUDIT_TASK, "audit-log", record, NULL, 0);
	uint32_t notification = add_object(builder, system, "notification", MANIFEST_OBJECT_NOTIFICATION);
	uint32_t ring = add_memory(builder, system, "ring", AUDIT_RING_SIZE);

	add_log_signal(builder, task);
	add_capability(builder, task, "notification", notification, READ, 0);
	add_capability(builder, MANIFEST_ROOT, AUDIT_SIGNAL_NAME, notification, WRITE, SIGNAL_EVENTS);
	add_mapping(builder, task, AUDIT_RING_NAME, ring, READ | WRITE);
	add_mapping(builder, MANIFEST_ROOT, AUDIT_RING_NAME, ring, READ | WRITE);
	add_mapping(builder, task, "journal", add_memory(builder, system, "journal", MANIFEST_PAGE_SIZE),
		READ | WRITE);
	add_mapping(builder, task, WALL_CLOCK_NAME, builder->wall_clock, READ);
	add_volume_client(builder, builder->appliance->audit_log, AUDIT_TASK, task, notification);
}
