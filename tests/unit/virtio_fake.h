/* SPDX-License-Identifier: MIT */
/* The device's side of virtio over PCI, for tests of drivers: capabilities, registers and queues by their places in virtio 1.2 only. The queues are walked in the
 * memory which the driver named. What kind of device it is, its configuration and its work are the test's. It also lies, where a test wants it to. Host only. */
#pragma once

#include "environment.h"
#include "queue.h"

#include <bulkhead/host_pci.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define VIRTIO_FAKE_QUEUES 2u
#define VIRTIO_FAKE_CONFIG 64u
#define VIRTIO_FAKE_FEATURES_OK 8u
#define VIRTIO_FAKE_RUNS 4u

struct virtio_fake_queue {
	uint64_t address[3];
	uint16_t size; /* 0: the driver has chosen none */
	uint16_t vector;
	bool is_enabled;
	uint16_t seen; /* available entries that it has taken */
	uint16_t used; /* entries that it has given back */
	uint32_t doorbells;
};

struct virtio_fake {
	/* What the device is like. */
	uint64_t offered;
	uint16_t queue_count;
	uint16_t queue_size;
	bool refuses_features;
	bool refuses_vector;
	bool refuses_changes; /* a message about its configuration */
	bool is_stuck;
	struct {
		uint64_t address;
		uint8_t *bytes;
		size_t size;
	} memory[2]; /* all that it sees */
	/* What it was told. */
	uint32_t status;
	uint64_t taken_features;
	uint32_t feature_select[2];
	uint16_t queue_select;
	uint16_t config_vector;
	struct virtio_fake_queue queue[VIRTIO_FAKE_QUEUES];
	/* Its registers; of the first two only the places matter. */
	uint8_t common[0x38];
	uint8_t notify[0x100];
	uint8_t config[VIRTIO_FAKE_CONFIG];
};

/* ---- Registers ------------------------------------------------------------------------------------------------------- */

static inline void virtio_fake_capability(struct host_pci_function *function, uint32_t place, uint32_t next,
	uint32_t type, uint32_t bar, uint32_t length)
{
	function->header[place / 4] = type << 24 | 20u << 16 | next << 8 | 0x09;
	function->header[place / 4 + 1] = bar;
	function->header[place / 4 + 2] = 0;
	function->header[place / 4 + 3] = length;
	function->header[place / 4 + 4] = 4;
}

/* A device that nobody has told anything, and its function. What it offers and sees is to be filled in. */
static inline void virtio_fake_plug(struct virtio_fake *fake, uint16_t queue_count,
	struct host_pci_function *function, struct driver_bar bars[HOST_PCI_BARS])
{
	memset(fake, 0, sizeof *fake);
	memset(function, 0, sizeof *function);
	memset(bars, 0, HOST_PCI_BARS * sizeof bars[0]);
	fake->queue_count = queue_count;
	fake->queue_size = 256;
	function->header[0x34 / 4] = 0x98;
	function->table_bar = 1;
	function->table_entries = 4;
	function->pending_bar = 1;
	function->pending_offset = 0x800;
	virtio_fake_capability(function, 0x98, 0x84, 1, 0, sizeof fake->common);
	virtio_fake_capability(function, 0x84, 0x70, 2, 2, sizeof fake->notify);
	virtio_fake_capability(function, 0x70, 0, 4, 4, sizeof fake->config);
	bars[0] = (struct driver_bar){ fake->common, sizeof fake->common };
	bars[2] = (struct driver_bar){ fake->notify, sizeof fake->notify };
	bars[4] = (struct driver_bar){ fake->config, sizeof fake->config };
}

static inline bool virtio_fake_is_in(
	const volatile void *address, const uint8_t *window, size_t size, uint32_t *offset)
{
	size_t distance = (size_t)((const volatile uint8_t *)address - (const volatile uint8_t *)window);

	*offset = (uint32_t)distance;
	return distance < size;
}

static inline struct virtio_fake_queue *virtio_fake_selected(struct virtio_fake *fake)
{
	assert_in_range(fake->queue_select, 0, fake->queue_count - 1);
	return &fake->queue[fake->queue_select];
}

static inline uint32_t virtio_fake_read_common(struct virtio_fake *fake, uint32_t offset)
{
	switch (offset) {
	case 0x04:
		return (uint32_t)(fake->offered >> (fake->feature_select[0] != 0 ? 32 : 0));
	case 0x10:
		return fake->config_vector;
	case 0x12:
		return fake->queue_count;
	case 0x14:
		return fake->is_stuck ? 1 : fake->status;
	case 0x18:
		return virtio_fake_selected(fake)->size != 0 ? virtio_fake_selected(fake)->size
							     : fake->queue_size;
	case 0x1a:
		return fake->refuses_vector ? 0xffff : virtio_fake_selected(fake)->vector;
	case 0x1e:
		return fake->queue_select;
	default:
		fail_msg("the driver read register 0x%x", offset);
		return 0;
	}
}

static inline void virtio_fake_write_common(struct virtio_fake *fake, uint32_t offset, uint32_t value)
{
	switch (offset) {
	case 0x00:
	case 0x08:
		fake->feature_select[offset / 8] = value;
		break;
	case 0x0c:
		fake->taken_features &= fake->feature_select[1] != 0 ? UINT32_MAX : ~(uint64_t)UINT32_MAX;
		fake->taken_features |= (uint64_t)value << (fake->feature_select[1] != 0 ? 32 : 0);
		break;
	case 0x10:
		fake->config_vector = fake->refuses_changes ? 0xffff : (uint16_t)value;
		break;
	case 0x14:
		if (value == 0) {
			memset(fake->queue, 0, sizeof fake->queue);
		}
		fake->status = fake->refuses_features ? value & ~VIRTIO_FAKE_FEATURES_OK : value;
		break;
	case 0x16:
		fake->queue_select = (uint16_t)value;
		break;
	case 0x18:
		virtio_fake_selected(fake)->size = (uint16_t)value;
		break;
	case 0x1a:
		virtio_fake_selected(fake)->vector = (uint16_t)value;
		break;
	case 0x1c:
		assert_int_equal(value, 1);
		virtio_fake_selected(fake)->is_enabled = true;
		break;
	default:
		assert_in_range(offset, 0x20, 0x34);
		memcpy((uint8_t *)virtio_fake_selected(fake)->address + (offset - 0x20), &value, 4);
		break;
	}
}

static inline uint32_t virtio_fake_read(
	struct virtio_fake *fake, const volatile void *address, unsigned width)
{
	uint32_t offset;
	uint32_t value = 0;

	if (virtio_fake_is_in(address, fake->common, sizeof fake->common, &offset)) {
		return virtio_fake_read_common(fake, offset);
	}
	assert_true(virtio_fake_is_in(address, fake->config, sizeof fake->config, &offset));
	assert_int_equal(offset % width, 0);
	memcpy(&value, fake->config + offset, width);
	return value;
}

static inline void virtio_fake_write(
	struct virtio_fake *fake, volatile void *address, unsigned width, uint32_t value)
{
	uint32_t offset;

	if (virtio_fake_is_in(address, fake->common, sizeof fake->common, &offset)) {
		virtio_fake_write_common(fake, offset, value);
		return;
	}
	/* each queue has a doorbell of its own */
	assert_true(virtio_fake_is_in(address, fake->notify, sizeof fake->notify, &offset));
	assert_int_equal(offset, 4 * value);
	assert_int_equal(width, 2);
	assert_in_range(value, 0, fake->queue_count - 1);
	assert_int_not_equal(fake->status & VIRTIO_FAKE_RUNS, 0);
	fake->queue[value].doorbells++;
}

/* ---- Queues ---------------------------------------------------------------------------------------------------------- */

/* What the device sees at an address: its memory, and nothing else. */
static inline uint8_t *virtio_fake_reach(const struct virtio_fake *fake, uint64_t address, uint32_t length)
{
	unsigned i = address >= fake->memory[1].address ? 1 : 0;

	assert_true(address >= fake->memory[i].address);
	assert_true(length <= fake->memory[i].size);
	assert_true(address - fake->memory[i].address <= fake->memory[i].size - length);
	return fake->memory[i].bytes + (address - fake->memory[i].address);
}

static inline const struct virtio_descriptor *virtio_fake_descriptor(
	const struct virtio_fake *fake, unsigned queue, uint32_t index)
{
	assert_true(index < fake->queue[queue].size);
	return (const struct virtio_descriptor *)(void *)virtio_fake_reach(fake,
		fake->queue[queue].address[0] + index * sizeof(struct virtio_descriptor),
		sizeof(struct virtio_descriptor));
}

static inline const struct virtio_available *virtio_fake_ring(const struct virtio_fake *fake, unsigned queue)
{
	return (const struct virtio_available *)(void *)virtio_fake_reach(
		fake, fake->queue[queue].address[1], sizeof(struct virtio_available));
}

/* How many chains it has not looked at yet. */
static inline uint16_t virtio_fake_available(const struct virtio_fake *fake, unsigned queue)
{
	uint16_t fresh = (uint16_t)(virtio_fake_ring(fake, queue)->index - fake->queue[queue].seen);

	assert_true(fresh <= fake->queue[queue].size);
	return fresh;
}

static inline bool virtio_fake_is_running(const struct virtio_fake *fake, unsigned queue)
{
	return fake->queue[queue].is_enabled && (fake->status & VIRTIO_FAKE_RUNS) != 0;
}

/* The device gives a chain back, whatever it was offered. */
static inline void virtio_fake_give_back(
	struct virtio_fake *fake, unsigned queue, uint32_t head, uint32_t length)
{
	struct virtio_fake_queue *state = &fake->queue[queue];
	struct virtio_used *used =
		(struct virtio_used *)(void *)virtio_fake_reach(fake, state->address[2], sizeof *used);

	used->ring[state->used % state->size].head = head;
	used->ring[state->used % state->size].length = length;
	used->index = ++state->used;
}
