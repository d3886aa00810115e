/* SPDX-License-Identifier: MIT */
/* The tests' 82574L: see fake.h. Knows registers and descriptors by their places in the data sheet only. */
#include "fake.h"

#include "mmio.h"

#include <string.h>

#define RESET (1u << 26)
#define CAUSE_RECEIVE (1u << 20)
#define CAUSE_TRANSMIT (1u << 22)
#define CAUSE_OTHER (1u << 24)
#define CAUSE_LINK (1u << 2)

enum { RECEIVE, TRANSMIT };

struct fake fake;
struct host_pci_function fake_function;
struct driver_bar fake_bar;
uint8_t fake_queues[E1000E_QUEUES] __attribute__((aligned(4096)));
uint8_t fake_buffers[E1000E_MEMORY] __attribute__((aligned(4096)));

static uint8_t registers[FAKE_REGISTERS];
static uint32_t completed;

static uint32_t offset_of(const volatile void *address)
{
	size_t offset = (size_t)((const volatile uint8_t *)address - (const volatile uint8_t *)registers);

	assert_true(offset < sizeof registers && offset % 4 == 0);
	return (uint32_t)offset;
}

/* A message is sent when a cause that is not masked comes, or a mask goes. */
static void interrupt(uint32_t causes)
{
	fake.cause |= causes;
	if ((fake.cause & fake.mask) != 0) {
		fake.messages++;
	}
}

uint32_t mmio_read(const volatile void *address, unsigned width)
{
	assert_int_equal(width, 4);
	switch (offset_of(address)) {
	case 0x0000:
		return fake.control;
	case 0x0008:
		return (fake.is_up ? 2u : 0) |
		       (fake.is_master_forever || (fake.control & 4) == 0 ? 1u << 19 : 0);
	case 0x0018:
		return fake.extended;
	default:
		fail_msg("the driver read register 0x%x", offset_of(address));
		return 0;
	}
}

static void write_control(uint32_t value)
{
	fake.control = value;
	if ((value & RESET) != 0) {
		bool is_up = fake.is_up;
		bool is_stuck = fake.is_stuck;
		uint32_t resets = fake.resets;

		memset(&fake, 0, sizeof fake);
		completed = 0;
		fake.is_up = is_up;
		fake.is_stuck = is_stuck;
		fake.resets = resets + 1;
		fake.control = is_stuck ? RESET : 0x00140240;
	}
}

static void write_ring(unsigned ring, uint32_t offset, uint32_t value)
{
	switch (offset) {
	case 0x00:
		fake.base[ring] = (fake.base[ring] & ~UINT64_C(0xffffffff)) | value;
		break;
	case 0x04:
		fake.base[ring] = (fake.base[ring] & 0xffffffff) | (uint64_t)value << 32;
		break;
	case 0x08:
		assert_int_equal(value % 128, 0);
		fake.length[ring] = value;
		break;
	case 0x10:
		assert_int_equal(value, 0);
		fake.head[ring] = value;
		break;
	case 0x18:
		assert_true(value * 16 < fake.length[ring]);
		fake.tail[ring] = value;
		break;
	default:
		assert_true(offset == 0x20 || offset == 0x28); /* delays and thresholds */
		break;
	}
}

void mmio_write(volatile void *address, unsigned width, uint32_t value)
{
	uint32_t offset = offset_of(address);

	assert_int_equal(width, 4);
	if (offset >= 0x2800 && offset < 0x2840) {
		write_ring(RECEIVE, offset - 0x2800, value);
		return;
	}
	if (offset >= 0x3800 && offset < 0x3840) {
		write_ring(TRANSMIT, offset - 0x3800, value);
		return;
	}
	switch (offset) {
	case 0x0000:
		write_control(value);
		break;
	case 0x0018:
		fake.extended = value;
		break;
	case 0x00c0:
		fake.cause &= ~value;
		break;
	case 0x00d0:
		fake.mask |= value;
		interrupt(0);
		break;
	case 0x00d8:
		fake.mask &= ~value;
		break;
	case 0x00e4:
		fake.vectors = value;
		break;
	case 0x0100:
		fake.receive_control = value;
		break;
	case 0x0400:
		fake.transmit_control = value;
		break;
	default:
		assert_true(offset == 0x00dc || offset == 0x0410 || (offset >= 0x16e8 && offset < 0x16fc) ||
			    (offset >= 0x5200 && offset < 0x5400));
		break;
	}
}

void fake_reset(void)
{
	memset(&fake, 0, sizeof fake);
	completed = 0;
	memset(fake_queues, 0xaa, sizeof fake_queues);
	memset(fake_buffers, 0xaa, sizeof fake_buffers);
	fake.is_up = true;
	fake.mask = UINT32_MAX; /* what a predecessor may have left */
	fake.receive_control = 2;
	fake_function = (struct host_pci_function){ .table_bar = 3, .table_entries = 5, .pending_bar = 3 };
	fake_bar = (struct driver_bar){ registers, sizeof registers };
}

/* ---- The device's work ----------------------------------------------------------------------------------------------- */

static struct e1000e_descriptor *descriptor_at(unsigned ring, uint32_t index)
{
	uint64_t offset = fake.base[ring] + index * 16 - FAKE_QUEUES_ADDRESS;

	assert_true(offset <= sizeof fake_queues - 16);
	return (struct e1000e_descriptor *)(void *)(fake_queues + offset);
}

static uint8_t *buffer_at(uint64_t address, uint32_t length)
{
	uint64_t offset = address - FAKE_BUFFERS_ADDRESS;

	assert_true(offset <= sizeof fake_buffers - length);
	return fake_buffers + offset;
}

static uint32_t step(unsigned ring)
{
	uint32_t index = fake.head[ring];

	fake.head[ring] = (index + 1) % (fake.length[ring] / 16);
	return index;
}

bool fake_deliver(const uint8_t *bytes, uint32_t length, uint8_t status, uint8_t errors)
{
	struct e1000e_descriptor *descriptor;

	if ((fake.receive_control & 2) == 0 || fake.head[RECEIVE] == fake.tail[RECEIVE]) {
		return false;
	}
	assert_int_equal(fake.receive_control & (3u << 16 | 1u << 25 | 1u << 5), 0); /* buffers of 2048 */
	descriptor = descriptor_at(RECEIVE, step(RECEIVE));
	if (bytes != NULL) {
		memcpy(buffer_at(descriptor->address, 2048), bytes, length);
	}
	descriptor->word = length | (uint64_t)status << 32 | (uint64_t)errors << 40;
	interrupt(CAUSE_RECEIVE);
	return true;
}

uint32_t fake_send(uint8_t *bytes)
{
	const struct e1000e_descriptor *descriptor;
	uint32_t length;

	if ((fake.transmit_control & 2) == 0 || fake.head[TRANSMIT] == fake.tail[TRANSMIT]) {
		return 0;
	}
	descriptor = descriptor_at(TRANSMIT, step(TRANSMIT));
	length = (uint32_t)descriptor->word & 0xffff;
	assert_int_equal(descriptor->word >> 16, 0x0b00); /* end, FCS, report; not done */
	assert_in_range(length, 60, 1518);
	memcpy(bytes, buffer_at(descriptor->address, length), length);
	return length;
}

void fake_complete(uint32_t count)
{
	for (; count > 0; count--) {
		assert_int_not_equal(completed, fake.head[TRANSMIT]);
		descriptor_at(TRANSMIT, completed)->word |= UINT64_C(1) << 32;
		completed = (completed + 1) % (fake.length[TRANSMIT] / 16);
	}
	interrupt(CAUSE_TRANSMIT);
}

void fake_set_link(bool is_up)
{
	fake.is_up = is_up;
	interrupt(CAUSE_LINK | CAUSE_OTHER);
}
