/* SPDX-License-Identifier: MIT */
/* A driver's names: see environment.h. */
#include "environment.h"

#include <bulkhead/task.h>

_Noreturn void driver_give_up(const char *reason)
{
	bh_log("the device cannot be used: %s", reason);
	bh_exit(BH_EXIT_ABORT);
}

const struct host_pci_function *driver_function(void)
{
	return bh_region_required("function", sizeof(struct host_pci_function), NULL);
}

void driver_bars(struct driver_bar bars[HOST_PCI_BARS])
{
	for (uint32_t i = 0; i < HOST_PCI_BARS; i++) {
		char name[TASK_INFO_NAME_SIZE];
		size_t size;

		(void)bh_format(name, sizeof name, "bar%u", i);
		bars[i].base = bh_region(name, &size);
		bars[i].size = size;
	}
}

void *driver_dma_region(const char *name, size_t minimum, size_t *size, uint64_t *address)
{
	void *memory = bh_region_required(name, minimum, size);
	const struct task_info_region *region = task_info_region(bh_task_info(), name);

	*address = region != NULL ? region->device_address : 0;
	if (*address == 0) {
		bh_log("memory region \"%s\" is not for devices", name);
		bh_exit(BH_EXIT_MISSING);
	}
	return memory;
}
