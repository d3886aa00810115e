/* SPDX-License-Identifier: MIT */
/* The memdisk task: a disk in the machine's memory, for appliances that keep nothing, and for tests. Its contents outlive the task, not
 * the machine.
 *
 * Given by the manifest: capabilities notification, disk-signal; regions disk-page, area0 .. areaN, disk (the contents), state (a page
 * that says whether they are set up) and, if the disk begins as an image, image. */
#include "memdisk.h"

#include <bulkhead/syscall.h>
#include <bulkhead/task.h>

#include <string.h>

#define STATE_FILLED UINT64_C(0x44454c4c4946) /* "FILLED": the image was copied */

static struct memdisk disk;

static void demand(enum bh_error error, const char *what)
{
	if (error != BH_OK) {
		bh_log("%s: %s", what, bh_error_text(error));
		bh_exit(BH_EXIT_ABORT);
	}
}

/* Copies the image to the disk, the first time. Killed meanwhile, a successor begins again: nobody was served yet. */
static void fill(uint8_t *bytes, size_t size)
{
	uint64_t *state = bh_region_required("state", sizeof(*state), NULL);
	size_t image_size;
	const void *image = bh_region("image", &image_size);

	if (*state != STATE_FILLED && image != NULL) {
		memcpy(bytes, image, image_size < size ? image_size : size);
	}
	__atomic_store_n(state, STATE_FILLED, __ATOMIC_RELEASE);
}

static void find_areas(void)
{
	for (uint32_t i = 0; i < MEMDISK_AREAS; i++) {
		char name[TASK_INFO_NAME_SIZE];
		size_t size = 0;

		(void)bh_format(name, sizeof(name), BLOCK_NAME_AREA "%u", i);
		disk.area[i].bytes = bh_region(name, &size);
		disk.area[i].size = disk.area[i].bytes != NULL ? size : 0;
	}
}

int main(void)
{
	uint64_t notification = bh_capability_required(BLOCK_NAME_NOTIFICATION);
	uint64_t signal_capability = bh_capability_required(BLOCK_NAME_SIGNAL);
	struct block_page *page =
		block_attach(bh_region_required(BLOCK_NAME_PAGE, BLOCK_PAGE_SIZE, NULL), BLOCK_PAGE_SIZE);
	size_t size;
	uint8_t *bytes = bh_region_required("disk", BLOCK_SECTOR_SIZE, &size);
	bool signal = true; /* a predecessor may have been killed before its last signal */

	if (page == NULL) {
		bh_log("the disk's page was written by another version");
		bh_exit(BH_EXIT_MISSING);
	}
	fill(bytes, size);
	find_areas();
	memdisk_start(&disk, page, bytes, size, &signal);
	bh_ready();
	for (;;) {
		uint64_t word;
		bool moved;

		do {
			moved = memdisk_step(&disk, &signal);
			if (signal) {
				signal = false;
				demand(bh_signal(signal_capability), "signalling the volume server");
			}
			if (!moved) {
				block_ask_for_requests(&disk.client);
				moved = block_pending(&disk.client) != 0;
			}
		} while (moved);
		demand(bh_wait(notification, &word), "waiting");
	}
}
