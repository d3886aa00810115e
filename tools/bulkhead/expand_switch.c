/* SPDX-License-Identifier: MIT */
/*
 * The template of the switch: it owns one side of every port's rings, its counters and a timer, nothing of any VM. Its notification's
 * bits: port i is bit i, in the order of its arguments; then the timer.
 */
#include "builder.h"

#include <bulkhead/frame_ring.h>
#include <bulkhead/switch_page.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SWITCH_TASK "switch"
#define SWITCH_HEAP_SIZE 0x40000u
#define SWITCH_PERIOD_US 10000u
#define SWITCH_BUDGET_US (SWITCH_PERIOD_US * SWITCH_SHARE_PER_MILLE / 1000)
#define BIT_TIMER 61u
#define READ MANIFEST_RIGHT_READ
#define WRITE MANIFEST_RIGHT_WRITE

/* "uplink", or the address of a VM's card. */
static void port_address(const struct appliance *appliance, struct network_end end, char text[MAC_TEXT_SIZE])
{
	if (end.vm == NETWORK_UPLINK) {
		snprintf(text, MAC_TEXT_SIZE, "%s", SWITCH_UPLINK);
	} else {
		mac_print(appliance->vms[end.vm].nics[end.nic].mac, text);
	}
}

/* The switch's task; every port is an argument. */
static uint32_t add_switch_task(struct builder *builder)
{
	const struct appliance *appliance = builder->appliance;
	uint32_t arguments[SWITCH_PORTS_MAX];
	unsigned count = network_port_count(appliance);

	for (unsigned port = 0; port < count; port++) {
		struct network_end end = network_card(appliance, port);
		const struct traffic *traffic = network_traffic(appliance, end);
		char *name = network_name(appliance, end);
		char address[MAC_TEXT_SIZE];

		port_address(appliance, end, address);
		arguments[port] = manifest_writer_string(&builder->writer,
			SWITCH_PORT_KEY "%s,%s,%u,%" PRIu64 ",%" PRIu64 ",0x%" PRIx64, name, address,
			traffic->vlan, traffic->rate, traffic->burst, network_flows(appliance, port));
		free(name);
	}

	struct manifest_task task = {
		.vm = MANIFEST_NONE,
		.trust_domain = next_trust_domain(builder),
		.priority = PRIORITY_SWITCH,
		.budget_us = SWITCH_BUDGET_US,
		.period_us = SWITCH_PERIOD_US,
		.heap_size = SWITCH_HEAP_SIZE,
		.restart = appliance->on_crash,
	};

	return add_task(builder, SWITCH_TASK, "switch", task, arguments, count);
}

/* What the memory of a port's rings is called: behind the switch's name, and like nothing else of it. */
static char *rings_name(const struct appliance *appliance, unsigned port)
{
	struct network_end end = network_card(appliance, port);
	char *name = network_name(appliance, end);
	char *rings = format_text("%s%s", end.vm == NETWORK_UPLINK ? "uplink/" : "", name);

	free(name);
	return rings;
}

/* A port's rings: memory of one large page, so that a restart has little to map. */
static void add_rings(struct builder *builder, uint32_t task, unsigned port)
{
	char *card = network_name(builder->appliance, network_card(builder->appliance, port));
	char *rings = rings_name(builder->appliance, port);
	char *region = format_text("nic:%s", card);
	uint32_t memory = add_memory(builder, owned_by_system(SWITCH_TASK), rings, FRAME_REGION_SIZE);
	struct manifest_object *object =
		manifest_writer_record(&builder->writer, MANIFEST_SECTION_OBJECTS, memory);

	object->flags = MANIFEST_OBJECT_LARGE_PAGES;
	add_mapping(builder, task, region, memory, READ | WRITE);
	free(region);
	free(rings);
	free(card);
}

void expand_switch(struct builder *builder)
{
	struct owner system = owned_by_system(SWITCH_TASK);
	uint32_t task = add_switch_task(builder);
	uint32_t timer = add_object(
		builder, owned_by_task(SWITCH_TASK, MANIFEST_NONE, task), "timer", MANIFEST_OBJECT_TIMER);
	uint32_t page = add_memory(builder, system, "page", sizeof(struct switch_page));

	builder->switch_task = task;
	builder->switch_notification =
		add_object(builder, system, "notification", MANIFEST_OBJECT_NOTIFICATION);
	add_capability(builder, task, "notification", builder->switch_notification, READ, 0);
	add_capability(builder, task, "timer", timer, MANIFEST_RIGHT_ALL, 0);
	add_binding(builder, MANIFEST_BINDING_TIMER, timer, builder->switch_notification,
		UINT64_C(1) << BIT_TIMER);
	add_log_signal(builder, task);
	add_mapping(builder, task, "page", page, READ | WRITE);
	add_mapping(builder, MANIFEST_ROOT, MANIFEST_ROOT_SWITCH, page, READ);
	for (unsigned port = 0; port < network_port_count(builder->appliance); port++) {
		add_rings(builder, task, port);
	}
}

void add_card(struct builder *builder, unsigned port, uint32_t task, uint32_t notification)
{
	char *card = network_name(builder->appliance, network_card(builder->appliance, port));
	char *rings = rings_name(builder->appliance, port);
	char *memory = format_text(SWITCH_TASK "/%s", rings);
	char *signal = format_text("signal:%s", card);

	add_mapping(builder, task, "frames", find_object(builder, memory), READ | WRITE);
	add_capability(
		builder, task, "switch-signal", builder->switch_notification, WRITE, UINT64_C(1) << port);
	/* the bit that a model takes for its rings' other side; a driver looks at all for any */
	add_capability(builder, builder->switch_task, signal, notification, WRITE, 2);
	free(signal);
	free(memory);
	free(rings);
	free(card);
}
