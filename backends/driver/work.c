/* SPDX-License-Identifier: MIT */
/* The loop of a disk's driver, and what it serves: see work.h. Bit 0 of the notification is the client's, bit 1 the device's; both only say: look. */
#include "work.h"

#include "environment.h"
#include "slots.h"

#include <bulkhead/syscall.h>
#include <bulkhead/task.h>

void driver_open_slots(struct slots *slots)
{
	size_t size;
	void *requests = bh_region_required(BLOCK_NAME_PAGE, BLOCK_PAGE_SIZE, &size);
	struct block_page *page = block_attach(requests, size);

	if (page == NULL) {
		driver_give_up("its page of requests is of another version");
	}
	slots->server = block_server_start(page);
	for (uint32_t i = 0; i < SLOTS_AREAS; i++) {
		char name[TASK_INFO_NAME_SIZE];

		(void)bh_format(name, sizeof name, BLOCK_NAME_AREA "%u", i);
		if (bh_region(name, NULL) == NULL) {
			break;
		}
		(void)driver_dma_region(name, BLOCK_PAGE_SIZE, &size, &slots->area[i].address);
		slots->area[i].size = size;
		slots->area_count++;
	}
}

static void work(
	struct slots *slots, enum driver_turn (*turn)(bool *signal), bool (*can_begin)(void), bool *signal)
{
	enum driver_turn last;

	do {
		last = turn(signal);
		if (last == DRIVER_NONSENSE) {
			driver_give_up("it says that it has done what it was not asked");
		}
		if (last == DRIVER_IDLE) {
			block_ask_for_requests(&slots->server);
			last = slots_fresh(slots) != 0 && can_begin() ? DRIVER_MOVED : DRIVER_IDLE;
		}
	} while (last != DRIVER_IDLE);
}

_Noreturn void driver_serve(
	struct slots *slots, enum driver_turn (*turn)(bool *signal), bool (*can_begin)(void))
{
	uint64_t notification = bh_capability_required(BLOCK_NAME_NOTIFICATION);
	uint64_t client = bh_capability_required(BLOCK_NAME_SIGNAL);
	bool signal = true; /* after a restart the client looks at everything again */

	bh_log("disk of %lu MiB%s", slots->geometry.sectors >> 11,
		(slots->geometry.flags & BLOCK_CAN_WRITE) != 0 ? "" : ", read only");
	block_tell_geometry(&slots->server, &slots->geometry, &signal);
	bh_ready();
	for (;;) {
		uint64_t word;

		work(slots, turn, can_begin, &signal);
		if (signal && bh_signal(client) != BH_OK) {
			driver_give_up("its client cannot be signalled");
		}
		signal = false;
		if (bh_wait(notification, &word) != BH_OK) {
			driver_give_up("its notification is gone");
		}
	}
}
