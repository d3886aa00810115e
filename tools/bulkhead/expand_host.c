/* SPDX-License-Identifier: MIT */
/*
 * The templates of the host's devices: the PCI server, which alone has configuration space and MSI-X tables, and what a driver has of its function: its
 * registers and one interrupt message.
 */
#include "builder.h"

#include <stdlib.h>
#include <string.h>

#define BAR_ROOM UINT64_C(0x1000000) /* the largest BAR that is given away: bulkhead/host_pci.h */
#define TABLE_ROOM UINT64_C(0x9000)  /* 2048 entries of 16 bytes, and the rest of a page before them */
#define CONFIGURATION_PORTS 0xcf8u   /* mechanism #1: 32 bits each for address and data */
#define PCI_TASK "pci"
#define PCI_BUDGET_US 200u
#define READ MANIFEST_RIGHT_READ
#define WRITE MANIFEST_RIGHT_WRITE

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
		.restart = builder->appliance->on_crash,
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
