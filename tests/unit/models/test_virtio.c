/* SPDX-License-Identifier: MIT */
/* virtio's transport and queues, with the entropy device on them: negotiation, what is frozen when, hostile rings. */

#include "virtio-rng/virtio_rng.h"
#include "virtio_driver.h"

#include <string.h>

enum { QUEUE = 0, ENTRIES = 8 };
enum { VECTOR_LINE = VIRTIO_PCI_LINE_VECTOR + QUEUE + 1, CONFIG_LINE = VIRTIO_PCI_LINE_VECTOR };

static void feed(struct machine *machine, uint8_t first, uint32_t count)
{
	int signal = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint8_t byte = (uint8_t)(first + i);

		assert_int_equal(ring_write(&machine->to_guest, &byte, 1, &signal), 1);
	}
}

static void starts_with_what_it_offers(void **state)
{
	struct machine *machine = machine_new(&virtio_rng_model, NULL);
	struct driver driver = { .machine = machine };

	(void)state;
	assert_int_equal(
		driver_common(&driver, 4, 4), (uint32_t)(VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX));
	driver_set_common(&driver, 0, 4, 1);
	assert_int_equal(driver_common(&driver, 4, 4), 1);
	driver_set_common(&driver, 0, 4, 2);
	assert_int_equal(driver_common(&driver, 4, 4), 0);
	assert_int_equal(driver_common(&driver, 16, 2), VIRTIO_NO_VECTOR);
	assert_int_equal(driver_common(&driver, 18, 2), 1);
	assert_int_equal(driver_common(&driver, 24, 2), 64);
	assert_int_equal(driver_common(&driver, 30, 2), 0);
	/* A queue that there is not has no entries. */
	driver_set_common(&driver, 22, 2, 1);
	assert_int_equal(driver_common(&driver, 24, 2), 0);
	driver_set_common(&driver, 24, 2, 4);
	assert_int_equal(driver_common(&driver, 24, 2), 0);
	assert_int_equal(machine_read(machine, 0, VIRTIO_PCI_CONFIG, 4), 0);
	machine_free(machine);
}

static void refuses_features_that_it_does_not_offer(void **state)
{
	struct machine *machine = machine_new(&virtio_rng_model, NULL);
	struct driver driver = { .machine = machine };

	(void)state;
	/* without VERSION_1 */
	driver_set_common(&driver, 20, 1, VIRTIO_STATUS_FEATURES_OK);
	assert_int_equal(driver_status(&driver), 0);
	/* what was not offered */
	driver_set_common(&driver, 8, 4, 1);
	driver_set_common(&driver, 12, 4, 1);
	driver_set_common(&driver, 8, 4, 0);
	driver_set_common(&driver, 12, 4, 1);
	driver_set_common(&driver, 20, 1, VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK);
	assert_int_equal(driver_status(&driver), 0);
	driver_set_common(&driver, 12, 4, 0);
	driver_set_common(&driver, 20, 1, VIRTIO_STATUS_FEATURES_OK);
	assert_int_equal(driver_status(&driver), VIRTIO_STATUS_FEATURES_OK);
	/* agreed: frozen */
	driver_set_common(&driver, 12, 4, (uint32_t)VIRTIO_F_EVENT_IDX);
	assert_int_equal(driver_common(&driver, 12, 4), 0);
	machine_free(machine);
}

static void serves_requests_as_bytes_come(void **state)
{
	struct machine *machine = machine_new(&virtio_rng_model, NULL);
	struct driver driver;
	struct driver_used used;

	(void)state;
	driver_start(&driver, machine, 0, 1, ENTRIES);
	driver_offer_buffer(&driver, QUEUE, 3, DRIVER_BUFFERS, 16, DRIVER_WRITE);
	driver_notify(&driver, QUEUE);
	assert_false(driver_take_used(&driver, QUEUE, &used));
	feed(machine, 100, 10);
	driver_event(&driver, MODEL_EVENT_CONSOLE);
	assert_true(driver_take_used(&driver, QUEUE, &used));
	assert_int_equal(used.head, 3);
	assert_int_equal(used.length, 10);
	for (uint32_t i = 0; i < 10; i++) {
		assert_int_equal(machine->ram[DRIVER_BUFFERS + i], 100 + i);
	}
	assert_int_equal(machine->ram[DRIVER_BUFFERS + 10], 0);
	/* The interrupt: the line until the status is read, and the vector's pulse. */
	assert_int_equal(machine_level(machine, VIRTIO_PCI_LINE_INTX), 1);
	assert_true(machine_edges(machine, VECTOR_LINE) > 0);
	assert_int_equal(machine_read(machine, 0, VIRTIO_PCI_ISR, 1), 1);
	assert_int_equal(machine_level(machine, VIRTIO_PCI_LINE_INTX), 0);
	assert_int_equal(machine_read(machine, 0, VIRTIO_PCI_ISR, 1), 0);
	machine_free(machine);
}

static void indirect_chains_and_several_segments(void **state)
{
	struct machine *machine = machine_new(&virtio_rng_model, NULL);
	struct driver driver;
	struct driver_used used;
	struct driver_descriptor table[2] = {
		{ DRIVER_BUFFERS + 0x1000, 3, DRIVER_WRITE | DRIVER_NEXT, 1 },
		{ DRIVER_BUFFERS + 0x2000, 5, DRIVER_WRITE, 0 },
	};

	(void)state;
	driver_start(&driver, machine, VIRTIO_F_INDIRECT_DESC, 1, ENTRIES);
	/* A table need not be aligned. */
	memcpy(machine->ram + DRIVER_BUFFERS + 4, table, sizeof(table));
	feed(machine, 1, 8);
	driver_offer_buffer(&driver, QUEUE, 0, DRIVER_BUFFERS + 4, sizeof(table), DRIVER_INDIRECT);
	driver_notify(&driver, QUEUE);
	assert_true(driver_take_used(&driver, QUEUE, &used));
	assert_int_equal(used.length, 8);
	assert_memory_equal(machine->ram + DRIVER_BUFFERS + 0x1000, "\1\2\3\0", 4);
	assert_memory_equal(machine->ram + DRIVER_BUFFERS + 0x2000, "\4\5\6\7\10\0", 6);
	assert_int_equal(driver_status(&driver) & VIRTIO_STATUS_NEEDS_RESET, 0);
	machine_free(machine);
}

static void interrupts_only_where_they_are_wanted(void **state)
{
	struct machine *machine = machine_new(&virtio_rng_model, NULL);
	struct driver driver;
	uint64_t edges;

	(void)state;
	/* by flag */
	driver_start(&driver, machine, 0, 1, ENTRIES);
	feed(machine, 0, 200);
	driver_available(&driver, QUEUE)[0] = 1;
	edges = machine_edges(machine, VECTOR_LINE);
	driver_offer_buffer(&driver, QUEUE, 0, DRIVER_BUFFERS, 4, DRIVER_WRITE);
	model_run_event(&machine->run, MODEL_EVENT_DOORBELL(QUEUE));
	assert_int_equal(machine_edges(machine, VECTOR_LINE), edges);
	driver_available(&driver, QUEUE)[0] = 0;
	driver_offer_buffer(&driver, QUEUE, 1, DRIVER_BUFFERS, 4, DRIVER_WRITE);
	model_run_event(&machine->run, MODEL_EVENT_DOORBELL(QUEUE));
	assert_int_equal(machine_edges(machine, VECTOR_LINE), edges + 1);
	/* by event index: only when element 1 (the second) is given back */
	driver_start(&driver, machine, VIRTIO_F_EVENT_IDX, 1, ENTRIES);
	driver_available(&driver, QUEUE)[2 + ENTRIES] = 1;
	edges = machine_edges(machine, VECTOR_LINE);
	driver_offer_buffer(&driver, QUEUE, 0, DRIVER_BUFFERS, 4, DRIVER_WRITE);
	model_run_event(&machine->run, MODEL_EVENT_DOORBELL(QUEUE));
	assert_int_equal(machine_edges(machine, VECTOR_LINE), edges);
	/* The device asks to be told of the next chain. */
	assert_int_equal(driver_used_words(&driver, QUEUE)[2 + 4 * ENTRIES], 1);
	driver_offer_buffer(&driver, QUEUE, 1, DRIVER_BUFFERS, 4, DRIVER_WRITE);
	model_run_event(&machine->run, MODEL_EVENT_DOORBELL(QUEUE));
	assert_int_equal(machine_edges(machine, VECTOR_LINE), edges + 1);
	machine_free(machine);
}

static void a_queue_that_runs_does_not_change(void **state)
{
	struct machine *machine = machine_new(&virtio_rng_model, NULL);
	struct driver driver;
	struct driver_used used;

	(void)state;
	driver_start(&driver, machine, 0, 1, ENTRIES);
	driver_set_common(&driver, 22, 2, QUEUE);
	driver_set_common(&driver, 24, 2, 64);
	driver_set_common(&driver, 32, 4, 0x8000);
	driver_set_common(&driver, 36, 4, 0xffffffff);
	driver_set_common(&driver, 40, 4, 0x8000);
	driver_set_common(&driver, 48, 4, 0x8000);
	driver_set_common(&driver, 28, 2, 0);
	assert_int_equal(driver_common(&driver, 24, 2), ENTRIES);
	assert_int_equal(driver_common(&driver, 28, 2), 1);
	assert_int_equal(driver_common(&driver, 32, 4), 0x1000);
	feed(machine, 7, 1);
	driver_offer_buffer(&driver, QUEUE, 0, DRIVER_BUFFERS, 4, DRIVER_WRITE);
	driver_notify(&driver, QUEUE);
	assert_true(driver_take_used(&driver, QUEUE, &used));
	machine_free(machine);
}

static void queues_outside_of_memory_are_refused(void **state)
{
	static const struct {
		uint32_t offset, value;
	} wrong[] = { { 24, 3 }, { 24, 128 }, { 32, 0x1008 }, { 40, 0x1801 }, { 48, 0x1a02 }, { 36, 1 },
		{ 32, MACHINE_RAM - 0x10 }, { 48, MACHINE_RAM - 0x40 }, { 44, 0xffffffff } };
	struct machine *machine = machine_new(&virtio_rng_model, NULL);
	struct driver driver = { .machine = machine };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		bool is_size = wrong[i].offset == 24;

		driver_set_common(&driver, 20, 1, 0);
		driver_set_common(&driver, 8, 4, 1);
		driver_set_common(&driver, 12, 4, 1);
		driver_set_common(&driver, 20, 1, VIRTIO_STATUS_FEATURES_OK);
		driver_set_common(&driver, 24, 2, ENTRIES);
		driver_set_common(&driver, 32, 4, 0x1000);
		driver_set_common(&driver, 40, 4, 0x1800);
		driver_set_common(&driver, 48, 4, 0x1a00);
		driver_set_common(&driver, wrong[i].offset, is_size ? 2 : 4, wrong[i].value);
		if (is_size) {
			assert_int_equal(driver_common(&driver, 24, 2), ENTRIES);
			continue;
		}
		driver_set_common(&driver, 28, 2, 1);
		assert_int_equal(driver_common(&driver, 28, 2), 0);
		assert_int_not_equal(driver_status(&driver) & VIRTIO_STATUS_NEEDS_RESET, 0);
	}
	machine_free(machine);
}

/* What a hostile driver puts into the rings; the device must say that it needs a reset, touch nothing, and work after that reset. */
enum hostile {
	SELF_LINKED_CHAIN,
	NEXT_OUTSIDE,
	HEAD_OUTSIDE,
	BUFFER_OUTSIDE,
	BUFFER_WRAPS,
	INDIRECT_IN_INDIRECT,
	INDIRECT_WITH_NEXT,
	INDIRECT_ABSURD_LENGTH,
	INDIRECT_EMPTY,
	INDIRECT_SELF_LINKED,
	READABLE_AFTER_WRITABLE,
	INDEX_TOO_FAR,
	HOSTILE_KINDS
};

static void put_hostile(struct driver *driver, enum hostile kind)
{
	struct driver_descriptor *table = driver_descriptors(driver, QUEUE);
	struct driver_descriptor *indirect =
		(struct driver_descriptor *)(void *)(driver->machine->ram + DRIVER_BUFFERS);
	uint16_t head = 0;

	table[0] = (struct driver_descriptor){ DRIVER_BUFFERS, 4, DRIVER_WRITE, 0 };
	table[1] = table[0];
	indirect[0] = (struct driver_descriptor){ DRIVER_BUFFERS + 0x100, 4, DRIVER_WRITE, 0 };
	switch (kind) {
	case SELF_LINKED_CHAIN:
		table[0].flags |= DRIVER_NEXT;
		break;
	case NEXT_OUTSIDE:
		table[0].flags |= DRIVER_NEXT;
		table[0].next = ENTRIES;
		break;
	case HEAD_OUTSIDE:
		head = ENTRIES;
		break;
	case BUFFER_OUTSIDE:
		table[0].address = MACHINE_RAM - 3;
		break;
	case BUFFER_WRAPS:
		table[0].address = UINT64_MAX;
		break;
	case INDIRECT_IN_INDIRECT:
		table[0] = (struct driver_descriptor){ DRIVER_BUFFERS, 16, DRIVER_INDIRECT, 0 };
		indirect[0] = (struct driver_descriptor){ DRIVER_BUFFERS, 16, DRIVER_INDIRECT, 0 };
		break;
	case INDIRECT_WITH_NEXT:
		table[0] = (struct driver_descriptor){ DRIVER_BUFFERS, 16, DRIVER_INDIRECT | DRIVER_NEXT, 1 };
		break;
	case INDIRECT_ABSURD_LENGTH:
		table[0] = (struct driver_descriptor){ DRIVER_BUFFERS, 0xfffffff0, DRIVER_INDIRECT, 0 };
		indirect[0].flags |= DRIVER_NEXT;
		indirect[0].next = 0xffff;
		break;
	case INDIRECT_EMPTY:
		table[0] = (struct driver_descriptor){ DRIVER_BUFFERS, 0, DRIVER_INDIRECT, 0 };
		break;
	case INDIRECT_SELF_LINKED:
		table[0] = (struct driver_descriptor){ DRIVER_BUFFERS, 16, DRIVER_INDIRECT, 0 };
		indirect[0].flags |= DRIVER_NEXT;
		break;
	case READABLE_AFTER_WRITABLE:
		table[0].flags |= DRIVER_NEXT;
		table[0].next = 1;
		table[1].flags = 0;
		break;
	case INDEX_TOO_FAR:
		driver_available(driver, QUEUE)[1] += ENTRIES;
		break;
	case HOSTILE_KINDS:
		break;
	}
	driver_offer(driver, QUEUE, head);
}

static void breaks_the_device_and_nothing_else(enum hostile kind)
{
	struct machine *machine = machine_new(&virtio_rng_model, NULL);
	struct driver driver;
	struct driver_used used;
	uint64_t edges;

	driver_start(&driver, machine, VIRTIO_F_INDIRECT_DESC, 1, ENTRIES);
	feed(machine, 1, 4);
	edges = machine_edges(machine, CONFIG_LINE);
	put_hostile(&driver, kind);
	model_run_event(&machine->run, MODEL_EVENT_DOORBELL(QUEUE));
	assert_int_equal(machine_edges(machine, CONFIG_LINE), edges + 1);
	assert_int_not_equal(driver_status(&driver) & VIRTIO_STATUS_NEEDS_RESET, 0);
	assert_false(driver_take_used(&driver, QUEUE, &used));
	/* It stands still, also for good chains. */
	driver_offer_buffer(&driver, QUEUE, 2, DRIVER_BUFFERS, 4, DRIVER_WRITE);
	driver_notify(&driver, QUEUE);
	assert_false(driver_take_used(&driver, QUEUE, &used));
	driver_start(&driver, machine, 0, 1, ENTRIES);
	driver_offer_buffer(&driver, QUEUE, 2, DRIVER_BUFFERS, 4, DRIVER_WRITE);
	driver_notify(&driver, QUEUE);
	assert_true(driver_take_used(&driver, QUEUE, &used));
	machine_free(machine);
}

/* A test for each, which carries its name. */
#define HOSTILE_TEST(name, kind)                          \
	static void name(void **state)                    \
	{                                                 \
		(void)state;                              \
		breaks_the_device_and_nothing_else(kind); \
	}
HOSTILE_TEST(self_linked_chain, SELF_LINKED_CHAIN)
HOSTILE_TEST(next_descriptor_outside, NEXT_OUTSIDE)
HOSTILE_TEST(head_outside, HEAD_OUTSIDE)
HOSTILE_TEST(buffer_outside_of_memory, BUFFER_OUTSIDE)
HOSTILE_TEST(buffer_wraps, BUFFER_WRAPS)
HOSTILE_TEST(indirect_table_in_indirect_table, INDIRECT_IN_INDIRECT)
HOSTILE_TEST(indirect_table_with_next, INDIRECT_WITH_NEXT)
HOSTILE_TEST(indirect_table_of_absurd_length, INDIRECT_ABSURD_LENGTH)
HOSTILE_TEST(indirect_table_that_is_empty, INDIRECT_EMPTY)
HOSTILE_TEST(indirect_table_self_linked, INDIRECT_SELF_LINKED)
HOSTILE_TEST(readable_after_writable, READABLE_AFTER_WRITABLE)
HOSTILE_TEST(available_index_too_far, INDEX_TOO_FAR)

/* The request waits for bytes; the driver makes nonsense of it meanwhile. What counts is what stands there when the device looks, which it does
 * once: all of memory but that is as it was. */
static void descriptors_changed_after_the_doorbell(void **state)
{
	(void)state;
	for (enum hostile kind = 0; kind < HOSTILE_KINDS; kind++) {
		struct machine *machine = machine_new(&virtio_rng_model, NULL);
		struct driver driver;
		struct driver_used used;

		driver_start(&driver, machine, VIRTIO_F_INDIRECT_DESC, 1, ENTRIES);
		driver_offer_buffer(&driver, QUEUE, 0, DRIVER_BUFFERS, 4, DRIVER_WRITE);
		driver_notify(&driver, QUEUE);
		assert_false(driver_take_used(&driver, QUEUE, &used));
		put_hostile(&driver, kind);
		memset(machine->ram + DRIVER_BUFFERS + 0x100, 0x5a, 0x100);
		feed(machine, 1, 4);
		model_run_event(&machine->run, MODEL_EVENT_CONSOLE);
		for (uint32_t i = 0x100; i < 0x200; i++) {
			assert_int_equal(machine->ram[DRIVER_BUFFERS + i], 0x5a);
		}
		driver_start(&driver, machine, 0, 1, ENTRIES);
		feed(machine, 1, 4);
		driver_offer_buffer(&driver, QUEUE, 2, DRIVER_BUFFERS, 4, DRIVER_WRITE);
		driver_notify(&driver, QUEUE);
		assert_true(driver_take_used(&driver, QUEUE, &used));
		machine_free(machine);
	}
}

/* Buffers that are the queue itself: what the device writes there it reads as rings afterwards. */
static void dma_into_its_own_rings(void **state)
{
	enum { LENGTH = 64 };

	(void)state;
	for (uint32_t part = 0; part < 3; part++) {
		struct machine *machine = machine_new(&virtio_rng_model, NULL);
		struct driver driver;
		struct driver_used used;
		uint8_t *target;

		driver_start(&driver, machine, 0, 1, ENTRIES);
		target = part == 0   ? (uint8_t *)driver_descriptors(&driver, QUEUE)
			 : part == 1 ? (uint8_t *)driver_available(&driver, QUEUE)
				     : (uint8_t *)driver_used_words(&driver, QUEUE);
		for (uint16_t i = 0; i < ENTRIES; i++) {
			driver_offer_buffer(
				&driver, QUEUE, i, (uint64_t)(target - machine->ram), LENGTH, DRIVER_WRITE);
		}
		feed(machine, 0xff - LENGTH, 4 * LENGTH);
		for (uint32_t i = 0; i < 3; i++) {
			model_run_event(&machine->run, MODEL_EVENT_DOORBELL(QUEUE));
		}
		driver_start(&driver, machine, 0, 1, ENTRIES);
		feed(machine, 1, 4);
		driver_offer_buffer(&driver, QUEUE, 2, DRIVER_BUFFERS, 4, DRIVER_WRITE);
		driver_notify(&driver, QUEUE);
		assert_true(driver_take_used(&driver, QUEUE, &used));
		assert_int_equal(driver_status(&driver) & VIRTIO_STATUS_NEEDS_RESET, 0);
		machine_free(machine);
	}
}

/* Registers that a former process has left may say anything: areas that can't be used are not. */
static void nonsense_of_a_queue_is_not_opened(void **state)
{
	static _Alignas(4096) uint8_t page[4096];
	const struct virtio_queue good = { .descriptors = 0, .driver = 256, .device = 512, .size = 16 };
	struct virtio_queue bad[7];
	struct virtio_areas areas = { 0 };
	struct guest_memory memory;

	(void)state;
	guest_memory_initialize(&memory, 52);
	assert_true(guest_memory_add(&memory, 0, sizeof(page), page));
	for (unsigned i = 0; i < 7; i++) {
		bad[i] = good;
	}
	bad[0].size = 0;
	bad[1].size = 24;
	bad[2].size = 32768;
	bad[3].descriptors = 8;
	bad[4].driver = 257;
	bad[5].device = 514;
	bad[6].driver = sizeof(page) - 8;
	for (unsigned i = 0; i < 7; i++) {
		assert_false(virtio_queue_open(&areas, &bad[i], &memory));
		assert_int_equal(areas.size, 0);
	}
	assert_true(virtio_queue_open(&areas, &good, &memory));
	assert_ptr_equal(areas.descriptors, page);
	assert_ptr_equal(areas.available, page + 256);
	assert_ptr_equal(areas.used, page + 512);
	assert_int_equal(areas.size, 16);
}

static void goes_on_after_a_restart(void **state)
{
	struct machine *machine = machine_new(&virtio_rng_model, NULL);
	struct driver driver;
	struct driver_used used;

	(void)state;
	driver_start(&driver, machine, VIRTIO_F_EVENT_IDX, 1, ENTRIES);
	for (uint16_t i = 0; i < 3 * ENTRIES; i++) {
		feed(machine, (uint8_t)i, 4);
		driver_offer_buffer(&driver, QUEUE, i % ENTRIES, DRIVER_BUFFERS, 4, DRIVER_WRITE);
		if (i % 2 == 0) {
			machine_restart(machine); /* its start serves what is there */
		} else {
			driver_notify(&driver, QUEUE);
		}
		assert_true(driver_take_used(&driver, QUEUE, &used));
		assert_int_equal(used.head, i % ENTRIES);
		assert_false(driver_take_used(&driver, QUEUE, &used));
	}
	machine_free(machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_with_what_it_offers),
		cmocka_unit_test(refuses_features_that_it_does_not_offer),
		cmocka_unit_test(serves_requests_as_bytes_come),
		cmocka_unit_test(indirect_chains_and_several_segments),
		cmocka_unit_test(interrupts_only_where_they_are_wanted),
		cmocka_unit_test(a_queue_that_runs_does_not_change),
		cmocka_unit_test(queues_outside_of_memory_are_refused),
		cmocka_unit_test(self_linked_chain),
		cmocka_unit_test(next_descriptor_outside),
		cmocka_unit_test(head_outside),
		cmocka_unit_test(buffer_outside_of_memory),
		cmocka_unit_test(buffer_wraps),
		cmocka_unit_test(indirect_table_in_indirect_table),
		cmocka_unit_test(indirect_table_with_next),
		cmocka_unit_test(indirect_table_of_absurd_length),
		cmocka_unit_test(indirect_table_that_is_empty),
		cmocka_unit_test(indirect_table_self_linked),
		cmocka_unit_test(readable_after_writable),
		cmocka_unit_test(available_index_too_far),
		cmocka_unit_test(descriptors_changed_after_the_doorbell),
		cmocka_unit_test(dma_into_its_own_rings),
		cmocka_unit_test(nonsense_of_a_queue_is_not_opened),
		cmocka_unit_test(goes_on_after_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
