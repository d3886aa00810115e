/* SPDX-License-Identifier: MIT */
/* PCI functions of the host: see host_functions.h. The PCI server is believed nothing: what it says is copied once, checked, and what is made of it is made
 * from device memory that nobody has yet. */
#include "host_functions.h"

#include "host_check.h"
#include "objects.h"
#include "policy.h"
#include "report.h"
#include "supervise.h"
#include "tasks.h"

#include <bulkhead/host_pci.h>
#include <bulkhead/task.h>

#include <string.h>

_Static_assert(MANIFEST_MAX_FUNCTIONS == HOST_PCI_MAX_FUNCTIONS && MANIFEST_MAX_BARS == HOST_PCI_BARS &&
		       MANIFEST_MAX_MESSAGES == HOST_PCI_MAX_VECTORS,
	"manifest and PCI server count alike");

struct function {
	enum host_pci_state state;      /* UNKNOWN until the root task has looked */
	struct host_pci_function facts; /* checked */
	struct extent bar[HOST_PCI_BARS];
	struct host_pci_vector vector[HOST_PCI_MAX_VECTORS];
	uint32_t vector_count;
	uint32_t driver;   /* task; MANIFEST_NONE: none */
	bool is_wanted;    /* its driver is to be started */
	bool is_prepared;  /* the last order was for that start */
	bool is_ended;     /* its driver will not be started again */
	uint64_t ordered;  /* number of the last order */
	uint32_t flags;    /* of that order */
	uint32_t io_space; /* slot; 0: no IOMMU confines the function */
	struct fault_watch faults;
	uint64_t table_base; /* where the PCI server is to see the MSI-X table; 0: it was not built yet */
};

static struct function functions[HOST_PCI_MAX_FUNCTIONS];

static struct function *function_of(uint32_t task)
{
	return &functions[root.manifest.tasks[task].function - 1];
}

bool host_is_driver(uint32_t task) { return root.manifest.tasks[task].function != 0; }

void host_functions_init(void)
{
	for (uint32_t i = 0; i < HOST_PCI_MAX_FUNCTIONS; i++) {
		functions[i].driver = MANIFEST_NONE;
	}
	for (uint32_t task = 0; task < root.manifest.task_count; task++) {
		if (host_is_driver(task)) {
			function_of(task)->driver = task;
		}
	}
}

/* ---- What is shared with the PCI server ------------------------------------------------------------------------------ */

static void *root_region(const char *name)
{
	const struct manifest_mapping *mapping = manifest_find_mapping(&root.manifest, MANIFEST_ROOT, name);

	return mapping != NULL ? root.mapping[mapping - root.manifest.mappings] : NULL;
}

static const struct host_pci_function *page_of(uint32_t number)
{
	char name[MANIFEST_NAME_SIZE];

	(void)bh_format(name, sizeof(name), "%s%u", MANIFEST_PCI_FUNCTION, number);
	return root_region(name);
}

static void signal_server(void)
{
	for (uint32_t i = 0; i < root.manifest.capability_count; i++) {
		const struct manifest_capability *capability = &root.manifest.capabilities[i];

		if (capability->task == MANIFEST_ROOT &&
			strcmp(manifest_string(&root.manifest, capability->name), MANIFEST_PCI_SIGNAL) == 0) {
			(void)failed("PCI server", "cannot be signalled", bh_signal(root.capability[i]));
		}
	}
}

/* The last order was carried out, so nobody reads here now. */
static void give_order(uint32_t number, uint32_t flags)
{
	struct function *function = &functions[number];
	struct host_pci_orders *orders = root_region(MANIFEST_PCI_ORDERS);
	struct host_pci_order *order = &orders->order[number];

	order->flags = flags;
	order->vector_count = function->vector_count;
	memcpy(order->vector, function->vector, sizeof(order->vector));
	function->flags = flags;
	function->ordered++;
	__atomic_store_n(&order->number, function->ordered, __ATOMIC_RELEASE);
	signal_server();
}

static bool order_is_carried_out(uint32_t number)
{
	return __atomic_load_n(&page_of(number)->carried_out, __ATOMIC_ACQUIRE) == functions[number].ordered;
}

/* ---- A function's objects -------------------------------------------------------------------------------------------- */

static uint32_t pages_of_bar(const struct host_pci_bar *bar)
{
	return (uint32_t)((bar->size + PAGE_SIZE - 1) >> PAGE_BITS);
}

/* The frames of a BAR that somebody gets something of, made once. */
static enum bh_error make_bar(struct function *function, uint32_t number)
{
	const struct host_pci_bar *bar = &function->facts.bar[number];
	struct extent *extent = &function->bar[number];
	uint32_t pages = pages_of_bar(bar);

	if (extent->count != 0 || pages == 0 || bar->size > HOST_PCI_MAX_BAR_SIZE) {
		return BH_OK;
	}
	enum bh_error error = memory_make_device(bar->address & ~(PAGE_SIZE - 1),
		PAGE_BITS + (31u - (uint32_t)__builtin_clz(pages)), &extent->first);

	if (error != BH_OK) {
		report("BAR %u at 0x%lx is not device memory that is free (%s): it lies where the firmware's memory map has "
		       "something else, or where another function is",
			number, bar->address, bh_error_text(error));
		return error;
	}
	extent->count = pages;
	extent->bits = PAGE_BITS;
	return BH_OK;
}

static enum bh_error make_message(struct function *function, uint32_t object)
{
	const struct manifest_object *record = &root.manifest.objects[object];
	struct host_pci_vector *vector = &function->vector[record->index];
	uint32_t *slot = &root.object[object].slot;
	enum bh_error error =
		arena_make_owned(&system_arena, OWNER_SYSTEM, BH_OBJECT_IRQ_HANDLER, 0, 1, slot);

	if (error == BH_OK) {
		error = bh_irq_control_configure_msi(BH_BOOT_IRQ_CONTROL, *slot, function->facts.requester,
			record->index, &vector->address, &vector->data);
	}
	if (error == BH_OK && record->index >= function->vector_count) {
		function->vector_count = record->index + 1;
	}
	for (uint32_t i = 0; error == BH_OK && i < root.manifest.binding_count; i++) {
		const struct manifest_binding *binding = &root.manifest.bindings[i];

		if (binding->kind == MANIFEST_BINDING_IRQ && binding->subject == object) {
			error = object_bind(binding, OWNER_SYSTEM);
		}
	}
	return failed(object_name(object), "cannot be made", error);
}

static enum bh_error make_part(struct function *function, uint32_t object)
{
	const struct manifest_object *record = &root.manifest.objects[object];
	bool is_table = (record->flags & MANIFEST_OBJECT_TABLE) != 0;
	uint32_t bar = is_table ? function->facts.table_bar : record->index;
	enum bh_error error;

	if (record->type != MANIFEST_OBJECT_DEVICE_MEMORY) {
		return record->index < function->facts.table_entries
			       ? make_message(function, object)
			       : failed(object_name(object), "the function has fewer messages",
					 BH_ERROR_ARGUMENT);
	}
	error = make_bar(function, bar);
	root.object[object].slot = function->bar[bar].first;
	if (error == BH_OK && is_table && function->bar[bar].count == 0) {
		error = failed(object_name(object), "its BAR is too large", BH_ERROR_MEMORY);
	}
	return error;
}

static enum bh_error make_parts(uint32_t number)
{
	enum bh_error error = BH_OK;

	for (uint32_t i = 0; error == BH_OK && i < root.manifest.object_count; i++) {
		if (object_is_of_function(i) && root.manifest.objects[i].first == number) {
			error = make_part(&functions[number], i);
		}
	}
	return error;
}

/* ---- Mapping --------------------------------------------------------------------------------------------------------- */

static enum bh_error map_pages(const struct space *space, const struct extent *bar, uint32_t first,
	uint32_t count, uint64_t address, uint32_t rights)
{
	bool writable = (rights & MANIFEST_RIGHT_WRITE) != 0;

	return count == 0 ? BH_OK
			  : space_map_copies(space, bar->first + first, count, PAGE_BITS, address,
				    BH_MAP_READ | BH_MAP_UNCACHED | (writable ? BH_MAP_WRITE : 0),
				    BH_RIGHT_READ | (writable ? BH_RIGHT_WRITE : 0));
}

static enum bh_error map_table(const struct space *space, const struct function *function, uint64_t base,
	uint64_t size, uint32_t rights)
{
	const struct host_pci_function *facts = &function->facts;
	uint64_t bytes = (uint64_t)facts->table_entries * HOST_PCI_TABLE_ENTRY_SIZE;
	uint32_t first = facts->table_offset >> PAGE_BITS;
	uint32_t end = (uint32_t)((facts->table_offset + bytes + PAGE_SIZE - 1) >> PAGE_BITS);

	if (((uint64_t)(end - first) << PAGE_BITS) > size) {
		return BH_ERROR_ARGUMENT;
	}
	return map_pages(space, &function->bar[facts->table_bar], first, end - first, base, rights);
}

/* All pages of a BAR but those of MSI-X table and pending bits, in runs. */
static enum bh_error map_bar(const struct space *space, const struct function *function, uint32_t number,
	uint64_t base, uint32_t rights)
{
	const struct extent *bar = &function->bar[number];
	enum bh_error error = BH_OK;

	for (uint32_t page = 0; error == BH_OK && page < bar->count;) {
		uint32_t run = 0;

		while (page + run < bar->count &&
			!host_pci_is_message_page(&function->facts, number, page + run)) {
			run++;
		}
		error = map_pages(space, bar, page, run, base + ((uint64_t)page << PAGE_BITS), rights);
		page += run + 1;
	}
	return error;
}

enum bh_error host_region_map(
	const struct space *space, uint32_t object, uint64_t base, uint32_t rights, uint64_t *length)
{
	const struct manifest_object *record = &root.manifest.objects[object];
	struct function *function = &functions[record->first];
	bool is_found = function->state == HOST_PCI_FOUND;
	uint64_t size;

	if ((record->flags & MANIFEST_OBJECT_TABLE) != 0) {
		function->table_base = base;
		*length = record->size;
		return is_found ? map_table(space, function, base, record->size, rights) : BH_OK;
	}
	size = is_found ? (uint64_t)function->bar[record->index].count << PAGE_BITS : 0;
	*length = size <= record->size ? size : 0;
	return *length != 0 ? map_bar(space, function, record->index, base, rights) : BH_OK;
}

/* The PCI server, which runs already, gets the function's MSI-X table. One that does not run gets it when it is built. */
static enum bh_error show_table(uint32_t number)
{
	for (uint32_t i = 0; i < root.manifest.mapping_count; i++) {
		const struct manifest_mapping *mapping = &root.manifest.mappings[i];
		const struct manifest_object *object = &root.manifest.objects[mapping->object];
		const struct task *task =
			&root.task[mapping->task < root.manifest.task_count ? mapping->task : 0];

		if (object->type == MANIFEST_OBJECT_DEVICE_MEMORY && object->first == number &&
			(object->flags & MANIFEST_OBJECT_TABLE) != 0 && task->state == TASK_RUNNING) {
			struct space space = {
				.slot = task->address_space,
				.arena = &root.task[mapping->task].arena,
				.owner = OWNER_TASK(mapping->task),
				.table_owner = OWNER_TASK(mapping->task),
			};

			return map_table(&space, &functions[number], functions[number].table_base,
				object->size, mapping->rights);
		}
	}
	return BH_OK;
}

/* ---- Confinement ----------------------------------------------------------------------------------------------------- */

/* What of memory the driver's device reaches: what is for DMA among what the driver itself maps, at the addresses that the driver is told. */
static enum bh_error map_for_device(const struct function *function)
{
	struct space space = { .slot = function->io_space,
		.arena = &system_arena,
		.owner = OWNER_SYSTEM,
		.table_owner = OWNER_SYSTEM };
	enum bh_error error = BH_OK;

	for (uint32_t i = 0; error == BH_OK && i < root.manifest.mapping_count; i++) {
		const struct manifest_mapping *mapping = &root.manifest.mappings[i];
		const struct object *object = &root.object[mapping->object];
		bool writable = (mapping->rights & MANIFEST_RIGHT_WRITE) != 0;

		if (mapping->task == function->driver && object->device_address != 0) {
			error = space_map_copies(&space,
				object->memory.first + (uint32_t)(mapping->offset >> PAGE_BITS),
				(uint32_t)(mapping->length >> PAGE_BITS), PAGE_BITS,
				object->device_address + mapping->offset,
				BH_MAP_READ | (writable ? BH_MAP_WRITE : 0),
				BH_RIGHT_READ | (writable ? BH_RIGHT_WRITE : 0));
		}
	}
	return error;
}

/* What the IOMMU refuses is told to the root task by the PCI server's bit: both only say: look. */
static enum bh_error listen_for_faults(const struct function *function)
{
	uint32_t signal = slots_take(OWNER_SYSTEM, 1);
	enum bh_error error = signal == 0 ? BH_ERROR_MEMORY
					  : bh_cnode_mint(ROOT_CNODE, signal, ROOT_CNODE, root.notification,
						    BH_RIGHT_READ | BH_RIGHT_WRITE, MANIFEST_ROOT_SIGNAL_PCI);

	return error != BH_OK ? error : bh_io_space_bind(function->io_space, signal);
}

static enum bh_error confine(uint32_t number)
{
	struct function *function = &functions[number];
	enum bh_error error;

	if (root.boot->has_iommu == 0) {
		return BH_OK;
	}
	error = arena_make_owned(&system_arena, OWNER_SYSTEM, BH_OBJECT_IO_SPACE, 0, 1, &function->io_space);
	if (error == BH_OK) {
		error = bh_io_space_control_configure(
			BH_BOOT_IO_SPACE_CONTROL, function->io_space, function->facts.requester);
	}
	if (error == BH_OK) {
		error = map_for_device(function);
	}
	return error != BH_OK ? error : listen_for_faults(function);
}

/* Tells of accesses that the IOMMU refused. */
static void look_at_faults(uint32_t number)
{
	struct function *function = &functions[number];
	struct bh_io_space_fault fault;
	uint64_t now = now_ms();

	if (function->io_space == 0 || !faults_ask(&function->faults, now) ||
		bh_io_space_fault(function->io_space, &fault) != BH_OK ||
		!faults_tell(&function->faults, fault.count, now)) {
		return;
	}
	report("%s: the IOMMU refused its device %02x:%02x.%u %s 0x%lx; so far %lu or more",
		function->driver != MANIFEST_NONE ? task_name(function->driver) : "nobody",
		fault.function >> 8, fault.function >> 3 & 0x1f, fault.function & 7,
		fault.kind == BH_IO_FAULT_READ        ? "reading"
		: fault.kind == BH_IO_FAULT_WRITE     ? "writing"
		: fault.kind == BH_IO_FAULT_INTERRUPT ? "an interrupt at"
						      : "something at",
		fault.address, fault.count);
}

/* ---- Drivers --------------------------------------------------------------------------------------------------------- */

static const char *driver_name(uint32_t number)
{
	return functions[number].driver != MANIFEST_NONE ? task_name(functions[number].driver) : "nobody";
}

/* Without an IOMMU only by the word of the appliance file. */
static bool may_run(uint32_t driver)
{
	return root.boot->has_iommu != 0 || driver == MANIFEST_NONE ||
	       (root.manifest.tasks[driver].flags & MANIFEST_TASK_ALLOW_DMA) != 0;
}

static void take_over(uint32_t number)
{
	struct function *function = &functions[number];
	const struct host_pci_function *page =
		root_region(MANIFEST_PCI_ORDERS) != NULL ? page_of(number) : NULL;
	uint32_t state = page != NULL ? __atomic_load_n(&page->state, __ATOMIC_ACQUIRE) : HOST_PCI_UNKNOWN;
	const char *fault;

	if (state == HOST_PCI_UNKNOWN || state >= HOST_PCI_STATES) {
		return;
	}
	memcpy(&function->facts, page, sizeof(function->facts));
	function->state = HOST_PCI_REFUSED;
	fault = host_function_fault(&function->facts);
	if (state == HOST_PCI_MISSING) {
		report("%s: this machine has no such PCI device: add it, or take it out of the appliance file",
			driver_name(number));
	} else if (state == HOST_PCI_REFUSED) {
		report("%s: its PCI device cannot be given to a driver: %s", driver_name(number),
			host_reason_text(function->facts.reason));
	} else if (fault != NULL) {
		report("%s: what the PCI server says of its device cannot be: %s", driver_name(number),
			fault);
	} else if (!may_run(function->driver)) {
		report("%s: this machine has no IOMMU that confines its device: write allow_dma = true for it if driver and device may "
		       "reach all of memory",
			driver_name(number));
	} else if (make_parts(number) == BH_OK &&
		   failed(driver_name(number), "its MSI-X table cannot be mapped", show_table(number)) ==
			   BH_OK &&
		   failed(driver_name(number), "its device cannot be confined", confine(number)) == BH_OK) {
		function->state = HOST_PCI_FOUND;
	} else {
		report("%s: its PCI device cannot be used", driver_name(number));
	}
}

/* The function is silent and has its messages: its driver may run. */
static void start_driver(uint32_t number)
{
	struct function *function = &functions[number];

	function->is_wanted = false;
	if (task_start(function->driver) == BH_OK) {
		report("%s drives PCI function %02x:%02x.%u, %s", task_name(function->driver),
			function->facts.requester >> 8, function->facts.requester >> 3 & 0x1f,
			function->facts.requester & 7,
			function->io_space != 0 ? "confined by the IOMMU" : "not confined");
		return;
	}
	root.task[function->driver].state = TASK_GIVEN_UP;
	host_driver_end(function->driver);
}

/* Each start of a driver has an order of its own, which makes the function silent first; so the sequence is: order, carried out, start. */
static void advance(uint32_t number)
{
	struct function *function = &functions[number];

	if (function->state != HOST_PCI_FOUND || !order_is_carried_out(number)) {
		return;
	}
	if (function->is_wanted && function->is_prepared) {
		function->is_prepared = false;
		start_driver(number);
	} else if (function->is_wanted) {
		function->is_prepared = true;
		give_order(number, HOST_PCI_ORDER_BUS_MASTER);
	} else if (function->is_ended && function->flags != 0) {
		give_order(number, 0);
	}
}

void host_faults_look(void)
{
	for (uint32_t i = 0; i < HOST_PCI_MAX_FUNCTIONS; i++) {
		look_at_faults(i);
	}
}

void host_functions_look(void)
{
	for (uint32_t i = 0; i < HOST_PCI_MAX_FUNCTIONS; i++) {
		if (functions[i].state == HOST_PCI_UNKNOWN) {
			take_over(i);
		}
		look_at_faults(i);
		advance(i);
	}
}

void host_driver_begin(uint32_t task)
{
	uint32_t number = root.manifest.tasks[task].function - 1;

	functions[number].is_wanted = true;
	functions[number].is_ended = false;
	advance(number);
}

void host_driver_end(uint32_t task)
{
	uint32_t number = root.manifest.tasks[task].function - 1;

	functions[number].is_wanted = false;
	functions[number].is_prepared = false;
	functions[number].is_ended = true;
	advance(number);
}
