/* SPDX-License-Identifier: MIT */
/* Checks what the PCI server says: see host_check.h. Pure. */
#include "host_check.h"

#include <stdbool.h>
#include <stddef.h>

#define REQUESTER_MAX 0xffffu
#define PHYSICAL_END \
	(UINT64_C(1) << 52) /* AMD APM vol. 2 section 5.3: the largest physical address of the architecture */
#define BAR_SIZE_MIN 16u    /* PCI 3.0 section 6.2.5.1 */

static bool is_bar(const struct host_pci_bar *bar)
{
	if (bar->size == 0) {
		return bar->address == 0;
	}
	return (bar->size & (bar->size - 1)) == 0 && bar->size >= BAR_SIZE_MIN && bar->size <= PHYSICAL_END &&
	       bar->address != 0 && bar->address % bar->size == 0 && bar->address <= PHYSICAL_END - bar->size;
}

static bool share_page(const struct host_pci_bar *left, const struct host_pci_bar *right)
{
	uint64_t page = HOST_PCI_PAGE_SIZE;

	return left->size != 0 && right->size != 0 &&
	       left->address / page <= (right->address + right->size - 1) / page &&
	       right->address / page <= (left->address + left->size - 1) / page;
}

/* [offset, offset + size) of BAR number `bar`. */
static bool is_inside(const struct host_pci_function *function, uint32_t bar, uint64_t offset, uint64_t size)
{
	return bar < HOST_PCI_BARS && offset % 8 == 0 && offset <= function->bar[bar].size &&
	       size <= function->bar[bar].size - offset;
}

const char *host_function_fault(const struct host_pci_function *function)
{
	uint64_t entries = function->table_entries;

	if (function->requester > REQUESTER_MAX) {
		return "there is no such place";
	}
	for (uint32_t i = 0; i < HOST_PCI_BARS; i++) {
		if (!is_bar(&function->bar[i])) {
			return "a BAR is impossible";
		}
		for (uint32_t j = 0; j < i; j++) {
			if (share_page(&function->bar[i], &function->bar[j])) {
				return "two BARs share a page";
			}
		}
	}
	if (entries == 0 || entries > HOST_PCI_MAX_TABLE_ENTRIES ||
		!is_inside(function, function->table_bar, function->table_offset,
			entries * HOST_PCI_TABLE_ENTRY_SIZE) ||
		!is_inside(
			function, function->pending_bar, function->pending_offset, (entries + 63) / 64 * 8)) {
		return "the MSI-X table is impossible";
	}
	return NULL;
}

const char *host_reason_text(uint32_t reason)
{
	switch (reason) {
	case HOST_PCI_NO_MSIX:
		return "it has no usable MSI-X: use another device";
	case HOST_PCI_BAR_UNASSIGNED:
		return "the firmware gave its registers no address: update the firmware, or use another slot";
	case HOST_PCI_BAR_SHARES_PAGE:
		return "another device's registers are in the same page, and would be given away with it: use another slot";
	case HOST_PCI_IS_BRIDGE:
		return "it is a bridge or an IOMMU, on which others depend: name a device";
	default:
		return "for no known reason";
	}
}
