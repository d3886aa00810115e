/* SPDX-License-Identifier: MIT */
/* The configuration space of a virtio device (virtio 1.2 section 4.1): identity, BARs, capabilities, as bulkhead/virtio_pci.h lays them out.
 * Pure. */
#ifndef VMM_PCI_VIRTIO_FUNCTION_H
#define VMM_PCI_VIRTIO_FUNCTION_H

#include "pci/msix.h"
#include "pci/pci.h"

struct virtio_function {
	uint32_t type;       /* section 5: 1 network, 2 block, 3 console, 4 entropy... */
	uint32_t class_code; /* base class << 16 | subclass << 8 | interface */
	uint32_t queues;     /* 1..VIRTIO_PCI_QUEUES */
};

/* Adds the function as device `device`, with its MSI-X table in *msix; *window gets the offset of the capability by which BARs are accessed
 * through configuration space (section 4.1.4.9). Start-up. */
__attribute__((warn_unused_result)) enum pci_result virtio_function_add(struct pci *pci, unsigned device,
	const struct virtio_function *function, struct msix *msix, unsigned *window);

/* What firmware does: places its BARs, the n-th function's behind those before, switches decoding on, and writes down the interrupt line. */
void virtio_function_place(struct pci *pci, unsigned device, unsigned number);

/* Fields of the window capability. */
enum { VIRTIO_WINDOW_BAR = 4, VIRTIO_WINDOW_OFFSET = 8, VIRTIO_WINDOW_LENGTH = 12, VIRTIO_WINDOW_DATA = 16 };

#endif
