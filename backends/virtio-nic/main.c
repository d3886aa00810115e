/* SPDX-License-Identifier: MIT */
/*
 * The driver of a virtio network card of the host: the line between the switch and a physical network. It has its function's registers but for the MSI-X
 * table, one interrupt, the rings to the switch, and memory that the device reaches: two queues and the frames under way.
 *
 * Given by the manifest: capability notification, which the switch and the device signal; switch-signal; regions frames, queue, buffers, function (what
 * the PCI server found), bar0 to bar5 as far as the device has them.
 */
#include "environment.h"
#include "frames_work.h"
#include "nic.h"

#define MESSAGE 0u /* of the function's interrupt messages */

static struct virtio_device device;
static struct nic nic;

static void demand(enum virtio_error error)
{
	if (error != VIRTIO_OK) {
		driver_give_up(virtio_error_text(error));
	}
}

static void start(void)
{
	struct driver_bar bars[HOST_PCI_BARS];
	uint64_t queues_address;
	uint64_t buffers_address;
	uint8_t *queues = driver_dma_region("queue", NIC_QUEUES, NULL, &queues_address);
	void *buffers = driver_dma_region("buffers", NIC_MEMORY, NULL, &buffers_address);

	driver_bars(bars);
	demand(virtio_find(&device, driver_function(), bars));
	/* From here on nothing of a former life is under way. */
	demand(virtio_reset(&device));
	demand(virtio_negotiate(&device, NIC_FEATURE_STATUS));
	demand(virtio_open_queue(&device, &nic.receive, NIC_QUEUE_RECEIVE, MESSAGE, queues, queues_address));
	demand(virtio_open_queue(&device, &nic.transmit, NIC_QUEUE_TRANSMIT, MESSAGE,
		queues + VIRTIO_QUEUE_MEMORY, queues_address + VIRTIO_QUEUE_MEMORY));
	demand(virtio_tell_changes(&device, MESSAGE));
	nic_init(&nic, buffers, buffers_address);
	virtio_start(&device);
}

static bool look(void)
{
	nic_hush(&nic);
	return nic_is_up(&device);
}

static enum driver_turn turn(struct frames *frames, bool is_up) { return nic_turn(&nic, frames, is_up); }

static bool may_sleep(struct frames *frames) { return nic_may_sleep(&nic, frames); }

int main(void)
{
	static const struct frames_device line = { look, turn, may_sleep };

	start();
	frames_serve(&line);
}
