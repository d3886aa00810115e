/* SPDX-License-Identifier: MIT */
/* What a driver of a host device finds in its task information. Ends the task, with a message in its log, where something is missing. */
#pragma once

#include <bulkhead/host_pci.h>

#include <stddef.h>
#include <stdint.h>

/* A BAR as far as the driver has it; size 0: not at all. Pages of the MSI-X table are not there (host_pci_is_message_page). */
struct driver_bar {
	volatile uint8_t *base;
	uint64_t size;
};

/* What the PCI server found of the driver's function. */
const struct host_pci_function *driver_function(void);

/* Its BARs. */
void driver_bars(struct driver_bar bars[HOST_PCI_BARS]);

/* Memory that the device reaches, of at least `minimum` bytes; its address for the device in *address. */
void *driver_dma_region(const char *name, size_t minimum, size_t *size, uint64_t *address);

/* Says why the device cannot be used, and ends. */
_Noreturn void driver_give_up(const char *reason);
