/* SPDX-License-Identifier: MIT */
/*
 * The driver of a virtio disk of the host: a server of the block protocol. It has its function's registers but for the MSI-X table, one interrupt, and memory
 * that the device reaches: its queue and the data areas.
 *
 * Given by the manifest: capability notification, of which bit 0 is the client's and bit 1 the device's; disk-signal; regions disk-page, area0, area1 ...,
 * queue, function (what the PCI server found), bar0 to bar5 as far as the device has them.
 */
#include "disk.h"

#include <bulkhead/syscall.h>
#include <bulkhead/task.h>

#define MESSAGE 0u /* of the function's interrupt messages */

static struct virtio_device device;
static struct disk disk;

static _Noreturn void give_up(const char *reason)
{
	bh_log("the disk cannot be used: %s", reason);
	bh_exit(BH_EXIT_ABORT);
}

static void demand(enum virtio_error error)
{
	if (error != VIRTIO_OK) {
		give_up(virtio_error_text(error));
	}
}

/* A region that the device reaches; its address for the device in *address. */
static void *dma_region(const char *name, size_t minimum, size_t *size, uint64_t *address)
{
	const struct task_info_region *region = task_info_region(bh_task_info(), name);
	void *memory = bh_region_required(name, minimum, size);

	if (region->device_address == 0) {
		bh_log("memory region \"%s\" is not for devices", name);
		bh_exit(BH_EXIT_MISSING);
	}
	*address = region->device_address;
	return memory;
}

static void find_device(void)
{
	const struct host_pci_function *function =
		bh_region_required("function", sizeof(struct host_pci_function), NULL);
	struct virtio_bar bars[HOST_PCI_BARS];

	for (uint32_t i = 0; i < HOST_PCI_BARS; i++) {
		char name[TASK_INFO_NAME_SIZE];
		size_t size;

		(void)bh_format(name, sizeof name, "bar%u", i);
		bars[i].base = bh_region(name, &size);
		bars[i].size = size;
	}
	demand(virtio_find(&device, function, bars));
}

static void find_areas(void)
{
	for (uint32_t i = 0; i < DISK_AREAS; i++) {
		char name[TASK_INFO_NAME_SIZE];
		size_t size;

		(void)bh_format(name, sizeof name, BLOCK_NAME_AREA "%u", i);
		if (bh_region(name, NULL) == NULL) {
			break;
		}
		(void)dma_region(name, BLOCK_PAGE_SIZE, &size, &disk.area[i].address);
		disk.area[i].size = size;
		disk.area_count++;
	}
}

static void start(bool *signal)
{
	size_t size;
	uint64_t address;
	void *memory = dma_region("queue", DISK_MEMORY, NULL, &address);
	void *requests = bh_region_required(BLOCK_NAME_PAGE, BLOCK_PAGE_SIZE, &size);
	struct block_page *page = block_attach(requests, size);
	const char *fault;

	if (page == NULL) {
		give_up("its page of requests is of another version");
	}
	find_device();
	find_areas();
	/* From here on nothing of a former life is under way. */
	demand(virtio_reset(&device));
	demand(virtio_negotiate(&device, DISK_FEATURES));
	demand(virtio_open_queue(&device, &disk.queue, 0, MESSAGE, memory, address));
	fault = disk_measure(&disk, &device);
	if (fault != NULL) {
		give_up(fault);
	}
	disk_init(&disk, memory, address);
	disk.server = block_server_start(page);
	virtio_start(&device);
	bh_log("disk of %lu MiB%s", disk.geometry.sectors >> 11,
		(disk.geometry.flags & BLOCK_CAN_WRITE) != 0 ? "" : ", read only");
	block_tell_geometry(&disk.server, &disk.geometry, signal);
}

/* Works until there is nothing to do but to wait. */
static void work(uint64_t client, bool *signal)
{
	enum disk_turn turn;

	do {
		turn = disk_turn(&disk, signal);
		if (turn == DISK_NONSENSE) {
			give_up("it says that it has done what it was not asked");
		}
		if (turn == DISK_IDLE) {
			block_ask_for_requests(&disk.server);
			turn = (block_pending(&disk.server) & ~disk.begun) != 0 && disk.free_chains != 0
				       ? DISK_MOVED
				       : DISK_IDLE;
		}
	} while (turn != DISK_IDLE);
	if (*signal && bh_signal(client) != BH_OK) {
		give_up("its client cannot be signalled");
	}
	*signal = false;
}

int main(void)
{
	uint64_t notification = bh_capability_required(BLOCK_NAME_NOTIFICATION);
	uint64_t client = bh_capability_required(BLOCK_NAME_SIGNAL);
	bool signal = true; /* after a restart the client looks at everything again */

	start(&signal);
	for (;;) {
		uint64_t word;

		work(client, &signal);
		if (bh_wait(notification, &word) != BH_OK) {
			give_up("its notification is gone");
		}
	}
}
