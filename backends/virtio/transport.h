/* SPDX-License-Identifier: MIT */
/* virtio over PCI from the driver's side (virtio 1.2 sections 3.1 and 4.1): where the registers are, the handshake, opening queues. Nothing that the
 * device says is believed. Registers by mmio.h only. */
#pragma once

#include "environment.h"
#include "queue.h"

#include <bulkhead/host_pci.h>

#include <stdint.h>

#define VIRTIO_FEATURE_VERSION_1 (UINT64_C(1) << 32)
#define VIRTIO_FEATURE_ACCESS_PLATFORM \
	(UINT64_C(1) << 33) /* addresses are what an IOMMU, if there is one, takes */

enum virtio_error {
	VIRTIO_OK,
	VIRTIO_ERROR_CAPABILITY, /* a structure is missing, or outside of its BAR */
	VIRTIO_ERROR_VERSION,    /* not a device of virtio 1.0 or later */
	VIRTIO_ERROR_FEATURES,   /* the device does not take the features that it offered */
	VIRTIO_ERROR_QUEUE,      /* no such queue */
	VIRTIO_ERROR_VECTOR,     /* the device does not take its interrupt message */
	VIRTIO_ERROR_STUCK,      /* it does not get through its reset */
};

struct virtio_device {
	volatile uint8_t *common;
	volatile uint8_t *notify;
	volatile uint8_t *config;
	uint32_t notify_length;
	uint32_t notify_multiplier;
	uint32_t config_length;
	uint64_t features; /* agreed on */
};

/* Finds the structures by the capabilities of `function`, which the root task has checked. None may be in a page of its MSI-X table, which the driver
 * does not have. CAPABILITY. */
__attribute__((warn_unused_result)) enum virtio_error virtio_find(struct virtio_device *device,
	const struct host_pci_function *function, const struct driver_bar bars[HOST_PCI_BARS]);

/* Resets the device: behind this it does nothing of what it was told before. STUCK. */
__attribute__((warn_unused_result)) enum virtio_error virtio_reset(struct virtio_device *device);

/* After a reset: agrees on those of `wanted` that the device offers. VERSION, FEATURES. */
__attribute__((warn_unused_result)) enum virtio_error virtio_negotiate(
	struct virtio_device *device, uint64_t wanted);

/* Opens queue `number` in `memory`, of VIRTIO_QUEUE_MEMORY bytes, which the device sees at `address`, with at most VIRTIO_QUEUE_MAX entries; its
 * interrupts are message `vector`. QUEUE, VECTOR. */
__attribute__((warn_unused_result)) enum virtio_error virtio_open_queue(struct virtio_device *device,
	struct virtio_queue *queue, uint16_t number, uint16_t vector, void *memory, uint64_t address);

/* After the queues were opened: that its configuration has changed is told by message `vector`. VECTOR. */
__attribute__((warn_unused_result)) enum virtio_error virtio_tell_changes(
	struct virtio_device *device, uint16_t vector);

/* Lets it run. */
void virtio_start(struct virtio_device *device);

/* `width` bytes (1, 2 or 4) of the device's own configuration; 0 where it has none. */
uint32_t virtio_config(const struct virtio_device *device, uint32_t offset, unsigned width);

/* What is wrong, in English. */
const char *virtio_error_text(enum virtio_error error);
