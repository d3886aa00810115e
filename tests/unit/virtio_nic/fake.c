/* SPDX-License-Identifier: MIT */
/* The tests' virtio network card: see fake.h. Knows the driver's structures by their places in virtio 1.2 only. */
#include "fake.h"

#include "mmio.h"

#include <string.h>

struct fake fake;
struct host_pci_function fake_function;
struct driver_bar fake_bars[HOST_PCI_BARS];
uint8_t fake_queues[NIC_QUEUES] __attribute__((aligned(4096)));
uint8_t fake_buffers[NIC_MEMORY] __attribute__((aligned(4096)));

static uint8_t common[0x38];
static uint8_t notify[0x100];
static uint8_t config[16];

static bool is_in(const volatile void *address, const uint8_t *window, size_t size, uint32_t *offset)
{
	size_t distance = (size_t)((const volatile uint8_t *)address - (const volatile uint8_t *)window);

	*offset = (uint32_t)distance;
	return distance < size;
}

static struct fake_queue *selected(void)
{
	assert_in_range(fake.queue_select, 0, 1);
	return &fake.queue[fake.queue_select];
}

static uint32_t read_common(uint32_t offset)
{
	switch (offset) {
	case 0x04:
		return (uint32_t)(fake.offered >> (fake.feature_select[0] != 0 ? 32 : 0));
	case 0x10:
		return fake.config_vector;
	case 0x12:
		return 2;
	case 0x14:
		return fake.status;
	case 0x18:
		return selected()->size != 0 ? selected()->size : fake.queue_size;
	case 0x1a:
		return selected()->vector;
	case 0x1e:
		return fake.queue_select;
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
		fake.config_vector = fake.refuses_changes ? 0xffff : (uint16_t)value;
		break;
	case 0x14:
		if (value == 0) {
			memset(fake.queue, 0, sizeof fake.queue);
		}
		fake.status = value;
		break;
	case 0x16:
		fake.queue_select = (uint16_t)value;
		break;
	case 0x18:
		selected()->size = (uint16_t)value;
		break;
	case 0x1a:
		selected()->vector = (uint16_t)value;
		break;
	case 0x1c:
		assert_int_equal(value, 1);
		selected()->is_enabled = true;
		break;
	default:
		assert_in_range(offset, 0x20, 0x34);
		memcpy((uint8_t *)selected()->address + (offset - 0x20), &value, 4);
		break;
	}
}

uint32_t mmio_read(const volatile void *address, unsigned width)
{
	uint32_t offset;

	if (is_in(address, common, sizeof common, &offset)) {
		return read_common(offset);
	}
	assert_true(is_in(address, config, sizeof config, &offset));
	assert_int_equal(offset, 6);
	assert_int_equal(width, 2);
	return fake.link;
}

void mmio_write(volatile void *address, unsigned width, uint32_t value)
{
	uint32_t offset;

	if (is_in(address, common, sizeof common, &offset)) {
		write_common(offset, value);
		return;
	}
	/* each queue has a doorbell of its own */
	assert_true(is_in(address, notify, sizeof notify, &offset));
	assert_int_equal(offset, 4 * value);
	assert_int_equal(width, 2);
	assert_in_range(value, 0, 1);
	assert_int_not_equal(fake.status & 4, 0);
	fake.queue[value].doorbells++;
}

static void add_capability(uint32_t place, uint32_t next, uint32_t type, uint32_t bar, uint32_t length)
{
	fake_function.header[place / 4] = type << 24 | 20u << 16 | next << 8 | 0x09;
	fake_function.header[place / 4 + 1] = bar;
	fake_function.header[place / 4 + 2] = 0;
	fake_function.header[place / 4 + 3] = length;
	fake_function.header[place / 4 + 4] = 4;
}

void fake_reset(void)
{
	memset(&fake, 0, sizeof fake);
	memset(&fake_function, 0, sizeof fake_function);
	memset(fake_bars, 0, sizeof fake_bars);
	memset(fake_queues, 0xaa, sizeof fake_queues);
	memset(fake_buffers, 0xaa, sizeof fake_buffers);
	fake.offered = UINT64_C(1) << 32 | UINT64_C(1) << 33 | UINT64_C(1) << 16 | UINT64_C(0xffff);
	fake.queue_size = 256;
	fake.link = 1;
	fake_function.header[0x34 / 4] = 0x98;
	fake_function.table_bar = 1;
	fake_function.table_entries = 4;
	fake_function.pending_bar = 1;
	fake_function.pending_offset = 0x800;
	add_capability(0x98, 0x84, 1, 0, sizeof common);
	add_capability(0x84, 0x70, 2, 2, sizeof notify);
	add_capability(0x70, 0, 4, 4, sizeof config);
	fake_bars[0] = (struct driver_bar){ common, sizeof common };
	fake_bars[2] = (struct driver_bar){ notify, sizeof notify };
	fake_bars[4] = (struct driver_bar){ config, sizeof config };
}

/* ---- The device's work ----------------------------------------------------------------------------------------------- */

/* What the device sees at an address: queues or buffers, and nothing else. */
static uint8_t *reach(uint64_t address, uint32_t length)
{
	if (address >= FAKE_QUEUES_ADDRESS && address - FAKE_QUEUES_ADDRESS <= sizeof fake_queues - length) {
		return fake_queues + (address - FAKE_QUEUES_ADDRESS);
	}
	assert_true(address >= FAKE_BUFFERS_ADDRESS &&
		    address - FAKE_BUFFERS_ADDRESS <= sizeof fake_buffers - length);
	return fake_buffers + (address - FAKE_BUFFERS_ADDRESS);
}

static const struct virtio_available *available(unsigned queue)
{
	return (const struct virtio_available *)(void *)reach(
		fake.queue[queue].address[1], sizeof(struct virtio_available));
}

uint32_t fake_available(unsigned queue)
{
	return (uint16_t)(available(queue)->index - fake.queue[queue].seen);
}

bool fake_may_interrupt(unsigned queue) { return (available(queue)->flags & 1) == 0; }

static const struct virtio_descriptor *next_descriptor(unsigned queue, uint32_t *head)
{
	struct fake_queue *state = &fake.queue[queue];

	if (!state->is_enabled || (fake.status & 4) == 0 || fake_available(queue) == 0) {
		return NULL;
	}
	assert_true(fake_available(queue) <= state->size);
	*head = available(queue)->ring[state->seen++ % state->size];
	assert_true(*head < state->size);
	return (const struct virtio_descriptor *)(void *)reach(
		state->address[0] + *head * sizeof(struct virtio_descriptor),
		sizeof(struct virtio_descriptor));
}

void fake_give_back(unsigned queue, uint32_t head, uint32_t length)
{
	struct fake_queue *state = &fake.queue[queue];
	struct virtio_used *used = (struct virtio_used *)(void *)reach(state->address[2], sizeof *used);

	used->ring[state->used % state->size].head = head;
	used->ring[state->used % state->size].length = length;
	used->index = ++state->used;
}

bool fake_deliver(const uint8_t *bytes, uint32_t length)
{
	uint32_t head;
	const struct virtio_descriptor *descriptor = next_descriptor(NIC_QUEUE_RECEIVE, &head);
	uint8_t *buffer;

	if (descriptor == NULL) {
		return false;
	}
	assert_int_equal(descriptor->flags, VIRTIO_DESCRIPTOR_WRITE);
	assert_true(descriptor->length >= NIC_HEADER + length);
	buffer = reach(descriptor->address, descriptor->length);
	memset(buffer, 0, NIC_HEADER);
	memcpy(buffer + NIC_HEADER, bytes, length);
	fake_give_back(NIC_QUEUE_RECEIVE, head, NIC_HEADER + length);
	return true;
}

uint32_t fake_send(uint8_t *bytes, uint32_t *head)
{
	static const uint8_t nothing_to_do[NIC_HEADER];
	const struct virtio_descriptor *descriptor = next_descriptor(NIC_QUEUE_TRANSMIT, head);
	const uint8_t *buffer;

	if (descriptor == NULL) {
		return 0;
	}
	assert_int_equal(descriptor->flags, 0);
	assert_in_range(descriptor->length, NIC_HEADER + FRAMES_MIN_LENGTH, FRAMES_BUFFER);
	buffer = reach(descriptor->address, descriptor->length);
	assert_memory_equal(buffer, nothing_to_do, NIC_HEADER);
	memcpy(bytes, buffer + NIC_HEADER, descriptor->length - NIC_HEADER);
	return descriptor->length - NIC_HEADER;
}
