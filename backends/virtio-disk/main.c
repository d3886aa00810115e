/* SPDX-License-Identifier: MIT */
/*
 * The driver of a virtio disk of the host: a server of the block protocol. It has its function's registers but for the MSI-X table, one interrupt, and memory
 * that the device reaches: its queue and the data areas.
 *
 * Given by the manifest: capability notification, of which bit 0 is the client's and bit 1 the device's; disk-signal; regions disk-page, area0, area1 ...,
 * queue, function (what the PCI server found), bar0 to bar5 as far as the device has them.
 */
#include "disk.h"
#include "environment.h"

#define MESSAGE 0u /* of the function's interrupt messages */

static struct virtio_device device;
static struct disk disk;

static void demand(enum virtio_error error)
{
	if (error != VIRTIO_OK) {
		driver_give_up(virtio_error_text(error));
	}
}

static void start(void)
{
	struct driver_bar bars[HOST_PCI_BARS];
	uint64_t address;
	void *memory = driver_dma_region("queue", DISK_MEMORY, NULL, &address);
	const char *fault;

	driver_bars(bars);
	demand(virtio_find(&device, driver_function(), bars));
	/* From here on nothing of a former life is under way. */
	demand(virtio_reset(&device));
	demand(virtio_negotiate(&device, DISK_FEATURES));
	demand(virtio_open_queue(&device, &disk.queue, 0, MESSAGE, memory, address));
	fault = disk_measure(&disk, &device);
	if (fault != NULL) {
		driver_give_up(fault);
	}
	disk_init(&disk, memory, address);
	driver_open_slots(&disk.slots);
	virtio_start(&device);
}

static enum driver_turn turn(bool *signal) { return disk_turn(&disk, signal); }

static bool can_begin(void) { return disk.free_chains != 0; }

int main(void)
{
	start();
	driver_serve(&disk.slots, turn, can_begin);
}
