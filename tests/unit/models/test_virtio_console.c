/* SPDX-License-Identifier: MIT */
/* virtio-console: guest buffers to the console's rings and back, more than fits, kills in between. */

#include "virtio-console/virtio_console.h"
#include "virtio_driver.h"

#include <string.h>

enum { RECEIVE, TRANSMIT, ENTRIES = 8 };
enum { CAPACITY = 1024 }; /* of the console's ring */

static void transmits_what_has_room_and_the_rest_later(void **state)
{
	struct machine *machine = machine_new(&virtio_console_model, NULL);
	struct driver driver;
	struct driver_used used;
	uint8_t bytes[CAPACITY];
	int signal = 0;

	(void)state;
	driver_start(&driver, machine, 0, 2, ENTRIES);
	for (uint32_t i = 0; i < CAPACITY + 100; i++) {
		machine->ram[DRIVER_BUFFERS + i] = (uint8_t)(i % 251);
	}
	driver_offer_buffer(&driver, TRANSMIT, 2, DRIVER_BUFFERS, CAPACITY + 100, 0);
	driver_notify(&driver, TRANSMIT);
	assert_false(driver_take_used(&driver, TRANSMIT, &used));
	assert_int_equal(ring_read(&machine->from_guest, bytes, sizeof(bytes), &signal), CAPACITY);
	for (uint32_t i = 0; i < CAPACITY; i++) {
		assert_int_equal(bytes[i], i % 251);
	}
	assert_int_equal(signal, 1); /* it waits for room */
	driver_event(&driver, MODEL_EVENT_CONSOLE);
	assert_true(driver_take_used(&driver, TRANSMIT, &used));
	assert_int_equal(used.head, 2);
	assert_int_equal(used.length, 0);
	assert_int_equal(ring_read(&machine->from_guest, bytes, sizeof(bytes), &signal), 100);
	assert_int_equal(bytes[0], CAPACITY % 251);
	/* The next chain begins at its beginning. */
	driver_offer_buffer(&driver, TRANSMIT, 0, DRIVER_BUFFERS, 3, 0);
	driver_notify(&driver, TRANSMIT);
	assert_int_equal(ring_read(&machine->from_guest, bytes, sizeof(bytes), &signal), 3);
	assert_int_equal(bytes[0], 0);
	machine_free(machine);
}

static void receives_into_buffers_what_there_is(void **state)
{
	struct machine *machine = machine_new(&virtio_console_model, NULL);
	struct driver driver;
	struct driver_used used;
	int signal = 0;

	(void)state;
	driver_start(&driver, machine, VIRTIO_F_EVENT_IDX, 2, ENTRIES);
	assert_int_equal(ring_write(&machine->to_guest, (const uint8_t *)"hello", 5, &signal), 5);
	driver_offer_buffer(&driver, RECEIVE, 0, DRIVER_BUFFERS, 3, DRIVER_WRITE);
	driver_offer_buffer(&driver, RECEIVE, 1, DRIVER_BUFFERS + 16, 16, DRIVER_WRITE);
	driver_offer_buffer(&driver, RECEIVE, 2, DRIVER_BUFFERS + 32, 16, DRIVER_WRITE);
	driver_notify(&driver, RECEIVE);
	assert_true(driver_take_used(&driver, RECEIVE, &used));
	assert_int_equal(used.length, 3);
	assert_true(driver_take_used(&driver, RECEIVE, &used));
	assert_int_equal(used.length, 2);
	assert_false(driver_take_used(&driver, RECEIVE, &used));
	assert_memory_equal(machine->ram + DRIVER_BUFFERS, "hel", 3);
	assert_memory_equal(machine->ram + DRIVER_BUFFERS + 16, "lo", 2);
	assert_int_equal(ring_write(&machine->to_guest, (const uint8_t *)"x", 1, &signal), 1);
	assert_int_equal(signal, 1); /* it waits for bytes */
	driver_event(&driver, MODEL_EVENT_CONSOLE);
	assert_true(driver_take_used(&driver, RECEIVE, &used));
	assert_int_equal(used.head, 2);
	assert_int_equal(used.length, 1);
	machine_free(machine);
}

static void a_reset_forgets_what_was_half_done(void **state)
{
	struct machine *machine = machine_new(&virtio_console_model, NULL);
	struct driver driver;
	uint8_t bytes[CAPACITY];
	int signal = 0;

	(void)state;
	driver_start(&driver, machine, 0, 2, ENTRIES);
	driver_offer_buffer(&driver, TRANSMIT, 0, DRIVER_BUFFERS, CAPACITY + 1, 0);
	driver_notify(&driver, TRANSMIT);
	(void)ring_read(&machine->from_guest, bytes, sizeof(bytes), &signal);
	driver_start(&driver, machine, 0, 2, ENTRIES);
	/* What it could still put in before the reset came. */
	(void)ring_read(&machine->from_guest, bytes, sizeof(bytes), &signal);
	memset(machine->ram + DRIVER_BUFFERS, 'a', 2);
	driver_offer_buffer(&driver, TRANSMIT, 0, DRIVER_BUFFERS, 2, 0);
	driver_notify(&driver, TRANSMIT);
	assert_int_equal(ring_read(&machine->from_guest, bytes, sizeof(bytes), &signal), 2);
	assert_memory_equal(bytes, "aa", 2);
	machine_free(machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transmits_what_has_room_and_the_rest_later),
		cmocka_unit_test(receives_into_buffers_what_there_is),
		cmocka_unit_test(a_reset_forgets_what_was_half_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
