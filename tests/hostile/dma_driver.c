/* SPDX-License-Identifier: MIT */
/*
 * A driver that was taken over: it stands in the place of the virtio disk's driver (its image, its capabilities, its memory) and has its device write
 * wherever it likes. Where that is, the disk says: whoever runs the test writes an order to sector 0, and finds in sector 1 what became of it. What is
 * written there is sector 2, which this task itself never reads, so that it is in memory only where the device has put it.
 *
 * Two ways for each address: as data of a request (512 bytes), and as the place of the used ring, which the device writes by itself. Or all of a
 * range by one request, so that as many writes as possible come at once.
 * Uses what the honest driver uses: backends/driver and backends/virtio.
 */
#include "environment.h"
#include "mmio.h"
#include "transport.h"

#include <bulkhead/task.h>

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define ORDER_MAGIC UINT64_C(0x524544524f414d44)
#define ORDER_ITEMS 20u
#define SECTOR_BYTES 512u

enum { SECTOR_ORDER, SECTOR_REPORT, SECTOR_POISON };

/* struct virtio_blk_req, virtio 1.2 section 5.2.6. */
#define TYPE_READ 0u
#define TYPE_WRITE 1u
#define STATUS_OK 0u
#define STATUS_NONE 0xffu /* not the device's: it has not written yet */

/* struct virtio_pci_common_cfg, section 4.1.4.3; the device's status, section 2.1. */
#define COMMON_STATUS 0x14u
#define COMMON_QUEUE_ENABLE 0x1cu
#define COMMON_QUEUE_USED 0x30u
#define STATUS_NEEDS_RESET 0x40u

#define QUEUE_MEMORY 0x4000u /* what the manifest gives the driver: DRIVERS of tools/bulkhead/expand_host.c */
#define POLLS 200000u
#define RING_BEHIND_DATA SECTOR_BYTES

/* Addresses from `first` to below `end`, every `step` bytes; `step` 0: all of it by one request. */
struct item {
	uint64_t first;
	uint64_t end;
	uint64_t step;
};

struct order {
	uint64_t magic;
	uint64_t sequence; /* 1.. */
	uint64_t count;
	struct item item[ORDER_ITEMS];
};
_Static_assert(sizeof(struct order) <= SECTOR_BYTES, "an order is a sector");

struct report {
	uint64_t magic;
	uint64_t sequence; /* of the last order that was carried out; stored by the device, as a whole */
	uint64_t tried;    /* addresses, each by both ways */
	uint64_t done;     /* requests of which the device said that it had done them */
	uint64_t refused;  /* of which it said that it could not */
	uint64_t broken;   /* by which it came to want a reset */
	uint64_t silent;   /* of which nothing was heard */
};

/* Behind the queue in the driver's DMA memory. */
struct room {
	struct {
		uint32_t type;
		uint32_t reserved;
		uint64_t sector;
	} header;
	volatile uint8_t status;
	uint8_t padding[SECTOR_BYTES - 17];
	uint8_t data[SECTOR_BYTES];
};

static struct virtio_device device;
static struct virtio_queue queue;
static uint8_t *memory; /* the queue, and behind it the room */
static uint64_t memory_address;
static struct room *room;
static uint64_t room_address;
static struct report report = { .magic = ORDER_MAGIC };

static void demand(enum virtio_error error)
{
	if (error != VIRTIO_OK) {
		driver_give_up(virtio_error_text(error));
	}
}

/* From a reset to a running queue. `used`: where the used ring is to be; 0: in the driver's memory. */
static void open_device(uint64_t used)
{
	demand(virtio_reset(&device));
	demand(virtio_negotiate(&device, 0));
	demand(virtio_open_queue(&device, &queue, 0, 0, memory, memory_address));
	if (used != 0) {
		mmio_write(device.common + COMMON_QUEUE_USED, 4, (uint32_t)used);
		mmio_write(device.common + COMMON_QUEUE_USED + 4, 4, (uint32_t)(used >> 32));
		mmio_write(device.common + COMMON_QUEUE_ENABLE, 2, 1);
	}
	virtio_start(&device);
}

static void describe(uint32_t index, uint64_t address, uint32_t length, uint16_t flags)
{
	queue.descriptor[index] = (struct virtio_descriptor){
		.address = address, .length = length, .flags = flags, .next = (uint16_t)(index + 1)
	};
}

static bool is_broken(void)
{
	return (mmio_read(device.common + COMMON_STATUS, 1) & STATUS_NEEDS_RESET) != 0;
}

/* One request, alone in the queue: `length` bytes between the disk and `address`. Returns the device's status; NONE: nothing was heard, or it is broken. */
static uint8_t request(uint32_t type, uint64_t sector, uint64_t address, uint32_t length)
{
	room->header.type = type;
	room->header.sector = sector;
	room->status = STATUS_NONE;
	describe(0, room_address, sizeof room->header, VIRTIO_DESCRIPTOR_NEXT);
	describe(1, address, length,
		VIRTIO_DESCRIPTOR_NEXT | (type == TYPE_READ ? VIRTIO_DESCRIPTOR_WRITE : 0));
	describe(2, room_address + offsetof(struct room, status), 1, VIRTIO_DESCRIPTOR_WRITE);
	virtio_queue_offer(&queue, 0);
	virtio_queue_kick(&queue);
	for (uint32_t polls = 0; polls < POLLS && room->status == STATUS_NONE && !is_broken(); polls++) {}
	return room->status;
}

/* Waits until the device has given the request back, so that the next finds it idle. */
static void settle(void)
{
	uint32_t head;

	for (uint32_t polls = 0; polls < POLLS && !is_broken(); polls++) {
		if (virtio_queue_take(&queue, &head) != VIRTIO_NOTHING) {
			return;
		}
	}
}

/* A sector to or from the driver's own memory, as an honest driver does it. */
static void honest(uint32_t type, uint64_t sector, void *data)
{
	if (type == TYPE_WRITE) {
		memcpy(room->data, data, SECTOR_BYTES);
	}
	if (request(type, sector, room_address + offsetof(struct room, data), SECTOR_BYTES) != STATUS_OK) {
		driver_give_up("it does not do what is allowed");
	}
	settle();
	if (type == TYPE_READ) {
		memcpy(data, room->data, SECTOR_BYTES);
	}
}

static void count(uint8_t status)
{
	if (status == STATUS_OK) {
		report.done++;
	} else if (status != STATUS_NONE) {
		report.refused++;
	} else if (is_broken()) {
		report.broken++;
	} else {
		report.silent++;
	}
}

static bool is_ours(uint64_t address)
{
	return address + 2 * QUEUE_MEMORY > memory_address && address < memory_address + QUEUE_MEMORY;
}

static void attack(uint64_t address)
{
	if (is_ours(address)) {
		return;
	}
	report.tried++;
	count(request(TYPE_READ, SECTOR_POISON, address, SECTOR_BYTES));
	open_device(address + RING_BEHIND_DATA);
	count(request(TYPE_READ, SECTOR_ORDER, room_address + offsetof(struct room, data), SECTOR_BYTES));
	open_device(0);
}

static void burst(const struct item *item)
{
	report.tried++;
	count(request(TYPE_READ, SECTOR_POISON, item->first, (uint32_t)(item->end - item->first)));
	open_device(0);
}

static void carry_out(const struct order *order)
{
	for (uint32_t i = 0; i < order->count && i < ORDER_ITEMS; i++) {
		const struct item *item = &order->item[i];

		if (item->step == 0) {
			burst(item);
			continue;
		}
		for (uint64_t address = item->first; address < item->end; address += item->step) {
			attack(address);
		}
	}
}

int main(void)
{
	static uint8_t sector[SECTOR_BYTES];
	struct order order;
	struct driver_bar bars[HOST_PCI_BARS];

	memory = driver_dma_region("queue", QUEUE_MEMORY, NULL, &memory_address);
	room = (struct room *)(void *)(memory + VIRTIO_QUEUE_MEMORY);
	room_address = memory_address + VIRTIO_QUEUE_MEMORY;
	driver_bars(bars);
	demand(virtio_find(&device, driver_function(), bars));
	open_device(0);
	/* Started again, it does not begin again. */
	honest(TYPE_READ, SECTOR_REPORT, sector);
	memcpy(&order, sector, sizeof order);
	report.sequence = order.magic == ORDER_MAGIC ? order.sequence : 0;
	bh_log("taken over: waits for orders after %lu", report.sequence);
	for (;;) {
		honest(TYPE_READ, SECTOR_ORDER, sector);
		memcpy(&order, sector, sizeof order);
		if (order.magic != ORDER_MAGIC || order.sequence == report.sequence) {
			continue;
		}
		report = (struct report){ .magic = ORDER_MAGIC };
		carry_out(&order);
		report.sequence = order.sequence;
		memset(sector, 0, sizeof sector);
		memcpy(sector, &report, sizeof report);
		honest(TYPE_WRITE, SECTOR_REPORT, sector);
	}
}
