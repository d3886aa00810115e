/* SPDX-License-Identifier: MIT */
/* Is what the PCI server says of a function possible? Pure. */
#pragma once

#include <bulkhead/host_pci.h>

/* What is wrong with `function`, a private copy, in English; NULL if nothing: then each BAR is a power of two in its place, no two of them share a page,
 * and MSI-X table and pending bits lie in BARs. */
const char *host_function_fault(const struct host_pci_function *function);

/* Why the PCI server gives a function to nobody, in English, with what to do. */
const char *host_reason_text(uint32_t reason);
