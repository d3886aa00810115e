/* SPDX-License-Identifier: MIT */
/* virtio-blk: requests of all kinds, in pieces, more than there are slots; kills in between; a disk that another VM has left. */

#include "virtio-blk/virtio_blk.h"
#include "virtio_driver.h"

#include <stdlib.h>
#include <string.h>

enum { QUEUE, ENTRIES = 128 };
enum { IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8, DISCARD = 11, ZEROES = 13 };
enum { OK = 0, IOERR = 1, UNSUPP = 2 };
#define SECTORS 64u
#define PART (MACHINE_DISK_DATA / VIRTIO_BLK_SLOTS)
_Static_assert(PART == 512, "each sector is a piece");

#define FEATURES ((UINT64_C(1) << 2) | (UINT64_C(1) << 6) | (UINT64_C(1) << 9))
#define READ_ONLY (UINT64_C(1) << 5)
#define MORE ((UINT64_C(1) << 13) | (UINT64_C(1) << 14))

static const char *const writable[] = { "rights=rw", NULL };
static const char *const readable[] = { "rights=r", NULL };

/* A machine, and the server's side of its disk. */
struct bench {
	struct machine_disk disk;
	struct block_server server;
	struct block_geometry geometry;
	uint8_t bytes[SECTORS * 512];
	uint32_t served;
	struct machine *machine;
	struct driver driver;
};

static void tell(struct bench *bench)
{
	bool signal = false;

	bench->geometry = (struct block_geometry){ SECTORS,
		BLOCK_CAN_WRITE | BLOCK_CAN_FLUSH | BLOCK_CAN_WRITE_ZEROES, MACHINE_DISK_DATA / 512 };
	bench->server = block_server_start(block_attach(&bench->disk.page, BLOCK_PAGE_SIZE));
	block_tell_geometry(&bench->server, &bench->geometry, &signal);
}

static struct bench *bench_new(const char *const *arguments, uint64_t features)
{
	struct bench *bench = aligned_alloc(64, (sizeof(*bench) + 63) / 64 * 64);

	assert_non_null(bench);
	memset(bench, 0, sizeof(*bench));
	for (uint32_t i = 0; i < sizeof(bench->bytes); i++) {
		bench->bytes[i] = (uint8_t)(i / 512);
	}
	tell(bench);
	bench->machine = machine_new_with_disk(&virtio_blk_model, arguments, &bench->disk);
	driver_start(&bench->driver, bench->machine, features, 1, ENTRIES);
	return bench;
}

static void bench_free(struct bench *bench)
{
	machine_free(bench->machine);
	free(bench);
}

/* Does up to `count` requests; true if the model is to be signalled. */
static bool serve(struct bench *bench, uint32_t count)
{
	bool signal = false;
	uint64_t pending = block_pending(&bench->server);

	for (; pending != 0 && count > 0; pending &= pending - 1, count--) {
		uint32_t slot = (uint32_t)__builtin_ctzll(pending);
		struct block_slot what = block_take(&bench->server, slot);
		enum block_status status = block_check(&what, &bench->geometry, MACHINE_DISK_DATA);
		uint8_t *sector = bench->bytes + what.sector * 512;

		assert_int_equal(what.area, 0);
		if (status == BLOCK_OK && what.operation == BLOCK_READ) {
			memcpy(bench->disk.data + what.offset, sector, what.count * 512u);
		} else if (status == BLOCK_OK && what.operation == BLOCK_WRITE) {
			memcpy(sector, bench->disk.data + what.offset, what.count * 512u);
		} else if (status == BLOCK_OK && what.operation == BLOCK_WRITE_ZEROES) {
			memset(sector, 0, what.count * 512u);
		}
		bench->served++;
		block_answer(&bench->server, slot, status, &signal);
	}
	return signal;
}

/* Serves until the model has nothing more, which it is told only when it asked. */
static void settle(struct bench *bench)
{
	while (serve(bench, 64)) {
		driver_event(&bench->driver, MODEL_EVENT_CONSOLE);
	}
	assert_int_equal(block_pending(&bench->server), 0);
}

#define HEADERS DRIVER_BUFFERS
#define BUFFER(number) (DRIVER_BUFFERS + 0x1000u + (number)*0x1000u)

/* Header, data of `bytes` at `buffer`, status; descriptors 3 * number and on. */
static void offer(
	struct bench *bench, uint32_t number, uint32_t type, uint64_t sector, uint32_t buffer, uint32_t bytes)
{
	struct driver_descriptor *table = driver_descriptors(&bench->driver, QUEUE);
	uint16_t first = (uint16_t)(3 * number);
	uint32_t header = HEADERS + number * 32;
	uint16_t data_flags = type == IN || type == GET_ID ? DRIVER_WRITE : 0;
	uint64_t words[2] = { type, sector };

	memcpy(bench->machine->ram + header, words, sizeof(words));
	bench->machine->ram[header + 16] = 0xff;
	table[first] = (struct driver_descriptor){ header, 16, DRIVER_NEXT,
		(uint16_t)(first + (bytes != 0 ? 1 : 2)) };
	table[first + 1] = (struct driver_descriptor){ buffer, bytes, (uint16_t)(DRIVER_NEXT | data_flags),
		(uint16_t)(first + 2) };
	table[first + 2] = (struct driver_descriptor){ header + 16, 1, DRIVER_WRITE, 0 };
	driver_offer(&bench->driver, QUEUE, first);
}

static uint8_t status_of(const struct bench *bench, uint32_t number)
{
	return bench->machine->ram[HEADERS + number * 32 + 16];
}

/* One request to its end. */
static uint8_t request(struct bench *bench, uint32_t type, uint64_t sector, uint32_t bytes, uint32_t *length)
{
	struct driver_used used;

	offer(bench, 0, type, sector, BUFFER(0), bytes);
	driver_notify(&bench->driver, QUEUE);
	settle(bench);
	assert_true(driver_take_used(&bench->driver, QUEUE, &used));
	assert_false(driver_take_used(&bench->driver, QUEUE, &used));
	assert_int_equal(used.head, 0);
	*length = used.length;
	return status_of(bench, 0);
}

static void reads_and_writes_in_pieces(void **state)
{
	struct bench *bench = bench_new(writable, FEATURES | MORE);
	uint8_t *buffer = bench->machine->ram + BUFFER(0);
	uint32_t length;

	(void)state;
	assert_int_equal(request(bench, IN, 10, 5 * 512, &length), OK);
	assert_int_equal(length, 5 * 512 + 1);
	assert_memory_equal(buffer, bench->bytes + 10 * 512, 5 * 512);
	assert_int_equal(bench->served, 5);
	for (uint32_t i = 0; i < 4096; i++) {
		buffer[i] = (uint8_t)(i * 7 / 3);
	}
	assert_int_equal(request(bench, OUT, 56, 4096, &length), OK);
	assert_int_equal(length, 1);
	assert_memory_equal(bench->bytes + 56 * 512, buffer, 4096);
	assert_int_equal(bench->bytes[56 * 512 - 1], 55);
	assert_int_equal(request(bench, FLUSH, 0, 0, &length), OK);
	assert_int_equal(bench->served, 5 + 8 + 1);
	bench_free(bench);
}

static void other_requests(void **state)
{
	struct bench *bench = bench_new(writable, FEATURES | MORE);
	uint64_t range[2] = { 3, 4 };
	uint32_t length;

	(void)state;
	memcpy(bench->machine->ram + BUFFER(0), range, sizeof(range));
	assert_int_equal(request(bench, ZEROES, 0, 16, &length), OK);
	assert_int_equal(bench->bytes[3 * 512 - 1], 2);
	assert_int_equal(bench->bytes[3 * 512], 0);
	assert_int_equal(bench->bytes[7 * 512 - 1], 0);
	assert_int_equal(bench->bytes[7 * 512], 7);
	assert_int_equal(
		request(bench, DISCARD, 0, 16, &length), OK); /* a hint, which this disk has no use for */
	range[1] |= UINT64_C(2) << 32;
	memcpy(bench->machine->ram + BUFFER(0), range, sizeof(range));
	assert_int_equal(request(bench, ZEROES, 0, 16, &length), UNSUPP);
	assert_int_equal(request(bench, GET_ID, 0, 20, &length), OK);
	assert_int_equal(length, 21);
	assert_string_equal((const char *)bench->machine->ram + BUFFER(0), "bulkhead");
	assert_int_equal(request(bench, 99, 0, 512, &length), UNSUPP);
	bench_free(bench);
}

static void what_cannot_be_is_an_error(void **state)
{
	struct bench *bench = bench_new(writable, FEATURES | MORE);
	uint64_t range[2] = { 0, 0 };
	uint32_t length;

	(void)state;
	assert_int_equal(request(bench, IN, SECTORS - 1, 1024, &length), IOERR);
	assert_int_equal(length, 1);
	assert_int_equal(request(bench, OUT, SECTORS, 512, &length), IOERR);
	assert_int_equal(request(bench, OUT, UINT64_MAX, 1024, &length), IOERR);
	assert_int_equal(request(bench, IN, 0, 511, &length), IOERR);
	assert_int_equal(request(bench, IN, 0, 0, &length), IOERR);
	memcpy(bench->machine->ram + BUFFER(0), range, sizeof(range));
	assert_int_equal(request(bench, ZEROES, 0, 16, &length), IOERR);
	assert_int_equal(request(bench, ZEROES, 0, 15, &length), IOERR);
	assert_int_equal(request(bench, ZEROES, 0, 32, &length), IOERR);
	assert_int_equal(bench->served, 0);
	/* No room for a status: the device stands still. */
	driver_offer_buffer(&bench->driver, QUEUE, 100, HEADERS, 16, 0);
	driver_notify(&bench->driver, QUEUE);
	assert_int_not_equal(driver_status(&bench->driver) & VIRTIO_STATUS_NEEDS_RESET, 0);
	driver_start(&bench->driver, bench->machine, FEATURES, 1, ENTRIES);
	assert_int_equal(request(bench, IN, 0, 512, &length), OK);
	bench_free(bench);
}

/* While a request is at the disk the driver makes nonsense of its descriptors. For the answer to its only piece the model goes by what it has read;
 * between pieces it looks at them again, as does a successor. All of memory but the request's own buffers is as it was, and the device works after a
 * reset. */
static void descriptors_changed_in_flight(void **state)
{
	static const struct driver_descriptor nonsense[] = { { UINT64_MAX - 100, 512,
								     DRIVER_WRITE | DRIVER_NEXT, 2 },
		{ MACHINE_RAM - 5, 512, DRIVER_WRITE, 0 },
		{ BUFFER(0), 0xffffffff, DRIVER_WRITE | DRIVER_NEXT, 2 },
		{ BUFFER(0), 512, DRIVER_WRITE | DRIVER_NEXT, 1 }, { BUFFER(0), 512, DRIVER_NEXT, 2 },
		{ BUFFER(0), 16, DRIVER_INDIRECT, 0 }, { BUFFER(0), 1, DRIVER_WRITE, 0 },
		{ BUFFER(0), 4096, DRIVER_WRITE | DRIVER_NEXT, 0xffff } };

	(void)state;
	for (uint32_t kind = 0; kind < 3 * sizeof(nonsense) / sizeof(nonsense[0]); kind++) {
		struct bench *bench = bench_new(writable, FEATURES | MORE);
		uint8_t *others = bench->machine->ram + BUFFER(2);
		uint32_t length;

		memset(others, 0x5a, 0x2000);
		offer(bench, 0, IN, 10, BUFFER(0), kind % 3 == 0 ? 512 : 4096);
		model_run_event(&bench->machine->run, MODEL_EVENT_DOORBELL(QUEUE));
		assert_int_not_equal(block_pending(&bench->server), 0);
		driver_descriptors(&bench->driver, QUEUE)[1] = nonsense[kind / 3];
		if (kind % 3 == 1) {
			machine_restart(bench->machine);
		}
		while (serve(bench, 64)) {
			model_run_event(&bench->machine->run, MODEL_EVENT_CONSOLE);
		}
		for (uint32_t i = 0; i < 0x2000; i++) {
			assert_int_equal(others[i], 0x5a);
		}
		if (kind % 3 == 0) {
			assert_memory_equal(bench->machine->ram + BUFFER(0), bench->bytes + 10 * 512, 512);
			assert_int_equal(status_of(bench, 0), OK);
		}
		driver_start(&bench->driver, bench->machine, FEATURES | MORE, 1, ENTRIES);
		assert_int_equal(request(bench, IN, 10, 512, &length), OK);
		assert_int_equal(bench->machine->ram[BUFFER(0)], 10);
		bench_free(bench);
	}
}

static void a_read_only_disk_says_so(void **state)
{
	struct bench *bench = bench_new(readable, FEATURES | READ_ONLY);
	uint32_t length;

	(void)state;
	assert_int_equal(request(bench, OUT, 0, 512, &length), IOERR);
	assert_int_equal(bench->served, 0);
	assert_int_equal(request(bench, IN, 0, 512, &length), OK);
	assert_int_equal(request(bench, FLUSH, 0, 0, &length), OK);
	bench_free(bench);
	machine_assert_refused(&virtio_blk_model, "rights=w");
	machine_assert_refused(&virtio_blk_model, "rights=rwx");
}

/* More than there are slots, answered one by one in between kills. */
static void many_requests_at_once(void **state)
{
	struct bench *bench = bench_new(writable, FEATURES | VIRTIO_F_EVENT_IDX);
	struct driver_used used;
	uint32_t done = 0;

	(void)state;
	for (uint32_t i = 0; i < 40; i++) {
		bench->machine->ram[BUFFER(20) + i * 512] = (uint8_t)(100 + i);
		offer(bench, i, OUT, i, BUFFER(20) + i * 512, 512);
	}
	driver_notify(&bench->driver, QUEUE);
	assert_int_equal(__builtin_popcountll(block_pending(&bench->server)), VIRTIO_BLK_SLOTS);
	while (block_pending(&bench->server) != 0) {
		if (serve(bench, 3)) {
			driver_event(&bench->driver, MODEL_EVENT_CONSOLE);
		}
		while (driver_take_used(&bench->driver, QUEUE, &used)) {
			assert_int_equal(used.head % 3, 0);
			assert_int_equal(status_of(bench, used.head / 3), OK);
			done++;
		}
	}
	assert_int_equal(done, 40);
	for (uint32_t i = 0; i < 40; i++) {
		assert_int_equal(bench->bytes[i * 512], 100 + i);
	}
	bench_free(bench);
}

/* Reset while requests are under way: none is given back, none is done after the next driver's own. */
static void what_a_reset_leaves_is_waited_for(void **state)
{
	struct bench *bench = bench_new(writable, FEATURES);
	struct driver_used used;
	uint32_t length;

	(void)state;
	bench->machine->ram[BUFFER(0)] = 1;
	offer(bench, 0, OUT, 5, BUFFER(0), 512);
	driver_notify(&bench->driver, QUEUE);
	assert_int_equal(__builtin_popcountll(block_pending(&bench->server)), 1);
	driver_start(&bench->driver, bench->machine, FEATURES, 1, ENTRIES);
	bench->machine->ram[BUFFER(1)] = 2;
	offer(bench, 0, OUT, 5, BUFFER(1), 512);
	driver_notify(&bench->driver, QUEUE);
	assert_int_equal(__builtin_popcountll(block_pending(&bench->server)), 1);
	settle(bench);
	assert_true(driver_take_used(&bench->driver, QUEUE, &used));
	assert_false(driver_take_used(&bench->driver, QUEUE, &used));
	assert_int_equal(bench->bytes[5 * 512], 2);
	assert_int_equal(request(bench, IN, 5, 512, &length), OK);
	bench_free(bench);
}

/* A VM that was started anew has no registers of its predecessor's, but its page. */
static void a_former_vm_has_left_requests(void **state)
{
	struct bench *bench = bench_new(writable, FEATURES);
	uint32_t length;

	(void)state;
	offer(bench, 0, OUT, 5, BUFFER(0), 512);
	driver_notify(&bench->driver, QUEUE);
	machine_free(bench->machine);
	bench->machine = machine_new_with_disk(&virtio_blk_model, writable, &bench->disk);
	driver_start(&bench->driver, bench->machine, FEATURES, 1, ENTRIES);
	memset(bench->machine->ram + BUFFER(0), 9, 512);
	assert_int_equal(request(bench, OUT, 5, 512, &length), OK);
	assert_int_equal(bench->served, 2);
	assert_int_equal(bench->bytes[5 * 512], 9);
	bench_free(bench);
}

/* Linux says so in its log when a disk's configuration changes: a process that is killed is no change. */
static void a_restart_is_no_change_of_configuration(void **state)
{
	struct bench *bench = bench_new(writable, FEATURES);
	uint64_t edges = machine_edges(bench->machine, VIRTIO_PCI_LINE_VECTOR);
	uint32_t length;

	(void)state;
	machine_restart(bench->machine);
	driver_event(&bench->driver, MODEL_EVENT_CONSOLE);
	assert_int_equal(request(bench, OUT, 5, 512, &length), OK);
	assert_int_equal(machine_edges(bench->machine, VIRTIO_PCI_LINE_VECTOR), edges);
	bench_free(bench);
}

static void the_disk_comes_later(void **state)
{
	struct bench *bench = bench_new(writable, FEATURES);
	struct driver_used used;
	uint64_t edges;

	(void)state;
	machine_free(bench->machine);
	memset(&bench->disk, 0, sizeof(bench->disk));
	bench->machine = machine_new_with_disk(&virtio_blk_model, writable, &bench->disk);
	driver_start(&bench->driver, bench->machine, FEATURES, 1, ENTRIES);
	assert_int_equal(machine_read(bench->machine, 0, VIRTIO_PCI_CONFIG, 4), 0);
	offer(bench, 0, IN, 5, BUFFER(0), 512);
	driver_notify(&bench->driver, QUEUE);
	edges = machine_edges(bench->machine, 0);
	tell(bench);
	driver_event(&bench->driver, MODEL_EVENT_CONSOLE);
	assert_true(machine_edges(bench->machine, 0) > edges); /* the configuration has changed */
	/* Until the driver has looked, each new process tells it: nobody knows whether the last one has. Afterwards no one does. */
	edges = machine_edges(bench->machine, VIRTIO_PCI_LINE_VECTOR);
	machine_restart(bench->machine);
	driver_event(&bench->driver, MODEL_EVENT_CONSOLE);
	assert_true(machine_edges(bench->machine, VIRTIO_PCI_LINE_VECTOR) > edges);
	assert_int_equal(machine_read(bench->machine, 0, VIRTIO_PCI_CONFIG, 4), SECTORS);
	edges = machine_edges(bench->machine, VIRTIO_PCI_LINE_VECTOR);
	machine_restart(bench->machine);
	driver_event(&bench->driver, MODEL_EVENT_CONSOLE);
	assert_int_equal(machine_edges(bench->machine, VIRTIO_PCI_LINE_VECTOR), edges);
	settle(bench);
	assert_true(driver_take_used(&bench->driver, QUEUE, &used));
	assert_int_equal(status_of(bench, 0), OK);
	bench_free(bench);
}

/* Answers that come between the model's look and its sleep. */
static struct bench *on_interrupt_bench;
static bool due; /* a signal to the model */

static void answer_meanwhile(struct machine *machine)
{
	(void)machine;
	due |= serve(on_interrupt_bench, 1);
}

static void no_answer_is_missed(void **state)
{
	struct bench *bench = bench_new(writable, FEATURES);
	struct driver_used used;
	uint32_t done = 0;

	(void)state;
	for (uint32_t i = 0; i < 30; i++) {
		offer(bench, i, IN, i, BUFFER(20) + i * 512, 512);
	}
	model_run_event(&bench->machine->run, MODEL_EVENT_DOORBELL(QUEUE));
	on_interrupt_bench = bench;
	bench->machine->environment.on_interrupt = answer_meanwhile;
	due = serve(bench, 1);
	assert_true(due);
	while (due) {
		due = false;
		model_run_event(&bench->machine->run, MODEL_EVENT_CONSOLE);
	}
	bench->machine->environment.on_interrupt = NULL;
	/* All that was answered was given back. */
	while (driver_take_used(&bench->driver, QUEUE, &used)) {
		done++;
	}
	assert_int_equal(done + (uint32_t)__builtin_popcountll(block_pending(&bench->server)), 30);
	assert_true(done > 1);
	bench_free(bench);
}

/* The server answers as soon as it is signalled, before the model has asked for a signal: the model has to look again. */
static void an_answer_that_comes_at_once_is_seen(void **state)
{
	struct bench *bench = bench_new(writable, FEATURES);
	struct driver_used used;

	(void)state;
	on_interrupt_bench = bench;
	bench->machine->environment.on_console = answer_meanwhile;
	offer(bench, 0, IN, 1, BUFFER(0), 512);
	block_ask_for_requests(&bench->server);
	model_run_event(&bench->machine->run, MODEL_EVENT_DOORBELL(QUEUE));
	bench->machine->environment.on_console = NULL;
	assert_true(driver_take_used(&bench->driver, QUEUE, &used));
	assert_int_equal(status_of(bench, 0), OK);
	bench_free(bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_and_writes_in_pieces),
		cmocka_unit_test(other_requests),
		cmocka_unit_test(what_cannot_be_is_an_error),
		cmocka_unit_test(descriptors_changed_in_flight),
		cmocka_unit_test(a_read_only_disk_says_so),
		cmocka_unit_test(many_requests_at_once),
		cmocka_unit_test(what_a_reset_leaves_is_waited_for),
		cmocka_unit_test(a_former_vm_has_left_requests),
		cmocka_unit_test(a_restart_is_no_change_of_configuration),
		cmocka_unit_test(the_disk_comes_later),
		cmocka_unit_test(no_answer_is_missed),
		cmocka_unit_test(an_answer_that_comes_at_once_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
