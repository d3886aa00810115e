/* SPDX-License-Identifier: MIT */
/*
 * The driver of an Intel 82574L of the host: the line between the switch and a physical network. It has its function's registers but for the MSI-X
 * table, one interrupt, the rings to the switch, and memory that the device reaches: two rings of descriptors and the frames under way.
 *
 * Given by the manifest: capability notification, which the switch and the device signal; switch-signal; regions frames, queue, buffers, function (what
 * the PCI server found), bar0 to bar5 as far as the device has them.
 */
#include "e1000e.h"
#include "frames_work.h"

#define MESSAGE 0u /* of the function's interrupt messages */

static struct e1000e device;

static void start(void)
{
	struct driver_bar bars[HOST_PCI_BARS];
	uint64_t queues_address;
	uint64_t buffers_address;
	void *queues = driver_dma_region("queue", E1000E_QUEUES, NULL, &queues_address);
	void *buffers = driver_dma_region("buffers", E1000E_MEMORY, NULL, &buffers_address);
	enum e1000e_error error;

	driver_bars(bars);
	error = e1000e_start(&device, driver_function(), &bars[0], MESSAGE, queues, queues_address, buffers,
		buffers_address);
	if (error != E1000E_OK) {
		driver_give_up(e1000e_error_text(error));
	}
}

static bool look(void) { return e1000e_look(&device); }

static enum driver_turn turn(struct frames *frames, bool is_up)
{
	return e1000e_turn(&device, frames, is_up);
}

static bool may_sleep(struct frames *frames) { return e1000e_may_sleep(&device, frames); }

int main(void)
{
	static const struct frames_device line = { look, turn, may_sleep };

	start();
	frames_serve(&line);
}
