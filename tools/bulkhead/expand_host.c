/* SPDX-License-Identifier: MIT */
/*
 * The templates of the host's devices: the PCI server, which alone has configuration space and MSI-X tables, and the drivers of disks. A driver has its
 * function's registers, one interrupt message and memory for DMA.
 */
#include "builder.h"

#include <stdlib.h>
#include <string.h>

#define BAR_ROOM UINT64_C(0x1000000) /* the largest BAR that is given away: bulkhead/host_pci.h */
#define TABLE_ROOM UINT64_C(0x9000)  /* 2048 entries of 16 bytes, and the rest of a page before them */
#define CONFIGURATION_PORTS 0xcf8u   /* mechanism #1: 32 bits each for address and data */
#define PCI_TASK "pci"
#define PCI_BUDGET_US 200u
#define DRIVER_BUDGET_US 1000u
#define HOST_PERIOD_US 20000u
#define HOST_HEAP_SIZE 0x10000u
#define EXERCISE_AREA_SIZE 0x40000u /* all slots with 4 KiB each */
#define PRIORITY_EXERCISE 60u       /* it takes what is left over */
#define EXERCISE_PERIOD_US 10000u
#define SIGNAL_CLIENT UINT64_C(1) /* bits of a driver's notification */
#define SIGNAL_DEVICE UINT64_C(2)
#define READ MANIFEST_RIGHT_READ
#define WRITE MANIFEST_RIGHT_WRITE

/* Images of drivers, and what they share with their devices beside the data areas: DISK_MEMORY of backends/virtio-disk and NVME_MEMORY of
 * backends/nvme-disk, which check it. */
static const struct {
	const char *image;
	uint64_t queue_size;
} DRIVERS[DISK_DRIVERS] = {
	[DISK_DRIVER_VIRTIO] = { "virtio-disk", 0x4000 },
	[DISK_DRIVER_NVME] = { "nvme-disk", 0xa000 },
};

static struct manifest_object empty_object(enum manifest_object_type type)
{
	return (struct manifest_object){ .type = type,
		.module = MANIFEST_NONE,
		.guest_space = MANIFEST_NONE,
		.sched_context = MANIFEST_NONE };
}

static void add_log_signal(struct builder *builder, uint32_t task)
{
	add_capability(
		builder, task, "log-signal", builder->root_notification, WRITE, MANIFEST_ROOT_SIGNAL_LOG);
}

/* ---- Functions ---- */

static char *function_prefix(uint32_t number) { return format_text("pci/function%u", number); }

static void add_bars(struct builder *builder, uint32_t task, const char *prefix, uint32_t number)
{
	for (uint32_t bar = 0; bar < MANIFEST_MAX_BARS; bar++) {
		struct manifest_object object = empty_object(MANIFEST_OBJECT_DEVICE_MEMORY);
		char *name = format_text("bar%u", bar);

		object.first = number;
		object.index = bar;
		object.size = BAR_ROOM;
		add_mapping(builder, task, name,
			add_object_with(builder, owned_by_system(prefix), name, object), READ | WRITE);
		free(name);
	}
}

void add_function(
	struct builder *builder, uint32_t task, const char *function, uint32_t notification, uint64_t badge)
{
	uint32_t number = builder->function_count;
	struct manifest_object message = empty_object(MANIFEST_OBJECT_IRQ_HANDLER);
	struct manifest_task *driver = manifest_writer_record(&builder->writer, MANIFEST_SECTION_TASKS, task);
	char *prefix = function_prefix(number);

	if (number == MANIFEST_MAX_FUNCTIONS) {
		complain("there are more than %u devices of the host", MANIFEST_MAX_FUNCTIONS);
		builder->failed = true;
		free(prefix);
		return;
	}
	builder->functions[builder->function_count++] = function;
	driver->function = number + 1;
	add_bars(builder, task, prefix, number);
	add_mapping(builder, task, "function",
		add_memory(builder, owned_by_system(prefix), "page", MANIFEST_PAGE_SIZE), READ);
	message.first = number;
	message.flags = MANIFEST_OBJECT_MESSAGE;
	uint32_t handler = add_object_with(builder, owned_by_system(prefix), "message0", message);

	add_capability(builder, task, "message0", handler, MANIFEST_RIGHT_ALL, 0);
	add_binding(builder, MANIFEST_BINDING_IRQ, handler, notification, badge);
	free(prefix);
}

/* ---- The PCI server ---- */

static void add_server_regions(struct builder *builder, uint32_t task, uint32_t number)
{
	char *prefix = function_prefix(number);
	char *page_object = format_text("%s/page", prefix);
	char *page_name = format_text("%s%u", MANIFEST_PCI_FUNCTION, number);
	char *table_name = format_text("%s%u", MANIFEST_PCI_TABLE, number);
	uint32_t page = find_object(builder, page_object);
	struct manifest_object table = empty_object(MANIFEST_OBJECT_DEVICE_MEMORY);

	table.first = number;
	table.flags = MANIFEST_OBJECT_TABLE;
	table.size = TABLE_ROOM;
	add_mapping(builder, task, page_name, page, READ | WRITE);
	add_mapping(builder, MANIFEST_ROOT, page_name, page, READ);
	add_mapping(builder, task, table_name,
		add_object_with(builder, owned_by_system(prefix), "msix-table", table), READ | WRITE);
	free(prefix);
	free(page_object);
	free(page_name);
	free(table_name);
}

void expand_pci_server(struct builder *builder)
{
	struct owner system = owned_by_system(PCI_TASK);
	uint32_t arguments[MANIFEST_MAX_FUNCTIONS];
	struct manifest_object ports = empty_object(MANIFEST_OBJECT_IO_PORTS);
	struct manifest_task task = {
		.vm = MANIFEST_NONE,
		.trust_domain = next_trust_domain(builder),
		.priority = PRIORITY_DRIVER,
		.flags = MANIFEST_TASK_FPU, /* it uses libc */
		.budget_us = PCI_BUDGET_US,
		.period_us = HOST_PERIOD_US,
		.heap_size = HOST_HEAP_SIZE,
		.restart = { MANIFEST_ON_EXIT_RESTART, 5, 60 },
	};

	if (builder->function_count == 0) {
		return;
	}
	for (uint32_t i = 0; i < builder->function_count; i++) {
		arguments[i] = manifest_writer_string(&builder->writer, "function=%s", builder->functions[i]);
	}
	uint32_t server = add_task(builder, PCI_TASK, "pci", task, arguments, builder->function_count);
	uint32_t notification = add_object(builder, system, "notification", MANIFEST_OBJECT_NOTIFICATION);
	uint32_t orders = add_memory(builder, system, "orders", MANIFEST_PAGE_SIZE);

	ports.first = CONFIGURATION_PORTS;
	ports.count = 8;
	add_capability(builder, server, "notification", notification, READ, 0);
	add_capability(builder, MANIFEST_ROOT, MANIFEST_PCI_SIGNAL, notification, WRITE, 1);
	add_capability(
		builder, server, "signal:root", builder->root_notification, WRITE, MANIFEST_ROOT_SIGNAL_PCI);
	add_log_signal(builder, server);
	add_capability(builder, server, "port:pci", add_object_with(builder, system, "ports", ports),
		MANIFEST_RIGHT_ALL, 0);
	add_mapping(builder, server, MANIFEST_PCI_ORDERS, orders, READ);
	add_mapping(builder, MANIFEST_ROOT, MANIFEST_PCI_ORDERS, orders, READ | WRITE);
	add_mapping(builder, server, "pci-journal",
		add_memory(builder, system, "journal", MANIFEST_PAGE_SIZE), READ | WRITE);
	for (uint32_t i = 0; i < builder->function_count; i++) {
		add_server_regions(builder, server, i);
	}
}

/* ---- Disks ---- */

/* A task that writes the disk full and reads it back, for tests. */
static void add_exerciser(struct builder *builder, const struct disk *disk, uint32_t driver, uint32_t page,
	uint32_t driver_notification)
{
	char *name = format_text("%s/exercise", disk->name);
	char *driver_name = format_text("disk/%s", disk->name);
	uint32_t rounds =
		manifest_writer_string(&builder->writer, "rounds=%llu", (unsigned long long)disk->exercise);
	struct manifest_task task = {
		.vm = MANIFEST_NONE,
		.trust_domain = next_trust_domain(builder),
		.priority = PRIORITY_EXERCISE,
		.flags = MANIFEST_TASK_FPU,
		.budget_us = EXERCISE_PERIOD_US,
		.period_us = EXERCISE_PERIOD_US,
		.heap_size = HOST_HEAP_SIZE,
		.restart = { MANIFEST_ON_EXIT_RESTART, 5, 60 },
	};
	uint32_t exerciser = add_task(builder, name, "disk-exerciser", task, &rounds, 1);
	uint32_t notification =
		add_object(builder, owned_by_system(name), "notification", MANIFEST_OBJECT_NOTIFICATION);
	uint32_t area = add_dma_memory(builder, driver_name, "area0", EXERCISE_AREA_SIZE);

	add_log_signal(builder, exerciser);
	add_capability(builder, exerciser, "notification", notification, READ, 0);
	add_capability(builder, exerciser, "disk-signal", driver_notification, WRITE, SIGNAL_CLIENT);
	add_capability(builder, driver, "disk-signal", notification, WRITE, 1);
	add_mapping(builder, exerciser, "disk-page", page, READ | WRITE);
	add_mapping(builder, exerciser, "area0", area, READ | WRITE);
	add_mapping(builder, driver, "area0", area, READ | WRITE);
	free(name);
	free(driver_name);
}

static void expand_disk(struct builder *builder, const struct disk *disk)
{
	char *name = format_text("disk/%s", disk->name);
	struct owner system = owned_by_system(name);
	struct manifest_task task = {
		.vm = MANIFEST_NONE,
		.trust_domain = next_trust_domain(builder),
		.priority = PRIORITY_DRIVER,
		.flags = MANIFEST_TASK_FPU | (disk->allow_dma ? MANIFEST_TASK_ALLOW_DMA : 0),
		.budget_us = DRIVER_BUDGET_US,
		.period_us = HOST_PERIOD_US,
		.heap_size = HOST_HEAP_SIZE,
		.restart = { MANIFEST_ON_EXIT_RESTART, 5, 60 },
	};
	uint32_t driver = add_task(builder, name, DRIVERS[disk->driver].image, task, NULL, 0);
	uint32_t notification = add_object(builder, system, "notification", MANIFEST_OBJECT_NOTIFICATION);
	uint32_t page = add_memory(builder, system, "page", MANIFEST_PAGE_SIZE);

	add_log_signal(builder, driver);
	add_capability(builder, driver, "notification", notification, READ, 0);
	add_mapping(builder, driver, "disk-page", page, READ | WRITE);
	add_mapping(builder, driver, "queue",
		add_dma_memory(builder, name, "queue", DRIVERS[disk->driver].queue_size), READ | WRITE);
	add_function(builder, driver, disk->function, notification, SIGNAL_DEVICE);
	if (disk->exercise != 0) {
		add_exerciser(builder, disk, driver, page, notification);
	}
	free(name);
}

void expand_disks(struct builder *builder)
{
	for (unsigned i = 0; i < builder->appliance->disk_count; i++) {
		expand_disk(builder, &builder->appliance->disks[i]);
	}
}
