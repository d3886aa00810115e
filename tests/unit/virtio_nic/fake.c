/* SPDX-License-Identifier: MIT */
/* The tests' virtio network card: see fake.h. */
#include "fake.h"

#include "mmio.h"

#include <string.h>

struct virtio_fake fake;
struct host_pci_function fake_function;
struct driver_bar fake_bars[HOST_PCI_BARS];
uint8_t fake_queues[NIC_QUEUES] __attribute__((aligned(4096)));
uint8_t fake_buffers[NIC_MEMORY] __attribute__((aligned(4096)));

uint32_t mmio_read(const volatile void *address, unsigned width)
{
	return virtio_fake_read(&fake, address, width);
}

void mmio_write(volatile void *address, unsigned width, uint32_t value)
{
	virtio_fake_write(&fake, address, width, value);
}

void fake_set_link(uint16_t status) { memcpy(fake.config + 6, &status, sizeof status); }

void fake_reset(void)
{
	virtio_fake_plug(&fake, 2, &fake_function, fake_bars);
	memset(fake_queues, 0xaa, sizeof fake_queues);
	memset(fake_buffers, 0xaa, sizeof fake_buffers);
	fake.offered = UINT64_C(1) << 32 | UINT64_C(1) << 33 | UINT64_C(1) << 16 | UINT64_C(0xffff);
	fake.memory[0].address = FAKE_QUEUES_ADDRESS;
	fake.memory[0].bytes = fake_queues;
	fake.memory[0].size = sizeof fake_queues;
	fake.memory[1].address = FAKE_BUFFERS_ADDRESS;
	fake.memory[1].bytes = fake_buffers;
	fake.memory[1].size = sizeof fake_buffers;
	fake_set_link(1);
}

/* ---- The device's work ----------------------------------------------------------------------------------------------- */

uint32_t fake_available(unsigned queue) { return virtio_fake_available(&fake, queue); }

bool fake_may_interrupt(unsigned queue) { return (virtio_fake_ring(&fake, queue)->flags & 1) == 0; }

static const struct virtio_descriptor *next_descriptor(unsigned queue, uint32_t *head)
{
	struct virtio_fake_queue *state = &fake.queue[queue];

	if (!virtio_fake_is_running(&fake, queue) || fake_available(queue) == 0) {
		return NULL;
	}
	*head = virtio_fake_ring(&fake, queue)->ring[state->seen++ % state->size];
	return virtio_fake_descriptor(&fake, queue, *head);
}

void fake_give_back(unsigned queue, uint32_t head, uint32_t length)
{
	virtio_fake_give_back(&fake, queue, head, length);
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
	buffer = virtio_fake_reach(&fake, descriptor->address, descriptor->length);
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
	buffer = virtio_fake_reach(&fake, descriptor->address, descriptor->length);
	assert_memory_equal(buffer, nothing_to_do, NIC_HEADER);
	memcpy(bytes, buffer + NIC_HEADER, descriptor->length - NIC_HEADER);
	return descriptor->length - NIC_HEADER;
}
