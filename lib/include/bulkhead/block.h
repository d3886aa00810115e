/* SPDX-License-Identifier: MIT */
/* Block requests in shared memory: one client, one server, neither trusts the other, and each may be killed at any
 * instruction. Spoken twice on the way to a disk: by a VM's virtio-blk model to the volume server, and by the volume server to
 * the disk's driver. docs/crash-only.md tells the whole protocol; tests/spin checks it. No system calls; usable in host unit
 * tests.
 *
 *   0     +----------------------------------------+
 *         | header                                 |
 *   64    | posted                                 |  written by the client only
 *   128   | done, geometry                         |  written by the server only
 *   256   | status[64]                             |  written by the server only
 *   512   | slot[64]                               |  written by the client only
 *   4096  +----------------------------------------+
 *
 * and beside this page one or more data areas, from and to which the sectors go.
 *
 * Slot i is PENDING if bit i of `posted` and of `done` differ, else it is FREE. The client posts a request by filling a free
 * slot and flipping its bit in `posted`; the server answers by writing its status and flipping its bit in `done`. Each word has
 * one writer, who keeps it in memory that nobody else writes, and only publishes it here. All zeroes is a valid, idle page:
 * nobody has to come first.
 *
 * The rules:
 *  C1  The client changes a slot, and the part of a data area that it names, only while the slot is free.
 *  C2  A client that was restarted publishes its `posted` again. One that does not know what its predecessor has posted (it lost
 *      its registers) adopts the word that stands here and posts nothing before every slot is free.
 *  S1  The server reads a slot once, and checks it all. It never does a request that it did not find pending.
 *  S2  It may do a pending request any number of times, in any order with others, but not after it answered it. So a restarted
 *      server first ends what its predecessor may have under way: a driver by resetting its device, a volume server by waiting
 *      until each slot of the driver's page is free. Then it does all that is pending as if it were new.
 *  S3  A write is answered when a read would find it, a flush when all writes answered before the flush was posted would be
 *      found after a loss of power.
 * So a request that was posted is done, at least once, whoever dies; and no write is done after it was answered.
 *
 * Who wakes whom is as in bulkhead/ring.h: a signal goes to a side that asked, once for each time it asked. The client asks by
 * `client_ticket`, and looks at `done` again before it sleeps; the server by `server_ticket`, and looks at `posted` again. Each
 * side is also signalled when nothing has happened, for instance after a restart of the other. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bulkhead/ring.h>

#define BLOCK_MAGIC UINT64_C(0x45474150434f4c42) /* "BLOCPAGE" read as little-endian */
#define BLOCK_VERSION 1u
#define BLOCK_SLOTS 64u
#define BLOCK_PAGE_SIZE 4096u
#define BLOCK_SECTOR_SIZE \
	512u /* bytes; the unit of all sector numbers and counts, whatever the disk's own is */

/* Names in the tasks' task information. A server of a disk (driver, memdisk) has regions BLOCK_NAME_PAGE and
 * BLOCK_NAME_AREA "0" .. (as many as its volume server has: area 0 is the volume server's own), and capabilities
 * BLOCK_NAME_NOTIFICATION, on which it waits, and BLOCK_NAME_SIGNAL, which wakes the volume server. */
#define BLOCK_NAME_PAGE "disk-page"
#define BLOCK_NAME_AREA "area" /* a decimal number follows */
#define BLOCK_NAME_SIGNAL "disk-signal"
#define BLOCK_NAME_NOTIFICATION "notification"

enum block_operation {
	BLOCK_READ = 1, /* sectors to the data area */
	BLOCK_WRITE,    /* sectors from the data area */
	BLOCK_FLUSH,    /* rule S3; sector, count, area, offset are 0 */
	BLOCK_DISCARD, /* the sectors' contents are not needed any more: what is read there is undefined; area, offset are 0 */
	BLOCK_WRITE_ZEROES, /* area, offset are 0 */
};

enum block_status {
	BLOCK_OK,
	BLOCK_REFUSED, /* no such operation, sectors outside of the disk, bytes outside of the data area, a count of 0 or too high */
	BLOCK_READ_ONLY,   /* the client may not change these sectors */
	BLOCK_UNSUPPORTED, /* an operation that the geometry's flags don't offer */
	BLOCK_FAILED,      /* the medium could not do it */
};

struct block_slot {
	uint32_t operation; /* enum block_operation */
	uint32_t
		area; /* number of the data area: 0 from a VM's disk; from a volume server any that the driver has */
	uint64_t sector;   /* the first one, of the client's disk or volume */
	uint64_t offset;   /* bytes from the data area's beginning, a multiple of BLOCK_SECTOR_SIZE */
	uint32_t count;    /* sectors */
	uint32_t reserved; /* 0 */
};
_Static_assert(sizeof(struct block_slot) == 32, "block_slot is shared between tasks");

/* What the server tells once it knows; it does not change afterwards. */
#define BLOCK_CAN_WRITE (1u << 0) /* otherwise all but READ and FLUSH is answered READ_ONLY */
#define BLOCK_CAN_FLUSH \
	(1u << 1) /* otherwise there is no volatile cache: FLUSH is answered OK, with nothing to do */
#define BLOCK_CAN_DISCARD (1u << 2)
#define BLOCK_CAN_WRITE_ZEROES (1u << 3)

struct block_geometry {
	uint64_t sectors; /* of the disk or volume */
	uint32_t flags;   /* BLOCK_CAN_* */
	uint32_t
		max_sectors; /* most that one READ or WRITE may have; of a disk at least 128. DISCARD and WRITE_ZEROES: as many as fit `count` */
};

struct block_page {
	uint64_t magic; /* either side writes the same two values */
	uint32_t version;
	uint32_t reserved0;
	uint64_t reserved1[6];
	/* written by the client */
	uint64_t posted;
	uint32_t client_ticket; /* waits for answers */
	uint32_t reserved2;
	uint64_t reserved3[6];
	/* written by the server */
	uint64_t done;
	uint32_t server_ticket; /* waits for requests */
	uint32_t ready;         /* 1: the geometry is valid. Written after it */
	struct block_geometry geometry;
	uint64_t reserved4[12];
	uint32_t status
		[BLOCK_SLOTS]; /* enum block_status; valid while the slot is free and was posted before */
	/* written by the client */
	struct block_slot slot[BLOCK_SLOTS];
	uint64_t reserved5[192];
};
_Static_assert(offsetof(struct block_page, posted) == 64, "block_page is shared between tasks");
_Static_assert(offsetof(struct block_page, done) == 128, "block_page is shared between tasks");
_Static_assert(offsetof(struct block_page, status) == 256, "block_page is shared between tasks");
_Static_assert(offsetof(struct block_page, slot) == 512, "block_page is shared between tasks");
_Static_assert(sizeof(struct block_page) == BLOCK_PAGE_SIZE, "block_page is shared between tasks");

/* Takes hold of the page at `memory`, `size` bytes, aligned to 8. Both sides use it at their start. NULL if the region is too
 * small or was written by another version: it is then not to be used. */
static inline struct block_page *block_attach(void *memory, uint64_t size)
{
	struct block_page *page = memory;

	if (memory == NULL || size < sizeof(*page)) {
		return NULL;
	}
	if (__atomic_load_n(&page->magic, __ATOMIC_ACQUIRE) == 0) {
		__atomic_store_n(&page->version, BLOCK_VERSION, __ATOMIC_RELAXED);
		__atomic_store_n(&page->magic, BLOCK_MAGIC, __ATOMIC_RELEASE);
	}
	return page->magic == BLOCK_MAGIC && page->version == BLOCK_VERSION ? page : NULL;
}

/* True if the other side has taken a ticket, not withdrawn it, and was not signalled for it: `*signalled` is the one signalled last (private
 * memory, 0 at the start). It is to be signalled now. */
static inline bool block_ticket_is_due(const uint32_t *ticket, uint32_t *signalled)
{
	uint32_t asked = __atomic_load_n(ticket, __ATOMIC_RELAXED);

	if (!ring_ticket_asks(asked, *signalled)) {
		return false;
	}
	*signalled = asked;
	return true;
}

/* ---- Client: basic operations, for one that keeps its `posted` word elsewhere (a device model: in its registers). ---- */

/* Writes a request into slot `index` (below BLOCK_SLOTS), which must be free. Nobody reads it before its bit is flipped. */
static inline void block_fill(struct block_page *page, uint32_t index, const struct block_slot *request)
{
	struct block_slot *slot = &page->slot[index % BLOCK_SLOTS];

	__atomic_store_n(&slot->operation, request->operation, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->area, request->area, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->sector, request->sector, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->offset, request->offset, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->count, request->count, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->reserved, 0, __ATOMIC_RELAXED);
}

/* Posts every slot whose bit changes. With a full fence: a ticket read afterwards is not older. */
static inline void block_publish_posted(struct block_page *page, uint64_t posted)
{
	__atomic_store_n(&page->posted, posted, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* After block_publish_posted(): true if the server is to be signalled now. */
static inline bool block_server_asked(const struct block_page *page, uint32_t *signalled)
{
	return block_ticket_is_due(&page->server_ticket, signalled);
}

/* The slots that are free, one bit each, seen from a client with this `posted` word. */
static inline uint64_t block_free_slots(const struct block_page *page, uint64_t posted)
{
	return ~(posted ^ __atomic_load_n(&page->done, __ATOMIC_ACQUIRE));
}

/* The status of slot `index` (below BLOCK_SLOTS), which was posted and is free now. A number that is no enum block_status
 * counts as BLOCK_FAILED. */
static inline enum block_status block_status_of(const struct block_page *page, uint32_t index)
{
	uint32_t status = __atomic_load_n(&page->status[index % BLOCK_SLOTS], __ATOMIC_RELAXED);

	return status <= BLOCK_FAILED ? (enum block_status)status : BLOCK_FAILED;
}

/* Asks for a signal when the server has answered, or has told its geometry. Then look again. */
static inline void block_ask_for_answers(struct block_page *page) { ring_take_ticket(&page->client_ticket); }

/* Awake: needs no signal until it asks again, which it does before it sleeps. */
static inline void block_withdraw_ask(struct block_page *page) { ring_withdraw_ticket(&page->client_ticket); }

/* True, and a copy in `geometry`, if the server has told it. Its numbers are the server's: max_sectors may be anything. */
static inline bool block_read_geometry(const struct block_page *page, struct block_geometry *geometry)
{
	if (__atomic_load_n(&page->ready, __ATOMIC_ACQUIRE) != 1) {
		return false;
	}
	geometry->sectors = __atomic_load_n(&page->geometry.sectors, __ATOMIC_RELAXED);
	geometry->flags = __atomic_load_n(&page->geometry.flags, __ATOMIC_RELAXED);
	geometry->max_sectors = __atomic_load_n(&page->geometry.max_sectors, __ATOMIC_RELAXED);
	return true;
}

/* ---- Client: one that has no memory of its own across restarts. ---- */

struct block_client {
	struct block_page *page;
	uint64_t posted;
	uint32_t signalled; /* the server's ticket that was signalled last */
};

/* Adopts what a predecessor has posted: by rule C2 nothing is to be posted before block_client_is_idle(). `page` from
 * block_attach(). */
static inline struct block_client block_client_start(struct block_page *page)
{
	return (struct block_client){ page, __atomic_load_n(&page->posted, __ATOMIC_ACQUIRE), 0 };
}

/* True if every slot is free. */
static inline bool block_client_is_idle(const struct block_client *client)
{
	return block_free_slots(client->page, client->posted) == UINT64_MAX;
}

/* Puts `request` into slot `index` (below BLOCK_SLOTS), which must be free. It is posted by the next block_client_publish(), with all others. */
static inline void block_client_put(
	struct block_client *client, uint32_t index, const struct block_slot *request)
{
	block_fill(client->page, index, request);
	client->posted ^= UINT64_C(1) << index % BLOCK_SLOTS;
}

/* If `*signal` is set to true afterwards (it is never set to false), signal the server. */
static inline void block_client_publish(struct block_client *client, bool *signal)
{
	block_publish_posted(client->page, client->posted);
	if (block_server_asked(client->page, &client->signalled)) {
		*signal = true;
	}
}

/* Both at once. */
static inline void block_client_post(
	struct block_client *client, uint32_t index, const struct block_slot *request, bool *signal)
{
	block_client_put(client, index, request);
	block_client_publish(client, signal);
}

/* ---- Server ---- */

struct block_server {
	struct block_page *page;
	uint64_t done;
	uint32_t signalled; /* the client's ticket that was signalled last */
};

/* Adopts what a predecessor has answered. `page` from block_attach(). Rule S2 comes before the first block_pending(). */
static inline struct block_server block_server_start(struct block_page *page)
{
	return (struct block_server){ page, __atomic_load_n(&page->done, __ATOMIC_ACQUIRE), 0 };
}

/* Tells the client what there is. If `*signal` is set to true (it is never set to false), signal it. */
static inline void block_tell_geometry(
	struct block_server *server, const struct block_geometry *geometry, bool *signal)
{
	struct block_page *page = server->page;

	__atomic_store_n(&page->geometry.sectors, geometry->sectors, __ATOMIC_RELAXED);
	__atomic_store_n(&page->geometry.flags, geometry->flags, __ATOMIC_RELAXED);
	__atomic_store_n(&page->geometry.max_sectors, geometry->max_sectors, __ATOMIC_RELAXED);
	__atomic_store_n(&page->ready, 1, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (block_ticket_is_due(&page->client_ticket, &server->signalled)) {
		*signal = true;
	}
}

/* The slots that are pending, one bit each; those that the server has begun are among them until it answers. */
static inline uint64_t block_pending(const struct block_server *server)
{
	return __atomic_load_n(&server->page->posted, __ATOMIC_ACQUIRE) ^ server->done;
}

/* Copies the request in slot `index` (below BLOCK_SLOTS), which must be pending. Take it once: the client can change it at any
 * time. Nothing in it is checked. */
static inline struct block_slot block_take(const struct block_server *server, uint32_t index)
{
	const struct block_slot *slot = &server->page->slot[index % BLOCK_SLOTS];

	return (struct block_slot){
		.operation = __atomic_load_n(&slot->operation, __ATOMIC_RELAXED),
		.area = __atomic_load_n(&slot->area, __ATOMIC_RELAXED),
		.sector = __atomic_load_n(&slot->sector, __ATOMIC_RELAXED),
		.offset = __atomic_load_n(&slot->offset, __ATOMIC_RELAXED),
		.count = __atomic_load_n(&slot->count, __ATOMIC_RELAXED),
		.reserved = __atomic_load_n(&slot->reserved, __ATOMIC_RELAXED),
	};
}

/* Writes the answer for slot `index` (below BLOCK_SLOTS), which must be pending and of which nothing is under way any more. The client sees it
 * after the next block_publish_answers(), with all others; until then the request would be done again by a successor. */
static inline void block_put_answer(struct block_server *server, uint32_t index, enum block_status status)
{
	__atomic_store_n(&server->page->status[index % BLOCK_SLOTS], (uint32_t)status, __ATOMIC_RELAXED);
	server->done ^= UINT64_C(1) << index % BLOCK_SLOTS;
}

/* If `*signal` is set to true (it is never set to false), signal the client. */
static inline void block_publish_answers(struct block_server *server, bool *signal)
{
	__atomic_store_n(&server->page->done, server->done, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (block_ticket_is_due(&server->page->client_ticket, &server->signalled)) {
		*signal = true;
	}
}

/* Both at once. */
static inline void block_answer(
	struct block_server *server, uint32_t index, enum block_status status, bool *signal)
{
	block_put_answer(server, index, status);
	block_publish_answers(server, signal);
}

/* Asks for a signal when the client has posted. Then look at block_pending() again. */
static inline void block_ask_for_requests(const struct block_server *server)
{
	ring_take_ticket(&server->page->server_ticket);
}

/* What is wrong with `request`, taken from a client that may see a disk of `geometry` and a data area of `area_bytes` bytes;
 * BLOCK_OK if it may be done. `request->area` is for the caller to check. */
static inline enum block_status block_check(
	const struct block_slot *request, const struct block_geometry *geometry, uint64_t area_bytes)
{
	bool moves_data = request->operation == BLOCK_READ || request->operation == BLOCK_WRITE;
	uint64_t bytes = (uint64_t)request->count * BLOCK_SECTOR_SIZE;

	if (request->operation < BLOCK_READ || request->operation > BLOCK_WRITE_ZEROES) {
		return BLOCK_REFUSED;
	}
	if (request->operation == BLOCK_FLUSH) {
		return BLOCK_OK;
	}
	if (request->operation != BLOCK_READ && (geometry->flags & BLOCK_CAN_WRITE) == 0) {
		return BLOCK_READ_ONLY;
	}
	if (request->operation == BLOCK_DISCARD && (geometry->flags & BLOCK_CAN_DISCARD) == 0) {
		return BLOCK_UNSUPPORTED;
	}
	if (request->operation == BLOCK_WRITE_ZEROES && (geometry->flags & BLOCK_CAN_WRITE_ZEROES) == 0) {
		return BLOCK_UNSUPPORTED;
	}
	if (request->count == 0 || request->sector > geometry->sectors ||
		request->count > geometry->sectors - request->sector) {
		return BLOCK_REFUSED;
	}
	if (moves_data &&
		(request->count > geometry->max_sectors || request->offset % BLOCK_SECTOR_SIZE != 0 ||
			request->offset > area_bytes || bytes > area_bytes - request->offset)) {
		return BLOCK_REFUSED;
	}
	return BLOCK_OK;
}
