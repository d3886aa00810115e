/* SPDX-License-Identifier: MIT */
/* Snapshots. A chunk is read from the origin until it was first written, from then on from the snapshot's own place, where it stands at
 * the same distance from the beginning. The first write of a chunk:
 *
 *   1. the origin's chunk is read to memory (not if all of it is written), and the new sectors are put over it
 *   2. the chunk is written to the snapshot's place
 *   3. flush                                                \  one commit for all chunks
 *   4. the sector of the map that has the chunk's bit       /  that have come so far
 *   5. only now it counts as the snapshot's own, and the request goes on
 *
 * Whenever power is lost, the map names only chunks that are all there. Killed before 5, the request is pending, and a successor
 * does all of it again. Touches area 0 and clients' data areas only. */
#include "server.h"

#include "server_parts.h"

#include <string.h>

static bool bit_of(const uint8_t *map, uint64_t chunk) { return (map[chunk / 8] >> (chunk % 8) & 1) != 0; }

static uint64_t copy_offset(uint32_t copy) { return (uint64_t)(1 + copy) * SERVER_CHUNK_BYTES; }

/* The last chunk may be shorter. */
static uint32_t chunk_sectors(const struct volume *volume, uint64_t chunk)
{
	uint64_t rest = volume->sectors - chunk * TABLE_CHUNK_SECTORS;

	return rest < TABLE_CHUNK_SECTORS ? (uint32_t)rest : TABLE_CHUNK_SECTORS;
}

static void release(struct volume_server *server, struct channel *channel, uint32_t slot)
{
	server->copy[channel->request[slot].copy].used = false;
	server->copies--;
	channel->copies--;
}

/* The client's sectors over those of the chunk. */
static void merge(struct volume_server *server, struct channel *channel, uint32_t slot)
{
	struct request *request = &channel->request[slot];
	uint64_t at = (request->what.sector + request->done) % TABLE_CHUNK_SECTORS;
	uint8_t *to = server->area + copy_offset(request->copy) + at * BLOCK_SECTOR_SIZE;
	uint64_t bytes = (uint64_t)request->piece * BLOCK_SECTOR_SIZE;

	if (request->what.operation == BLOCK_WRITE_ZEROES) {
		memset(to, 0, bytes);
	} else {
		memcpy(to, channel->data + request->what.offset + (uint64_t)request->done * BLOCK_SECTOR_SIZE,
			bytes);
	}
	request->state = REQUEST_COPY_MERGED;
}

/* Begins with the copy of `chunk`, of which the request writes `sectors` sectors; false if it has to wait. */
static bool copy_begin(struct volume_server *server, struct channel *channel, uint32_t slot, uint64_t chunk,
	uint32_t sectors)
{
	const struct volume *volume = &server->volume[channel->volume];
	struct request *request = &channel->request[slot];
	struct block_slot what = { .operation = BLOCK_READ,
		.sector = volume->origin_first + chunk * TABLE_CHUNK_SECTORS,
		.count = chunk_sectors(volume, chunk) };
	uint32_t index = SERVER_COPIES;

	for (uint32_t i = 0; i < SERVER_COPIES; i++) {
		const struct copy *other = &server->copy[i];

		/* Only one copies a chunk; others wait until it is there. */
		if (other->used && other->volume == channel->volume && other->chunk == chunk) {
			return false;
		}
		if (!other->used && index == SERVER_COPIES) {
			index = i;
		}
	}
	if (index == SERVER_COPIES || !may_copy(server, channel)) {
		return false;
	}
	what.offset = copy_offset(index);
	if (sectors < what.count && !post_for_request(server, channel, slot, &what)) {
		return false;
	}
	server->copy[index] = (struct copy){ .used = true,
		.channel = (uint16_t)(channel - server->channel),
		.slot = (uint8_t)slot,
		.chunk = chunk,
		.volume = channel->volume };
	server->copies++;
	channel->copies++;
	request->copy = (uint8_t)index;
	request->piece = sectors;
	request->state = REQUEST_COPY_READ;
	if (sectors == what.count) {
		merge(server, channel, slot);
	}
	return true;
}

bool snapshot_piece(struct volume_server *server, struct channel *channel, uint32_t slot)
{
	const struct volume *volume = &server->volume[channel->volume];
	struct request *request = &channel->request[slot];
	uint64_t sector = request->what.sector + request->done;
	uint32_t rest = request->what.count - request->done;
	uint64_t chunk = sector / TABLE_CHUNK_SECTORS;
	uint32_t run = TABLE_CHUNK_SECTORS - (uint32_t)(sector % TABLE_CHUNK_SECTORS);
	bool own = bit_of(volume->map, chunk);

	if (!own && request->what.operation != BLOCK_READ) {
		return copy_begin(server, channel, slot, chunk, rest < run ? rest : run);
	}
	/* Neighbours in the same place go along. */
	while (run < rest && bit_of(volume->map, (sector + run) / TABLE_CHUNK_SECTORS) == own) {
		run += TABLE_CHUNK_SECTORS;
	}
	return post_piece(server, channel, slot, (own ? volume->first : volume->origin_first) + sector, run);
}

bool copy_write(struct volume_server *server, struct channel *channel, uint32_t slot)
{
	const struct volume *volume = &server->volume[channel->volume];
	struct request *request = &channel->request[slot];
	uint64_t chunk = server->copy[request->copy].chunk;
	struct block_slot what = { .operation = BLOCK_WRITE,
		.sector = volume->first + chunk * TABLE_CHUNK_SECTORS,
		.offset = copy_offset(request->copy),
		.count = chunk_sectors(volume, chunk) };

	if (!post_for_request(server, channel, slot, &what)) {
		return false;
	}
	request->state = REQUEST_COPY_WRITE;
	return true;
}

void copy_answered(
	struct volume_server *server, struct channel *channel, uint32_t slot, enum block_status status)
{
	if (status != BLOCK_OK) {
		release(server, channel, slot);
		answer(server, channel, slot, BLOCK_FAILED);
	} else if (channel->request[slot].state == REQUEST_COPY_READ) {
		merge(server, channel, slot);
	} else {
		channel->request[slot].state = REQUEST_COPIED;
	}
}

/* ---- The commit ---- */

/* The request whose copy it is. */
static struct request *request_of(struct volume_server *server, const struct copy *copy)
{
	return &server->channel[copy->channel].request[copy->slot];
}

/* The map sector of a copy's bit. */
static uint64_t map_sector(const struct copy *copy) { return copy->chunk / TABLE_CHUNKS_PER_MAP_SECTOR; }

/* True if an earlier copy of `copies` (a bit each) has its bit in the same sector of the same map. */
static bool covered(const struct volume_server *server, uint32_t copies, uint32_t index)
{
	const struct copy *copy = &server->copy[index];

	for (uint32_t i = 0; i < index; i++) {
		if ((copies >> i & 1) != 0 && server->copy[i].volume == copy->volume &&
			map_sector(&server->copy[i]) == map_sector(copy)) {
			return true;
		}
	}
	return false;
}

/* Copies whose request is in `state`, a bit each. */
static uint32_t copies_in(struct volume_server *server, enum request_state state)
{
	uint32_t copies = 0;

	for (uint32_t i = 0; server->copies != 0 && i < SERVER_COPIES; i++) {
		if (server->copy[i].used && request_of(server, &server->copy[i])->state == state) {
			copies |= 1u << i;
		}
	}
	return copies;
}

/* The copies are safe: puts their bits into the maps that go to the disk. No map is under way now. */
static void commit_stage(struct volume_server *server)
{
	uint32_t copies = copies_in(server, REQUEST_IN_COMMIT);

	server->commit = COMMIT_MAPS;
	server->commit_maps = 0;
	for (uint32_t i = 0; i < SERVER_COPIES; i++) {
		const struct copy *copy = &server->copy[i];

		if ((copies >> i & 1) != 0) {
			server->area[server->volume[copy->volume].map_offset + copy->chunk / 8] |=
				(uint8_t)(1u << copy->chunk % 8);
			server->commit_maps |= covered(server, copies, i) ? 0 : 1u << i;
		}
	}
}

/* All is written, or something failed. */
static void commit_end(struct volume_server *server)
{
	uint32_t copies = copies_in(server, REQUEST_IN_COMMIT);

	server->commit = COMMIT_IDLE;
	for (uint32_t i = 0; i < SERVER_COPIES; i++) {
		const struct copy *copy = &server->copy[i];
		struct channel *channel = &server->channel[copy->channel];

		if ((copies >> i & 1) == 0) {
			continue;
		}
		release(server, channel, copy->slot);
		if (server->commit_failed) {
			answer(server, channel, copy->slot, BLOCK_FAILED);
		} else {
			server->volume[copy->volume].map[copy->chunk / 8] |= (uint8_t)(1u << copy->chunk % 8);
			piece_done(server, channel, copy->slot);
		}
	}
}

static bool commit_post_map(struct volume_server *server, uint32_t index)
{
	const struct copy *copy = &server->copy[index];
	const struct volume *volume = &server->volume[copy->volume];
	struct block_slot what = { .operation = BLOCK_WRITE,
		.sector = volume->map_first + map_sector(copy),
		.offset = volume->map_offset + map_sector(copy) * BLOCK_SECTOR_SIZE,
		.count = 1 };

	if (!post_for_commit(server, ERRAND_COMMIT_MAP, (uint8_t)index, &what)) {
		return false;
	}
	server->commit_maps &= ~(1u << index);
	server->commit_under_way++;
	return true;
}

bool commit_step(struct volume_server *server)
{
	static const struct block_slot flush = { .operation = BLOCK_FLUSH };
	uint32_t copies;
	bool moved = false;

	switch (server->commit) {
	case COMMIT_IDLE:
		copies = copies_in(server, REQUEST_COPIED);
		if (copies == 0) {
			return false;
		}
		for (; copies != 0; copies &= copies - 1) {
			request_of(server, &server->copy[__builtin_ctz(copies)])->state = REQUEST_IN_COMMIT;
		}
		server->commit_failed = false;
		if ((server->geometry.flags & BLOCK_CAN_FLUSH) != 0) {
			server->commit = COMMIT_FLUSH;
		} else {
			commit_stage(server);
		}
		return true;
	case COMMIT_FLUSH:
		if (!post_for_commit(server, ERRAND_COMMIT_FLUSH, 0, &flush)) {
			return false;
		}
		server->commit = COMMIT_FLUSHING;
		return true;
	case COMMIT_FLUSHING:
		return false;
	case COMMIT_MAPS:
		for (uint32_t maps = server->commit_maps; maps != 0; maps &= maps - 1) {
			moved |= commit_post_map(server, (uint32_t)__builtin_ctz(maps));
		}
		if (server->commit_maps == 0 && server->commit_under_way == 0) {
			commit_end(server);
			moved = true;
		}
		return moved;
	}
	return false;
}

void commit_answered(struct volume_server *server, uint8_t kind, uint8_t copy, enum block_status status)
{
	(void)copy;
	if (status != BLOCK_OK) {
		server->commit_failed = true;
	}
	if (kind == ERRAND_COMMIT_MAP) {
		server->commit_under_way--;
	} else if (status == BLOCK_OK) {
		commit_stage(server);
	} else {
		commit_end(server);
	}
}
