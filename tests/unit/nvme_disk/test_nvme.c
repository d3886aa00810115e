/* SPDX-License-Identifier: MIT */
/* Requests reach an NVMe namespace and answers the client, over restarts too, and neither a bad client nor a bad controller leads anywhere else. The
 * controller here knows NVMe's structures by their places only. Host only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mmio.h"
#include "nvme.h"

#include <string.h>

#define SECTORS 4096u
#define AREA_SIZE 0x40000u
#define MEMORY_ADDRESS UINT64_C(0x140000000) /* as the controller sees things */
#define AREA_ADDRESS UINT64_C(0x250000000)
#define QUEUES 2u

/* ---- The controller -------------------------------------------------------------------------------------------------- */

static struct {
	uint64_t capabilities;
	uint8_t identify[2][4096]; /* namespace, controller */
	bool is_stuck;
	bool is_fatal;
	uint32_t refuses; /* this opcode of administration, 0: none */
	uint32_t late;    /* so many looks at its status pass before it does a command of administration */
	uint32_t looks;
	uint32_t dies_of; /* this opcode: it is not done, and the status is fatal */
	uint32_t configuration;
	uint64_t submission[QUEUES];
	uint64_t completion[QUEUES];
	uint32_t entries[QUEUES];
	uint32_t head[QUEUES]; /* of submissions */
	uint32_t tail[QUEUES]; /* told by the driver */
	uint32_t put[QUEUES];  /* completions so far */
	uint32_t vector;
	uint32_t acknowledged[QUEUES];
	uint32_t done;
	uint8_t sectors[SECTORS * 512];
	bool fails;
} controller;

static uint8_t registers[0x3000];
static uint8_t memory[NVME_MEMORY] __attribute__((aligned(4096)));
static uint8_t area[AREA_SIZE] __attribute__((aligned(4096)));
static struct block_page page;
static struct host_pci_function function;
static struct driver_bar bar;

static uint8_t *reach(uint64_t address, uint64_t length)
{
	if (address >= MEMORY_ADDRESS && address - MEMORY_ADDRESS <= sizeof memory - length) {
		return memory + (address - MEMORY_ADDRESS);
	}
	assert_true(address >= AREA_ADDRESS && address - AREA_ADDRESS <= AREA_SIZE - length);
	return area + (address - AREA_ADDRESS);
}

static void complete(uint32_t queue, uint32_t number, uint32_t status)
{
	uint32_t place = controller.put[queue] % controller.entries[queue];
	uint32_t phase = controller.put[queue] / controller.entries[queue] % 2 == 0;
	struct nvme_completion *completion = (struct nvme_completion *)(void *)reach(
		controller.completion[queue] + place * sizeof *completion, sizeof *completion);

	completion->status = status << 17 | phase << 16 | (number & 0xffff);
	controller.put[queue]++;
}

static void administer(void)
{
	struct nvme_command command;
	uint32_t status = 0;

	memcpy(&command,
		reach(controller.submission[0] + controller.head[0] * sizeof command, sizeof command),
		sizeof command);
	controller.head[0] = (controller.head[0] + 1) % controller.entries[0];
	if (controller.dies_of != 0 && controller.dies_of == (command.opcode & 0xff)) {
		controller.is_fatal = true;
		return;
	}
	switch (command.opcode & 0xff) {
	case 0x06:
		assert_int_equal(command.data[0] % 4096, 0);
		memcpy(reach(command.data[0], 4096), controller.identify[command.parameter[0] & 1], 4096);
		break;
	case 0x05:
	case 0x01:
		assert_int_equal(command.parameter[0] & 0xffff, 1);
		assert_int_equal(command.parameter[1] & 1, 1);
		controller.entries[1] = (command.parameter[0] >> 16) + 1;
		if ((command.opcode & 0xff) == 0x05) {
			controller.completion[1] = command.data[0];
			controller.vector = command.parameter[1] >> 16;
			assert_int_equal(command.parameter[1] & 2, 2);
		} else {
			controller.submission[1] = command.data[0];
			assert_int_equal(command.parameter[1] >> 16, 1);
		}
		break;
	case 0x09:
		break;
	default:
		fail_msg("command 0x%x", command.opcode);
	}
	if (controller.refuses == (command.opcode & 0xff)) {
		status = 1;
	}
	complete(0, command.opcode >> 16, status);
}

uint32_t mmio_read(const volatile void *address, unsigned width)
{
	size_t offset = (size_t)((const volatile uint8_t *)address - registers);

	assert_int_equal(width, 4);
	switch (offset) {
	case 0:
		return (uint32_t)controller.capabilities;
	case 4:
		return (uint32_t)(controller.capabilities >> 32);
	case 0x1c:
		if (controller.late != 0 && controller.head[0] != controller.tail[0] &&
			++controller.looks % controller.late == 0) {
			administer();
		}
		return controller.is_fatal && (controller.configuration & 1) != 0 ? 2
		       : controller.is_stuck                                      ? 0
					     : controller.configuration & 1;
	default:
		fail_msg("the driver read register 0x%zx", offset);
		return 0;
	}
}

void mmio_write(volatile void *address, unsigned width, uint32_t value)
{
	size_t offset = (size_t)((volatile uint8_t *)address - registers);

	assert_int_equal(width, 4);
	switch (offset) {
	case 0x14:
		if ((value & 1) == 0) {
			memset(controller.head, 0, sizeof controller.head);
			memset(controller.tail, 0, sizeof controller.tail);
			memset(controller.put, 0, sizeof controller.put);
			controller.entries[1] = 0;
		}
		controller.configuration = value;
		break;
	case 0x24:
		controller.entries[0] = (value & 0xfff) + 1;
		assert_int_equal(value >> 16 & 0xfff, value & 0xfff);
		break;
	case 0x28:
	case 0x2c:
		memcpy((uint8_t *)&controller.submission[0] + (offset - 0x28), &value, 4);
		break;
	case 0x30:
	case 0x34:
		memcpy((uint8_t *)&controller.completion[0] + (offset - 0x30), &value, 4);
		break;
	default:
		assert_in_range(offset, 0x1000, 0x1000 + 3 * 16);
		assert_int_equal(offset % 16, 0); /* the stride */
		offset = (offset - 0x1000) / 16;
		if (offset % 2 != 0) {
			controller.acknowledged[offset / 2] = value;
			return;
		}
		assert_true(value < controller.entries[offset / 2]);
		controller.tail[offset / 2] = value;
		while (offset == 0 && controller.late == 0 && controller.head[0] != controller.tail[0]) {
			administer();
		}
		break;
	}
}

/* Copies what a command's data is, page by page as its addresses say, to or from the sectors. */
static void transfer(const struct nvme_command *command, bool is_read)
{
	uint64_t sector = command->parameter[0] | (uint64_t)command->parameter[1] << 32;
	uint64_t left = ((uint64_t)(command->parameter[2] & 0xffff) + 1) * 512;
	uint8_t *disk = controller.sectors + sector * 512;
	uint64_t address = command->data[0];
	uint64_t first = 4096 - address % 4096;
	const uint64_t *list = NULL;
	uint32_t index = 0;

	assert_true(sector * 512 + left <= sizeof controller.sectors);
	if (left > first && left - first > 4096) {
		list = (const uint64_t *)(void *)reach(command->data[1], 8);
		/* A list does not run over its page's end. */
		assert_true(command->data[1] % 4096 + (left - first + 4095) / 4096 * 8 <= 4096);
	}
	while (left > 0) {
		uint64_t room = 4096 - address % 4096;
		uint64_t piece = left < room ? left : room;

		memcpy(is_read ? reach(address, piece) : disk, is_read ? disk : reach(address, piece), piece);
		disk += piece;
		left -= piece;
		if (left > 0) {
			address = list != NULL ? list[index++] : command->data[1];
			assert_int_equal(address % 4096, 0);
		}
	}
}

static void do_command(const struct nvme_command *command)
{
	uint64_t sector = command->parameter[0] | (uint64_t)command->parameter[1] << 32;
	uint32_t count = (command->parameter[2] & 0xffff) + 1;
	uint32_t blocks;
	uint64_t first;

	assert_int_equal(command->name_space, 1);
	switch (command->opcode & 0xff) {
	case 0x00:
		break;
	case 0x01:
	case 0x02:
		transfer(command, (command->opcode & 0xff) == 0x02);
		break;
	case 0x08:
		assert_true(sector + count <= SECTORS);
		memset(controller.sectors + sector * 512, 0, (size_t)count * 512);
		break;
	case 0x09:
		assert_int_equal(command->parameter[0], 0);
		assert_int_equal(command->parameter[1], 4);
		memcpy(&blocks, reach(command->data[0], 16) + 4, 4);
		memcpy(&first, reach(command->data[0], 16) + 8, 8);
		assert_true(first + blocks <= SECTORS);
		memset(controller.sectors + first * 512, 0xdd, (size_t)blocks * 512);
		break;
	default:
		fail_msg("command 0x%x", command->opcode);
	}
}

/* Does what was asked, `limit` commands at most. */
static void work(uint32_t limit)
{
	while (controller.head[1] != controller.tail[1] && limit-- > 0) {
		struct nvme_command command;

		memcpy(&command,
			reach(controller.submission[1] + controller.head[1] * sizeof command, sizeof command),
			sizeof command);
		controller.head[1] = (controller.head[1] + 1) % controller.entries[1];
		if (!controller.fails) {
			do_command(&command);
		}
		controller.done++;
		complete(1, command.opcode >> 16, controller.fails);
	}
}

/* ---- The driver and its client --------------------------------------------------------------------------------------- */

static struct nvme nvme;
static struct block_client client;
static bool signalled;

static int set_up(void **state)
{
	(void)state;
	memset(&controller, 0, sizeof controller);
	memset(area, 0, sizeof area);
	memset(&page, 0, sizeof page);
	memset(&function, 0, sizeof function);
	controller.capabilities = UINT64_C(1) << 37 | UINT64_C(2) << 32 | 2047; /* stride 16 */
	controller.identify[1][77] = 7;
	controller.identify[1][520] = 4 | 8;
	controller.identify[1][525] = 1;
	controller.identify[0][1] = SECTORS >> 8;
	controller.identify[0][26] = 1;
	controller.identify[0][128 + 4 + 2] = 9;
	controller.identify[0][128 + 2] = 12; /* another format, not the one in use */
	function.table_bar = 0;
	function.table_entries = 65;
	function.table_offset = 0x2000;
	function.pending_offset = 0x3000;
	bar = (struct driver_bar){ registers, sizeof registers };
	client = block_client_start(block_attach(&page, sizeof page));
	signalled = false;
	return 0;
}

static enum nvme_error start(void)
{
	memset(&nvme, 0, sizeof nvme);
	return nvme_start(&nvme, &function, &bar, 3, memory, MEMORY_ADDRESS);
}

static void start_driver(void)
{
	assert_int_equal(start(), NVME_OK);
	nvme.slots.server = block_server_start(block_attach(&page, sizeof page));
	nvme.slots.area[0] = (struct slots_area){ AREA_ADDRESS, AREA_SIZE };
	nvme.slots.area_count = 1;
	block_tell_geometry(&nvme.slots.server, &nvme.slots.geometry, &signalled);
}

static void post(
	uint32_t slot, enum block_operation operation, uint64_t sector, uint32_t count, uint64_t offset)
{
	struct block_slot request = {
		.operation = operation, .sector = sector, .count = count, .offset = offset
	};
	bool signal = false;

	block_client_post(&client, slot, &request, &signal);
}

static void turn(enum driver_turn expected) { assert_int_equal(nvme_turn(&nvme, &signalled), expected); }

static void run(void)
{
	do {
		work(UINT32_MAX);
	} while (nvme_turn(&nvme, &signalled) == DRIVER_MOVED);
}

static void expect(uint32_t slot, enum block_status status)
{
	assert_true((block_free_slots(&page, client.posted) >> slot & 1) != 0);
	assert_int_equal(block_status_of(&page, slot), status);
}

static void test_the_geometry(void **state)
{
	(void)state;
	start_driver();
	assert_int_equal(nvme.slots.geometry.sectors, SECTORS);
	assert_int_equal(nvme.slots.geometry.max_sectors, 256);
	assert_int_equal(nvme.slots.geometry.flags,
		BLOCK_CAN_WRITE | BLOCK_CAN_FLUSH | BLOCK_CAN_DISCARD | BLOCK_CAN_WRITE_ZEROES);
	assert_int_equal(controller.vector, 3);
	assert_int_equal(controller.entries[1], NVME_ENTRIES);
	controller.identify[1][77] = 2; /* four pages at once */
	controller.identify[1][520] = 0;
	controller.identify[1][525] = 0;
	start_driver();
	assert_int_equal(nvme.slots.geometry.max_sectors, 32);
	assert_int_equal(nvme.slots.geometry.flags, BLOCK_CAN_WRITE);
}

/* Of every length, wherever they begin: one page, two, and lists. */
static void test_sectors_go_both_ways(void **state)
{
	static const struct {
		uint32_t count;
		uint32_t offset;
	} CASES[] = { { 1, 0 }, { 1, 0xe00 }, { 8, 0 }, { 8, 0x200 }, { 16, 0 }, { 16, 0x200 }, { 17, 0 },
		{ 255, 0x600 }, { 256, 0 }, { 256, 0x200 }, { 256, 0xe00 } };

	(void)state;
	start_driver();
	for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
		uint32_t bytes = CASES[i].count * 512;

		for (uint32_t j = 0; j < bytes; j++) {
			area[CASES[i].offset + j] = (uint8_t)(j / 512 + j + i);
		}
		post(0, BLOCK_WRITE, 100 + i, CASES[i].count, CASES[i].offset);
		run();
		expect(0, BLOCK_OK);
		assert_memory_equal(controller.sectors + (100 + i) * 512, area + CASES[i].offset, bytes);
		/* Back, to another place, and nothing beside it. */
		memset(area + 0x21000, 0xee, 0x1f000);
		post(63, BLOCK_READ, 100 + i, CASES[i].count, 0x1e000 + CASES[i].offset);
		run();
		expect(63, BLOCK_OK);
		assert_memory_equal(
			area + 0x1e000 + CASES[i].offset, controller.sectors + (100 + i) * 512, bytes);
		if (0x1e000 + CASES[i].offset + bytes >= 0x21000) {
			assert_int_equal(area[0x1e000 + CASES[i].offset + bytes], 0xee);
		}
	}
}

static void test_other_operations(void **state)
{
	(void)state;
	start_driver();
	memset(controller.sectors, 0x11, sizeof controller.sectors);
	post(0, BLOCK_DISCARD, 10, 4000, 0);
	post(1, BLOCK_FLUSH, 0, 0, 0);
	run();
	expect(0, BLOCK_OK);
	expect(1, BLOCK_OK);
	assert_int_equal(controller.sectors[10 * 512 - 1], 0x11);
	assert_int_equal(controller.sectors[10 * 512], 0xdd);
	assert_int_equal(controller.sectors[4010 * 512 - 1], 0xdd);
	assert_int_equal(controller.sectors[4010 * 512], 0x11);
	post(0, BLOCK_WRITE_ZEROES, 1, 2, 0);
	run();
	assert_int_equal(controller.sectors[512 - 1], 0x11);
	assert_int_equal(controller.sectors[512], 0);
	assert_int_equal(controller.sectors[3 * 512], 0x11);
	assert_int_equal(controller.done, 3);
}

static void test_bad_requests_and_failures(void **state)
{
	(void)state;
	start_driver();
	post(0, BLOCK_READ, 0, 257, 0);
	post(1, BLOCK_READ, SECTORS, 1, 0);
	post(2, BLOCK_WRITE, 0, 2, AREA_SIZE - 512);
	turn(DRIVER_MOVED);
	for (uint32_t slot = 0; slot < 3; slot++) {
		expect(slot, BLOCK_REFUSED);
	}
	controller.fails = true;
	post(3, BLOCK_READ, 0, 1, 0);
	run();
	expect(3, BLOCK_FAILED);
}

static void test_all_slots_past_the_wrap(void **state)
{
	(void)state;
	start_driver();
	for (uint32_t round = 0; round < 9; round++) {
		for (uint32_t slot = 0; slot < BLOCK_SLOTS; slot++) {
			memset(area + slot * 512, (int)(slot ^ round), 512);
			post(slot, BLOCK_WRITE, slot, 1, slot * 512);
		}
		turn(DRIVER_MOVED);
		run();
		assert_true(block_client_is_idle(&client));
		for (uint32_t slot = 0; slot < BLOCK_SLOTS; slot++) {
			assert_int_equal(controller.sectors[slot * 512 + 511], slot ^ round);
		}
	}
	assert_int_equal(controller.acknowledged[1], 9 * BLOCK_SLOTS % NVME_ENTRIES);
}

static void test_a_short_queue(void **state)
{
	(void)state;
	controller.capabilities = (controller.capabilities & ~UINT64_C(0xffff)) | 19;
	start_driver();
	assert_int_equal(controller.entries[1], 20);
	for (uint32_t slot = 0; slot < BLOCK_SLOTS; slot++) {
		post(slot, BLOCK_READ, slot, 1, slot * 512);
	}
	turn(DRIVER_MOVED);
	assert_int_equal(__builtin_popcountll(nvme.slots.begun), 19);
	run();
	assert_true(block_client_is_idle(&client));
	assert_int_equal(controller.done, BLOCK_SLOTS);
}

static void test_a_killed_driver_goes_on(void **state)
{
	(void)state;
	start_driver();
	for (uint32_t slot = 0; slot < 10; slot++) {
		memset(area + slot * 512, (int)slot + 1, 512);
		post(slot, BLOCK_WRITE, slot, 1, slot * 512);
	}
	turn(DRIVER_MOVED);
	work(4);
	turn(DRIVER_MOVED);
	work(3);                               /* done, and the driver has not seen it */
	memset(controller.sectors, 0xee, 512); /* what was answered may be written by others */
	start_driver();
	turn(DRIVER_MOVED);
	run();
	assert_true(block_client_is_idle(&client));
	assert_int_equal(controller.sectors[0], 0xee);
	for (uint32_t slot = 4; slot < 10; slot++) {
		assert_int_equal(controller.sectors[slot * 512], slot + 1);
	}
}

static void test_a_lying_controller_is_noticed(void **state)
{
	static const uint32_t NUMBERS[] = { 1, 63, 64, 0xffff };

	(void)state;
	for (size_t i = 0; i < sizeof NUMBERS / sizeof NUMBERS[0]; i++) {
		set_up(NULL);
		start_driver();
		post(0, BLOCK_READ, 0, 1, 0);
		turn(DRIVER_MOVED);
		complete(1, NUMBERS[i], 0);
		turn(DRIVER_NONSENSE);
	}
	set_up(NULL);
	start_driver();
	post(0, BLOCK_READ, 0, 1, 0);
	turn(DRIVER_MOVED);
	complete(1, 0, 0);
	complete(1, 0, 0);
	turn(DRIVER_NONSENSE);
}

static void refused(enum nvme_error error) { assert_int_equal(start(), error); }

static void test_controllers_that_do_not_play(void **state)
{
	(void)state;
	bar.size = 0x1fff;
	refused(NVME_ERROR_REGISTERS);
	set_up(NULL);
	function.table_offset = 0x1000;
	refused(NVME_ERROR_REGISTERS);
	set_up(NULL);
	function.table_offset = 0;
	refused(NVME_ERROR_REGISTERS);
	set_up(NULL);
	controller.capabilities |= UINT64_C(15) << 32; /* doorbells far apart */
	refused(NVME_ERROR_REGISTERS);
	set_up(NULL);
	controller.capabilities &= ~(UINT64_C(1) << 37);
	refused(NVME_ERROR_CONTROLLER);
	set_up(NULL);
	controller.capabilities |= UINT64_C(1) << 48;
	refused(NVME_ERROR_CONTROLLER);
	set_up(NULL);
	controller.capabilities &= ~UINT64_C(0xffff);
	refused(NVME_ERROR_CONTROLLER);
	set_up(NULL);
	controller.is_stuck = true;
	refused(NVME_ERROR_STUCK);
	set_up(NULL);
	controller.is_fatal = true;
	refused(NVME_ERROR_STUCK);
	/* A slow one is waited for by the time that registers take, not by that of the CPU's cache; a dead one isn't. */
	set_up(NULL);
	controller.late = 1000;
	refused(NVME_OK);
	set_up(NULL);
	controller.late = 10;
	controller.dies_of = 6;
	refused(NVME_ERROR_STUCK);
	assert_true(controller.looks < 100);
	for (uint32_t opcode = 1; opcode < 10; opcode++) {
		set_up(NULL);
		controller.refuses = opcode;
		refused(opcode == 1 || opcode == 5 || opcode == 6 || opcode == 9 ? NVME_ERROR_COMMAND
										 : NVME_OK);
	}
	set_up(NULL);
	controller.identify[0][1] = 0;
	refused(NVME_ERROR_NAMESPACE);
	set_up(NULL);
	controller.identify[0][26] = 0; /* the format of 4 KiB */
	refused(NVME_ERROR_NAMESPACE);
	set_up(NULL);
	controller.identify[0][128 + 4] = 8; /* metadata */
	refused(NVME_ERROR_NAMESPACE);
	for (int error = NVME_OK; error <= NVME_ERROR_NAMESPACE; error++) {
		assert_non_null(nvme_error_text((enum nvme_error)error));
	}
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_geometry),
		TEST(test_sectors_go_both_ways),
		TEST(test_other_operations),
		TEST(test_bad_requests_and_failures),
		TEST(test_all_slots_past_the_wrap),
		TEST(test_a_short_queue),
		TEST(test_a_killed_driver_goes_on),
		TEST(test_a_lying_controller_is_noticed),
		TEST(test_controllers_that_do_not_play),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
