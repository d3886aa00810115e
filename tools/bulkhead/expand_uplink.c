/* SPDX-License-Identifier: MIT */
/*
 * The template of uplinks: the drivers of the host's network cards. A driver has its function's registers, one interrupt message, memory for DMA, and one
 * side of its port's rings. Each bit of its notification only says: look.
 */
#include "builder.h"

#include <stdlib.h>

#define UPLINK_PERIOD_US 10000u
#define UPLINK_BUDGET_US (UPLINK_PERIOD_US * UPLINK_SHARE_PER_MILLE / 1000)
#define UPLINK_HEAP_SIZE 0x10000u
#define SIGNAL_DEVICE UINT64_C(1)
#define READ MANIFEST_RIGHT_READ
#define WRITE MANIFEST_RIGHT_WRITE

/* Images of drivers, and what they share with their devices: NIC_QUEUES and NIC_MEMORY of backends/virtio-nic, E1000E_QUEUES and E1000E_MEMORY of
 * backends/e1000e, which check it. */
static const struct {
	const char *image;
	uint64_t queue_size;
	uint64_t buffers_size;
} DRIVERS[UPLINK_DRIVERS] = {
	[UPLINK_DRIVER_VIRTIO] = { "virtio-nic", 0x6000, 0x80000 },
	[UPLINK_DRIVER_E1000E] = { "e1000e", 0x1000, 0x80000 },
};

static void expand_uplink(struct builder *builder, unsigned index)
{
	const struct uplink *uplink = &builder->appliance->network.uplinks[index];
	char *name = format_text("uplink/%s", uplink->name);
	struct manifest_task task = {
		.vm = MANIFEST_NONE,
		.trust_domain = next_trust_domain(builder),
		.priority = PRIORITY_DRIVER,
		.flags = uplink->function.allow_dma ? MANIFEST_TASK_ALLOW_DMA : 0,
		.budget_us = UPLINK_BUDGET_US,
		.period_us = UPLINK_PERIOD_US,
		.heap_size = UPLINK_HEAP_SIZE,
		.restart = uplink->on_crash,
	};
	uint32_t driver = add_task(builder, name, DRIVERS[uplink->function.driver].image, task, NULL, 0);
	uint32_t notification =
		add_object(builder, owned_by_system(name), "notification", MANIFEST_OBJECT_NOTIFICATION);

	add_capability(
		builder, driver, "log-signal", builder->root_notification, WRITE, MANIFEST_ROOT_SIGNAL_LOG);
	add_capability(builder, driver, "notification", notification, READ, 0);
	add_card(builder, network_port(builder->appliance, NETWORK_UPLINK, index), driver, notification);
	add_mapping(builder, driver, "queue",
		add_dma_memory(builder, name, "queue", DRIVERS[uplink->function.driver].queue_size),
		READ | WRITE);
	add_mapping(builder, driver, "buffers",
		add_dma_memory(builder, name, "buffers", DRIVERS[uplink->function.driver].buffers_size),
		READ | WRITE);
	add_function(builder, driver, uplink->function.pci, notification, SIGNAL_DEVICE);
	free(name);
}

void expand_uplinks(struct builder *builder)
{
	for (unsigned i = 0; i < builder->appliance->network.uplink_count; i++) {
		expand_uplink(builder, i);
	}
}
