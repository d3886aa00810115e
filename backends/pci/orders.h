/* SPDX-License-Identifier: MIT */
/* Makes a function as an order says. Configuration space and the function's MSI-X table only. */
#pragma once

#include <bulkhead/host_pci.h>

#include <stdbool.h>

/*
 * Carries `order` out, if it was not yet; returns whether there was anything to do. `page` is that of a function that was found, `table` shows its
 * MSI-X table. First the function falls silent: no DMA and no interrupts of its driver's last life come behind this. Done again after a half,
 * it comes to the same.
 */
bool order_carry_out(
	struct host_pci_function *page, const struct host_pci_order *order, volatile uint32_t *table);
