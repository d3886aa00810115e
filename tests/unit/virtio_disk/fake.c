/* SPDX-License-Identifier: MIT */
/* The tests' virtio disk: see fake.h. Knows the driver's structures by their places in virtio 1.2 only. */
#include "fake.h"

#include "mmio.h"

#include <string.h>

#define STATUS_FEATURES_OK 8u

struct fake fake;
uint8_t fake_common[0x38];
uint8_t fake_notify[0x100];
uint8_t fake_config_window[64];
struct host_pci_function fake_function;
struct driver_bar fake_bars[HOST_PCI_BARS];
uint8_t fake_memory[DISK_MEMORY] __attribute__((aligned(4096)));
uint8_t fake_area[FAKE_AREA_SIZE] __attribute__((aligned(4096)));
struct block_page fake_page;

/* BAR 4 holds notify registers at 0x3000 and so on in reality; here each window is an array of its own, so the BAR's base says which. */
static uint32_t offset_in(const volatile void *address, const uint8_t *window, size_t size, bool *is_inside)
{
	size_t offset = (size_t)((const volatile uint8_t *)address - (const volatile uint8_t *)window);

	*is_inside = offset < size;
	return (uint32_t)offset;
}

static uint32_t read_common(uint32_t offset)
{
	switch (offset) {
	case 0x04:
		return (uint32_t)(fake.offered >> (fake.feature_select[0] != 0 ? 32 : 0));
	case 0x12:
		return 1;
	case 0x14:
		return fake.is_stuck ? 1 : fake.status;
	case 0x18:
		return fake.queue_select == 0 ? (fake.opened_size != 0 ? fake.opened_size : fake.queue_size)
					      : 0;
	case 0x1a:
		return fake.refuses_vector ? 0xffff : fake.vector;
	case 0x1e:
		return 0;
	default:
		fail_msg("the driver read register 0x%x", offset);
		return 0;
	}
}

static void write_common(uint32_t offset, uint32_t value)
{
	switch (offset) {
	case 0x00:
	case 0x08:
		fake.feature_select[offset / 8] = value;
		break;
	case 0x0c:
		fake.taken_features &= fake.feature_select[1] != 0 ? UINT32_MAX : ~(uint64_t)UINT32_MAX;
		fake.taken_features |= (uint64_t)value << (fake.feature_select[1] != 0 ? 32 : 0);
		break;
	case 0x10:
		assert_int_equal(value, 0xffff);
		break;
	case 0x14:
		if (value == 0) {
			fake.is_enabled = false;
			fake.opened_size = 0;
			fake.seen = 0;
			fake.used = 0;
		}
		fake.status = fake.refuses_features ? value & ~STATUS_FEATURES_OK : value;
		break;
	case 0x16:
		fake.queue_select = (uint16_t)value;
		break;
	case 0x18:
		fake.opened_size = (uint16_t)value;
		break;
	case 0x1a:
		fake.vector = (uint16_t)value;
		break;
	case 0x1c:
		assert_int_equal(value, 1);
		fake.is_enabled = true;
		break;
	default:
		assert_in_range(offset, 0x20, 0x34);
		memcpy((uint8_t *)fake.queue_address + (offset - 0x20), &value, 4);
		break;
	}
}

uint32_t mmio_read(const volatile void *address, unsigned width)
{
	bool is_inside;
	uint32_t offset = offset_in(address, fake_common, sizeof fake_common, &is_inside);
	uint32_t value = 0;

	if (is_inside) {
		return read_common(offset);
	}
	offset = offset_in(address, fake_config_window, sizeof fake_config_window, &is_inside);
	assert_true(is_inside && offset % width == 0);
	memcpy(&value, fake.config + offset, width);
	return value;
}

void mmio_write(volatile void *address, unsigned width, uint32_t value)
{
	bool is_inside;
	uint32_t offset = offset_in(address, fake_common, sizeof fake_common, &is_inside);

	if (is_inside) {
		write_common(offset, value);
		return;
	}
	assert_ptr_equal((const volatile uint8_t *)address, fake_notify);
	assert_int_equal(width, 2);
	assert_int_equal(value, 0);
	fake.doorbells++;
}

static void add_capability(uint32_t place, uint32_t next, uint32_t type, uint32_t bar, uint32_t length)
{
	fake_function.header[place / 4] = type << 24 | 20u << 16 | next << 8 | 0x09;
	fake_function.header[place / 4 + 1] = bar;
	fake_function.header[place / 4 + 2] = 0;
	fake_function.header[place / 4 + 3] = length;
	fake_function.header[place / 4 + 4] = 4;
}

static void set_config(uint32_t offset, uint64_t value, size_t width)
{
	memcpy(fake.config + offset, &value, width);
}

void fake_reset(void)
{
	memset(&fake, 0, sizeof fake);
	memset(&fake_function, 0, sizeof fake_function);
	memset(fake_bars, 0, sizeof fake_bars);
	memset(fake_memory, 0, sizeof fake_memory);
	memset(fake_area, 0, sizeof fake_area);
	memset(&fake_page, 0, sizeof fake_page);
	fake.offered = DISK_FEATURES & ~(UINT64_C(1) << 5 | UINT64_C(1) << 1);
	fake.offered |= UINT64_C(1) << 32 | UINT64_C(1) << 28 | UINT64_C(1) << 29;
	fake.queue_size = 256;
	set_config(0, FAKE_SECTORS, 8);
	set_config(20, 512, 4);
	set_config(36, 1000, 4);
	set_config(48, 500, 4);
	fake_function.header[0x34 / 4] = 0x98;
	fake_function.table_bar = 1;
	fake_function.table_entries = 2;
	fake_function.pending_bar = 1;
	fake_function.pending_offset = 0x800;
	add_capability(0x98, 0x84, 1, 0, 0x38);
	add_capability(0x84, 0x70, 2, 2, 0x100);
	add_capability(0x70, 0, 4, 4, 64);
	fake_bars[0] = (struct driver_bar){ fake_common, sizeof fake_common };
	fake_bars[2] = (struct driver_bar){ fake_notify, sizeof fake_notify };
	fake_bars[4] = (struct driver_bar){ fake_config_window, sizeof fake_config_window };
}

/* ---- The device's work ----------------------------------------------------------------------------------------------- */

/* What the device sees at an address: the queue's memory or the area, and nothing else. */
static uint8_t *reach(uint64_t address, uint32_t length)
{
	if (address >= FAKE_QUEUE_ADDRESS && address - FAKE_QUEUE_ADDRESS <= sizeof fake_memory - length) {
		return fake_memory + (address - FAKE_QUEUE_ADDRESS);
	}
	assert_true(address >= FAKE_AREA_ADDRESS && address - FAKE_AREA_ADDRESS <= FAKE_AREA_SIZE - length);
	return fake_area + (address - FAKE_AREA_ADDRESS);
}

static const struct virtio_descriptor *descriptor_at(uint32_t index)
{
	assert_true(index < fake.opened_size);
	return (const struct virtio_descriptor *)(void *)reach(
		fake.queue_address[0] + index * sizeof(struct virtio_descriptor),
		sizeof(struct virtio_descriptor));
}

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
	uint8_t *bytes = data != NULL ? reach(data->address, data->length) : NULL;

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
	const struct virtio_descriptor *header = descriptor_at(head);
	const struct virtio_descriptor *data = descriptor_at(header->next);
	const struct virtio_descriptor *status = data;
	uint32_t type;
	uint64_t sector;
	uint8_t result;

	assert_int_equal(header->length, 16);
	assert_int_equal(header->flags, VIRTIO_DESCRIPTOR_NEXT);
	memcpy(&type, reach(header->address, 16), 4);
	memcpy(&sector, reach(header->address, 16) + 8, 8);
	if ((data->flags & VIRTIO_DESCRIPTOR_NEXT) != 0) {
		status = descriptor_at(data->next);
	} else {
		data = NULL;
	}
	assert_int_equal(status->flags, VIRTIO_DESCRIPTOR_WRITE);
	assert_int_equal(status->length, 1);
	result = fake.fails ? 1 : do_request(type, sector, data);
	*reach(status->address, 1) = result;
	fake.order[fake.pieces++ % 64] = type;
}

void fake_give_back(uint32_t head)
{
	struct virtio_used *used = (struct virtio_used *)(void *)reach(fake.queue_address[2], sizeof *used);

	used->ring[fake.used % fake.opened_size].head = head;
	used->ring[fake.used % fake.opened_size].length = 1;
	used->index = ++fake.used;
}

void fake_work(uint32_t count, bool backwards)
{
	const struct virtio_available *available =
		(const struct virtio_available *)(void *)reach(fake.queue_address[1], sizeof *available);
	uint16_t fresh = (uint16_t)(available->index - fake.seen);

	assert_true(fake.is_enabled && (fake.status & 4) != 0);
	assert_true(fresh <= fake.opened_size);
	fresh = fresh > count ? (uint16_t)count : fresh;
	for (uint16_t i = 0; i < fresh; i++) {
		uint16_t place = (uint16_t)(fake.seen + (backwards ? fresh - 1 - i : i));
		uint16_t head = available->ring[place % fake.opened_size];

		do_chain(head);
		fake_give_back(head);
	}
	fake.seen = (uint16_t)(fake.seen + fresh);
}
