/* SPDX-License-Identifier: MIT */
/* A virtio device's configuration space: see virtio_function.h. */
#include "pci/virtio_function.h"

#include <stddef.h>

#include <bulkhead/virtio_pci.h>

/* cfg_type of the vendor capabilities (section 4.1.4). */
enum { TYPE_COMMON = 1, TYPE_NOTIFY = 2, TYPE_ISR = 3, TYPE_DEVICE = 4, TYPE_WINDOW = 5 };

enum { CAPABILITY_SIZE = 16, CAPABILITY_LONG = 20, REVISION = 1, SUBSYSTEM = 0x40 };

/* Where firmware puts the functions' BARs: in the windows that ACPI's root bridge has. */
enum { IO_BASE = 0xc000, IO_STEP = 0x40 };
#define MEMORY_BASE UINT64_C(0xfe000000)
#define MEMORY_STEP UINT64_C(0x2000)

static void put32(uint8_t *bytes, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
}

struct structure {
	uint8_t type, bar;
	uint32_t offset, length;
};

static void encode(const struct structure *structure, unsigned size, uint8_t *bytes)
{
	for (unsigned i = 0; i < size; i++)
		bytes[i] = 0;
	bytes[0] = PCI_CAPABILITY_VENDOR;
	bytes[2] = (uint8_t)size;
	bytes[3] = structure->type;
	bytes[4] = structure->bar;
	put32(bytes + 8, structure->offset);
	put32(bytes + 12, structure->length);
}

static enum pci_result add_structures(struct pci *pci, unsigned device, uint32_t queues)
{
	/* Notifications by port stand first: a port write needs no decoding. */
	const struct structure structures[] = {
		{ TYPE_COMMON, VIRTIO_PCI_BAR_REGISTERS, VIRTIO_PCI_COMMON, VIRTIO_PCI_COMMON_SIZE },
		{ TYPE_NOTIFY, VIRTIO_PCI_BAR_NOTIFY, 0, VIRTIO_PCI_NOTIFY_MULTIPLIER * queues },
		{ TYPE_NOTIFY, VIRTIO_PCI_BAR_REGISTERS, VIRTIO_PCI_NOTIFY,
			VIRTIO_PCI_NOTIFY_MULTIPLIER * queues },
		{ TYPE_ISR, VIRTIO_PCI_BAR_REGISTERS, VIRTIO_PCI_ISR, VIRTIO_PCI_ISR_SIZE },
		{ TYPE_DEVICE, VIRTIO_PCI_BAR_REGISTERS, VIRTIO_PCI_CONFIG, VIRTIO_PCI_CONFIG_SIZE },
	};
	uint8_t bytes[CAPABILITY_LONG];
	enum pci_result result = PCI_OK;

	for (unsigned i = 0; result == PCI_OK && i < sizeof structures / sizeof structures[0]; i++) {
		bool notify = structures[i].type == TYPE_NOTIFY;
		unsigned size = notify ? CAPABILITY_LONG : CAPABILITY_SIZE;

		encode(&structures[i], size, bytes);
		if (notify)
			put32(bytes + CAPABILITY_SIZE, VIRTIO_PCI_NOTIFY_MULTIPLIER);
		result = pci_add_capability(pci, device, bytes, NULL, size, NULL);
	}
	return result;
}

static enum pci_result add_window(struct pci *pci, unsigned device, unsigned *window)
{
	const struct structure structure = { TYPE_WINDOW, 0, 0, 0 };
	uint8_t bytes[CAPABILITY_LONG];
	uint8_t writable[CAPABILITY_LONG] = { 0 };

	encode(&structure, CAPABILITY_LONG, bytes);
	writable[VIRTIO_WINDOW_BAR] = 0xff;
	for (unsigned i = VIRTIO_WINDOW_OFFSET; i < VIRTIO_WINDOW_DATA; i++)
		writable[i] = 0xff;
	return pci_add_capability(pci, device, bytes, writable, CAPABILITY_LONG, window);
}

enum pci_result virtio_function_add(struct pci *pci, unsigned device, const struct virtio_function *function,
	struct msix *msix, unsigned *window)
{
	const struct pci_identity identity = {
		.vendor = VIRTIO_PCI_VENDOR,
		.device = (uint16_t)(VIRTIO_PCI_DEVICE_BASE + function->type),
		.subsystem_vendor = VIRTIO_PCI_VENDOR,
		.subsystem = SUBSYSTEM,
		.class_code = function->class_code,
		.revision = REVISION,
		.interrupt_pin = 1,
	};
	uint8_t capability[MSIX_CAPABILITY_SIZE];
	uint8_t writable[MSIX_CAPABILITY_SIZE];
	enum pci_result result = pci_add(pci, device, &identity);

	if (result == PCI_OK)
		result = pci_add_bar(pci, device, VIRTIO_PCI_BAR_NOTIFY, PCI_BAR_IO, IO_STEP);
	if (result == PCI_OK)
		result = pci_add_bar(pci, device, VIRTIO_PCI_BAR_MSIX, PCI_BAR_MEMORY_32, MSIX_BAR_SIZE);
	if (result == PCI_OK)
		result = pci_add_bar(
			pci, device, VIRTIO_PCI_BAR_REGISTERS, PCI_BAR_MEMORY_32, VIRTIO_PCI_REGISTERS_SIZE);
	msix_initialize(
		msix, virtio_pci_vectors(function->queues), VIRTIO_PCI_BAR_MSIX, capability, writable);
	if (result == PCI_OK)
		result = pci_add_capability(pci, device, capability, writable, sizeof capability, NULL);
	if (result == PCI_OK)
		result = add_structures(pci, device, function->queues);
	return result == PCI_OK ? add_window(pci, device, window) : result;
}

void virtio_function_place(struct pci *pci, unsigned device, unsigned number)
{
	pci_place_bar(pci, device, VIRTIO_PCI_BAR_NOTIFY, IO_BASE + IO_STEP * number);
	pci_place_bar(pci, device, VIRTIO_PCI_BAR_MSIX, MEMORY_BASE + MEMORY_STEP * number);
	pci_place_bar(
		pci, device, VIRTIO_PCI_BAR_REGISTERS, MEMORY_BASE + MEMORY_STEP * number + MSIX_BAR_SIZE);
	pci_config_write(pci, device, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	pci_config_write(pci, device, PCI_INTERRUPT_LINE, 1, pci_interrupt(device));
}
