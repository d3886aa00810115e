/* SPDX-License-Identifier: MIT */
/* The volume server: clients' pages on one side, the disk's page on the other (bulkhead/block.h). Translates each client's requests
 * into its volume's sectors, and keeps it within them and its rights; a snapshot's chunks are copied when they are first written.
 * Pure: no system calls. Nothing in a struct volume_server outlives the process, and nothing has to: docs/crash-only.md.
 *
 * Area 0, the server's own data area, which the disk's server reaches too:
 *
 *   0                          +----------------------+
 *                              | zeroes, one chunk    |   what WRITE_ZEROES is made of where the disk has none
 *   SERVER_CHUNK_BYTES         | SERVER_COPIES chunks |   chunks on their way from origin to snapshot
 *   SERVER_MAPS_OFFSET         | maps                 |   of the snapshots, as they are or will be on the disk
 *                              +----------------------+ */
#pragma once

#include <bulkhead/block.h>
#include <bulkhead/volume_table.h>

#define SERVER_CHANNELS 48u
#define SERVER_VOLUMES 48u
#define SERVER_COPIES 8u
#define SERVER_CHUNK_BYTES (TABLE_CHUNK_SECTORS * BLOCK_SECTOR_SIZE)
#define SERVER_MAPS_OFFSET ((1u + SERVER_COPIES) * SERVER_CHUNK_BYTES)
#define SERVER_RESERVED_SLOTS 2u /* of the disk's page, for what requests of all clients wait for */

struct volume {
	uint64_t first;   /* sector of the disk */
	uint64_t sectors; /* first + sectors do not exceed the disk */
	bool frozen;      /* snapshots begin as what it holds: nobody writes it */
	/* Snapshots: */
	bool is_snapshot;
	uint64_t origin_first; /* as many sectors from here on */
	uint64_t map_first;    /* sector of the disk */
	uint64_t map_offset;   /* of the map in area 0 */
	uint8_t *
		map; /* private memory: the chunks that are the snapshot's own, and will be after a loss of power */
	uint64_t map_bytes;
};

enum request_state {
	REQUEST_NONE,
	REQUEST_READY,       /* its next piece can go to the disk */
	REQUEST_UNDER_WAY,   /* a piece is there */
	REQUEST_COPY_READ,   /* reads the origin's chunk */
	REQUEST_COPY_MERGED, /* the chunk as it will be is in the copy's memory */
	REQUEST_COPY_WRITE,  /* writes it to the snapshot's place */
	REQUEST_COPIED,      /* waits for a commit of maps */
	REQUEST_IN_COMMIT,
};

struct request {
	struct block_slot what; /* checked */
	uint32_t done;          /* sectors, or 0 */
	uint32_t piece;         /* sectors under way */
	uint8_t state;          /* enum request_state */
	uint8_t copy;           /* index; in the states of copying */
};

struct channel {
	struct block_server client;
	struct block_geometry geometry; /* what this client may see and do */
	uint32_t volume;
	uint32_t area; /* number of its data area at the disk's server */
	uint8_t *data; /* the area itself */
	uint64_t data_bytes;
	uint64_t taken; /* slots whose requests are in `request` */
	uint32_t under_way;
	uint32_t copies;
	struct request request[BLOCK_SLOTS];
};

/* What a slot of the disk's page is for. */
struct errand {
	uint8_t kind; /* private to server.c */
	uint8_t slot;
	uint16_t channel;
};

struct copy {
	bool used;
	uint16_t channel;
	uint8_t slot;
	uint64_t chunk;
	uint32_t volume;
};

/* The commit of maps: one at a time, for all copies that have come so far. */
enum commit_state {
	COMMIT_IDLE,
	COMMIT_FLUSH,    /* the flush is to be posted */
	COMMIT_FLUSHING, /* the copies become safe */
	COMMIT_MAPS,     /* then the maps that say so are written */
};

struct volume_server {
	struct block_client disk;
	struct block_geometry geometry; /* of the disk */
	uint8_t *area;                  /* area 0 */
	uint64_t area_bytes;
	uint32_t volume_count;
	struct volume volume[SERVER_VOLUMES];
	uint32_t channel_count;
	struct channel channel[SERVER_CHANNELS];
	uint32_t turn;    /* the channel that is looked at first */
	uint64_t errands; /* slots of the disk's page in use */
	struct errand errand[BLOCK_SLOTS];
	struct copy copy[SERVER_COPIES];
	uint32_t copies; /* in use */
	enum commit_state commit;
	bool commit_failed;
	uint32_t commit_maps; /* map sectors, a bit for each copy: still to be written */
	uint32_t commit_under_way;
	bool has_posts;    /* errands that are not published yet: each step ends with that */
	uint64_t answered; /* channels with such answers */
	bool signal_disk;  /* set by the functions below, cleared by who signals */
	uint64_t signal_channels;
};

/* Begins with no volumes and no channels. `disk` is idle (rule S2 of the protocol) and has told `geometry`. False if it is none that
 * can be served: too few sectors in one transfer, or an area 0 without room for copies. */
__attribute__((warn_unused_result)) bool volume_server_start(struct volume_server *server,
	struct block_client disk, const struct block_geometry *geometry, uint8_t *area, uint64_t area_bytes);

/* Adds a client, before the first step: `page` from block_attach(), rights to `volume` (an index), its data area. Tells it its
 * geometry. False if there are too many. */
__attribute__((warn_unused_result)) bool volume_server_add(struct volume_server *server,
	struct block_page *page, uint32_t volume, bool writable, uint32_t area, uint8_t *data,
	uint64_t data_bytes);

/* Does what can be done now. True if it did anything: call it again. After that send the signals. */
bool volume_server_step(struct volume_server *server);

/* Asks everybody for signals; then another step is due before one sleeps. */
void volume_server_ask(struct volume_server *server);

/* Awake again: what the disk answers needs no signal until the next volume_server_ask(). Mostly it has answered before we come to look. */
void volume_server_awake(struct volume_server *server);
