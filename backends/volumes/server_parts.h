/* SPDX-License-Identifier: MIT */
/* Between server.c and copy.c, for nobody else. */
#pragma once

#include "server.h"

enum errand_kind { ERRAND_REQUEST, ERRAND_COMMIT_FLUSH, ERRAND_COMMIT_MAP };

/* ---- server.c ---- */

/* Posts an errand of the commit; false if no slot is free. */
bool post_for_commit(struct volume_server *server, uint8_t kind, uint8_t copy, const struct block_slot *what);

/* Posts an errand of a request; false if the client has its share of slots, or no slot is free. */
bool post_for_request(
	struct volume_server *server, struct channel *channel, uint32_t slot, const struct block_slot *what);

/* Posts the request's next sectors, at most `most`, to or from `sector` of the disk; false as above. */
bool post_piece(
	struct volume_server *server, struct channel *channel, uint32_t slot, uint64_t sector, uint32_t most);

/* Whether the client may begin another copy: it has its share of them, too. */
bool may_copy(const struct volume_server *server, const struct channel *channel);

/* `piece` sectors are done: goes on with the next, or answers. */
void piece_done(struct volume_server *server, struct channel *channel, uint32_t slot);

void answer(struct volume_server *server, struct channel *channel, uint32_t slot, enum block_status status);

/* ---- copy.c ---- */

/* The next piece of a request to a snapshot; false if it has to wait. */
bool snapshot_piece(struct volume_server *server, struct channel *channel, uint32_t slot);

/* REQUEST_COPY_MERGED: posts the write of the chunk. */
bool copy_write(struct volume_server *server, struct channel *channel, uint32_t slot);

/* The disk has read or written a chunk. */
void copy_answered(
	struct volume_server *server, struct channel *channel, uint32_t slot, enum block_status status);

bool commit_step(struct volume_server *server);
void commit_answered(struct volume_server *server, uint8_t kind, uint8_t copy, enum block_status status);
