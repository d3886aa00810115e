/* SPDX-License-Identifier: MIT */
/* Requests on their way: taken from a client's page, checked, cut into pieces, posted to the disk, answered. What is special about
 * snapshots is in copy.c. Touches pages, area 0 and clients' data areas only. */
#include "server.h"

#include "server_parts.h"

#include <string.h>

bool volume_server_start(struct volume_server *server, struct block_client disk,
	const struct block_geometry *geometry, uint8_t *area, uint64_t area_bytes)
{
	if (geometry->max_sectors < TABLE_CHUNK_SECTORS || area_bytes < SERVER_MAPS_OFFSET) {
		return false;
	}
	memset(server, 0, sizeof(*server));
	server->disk = disk;
	server->geometry = *geometry;
	server->area = area;
	server->area_bytes = area_bytes;
	memset(area, 0, SERVER_CHUNK_BYTES);
	/* A predecessor may have been killed between posting and its signal. */
	server->signal_disk = block_server_asked(disk.page, &server->disk.signalled);
	return true;
}

bool volume_server_add(struct volume_server *server, struct block_page *page, uint32_t volume, bool writable,
	uint32_t area, uint8_t *data, uint64_t data_bytes)
{
	const struct volume *target = &server->volume[volume];
	uint64_t most = data_bytes / BLOCK_SECTOR_SIZE;
	struct channel *channel = &server->channel[server->channel_count];
	bool signal = false;

	if (server->channel_count == SERVER_CHANNELS || volume >= server->volume_count) {
		return false;
	}
	*channel = (struct channel){
		.client = block_server_start(page),
		.geometry = { .sectors = target->sectors,
			.flags = server->geometry.flags & BLOCK_CAN_FLUSH,
			.max_sectors = most < UINT32_MAX ? (uint32_t)most : UINT32_MAX },
		.volume = volume,
		.area = area,
		.data = data,
		.data_bytes = data_bytes,
	};
	if (writable && !target->frozen && (server->geometry.flags & BLOCK_CAN_WRITE) != 0) {
		channel->geometry.flags |= BLOCK_CAN_WRITE | BLOCK_CAN_WRITE_ZEROES;
		/* What a snapshot has taken from its disk it keeps. */
		if (!target->is_snapshot) {
			channel->geometry.flags |= server->geometry.flags & BLOCK_CAN_DISCARD;
		}
	}
	block_tell_geometry(&channel->client, &channel->geometry, &signal);
	if (signal) {
		server->signal_channels |= UINT64_C(1) << server->channel_count;
	}
	server->channel_count++;
	return true;
}

/* ---- The disk's page ---- */

/* A slot of the disk's page that can be used with `reserved` left over; BLOCK_SLOTS if there is none. */
static uint32_t free_slot(const struct volume_server *server, uint32_t reserved)
{
	uint64_t free = block_free_slots(server->disk.page, server->disk.posted) & ~server->errands;

	for (; reserved != 0; reserved--) {
		free &= free - 1;
	}
	return free != 0 ? (uint32_t)__builtin_ctzll(free) : BLOCK_SLOTS;
}

static void post(
	struct volume_server *server, uint32_t index, struct errand errand, const struct block_slot *what)
{
	server->errand[index] = errand;
	server->errands |= UINT64_C(1) << index;
	block_client_put(&server->disk, index, what);
	server->has_posts = true;
}

bool post_for_commit(struct volume_server *server, uint8_t kind, uint8_t copy, const struct block_slot *what)
{
	uint32_t index = free_slot(server, 0);

	if (index == BLOCK_SLOTS) {
		return false;
	}
	post(server, index, (struct errand){ .kind = kind, .slot = copy }, what);
	return true;
}

/* Each client may have its share of the disk's slots, so that none waits for another's. */
static uint32_t share(const struct volume_server *server, uint32_t all)
{
	uint32_t each = server->channel_count != 0 ? all / server->channel_count : all;

	return each != 0 ? each : 1;
}

bool may_copy(const struct volume_server *server, const struct channel *channel)
{
	return channel->copies < share(server, SERVER_COPIES);
}

bool post_for_request(
	struct volume_server *server, struct channel *channel, uint32_t slot, const struct block_slot *what)
{
	uint32_t index = channel->under_way < share(server, BLOCK_SLOTS - SERVER_RESERVED_SLOTS)
				 ? free_slot(server, SERVER_RESERVED_SLOTS)
				 : BLOCK_SLOTS;

	if (index == BLOCK_SLOTS) {
		return false;
	}
	channel->under_way++;
	post(server, index,
		(struct errand){ .kind = ERRAND_REQUEST,
			.slot = (uint8_t)slot,
			.channel = (uint16_t)(channel - server->channel) },
		what);
	return true;
}

/* ---- Requests ---- */

void answer(struct volume_server *server, struct channel *channel, uint32_t slot, enum block_status status)
{
	channel->request[slot].state = REQUEST_NONE;
	channel->taken &= ~(UINT64_C(1) << slot);
	block_put_answer(&channel->client, slot, status);
	server->answered |= UINT64_C(1) << (channel - server->channel);
}

void piece_done(struct volume_server *server, struct channel *channel, uint32_t slot)
{
	struct request *request = &channel->request[slot];

	request->done += request->piece;
	request->piece = 0;
	request->state = REQUEST_READY;
	if (request->done >= request->what.count) {
		answer(server, channel, slot, BLOCK_OK);
	}
}

bool post_piece(
	struct volume_server *server, struct channel *channel, uint32_t slot, uint64_t sector, uint32_t most)
{
	struct request *request = &channel->request[slot];
	struct block_slot what = { .operation = request->what.operation,
		.sector = sector,
		.count = request->what.count - request->done };
	bool moves_data = what.operation == BLOCK_READ || what.operation == BLOCK_WRITE;

	what.count = what.count < most ? what.count : most;
	if (moves_data) {
		what.area = channel->area;
		what.offset = request->what.offset + (uint64_t)request->done * BLOCK_SECTOR_SIZE;
		what.count =
			what.count < server->geometry.max_sectors ? what.count : server->geometry.max_sectors;
	} else if (what.operation == BLOCK_WRITE_ZEROES &&
		   (server->geometry.flags & BLOCK_CAN_WRITE_ZEROES) == 0) {
		/* From the zeroes of area 0. */
		what.operation = BLOCK_WRITE;
		what.count = what.count < TABLE_CHUNK_SECTORS ? what.count : TABLE_CHUNK_SECTORS;
	}
	if (!post_for_request(server, channel, slot, &what)) {
		return false;
	}
	request->piece = what.count;
	request->state = REQUEST_UNDER_WAY;
	return true;
}

static bool flush(struct volume_server *server, struct channel *channel, uint32_t slot)
{
	static const struct block_slot what = { .operation = BLOCK_FLUSH };

	if ((server->geometry.flags & BLOCK_CAN_FLUSH) == 0) {
		answer(server, channel, slot, BLOCK_OK);
		return true;
	}
	if (!post_for_request(server, channel, slot, &what)) {
		return false;
	}
	channel->request[slot].state = REQUEST_UNDER_WAY;
	return true;
}

/* What can be done for the request in `slot` now; false if nothing. */
static bool advance(struct volume_server *server, struct channel *channel, uint32_t slot)
{
	struct request *request = &channel->request[slot];
	const struct volume *volume = &server->volume[channel->volume];

	if (request->state == REQUEST_COPY_MERGED) {
		return copy_write(server, channel, slot);
	}
	if (request->state != REQUEST_READY) {
		return false;
	}
	if (request->what.operation == BLOCK_FLUSH) {
		return flush(server, channel, slot);
	}
	if (volume->is_snapshot) {
		return snapshot_piece(server, channel, slot);
	}
	return post_piece(
		server, channel, slot, volume->first + request->what.sector + request->done, UINT32_MAX);
}

/* Takes what the client has posted, each slot once. */
static bool take(struct volume_server *server, struct channel *channel)
{
	uint64_t fresh = block_pending(&channel->client) & ~channel->taken;
	bool moved = fresh != 0;

	for (; fresh != 0; fresh &= fresh - 1) {
		uint32_t slot = (uint32_t)__builtin_ctzll(fresh);
		struct block_slot what = block_take(&channel->client, slot);
		enum block_status status = block_check(&what, &channel->geometry, channel->data_bytes);

		if (status == BLOCK_OK && what.area != 0) {
			status = BLOCK_REFUSED;
		}
		if (status != BLOCK_OK) {
			answer(server, channel, slot, status);
			continue;
		}
		if (what.operation == BLOCK_FLUSH) {
			what.count = 0;
		}
		channel->taken |= UINT64_C(1) << slot;
		channel->request[slot] = (struct request){ .what = what, .state = REQUEST_READY };
	}
	return moved;
}

/* The disk has answered an errand for a request. */
static void request_answered(
	struct volume_server *server, struct channel *channel, uint32_t slot, enum block_status status)
{
	struct request *request = &channel->request[slot];

	channel->under_way--;
	if (request->state != REQUEST_UNDER_WAY) {
		copy_answered(server, channel, slot, status);
	} else if (status == BLOCK_OK) {
		piece_done(server, channel, slot);
	} else {
		answer(server, channel, slot, BLOCK_FAILED);
	}
}

static bool collect(struct volume_server *server)
{
	uint64_t answered = block_free_slots(server->disk.page, server->disk.posted) & server->errands;
	bool moved = answered != 0;

	for (; answered != 0; answered &= answered - 1) {
		uint32_t index = (uint32_t)__builtin_ctzll(answered);
		struct errand errand = server->errand[index];
		enum block_status status = block_status_of(server->disk.page, index);

		server->errands &= ~(UINT64_C(1) << index);
		if (errand.kind == ERRAND_REQUEST) {
			request_answered(server, &server->channel[errand.channel], errand.slot, status);
		} else {
			commit_answered(server, errand.kind, errand.slot, status);
		}
	}
	return moved;
}

/* What a step has posted and answered, each with one store. */
static void publish(struct volume_server *server)
{
	if (server->has_posts) {
		server->has_posts = false;
		block_client_publish(&server->disk, &server->signal_disk);
	}
	for (; server->answered != 0; server->answered &= server->answered - 1) {
		uint32_t channel = (uint32_t)__builtin_ctzll(server->answered);
		bool signal = false;

		block_publish_answers(&server->channel[channel].client, &signal);
		server->signal_channels |= (uint64_t)signal << channel;
	}
}

bool volume_server_step(struct volume_server *server)
{
	bool moved = collect(server);

	moved |= commit_step(server);
	for (uint32_t i = 0; i < server->channel_count; i++) {
		struct channel *channel = &server->channel[(server->turn + i) % server->channel_count];

		moved |= take(server, channel);
		for (uint64_t taken = channel->taken; taken != 0; taken &= taken - 1) {
			moved |= advance(server, channel, (uint32_t)__builtin_ctzll(taken));
		}
	}
	publish(server);
	server->turn = server->channel_count != 0 ? (server->turn + 1) % server->channel_count : 0;
	return moved;
}

void volume_server_ask(struct volume_server *server)
{
	block_ask_for_answers(server->disk.page);
	for (uint32_t i = 0; i < server->channel_count; i++) {
		block_ask_for_requests(&server->channel[i].client);
	}
}

void volume_server_awake(struct volume_server *server) { block_withdraw_ask(server->disk.page); }
