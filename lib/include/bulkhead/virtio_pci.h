/* SPDX-License-Identifier: MIT */
/* How a virtio device shows itself on a VM's PCI bus (virtio 1.2 section 4.1): what the VMM, which has configuration space,
 * and the device's model, which has the registers, agree upon. Constants and pure functions.
 *
 *   BAR 0, I/O     queue notifications: queue q at port 4 * q. A write there is a doorbell: no message to anyone
 *   BAR 1, memory  MSI-X table and pending bits: the VMM's
 *   BAR 2, memory  0x000  common configuration, interrupt status, device configuration: the model's, its region 0
 *                  0x800  queue notifications again, for drivers that want them in memory: queue q at 4 * q
 *
 * Of the model's line page, line 0 is INTx, and line VIRTIO_PCI_LINE_VECTOR + v is pulsed for MSI-X vector v. */
#pragma once

#include <stdint.h>

enum {
	VIRTIO_PCI_VENDOR = 0x1af4,
	VIRTIO_PCI_DEVICE_BASE = 0x1040, /* + the device's type (section 4.1.2.1) */

	VIRTIO_PCI_BAR_NOTIFY = 0,
	VIRTIO_PCI_BAR_MSIX = 1,
	VIRTIO_PCI_BAR_REGISTERS = 2,

	/* BAR 2 */
	VIRTIO_PCI_COMMON = 0x000,
	VIRTIO_PCI_COMMON_SIZE = 0x40,
	VIRTIO_PCI_ISR = 0x100,
	VIRTIO_PCI_ISR_SIZE = 4,
	VIRTIO_PCI_CONFIG = 0x200,
	VIRTIO_PCI_CONFIG_SIZE = 0x100, /* of the largest device */
	VIRTIO_PCI_REGION_SIZE = 0x800, /* what the model serves */
	VIRTIO_PCI_NOTIFY = 0x800,
	VIRTIO_PCI_REGISTERS_SIZE = 0x1000,

	VIRTIO_PCI_NOTIFY_MULTIPLIER = 4,

	VIRTIO_PCI_FUNCTIONS = 8, /* most of one VM */
	VIRTIO_PCI_QUEUES = 8,    /* most of one device: doorbells of a model */
	VIRTIO_PCI_LINE_INTX = 0,
	VIRTIO_PCI_LINE_VECTOR = 4,
	VIRTIO_PCI_VECTORS = 12, /* lines of the page behind the models' own */
};

/* Vectors of a device with that many queues: one each, and one for changes of its configuration. */
static inline uint32_t virtio_pci_vectors(uint32_t queues)
{
	return queues + 1 < VIRTIO_PCI_VECTORS ? queues + 1 : VIRTIO_PCI_VECTORS;
}
