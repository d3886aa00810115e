/* SPDX-License-Identifier: MIT */
/* Drives QEMU's device "edu": PCI Local Bus Specification 3.0 sections 3.2.2.3.2 (configuration ports), 6.2.5 (base addresses), 6.8.1
 * (MSI); QEMU's docs/specs/edu.txt. */
#include "edu.h"

#include "harness.h"

#define EDU_ID UINT32_C(0x11e81234)
#define PCI_COMMAND 0x04
#define PCI_COMMAND_MEMORY_AND_MASTER 6u
#define PCI_BAR0 0x10
#define PCI_CAPABILITIES 0x34
#define CAPABILITY_MSI 5u
#define MSI_CONTROL_ENABLE (UINT32_C(1) << 16)

#define DEVICES 2u
#define EDU_RAISE 0x60
#define EDU_ACKNOWLEDGE 0x64
#define EDU_DMA_SOURCE 0x80
#define EDU_DMA_DESTINATION 0x88
#define EDU_DMA_COUNT 0x90
#define EDU_DMA_COMMAND 0x98
#define EDU_DMA_START 1u
#define EDU_DMA_TO_MEMORY 2u
#define EDU_DMA_US 100000u
#define EDU_BUFFER 0x40000u

static void outl(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static uint32_t inl(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static uint32_t config_read(uint32_t function, uint32_t offset)
{
	outl(0xcf8, UINT32_C(1) << 31 | function << 8 | offset);
	return inl(0xcfc);
}

static void config_write(uint32_t function, uint32_t offset, uint32_t value)
{
	outl(0xcf8, UINT32_C(1) << 31 | function << 8 | offset);
	outl(0xcfc, value);
}

/* The function of edu number `number`, or 0. */
static uint32_t find(unsigned int number)
{
	for (uint32_t function = 8; function < 256; function += 8) {
		if (config_read(function, 0) == EDU_ID && number-- == 0) {
			return function;
		}
	}
	return 0;
}

static uint64_t registers_of(uint32_t function) { return config_read(function, PCI_BAR0) & ~UINT64_C(0xf); }

/* The Untyped of device memory that address lies in; untyped_count: none. */
static uint32_t find_untyped(uint64_t physical)
{
	uint32_t i = 0;

	while (i < boot_info->untyped_count &&
		(boot_info->untyped[i].device == 0 || boot_info->untyped[i].module != 0 ||
			physical < boot_info->untyped[i].physical ||
			(physical - boot_info->untyped[i].physical) >> boot_info->untyped[i].size_bits !=
				0)) {
		i++;
	}
	return i;
}

/* A Frame of the page at that address in a slot, taking what lies before it in its Untyped in aligned pieces. *taken: the end of
 * what was taken of it. */
static bool take_frame(uint32_t untyped, uint64_t physical, uint64_t *taken, uint64_t frame)
{
	uint64_t slot = boot_info->untyped_first + untyped, base = boot_info->untyped[untyped].physical;

	while (*taken < physical) {
		unsigned int bits = 12;

		while (((*taken - base) & (UINT64_C(1) << bits)) == 0 &&
			*taken + (UINT64_C(2) << bits) <= physical) {
			bits++;
		}
		if (bh_untyped_retype(slot, BH_OBJECT_UNTYPED, bits, 0, slot_new(), 1) != BH_OK) {
			return false;
		}
		*taken += UINT64_C(1) << bits;
	}
	*taken += 4096;
	return bh_untyped_retype(slot, BH_OBJECT_FRAME, 12, 0, frame, 1) == BH_OK;
}

static uint64_t frames[DEVICES];

/* Once in a case: the configuration ports, and Frames of all devices' registers. */
static bool open_devices(void)
{
	uint64_t ports = object_new(BH_OBJECT_IO_PORTS, 0), taken;
	enum bh_error error = bh_io_port_control_configure(BH_BOOT_IO_PORT_CONTROL, ports, 0xcf8, 8);
	unsigned int lower;
	uint32_t untyped;

	if (error == BH_ERROR_IN_USE) {
		return true; /* this case has opened them */
	}
	if (error != BH_OK || bh_io_ports_map(ports, OWN_SPACE) != BH_OK || find(DEVICES - 1) == 0) {
		return false;
	}
	lower = registers_of(find(0)) < registers_of(find(1)) ? 0 : 1;
	untyped = find_untyped(registers_of(find(lower)));
	if (untyped == boot_info->untyped_count || find_untyped(registers_of(find(1 - lower))) != untyped) {
		return false;
	}
	taken = boot_info->untyped[untyped].physical;
	frames[lower] = slot_new();
	frames[1 - lower] = slot_new();
	return take_frame(untyped, registers_of(find(lower)), &taken, frames[lower]) &&
	       take_frame(untyped, registers_of(find(1 - lower)), &taken, frames[1 - lower]);
}

bool edu_open(struct edu *edu, unsigned int number)
{
	uint64_t address = address_new(4096);

	if (!open_devices()) {
		return false;
	}
	edu->function = find(number);
	edu->msi = config_read(edu->function, PCI_CAPABILITIES) & 0xfc;
	while (edu->msi != 0 && (config_read(edu->function, edu->msi) & 0xff) != CAPABILITY_MSI) {
		edu->msi = config_read(edu->function, edu->msi) >> 8 & 0xfc;
	}
	config_write(edu->function, PCI_COMMAND, PCI_COMMAND_MEMORY_AND_MASTER);
	edu->registers = (volatile uint8_t *)address;
	return edu->msi != 0 && (INVOKE(frames[number], BH_FRAME_UNMAP, 0) == BH_OK &&
					map_with_tables(frames[number], OWN_SPACE, address,
						MAP_RW | BH_MAP_UNCACHED) == BH_OK);
}

static void set32(const struct edu *edu, uint32_t offset, uint32_t value)
{
	*(volatile uint32_t *)(edu->registers + offset) = value;
}

void edu_set_message(const struct edu *edu, uint64_t address, uint32_t data)
{
	config_write(edu->function, edu->msi + 4, (uint32_t)address);
	config_write(edu->function, edu->msi + 8, 0); /* its capability has 64-bit addresses */
	config_write(edu->function, edu->msi + 12, data);
	config_write(edu->function, edu->msi, config_read(edu->function, edu->msi) | MSI_CONTROL_ENABLE);
}

void edu_interrupt(const struct edu *edu)
{
	set32(edu, EDU_RAISE, 1);
	set32(edu, EDU_ACKNOWLEDGE, 1);
}

static void copy(
	const struct edu *edu, uint64_t source, uint64_t destination, uint64_t bytes, uint32_t command)
{
	set32(edu, EDU_DMA_SOURCE, (uint32_t)source);
	set32(edu, EDU_DMA_DESTINATION, (uint32_t)destination);
	set32(edu, EDU_DMA_COUNT, (uint32_t)bytes);
	set32(edu, EDU_DMA_COMMAND, command);
	pause_us(EDU_DMA_US); /* it takes that long, always: asking meanwhile would be slow */
	while ((*(volatile uint32_t *)(edu->registers + EDU_DMA_COMMAND) & EDU_DMA_START) != 0) {}
}

void edu_read_memory(const struct edu *edu, uint64_t address, uint64_t bytes)
{
	copy(edu, address, EDU_BUFFER, bytes, EDU_DMA_START);
}

void edu_write_memory(const struct edu *edu, uint64_t address, uint64_t bytes)
{
	copy(edu, EDU_BUFFER, address, bytes, EDU_DMA_START | EDU_DMA_TO_MEMORY);
}
