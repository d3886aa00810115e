/* SPDX-License-Identifier: MIT */
/* The volume server's task, one for each disk: finds the disk's volumes, then waits on one notification for the disk and all clients.
 * What it does with requests is in server.c.
 *
 * Given by the manifest: arguments volume=PARTITION,SECTORS,NAME,ORIGIN (numbers and names as in catalog.h; a name may be empty) in the
 * order of the volumes, client=VOLUME,RIGHTS (a volume's place in that order; r or rw) in the order of the clients; capabilities
 * notification, disk-signal and, for client I, signalI; regions disk-page, area0, and for client I (from 0 on) pageI and area(I+1). */
#include "catalog.h"
#include "server.h"

#include <bulkhead/block_transfer.h>
#include <bulkhead/syscall.h>
#include <bulkhead/task.h>

#include <stdlib.h>
#include <string.h>

#define FIELD_SIZE (TABLE_NAME_SIZE + 1u)

static struct volume_server server;
static uint64_t notification;
static uint64_t disk_signal;
static uint64_t client_signals[SERVER_CHANNELS];

/* These can fail only if the manifest gave the wrong object: then nothing works. */
static void demand(enum bh_error error, const char *what)
{
	if (error != BH_OK) {
		bh_log("%s: %s", what, bh_error_text(error));
		bh_exit(BH_EXIT_ABORT);
	}
}

static void wait_for_signal(void)
{
	uint64_t word;

	demand(bh_wait(notification, &word), "waiting");
}

static void send_signals(void)
{
	if (server.signal_disk) {
		server.signal_disk = false;
		demand(bh_signal(disk_signal), "signalling the disk");
	}
	for (; server.signal_channels != 0; server.signal_channels &= server.signal_channels - 1) {
		demand(bh_signal(client_signals[__builtin_ctzll(server.signal_channels)]),
			"signalling a client");
	}
}

/* ---- Start ---- */

/* The memory that copies will use later is the start's. */
static struct block_transfer start_transfer;

/* Waits until nothing of a predecessor is under way (rule S2 of the protocol) and the disk is known. */
static void open_disk(void)
{
	size_t size;
	uint8_t *area = bh_region_required(BLOCK_NAME_AREA "0", SERVER_MAPS_OFFSET, &size);

	block_transfer_open(&start_transfer);
	start_transfer.memory = area + SERVER_CHUNK_BYTES;
	start_transfer.offset = SERVER_CHUNK_BYTES;
	start_transfer.most = TABLE_CHUNK_SECTORS;
	if (!volume_server_start(&server, start_transfer.disk, &start_transfer.geometry, area, size)) {
		bh_log("the disk's transfers are too small: %u sectors, and %u are needed",
			start_transfer.geometry.max_sectors, TABLE_CHUNK_SECTORS);
		bh_exit(BH_EXIT_ABORT);
	}
}

/* Copies the text up to a comma or the end into `field` and moves behind it; what is too long is cut. */
static void next_field(const char **text, char field[FIELD_SIZE])
{
	size_t length = 0;

	for (; **text != '\0' && **text != ','; (*text)++) {
		if (length < FIELD_SIZE - 1) {
			field[length++] = **text;
		}
	}
	*text += **text == ',' ? 1 : 0;
	field[length] = '\0';
}

static uint64_t next_number(const char **text)
{
	char field[FIELD_SIZE];
	uint64_t number;

	next_field(text, field);
	if (!bh_parse_number(field, &number)) {
		bh_log("\"%s\" in an argument is no number", field);
		bh_exit(BH_EXIT_ABORT);
	}
	return number;
}

/* Calls `open` with the rest of each argument that begins with `key`. */
static void each_argument(const char *key, void (*open)(uint32_t index, const char *text))
{
	const char *argument;
	uint32_t index = 0;

	for (uint32_t i = 0; (argument = task_info_argument(bh_task_info(), i)) != NULL; i++) {
		if (strncmp(argument, key, strlen(key)) == 0) {
			open(index, argument + strlen(key));
			index++;
		}
	}
}

static uint32_t place
	[SERVER_VOLUMES]; /* of each volume of the arguments, in the server's list, plus 1; 0: it can't be had */

static void open_volume(uint32_t index, const char *text)
{
	static uint8_t work[CATALOG_WORK_BYTES];
	static uint8_t *maps;
	static char name[FIELD_SIZE];
	static char origin[FIELD_SIZE];
	struct disk_io io = block_transfer_io(&start_transfer);
	struct catalog_wish wish = { .partition = (uint32_t)next_number(&text) };
	const char *problem = "there are too many volumes";

	wish.sectors = next_number(&text);
	next_field(&text, name);
	next_field(&text, origin);
	wish.name = name[0] != '\0' ? name : NULL;
	wish.snapshot_of = origin[0] != '\0' ? origin : NULL;
	if (maps == NULL) {
		maps = calloc(1, server.area_bytes - SERVER_MAPS_OFFSET + 1);
	}
	if (maps == NULL) {
		bh_log("there is no memory for maps");
		bh_exit(BH_EXIT_ABORT);
	}
	if (index < SERVER_VOLUMES) {
		problem = catalog_add(&server, &io, &wish, maps, work);
		place[index] = problem == NULL ? server.volume_count : 0;
	}
	if (problem != NULL) {
		bh_log("volume %u (partition %u, name \"%s\"): %s", index, wish.partition, name, problem);
	}
}

static void open_client(uint32_t index, const char *text)
{
	char name[TASK_INFO_NAME_SIZE];
	uint64_t volume = next_number(&text);
	struct block_page *page;
	uint8_t *data;
	size_t data_size;

	if (volume >= SERVER_VOLUMES || place[volume] == 0 || server.channel_count == SERVER_CHANNELS) {
		return;
	}
	(void)bh_format(name, sizeof(name), "page%u", index);
	page = block_attach(bh_region_required(name, BLOCK_PAGE_SIZE, NULL), BLOCK_PAGE_SIZE);
	(void)bh_format(name, sizeof(name), BLOCK_NAME_AREA "%u", index + 1);
	data = bh_region_required(name, BLOCK_SECTOR_SIZE, &data_size);
	(void)bh_format(name, sizeof(name), "signal%u", index);
	client_signals[server.channel_count] = bh_capability_required(name);
	if (page == NULL || !volume_server_add(&server, page, place[volume] - 1, strcmp(text, "rw") == 0,
				    index + 1, data, data_size)) {
		bh_log("client %u can't be served: its page was written by another version", index);
	}
}

int main(void)
{
	notification = bh_capability_required(BLOCK_NAME_NOTIFICATION);
	disk_signal = bh_capability_required(BLOCK_NAME_SIGNAL);
	open_disk();
	each_argument("volume=", open_volume);
	server.disk = start_transfer.disk; /* with what the start has posted */
	each_argument("client=", open_client);
	bh_log("%lu sectors, %u volumes for %u clients", server.geometry.sectors, server.volume_count,
		server.channel_count);
	bh_ready();
	for (;;) {
		bool moved;

		do {
			moved = volume_server_step(&server);
			send_signals();
			if (!moved) {
				/* One more look behind the tickets, then to sleep. */
				volume_server_ask(&server);
				moved = volume_server_step(&server);
				send_signals();
			}
		} while (moved);
		wait_for_signal();
		volume_server_awake(&server);
	}
}
