/* SPDX-License-Identifier: MIT */
/* virtio over PCI: see transport.h. */
#include "transport.h"

#include "mmio.h"

#include <stdbool.h>
#include <stddef.h>

/* Capabilities: virtio 1.2 section 4.1.4. */
#define CAPABILITIES_POINTER 0x34u
#define CAPABILITY_VENDOR 0x09u
#define CAPABILITIES_MAX 48u
#define HEADER_BYTES (4 * HOST_PCI_HEADER_WORDS)
#define STRUCTURE_COMMON 1u
#define STRUCTURE_NOTIFY 2u
#define STRUCTURE_DEVICE 4u

/* struct virtio_pci_common_cfg: section 4.1.4.3. */
#define COMMON_DEVICE_FEATURE_SELECT 0x00u
#define COMMON_DEVICE_FEATURE 0x04u
#define COMMON_DRIVER_FEATURE_SELECT 0x08u
#define COMMON_DRIVER_FEATURE 0x0cu
#define COMMON_CONFIG_VECTOR 0x10u
#define COMMON_QUEUES 0x12u
#define COMMON_STATUS 0x14u
#define COMMON_QUEUE_SELECT 0x16u
#define COMMON_QUEUE_SIZE 0x18u
#define COMMON_QUEUE_VECTOR 0x1au
#define COMMON_QUEUE_ENABLE 0x1cu
#define COMMON_QUEUE_NOTIFY_OFFSET 0x1eu
#define COMMON_QUEUE_DESCRIPTORS 0x20u
#define COMMON_QUEUE_AVAILABLE 0x28u
#define COMMON_QUEUE_USED 0x30u
#define COMMON_LENGTH 0x38u

/* Section 2.1. */
#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER 2u
#define STATUS_DRIVER_OK 4u
#define STATUS_FEATURES_OK 8u

#define NO_VECTOR 0xffffu
#define RESET_POLLS 10000000u

static uint32_t header_byte(const uint32_t *header, uint32_t offset)
{
	return header[offset / 4] >> 8 * (offset % 4) & 0xff;
}

/* The window of a structure whose capability stands at `place`; NULL if it is not inside a BAR that the driver has. */
static volatile uint8_t *window(const struct host_pci_function *function, uint32_t place,
	const struct driver_bar *bars, uint32_t minimum, uint32_t *length)
{
	uint32_t bar = header_byte(function->header, place + 4);
	uint32_t offset = function->header[place / 4 + 2];

	*length = function->header[place / 4 + 3];
	if (bar >= HOST_PCI_BARS || *length < minimum || offset % 4 != 0 || offset > bars[bar].size ||
		*length > bars[bar].size - offset) {
		return NULL;
	}
	for (uint64_t page = offset / HOST_PCI_PAGE_SIZE;
		page <= ((uint64_t)offset + *length - 1) / HOST_PCI_PAGE_SIZE; page++) {
		if (host_pci_is_message_page(function, bar, page)) {
			return NULL;
		}
	}
	return bars[bar].base + offset;
}

enum virtio_error virtio_find(struct virtio_device *device, const struct host_pci_function *function,
	const struct driver_bar bars[HOST_PCI_BARS])
{
	const uint32_t *header = function->header;
	uint32_t place = header_byte(header, CAPABILITIES_POINTER) & 0xfc;

	*device = (struct virtio_device){ 0 };
	for (uint32_t i = 0; i < CAPABILITIES_MAX && place >= 0x40 && place <= HEADER_BYTES - 20; i++) {
		uint32_t id = header_byte(header, place);
		uint32_t structure = header_byte(header, place + 3);
		uint32_t length;

		/* The first usable one of a kind counts (section 4.1.4.1); one that is not usable for us may be for others. */
		if (id == CAPABILITY_VENDOR && structure == STRUCTURE_COMMON && device->common == NULL) {
			device->common = window(function, place, bars, COMMON_LENGTH, &length);
		} else if (id == CAPABILITY_VENDOR && structure == STRUCTURE_NOTIFY &&
			   device->notify == NULL) {
			device->notify = window(function, place, bars, 2, &device->notify_length);
			device->notify_multiplier = header[place / 4 + 4];
		} else if (id == CAPABILITY_VENDOR && structure == STRUCTURE_DEVICE &&
			   device->config == NULL) {
			device->config = window(function, place, bars, 1, &device->config_length);
		}
		place = header_byte(header, place + 1) & 0xfc;
	}
	return device->common != NULL && device->notify != NULL && device->config != NULL
		       ? VIRTIO_OK
		       : VIRTIO_ERROR_CAPABILITY;
}

static uint32_t common_read(const struct virtio_device *device, uint32_t offset, unsigned width)
{
	return mmio_read(device->common + offset, width);
}

static void common_write(struct virtio_device *device, uint32_t offset, unsigned width, uint32_t value)
{
	mmio_write(device->common + offset, width, value);
}

static void add_status(struct virtio_device *device, uint32_t status)
{
	common_write(device, COMMON_STATUS, 1, common_read(device, COMMON_STATUS, 1) | status);
}

enum virtio_error virtio_reset(struct virtio_device *device)
{
	common_write(device, COMMON_STATUS, 1, 0);
	for (uint32_t polls = 0; polls < RESET_POLLS; polls++) {
		if (common_read(device, COMMON_STATUS, 1) == 0) {
			return VIRTIO_OK;
		}
	}
	return VIRTIO_ERROR_STUCK;
}

enum virtio_error virtio_negotiate(struct virtio_device *device, uint64_t wanted)
{
	uint64_t offered;

	add_status(device, STATUS_ACKNOWLEDGE);
	add_status(device, STATUS_DRIVER);
	common_write(device, COMMON_DEVICE_FEATURE_SELECT, 4, 0);
	offered = common_read(device, COMMON_DEVICE_FEATURE, 4);
	common_write(device, COMMON_DEVICE_FEATURE_SELECT, 4, 1);
	offered |= (uint64_t)common_read(device, COMMON_DEVICE_FEATURE, 4) << 32;
	if ((offered & VIRTIO_FEATURE_VERSION_1) == 0) {
		return VIRTIO_ERROR_VERSION;
	}
	device->features = offered & (wanted | VIRTIO_FEATURE_VERSION_1 | VIRTIO_FEATURE_ACCESS_PLATFORM);
	common_write(device, COMMON_DRIVER_FEATURE_SELECT, 4, 0);
	common_write(device, COMMON_DRIVER_FEATURE, 4, (uint32_t)device->features);
	common_write(device, COMMON_DRIVER_FEATURE_SELECT, 4, 1);
	common_write(device, COMMON_DRIVER_FEATURE, 4, (uint32_t)(device->features >> 32));
	add_status(device, STATUS_FEATURES_OK);
	return (common_read(device, COMMON_STATUS, 1) & STATUS_FEATURES_OK) != 0 ? VIRTIO_OK
										 : VIRTIO_ERROR_FEATURES;
}

static void write_address(struct virtio_device *device, uint32_t offset, uint64_t address)
{
	common_write(device, offset, 4, (uint32_t)address);
	common_write(device, offset + 4, 4, (uint32_t)(address >> 32));
}

/* The largest power of two that is not above `limit`, which is not 0. */
static uint16_t power_of_two(uint32_t limit)
{
	uint32_t size = VIRTIO_QUEUE_MAX;

	while (size > limit) {
		size /= 2;
	}
	return (uint16_t)size;
}

enum virtio_error virtio_open_queue(struct virtio_device *device, struct virtio_queue *queue, uint16_t number,
	uint16_t vector, void *memory, uint64_t address)
{
	uint32_t size;
	uint64_t doorbell;

	if (number >= common_read(device, COMMON_QUEUES, 2)) {
		return VIRTIO_ERROR_QUEUE;
	}
	common_write(device, COMMON_QUEUE_SELECT, 2, number);
	size = common_read(device, COMMON_QUEUE_SIZE, 2);
	doorbell = (uint64_t)common_read(device, COMMON_QUEUE_NOTIFY_OFFSET, 2) * device->notify_multiplier;
	if (size == 0 || doorbell % 2 != 0 || doorbell > device->notify_length - 2) {
		return VIRTIO_ERROR_QUEUE;
	}
	size = power_of_two(size);
	virtio_queue_init(queue, memory, number, (uint16_t)size);
	queue->doorbell = device->notify + doorbell;
	common_write(device, COMMON_QUEUE_SIZE, 2, size);
	common_write(device, COMMON_CONFIG_VECTOR, 2, NO_VECTOR);
	common_write(device, COMMON_QUEUE_VECTOR, 2, vector);
	if (common_read(device, COMMON_QUEUE_VECTOR, 2) != vector) {
		return VIRTIO_ERROR_VECTOR;
	}
	write_address(device, COMMON_QUEUE_DESCRIPTORS, address);
	write_address(device, COMMON_QUEUE_AVAILABLE, address + VIRTIO_QUEUE_AVAILABLE);
	write_address(device, COMMON_QUEUE_USED, address + VIRTIO_QUEUE_USED);
	common_write(device, COMMON_QUEUE_ENABLE, 2, 1);
	return VIRTIO_OK;
}

enum virtio_error virtio_tell_changes(struct virtio_device *device, uint16_t vector)
{
	common_write(device, COMMON_CONFIG_VECTOR, 2, vector);
	return common_read(device, COMMON_CONFIG_VECTOR, 2) == vector ? VIRTIO_OK : VIRTIO_ERROR_VECTOR;
}

void virtio_start(struct virtio_device *device) { add_status(device, STATUS_DRIVER_OK); }

uint32_t virtio_config(const struct virtio_device *device, uint32_t offset, unsigned width)
{
	return offset < device->config_length && width <= device->config_length - offset
		       ? mmio_read(device->config + offset, width)
		       : 0;
}

const char *virtio_error_text(enum virtio_error error)
{
	switch (error) {
	case VIRTIO_ERROR_CAPABILITY:
		return "a register structure is missing, or not in memory that the driver has";
	case VIRTIO_ERROR_VERSION:
		return "it is older than virtio 1.0 (QEMU: give the device disable-legacy=on)";
	case VIRTIO_ERROR_FEATURES:
		return "it does not take the features that it offered";
	case VIRTIO_ERROR_QUEUE:
		return "it has no such queue";
	case VIRTIO_ERROR_VECTOR:
		return "it does not take its interrupt message";
	case VIRTIO_ERROR_STUCK:
		return "it does not get through its reset";
	default:
		return "no error";
	}
}
