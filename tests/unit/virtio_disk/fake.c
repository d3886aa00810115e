/* SPDX-License-Identifier: MIT */
/* The tests' virtio disk: see fake.h. */
#include "fake.h"

#include "mmio.h"

#include <string.h>

struct fake fake;
struct host_pci_function fake_function;
struct driver_bar fake_bars[HOST_PCI_BARS];
uint8_t fake_memory[DISK_MEMORY] __attribute__((aligned(4096)));
uint8_t fake_area[FAKE_AREA_SIZE] __attribute__((aligned(4096)));
struct block_page fake_page;

uint32_t mmio_read(const volatile void *address, unsigned width)
{
	return virtio_fake_read(&fake.device, address, width);
}

void mmio_write(volatile void *address, unsigned width, uint32_t value)
{
	virtio_fake_write(&fake.device, address, width, value);
}

static void set_config(uint32_t offset, uint64_t value, size_t width)
{
	memcpy(fake.device.config + offset, &value, width);
}

void fake_reset(void)
{
	memset(&fake, 0, sizeof fake);
	virtio_fake_plug(&fake.device, 1, &fake_function, fake_bars);
	memset(fake_memory, 0, sizeof fake_memory);
	memset(fake_area, 0, sizeof fake_area);
	memset(&fake_page, 0, sizeof fake_page);
	fake.device.offered = DISK_FEATURES & ~(UINT64_C(1) << 5 | UINT64_C(1) << 1);
	fake.device.offered |= UINT64_C(1) << 32 | UINT64_C(1) << 28 | UINT64_C(1) << 29;
	fake.device.memory[0].address = FAKE_QUEUE_ADDRESS;
	fake.device.memory[0].bytes = fake_memory;
	fake.device.memory[0].size = sizeof fake_memory;
	fake.device.memory[1].address = FAKE_AREA_ADDRESS;
	fake.device.memory[1].bytes = fake_area;
	fake.device.memory[1].size = sizeof fake_area;
	set_config(0, FAKE_SECTORS, 8);
	set_config(20, 512, 4);
	set_config(36, 1000, 4);
	set_config(48, 500, 4);
}

/* ---- The device's work ----------------------------------------------------------------------------------------------- */

static uint8_t do_range(uint32_t type, const uint8_t *range)
{
	uint64_t sector;
	uint32_t count;

	memcpy(&sector, range, 8);
	memcpy(&count, range + 8, 4);
	assert_true(count <= (type == 11 ? 1000u : 500u));
	assert_true(sector + count <= FAKE_SECTORS);
	memset(fake.sectors + sector * BLOCK_SECTOR_SIZE, type == 11 ? 0xdd : 0,
		(size_t)count * BLOCK_SECTOR_SIZE);
	return 0;
}

static uint8_t do_request(uint32_t type, uint64_t sector, const struct virtio_descriptor *data)
{
	uint8_t *bytes = data != NULL ? virtio_fake_reach(&fake.device, data->address, data->length) : NULL;

	switch (type) {
	case 0:
		assert_int_equal(data->flags & VIRTIO_DESCRIPTOR_WRITE, VIRTIO_DESCRIPTOR_WRITE);
		assert_true(sector * BLOCK_SECTOR_SIZE + data->length <= sizeof fake.sectors);
		memcpy(bytes, fake.sectors + sector * BLOCK_SECTOR_SIZE, data->length);
		return 0;
	case 1:
		assert_int_equal(data->flags & VIRTIO_DESCRIPTOR_WRITE, 0);
		assert_true(sector * BLOCK_SECTOR_SIZE + data->length <= sizeof fake.sectors);
		memcpy(fake.sectors + sector * BLOCK_SECTOR_SIZE, bytes, data->length);
		return 0;
	case 4:
		assert_null(data);
		return 0;
	case 11:
	case 13:
		assert_int_equal(data->length, 16);
		return do_range(type, bytes);
	default:
		return 2;
	}
}

static void do_chain(uint32_t head)
{
	const struct virtio_descriptor *header = virtio_fake_descriptor(&fake.device, 0, head);
	const struct virtio_descriptor *data = virtio_fake_descriptor(&fake.device, 0, header->next);
	const struct virtio_descriptor *status = data;
	uint32_t type;
	uint64_t sector;
	uint8_t result;

	assert_int_equal(header->length, 16);
	assert_int_equal(header->flags, VIRTIO_DESCRIPTOR_NEXT);
	memcpy(&type, virtio_fake_reach(&fake.device, header->address, 16), 4);
	memcpy(&sector, virtio_fake_reach(&fake.device, header->address, 16) + 8, 8);
	if ((data->flags & VIRTIO_DESCRIPTOR_NEXT) != 0) {
		status = virtio_fake_descriptor(&fake.device, 0, data->next);
	} else {
		data = NULL;
	}
	assert_int_equal(status->flags, VIRTIO_DESCRIPTOR_WRITE);
	assert_int_equal(status->length, 1);
	result = fake.fails ? 1 : do_request(type, sector, data);
	*virtio_fake_reach(&fake.device, status->address, 1) = result;
	fake.order[fake.pieces++ % 64] = type;
}

void fake_give_back(uint32_t head) { virtio_fake_give_back(&fake.device, 0, head, 1); }

void fake_work(uint32_t count, bool backwards)
{
	struct virtio_fake_queue *queue = &fake.device.queue[0];
	uint16_t fresh = virtio_fake_available(&fake.device, 0);

	assert_true(virtio_fake_is_running(&fake.device, 0));
	fresh = fresh > count ? (uint16_t)count : fresh;
	for (uint16_t i = 0; i < fresh; i++) {
		uint16_t place = (uint16_t)(queue->seen + (backwards ? fresh - 1 - i : i));
		uint16_t head = virtio_fake_ring(&fake.device, 0)->ring[place % queue->size];

		do_chain(head);
		fake_give_back(head);
	}
	queue->seen = (uint16_t)(queue->seen + fresh);
}
