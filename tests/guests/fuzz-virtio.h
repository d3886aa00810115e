/* SPDX-License-Identifier: MIT */
/* A hostile virtio driver, for fuzz-devices: finds the virtio functions on the PCI bus, whatever their type, by their capabilities (virtio 1.2 section
 * 4.1.4), and gives them rings that make no sense. All that a device could write to lies in the last pages of RAM, or outside of RAM: so what it does
 * harms nothing that the guest keeps. Every access counts. */
#pragma once
#include "guest.h"

static uint64_t any(void);
static uint64_t any_value(void);
static uint32_t below(uint32_t limit);
static bool chance(uint32_t percent);

enum {
	FUZZ_FUNCTIONS = 8,
	FUZZ_QUEUES = 4, /* of a function; more are left alone */
	FUZZ_ENTRIES = 64,
	FUZZ_POLLS = 100000,
	FUZZ_BUFFERS = 0x2000,      /* the last bytes of RAM */
	FUZZ_QUEUE_MEMORY = 0x1000, /* descriptors, 1 KiB; available ring; used ring; an indirect table */
	FUZZ_AVAILABLE = 0x400,
	FUZZ_USED = 0x600,
	FUZZ_INDIRECT = 0xa00,
};

enum { DESCRIPTOR_NEXT = 1, DESCRIPTOR_WRITE = 2, DESCRIPTOR_INDIRECT = 4 };
enum { VIRTIO_NEEDS_RESET = 64, VIRTIO_RUNS = 1 | 2 | 4 | 8 };

/* struct virtio_pci_common_cfg, section 4.1.4.3. */
enum {
	COMMON_FEATURE_SELECT = 0x00,
	COMMON_FEATURES = 0x04,
	COMMON_DRIVER_SELECT = 0x08,
	COMMON_DRIVER_FEATURES = 0x0c,
	COMMON_QUEUES = 0x12,
	COMMON_STATUS = 0x14,
	COMMON_QUEUE_SELECT = 0x16,
	COMMON_QUEUE_SIZE = 0x18,
	COMMON_QUEUE_ENABLE = 0x1c,
	COMMON_QUEUE_NOTIFY = 0x1e,
	COMMON_QUEUE_ADDRESSES = 0x20,
	COMMON_BYTES = 0x38,
};

struct fuzz_descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t flags, next;
};

struct fuzz_queue {
	uint16_t size, offered; /* as the driver believes */
	uint32_t doorbell;      /* offset in the notification structure */
	volatile struct fuzz_descriptor *table;
	volatile uint16_t *available, *used; /* flags, index, entries */
	volatile struct fuzz_descriptor *indirect;
};

struct fuzz_function {
	uint32_t address; /* of its configuration space, for port CF8h */
	uint16_t type;
	uint32_t bars[6], command;
	uint64_t common, config, notify; /* guest-physical; ports below 64 KiB */
	uint32_t multiplier, config_bytes;
	uint32_t queue_count;
	struct fuzz_queue queue[FUZZ_QUEUES];
};

static struct fuzz_function fuzz_function[FUZZ_FUNCTIONS];
static uint32_t fuzz_functions;
static uint64_t virtio_accesses, virtio_resets, virtio_broken, virtio_used, virtio_stuck, virtio_wrong;

/* --- registers --- */

static uint32_t pci_read(const struct fuzz_function *function, uint32_t offset)
{
	virtio_accesses++;
	outl(0xcf8, function->address | (offset & 0xfc));
	return inl(0xcfc) >> (offset & 3) * 8;
}

static void pci_write(const struct fuzz_function *function, uint32_t offset, uint32_t value)
{
	virtio_accesses++;
	outl(0xcf8, function->address | (offset & 0xfc));
	outl(0xcfc, value);
}

static uint32_t register_read(uint64_t place, unsigned width)
{
	volatile uint8_t *at = map_window(place & ~0x1fffffull) + (place & 0x1fffff);

	virtio_accesses++;
	return width == 1 ? *at : width == 2 ? *(volatile uint16_t *)at : *(volatile uint32_t *)at;
}

static void register_write(uint64_t place, unsigned width, uint32_t value)
{
	volatile uint8_t *at;

	virtio_accesses++;
	if (place < 0x10000) {
		if (width == 2)
			outw((uint16_t)place, (uint16_t)value);
		else
			outl((uint16_t)place, value);
		return;
	}
	at = map_window(place & ~0x1fffffull) + (place & 0x1fffff);
	if (width == 1)
		*at = (uint8_t)value;
	else if (width == 2)
		*(volatile uint16_t *)at = (uint16_t)value;
	else
		*(volatile uint32_t *)at = value;
}

static void write_address(uint64_t place, uint64_t address)
{
	register_write(place, 4, (uint32_t)address);
	register_write(place + 4, 4, (uint32_t)(address >> 32));
}

static uint8_t status_of(const struct fuzz_function *function)
{
	return (uint8_t)register_read(function->common + COMMON_STATUS, 1);
}

/* --- finding them --- */

static void read_capability(struct fuzz_function *function, uint32_t at)
{
	uint32_t word = pci_read(function, at), bar = pci_read(function, at + 4) & 0xff;
	uint32_t offset = pci_read(function, at + 8);
	uint64_t base;

	if ((word & 0xff) != 9 || bar >= 6)
		return;
	base = function->bars[bar];
	base = (base & 1 ? base & 0xfffc : base & ~0xfu) + offset;
	switch (word >> 24) {
	case 1:
		function->common = base;
		break;
	case 2: /* the first is the one that the device likes best */
		if (function->notify == 0) {
			function->notify = base;
			function->multiplier = pci_read(function, at + 16);
		}
		break;
	case 4:
		function->config = base;
		function->config_bytes = pci_read(function, at + 12);
		break;
	default:
		break;
	}
}

/* Where its rings stand: pages below the buffers. */
static void place_queues(struct fuzz_function *function, uint64_t end)
{
	uint64_t place = end - FUZZ_BUFFERS - (fuzz_functions + 1ull) * FUZZ_QUEUES * FUZZ_QUEUE_MEMORY;

	for (uint32_t i = 0; i < FUZZ_QUEUES; i++, place += FUZZ_QUEUE_MEMORY) {
		struct fuzz_queue *queue = &function->queue[i];

		queue->table = (volatile struct fuzz_descriptor *)place;
		queue->available = (volatile uint16_t *)(place + FUZZ_AVAILABLE);
		queue->used = (volatile uint16_t *)(place + FUZZ_USED);
		queue->indirect = (volatile struct fuzz_descriptor *)(place + FUZZ_INDIRECT);
	}
}

static void fuzz_find(uint64_t end)
{
	for (uint32_t slot = 0; slot < 32 && fuzz_functions < FUZZ_FUNCTIONS; slot++) {
		struct fuzz_function *function = &fuzz_function[fuzz_functions];
		uint32_t identity, at;

		*function = (struct fuzz_function){ .address = 0x80000000u | slot << 11 };
		identity = pci_read(function, 0);
		if ((identity & 0xffff) != 0x1af4)
			continue;
		function->type = (uint16_t)((identity >> 16) - 0x1040);
		for (uint32_t bar = 0; bar < 6; bar++)
			function->bars[bar] = pci_read(function, 0x10 + 4 * bar);
		function->command = 7; /* ports, memory, DMA */
		at = pci_read(function, 0x34) & 0xfc;
		for (uint32_t i = 0; at >= 0x40 && i < 48; i++) {
			read_capability(function, at);
			at = pci_read(function, at + 1) & 0xfc;
		}
		if (function->common == 0 || function->notify == 0)
			continue;
		place_queues(function, end);
		fuzz_functions++;
	}
}

/* --- an honest driver's steps --- */

/* Puts what random writes to configuration space have moved back to its place. */
static void restore(const struct fuzz_function *function)
{
	for (uint32_t bar = 0; bar < 6; bar++)
		pci_write(function, 0x10 + 4 * bar, function->bars[bar]);
	pci_write(function, 4, function->command);
}

/* Section 4.1.4.3.2: behind the reset the status reads 0. */
static bool reset(const struct fuzz_function *function)
{
	register_write(function->common + COMMON_STATUS, 1, 0);
	for (uint32_t i = 0; i < FUZZ_POLLS; i++) {
		if (status_of(function) == 0) {
			virtio_resets++;
			return true;
		}
	}
	virtio_stuck++;
	return false;
}

static uint64_t offered_features(const struct fuzz_function *function)
{
	uint64_t features;

	register_write(function->common + COMMON_FEATURE_SELECT, 4, 0);
	features = register_read(function->common + COMMON_FEATURES, 4);
	register_write(function->common + COMMON_FEATURE_SELECT, 4, 1);
	return features | (uint64_t)register_read(function->common + COMMON_FEATURES, 4) << 32;
}

static void open_queue(struct fuzz_function *function, uint32_t number, uint16_t size)
{
	struct fuzz_queue *queue = &function->queue[number];
	uint64_t addresses = function->common + COMMON_QUEUE_ADDRESSES;
	uint16_t most;

	register_write(function->common + COMMON_QUEUE_SELECT, 2, number);
	most = (uint16_t)register_read(function->common + COMMON_QUEUE_SIZE, 2);
	queue->size = size < most ? size : most;
	queue->offered = 0;
	queue->doorbell = register_read(function->common + COMMON_QUEUE_NOTIFY, 2) * function->multiplier;
	register_write(function->common + COMMON_QUEUE_SIZE, 2, queue->size);
	queue->available[0] = queue->available[1] = 0;
	queue->used[0] = queue->used[1] = 0;
	write_address(addresses, (uintptr_t)queue->table);
	write_address(addresses + 8, (uintptr_t)queue->available);
	write_address(addresses + 16, (uintptr_t)queue->used);
	register_write(function->common + COMMON_QUEUE_ENABLE, 2, 1);
}

/* From whatever it is in to a device that runs. False: it does not come back. */
static bool start(struct fuzz_function *function, uint64_t features, uint16_t size)
{
	restore(function);
	if (!reset(function))
		return false;
	features = (features & offered_features(function)) | 1ull << 32;
	register_write(function->common + COMMON_STATUS, 1, 1 | 2);
	for (uint32_t half = 0; half < 2; half++) {
		register_write(function->common + COMMON_DRIVER_SELECT, 4, half);
		register_write(
			function->common + COMMON_DRIVER_FEATURES, 4, (uint32_t)(features >> 32 * half));
	}
	register_write(function->common + COMMON_STATUS, 1, 1 | 2 | 8);
	function->queue_count = register_read(function->common + COMMON_QUEUES, 2);
	if (function->queue_count > FUZZ_QUEUES)
		function->queue_count = FUZZ_QUEUES;
	for (uint32_t i = 0; i < function->queue_count; i++)
		open_queue(function, i, size);
	register_write(function->common + COMMON_STATUS, 1, VIRTIO_RUNS);
	return status_of(function) == VIRTIO_RUNS;
}

static void ring(const struct fuzz_function *function, uint32_t number)
{
	register_write(function->notify + function->queue[number].doorbell, 2, number);
}

static void offer(struct fuzz_queue *queue, uint16_t head)
{
	queue->available[2 + queue->offered % FUZZ_ENTRIES % (queue->size ? queue->size : 1)] = head;
	__asm__ volatile("" ::: "memory");
	queue->available[1] = ++queue->offered;
	virtio_accesses++;
}

/* --- rings that make no sense --- */

enum hostile_ring {
	VALID_CHAIN,
	SELF_LINKED_CHAIN,
	NEXT_OUTSIDE,
	HEAD_OUTSIDE,
	BUFFER_OUTSIDE,
	BUFFER_WRAPS,
	LENGTH_ABSURD,
	INDIRECT_IN_INDIRECT,
	INDIRECT_WITH_NEXT,
	INDIRECT_ABSURD_LENGTH,
	INDIRECT_EMPTY,
	INDIRECT_SELF_LINKED,
	INDIRECT_OUTSIDE,
	READABLE_AFTER_WRITABLE,
	INDEX_TOO_FAR,
	INDEX_GOES_BACK,
	ANYTHING,
	HOSTILE_RINGS
};

static uint64_t fuzz_end; /* of RAM */

static struct fuzz_descriptor any_descriptor(void)
{
	uint32_t bytes = chance(80) ? 1 + below(64) : 1 + below(FUZZ_BUFFERS);

	return (struct fuzz_descriptor){ fuzz_end - bytes - below(FUZZ_BUFFERS - bytes + 1), bytes,
		chance(50) ? DESCRIPTOR_WRITE : 0, (uint16_t)below(FUZZ_ENTRIES) };
}

/* A device may write there: in the last pages, or where there is no RAM, or wrapping. */
static uint64_t any_buffer(void)
{
	switch (below(4)) {
	case 0:
		return fuzz_end + (any_value() & ~(1ull << 63));
	case 1:
		return 0 - (uint64_t)below(FUZZ_BUFFERS);
	case 2:
		return 1ull << (32 + below(32));
	default:
		return fuzz_end - 1 - below(FUZZ_BUFFERS);
	}
}

static void describe(volatile struct fuzz_descriptor *at, struct fuzz_descriptor what)
{
	at->address = what.address;
	at->length = what.length;
	at->flags = what.flags;
	at->next = what.next;
}

static void put_indirect(struct fuzz_queue *queue, uint32_t bytes, uint16_t flags)
{
	describe(&queue->table[0], (struct fuzz_descriptor){ (uintptr_t)queue->indirect, bytes,
					   (uint16_t)(DESCRIPTOR_INDIRECT | flags), 1 });
}

static void put_anything(struct fuzz_queue *queue)
{
	for (uint32_t i = 0; i < FUZZ_ENTRIES; i++) {
		struct fuzz_descriptor descriptor = any_descriptor();

		if (chance(20)) {
			descriptor.address = any_buffer();
			descriptor.length = (uint32_t)any_value();
		}
		if (chance(60))
			descriptor.flags |= DESCRIPTOR_NEXT;
		if (chance(10))
			descriptor.flags = (uint16_t)any_value();
		/* A table stands anywhere, and what is in it would be an address anywhere: so only where the tables are. */
		if (descriptor.flags & DESCRIPTOR_INDIRECT) {
			descriptor.address = (uintptr_t)queue->indirect;
			descriptor.length = chance(50) ? 16 * below(8) : (uint32_t)any_value();
		}
		describe(&queue->table[i], descriptor);
		if (i < 16)
			describe(&queue->indirect[i], descriptor);
	}
}

static uint16_t put_hostile(struct fuzz_queue *queue, enum hostile_ring kind)
{
	struct fuzz_descriptor first = any_descriptor();

	for (uint32_t i = 0; i < 16; i++)
		describe(&queue->indirect[i], any_descriptor());
	describe(&queue->table[1], any_descriptor());
	switch (kind) {
	case SELF_LINKED_CHAIN:
		first.flags |= DESCRIPTOR_NEXT;
		first.next = 0;
		break;
	case NEXT_OUTSIDE:
		first.flags |= DESCRIPTOR_NEXT;
		first.next = (uint16_t)(queue->size + below(1000));
		break;
	case BUFFER_OUTSIDE:
		first.address = fuzz_end + (any_value() & ~(1ull << 63));
		break;
	case BUFFER_WRAPS:
		first.address = 0 - (uint64_t)below(FUZZ_BUFFERS);
		first.length = (uint32_t)any_value();
		break;
	case LENGTH_ABSURD:
		first.length = 0xffffffff - below(0x100000);
		break;
	case READABLE_AFTER_WRITABLE:
		first.flags = DESCRIPTOR_WRITE | DESCRIPTOR_NEXT;
		first.next = 1;
		queue->table[1].flags = 0;
		break;
	default:
		break;
	}
	describe(&queue->table[0], first);
	return kind == HEAD_OUTSIDE ? (uint16_t)(queue->size + below(1000)) : 0;
}

static void put_hostile_indirect(struct fuzz_queue *queue, enum hostile_ring kind)
{
	switch (kind) {
	case INDIRECT_IN_INDIRECT:
		put_indirect(queue, 16, 0);
		queue->indirect[0].address = (uintptr_t)queue->indirect;
		queue->indirect[0].flags = DESCRIPTOR_INDIRECT;
		break;
	case INDIRECT_WITH_NEXT:
		put_indirect(queue, 16, DESCRIPTOR_NEXT);
		break;
	case INDIRECT_ABSURD_LENGTH:
		put_indirect(queue, 0xfffffff0, 0);
		queue->indirect[0].flags = DESCRIPTOR_NEXT;
		queue->indirect[0].next = 0xffff;
		break;
	case INDIRECT_EMPTY:
		put_indirect(queue, chance(50) ? 0 : below(16), 0);
		break;
	case INDIRECT_SELF_LINKED:
		put_indirect(queue, 16, 0);
		queue->indirect[0].flags = DESCRIPTOR_NEXT;
		queue->indirect[0].next = 0;
		break;
	case INDIRECT_OUTSIDE:
		put_indirect(queue, 16 * (1 + below(8)), 0);
		queue->table[0].address = chance(50) ? fuzz_end - below(16) : 0 - (uint64_t)below(64);
		break;
	default:
		break;
	}
}

/* One ring of that kind, offered and rung for. */
static void hostile(struct fuzz_function *function, enum hostile_ring kind)
{
	uint32_t number = below(function->queue_count);
	struct fuzz_queue *queue = &function->queue[number];
	uint16_t head = put_hostile(queue, kind);

	put_hostile_indirect(queue, kind);
	if (kind == ANYTHING) {
		put_anything(queue);
		head = (uint16_t)below(FUZZ_ENTRIES);
	}
	if (kind == INDEX_TOO_FAR)
		queue->offered = (uint16_t)(queue->offered + queue->size + below(1000));
	if (kind == INDEX_GOES_BACK)
		queue->offered = (uint16_t)(queue->offered - 2 - below(queue->size + 1u));
	offer(queue, head);
	ring(function, number);
	/* What was checked is changed, as early as one processor can. */
	if (chance(30)) {
		put_anything(queue);
		ring(function, number);
	}
}

/* --- registers while it runs --- */

static void any_register(struct fuzz_function *function)
{
	uint32_t offset = chance(80)               ? below(COMMON_BYTES)
			  : function->config_bytes ? 0x200 + below(function->config_bytes + 4)
						   : below(0x1000);
	unsigned width = 1u << below(3);
	uint64_t place = function->common + offset;

	if (chance(40)) {
		(void)register_read(place, width);
		return;
	}
	/* An address of a ring stays outside of what the guest keeps: the halves of one are random on their own. */
	if (offset + width > COMMON_QUEUE_ADDRESSES && offset < COMMON_BYTES) {
		place = function->common + COMMON_QUEUE_ADDRESSES + 8 * below(3);
		write_address(place, any_buffer() & (chance(50) ? ~15ull : ~0ull));
		return;
	}
	register_write(place, width, chance(50) ? below(4) : (uint32_t)any_value());
}

/* Queue registers that a driver may not touch any more. */
static void change_running_queue(struct fuzz_function *function)
{
	register_write(
		function->common + COMMON_QUEUE_SELECT, 2, chance(80) ? below(FUZZ_QUEUES) : (uint32_t)any());
	switch (below(3)) {
	case 0:
		register_write(function->common + COMMON_QUEUE_SIZE, 2, (uint32_t)any_value());
		break;
	case 1:
		register_write(function->common + COMMON_QUEUE_ENABLE, 2, below(3));
		break;
	default:
		write_address(function->common + COMMON_QUEUE_ADDRESSES + 8 * below(3), any_buffer());
		break;
	}
	ring(function, below(function->queue_count));
}

/* --- is it alive? --- */

/* The queue of a type to which a driver gives what is done without anybody else, and a request there: entropy takes room for bytes, a disk reads its
 * first sector, the others take bytes that go out. */
static uint32_t put_honest(struct fuzz_function *function)
{
	enum { TYPE_DISK = 2, TYPE_ENTROPY = 4, SECTOR = 512 };
	uint32_t number = function->type == TYPE_DISK || function->type == TYPE_ENTROPY ? 0 : 1;
	volatile struct fuzz_descriptor *table = function->queue[number].table;
	uint64_t data = fuzz_end - FUZZ_BUFFERS;

	if (function->type != TYPE_DISK) {
		describe(&table[0], (struct fuzz_descriptor){ data, 16,
					    function->type == TYPE_ENTROPY ? DESCRIPTOR_WRITE : 0, 0 });
		return number;
	}
	for (uint32_t i = 0; i < 16; i++)
		((volatile uint8_t *)data)[i] = 0;
	describe(&table[0], (struct fuzz_descriptor){ data, 16, DESCRIPTOR_NEXT, 1 });
	describe(&table[1],
		(struct fuzz_descriptor){ data + SECTOR, SECTOR, DESCRIPTOR_WRITE | DESCRIPTOR_NEXT, 2 });
	describe(&table[2], (struct fuzz_descriptor){ data + 16, 1, DESCRIPTOR_WRITE, 0 });
	return number;
}

static void check_alive(struct fuzz_function *function)
{
	uint32_t number;
	struct fuzz_queue *queue;

	if (!start(function, 0, FUZZ_ENTRIES)) {
		virtio_wrong++;
		return;
	}
	number = put_honest(function);
	queue = &function->queue[number];
	offer(queue, 0);
	ring(function, number);
	for (uint32_t i = 0; i < FUZZ_POLLS && queue->used[1] == 0; i++)
		(void)status_of(function);
	virtio_used += queue->used[1];
	virtio_wrong += queue->used[1] != 1 || status_of(function) != VIRTIO_RUNS;
}

/* All of them, when all else is over. */
static void fuzz_after(void)
{
	for (uint32_t i = 0; i < fuzz_functions; i++)
		restore(&fuzz_function[i]);
	for (uint32_t i = 0; i < fuzz_functions; i++)
		check_alive(&fuzz_function[i]);
}

static void virtio(void)
{
	struct fuzz_function *function;
	uint32_t which = below(100);

	if (fuzz_functions == 0) {
		virtio_accesses++;
		return;
	}
	function = &fuzz_function[below(fuzz_functions)];
	if (function->queue_count == 0 || which < 5) {
		(void)start(function, any_value() | any(), (uint16_t)(1u << below(7)));
		return;
	}
	if (which < 50)
		hostile(function, (enum hostile_ring)below(HOSTILE_RINGS));
	else if (which < 60)
		hostile(function, VALID_CHAIN);
	else if (which < 75)
		any_register(function);
	else if (which < 90)
		change_running_queue(function);
	else
		ring(function, below(function->queue_count));
	if (chance(30) && (status_of(function) & VIRTIO_NEEDS_RESET)) {
		virtio_broken++;
		(void)start(function, any_value() | any(), (uint16_t)(1u << below(7)));
	}
}
