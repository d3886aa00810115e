/* SPDX-License-Identifier: MIT */
/*
 * The driver of an NVMe disk of the host: a server of the block protocol. It has its function's registers but for the MSI-X table, one interrupt, and memory
 * that the controller reaches: its queues and the data areas.
 *
 * Given by the manifest: capability notification, of which bit 0 is the client's and bit 1 the device's; disk-signal; regions disk-page, area0, area1 ...,
 * queue, function (what the PCI server found), bar0 to bar5 as far as the device has them.
 */
#include "environment.h"
#include "nvme.h"

#define MESSAGE 0u /* of the function's interrupt messages */

static struct nvme nvme;

static enum driver_turn turn(bool *signal) { return nvme_turn(&nvme, signal); }

/* With fewer entries than slots a completion makes room, and that is an interrupt. */
static bool can_begin(void)
{
	return (uint32_t)__builtin_popcountll(nvme.slots.begun) + 1 < nvme.queue.entries;
}

int main(void)
{
	struct driver_bar bars[HOST_PCI_BARS];
	uint64_t address;
	void *memory = driver_dma_region("queue", NVME_MEMORY, NULL, &address);
	enum nvme_error error;

	driver_bars(bars);
	error = nvme_start(&nvme, driver_function(), &bars[0], MESSAGE, memory, address);
	if (error != NVME_OK) {
		driver_give_up(nvme_error_text(error));
	}
	driver_open_slots(&nvme.slots);
	driver_serve(&nvme.slots, turn, can_begin);
}
