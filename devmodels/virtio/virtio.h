/* SPDX-License-Identifier: MIT */
/* What all virtio models share: the registers of virtio's PCI transport (virtio 1.2 section 4.1.4), negotiation, status, queues. A
 * model's table names virtio_read and its companions as its functions, and a struct virtio_device as `device`:
 *
 *   struct rng_registers { struct virtio_registers virtio; ... };    first: the outputs are the first of it
 *   static const struct virtio_device rng_device = { .queue_count = 1, .queue_size = { 64 }, .serve = rng_serve };
 *   const struct model rng_model = { VIRTIO_MODEL("virtio-rng", RNG_IDENTITY, struct rng_registers, rng_device) };
 *
 * The device's functions get the model's registers (a working copy, as every model function) and work on queues with the functions
 * below. What they gave back is shown to the guest, and its interrupt pulsed, after the commit. */
#pragma once

#include <bulkhead/virtio_pci.h>

#include "framework/model.h"
#include "virtio/queue.h"

#define VIRTIO_QUEUES 2u /* of any device that we have */
_Static_assert(VIRTIO_QUEUES <= VIRTIO_PCI_QUEUES && VIRTIO_QUEUES + 2 <= MODEL_SCRATCH_WORDS,
	"one word each, and two");

/* Feature bits that are not of one device type (section 6). */
#define VIRTIO_F_INDIRECT_DESC (UINT64_C(1) << 28)
#define VIRTIO_F_EVENT_IDX (UINT64_C(1) << 29)
#define VIRTIO_F_VERSION_1 (UINT64_C(1) << 32)

/* Device status (section 2.1). */
enum {
	VIRTIO_STATUS_ACKNOWLEDGE = 1,
	VIRTIO_STATUS_DRIVER = 2,
	VIRTIO_STATUS_DRIVER_OK = 4,
	VIRTIO_STATUS_FEATURES_OK = 8,
	VIRTIO_STATUS_NEEDS_RESET = 64,
	VIRTIO_STATUS_FAILED = 128,
};

struct virtio_registers {
	struct model_outputs outputs;
	uint64_t driver_features; /* as the driver writes them; agreed once status has FEATURES_OK */
	uint32_t device_feature_select;
	uint32_t driver_feature_select;
	uint32_t config_changes; /* told of so far */
	uint16_t config_vector;
	uint16_t queue_select;
	uint8_t status;
	uint8_t config_generation;
	uint8_t interrupt_status; /* 1: a queue; 2: configuration */
	uint8_t resetting;        /* 1: the driver wrote status 0, and the device is not done with it */
	uint32_t config_seen;     /* of these changes: when the driver last read the configuration */
	struct virtio_queue queue[VIRTIO_QUEUES];
};

/* In the process's own memory, the first of what a model keeps in context->cache. */
struct virtio_cache {
	struct virtio_areas areas[VIRTIO_QUEUES];
};

/* What became of a queue that was served. */
enum virtio_served {
	VIRTIO_SERVED_EMPTY, /* nothing is left: the guest is asked to notify */
	VIRTIO_SERVED_WAITS, /* the device waits for something else than the guest: MODEL_EVENT_CONSOLE */
	VIRTIO_SERVED_MORE,  /* enough for once: go on after a commit */
};

/* Most chains that serve() takes before it returns VIRTIO_SERVED_MORE: so an access never waits long. */
#define VIRTIO_SERVE_CHAINS 64u

/* How long an interrupt of a moderated queue waits, in guest time, and how many chains it may be late for. */
#define VIRTIO_MODERATION_NS UINT64_C(500000)
#define VIRTIO_MODERATION_CHAINS 64u

struct virtio_device {
	uint64_t features; /* offered, besides VERSION_1 and EVENT_IDX */
	/* Further ones that depend on the registers; always the same in one VM's life. Optional. */
	uint64_t (*more_features)(const void *registers);
	uint32_t queue_count;
	uint16_t queue_size[VIRTIO_QUEUES]; /* most entries: powers of two */
	/* A bit for each queue whose interrupts are moderated, that is, come up to VIRTIO_MODERATION_NS late, and not at all if the driver
	 * has found by itself by then what was given back. For queues of which nobody waits for a single chain. */
	uint32_t moderated;
	bool keeps_chains; /* its queues are served at each MODEL_EVENT_CONSOLE: chains in flight may be done */
	uint32_t config_size; /* bytes of device configuration, up to VIRTIO_PCI_CONFIG_SIZE */
	/* The rest of what the model's reset does: see struct model. Optional. */
	const char *(*power_on)(void *registers, const struct model_context *context);
	/* Writes the device configuration to `bytes` (config_size of them). Needed if config_size is not 0. */
	void (*config)(const void *registers, const struct model_context *context, uint8_t *bytes);
	/* The driver wrote `width` bytes of it. Optional. */
	void (*config_write)(void *registers, const struct model_context *context, uint32_t offset,
		uint32_t width, uint32_t value);
	/* The driver resets the device, whose queues are disabled already. False: not yet (chains are in flight, whose buffers
	 * somebody may still write): asked again at each event; no chain may be given back. Optional. */
	bool (*reset)(void *registers, const struct model_context *context);
	/* Takes chains of `queue` and gives back those that are done. Called when the guest has notified, when what it waits for may
	 * have come, and from time to time; only while the driver runs and the queue is enabled. Nowhere else chains are taken or given back. */
	enum virtio_served (*serve)(void *registers, const struct model_context *context, uint32_t queue);
};

/* ---- For devices ---- */

static inline bool virtio_has(const struct virtio_registers *virtio, uint64_t feature)
{
	return (virtio->driver_features & feature) != 0;
}

/* Where the areas of a queue are that is served. */
static inline struct virtio_areas *virtio_areas(const struct model_context *context, uint32_t queue)
{
	struct virtio_cache *cache = context->cache;

	return &cache->areas[queue % VIRTIO_QUEUES];
}

/* What the driver asks for makes no sense: the device stands still until it is reset (section 2.1.2). */
void virtio_break(struct virtio_registers *virtio);

/* Takes the next chain. False: there is none (or the guest's ring was nonsense: the device needs a reset then, and says so). */
__attribute__((warn_unused_result)) bool virtio_take(struct virtio_registers *virtio,
	const struct model_context *context, uint32_t queue, struct virtio_chain *chain);

/* Gives a chain back, into which `length` bytes were written: virtio_queue_push(), and the driver hears of it before other VMs go on, for somebody may wait for it. */
static inline void virtio_give(struct virtio_registers *virtio, const struct model_context *context,
	uint32_t queue, uint16_t head, uint32_t length)
{
	virtio_queue_push(&virtio->queue[queue], virtio_areas(context, queue), head, length);
	virtio->queue[queue].prompt = 1;
}

/* The device configuration has changed. */
void virtio_config_changed(struct virtio_registers *virtio);

/* ---- The model's functions ---- */

uint64_t virtio_read(void *registers, const struct model_context *context, const struct model_access *access);
void virtio_write(void *registers, const struct model_context *context, const struct model_access *access);
void virtio_event(void *registers, const struct model_context *context, uint64_t bits);
const char *virtio_power_on(void *registers, const struct model_context *context);
uint32_t virtio_publish(
	const void *registers, const struct model_context *context, uint64_t scratch[MODEL_SCRATCH_WORDS]);

#define VIRTIO_MODEL(model_name, model_identity, type, virtio_device)                                        \
	.name = (model_name), .identity = (model_identity), .register_bytes = sizeof(type), .line_count = 1, \
	.region_count = 1, .regions = { { .size = VIRTIO_PCI_REGION_SIZE, .width = 4 } },                    \
	.has_memory = true, .device = &(virtio_device), .reset = virtio_power_on, .read = virtio_read,       \
	.write = virtio_write, .event = virtio_event, .publish = virtio_publish
