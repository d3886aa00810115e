/* SPDX-License-Identifier: MIT */
/* A virtio driver for tests: see virtio_driver.h. */

#include "virtio_driver.h"

#include <stdlib.h>
#include <string.h>

#define RINGS(queue) (0x1000u * ((queue) + 1))
#define AVAILABLE_OFFSET 0x800u
#define USED_OFFSET 0xa00u

enum { FEATURE_SELECT = 8, FEATURE = 12, CONFIG_VECTOR = 16, STATUS = 20, QUEUE_SELECT = 22 };
enum { QUEUE_SIZE = 24, QUEUE_VECTOR = 26, QUEUE_ENABLE = 28, QUEUE_ADDRESSES = 32 };

uint64_t driver_common(struct driver *driver, uint32_t offset, uint32_t width)
{
	return machine_read(driver->machine, 0, VIRTIO_PCI_COMMON + offset, width);
}

void driver_set_common(struct driver *driver, uint32_t offset, uint32_t width, uint64_t value)
{
	machine_write(driver->machine, 0, VIRTIO_PCI_COMMON + offset, width, value);
}

uint8_t driver_status(struct driver *driver) { return (uint8_t)driver_common(driver, STATUS, 1); }

static void *at(struct driver *driver, uint32_t address) { return driver->machine->ram + address; }

struct driver_descriptor *driver_descriptors(struct driver *driver, uint32_t queue)
{
	return at(driver, RINGS(queue));
}

uint16_t *driver_available(struct driver *driver, uint32_t queue)
{
	return at(driver, RINGS(queue) + AVAILABLE_OFFSET);
}

uint16_t *driver_used_words(struct driver *driver, uint32_t queue)
{
	return at(driver, RINGS(queue) + USED_OFFSET);
}

static void start_queue(struct driver *driver, uint32_t queue)
{
	uint32_t rings = RINGS(queue);

	memset(at(driver, rings), 0, 0x1000);
	driver->used_seen[queue] = 0;
	driver_set_common(driver, QUEUE_SELECT, 2, queue);
	driver_set_common(driver, QUEUE_SIZE, 2, driver->size);
	driver_set_common(driver, QUEUE_VECTOR, 2, queue + 1);
	driver_set_common(driver, QUEUE_ADDRESSES, 4, rings);
	driver_set_common(driver, QUEUE_ADDRESSES + 4, 4, 0);
	driver_set_common(driver, QUEUE_ADDRESSES + 8, 4, rings + AVAILABLE_OFFSET);
	driver_set_common(driver, QUEUE_ADDRESSES + 16, 4, rings + USED_OFFSET);
	driver_set_common(driver, QUEUE_ENABLE, 2, 1);
	assert_int_equal(driver_common(driver, QUEUE_ENABLE, 2), 1);
}

void driver_start(
	struct driver *driver, struct machine *machine, uint64_t features, uint32_t queues, uint16_t size)
{
	*driver = (struct driver){
		.machine = machine,
		.size = size,
		.event_index = (features & VIRTIO_F_EVENT_IDX) != 0,
	};
	features |= VIRTIO_F_VERSION_1;
	driver_set_common(driver, STATUS, 1, 0);
	assert_int_equal(driver_status(driver), 0);
	driver_set_common(driver, STATUS, 1, VIRTIO_STATUS_ACKNOWLEDGE);
	driver_set_common(driver, STATUS, 1, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	for (uint32_t half = 0; half < 2; half++) {
		driver_set_common(driver, FEATURE_SELECT, 4, half);
		driver_set_common(driver, FEATURE, 4, (uint32_t)(features >> (32 * half)));
	}
	driver_set_common(driver, STATUS, 1, VIRTIO_STATUS_FEATURES_OK);
	assert_int_not_equal(driver_status(driver) & VIRTIO_STATUS_FEATURES_OK, 0);
	driver_set_common(driver, CONFIG_VECTOR, 2, 0);
	for (uint32_t queue = 0; queue < queues; queue++) {
		start_queue(driver, queue);
	}
	driver_set_common(driver, STATUS, 1, VIRTIO_STATUS_DRIVER_OK);
}

void driver_offer(struct driver *driver, uint32_t queue, uint16_t head)
{
	uint16_t *available = driver_available(driver, queue);

	available[2 + available[1] % driver->size] = head;
	available[1]++;
}

void driver_offer_buffer(struct driver *driver, uint32_t queue, uint16_t head, uint64_t address,
	uint32_t length, uint16_t flags)
{
	driver_descriptors(driver, queue)[head] =
		(struct driver_descriptor){ .address = address, .length = length, .flags = flags };
	driver_offer(driver, queue, head);
}

bool driver_take_used(struct driver *driver, uint32_t queue, struct driver_used *used)
{
	const uint16_t *words = driver_used_words(driver, queue);
	const struct driver_used *elements = (const struct driver_used *)(const void *)(words + 2);

	if (words[1] == driver->used_seen[queue]) {
		return false;
	}
	*used = elements[driver->used_seen[queue]++ % driver->size];
	return true;
}

void driver_notify(struct driver *driver, uint32_t queue)
{
	driver_event(driver, MODEL_EVENT_DOORBELL(queue));
}

/* ---- Kills ---- */

struct snapshot {
	struct machine_memory memory;
	uint8_t ram[MACHINE_RAM];
	uint8_t frames[MACHINE_FRAMES_SIZE];
	struct machine_disk disk;
};

static struct snapshot *take_snapshot(const struct machine *machine)
{
	struct snapshot *snapshot = aligned_alloc(64, (sizeof(*snapshot) + 63) / 64 * 64);

	assert_non_null(snapshot);
	snapshot->memory = machine->memory;
	memcpy(snapshot->ram, machine->ram, MACHINE_RAM);
	if (machine->frames != NULL) {
		memcpy(snapshot->frames, machine->frames, MACHINE_FRAMES_SIZE);
	}
	if (machine->disk != NULL) {
		snapshot->disk = *machine->disk;
	}
	return snapshot;
}

static void put_back(struct machine *machine, const struct snapshot *memory, const struct snapshot *ram)
{
	machine->memory = memory->memory;
	memcpy(machine->ram, ram->ram, MACHINE_RAM);
	if (machine->frames != NULL) {
		/* what was put into the ring is there, the indices are as they were */
		memcpy(machine->frames, ram->frames, MACHINE_FRAMES_SIZE);
		memcpy(machine->frames, memory->frames, RING_DATA_OFFSET);
	}
}

/* The page as it was, whatever was put into the data area. */
static void show_page_of(struct machine *machine, const struct snapshot *snapshot)
{
	if (machine->disk != NULL) {
		machine->disk->page = snapshot->disk.page;
	}
}

static void assert_same_page(const struct machine *machine, const struct snapshot *snapshot)
{
	if (machine->disk != NULL) {
		const struct block_page *page = &machine->disk->page;
		uint64_t pending = page->posted ^ page->done;

		assert_int_equal(page->posted, snapshot->disk.page.posted);
		for (uint32_t slot = 0; slot < BLOCK_SLOTS; slot++) {
			if ((pending >> slot & 1) != 0) {
				assert_memory_equal(&page->slot[slot], &snapshot->disk.page.slot[slot],
					sizeof(page->slot[slot]));
			}
		}
		assert_memory_equal(machine->disk->data, snapshot->disk.data, MACHINE_DISK_DATA);
	}
}

static void show_indices_of(struct driver *driver, const struct snapshot *snapshot)
{
	for (uint32_t queue = 0; queue < VIRTIO_QUEUES; queue++) {
		memcpy(&driver_used_words(driver, queue)[1], snapshot->ram + RINGS(queue) + USED_OFFSET + 2,
			2);
	}
	if (driver->machine->frames != NULL) {
		memcpy(driver->machine->frames, snapshot->frames, RING_DATA_OFFSET);
	}
}

static void set_console(struct machine *machine, const struct snapshot *snapshot)
{
	memcpy(machine->memory.console, snapshot->memory.console, sizeof(machine->memory.console));
}

static const struct ring_region *rings_of(
	const struct machine *machine, const uint8_t *frames, const struct machine_memory *memory)
{
	return (const struct ring_region *)(const void *)(machine->frames != NULL ? frames : memory->console);
}

/* The same in RAM and in the rings as in `expected`; somebody may have been asked to signal more often. */
static void assert_same(const struct machine *machine, const struct snapshot *expected)
{
	const struct ring_region *found = rings_of(machine, machine->frames, &machine->memory);
	const struct ring_region *wanted = rings_of(machine, expected->frames, &expected->memory);

	assert_memory_equal(machine->ram, expected->ram, MACHINE_RAM);
	assert_int_equal(found->transmit.head, wanted->transmit.head);
	assert_int_equal(found->receive.tail, wanted->receive.tail);
	if (machine->frames != NULL) {
		assert_memory_equal(machine->frames + RING_DATA_OFFSET, expected->frames + RING_DATA_OFFSET,
			MACHINE_FRAMES_SIZE - RING_DATA_OFFSET);
	}
}

void driver_event(struct driver *driver, uint64_t bits)
{
	struct machine *machine = driver->machine;
	struct snapshot *before = take_snapshot(machine);
	struct snapshot *after;

	model_run_event(&machine->run, bits);
	after = take_snapshot(machine);

	/* Killed before the commit: buffers and used elements are written, nobody was told. */
	put_back(machine, before, after);
	show_indices_of(driver, before);
	show_page_of(machine, before);
	machine_restart(machine);
	model_run_event(&machine->run, bits);
	assert_same(machine, after);
	assert_same_page(machine, after);

	/* Killed after it, before anything was shown. */
	put_back(machine, after, after);
	show_indices_of(driver, before);
	set_console(machine, after);
	show_page_of(machine, before);
	machine_restart(machine);
	assert_same(machine, after);
	assert_same_page(machine, after);

	free(before);
	free(after);
}
