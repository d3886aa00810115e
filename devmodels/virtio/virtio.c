/* SPDX-License-Identifier: MIT */
/* virtio's PCI transport: see virtio.h. Touches the registers that it is given and, through queue.c, guest memory. */
#include "virtio/virtio.h"

#include <stddef.h>

/* Common configuration (section 4.1.4.3). */
enum {
	COMMON_DEVICE_FEATURE_SELECT = 0x00,
	COMMON_DEVICE_FEATURE = 0x04,
	COMMON_DRIVER_FEATURE_SELECT = 0x08,
	COMMON_DRIVER_FEATURE = 0x0c,
	COMMON_CONFIG_VECTOR = 0x10,
	COMMON_QUEUES = 0x12,
	COMMON_STATUS = 0x14,
	COMMON_GENERATION = 0x15,
	COMMON_QUEUE_SELECT = 0x16,
	COMMON_QUEUE_SIZE = 0x18,
	COMMON_QUEUE_VECTOR = 0x1a,
	COMMON_QUEUE_ENABLE = 0x1c,
	COMMON_QUEUE_NOTIFY_OFFSET = 0x1e,
	COMMON_QUEUE_DESCRIPTORS = 0x20,
	COMMON_QUEUE_DRIVER = 0x28,
	COMMON_QUEUE_DEVICE = 0x30,
	COMMON_END = 0x38,
};

enum { INTERRUPT_QUEUE = 1, INTERRUPT_CONFIG = 2 };

#define SERVE_PASSES 4u  /* of one queue in one event, while the guest adds to it */
#define SOON UINT64_C(1) /* a deadline that has passed */
#define EVENT_ALL_QUEUES (((UINT64_C(1) << VIRTIO_QUEUES) - 1) * MODEL_EVENT_DOORBELL(0))

/* Words of the scratch: one for each queue (the index that was shown last, two flags, and from bit 32 on the index up to which interrupts were
 * decided about), one for the configuration, and the deadline of the interrupts that wait. */
#define SCRATCH_KNOWN (UINT32_C(1) << 16)
#define SCRATCH_WAITS (UINT32_C(1) << 17) /* an interrupt */
#define SCRATCH_CONFIG_KNOWN (UINT64_C(1) << 32)
enum { SCRATCH_CONFIG = VIRTIO_QUEUES, SCRATCH_DEADLINE };

static const struct virtio_device *device_of(const struct model_context *context)
{
	return context->model->device;
}

static bool is_moderated(const struct model_context *context, uint32_t queue)
{
	return (device_of(context)->moderated >> queue & 1) != 0;
}

static uint64_t offered(const struct virtio_registers *virtio, const struct virtio_device *device)
{
	uint64_t more = device->more_features != NULL ? device->more_features(virtio) : 0;

	return more | device->features | VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX;
}

/* The queue that the driver has selected; NULL for one that there is not. */
static struct virtio_queue *selected(struct virtio_registers *virtio, const struct virtio_device *device)
{
	return virtio->queue_select < device->queue_count && virtio->queue_select < VIRTIO_QUEUES
		       ? &virtio->queue[virtio->queue_select]
		       : NULL;
}

/* ---- Interrupts ---- */

static void interrupt(struct virtio_registers *virtio, uint8_t cause)
{
	virtio->interrupt_status |= cause;
	model_line_set(&virtio->outputs, VIRTIO_PCI_LINE_INTX, true);
}

static uint8_t take_interrupt_status(struct virtio_registers *virtio)
{
	uint8_t status = virtio->interrupt_status;

	virtio->interrupt_status = 0;
	model_line_set(&virtio->outputs, VIRTIO_PCI_LINE_INTX, false);
	return status;
}

void virtio_config_changed(struct virtio_registers *virtio)
{
	virtio->config_generation++;
	virtio->config_changes++;
	interrupt(virtio, INTERRUPT_CONFIG);
}

void virtio_break(struct virtio_registers *virtio)
{
	if ((virtio->status & VIRTIO_STATUS_NEEDS_RESET) != 0) {
		return;
	}
	virtio->status |= VIRTIO_STATUS_NEEDS_RESET;
	if ((virtio->status & VIRTIO_STATUS_DRIVER_OK) != 0) {
		virtio->config_changes++;
		interrupt(virtio, INTERRUPT_CONFIG);
	}
}

/* ---- Reset ---- */

/* What every reset leaves; the edges that the line has had stay counted. */
static void clear(struct virtio_registers *virtio, const struct model_context *context)
{
	const struct virtio_device *device = device_of(context);
	struct virtio_registers fresh = {
		.outputs = virtio->outputs,
		.config_changes = virtio->config_changes,
		.config_seen = virtio->config_seen,
		.config_generation = virtio->config_generation,
		.config_vector = VIRTIO_NO_VECTOR,
		.resetting = virtio->resetting,
	};

	for (uint32_t i = 0; i < VIRTIO_QUEUES && i < device->queue_count; i++) {
		fresh.queue[i].size = device->queue_size[i];
		fresh.queue[i].vector = VIRTIO_NO_VECTOR;
		virtio_areas(context, i)->size = 0;
	}
	*virtio = fresh;
	(void)take_interrupt_status(virtio);
}

/* Goes on with a reset that the driver has asked for. */
static void try_reset(struct virtio_registers *virtio, const struct model_context *context)
{
	const struct virtio_device *device = device_of(context);

	virtio->resetting = device->reset != NULL && !device->reset(virtio, context);
}

const char *virtio_power_on(void *registers, const struct model_context *context)
{
	const struct virtio_device *device = device_of(context);

	clear(registers, context);
	return device->power_on != NULL ? device->power_on(registers, context) : NULL;
}

/* ---- Reading ---- */

static uint64_t queue_field(const struct virtio_queue *queue, uint32_t number, uint32_t field)
{
	if (queue == NULL) {
		return field == COMMON_QUEUE_VECTOR ? VIRTIO_NO_VECTOR : 0;
	}
	switch (field) {
	case COMMON_QUEUE_SIZE:
		return queue->size;
	case COMMON_QUEUE_VECTOR:
		return queue->vector;
	case COMMON_QUEUE_ENABLE:
		return queue->enabled;
	case COMMON_QUEUE_NOTIFY_OFFSET:
		return number;
	case COMMON_QUEUE_DESCRIPTORS:
		return queue->descriptors;
	case COMMON_QUEUE_DRIVER:
		return queue->driver;
	default:
		return queue->device;
	}
}

static uint32_t feature_word(uint64_t features, uint32_t select)
{
	return select < 2 ? (uint32_t)(features >> (32 * select)) : 0;
}

/* The field that begins at `field`. */
static uint64_t common_field(
	struct virtio_registers *virtio, const struct virtio_device *device, uint32_t field)
{
	switch (field) {
	case COMMON_DEVICE_FEATURE_SELECT:
		return virtio->device_feature_select;
	case COMMON_DEVICE_FEATURE:
		return feature_word(offered(virtio, device), virtio->device_feature_select);
	case COMMON_DRIVER_FEATURE_SELECT:
		return virtio->driver_feature_select;
	case COMMON_DRIVER_FEATURE:
		return feature_word(virtio->driver_features, virtio->driver_feature_select);
	case COMMON_CONFIG_VECTOR:
		return virtio->config_vector;
	case COMMON_QUEUES:
		return device->queue_count;
	case COMMON_STATUS:
		/* A driver waits until it reads 0 (section 4.1.4.3.2). */
		return virtio->resetting != 0 ? VIRTIO_STATUS_FAILED : virtio->status;
	case COMMON_GENERATION:
		return virtio->config_generation;
	case COMMON_QUEUE_SELECT:
		return virtio->queue_select;
	default:
		return queue_field(selected(virtio, device), virtio->queue_select, field);
	}
}

/* Where the field begins that has the byte at `offset`, and its bytes. */
static uint32_t field_at(uint32_t offset, uint32_t *width)
{
	if (offset < COMMON_CONFIG_VECTOR) {
		*width = 4;
	} else if (offset >= COMMON_QUEUE_DESCRIPTORS) {
		*width = 8;
	} else {
		*width = offset == COMMON_STATUS || offset == COMMON_GENERATION ? 1 : 2;
	}
	return offset & ~(*width - 1);
}

static uint8_t common_byte(
	struct virtio_registers *virtio, const struct virtio_device *device, uint32_t offset)
{
	uint32_t width;
	uint32_t field;

	if (offset >= COMMON_END) {
		return 0;
	}
	field = field_at(offset, &width);
	return (uint8_t)(common_field(virtio, device, field) >> (8 * (offset - field)));
}

static uint64_t read_config(
	const void *registers, const struct model_context *context, uint32_t offset, uint32_t width)
{
	const struct virtio_device *device = device_of(context);
	uint8_t bytes[VIRTIO_PCI_CONFIG_SIZE] = { 0 };
	uint64_t value = 0;

	if (device->config_size == 0 || device->config_size > sizeof(bytes)) {
		return 0;
	}
	device->config(registers, context, bytes);
	for (uint32_t i = 0; i < width && offset + i < device->config_size; i++) {
		value |= (uint64_t)bytes[offset + i] << (8 * i);
	}
	return value;
}

uint64_t virtio_read(void *registers, const struct model_context *context, const struct model_access *access)
{
	struct virtio_registers *virtio = registers;
	uint32_t offset = access->offset;
	uint64_t value = 0;

	if (offset >= VIRTIO_PCI_CONFIG) {
		virtio->config_seen = virtio->config_changes;
		return read_config(registers, context, offset - VIRTIO_PCI_CONFIG, access->width);
	}
	if (offset >= VIRTIO_PCI_ISR) {
		return offset == VIRTIO_PCI_ISR ? take_interrupt_status(virtio) : 0;
	}
	for (uint32_t i = 0; i < access->width; i++) {
		value |= (uint64_t)common_byte(virtio, device_of(context), offset + i) << (8 * i);
	}
	return value;
}

/* ---- Writing ---- */

static void write_status(struct virtio_registers *virtio, const struct model_context *context, uint8_t status)
{
	const struct virtio_device *device = device_of(context);
	bool starts;

	if (status == 0) {
		clear(virtio, context);
		try_reset(virtio, context);
		return;
	}
	if (virtio->resetting != 0) {
		return;
	}
	/* Refused features: the bit does not come up (section 3.1.1, step 5). */
	if ((status & VIRTIO_STATUS_FEATURES_OK) != 0 &&
		((virtio->driver_features & ~offered(virtio, device)) != 0 ||
			!virtio_has(virtio, VIRTIO_F_VERSION_1))) {
		status = (uint8_t)(status & ~VIRTIO_STATUS_FEATURES_OK);
	}
	/* No driver runs that has not agreed; bits only come, and NEEDS_RESET is the device's. */
	if (((virtio->status | status) & VIRTIO_STATUS_FEATURES_OK) == 0) {
		status = (uint8_t)(status & ~VIRTIO_STATUS_DRIVER_OK);
	}
	starts = (status & ~virtio->status & VIRTIO_STATUS_DRIVER_OK) != 0;
	virtio->status |= (uint8_t)(status & ~VIRTIO_STATUS_NEEDS_RESET);
	if (starts) {
		/* What has waited for a driver: bytes that were typed, say. */
		virtio_event(virtio, context, EVENT_ALL_QUEUES);
	}
}

static void write_driver_features(struct virtio_registers *virtio, uint32_t value)
{
	uint32_t shift = 32 * (virtio->driver_feature_select & 1);

	if (virtio->driver_feature_select < 2 && (virtio->status & VIRTIO_STATUS_FEATURES_OK) == 0) {
		virtio->driver_features &= ~(UINT64_C(0xffffffff) << shift);
		virtio->driver_features |= (uint64_t)value << shift;
	}
}

static uint16_t usable_vector(const struct virtio_device *device, uint32_t vector)
{
	return vector < virtio_pci_vectors(device->queue_count) ? (uint16_t)vector : VIRTIO_NO_VECTOR;
}

/* Enables the selected queue. */
static void enable_queue(
	struct virtio_registers *virtio, const struct model_context *context, struct virtio_queue *queue)
{
	/* The driver has to agree on features first (section 3.1.1). */
	if ((virtio->status & VIRTIO_STATUS_FEATURES_OK) == 0) {
		return;
	}
	if (!virtio_queue_open(virtio_areas(context, virtio->queue_select), queue, context->memory)) {
		virtio_break(virtio);
		return;
	}
	queue->event_index = virtio_has(virtio, VIRTIO_F_EVENT_IDX);
	queue->enabled = 1;
	queue->waits = 1; /* until it was served */
}

/* Half (0 low, 1 high) of an address. */
static void write_half(uint64_t *address, uint32_t half, uint32_t value)
{
	*address = half == 0 ? (*address & ~UINT64_C(0xffffffff)) | value
			     : (*address & UINT64_C(0xffffffff)) | (uint64_t)value << 32;
}

/* A register of the selected queue. Of one that is enabled, only its vector changes. */
static void write_queue(
	struct virtio_registers *virtio, const struct model_context *context, uint32_t offset, uint32_t value)
{
	const struct virtio_device *device = device_of(context);
	struct virtio_queue *queue = selected(virtio, device);

	if (queue == NULL) {
		return;
	}
	if (offset == COMMON_QUEUE_VECTOR) {
		queue->vector = usable_vector(device, value);
		return;
	}
	if (queue->enabled != 0) {
		return;
	}
	switch (offset) {
	case COMMON_QUEUE_SIZE:
		if (value != 0 && value <= device->queue_size[virtio->queue_select] &&
			(value & (value - 1)) == 0) {
			queue->size = (uint16_t)value;
		}
		break;
	case COMMON_QUEUE_ENABLE:
		if (value == 1) {
			enable_queue(virtio, context, queue);
		}
		break;
	case COMMON_QUEUE_DESCRIPTORS:
	case COMMON_QUEUE_DESCRIPTORS + 4:
		write_half(&queue->descriptors, offset >> 2 & 1, value);
		break;
	case COMMON_QUEUE_DRIVER:
	case COMMON_QUEUE_DRIVER + 4:
		write_half(&queue->driver, offset >> 2 & 1, value);
		break;
	case COMMON_QUEUE_DEVICE:
	case COMMON_QUEUE_DEVICE + 4:
		write_half(&queue->device, offset >> 2 & 1, value);
		break;
	default:
		break;
	}
}

static void write_common(
	struct virtio_registers *virtio, const struct model_context *context, uint32_t offset, uint32_t value)
{
	switch (offset) {
	case COMMON_DEVICE_FEATURE_SELECT:
		virtio->device_feature_select = value;
		break;
	case COMMON_DRIVER_FEATURE_SELECT:
		virtio->driver_feature_select = value;
		break;
	case COMMON_DRIVER_FEATURE:
		write_driver_features(virtio, value);
		break;
	case COMMON_CONFIG_VECTOR:
		virtio->config_vector = usable_vector(device_of(context), value);
		break;
	case COMMON_STATUS:
		write_status(virtio, context, (uint8_t)value);
		break;
	case COMMON_QUEUE_SELECT:
		virtio->queue_select = (uint16_t)value;
		break;
	default:
		write_queue(virtio, context, offset, value);
		break;
	}
}

void virtio_write(void *registers, const struct model_context *context, const struct model_access *access)
{
	const struct virtio_device *device = device_of(context);
	uint32_t width;

	if (access->offset >= VIRTIO_PCI_CONFIG) {
		uint32_t offset = access->offset - VIRTIO_PCI_CONFIG;

		if (device->config_write != NULL && offset < device->config_size &&
			access->width <= device->config_size - offset) {
			device->config_write(
				registers, context, offset, access->width, (uint32_t)access->value);
		}
		return;
	}
	if (access->offset >= COMMON_END) {
		return;
	}
	/* A driver writes a field in its own width; one of 64 bits as two of 32 (section 4.1.3.1). */
	(void)field_at(access->offset, &width);
	width = width == 8 ? 4 : width;
	if (access->width == width && access->offset % width == 0) {
		write_common(registers, context, access->offset, (uint32_t)access->value);
	}
}

/* ---- Queues ---- */

/* The areas of an enabled queue. NULL: it can't be used, as only registers of a former process can say. */
static const struct virtio_areas *open_areas(
	const struct virtio_queue *queue, const struct model_context *context, uint32_t number)
{
	struct virtio_areas *areas = virtio_areas(context, number);

	return areas->size != 0 || virtio_queue_open(areas, queue, context->memory) ? areas : NULL;
}

/* Whether that queue may be used: the driver runs, the queue is enabled, nothing is broken. */
static bool runs(const struct virtio_registers *virtio, uint32_t queue)
{
	return (virtio->status & (VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_NEEDS_RESET |
					 VIRTIO_STATUS_FAILED)) == VIRTIO_STATUS_DRIVER_OK &&
	       virtio->queue[queue].enabled != 0;
}

bool virtio_take(struct virtio_registers *virtio, const struct model_context *context, uint32_t queue,
	struct virtio_chain *chain)
{
	enum virtio_pop found;

	if (!runs(virtio, queue)) {
		return false;
	}
	found = virtio_queue_pop(&virtio->queue[queue], virtio_areas(context, queue), context->memory, chain);
	if (found == VIRTIO_POP_BROKEN) {
		virtio_break(virtio);
	}
	return found == VIRTIO_POP_CHAIN;
}

/* Takes and gives until the queue has asked the guest to notify, waits for something else, or has had enough. True: the last. */
static bool serve_passes(struct virtio_registers *virtio, const struct model_context *context,
	const struct virtio_areas *areas, uint32_t number)
{
	const struct virtio_device *device = device_of(context);
	struct virtio_queue *queue = &virtio->queue[number];

	queue->waits = 1;
	for (uint32_t pass = 0; pass < SERVE_PASSES; pass++) {
		enum virtio_served served = device->serve(virtio, context, number);

		if (served != VIRTIO_SERVED_EMPTY) {
			return served == VIRTIO_SERVED_MORE;
		}
		if (!runs(virtio, number) || !virtio_queue_wait(queue, areas)) {
			/* For the guest alone, unless chains are in flight. */
			queue->waits = device->keeps_chains;
			return false;
		}
	}
	return true;
}

/* Serves a queue that runs. The timer is for what is left of it, and for interrupts that wait: all of those that are committed under one
 * deadline are due with it. */
static void serve(struct virtio_registers *virtio, const struct model_context *context, uint32_t number)
{
	struct virtio_queue *queue = &virtio->queue[number];
	const struct virtio_areas *areas = open_areas(queue, context, number);
	uint16_t before = queue->next_used;

	if (areas == NULL) {
		virtio_break(virtio);
		return;
	}
	queue->prompt = 0;
	if (serve_passes(virtio, context, areas, number)) {
		virtio->outputs.deadline = SOON;
	}
	if (queue->next_used == before) {
		return;
	}
	interrupt(virtio, INTERRUPT_QUEUE);
	if (is_moderated(context, number) && virtio->outputs.deadline == 0) {
		virtio->outputs.deadline = environment_clock_ns(context->environment) + VIRTIO_MODERATION_NS;
	}
}

void virtio_event(void *registers, const struct model_context *context, uint64_t bits)
{
	struct virtio_registers *virtio = registers;

	if ((bits & MODEL_EVENT_TIMER) != 0) {
		virtio->outputs.deadline = 0;
		bits |= EVENT_ALL_QUEUES;
	}
	if (virtio->resetting != 0) {
		try_reset(virtio, context);
	}
	for (uint32_t i = 0; i < VIRTIO_QUEUES && i < device_of(context)->queue_count; i++) {
		bool is_due = (bits & MODEL_EVENT_DOORBELL(i)) != 0 ||
			      ((bits & MODEL_EVENT_CONSOLE) != 0 && virtio->queue[i].waits != 0);

		if (is_due && runs(virtio, i)) {
			serve(virtio, context, i);
		}
	}
}

/* ---- After the commit ---- */

static uint32_t pulse_of(uint16_t vector)
{
	return vector < VIRTIO_PCI_VECTORS ? UINT32_C(1) << (VIRTIO_PCI_LINE_VECTOR + vector) : 0;
}

/* What the process knows of a queue: a word of the scratch. */
static uint64_t known(uint16_t shown, uint16_t told, uint32_t waits)
{
	return (uint64_t)told << 32 | waits | SCRATCH_KNOWN | shown;
}

/* Shows what was given back. True: the interrupt of the queue is due now. That of a moderated one may wait until the deadline, and is decided
 * about anew then: the driver says by its event index whether it still wants it. A process that does not know what was shown tells once too
 * often. */
static bool publish_queue(const struct virtio_registers *virtio, const struct model_context *context,
	uint32_t number, uint64_t scratch[MODEL_SCRATCH_WORDS])
{
	const struct virtio_queue *queue = &virtio->queue[number];
	uint64_t word = scratch[number];
	uint16_t next = queue->next_used;
	uint16_t told = (uint16_t)(word >> 32);
	uint64_t deadline = is_moderated(context, number) ? virtio->outputs.deadline : 0;
	bool waits = (word & SCRATCH_WAITS) != 0;
	bool is_late = waits && deadline != scratch[SCRATCH_DEADLINE];
	const struct virtio_areas *areas;

	if (queue->enabled == 0) {
		scratch[number] = known(0, 0, 0); /* where it starts */
		return false;
	}
	if (waits && !is_late && (uint16_t)word == next) {
		return false;
	}
	scratch[number] = known(next, next, 0);
	areas = open_areas(queue, context, number);
	if (areas == NULL || (!virtio_queue_publish(queue, areas, told) && (word & SCRATCH_KNOWN) != 0)) {
		return false;
	}
	if (deadline > SOON && !is_late && (word & SCRATCH_KNOWN) != 0 &&
		(uint16_t)(next - told) < VIRTIO_MODERATION_CHAINS) {
		scratch[SCRATCH_DEADLINE] = deadline;
		scratch[number] = known(next, told, SCRATCH_WAITS);
		return false;
	}
	return true;
}

uint32_t virtio_publish(
	const void *registers, const struct model_context *context, uint64_t scratch[MODEL_SCRATCH_WORDS])
{
	const struct virtio_registers *virtio = registers;
	uint32_t pulses = 0;
	bool is_prompt = false;

	for (uint32_t i = 0; i < VIRTIO_QUEUES; i++) {
		const struct virtio_queue *queue = &virtio->queue[i];

		/* Mostly nothing is new, and no interrupt waits. */
		if ((uint32_t)scratch[i] != (SCRATCH_KNOWN | queue->next_used) &&
			publish_queue(virtio, context, i, scratch)) {
			pulses |= pulse_of(queue->vector);
			is_prompt |= queue->prompt != 0 && !is_moderated(context, i);
		}
	}
	/* A change that the driver has seen needs no second telling: Linux would note it as another one. */
	if (scratch[SCRATCH_CONFIG] != (SCRATCH_CONFIG_KNOWN | virtio->config_changes)) {
		bool is_known = scratch[SCRATCH_CONFIG] != 0;

		scratch[SCRATCH_CONFIG] = SCRATCH_CONFIG_KNOWN | virtio->config_changes;
		if (is_known || virtio->config_seen != virtio->config_changes) {
			pulses |= pulse_of(virtio->config_vector);
			is_prompt = true;
		}
	}
	return is_prompt ? pulses : pulses | MODEL_PUBLISH_PATIENT;
}
