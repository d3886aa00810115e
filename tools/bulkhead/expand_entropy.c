/* SPDX-License-Identifier: MIT */
/*
 * The template of the entropy task: it fills a ring of random bytes for each client, and holds nothing else. Its notification's bits are the
 * clients', in the order of its arguments.
 */
#include "builder.h"

#include <stdio.h>

#define ENTROPY_TASK "entropy"
#define ENTROPY_REGION_SIZE 0x1000u
#define ENTROPY_BUDGET_US 200u
#define ENTROPY_PERIOD_US 10000u
#define ENTROPY_HEAP_SIZE 0x10000u
#define ENTROPY_TRUST_DOMAIN_OFFSET 2u /* VMs have 1.., the console the next */
#define SIGNAL_CONSOLE 2u              /* the bit of a model's notification that says that a ring has moved */
#define READ MANIFEST_RIGHT_READ
#define WRITE MANIFEST_RIGHT_WRITE

static unsigned count_clients(const struct appliance *appliance)
{
	unsigned count = 0;

	for (unsigned i = 0; i < appliance->vm_count; i++) {
		for (unsigned j = 0; j < appliance->vms[i].device_count; j++) {
			count += appliance->vms[i].devices[j].template->entropy;
		}
	}
	return count;
}

void entropy_client(struct builder *builder, const char *name, uint32_t task, uint32_t notification)
{
	char local[MANIFEST_NAME_SIZE];
	unsigned client = builder->entropy_clients++;
	uint32_t memory = add_memory(builder, owned_by_system(name), "rings", ENTROPY_REGION_SIZE);

	add_mapping(builder, task, "console", memory, READ | WRITE);
	add_capability(
		builder, task, "console-signal", builder->entropy_notification, WRITE, UINT64_C(1) << client);
	snprintf(local, sizeof local, "ring:%u", client);
	add_mapping(builder, builder->entropy_task, local, memory, READ | WRITE);
	snprintf(local, sizeof local, "signal:%u", client);
	add_capability(builder, builder->entropy_task, local, notification, WRITE, SIGNAL_CONSOLE);
}

void expand_entropy(struct builder *builder)
{
	unsigned clients = count_clients(builder->appliance);

	builder->entropy_task = MANIFEST_NONE;
	if (clients == 0) {
		return;
	}
	struct manifest_task task = {
		.vm = MANIFEST_NONE,
		.trust_domain = builder->appliance->vm_count + ENTROPY_TRUST_DOMAIN_OFFSET,
		.priority = PRIORITY_CONSOLE,
		.budget_us = ENTROPY_BUDGET_US,
		.period_us = ENTROPY_PERIOD_US,
		.heap_size = ENTROPY_HEAP_SIZE,
		.restart = builder->appliance->on_crash,
	};
	uint32_t argument = manifest_writer_string(&builder->writer, "clients=%u", clients);

	builder->entropy_task = add_task(builder, ENTROPY_TASK, "entropy", task, &argument, 1);
	builder->entropy_notification = add_object(
		builder, owned_by_system(ENTROPY_TASK), "notification", MANIFEST_OBJECT_NOTIFICATION);
	add_capability(
		builder, builder->entropy_task, "notification", builder->entropy_notification, READ, 0);
	add_log_signal(builder, builder->entropy_task);
}
