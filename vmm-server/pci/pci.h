/* SPDX-License-Identifier: MIT */
/* PCI configuration space of a VM: configuration mechanism #1 (PCI Local Bus Specification 3.0 section
 * 3.2.2.3.2) and bus 0 with up to 32 single-function devices. Pure: no system calls, no allocation. Port
 * 0xcf9 (reset) is not part of it. */
#ifndef VMM_PCI_PCI_H
#define VMM_PCI_PCI_H

#include <stdbool.h>
#include <stdint.h>

enum {
	PCI_PORT_BASE = 0xcf8, /* CONFIG_ADDRESS 0xcf8, CONFIG_DATA 0xcfc */
	PCI_PORT_COUNT = 8,
	PCI_DEVICES = 32,
	PCI_CONFIG_SIZE = 256,
	PCI_BARS = 6,
};

/* Registers of a type 0 header (section 6.1). */
enum {
	PCI_VENDOR_ID = 0x00,
	PCI_DEVICE_ID = 0x02,
	PCI_COMMAND = 0x04,
	PCI_STATUS = 0x06,
	PCI_REVISION_ID = 0x08,
	PCI_CLASS_CODE = 0x09,
	PCI_CACHE_LINE_SIZE = 0x0c,
	PCI_HEADER_TYPE = 0x0e,
	PCI_BAR0 = 0x10,
	PCI_SUBSYSTEM_VENDOR_ID = 0x2c,
	PCI_SUBSYSTEM_ID = 0x2e,
	PCI_CAPABILITIES = 0x34,
	PCI_INTERRUPT_LINE = 0x3c,
	PCI_INTERRUPT_PIN = 0x3d,
};
enum {
	PCI_STATUS_CAPABILITIES = 1u << 4,
	PCI_COMMAND_IO = 1u << 0,
	PCI_COMMAND_MEMORY = 1u << 1,
	PCI_COMMAND_MASTER = 1u << 2,
	PCI_COMMAND_INTX_DISABLE = 1u << 10
};

/* Capability identifiers (section H of PCI 3.0; PCI Code and ID Assignment Specification). */
enum { PCI_CAPABILITY_VENDOR = 0x09, PCI_CAPABILITY_MSIX = 0x11 };

struct pci_function {
	bool present;
	uint8_t capabilities_end; /* where the next capability goes; 0: there is none yet */
	uint8_t last_capability;
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t writable[PCI_CONFIG_SIZE]; /* a bit that is 1 can be written by the guest */
};

struct pci {
	uint32_t address; /* CONFIG_ADDRESS */
	struct pci_function function[PCI_DEVICES];
};

struct pci_identity {
	uint16_t vendor, device;
	uint16_t subsystem_vendor, subsystem;
	uint32_t class_code; /* base class << 16 | subclass << 8 | interface */
	uint8_t revision;
	uint8_t interrupt_pin; /* 0 none, 1..4 INTA..INTD */
};

enum pci_bar_kind { PCI_BAR_IO, PCI_BAR_MEMORY_32, PCI_BAR_MEMORY_64 };

enum pci_result {
	PCI_OK,
	PCI_BAD_DEVICE, /* device number not 0..31, or none there */
	PCI_OCCUPIED,   /* there is a device already, or that BAR is defined already */
	/* number not 0..5 (0..4 for 64-bit), size no power of two, below 4 (I/O) or 16 (memory), or above
	 * 256 or 2 GiB; 64-bit: none */
	PCI_BAD_BAR,
	PCI_BAD_PIN,
	PCI_NO_ROOM, /* configuration space has no room for the capability */
};

/* Bus 0 with the host bridge 00:00.0 (8086:1237, i440FX) and the ISA bridge 00:01.0 (8086:7000, PIIX3).
 * Start-up and reset. */
void pci_initialize(struct pci *pci);

/* Adds a device (function 0) with a type 0 header at `device` (0..31). Start-up. */
__attribute__((warn_unused_result)) enum pci_result pci_add(
	struct pci *pci, unsigned device, const struct pci_identity *identity);

/* Gives it a BAR of `size` bytes: address 0, sized and moved by the guest. */
__attribute__((warn_unused_result)) enum pci_result pci_add_bar(
	struct pci *pci, unsigned device, unsigned bar, enum pci_bar_kind kind, uint64_t size);

/* Appends a capability to the device's list: `bytes` (`size` of them, from the identifier on; byte 1, the link, is filled in), of which
 * those bits can be written that are 1 in `writable` (NULL: none). *at, if not NULL, gets its offset. Start-up. */
__attribute__((warn_unused_result)) enum pci_result pci_add_capability(struct pci *pci, unsigned device,
	const uint8_t *bytes, const uint8_t *writable, unsigned size, unsigned *at);

/* What firmware does: gives a BAR that is there its address, a multiple of its size. Start-up. */
void pci_place_bar(struct pci *pci, unsigned device, unsigned bar, uint64_t address);

/* Configuration space as it stands, for the VMM itself: bytes `at`.. of a device that is there, little-endian. */
uint32_t pci_config(const struct pci *pci, unsigned device, unsigned at, unsigned width);

/* What firmware does before the guest: writes as the guest may, writable bits only. */
void pci_config_write(struct pci *pci, unsigned device, unsigned at, unsigned width, uint32_t value);

/* Global system interrupt of pin INTA of the device: this board wires PIRQA..D to 10, 10, 11, 11, and the ISA bridge's routing registers
 * say so. They can't be written: the wires are fixed. */
uint32_t pci_interrupt(unsigned device);

/* The device and register that CONFIG_ADDRESS selects; PCI_DEVICES: none that there is. */
unsigned pci_selected(const struct pci *pci, unsigned *at);

/* The address that the guest gave to a BAR; false if the device or BAR is not there or its decoding is off
 * in the command register. */
__attribute__((warn_unused_result)) bool pci_bar_address(
	const struct pci *pci, unsigned device, unsigned bar, uint64_t *address);

/* A guest's port access at 0xcf8 + `offset` (0..7) of `width` bytes (1, 2 or 4). Reading: absent functions
 * and what lies outside give all ones, zero-extended to 32 bits from the width. CONFIG_ADDRESS answers
 * 32-bit accesses at its own offset only. Exit handlers. */
uint32_t pci_port_read(const struct pci *pci, unsigned offset, unsigned width);
void pci_port_write(struct pci *pci, unsigned offset, unsigned width, uint32_t value);

#endif
