/* SPDX-License-Identifier: MIT */
/* The drivers of network cards between a switch and a device that do what the input says: frames, wrong indices, any byte anywhere in what they share with the
 * driver. Whatever they do: the driver touches no memory but its own, its turns end, what it tells its device of is a frame within the device's memory, and what it
 * gives the switch is no longer than a buffer. */
#include "e1000e.h"
#include "input.h"
#include "mmio.h"
#include "nic.h"

#include <stdlib.h>
#include <string.h>

#define REGION_SIZE 0x4000u /* two rings of 4 KiB: soon full, and soon over their ends */
#define QUEUES_ADDRESS UINT64_C(0x40000000)
#define BUFFERS_ADDRESS UINT64_C(0x150000000)
#define TURNS_MAX 64u

enum operation {
	SEND,
	CHANGE,
	WRITE_REGION,
	INDEX,
	TAKE,
	WRITE_QUEUES,
	GIVE_BACK,
	LINK,
	RESTART,
	WORK,
	OPERATIONS
};

static struct {
	bool is_e1000e;
	uint8_t *region;
	struct ring out; /* the switch's sides */
	struct ring in;
	uint8_t *queues;
	uint8_t *buffers;
	bool is_up;
	bool is_liar[2]; /* the switch has written anything anywhere; so has the device */
	uint16_t used[2];
	struct frames frames;
	struct nic nic;
	struct e1000e e1000e;
} world;

static uint8_t registers[0x20000];

uint32_t mmio_read(const volatile void *address, unsigned width)
{
	size_t offset = (size_t)((const volatile uint8_t *)address - (const volatile uint8_t *)registers);

	(void)width;
	return offset == 0x0008 && world.is_up ? 2 : 0;
}

void mmio_write(volatile void *address, unsigned width, uint32_t value)
{
	(void)address;
	(void)width;
	(void)value;
}

static void start(void)
{
	if (!frames_open(&world.frames, world.region, REGION_SIZE)) {
		((struct ring_region *)(void *)world.region)->magic = 0;
		(void)frames_open(&world.frames, world.region, REGION_SIZE);
	}
	memset(world.used, 0, sizeof world.used);
	if (world.is_e1000e) {
		static const struct host_pci_function function = { .table_bar = 3 };
		static const struct driver_bar bar = { registers, sizeof registers };

		if (e1000e_start(&world.e1000e, &function, &bar, 0, world.queues, QUEUES_ADDRESS,
			    world.buffers, BUFFERS_ADDRESS) != E1000E_OK) {
			abort();
		}
		return;
	}
	virtio_queue_init(&world.nic.receive, world.queues, NIC_QUEUE_RECEIVE, 128);
	virtio_queue_init(&world.nic.transmit, world.queues + VIRTIO_QUEUE_MEMORY, NIC_QUEUE_TRANSMIT, 128);
	world.nic.receive.doorbell = registers;
	world.nic.transmit.doorbell = registers;
	nic_init(&world.nic, world.buffers, BUFFERS_ADDRESS);
}

/* What stands in the ring to the switch, if the switch did not write there itself. */
static void check_frames(void)
{
	uint32_t tail = world.in.shared->tail;
	struct frame frame;
	enum frame_look look;

	while (!world.is_liar[0] && (look = frame_ring_look(&world.in, tail, &frame)) != FRAME_NONE) {
		if (look == FRAME_NONSENSE || frame.length > FRAMES_BUFFER || frame.offload.flags != 0 ||
			frame.offload.gso_type != 0) {
			abort();
		}
		tail += frame_record_size(frame.length);
	}
}

/* As the driver's loop, until it would sleep or its device is to be reset. */
static void work(void)
{
	enum driver_turn turn = DRIVER_MOVED;
	uint32_t turns = 0;

	if (world.is_e1000e) {
		(void)e1000e_look(&world.e1000e);
	} else {
		nic_hush(&world.nic);
	}
	/* nobody else runs: what there is to do ends */
	while (turn == DRIVER_MOVED) {
		turn = world.is_e1000e ? e1000e_turn(&world.e1000e, &world.frames, world.is_up)
				       : nic_turn(&world.nic, &world.frames, world.is_up);
		if (++turns > TURNS_MAX) {
			abort();
		}
	}
	check_frames();
	if (turn == DRIVER_NONSENSE) {
		start();
		return;
	}
	(void)(world.is_e1000e ? e1000e_may_sleep(&world.e1000e, &world.frames)
			       : nic_may_sleep(&world.nic, &world.frames));
}

static void send_frame(struct input *input)
{
	uint8_t bytes[3000];
	uint32_t length = FRAME_MIN_LENGTH + next_word(input) % (sizeof bytes - FRAME_MIN_LENGTH);
	uint32_t head = world.out.shared->head;
	uint8_t choice = next_byte(input);
	struct frame frame = { .length = length };

	memset(bytes, choice, sizeof bytes);
	memcpy(bytes + 12, (choice & 1) != 0 ? "\x08\x00\x45" : "\x86\xdd\x60", 3);
	memcpy(bytes + 20, "\x40\x00\x40\x06", 4);
	bytes[46] = bytes[66] = 0x50;
	if ((choice & 2) != 0) {
		memmove(bytes + 16, bytes + 12, 100);
		memcpy(bytes + 12, "\x81\x00\x00\x05", 4);
	}
	if ((choice & 4) != 0) {
		frame.offload = (struct frame_offload){ FRAME_NEEDS_CHECKSUM, next_byte(input) & 7,
			next_byte(input), next_byte(input), next_byte(input) };
	} else if ((choice & 8) != 0) {
		frame.offload = (struct frame_offload){ FRAME_NEEDS_CHECKSUM,
			(choice & 1) != 0 ? FRAME_GSO_TCPV4 : FRAME_GSO_TCPV6, next_byte(input),
			(uint16_t)(((choice & 1) != 0 ? 34 : 54) + ((choice & 2) != 0 ? 4 : 0)), 16 };
	}
	if (frame_ring_has_room(&world.out, head, length)) {
		frame_ring_begin(&world.out, head, &frame);
		frame_ring_put(&world.out, frame_ring_frame(head), bytes, length);
		ring_publish_head(&world.out, head + frame_record_size(length));
	}
}

/* The switch changes what is to be done to a frame that the driver may have begun. */
static void change_frame(struct input *input)
{
	uint32_t tail = world.out.shared->tail;
	struct frame frame;

	if (frame_ring_look(&world.out, tail, &frame) == FRAME_READY) {
		frame.offload.gso_size = next_byte(input);
		frame_ring_begin(&world.out, tail, &frame);
	}
}

/* The device says that it is done with a buffer, or a descriptor. */
static void give_back(struct input *input)
{
	uint32_t queue = next_byte(input) & 1;
	uint32_t index = next_byte(input);
	uint32_t length = next_byte(input) * 12u;

	if (world.is_e1000e) {
		struct e1000e_descriptor *ring = (struct e1000e_descriptor *)(void *)world.queues;

		ring += queue * E1000E_DESCRIPTORS + index % E1000E_DESCRIPTORS;
		ring->word |= length | UINT64_C(3) << 32 | (uint64_t)(next_byte(input) & 1) << 40;
		return;
	}
	struct virtio_used *used = (struct virtio_used *)(void *)(world.queues + queue * VIRTIO_QUEUE_MEMORY +
								  VIRTIO_QUEUE_USED);

	used->ring[world.used[queue] % 128].head = index;
	used->ring[world.used[queue] % 128].length = length;
	used->index = ++world.used[queue];
}

/* A descriptor of a frame with `header` bytes before it that the driver wrote, if nobody else has. */
static void check(uint64_t address, uint32_t length, uint32_t header)
{
	if (address < BUFFERS_ADDRESS || length < header + FRAMES_MIN_LENGTH ||
		length > header + FRAMES_MAX_LENGTH + FRAMES_TAG ||
		address - BUFFERS_ADDRESS > NIC_MEMORY - length) {
		abort();
	}
}

static void check_descriptors(void)
{
	if (world.is_e1000e) {
		const struct e1000e *device = &world.e1000e;

		for (uint32_t i = device->sent; i != device->queued; i++) {
			check(device->transmit[i % E1000E_DESCRIPTORS].address,
				(uint32_t)device->transmit[i % E1000E_DESCRIPTORS].word & 0xffff, 0);
		}
		return;
	}
	for (uint32_t i = 0; i < NIC_BUFFERS; i++) {
		if (world.nic.is_with_device[1][i]) {
			check(world.nic.transmit.descriptor[i].address,
				world.nic.transmit.descriptor[i].length, NIC_HEADER);
		}
	}
}

static void operate(struct input *input)
{
	uint8_t choice = next_byte(input);

	switch (choice % OPERATIONS) {
	case SEND:
		send_frame(input);
		break;
	case CHANGE:
		change_frame(input);
		break;
	case WRITE_REGION:
		world.is_liar[0] = true;
		world.region[next_word(input) % REGION_SIZE] = next_byte(input);
		break;
	case INDEX: {
		uint32_t *words[] = { &world.out.shared->head, &world.out.shared->tail,
			&world.in.shared->head, &world.in.shared->tail };

		*words[next_byte(input) % 4] = next_word(input);
		world.is_liar[0] = true;
		break;
	}
	case TAKE:
		ring_publish_tail(&world.in, world.in.shared->head);
		break;
	case WRITE_QUEUES:
		world.queues[next_word(input) % (world.is_e1000e ? E1000E_QUEUES : NIC_QUEUES)] =
			next_byte(input);
		world.is_liar[1] = true;
		break;
	case GIVE_BACK:
		give_back(input);
		world.is_liar[1] |= world.is_e1000e; /* its word stands where the driver's does */
		break;
	case LINK:
		world.is_up = !world.is_up;
		break;
	case RESTART:
		start();
		break;
	default:
		work();
		break;
	}
}

/* Of their own allocations, so that nobody reads or writes past them unseen; once, which is most of the time that an input takes. */
static void allocate(void)
{
	static uint8_t *queues[2];

	if (world.region == NULL) {
		world.region = aligned_alloc(64, REGION_SIZE);
		world.buffers = aligned_alloc(64, NIC_MEMORY);
		queues[0] = aligned_alloc(64, NIC_QUEUES);
		queues[1] = aligned_alloc(64, E1000E_QUEUES);
	}
	world.queues = queues[world.is_e1000e];
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = { bytes, size };

	world.is_e1000e = (next_byte(&input) & 1) != 0;
	world.is_up = true;
	memset(world.is_liar, 0, sizeof world.is_liar);
	allocate();
	memset(world.region, 0, REGION_SIZE);
	(void)ring_region_rings(world.region, REGION_SIZE, &world.in, &world.out);
	start();
	while (input.left > 0) {
		operate(&input);
		if (!world.is_liar[1]) {
			check_descriptors();
		}
	}
	work();
	return 0;
}
