/* SPDX-License-Identifier: MIT */
/* virtio functions: see functions.h. Touches PCI, MSI-X, the fabric, the kernel's routes, and models by message. */
#include "vcpu/functions.h"

#include <bulkhead/virtio_pci.h>

#include "pci/virtio_function.h"
#include "system.h"
#include "vcpu/model.h"
#include "vcpu/site.h"

enum { MSIX_CAPABILITY = 0x40 }; /* the first that virtio_function_add() puts there */

/* The place of a BAR of a function that decodes it; false: it does not. */
static bool bar(
	const struct vmm *vmm, const struct vmm_function *function, unsigned number, uint64_t *address)
{
	return pci_bar_address(&vmm->pci, function->device, number, address);
}

/* ---- Interrupts ---- */

static void send_pending(struct vmm *vmm, struct vmm_function *function)
{
	uint64_t address;
	uint32_t data;

	while (msix_take_pending(&function->msix, &address, &data)) {
		fabric_msi(&vmm->fabric, address, data);
	}
}

_Static_assert(VIRTIO_PCI_LINE_VECTOR + MSIX_VECTORS <= LINES_COUNT, "each vector has a line");

void function_update(struct vmm *vmm, struct vmm_function *function)
{
	const struct lines_page *page = function->page;

	if (!lines_are_there(page)) {
		return;
	}
	for (uint32_t vector = 0; vector < function->msix.vectors; vector++) {
		uint64_t word =
			__atomic_load_n(&page->lines[VIRTIO_PCI_LINE_VECTOR + vector], __ATOMIC_ACQUIRE);
		bool risen = line_word_edges(word) != line_word_edges(function->words[vector]);
		uint64_t address;
		uint32_t data;

		if (word == function->words[vector]) {
			continue;
		}
		function->words[vector] = word;
		if (risen && msix_raise(&function->msix, vector, &address, &data)) {
			fabric_msi(&vmm->fabric, address, data);
		}
	}
}

uint64_t function_line_word(const struct vmm *vmm, const struct vmm_function *function, uint64_t word)
{
	uint32_t command = pci_config(&vmm->pci, function->device, PCI_COMMAND, 2);

	return function->msix.enabled || (command & PCI_COMMAND_INTX_DISABLE) != 0 ? line_word_lower(word)
										   : word;
}

/* The INTx line, after what gates it may have changed. */
static void update_wire(struct vmm *vmm, const struct vmm_function *function)
{
	struct vmm_line *line = &vmm->lines[function->line];

	line->word = lines_read(line->page, line->number);
	fabric_update_line(&vmm->fabric, line->fabric_line, function_line_word(vmm, function, line->word));
}

/* ---- BARs ---- */

/* Routes the doorbells to where the BAR is now; `port` 0: nowhere. A port that another route has stays that one's. */
static void move_doorbells(struct vmm *vmm, struct vmm_function *function, uint32_t port)
{
	if (port == function->routed_port) {
		return;
	}
	function->routed_port = port;
	for (uint32_t queue = 0; queue < function->queues; queue++) {
		uint32_t first = port != 0 ? port + VIRTIO_PCI_NOTIFY_MULTIPLIER * queue : 0;

		/* First away, so that a function's own routes never stand in each other's way. */
		system_route(vmm->guest_space, function->first_route + queue, 0, 0);
		if (port != 0) {
			system_route(vmm->guest_space, function->first_route + queue, first,
				VIRTIO_PCI_NOTIFY_MULTIPLIER);
		}
	}
}

/* All that follows from the function's configuration space as it is now. */
static void apply(struct vmm *vmm, struct vmm_function *function)
{
	struct vmm_memory_range *registers = &vmm->memories[function->memory];
	uint64_t address;
	uint64_t ports = 0;

	msix_control(
		&function->msix, pci_config(&vmm->pci, function->device, MSIX_CAPABILITY + MSIX_CONTROL, 2));
	send_pending(vmm, function);
	update_wire(vmm, function);
	if (!bar(vmm, function, VIRTIO_PCI_BAR_REGISTERS, &address)) {
		address = 0;
	}
	if (registers->first != address) {
		registers->first = address;
		registers->size = address != 0 ? VIRTIO_PCI_REGION_SIZE : 0;
		site_forget_all(&vmm->vcpu);
	}
	if (!bar(vmm, function, VIRTIO_PCI_BAR_NOTIFY, &ports) ||
		ports + VIRTIO_PCI_NOTIFY_MULTIPLIER * function->queues > 0x10000) {
		ports = 0;
	}
	move_doorbells(vmm, function, (uint32_t)ports);
}

/* ---- Notifications ---- */

static void ring(const struct vmm_function *function, uint32_t offset)
{
	uint32_t queue = offset / VIRTIO_PCI_NOTIFY_MULTIPLIER;

	if (queue < function->queues) {
		system_signal(function->doorbell[queue]);
	}
}

static uint32_t notify_bytes(const struct vmm_function *function)
{
	return VIRTIO_PCI_NOTIFY_MULTIPLIER * function->queues;
}

/* The function whose notification ports include `port`; NULL: none. */
static const struct vmm_function *at_port(const struct vmm *vmm, uint32_t port)
{
	for (uint32_t i = 0; i < vmm->function_count; i++) {
		const struct vmm_function *function = &vmm->functions[i];

		if (function->routed_port != 0 && port - function->routed_port < notify_bytes(function)) {
			return function;
		}
	}
	return NULL;
}

bool functions_port(struct vmm *vmm, bool in, uint32_t port, uint32_t width, uint32_t *value)
{
	const struct vmm_function *function = at_port(vmm, port);

	(void)width; /* of any width inside of the range, as for the kernel's doorbells */
	if (function == NULL) {
		return false;
	}
	if (in) {
		*value = 0;
	} else {
		ring(function, port - function->routed_port);
	}
	return true;
}

bool functions_touch(const struct vmm *vmm, uint32_t port, uint32_t width)
{
	for (uint32_t i = 0; i < width; i++) {
		if (at_port(vmm, port + i) != NULL) {
			return true;
		}
	}
	return false;
}

static void access_msix(struct vmm *vmm, struct vmm_function *function, bool write, uint32_t offset,
	uint32_t width, uint64_t *value)
{
	if (write) {
		msix_write(&function->msix, offset, width, *value);
		send_pending(vmm, function);
	} else {
		*value = msix_read(&function->msix, offset, width);
	}
}

/* An access at `offset` of one of the function's memory BARs, but for what its model serves. */
static bool access_bar(struct vmm *vmm, struct vmm_function *function, unsigned number, bool write,
	uint64_t offset, uint32_t width, uint64_t *value)
{
	if (number == VIRTIO_PCI_BAR_MSIX && offset < MSIX_BAR_SIZE) {
		access_msix(vmm, function, write, (uint32_t)offset, width, value);
		return true;
	}
	if (number != VIRTIO_PCI_BAR_REGISTERS || offset < VIRTIO_PCI_REGION_SIZE ||
		offset >= VIRTIO_PCI_REGISTERS_SIZE) {
		return false;
	}
	if (write) {
		ring(function, (uint32_t)offset - VIRTIO_PCI_NOTIFY);
	} else {
		*value = 0;
	}
	return true;
}

bool functions_memory(struct vmm *vmm, bool write, uint64_t guest_physical, uint32_t width, uint64_t *value)
{
	for (uint32_t i = 0; i < vmm->function_count; i++) {
		struct vmm_function *function = &vmm->functions[i];

		for (unsigned number = VIRTIO_PCI_BAR_MSIX; number <= VIRTIO_PCI_BAR_REGISTERS; number++) {
			uint64_t address;

			if (bar(vmm, function, number, &address) && guest_physical >= address &&
				access_bar(vmm, function, number, write, guest_physical - address, width,
					value)) {
				return true;
			}
		}
	}
	return false;
}

/* ---- Configuration space ---- */

static struct vmm_function *at_device(struct vmm *vmm, unsigned device)
{
	for (uint32_t i = 0; i < vmm->function_count; i++) {
		if (vmm->functions[i].device == device) {
			return &vmm->functions[i];
		}
	}
	return NULL;
}

/* The function whose window's data the access is to, whole; NULL: it is another register. */
static struct vmm_function *at_window(struct vmm *vmm, uint32_t offset, uint32_t width)
{
	unsigned at;
	struct vmm_function *function = at_device(vmm, pci_selected(&vmm->pci, &at));

	return function != NULL && at == function->window + VIRTIO_WINDOW_DATA && offset == 4 &&
			       width == pci_config(&vmm->pci, function->device,
						function->window + VIRTIO_WINDOW_LENGTH, 4)
		       ? function
		       : NULL;
}

/* An access through the window: to the BAR, at the offset, of the length that its fields say (section 4.1.4.9). */
static uint32_t access_window(struct vmm *vmm, struct vcpu *vcpu, struct vmm_function *function, bool write,
	uint32_t width, uint32_t value)
{
	uint32_t number = pci_config(&vmm->pci, function->device, function->window + VIRTIO_WINDOW_BAR, 1);
	uint32_t offset = pci_config(&vmm->pci, function->device, function->window + VIRTIO_WINDOW_OFFSET, 4);
	uint64_t wide = value;

	if (offset % width != 0) {
		return UINT32_MAX;
	}
	if (number == VIRTIO_PCI_BAR_NOTIFY) {
		if (write) {
			ring(function, offset);
		}
		return 0;
	}
	if (number == VIRTIO_PCI_BAR_REGISTERS && offset < VIRTIO_PCI_REGION_SIZE) {
		return model_access(vmm, vcpu, vmm->memories[function->memory].endpoint, !write, offset,
			width, value, model_sequence(vcpu));
	}
	return access_bar(vmm, function, number, write, offset, width, &wide) ? (uint32_t)wide : UINT32_MAX;
}

uint32_t functions_config_read(struct vmm *vmm, struct vcpu *vcpu, uint32_t offset, uint32_t width)
{
	struct vmm_function *function = at_window(vmm, offset, width);

	return function != NULL ? access_window(vmm, vcpu, function, false, width, 0)
				: pci_port_read(&vmm->pci, offset, width);
}

void functions_config_write(
	struct vmm *vmm, struct vcpu *vcpu, uint32_t offset, uint32_t width, uint32_t value)
{
	struct vmm_function *function = at_window(vmm, offset, width);
	unsigned at;

	if (function != NULL) {
		(void)access_window(vmm, vcpu, function, true, width, value);
		return;
	}
	pci_port_write(&vmm->pci, offset, width, value);
	function = at_device(vmm, pci_selected(&vmm->pci, &at));
	if (function != NULL && offset >= 4) {
		apply(vmm, function);
	}
}

/* ---- Start ---- */

static bool start_one(
	struct vmm *vmm, const struct vmm_argument_virtio *argument, struct vmm_function *function)
{
	const struct virtio_function shape = {
		.type = argument->type,
		.class_code = argument->class_code,
		.queues = argument->queues,
	};

	if (virtio_function_add(&vmm->pci, function->device, &shape, &function->msix, &function->window) !=
		PCI_OK) {
		return false;
	}
	virtio_function_place(&vmm->pci, function->device, (unsigned)(function - vmm->functions));
	apply(vmm, function);
	return function->routed_port != 0;
}

bool functions_start(struct vmm *vmm, const struct vmm_arguments *arguments)
{
	for (uint32_t i = 0; i < vmm->function_count; i++) {
		if (!start_one(vmm, &arguments->virtio[i], &vmm->functions[i])) {
			return false;
		}
	}
	return true;
}
