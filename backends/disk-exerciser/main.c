/* SPDX-License-Identifier: MIT */
/*
 * A client of the block protocol, for tests: writes a disk full, flushes, reads it back and compares, for a number of rounds, all slots in use; in between
 * it has part of the disk zeroed. It knows nothing of restarts of the driver: whatever happens there, what it reads must be what it wrote.
 *
 * Given by the manifest: argument rounds; capabilities notification, disk-signal; regions disk-page, area0.
 */
#include <bulkhead/block.h>
#include <bulkhead/syscall.h>
#include <bulkhead/task.h>

#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 4096u
#define BLOCK_SECTORS (BLOCK_BYTES / BLOCK_SECTOR_SIZE)
#define WORDS (BLOCK_BYTES / sizeof(uint64_t))

static struct block_client client;
static struct block_geometry geometry;
static uint8_t *area;
static uint64_t notification;
static uint64_t server;
static uint64_t round_number;
static uint64_t zeroed_blocks; /* from the disk's beginning, in this round */

static _Noreturn void fail(const char *what, uint64_t number)
{
	bh_log("WRONG: %s, block %lu, round %lu", what, number, round_number);
	exit(1);
}

static void wait_for_server(void)
{
	uint64_t word;

	if (bh_wait(notification, &word) != BH_OK) {
		fail("the notification is gone", 0);
	}
}

/* What word `word` of a block is to hold: told by round, block and place, so that nothing can be taken for something else. */
static uint64_t pattern(uint64_t block, uint64_t word)
{
	return round_number << 48 | block << 16 | (word & 0xffff);
}

static uint64_t *data_of(uint32_t slot) { return (uint64_t *)(void *)(area + (size_t)slot * BLOCK_BYTES); }

static void fill(uint32_t slot, uint64_t block)
{
	for (uint64_t word = 0; word < WORDS; word++) {
		data_of(slot)[word] = pattern(block, word);
	}
}

static void compare(uint32_t slot, uint64_t block)
{
	for (uint64_t word = 0; word < WORDS; word++) {
		if (data_of(slot)[word] != (block < zeroed_blocks ? 0 : pattern(block, word))) {
			fail("what was read is not what was written", block);
		}
	}
}

static void post(uint32_t slot, const struct block_slot *request)
{
	bool signal = false;

	block_client_post(&client, slot, request, &signal);
	if (signal && bh_signal(server) != BH_OK) {
		fail("the server cannot be signalled", 0);
	}
}

/* Until at least one of `slots` is free; returns those. */
static uint64_t wait_for(uint64_t slots)
{
	for (;;) {
		uint64_t free_slots = block_free_slots(client.page, client.posted) & slots;

		if (free_slots != 0) {
			return free_slots;
		}
		block_ask_for_answers(client.page);
		if ((block_free_slots(client.page, client.posted) & slots) == 0) {
			wait_for_server();
		}
	}
}

/* Has one request without data done. */
static void do_one(enum block_operation operation, uint64_t blocks)
{
	struct block_slot request = { .operation = operation, .count = (uint32_t)(blocks * BLOCK_SECTORS) };

	post(0, &request);
	(void)wait_for(1);
	if (block_status_of(client.page, 0) != BLOCK_OK) {
		fail("a request without data failed", operation);
	}
}

/* Writes or reads all blocks, as many at once as there are slots. */
static void do_all(enum block_operation operation)
{
	uint64_t blocks = geometry.sectors / BLOCK_SECTORS;
	uint64_t block_of[BLOCK_SLOTS];
	uint64_t used = 0;
	uint64_t next = 0;

	while (next < blocks || used != 0) {
		while (next < blocks && used != UINT64_MAX) {
			uint32_t slot = (uint32_t)__builtin_ctzll(~used);
			struct block_slot request = { .operation = operation,
				.sector = next * BLOCK_SECTORS,
				.offset = (uint64_t)slot * BLOCK_BYTES,
				.count = BLOCK_SECTORS };

			memset(data_of(slot), 0xee, BLOCK_BYTES);
			if (operation == BLOCK_WRITE) {
				fill(slot, next);
			}
			used |= UINT64_C(1) << slot;
			block_of[slot] = next++;
			post(slot, &request);
		}
		for (uint64_t done = wait_for(used); done != 0; done &= done - 1) {
			uint32_t slot = (uint32_t)__builtin_ctzll(done);

			if (block_status_of(client.page, slot) != BLOCK_OK) {
				fail("a request failed", block_of[slot]);
			}
			if (operation == BLOCK_READ) {
				compare(slot, block_of[slot]);
			}
			used &= ~(UINT64_C(1) << slot);
		}
	}
}

static void do_round(void)
{
	zeroed_blocks = 0;
	if ((geometry.flags & BLOCK_CAN_DISCARD) != 0) {
		do_one(BLOCK_DISCARD, geometry.sectors / BLOCK_SECTORS);
	}
	do_all(BLOCK_WRITE);
	if ((geometry.flags & BLOCK_CAN_WRITE_ZEROES) != 0) {
		zeroed_blocks = geometry.sectors / BLOCK_SECTORS / 4;
		do_one(BLOCK_WRITE_ZEROES, zeroed_blocks);
	}
	do_one(BLOCK_FLUSH, 0);
	do_all(BLOCK_READ);
	bh_log("round %lu: %lu blocks are right", round_number, geometry.sectors / BLOCK_SECTORS);
}

int main(void)
{
	size_t size;
	void *memory = bh_region_required(BLOCK_NAME_PAGE, BLOCK_PAGE_SIZE, &size);
	struct block_page *page = block_attach(memory, size);
	uint64_t rounds = bh_argument_number("rounds", 1);

	notification = bh_capability_required(BLOCK_NAME_NOTIFICATION);
	server = bh_capability_required(BLOCK_NAME_SIGNAL);
	area = bh_region_required(BLOCK_NAME_AREA "0", (size_t)BLOCK_SLOTS * BLOCK_BYTES, NULL);
	if (page == NULL) {
		fail("the page of requests is of another version", 0);
	}
	client = block_client_start(page);
	while (!block_read_geometry(page, &geometry) || !block_client_is_idle(&client)) {
		block_ask_for_answers(page);
		if (!block_read_geometry(page, &geometry) || !block_client_is_idle(&client)) {
			wait_for_server();
		}
	}
	for (round_number = 1; round_number <= rounds; round_number++) {
		do_round();
	}
	bh_log("the exercise is over");
	for (;;) {
		wait_for_server();
	}
}
