/* SPDX-License-Identifier: MIT */
/* The checks of the host's functions, whether they are disks or uplinks: each has one driver, and an IOMMU or the file lets that do DMA. Memory only. */
#include "check.h"

#include <string.h>

/* Of one kind of function there may be several, but in one place there is one. */
static bool is_same(const struct host_function *one, const struct host_function *other)
{
	return other->pci != NULL && strchr(one->pci, '.') != NULL && strcmp(one->pci, other->pci) == 0;
}

const char *function_owner(const struct appliance *appliance, const struct host_function *function,
	unsigned disk_count, unsigned uplink_count)
{
	for (unsigned i = 0; i < uplink_count; i++) {
		if (is_same(function, &appliance->network.uplinks[i].function)) {
			return appliance->network.uplinks[i].name;
		}
	}
	for (unsigned i = 0; i < disk_count; i++) {
		if (is_same(function, &appliance->disks[i].function)) {
			return appliance->disks[i].name;
		}
	}
	return NULL;
}

void check_dma(const struct appliance *appliance, const char *what, const char *name,
	const struct host_function *function, struct diagnostics *diagnostics)
{
	if (!function->allow_dma && !appliance->has_iommu) {
		report(diagnostics, function->line,
			"the driver of %s \"%s\" does DMA, and no IOMMU confines it: write allow_dma = true if driver and device may reach all of memory, or iommu = true outside of all sections if the machine has one",
			what, name);
	}
}
