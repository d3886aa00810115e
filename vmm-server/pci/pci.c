/* SPDX-License-Identifier: MIT */
/* PCI configuration space: see pci.h. Bytes are the unit: wider accesses are put together from them, which
 * makes every width and offset alike. */
#include "pci/pci.h"

#include <stddef.h>

enum {
	ADDRESS_ENABLE = 1u << 31,
	ADDRESS_BITS = 0x80fffffcu, /* enable, bus, device, function, register; the others read as 0 */
	DATA_OFFSET = 4,            /* of CONFIG_DATA in the port range */
	BAR_IO = 1u << 0,
	BAR_MEMORY_64 = 2u << 1,
	BAR_IO_FLAGS = 0x3,
	BAR_MEMORY_FLAGS = 0xf,
	CAPABILITIES_FIRST = 0x40,
};

static uint32_t all_ones(unsigned width) { return width >= 4 ? UINT32_MAX : (UINT32_C(1) << 8 * width) - 1; }

static void put(uint8_t *bytes, unsigned at, unsigned width, uint32_t value)
{
	for (unsigned i = 0; i < width; i++)
		bytes[at + i] = (uint8_t)(value >> 8 * i);
}

static uint32_t get(const uint8_t *bytes, unsigned at, unsigned width)
{
	uint32_t value = 0;
	for (unsigned i = 0; i < width; i++)
		value |= (uint32_t)bytes[at + i] << 8 * i;
	return value;
}

static void fill(struct pci_function *function, const struct pci_identity *identity)
{
	*function = (struct pci_function){ .present = true };
	put(function->config, PCI_VENDOR_ID, 2, identity->vendor);
	put(function->config, PCI_DEVICE_ID, 2, identity->device);
	put(function->config, PCI_REVISION_ID, 1, identity->revision);
	put(function->config, PCI_CLASS_CODE, 3, identity->class_code);
	put(function->config, PCI_SUBSYSTEM_VENDOR_ID, 2, identity->subsystem_vendor);
	put(function->config, PCI_SUBSYSTEM_ID, 2, identity->subsystem);
	put(function->config, PCI_INTERRUPT_PIN, 1, identity->interrupt_pin);
	put(function->writable, PCI_COMMAND, 2,
		PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	put(function->writable, PCI_CACHE_LINE_SIZE, 1, 0xff);
	put(function->writable, PCI_INTERRUPT_LINE, 1, 0xff);
}

enum pci_result pci_add(struct pci *pci, unsigned device, const struct pci_identity *identity)
{
	if (device >= PCI_DEVICES)
		return PCI_BAD_DEVICE;
	if (identity->interrupt_pin > 4)
		return PCI_BAD_PIN;
	if (pci->function[device].present)
		return PCI_OCCUPIED;
	fill(&pci->function[device], identity);
	return PCI_OK;
}

enum pci_result pci_add_capability(struct pci *pci, unsigned device, const uint8_t *bytes,
	const uint8_t *writable, unsigned size, unsigned *at)
{
	if (device >= PCI_DEVICES || !pci->function[device].present)
		return PCI_BAD_DEVICE;
	struct pci_function *function = &pci->function[device];
	bool first = function->capabilities_end == 0;
	unsigned offset = first ? CAPABILITIES_FIRST : function->capabilities_end;
	if (size < 2 || offset + size > PCI_CONFIG_SIZE)
		return PCI_NO_ROOM;
	for (unsigned i = 0; i < size; i++) {
		function->config[offset + i] = i == 1 ? 0 : bytes[i];
		function->writable[offset + i] = writable != NULL && i > 1 ? writable[i] : 0;
	}
	function->config[first ? PCI_CAPABILITIES : function->last_capability + 1u] = (uint8_t)offset;
	if (first)
		put(function->config, PCI_STATUS, 2, PCI_STATUS_CAPABILITIES);
	function->last_capability = (uint8_t)offset;
	/* Aligned to 4 bytes (section 6.7); 256 is the end. */
	unsigned end = (offset + size + 3) & ~3u;
	function->capabilities_end = (uint8_t)(end < PCI_CONFIG_SIZE ? end : PCI_CONFIG_SIZE - 1);
	if (at != NULL)
		*at = offset;
	return PCI_OK;
}

uint32_t pci_config(const struct pci *pci, unsigned device, unsigned at, unsigned width)
{
	return get(pci->function[device].config, at, width);
}

void pci_config_write(struct pci *pci, unsigned device, unsigned at, unsigned width, uint32_t value)
{
	struct pci_function *function = &pci->function[device];
	for (unsigned i = 0; i < width && at + i < PCI_CONFIG_SIZE; i++) {
		uint8_t writable = function->writable[at + i];
		function->config[at + i] =
			(uint8_t)((function->config[at + i] & ~writable) | ((value >> 8 * i) & writable));
	}
}

void pci_place_bar(struct pci *pci, unsigned device, unsigned bar, uint64_t address)
{
	unsigned at = PCI_BAR0 + 4 * bar;
	bool wide = (get(pci->function[device].config, at, 1) & 7) == BAR_MEMORY_64;
	pci_config_write(pci, device, at, 4, (uint32_t)address);
	if (wide)
		pci_config_write(pci, device, at + 4, 4, (uint32_t)(address >> 32));
}

static const uint8_t pirq_interrupt[4] = { 10, 10, 11, 11 };

uint32_t pci_interrupt(unsigned device) { return pirq_interrupt[(device - 1) & 3]; }

static bool good_bar_size(enum pci_bar_kind kind, uint64_t size)
{
	if (size == 0 || (size & (size - 1)) != 0)
		return false;
	switch (kind) {
	case PCI_BAR_IO:
		return size >= 4 && size <= 256;
	case PCI_BAR_MEMORY_32:
		return size >= 16 && size <= UINT64_C(0x80000000);
	case PCI_BAR_MEMORY_64:
		return size >= 16;
	}
	return false;
}

enum pci_result pci_add_bar(
	struct pci *pci, unsigned device, unsigned bar, enum pci_bar_kind kind, uint64_t size)
{
	if (device >= PCI_DEVICES || !pci->function[device].present)
		return PCI_BAD_DEVICE;
	unsigned words = kind == PCI_BAR_MEMORY_64 ? 2 : 1;
	if (bar + words > PCI_BARS || bar >= PCI_BARS || !good_bar_size(kind, size))
		return PCI_BAD_BAR;
	struct pci_function *function = &pci->function[device];
	unsigned at = PCI_BAR0 + 4 * bar;
	for (unsigned i = 0; i < words; i++) {
		/* A defined BAR has writable bits or, as the upper half of one, may be all zero: then the
		 * lower half tells. */
		bool upper_half =
			bar + i > 0 && (get(function->config, at + 4 * i - 4, 1) & 7) == BAR_MEMORY_64;
		if (get(function->writable, at + 4 * i, 4) != 0 ||
			get(function->config, at + 4 * i, 4) != 0 || upper_half)
			return PCI_OCCUPIED;
	}
	/* Sizing (section 6.2.5.1): the bits below the size stay 0 when the guest writes all ones. */
	uint64_t writable = ~(size - 1);
	put(function->writable, at, 4, (uint32_t)writable);
	if (kind == PCI_BAR_IO) {
		put(function->config, at, 1, BAR_IO);
		put(function->writable, at + 2, 2, 0); /* 16 address bits are all that a PC's ports have */
	} else if (kind == PCI_BAR_MEMORY_64) {
		put(function->config, at, 1, BAR_MEMORY_64);
		put(function->writable, at + 4, 4, (uint32_t)(writable >> 32));
	}
	return PCI_OK;
}

bool pci_bar_address(const struct pci *pci, unsigned device, unsigned bar, uint64_t *address)
{
	if (device >= PCI_DEVICES || bar >= PCI_BARS || !pci->function[device].present)
		return false;
	const struct pci_function *function = &pci->function[device];
	unsigned at = PCI_BAR0 + 4 * bar;
	uint32_t command = get(function->config, PCI_COMMAND, 2);
	uint32_t low = get(function->config, at, 4);
	if (get(function->writable, at, 4) == 0 && (low & BAR_MEMORY_FLAGS) != BAR_MEMORY_64)
		return false; /* none defined, or the upper half of one that needs no address bits there */
	if (bar > 0 && (get(function->config, at - 4, 1) & 7) == BAR_MEMORY_64)
		return false;
	if (low & BAR_IO) {
		*address = low & ~(uint32_t)BAR_IO_FLAGS;
		return command & PCI_COMMAND_IO;
	}
	*address = low & ~(uint32_t)BAR_MEMORY_FLAGS;
	if ((low & 7) == BAR_MEMORY_64)
		*address |= (uint64_t)get(function->config, at + 4, 4) << 32;
	return command & PCI_COMMAND_MEMORY;
}

void pci_initialize(struct pci *pci)
{
	static const struct pci_identity host_bridge = {
		.vendor = 0x8086, .device = 0x1237, .class_code = 0x060000, .revision = 2
	};
	static const struct pci_identity isa_bridge = {
		.vendor = 0x8086, .device = 0x7000, .class_code = 0x060100
	};
	/* 82441FX section 3.2.18: 0x59..0x5f PAM. They hold what is written; RAM behind the BIOS area is
	 * always RAM here. */
	enum { PAM_FIRST = 0x59, PAM_COUNT = 7 };
	/* 82371SB section 2.1: 0x60..0x63 PIRQ routing, 0x82 deterministic latency
	 * control (Linux sets passive release). */
	enum { PIRQ_FIRST = 0x60, PIRQ_COUNT = 4, LATENCY_CONTROL = 0x82 };

	pci->address = 0;
	for (unsigned i = 0; i < PCI_DEVICES; i++)
		pci->function[i].present = false;
	struct pci_function *host = &pci->function[0], *isa = &pci->function[1];
	fill(host, &host_bridge);
	fill(isa, &isa_bridge);
	for (unsigned i = 0; i < PAM_COUNT; i++)
		host->writable[PAM_FIRST + i] = 0xff;
	for (unsigned i = 0; i < PIRQ_COUNT; i++) {
		isa->config[PIRQ_FIRST + i] = pirq_interrupt[i];
	}
	isa->writable[LATENCY_CONTROL] = 0x0f;
	/* Bridges decode always: the bits are fixed at 1. */
	put(isa->config, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	put(isa->writable, PCI_COMMAND, 2, 0);
	put(host->config, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	put(host->writable, PCI_COMMAND, 2, 0);
}

/* The device that CONFIG_ADDRESS selects, or PCI_DEVICES: disabled, another bus, a function other than 0,
 * or nothing there. */
static unsigned selected(const struct pci *pci)
{
	unsigned device = pci->address >> 11 & 0x1f;
	bool here = (pci->address & ADDRESS_ENABLE) && (pci->address >> 16 & 0xff) == 0 &&
		    (pci->address >> 8 & 7) == 0;
	return here && pci->function[device].present ? device : PCI_DEVICES;
}

uint32_t pci_port_read(const struct pci *pci, unsigned offset, unsigned width)
{
	if (offset == 0 && width == 4)
		return pci->address;
	uint32_t value = all_ones(width);
	unsigned device = selected(pci);
	if (device == PCI_DEVICES)
		return value;
	for (unsigned i = 0; i < width && i < 4; i++) {
		unsigned port = offset + i;
		if (port < DATA_OFFSET || port >= PCI_PORT_COUNT)
			continue;
		uint32_t byte = pci->function[device].config[(pci->address & 0xfc) + (port - DATA_OFFSET)];
		value = (value & ~(UINT32_C(0xff) << 8 * i)) | byte << 8 * i;
	}
	return value;
}

void pci_port_write(struct pci *pci, unsigned offset, unsigned width, uint32_t value)
{
	if (offset == 0 && width == 4) {
		pci->address = value & ADDRESS_BITS;
		return;
	}
	unsigned device = selected(pci);
	if (device == PCI_DEVICES)
		return;
	for (unsigned i = 0; i < width && i < 4; i++) {
		unsigned port = offset + i;
		if (port < DATA_OFFSET || port >= PCI_PORT_COUNT)
			continue;
		pci_config_write(
			pci, device, (pci->address & 0xfc) + (port - DATA_OFFSET), 1, value >> 8 * i);
	}
}

unsigned pci_selected(const struct pci *pci, unsigned *at)
{
	*at = pci->address & 0xfc;
	return selected(pci);
}
