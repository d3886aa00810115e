/* SPDX-License-Identifier: MIT */
/* The loop of a network card's driver: see frames_work.h. Every bit of the notification, the switch's and the device's, only says: look. */
#include "frames_work.h"

#include "environment.h"

#include <bulkhead/syscall.h>
#include <bulkhead/task.h>

static uint64_t switch_signal;

static void send_signal(struct frames *frames)
{
	if (frames->signal && bh_signal(switch_signal) != BH_OK) {
		driver_give_up("the switch cannot be signalled");
	}
	frames->signal = false;
}

static void work(struct frames *frames, const struct frames_device *device, bool is_up)
{
	enum driver_turn last;

	do {
		do {
			last = device->turn(frames, is_up);
			send_signal(frames);
		} while (last == DRIVER_MOVED);
		if (last == DRIVER_NONSENSE) {
			driver_give_up("it says that it has done what it was not asked");
		}
	} while (!device->may_sleep(frames));
}

/* Who has set up a large MTU wonders why nothing arrives: once for each life. */
static void tell_losses(const struct frames *frames)
{
	static bool was_told;

	if (!was_told && frames->too_long != 0) {
		was_told = true;
		bh_log("packets of more than %u bytes are lost: give the guests' cards an MTU of %u",
			FRAMES_MAX_LENGTH, FRAMES_MTU);
	}
}

_Noreturn void frames_serve(const struct frames_device *device)
{
	uint64_t notification = bh_capability_required("notification");
	static struct frames frames;
	bool was_up = false;
	size_t size;
	void *region = bh_region_required("frames", RING_REGION_MIN_SIZE, &size);

	switch_signal = bh_capability_required("switch-signal");
	if (!frames_open(&frames, region, size)) {
		driver_give_up("its rings to the switch are of another version");
	}
	bh_ready();
	for (bool is_first = true;; is_first = false) {
		uint64_t word;
		bool is_up = device->look();

		if (is_first || is_up != was_up) {
			bh_log("the link is %s", is_up ? "up" : "down");
		}
		was_up = is_up;
		work(&frames, device, is_up);
		tell_losses(&frames);
		if (bh_wait(notification, &word) != BH_OK) {
			driver_give_up("its notification is gone");
		}
	}
}
