/* SPDX-License-Identifier: MIT */
/* The volume server between clients and a disk: ranges, rights, snapshots; all of it while server and driver are killed and the power
 * goes. Each client keeps a copy of what its volume has to hold. */
#include "fake_disk.h"

#include <stdlib.h>
#include <string.h>

#include "catalog.h"
#include "server.h"

#define DISK_SECTORS 4096u
#define VOLUME_SECTORS 700u /* no whole number of chunks */
#define DATA_BYTES (256u * 1024)
#define SLOT_BYTES (DATA_BYTES / BLOCK_SLOTS)
#define SLOT_SECTORS (SLOT_BYTES / 512)
#define BASE_VALUE 7u         /* what the base holds */
#define OLD_VALUE 0xdeadbeefu /* what was on the disk before: nobody may see it */
#define CLIENTS 3u            /* base (read only), one and two, both snapshots of base */

/* A sector's contents are a number, all over it. */
struct client {
	struct block_page page;
	struct block_client side;
	uint8_t *data;
	uint32_t now[VOLUME_SECTORS];    /* what reads have to show; of a sector under way, see `busy` */
	uint32_t stable[VOLUME_SECTORS]; /* what is there after a loss of power, or something newer */
	uint64_t busy[VOLUME_SECTORS / 64 + 1];
	uint64_t posted; /* slots */
	struct block_slot what[BLOCK_SLOTS];
	uint32_t value[BLOCK_SLOTS];
	uint32_t covered[BLOCK_SLOTS][VOLUME_SECTORS]; /* by a flush */
	bool writable;
};

struct system {
	struct fake_disk disk;
	struct block_page disk_page;
	struct volume_server *server;
	uint8_t *area;
	uint64_t area_bytes;
	uint8_t *maps;
	struct client client[CLIENTS];
	uint64_t seed;
	uint32_t next_value;
	uint64_t answered;
};

static uint8_t work[CATALOG_WORK_BYTES];

static uint32_t random_below(struct system *s, uint32_t limit)
{
	return (uint32_t)(fake_random(&s->seed) >> 32) % limit;
}

/* ---- A system ---- */

static const struct catalog_wish wishes[CLIENTS] = {
	{ .name = "base", .sectors = VOLUME_SECTORS },
	{ .name = "one", .snapshot_of = "base" },
	{ .name = "two", .snapshot_of = "base" },
};

/* A new process of the server; what a predecessor had posted is over. */
static void start_server(struct system *s)
{
	struct block_client disk = block_client_start(&s->disk_page);
	struct block_geometry geometry;

	while (!block_client_is_idle(&disk)) {
		fake_disk_step(&s->disk, 1, true);
	}
	assert_true(block_read_geometry(&s->disk_page, &geometry));
	memset(s->server, 0xee, sizeof(*s->server));
	assert_true(volume_server_start(s->server, disk, &geometry, s->area, s->area_bytes));
	memset(s->maps, 0xee, s->area_bytes - SERVER_MAPS_OFFSET);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		const char *problem = catalog_add(s->server, &s->disk.io, &wishes[i], s->maps, work);

		if (problem != NULL) {
			fail_msg("%s: %s", wishes[i].name, problem);
		}
	}
	for (uint32_t i = 0; i < CLIENTS; i++) {
		assert_true(volume_server_add(s->server, block_attach(&s->client[i].page, BLOCK_PAGE_SIZE), i,
			true, i + 1, s->client[i].data, DATA_BYTES));
	}
}

static void fill(uint8_t *sector, uint32_t value)
{
	for (uint32_t i = 0; i < 512; i += 4) {
		memcpy(sector + i, &value, 4);
	}
}

static void fill_disk(struct system *s, uint64_t sector, uint64_t count, uint32_t value)
{
	for (uint64_t i = sector; i < sector + count; i++) {
		fill(s->disk.cache + i * 512, value);
		fill(s->disk.stable + i * 512, value);
	}
}

static struct system *system_new(uint64_t seed, uint32_t disk_flags)
{
	struct system *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->seed = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	s->next_value = 100;
	fake_disk_start(&s->disk, DISK_SECTORS, seed + 99);
	s->disk.geometry.flags = disk_flags;
	fill_disk(s, TABLE_FIRST_FREE, DISK_SECTORS - TABLE_FIRST_FREE, OLD_VALUE);
	s->area_bytes = SERVER_MAPS_OFFSET + 2 * 8 * 512;
	s->area = malloc(s->area_bytes);
	s->maps = malloc(s->area_bytes - SERVER_MAPS_OFFSET);
	s->server = malloc(sizeof(*s->server));
	s->disk.area[0] = s->area;
	s->disk.area_bytes[0] = s->area_bytes;
	for (uint32_t i = 0; i < CLIENTS; i++) {
		s->client[i].data = malloc(DATA_BYTES);
		s->client[i].side = block_client_start(block_attach(&s->client[i].page, BLOCK_PAGE_SIZE));
		s->client[i].writable = i != 0;
		s->disk.area[i + 1] = s->client[i].data;
		s->disk.area_bytes[i + 1] = DATA_BYTES;
	}
	fake_disk_serve(&s->disk, block_attach(&s->disk_page, BLOCK_PAGE_SIZE));
	start_server(s);
	fill_disk(s, s->server->volume[0].first, VOLUME_SECTORS, BASE_VALUE);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		for (uint32_t sector = 0; sector < VOLUME_SECTORS; sector++) {
			s->client[i].now[sector] = BASE_VALUE;
			s->client[i].stable[sector] = BASE_VALUE;
		}
	}
	return s;
}

static void system_free(struct system *s)
{
	for (uint32_t i = 0; i < CLIENTS; i++) {
		free(s->client[i].data);
	}
	free(s->server);
	free(s->maps);
	free(s->area);
	fake_disk_end(&s->disk);
	free(s);
}

/* Until nothing moves. */
static void settle(struct system *s)
{
	while (volume_server_step(s->server) || fake_disk_step(&s->disk, 64, true) != 0) {}
}

/* One request of client `index`, to its end. */
static enum block_status request(struct system *s, uint32_t index, struct block_slot what)
{
	struct client *client = &s->client[index];
	bool signal = false;

	block_client_post(&client->side, 5, &what, &signal);
	settle(s);
	assert_true(block_client_is_idle(&client->side));
	return block_status_of(&client->page, 5);
}

/* ---- Rights and ranges ---- */

static void clients_stay_within_their_volumes(void **state)
{
	struct system *s = system_new(1, BLOCK_CAN_WRITE | BLOCK_CAN_FLUSH | BLOCK_CAN_DISCARD);
	static const struct {
		struct block_slot what;
		enum block_status status;
	} cases[] = {
		{ { BLOCK_WRITE, 0, 0, 0, 1, 0 }, BLOCK_OK },
		{ { BLOCK_READ, 0, VOLUME_SECTORS - 1, DATA_BYTES - 512, 1, 0 }, BLOCK_OK },
		{ { BLOCK_READ, 0, 0, 0, DATA_BYTES / 512, 0 }, BLOCK_OK },
		{ { 0, 0, 0, 0, 1, 0 }, BLOCK_REFUSED }, { { 6, 0, 0, 0, 1, 0 }, BLOCK_REFUSED },
		{ { UINT32_MAX, 0, 0, 0, 1, 0 }, BLOCK_REFUSED },
		{ { BLOCK_READ, 1, 0, 0, 1, 0 }, BLOCK_REFUSED },              /* another's data area */
		{ { BLOCK_READ, 0, 0, 0, 0, 0 }, BLOCK_REFUSED },              /* nothing */
		{ { BLOCK_READ, 0, VOLUME_SECTORS, 0, 1, 0 }, BLOCK_REFUSED }, /* behind the end */
		{ { BLOCK_WRITE, 0, VOLUME_SECTORS - 1, 0, 2, 0 }, BLOCK_REFUSED },
		{ { BLOCK_WRITE, 0, UINT64_MAX, 0, 2, 0 }, BLOCK_REFUSED },      /* wraps around */
		{ { BLOCK_READ, 0, 0, DATA_BYTES - 512, 2, 0 }, BLOCK_REFUSED }, /* behind the data area */
		{ { BLOCK_READ, 0, 0, DATA_BYTES, 1, 0 }, BLOCK_REFUSED },
		{ { BLOCK_READ, 0, 0, UINT64_MAX - 511, 1, 0 }, BLOCK_REFUSED },
		{ { BLOCK_READ, 0, 0, 1, 1, 0 }, BLOCK_REFUSED }, /* not aligned */
		{ { BLOCK_WRITE, 0, 0, 0, UINT32_MAX, 0 }, BLOCK_REFUSED },
		{ { BLOCK_WRITE_ZEROES, 0, 0, 0, VOLUME_SECTORS, 0 }, BLOCK_OK },
		{ { BLOCK_WRITE_ZEROES, 0, 1, 0, VOLUME_SECTORS, 0 }, BLOCK_REFUSED },
		{ { BLOCK_DISCARD, 0, 0, 0, 1, 0 }, BLOCK_UNSUPPORTED }, /* of a snapshot */
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (request(s, 1, cases[i].what) != cases[i].status) {
			fail_msg("case %u", i);
		}
	}
	/* What snapshots begin as can't be written, whoever asks. */
	assert_int_equal(request(s, 0, (struct block_slot){ BLOCK_WRITE, 0, 0, 0, 1, 0 }), BLOCK_READ_ONLY);
	assert_int_equal(
		request(s, 0, (struct block_slot){ BLOCK_WRITE_ZEROES, 0, 0, 0, 1, 0 }), BLOCK_READ_ONLY);
	assert_int_equal(request(s, 0, (struct block_slot){ BLOCK_DISCARD, 0, 0, 0, 1, 0 }), BLOCK_READ_ONLY);
	assert_int_equal(request(s, 0, (struct block_slot){ BLOCK_READ, 0, 0, 0, 1, 0 }), BLOCK_OK);
	assert_int_equal(request(s, 0, (struct block_slot){ BLOCK_FLUSH, 0, 0, 0, 0, 0 }), BLOCK_OK);
	system_free(s);
}

static void a_bad_medium_is_told(void **state)
{
	struct system *s = system_new(1, BLOCK_CAN_WRITE | BLOCK_CAN_FLUSH);
	struct block_slot write = { BLOCK_WRITE, 0, 130, 0, 1, 0 };

	(void)state;
	/* The origin's chunk can't be read, then the snapshot's not be written, then its map. */
	for (uint32_t i = 0; i < 3; i++) {
		const struct volume *volume = &s->server->volume[1];
		uint64_t bad[] = { volume->origin_first + 128, volume->first + 255, volume->map_first };

		s->disk.failing_sector = bad[i];
		assert_int_equal(request(s, 1, write), BLOCK_FAILED);
		s->disk.failing_sector = UINT64_MAX;
		assert_int_equal(request(s, 2, write), BLOCK_OK);
	}
	assert_int_equal(request(s, 1, write), BLOCK_OK);
	system_free(s);
}

/* ---- Load ---- */

static uint32_t value_of(const uint8_t *sector)
{
	uint32_t value;

	memcpy(&value, sector, 4);
	for (uint32_t i = 4; i < 512; i += 4) {
		assert_memory_equal(sector + i, &value, 4);
	}
	return value;
}

static bool is_busy(const struct client *client, uint64_t sector, uint32_t count)
{
	for (uint64_t i = sector; i < sector + count; i++) {
		if ((client->busy[i / 64] >> i % 64 & 1) != 0) {
			return true;
		}
	}
	return false;
}

static void set_busy(struct client *client, uint64_t sector, uint32_t count, bool busy)
{
	for (uint64_t i = sector; i < sector + count; i++) {
		client->busy[i / 64] &= ~(UINT64_C(1) << i % 64);
		client->busy[i / 64] |= (uint64_t)busy << i % 64;
	}
}

/* A request that no other one under way overlaps: then all has to be exact. */
static void post_something(struct system *s, struct client *client)
{
	static const uint32_t operations[] = { BLOCK_READ, BLOCK_WRITE, BLOCK_WRITE, BLOCK_FLUSH,
		BLOCK_WRITE_ZEROES };
	uint32_t slot = random_below(s, BLOCK_SLOTS);
	struct block_slot what = { .operation =
					   client->writable ? operations[random_below(s, 5)] : BLOCK_READ,
		.sector = random_below(s, VOLUME_SECTORS),
		.offset = (uint64_t)slot * SLOT_BYTES,
		.count = 1 + random_below(s, SLOT_SECTORS) };
	bool signal = false;

	if ((client->posted >> slot & 1) != 0) {
		return;
	}
	if (what.operation == BLOCK_WRITE_ZEROES) {
		what.count *= 20;
	}
	if (what.operation == BLOCK_FLUSH) {
		what.count = 0;
		memcpy(client->covered[slot], client->now, sizeof(client->now));
		/* What is under way may be there or not. */
	} else if (what.sector + what.count > VOLUME_SECTORS || is_busy(client, what.sector, what.count)) {
		return;
	}
	client->value[slot] = what.operation == BLOCK_WRITE ? s->next_value++ : 0;
	if (what.operation == BLOCK_WRITE) {
		for (uint32_t i = 0; i < what.count; i++) {
			fill(client->data + what.offset + (size_t)i * 512, client->value[slot]);
		}
	} else if (what.operation == BLOCK_READ) {
		memset(client->data + what.offset, 0xaa, (size_t)what.count * 512);
	}
	set_busy(client, what.sector, what.count, true);
	client->what[slot] = what;
	client->posted |= UINT64_C(1) << slot;
	block_client_post(&client->side, slot, &what, &signal);
}

static void check_answer(struct client *client, uint32_t slot)
{
	const struct block_slot *what = &client->what[slot];

	assert_int_equal(block_status_of(&client->page, slot), BLOCK_OK);
	set_busy(client, what->sector, what->count, false);
	for (uint32_t i = 0; i < what->count; i++) {
		if (what->operation == BLOCK_READ) {
			assert_int_equal(value_of(client->data + what->offset + (size_t)i * 512),
				client->now[what->sector + i]);
		} else {
			client->now[what->sector + i] = client->value[slot];
		}
	}
	if (what->operation == BLOCK_FLUSH) {
		memcpy(client->stable, client->covered[slot], sizeof(client->stable));
	}
}

static void take_answers(struct system *s, struct client *client)
{
	uint64_t answered = block_free_slots(&client->page, client->side.posted) & client->posted;

	client->posted &= ~answered;
	for (; answered != 0; answered &= answered - 1) {
		check_answer(client, (uint32_t)__builtin_ctzll(answered));
		s->answered++;
	}
}

/* Reads all of each volume and compares. */
static void compare(struct system *s)
{
	for (uint32_t index = 0; index < CLIENTS; index++) {
		struct client *client = &s->client[index];

		for (uint32_t sector = 0; sector < VOLUME_SECTORS; sector++) {
			assert_int_equal(
				request(s, index, (struct block_slot){ BLOCK_READ, 0, sector, 0, 1, 0 }),
				BLOCK_OK);
			assert_int_equal(value_of(client->data), client->now[sector]);
		}
	}
}

/* After the power was lost all that was under way is void; a sector holds what the last flush covered or something newer. */
static void adopt_after_cut(struct system *s)
{
	for (uint32_t index = 0; index < CLIENTS; index++) {
		struct client *client = &s->client[index];

		for (uint32_t sector = 0; sector < VOLUME_SECTORS; sector++) {
			uint32_t value;
			bool zeroed;

			assert_int_equal(
				request(s, index, (struct block_slot){ BLOCK_READ, 0, sector, 0, 1, 0 }),
				BLOCK_OK);
			value = value_of(client->data);
			/* Numbers grow; 0 is also what zeroes leave, at any time. */
			zeroed = value == 0 && client->writable;
			assert_true((value >= client->stable[sector] && value < s->next_value) || zeroed);
			client->now[sector] = value;
			client->stable[sector] = value;
		}
	}
}

static void power_off_and_on(struct system *s)
{
	fake_disk_cut(&s->disk);
	memset(&s->disk_page, 0, sizeof(s->disk_page));
	memset(s->area, 0x55, s->area_bytes);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		struct client *client = &s->client[i];

		memset(&client->page, 0, sizeof(client->page));
		client->side = block_client_start(block_attach(&client->page, BLOCK_PAGE_SIZE));
		client->posted = 0;
		memset(client->busy, 0, sizeof(client->busy));
	}
	fake_disk_serve(&s->disk, block_attach(&s->disk_page, BLOCK_PAGE_SIZE));
	start_server(s);
	adopt_after_cut(s);
}

enum { KILL_SERVER = 1, KILL_DRIVER = 2, CUT_POWER = 4 };

static void load(uint64_t seed, uint32_t disk_flags, uint32_t kinds, uint32_t turns)
{
	struct system *s = system_new(seed, disk_flags);

	for (uint32_t turn = 0; turn < turns; turn++) {
		uint32_t dice = random_below(s, 100);

		for (uint32_t i = 0; i < CLIENTS; i++) {
			post_something(s, &s->client[i]);
			take_answers(s, &s->client[i]);
		}
		if (random_below(s, 3) != 0) {
			(void)volume_server_step(s->server);
		}
		(void)fake_disk_step(&s->disk, random_below(s, 4), true);
		if ((kinds & KILL_SERVER) != 0 && dice < 4) {
			start_server(s);
		}
		if ((kinds & KILL_DRIVER) != 0 && dice % 10 == 5) {
			(void)fake_disk_step(&s->disk, random_below(s, 8), false);
			fake_disk_serve(&s->disk, &s->disk_page);
		}
		if ((kinds & CUT_POWER) != 0 && dice == 99 && random_below(s, 6) == 0) {
			power_off_and_on(s);
		}
	}
	settle(s);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		take_answers(s, &s->client[i]);
		assert_int_equal(s->client[i].posted, 0);
	}
	assert_true(s->answered > turns / 2);
	compare(s);
	start_server(s);
	compare(s);
	system_free(s);
}

#define CACHED (BLOCK_CAN_WRITE | BLOCK_CAN_FLUSH)

static void requests_are_done(void **state)
{
	(void)state;
	load(1, CACHED, 0, 3000);
	load(2, BLOCK_CAN_WRITE, 0, 3000);
}

static void processes_are_killed_under_load(void **state)
{
	(void)state;
	for (uint64_t seed = 10; seed < 16; seed++) {
		load(seed, CACHED, KILL_SERVER | KILL_DRIVER, 2000);
	}
}

static void power_is_lost_under_load(void **state)
{
	(void)state;
	for (uint64_t seed = 20; seed < 28; seed++) {
		load(seed, CACHED, KILL_SERVER | KILL_DRIVER | CUT_POWER, 2000);
	}
}

/* Most copies come in the first moments: so power goes in the first moments. */
static void power_is_lost_while_chunks_are_copied(void **state)
{
	(void)state;
	for (uint64_t seed = 100; seed < 400; seed++) {
		struct system *s = system_new(seed, CACHED);
		uint32_t turns = 1 + random_below(s, 60);

		for (uint32_t turn = 0; turn < turns; turn++) {
			for (uint32_t i = 1; i < CLIENTS; i++) {
				post_something(s, &s->client[i]);
				take_answers(s, &s->client[i]);
			}
			(void)volume_server_step(s->server);
			(void)fake_disk_step(&s->disk, random_below(s, 4), true);
		}
		power_off_and_on(s);
		system_free(s);
	}
}

/* Where only the origin is in use, too. */
static void an_origin_stays_as_it_is_without_its_snapshots(void **state)
{
	struct system *s = system_new(1, CACHED);
	struct block_client disk = block_client_start(&s->disk_page);
	struct block_geometry geometry;
	struct catalog_wish resized = { .name = "base", .sectors = VOLUME_SECTORS + 1 };
	struct catalog_wish plain = { .name = "one" };
	struct catalog_wish other = { .name = "one", .snapshot_of = "two" };
	struct catalog_wish whole = { .partition = 0 };
	struct catalog_wish partition = { .partition = 1 };

	(void)state;
	assert_true(block_read_geometry(&s->disk_page, &geometry));
	assert_true(volume_server_start(s->server, disk, &geometry, s->area, s->area_bytes));
	assert_non_null(catalog_add(s->server, &s->disk.io, &resized, s->maps, work));
	assert_non_null(catalog_add(s->server, &s->disk.io, &plain, s->maps, work));
	assert_non_null(catalog_add(s->server, &s->disk.io, &other, s->maps, work));
	assert_non_null(catalog_add(s->server, &s->disk.io, &partition, s->maps, work));
	assert_null(catalog_add(s->server, &s->disk.io, &wishes[0], s->maps, work));
	assert_non_null(catalog_add(s->server, &s->disk.io, &whole, s->maps, work));
	assert_int_equal(s->server->volume_count, 1);
	assert_true(s->server->volume[0].frozen);
	system_free(s);
}

/* A client that has posted all it can does not keep another from the disk. */
static void nobody_takes_the_disk_for_himself(void **state)
{
	struct system *s = system_new(3, CACHED);
	bool signal = false;

	(void)state;
	for (uint32_t slot = 0; slot < BLOCK_SLOTS; slot++) {
		struct block_slot what = { BLOCK_READ, 0, slot, (uint64_t)slot * 512, 1, 0 };

		block_client_post(&s->client[1].side, slot, &what, &signal);
	}
	while (volume_server_step(s->server)) {}
	block_client_post(&s->client[2].side, 0, &(struct block_slot){ BLOCK_READ, 0, 0, 0, 1, 0 }, &signal);
	while (volume_server_step(s->server)) {}
	assert_int_equal(s->server->channel[1].under_way, (BLOCK_SLOTS - SERVER_RESERVED_SLOTS) / CLIENTS);
	assert_int_equal(s->server->channel[2].under_way, 1);
	settle(s);
	assert_true(block_client_is_idle(&s->client[1].side));
	system_free(s);
}

/* Another process writes into the page while the server runs. */
static void a_page_of_nonsense_harms_nobody(void **state)
{
	struct system *s = system_new(4, CACHED);

	(void)state;
	for (uint32_t turn = 0; turn < 20000; turn++) {
		uint8_t *bytes = (uint8_t *)&s->client[1].page;

		bytes[random_below(s, BLOCK_PAGE_SIZE)] = (uint8_t)(fake_random(&s->seed) >> 9);
		s->client[1].page.slot[random_below(s, BLOCK_SLOTS)].operation = 1 + random_below(s, 6);
		(void)volume_server_step(s->server);
		(void)fake_disk_step(&s->disk, 2, true);
	}
	/* The others' volumes are as they were. */
	for (uint32_t i = 0; i < BLOCK_SLOTS * 4; i++) {
		(void)volume_server_step(s->server);
		(void)fake_disk_step(&s->disk, 64, true);
	}
	for (uint32_t index = 0; index < CLIENTS; index += 2) {
		for (uint32_t sector = 0; sector < VOLUME_SECTORS; sector++) {
			struct block_slot what = { BLOCK_READ, 0, sector, 0, 1, 0 };

			assert_int_equal(request(s, index, what), BLOCK_OK);
			assert_int_equal(value_of(s->client[index].data), BASE_VALUE);
		}
	}
	system_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clients_stay_within_their_volumes),
		cmocka_unit_test(a_bad_medium_is_told),
		cmocka_unit_test(requests_are_done),
		cmocka_unit_test(processes_are_killed_under_load),
		cmocka_unit_test(power_is_lost_under_load),
		cmocka_unit_test(power_is_lost_while_chunks_are_copied),
		cmocka_unit_test(an_origin_stays_as_it_is_without_its_snapshots),
		cmocka_unit_test(nobody_takes_the_disk_for_himself),
		cmocka_unit_test(a_page_of_nonsense_harms_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
