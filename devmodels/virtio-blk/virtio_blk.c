/* SPDX-License-Identifier: MIT */
/* virtio-blk (virtio 1.2 section 5.2): the guest's chains on one side, a page of requests to the volume server on the other
 * (bulkhead/block.h). Touches its registers, the page, its data area and, through its queue, guest memory.
 *
 * A request has a slot, of the same number in the registers and in the page, and the slot's part of the data area. What does not
 * fit there goes in pieces, one after the other. Which bits of `posted` are flipped is committed with the rest; the page follows
 * after the commit, as often as needed. So a successor knows all requests under way and how far each has come; it reads their
 * chains again where it needs the guest's buffers. */
#include "virtio-blk/virtio_blk.h"

#include "virtio/virtio.h"

/* Linux spends more on an indirect table than on the descriptors of a small request, so none are offered: four of the largest requests fit
 * the ring as they are. */
enum { QUEUE_REQUESTS, QUEUES, QUEUE_SIZE = 512 };

#define SLOTS_MASK (UINT64_MAX >> (64 - VIRTIO_BLK_SLOTS))

/* Feature bits (section 5.2.3). */
#define FEATURE_SEG_MAX (UINT64_C(1) << 2)
#define FEATURE_READ_ONLY (UINT64_C(1) << 5)
#define FEATURE_BLK_SIZE (UINT64_C(1) << 6)
#define FEATURE_FLUSH (UINT64_C(1) << 9)
#define FEATURE_DISCARD (UINT64_C(1) << 13)
#define FEATURE_WRITE_ZEROES (UINT64_C(1) << 14)

/* Device configuration (section 5.2.4). */
enum {
	CONFIG_CAPACITY = 0,
	CONFIG_SEG_MAX = 12,
	CONFIG_BLK_SIZE = 20,
	CONFIG_MAX_DISCARD_SECTORS = 36,
	CONFIG_MAX_DISCARD_SEGMENTS = 40,
	CONFIG_DISCARD_ALIGNMENT = 44,
	CONFIG_MAX_ZEROES_SECTORS = 48,
	CONFIG_MAX_ZEROES_SEGMENTS = 52,
	CONFIG_SIZE = 60,
};

#define MAX_ZEROES_SECTORS 0x8000u /* 16 MiB: what one request may take of a disk's time */
#define MAX_DISCARD_SECTORS 0x400000u
#define SEGMENTS (VIRTIO_SEGMENTS - 4u) /* of data: header and status stand beside */

/* Requests (section 5.2.6). */
enum {
	TYPE_IN = 0,
	TYPE_OUT = 1,
	TYPE_FLUSH = 4,
	TYPE_GET_ID = 8,
	TYPE_DISCARD = 11,
	TYPE_WRITE_ZEROES = 13
};
enum { STATUS_OK = 0, STATUS_IOERR = 1, STATUS_UNSUPP = 2 };
enum { ID_BYTES = 20 };

struct header {
	uint32_t type;
	uint32_t reserved;
	uint64_t sector;
};
_Static_assert(sizeof(struct header) == 16, "virtio_blk_req");

struct range {
	uint64_t sector;
	uint32_t count;
	uint32_t flags;
};
_Static_assert(sizeof(struct range) == 16, "virtio_blk_discard_write_zeroes");

struct blk_request {
	uint64_t sector;   /* of its first piece */
	uint32_t count;    /* sectors in all */
	uint32_t done;     /* of these */
	uint32_t piece;    /* under way */
	uint16_t head;     /* of its chain */
	uint8_t operation; /* enum block_operation */
	uint8_t reserved;
};

struct blk_registers {
	struct virtio_registers virtio;
	uint64_t posted;  /* as it is, or will be, in the page */
	uint64_t busy;    /* slots with requests of this guest */
	uint8_t is_known; /* 1: the guest was told the disk's size */
	uint8_t read_only;
	uint8_t reserved[6];
	struct blk_request request[VIRTIO_BLK_SLOTS];
};

/* Words of the scratch behind virtio's. */
enum { SCRATCH_SIGNALLED = 6, SCRATCH_STARTED = 7 };
_Static_assert(VIRTIO_QUEUES + 2 <= SCRATCH_SIGNALLED, "virtio's words come first");

/* Of a chain as most are, header, data and status in a segment each, what its answer needs. In the process's own memory: a driver leaves a chain
 * alone while it is in flight, and one that does not gets the answer where it wanted it first. */
struct kept {
	uint8_t *data;
	uint8_t *status;
	uint32_t length; /* of the data */
	uint16_t head;
	uint16_t is_kept;
};

struct blk_cache {
	struct virtio_cache virtio;
	struct kept kept[VIRTIO_BLK_SLOTS];
};
_Static_assert(sizeof(struct blk_cache) <= MODEL_CACHE_BYTES, "all that is kept");

/* ---- Slots ---- */

static struct kept *kept_of(const struct model_context *context, uint32_t slot)
{
	struct blk_cache *cache = context->cache;

	return &cache->kept[slot];
}

static void keep(const struct model_context *context, uint32_t slot, const struct virtio_chain *chain)
{
	struct kept *kept = kept_of(context, slot);

	kept->is_kept = chain->count == 3 && chain->segment[0].length == sizeof(struct header) &&
			chain->segment[2].length == 1;
	if (kept->is_kept != 0) {
		kept->data = chain->segment[1].bytes;
		kept->status = chain->segment[2].bytes;
		kept->length = chain->segment[1].length;
		kept->head = chain->head;
	}
}

/* Bytes of each slot's part of the data area. */
static uint64_t part_bytes(const struct model_context *context)
{
	return context->disk_data_bytes / VIRTIO_BLK_SLOTS / BLOCK_SECTOR_SIZE * BLOCK_SECTOR_SIZE;
}

static uint8_t *part_of(const struct model_context *context, uint32_t slot)
{
	return context->disk_data + slot * part_bytes(context);
}

/* Slots whose bits the page shows as the registers have them, and the server has answered. */
static uint64_t answered_slots(const struct blk_registers *blk, const struct model_context *context)
{
	uint64_t shown = ~(__atomic_load_n(&context->disk->posted, __ATOMIC_RELAXED) ^ blk->posted);

	return shown & block_free_slots(context->disk, blk->posted);
}

/* Slots that a predecessor without these registers, or this guest before its reset, has posted: rule C2 of the protocol. */
static bool has_orphans(const struct blk_registers *blk, const struct model_context *context)
{
	return (~block_free_slots(context->disk, blk->posted) & ~blk->busy) != 0;
}

/* Sectors of it. */
static uint32_t part_sectors(const struct model_context *context)
{
	uint64_t sectors = part_bytes(context) / BLOCK_SECTOR_SIZE;

	return sectors < UINT32_MAX ? (uint32_t)sectors : UINT32_MAX;
}

static bool moves_data(const struct blk_request *request)
{
	return request->operation == BLOCK_READ || request->operation == BLOCK_WRITE;
}

/* The next piece of the request in `slot`: its data to the data area (which nobody looks at before the page shows the bit), and the
 * bit in `posted`. */
static void post_piece(struct blk_registers *blk, const struct model_context *context, uint32_t slot,
	const struct virtio_chain *chain)
{
	struct blk_request *request = &blk->request[slot];
	uint32_t most = part_sectors(context);
	uint32_t rest = request->count - request->done;

	request->piece = rest;
	if (moves_data(request)) {
		request->piece = rest < most ? rest : most;
	}
	if (request->operation == BLOCK_WRITE) {
		(void)virtio_chain_read(chain,
			sizeof(struct header) + (uint64_t)request->done * BLOCK_SECTOR_SIZE,
			part_of(context, slot), (uint64_t)request->piece * BLOCK_SECTOR_SIZE);
	}
	blk->posted ^= UINT64_C(1) << slot;
}

/* ---- Answers ---- */

/* Writes the status, which is the chain's last byte, and gives the chain back. `length`: bytes of data. */
static void finish(struct blk_registers *blk, const struct model_context *context,
	const struct virtio_chain *chain, uint8_t status, uint64_t length)
{
	virtio_chain_end(chain, status);
	virtio_give(&blk->virtio, context, QUEUE_REQUESTS, chain->head, (uint32_t)(length + 1));
}

static uint8_t status_of(enum block_status status)
{
	return status == BLOCK_OK ? STATUS_OK : status == BLOCK_UNSUPPORTED ? STATUS_UNSUPP : STATUS_IOERR;
}

/* Answers by what was kept of the chain; `count` bytes of data from `offset` on came last. False: nothing was kept that is of use. */
static bool finish_kept(struct blk_registers *blk, const struct model_context *context, uint32_t slot,
	uint8_t status, uint64_t offset, uint64_t count)
{
	const struct kept *kept = kept_of(context, slot);

	if (kept->is_kept == 0 || kept->head != blk->request[slot].head || offset > kept->length ||
		count > kept->length - offset) {
		return false;
	}
	if (count != 0) {
		__builtin_memcpy(kept->data + offset, part_of(context, slot), count);
	}
	*kept->status = status;
	virtio_give(&blk->virtio, context, QUEUE_REQUESTS, kept->head, (uint32_t)(offset + count + 1));
	return true;
}

/* The server has answered `slot`. */
static void piece_answered(struct blk_registers *blk, const struct model_context *context, uint32_t slot)
{
	struct blk_request *request = &blk->request[slot];
	enum block_status status = block_status_of(context->disk, slot);
	bool reads = status == BLOCK_OK && request->operation == BLOCK_READ;
	uint64_t done_bytes = reads ? (uint64_t)request->done * BLOCK_SECTOR_SIZE : 0;
	uint64_t piece_bytes = reads ? (uint64_t)request->piece * BLOCK_SECTOR_SIZE : 0;
	bool is_last = status != BLOCK_OK || request->done + request->piece >= request->count;
	struct virtio_chain chain;

	/* A former process may have left nonsense. */
	piece_bytes = piece_bytes < part_bytes(context) ? piece_bytes : part_bytes(context);
	/* Discarding is a hint. */
	if (request->operation == BLOCK_DISCARD && status == BLOCK_UNSUPPORTED) {
		status = BLOCK_OK;
	}
	if (is_last) {
		blk->busy &= ~(UINT64_C(1) << slot);
		if (finish_kept(blk, context, slot, status_of(status), done_bytes, piece_bytes)) {
			return;
		}
	}
	if (!virtio_queue_chain(
		    virtio_areas(context, QUEUE_REQUESTS), context->memory, request->head, &chain) ||
		chain.writable_bytes == 0) {
		blk->busy &= ~(UINT64_C(1) << slot);
		virtio_break(&blk->virtio);
		return;
	}
	(void)virtio_chain_write(&chain, done_bytes, part_of(context, slot), piece_bytes);
	if (is_last) {
		finish(blk, context, &chain, status_of(status), done_bytes + piece_bytes);
		return;
	}
	request->done += request->piece;
	post_piece(blk, context, slot, &chain);
}

/* ---- Requests ---- */

/* The range of a discard or of zeroes: exactly one. */
static uint8_t read_range(const struct virtio_chain *chain, struct blk_request *request)
{
	struct range range;
	uint32_t most = request->operation == BLOCK_DISCARD ? MAX_DISCARD_SECTORS : MAX_ZEROES_SECTORS;
	uint32_t known_flags = request->operation == BLOCK_DISCARD ? 0 : 1; /* unmap: it may, and need not */

	if (chain->readable_bytes != sizeof(struct header) + sizeof(range) ||
		virtio_chain_read(chain, sizeof(struct header), &range, sizeof(range)) != sizeof(range)) {
		return STATUS_IOERR;
	}
	if ((range.flags & ~known_flags) != 0) {
		return STATUS_UNSUPP;
	}
	request->sector = range.sector;
	request->count = range.count;
	return range.count <= most ? STATUS_OK : STATUS_IOERR;
}

/* What the chain asks for; STATUS_OK if it goes to the server. */
static uint8_t read_request(const struct blk_registers *blk, const struct virtio_chain *chain,
	const struct header *header, struct blk_request *request)
{
	uint64_t data = 0;
	uint8_t status = STATUS_OK;

	*request = (struct blk_request){ .sector = header->sector, .head = chain->head };
	switch (header->type) {
	case TYPE_IN:
		request->operation = BLOCK_READ;
		data = chain->writable_bytes - 1;
		break;
	case TYPE_OUT:
		request->operation = BLOCK_WRITE;
		data = chain->readable_bytes - sizeof(*header);
		break;
	case TYPE_FLUSH:
		request->operation = BLOCK_FLUSH;
		request->sector = 0;
		return STATUS_OK;
	case TYPE_DISCARD:
		request->operation = BLOCK_DISCARD;
		status = read_range(chain, request);
		break;
	case TYPE_WRITE_ZEROES:
		request->operation = BLOCK_WRITE_ZEROES;
		status = read_range(chain, request);
		break;
	default:
		return STATUS_UNSUPP;
	}
	if (data % BLOCK_SECTOR_SIZE != 0 || data / BLOCK_SECTOR_SIZE > UINT32_MAX / BLOCK_SECTOR_SIZE) {
		return STATUS_IOERR;
	}
	request->count += (uint32_t)(data / BLOCK_SECTOR_SIZE);
	if (request->operation != BLOCK_READ && blk->read_only != 0) {
		return STATUS_IOERR;
	}
	return status == STATUS_OK && request->count == 0 ? STATUS_IOERR : status;
}

/* All of it is checked by the server, too, but piece by piece: nothing of a request that leaves the disk is done. */
static bool is_inside(uint64_t sectors, const struct blk_request *request)
{
	return request->sector <= sectors && request->count <= sectors - request->sector;
}

/* The device's name (section 5.2.6.1: 20 bytes). */
static void answer_name(
	struct blk_registers *blk, const struct model_context *context, const struct virtio_chain *chain)
{
	static const uint8_t name[ID_BYTES] = "bulkhead";

	finish(blk, context, chain, chain->writable_bytes > ID_BYTES ? STATUS_OK : STATUS_IOERR,
		chain->writable_bytes > ID_BYTES ? virtio_chain_write(chain, 0, name, ID_BYTES) : 0);
}

/* Begins with a chain of a disk of `sectors`. True: it has taken the slot. */
static bool begin(struct blk_registers *blk, const struct model_context *context, uint64_t sectors,
	uint32_t slot, const struct virtio_chain *chain)
{
	struct blk_request request;
	struct header header;
	uint8_t status;

	if (virtio_chain_read(chain, 0, &header, sizeof(header)) != sizeof(header)) {
		finish(blk, context, chain, STATUS_IOERR, 0);
		return false;
	}
	if (header.type == TYPE_GET_ID) {
		answer_name(blk, context, chain);
		return false;
	}
	status = read_request(blk, chain, &header, &request);
	if (status == STATUS_OK && !is_inside(sectors, &request)) {
		status = STATUS_IOERR;
	}
	if (status != STATUS_OK) {
		finish(blk, context, chain, status, 0);
		return false;
	}
	blk->request[slot] = request;
	blk->busy |= UINT64_C(1) << slot;
	keep(context, slot, chain);
	post_piece(blk, context, slot, chain);
	return true;
}

static enum virtio_served serve(void *registers, const struct model_context *context, uint32_t queue)
{
	struct blk_registers *blk = registers;
	uint64_t answered = answered_slots(blk, context) & blk->busy & SLOTS_MASK;
	uint64_t free;
	struct block_geometry geometry;
	struct virtio_chain chain;

	for (; answered != 0; answered &= answered - 1) {
		piece_answered(blk, context, (uint32_t)__builtin_ctzll(answered));
	}
	if (!block_read_geometry(context->disk, &geometry) || has_orphans(blk, context)) {
		return VIRTIO_SERVED_WAITS;
	}
	free = answered_slots(blk, context) & ~blk->busy & SLOTS_MASK;
	for (uint32_t i = 0; i < VIRTIO_SERVE_CHAINS; i++) {
		if (free == 0) {
			return VIRTIO_SERVED_WAITS;
		}
		if (!virtio_take(&blk->virtio, context, queue, &chain)) {
			return VIRTIO_SERVED_EMPTY;
		}
		if (chain.writable_bytes == 0) {
			/* There is no room for a status. */
			virtio_break(&blk->virtio);
			return VIRTIO_SERVED_EMPTY;
		}
		if (begin(blk, context, geometry.sectors, (uint32_t)__builtin_ctzll(free), &chain)) {
			free &= free - 1;
		}
	}
	return VIRTIO_SERVED_MORE;
}

/* ---- Around ---- */

static uint64_t more_features(const void *registers)
{
	const struct blk_registers *blk = registers;

	return blk->read_only != 0 ? FEATURE_READ_ONLY : FEATURE_DISCARD | FEATURE_WRITE_ZEROES;
}

static void put32(uint8_t *bytes, uint32_t value)
{
	for (uint32_t i = 0; i < 4; i++) {
		bytes[i] = (uint8_t)(value >> 8 * i);
	}
}

static void config(const void *registers, const struct model_context *context, uint8_t *bytes)
{
	const struct blk_registers *blk = registers;
	struct block_geometry geometry = { 0 };

	for (uint32_t i = 0; i < CONFIG_SIZE; i++) {
		bytes[i] = 0;
	}
	(void)block_read_geometry(context->disk, &geometry);
	put32(bytes + CONFIG_CAPACITY, (uint32_t)geometry.sectors);
	put32(bytes + CONFIG_CAPACITY + 4, (uint32_t)(geometry.sectors >> 32));
	put32(bytes + CONFIG_SEG_MAX, SEGMENTS);
	put32(bytes + CONFIG_BLK_SIZE, BLOCK_SECTOR_SIZE);
	if (blk->read_only == 0) {
		put32(bytes + CONFIG_MAX_DISCARD_SECTORS, MAX_DISCARD_SECTORS);
		put32(bytes + CONFIG_MAX_DISCARD_SEGMENTS, 1);
		put32(bytes + CONFIG_DISCARD_ALIGNMENT, 1);
		put32(bytes + CONFIG_MAX_ZEROES_SECTORS, MAX_ZEROES_SECTORS);
		put32(bytes + CONFIG_MAX_ZEROES_SEGMENTS, 1);
	}
}

static const char *power_on(void *registers, const struct model_context *context)
{
	struct blk_registers *blk = registers;
	const char *rights = environment_argument(context->environment, "rights");

	if (part_bytes(context) == 0) {
		return "the data area is too small: a sector for each of 32 slots is the least";
	}
	if (rights == NULL || rights[0] != 'r' ||
		(rights[1] != '\0' && (rights[1] != 'w' || rights[2] != '\0'))) {
		return "the argument rights= has to be r or rw";
	}
	blk->read_only = rights[1] == '\0';
	/* What stands in the page is a former VM's. */
	blk->posted = __atomic_load_n(&context->disk->posted, __ATOMIC_ACQUIRE);
	return NULL;
}

/* The server writes to the data area only, so the guest's buffers are its own at once; what is still under way becomes an orphan. */
static bool reset(void *registers, const struct model_context *context)
{
	struct blk_registers *blk = registers;

	(void)context;
	blk->busy = 0;
	return true;
}

static void event(void *registers, const struct model_context *context, uint64_t bits)
{
	struct blk_registers *blk = registers;
	struct block_geometry geometry;

	if (blk->is_known == 0 && block_read_geometry(context->disk, &geometry)) {
		blk->is_known = 1;
		if ((blk->virtio.status & VIRTIO_STATUS_DRIVER) != 0) {
			virtio_config_changed(&blk->virtio);
		}
	}
	virtio_event(registers, context, bits);
}

/* True if something that is waited for has come. `orphans`: there were some. */
static bool has_moved(const struct blk_registers *blk, const struct model_context *context, bool orphans)
{
	struct block_geometry geometry;

	return (answered_slots(blk, context) & blk->busy & SLOTS_MASK) != 0 ||
	       (orphans && !has_orphans(blk, context)) ||
	       (blk->is_known == 0 && block_read_geometry(context->disk, &geometry));
}

/* Asks for a signal and looks again. What has come by now needs none: there is another event then, and another question behind it. A disk in
 * memory has mostly answered before we come here, as its servers run before us. */
static bool ask_for_answers(
	const struct blk_registers *blk, const struct model_context *context, bool orphans)
{
	if (has_moved(blk, context, orphans)) {
		return true;
	}
	block_ask_for_answers(context->disk);
	if (has_moved(blk, context, orphans)) {
		block_withdraw_ask(context->disk);
		return true;
	}
	return false;
}

/* The page follows the registers; then asks for a signal if something is waited for. */
static uint32_t publish(
	const void *registers, const struct model_context *context, uint64_t scratch[MODEL_SCRATCH_WORDS])
{
	const struct blk_registers *blk = registers;
	struct block_page *page = context->disk;
	uint64_t fresh =
		(__atomic_load_n(&page->posted, __ATOMIC_RELAXED) ^ blk->posted) & blk->busy & SLOTS_MASK;
	uint32_t pulses = virtio_publish(registers, context, scratch);
	uint32_t signalled = (uint32_t)scratch[SCRATCH_SIGNALLED];
	bool orphans = has_orphans(blk, context);

	for (uint64_t slots = fresh; slots != 0; slots &= slots - 1) {
		uint32_t slot = (uint32_t)__builtin_ctzll(slots);
		const struct blk_request *request = &blk->request[slot];
		struct block_slot what = {
			.operation = request->operation,
			.sector = request->sector + request->done,
			.offset = moves_data(request) ? slot * part_bytes(context) : 0,
			.count = request->piece,
		};

		block_fill(page, slot, &what);
	}
	if (fresh != 0 || scratch[SCRATCH_STARTED] == 0) {
		block_publish_posted(page, blk->posted);
		if (block_server_asked(page, &signalled)) {
			environment_signal_console(context->environment);
		}
		scratch[SCRATCH_SIGNALLED] = signalled;
		scratch[SCRATCH_STARTED] = 1;
	}
	if ((blk->busy != 0 || blk->is_known == 0 || orphans) && ask_for_answers(blk, context, orphans)) {
		pulses |= MODEL_PUBLISH_MOVED;
	}
	return pulses;
}

static const struct virtio_device blk_device = {
	.features = FEATURE_SEG_MAX | FEATURE_BLK_SIZE | FEATURE_FLUSH,
	.more_features = more_features,
	.queue_count = QUEUES,
	.queue_size = { [QUEUE_REQUESTS] = QUEUE_SIZE },
	.keeps_chains = true,
	.config_size = CONFIG_SIZE,
	.power_on = power_on,
	.config = config,
	.reset = reset,
	.serve = serve,
};

const struct model virtio_blk_model = {
	.name = "virtio-blk",
	.identity = 0x324b4c42, /* "BLK2" */
	.register_bytes = sizeof(struct blk_registers),
	.line_count = 1,
	.region_count = 1,
	.regions = { { .size = VIRTIO_PCI_REGION_SIZE, .width = 4 } },
	.has_disk = true,
	.has_memory = true,
	.device = &blk_device,
	.reset = virtio_power_on,
	.read = virtio_read,
	.write = virtio_write,
	.event = event,
	.publish = publish,
};
