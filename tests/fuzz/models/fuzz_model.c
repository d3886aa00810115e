/* SPDX-License-Identifier: MIT */
/* libFuzzer over every device model: an input is a model and a list of things that happen to it: accesses
 * of any region, offset and width, time that passes, restarts, nonsense in the console's shared memory,
 * nonsense in the registers that a former process left; of models that do DMA also what a driver does, descriptors
 * of any kind, and nonsense in their VM's memory. Meanwhile a second thread writes to the console's memory and to
 * the descriptors all the time, as a hostile other side on another CPU would.
 *
 * What the second thread did is not in the input: a crash that doesn't come again with it is a race on the console's memory. */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acpi-pm/acpi_pm.h"
#include "debug-exit/debug_exit.h"
#include "framework/run.h"
#include "i8042/i8042.h"
#include "input.h"
#include "mc146818/mc146818.h"
#include "pit8254/pit8254.h"
#include "test-device/test_device.h"
#include "uart16550/uart16550.h"
#include "virtio-blk/virtio_blk.h"
#include "virtio-console/virtio_console.h"
#include "virtio-net/virtio_net.h"
#include "virtio-rng/virtio_rng.h"
#include "virtio/virtio.h"

#include <bulkhead/frame_ring.h>

#define CONSOLE_SIZE 4096u
#define PASS_NS UINT64_C(10000000)
#define EVENTS_MOST 210u /* in PASS_NS: twice what the fastest model may want */

struct environment {
	uint64_t now;
	uint64_t armed;
};

static const struct model *const models[] = {
	&uart16550_model,
	&pit8254_model,
	&mc146818_model,
	&acpi_pm_model,
	&i8042_model,
	&debug_exit_model,
	&test_device_model,
	&virtio_rng_model,
	&virtio_console_model,
	&virtio_net_model,
	&virtio_blk_model,
};
#define MODELS (sizeof(models) / sizeof(models[0]))

#define RAM_SIZE 16384u /* of a model that does DMA: its rings' pages, and buffers */
static _Alignas(4096) uint8_t ram[RAM_SIZE];
static struct guest_memory guest_memory;

static _Alignas(64) uint8_t console[CONSOLE_SIZE];
static struct block_page disk;
static uint8_t disk_data[32 * 512 + 100];
static uint32_t disturb; /* 1: the second thread writes to the console */

uint64_t environment_clock_ns(struct environment *environment) { return environment->now; }

uint64_t environment_wall_base_ns(struct environment *environment)
{
	(void)environment;
	return UINT64_C(1767225600000000000);
}

const char *environment_argument(struct environment *environment, const char *key)
{
	(void)environment;
	return strcmp(key, "memory") == 0   ? "5368709120"
	       : strcmp(key, "mac") == 0    ? "52:54:00:00:00:01"
	       : strcmp(key, "rights") == 0 ? "rw"
					    : NULL;
}

void environment_arm_timer(struct environment *environment, uint64_t ns) { environment->armed = ns; }
void environment_signal_interrupt(struct environment *environment, bool is_patient)
{
	(void)environment;
	(void)is_patient;
}
void environment_signal_console(struct environment *environment) { (void)environment; }

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void *disturber(void *argument)
{
	struct ring_region *region = (struct ring_region *)(void *)console;
	uint64_t seed = 88172645463325252;

	(void)argument;
	for (;;) {
		uint64_t random = next_random(&seed);
		uint32_t *const words[] = { &region->transmit.tail, &region->transmit.consumer_ticket,
			&region->receive.head, &region->receive.producer_ticket, &region->transmit.head,
			&region->receive.tail };
		uint32_t *word = words[random % (sizeof(words) / sizeof(words[0]))];
		/* mostly near what is there, else everything would look like nonsense */
		uint32_t value = (random & 0x300) != 0 ? __atomic_load_n(word, __ATOMIC_RELAXED) +
								 (uint32_t)(random >> 16 & 31) - 8
						       : (uint32_t)(random >> 32);

		if (__atomic_load_n(&disturb, __ATOMIC_RELAXED) != 0) {
			__atomic_store_n(word, value, __ATOMIC_RELAXED);
			/* bytes in the rings; descriptors and virtqueues, while the model reads them */
			__atomic_store_n(&console[RING_DATA_OFFSET +
						  (random >> 12) % (CONSOLE_SIZE - RING_DATA_OFFSET)],
				(uint8_t)(random >> 44), __ATOMIC_RELAXED);
			__atomic_store_n(&ram[0x1000 + (random >> 20) % 0x3000], (uint8_t)(random >> 40),
				__ATOMIC_RELAXED);
		}
		for (int i = 0; i < 50; i++) {
			__builtin_ia32_pause();
		}
	}
	return NULL;
}

static void demand(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

int LLVMFuzzerInitialize(int *argument_count, char ***arguments)
{
	pthread_t thread;

	(void)argument_count;
	(void)arguments;
	guest_memory_initialize(&guest_memory, 52);
	demand(guest_memory_add(&guest_memory, 0, RAM_SIZE, ram), "its memory is a window");
	return pthread_create(&thread, NULL, disturber, NULL);
}

struct subject {
	const struct model *model;
	struct environment environment;
	_Alignas(64) uint8_t state[STATE_FRAME_MIN_SIZE];
	struct lines_page lines;
	struct model_run run;
	uint64_t sequence;
	bool corrupted; /* the registers hold nonsense: bounds still hold, promises about time don't */
};

static void start(struct subject *subject)
{
	struct model_resources resources = {
		.state = subject->state,
		.state_size = sizeof(subject->state),
		.lines = &subject->lines,
		.rings = subject->model->has_console || subject->model->has_frames ? console : NULL,
		.rings_size = CONSOLE_SIZE,
		.memory = subject->model->has_memory ? &guest_memory : NULL,
		.disk = &disk,
		.disk_size = sizeof(disk),
		.disk_data = disk_data,
		.disk_data_bytes = sizeof(disk_data),
		.environment = &subject->environment,
	};
	enum model_start_result result;

	memset(&subject->run, 0xa5, sizeof(subject->run));
	subject->environment.armed = 0;
	result = model_run_start(&subject->run, subject->model, &resources);
	demand(result == MODEL_STARTED_FRESH || result == MODEL_STARTED_AGAIN,
		"a model starts on a frame of its own");
}

/* What a model says of a read in advance (`peek`) is what the read gives, and that changes nothing. */
static void check_peek(const struct subject *subject, const struct model_access *access)
{
	static uint8_t copy[STATE_FRAME_MIN_SIZE];
	const struct model *model = subject->model;
	const void *registers = state_frame_committed(&subject->run.frame);
	int64_t found;

	if (model->peek == NULL || access->is_write || access->region >= model->region_count ||
		access->width != model->regions[access->region].width ||
		access->offset > model->regions[access->region].size - access->width ||
		__atomic_load_n(&disturb, __ATOMIC_RELAXED) != 0) {
		return;
	}
	found = model->peek(registers, &subject->run.context, access->region, access->offset);
	if (found < 0) {
		return;
	}
	memcpy(copy, registers, model->register_bytes);
	demand((uint64_t)found == model->read(copy, &subject->run.context, access),
		"a look in advance gives the value of the read");
	demand(subject->corrupted || memcmp(copy, registers, model->register_bytes) == 0,
		"such a read changes nothing");
}

static void do_access(struct subject *subject, struct input *input)
{
	static const uint32_t widths[8] = { 1, 1, 1, 2, 4, 3, 8, 0 };
	struct model_access access;
	uint64_t shape = take(input, 2);
	uint64_t value;

	memset(&access, 0, sizeof(access));
	access.region = shape & 3;
	access.offset = shape >> 2 & 15;
	if (subject->model->has_memory) {
		/* common configuration, interrupt status, device configuration, and beyond */
		access.offset |= (uint32_t)take(input, 1) << 4;
	}
	access.width = widths[shape >> 6 & 7];
	access.is_write = (shape & 0x200) != 0;
	access.vcpu = shape >> 10 & 31;
	access.value = access.is_write ? take(input, (shape & 0x8000) != 0 ? 8 : 1) : 0;
	access.sequence = subject->sequence++;
	check_peek(subject, &access);
	value = model_run_access(&subject->run, &access);
	demand(access.width >= 8 || value >> (8 * access.width) == 0, "a value is not wider than its access");
	demand(!access.is_write || value == 0, "a write has no value");
	if (access.vcpu < STATE_FRAME_VCPUS) {
		demand(model_run_access(&subject->run, &access) == value,
			"the same access gives the same value");
	}
}

/* ---- Models that do DMA: virtio ---- */

#define RINGS(queue) (0x1000u * ((queue) % 3 + 1)) /* page 0 and what the input says are buffers */
#define AVAILABLE_OFFSET 0x800u
#define USED_OFFSET 0xa00u

static void set(struct subject *subject, uint32_t offset, uint32_t width, uint64_t value)
{
	struct model_access access = {
		.offset = VIRTIO_PCI_COMMON + offset,
		.width = width,
		.sequence = subject->sequence++,
		.value = value,
		.is_write = true,
	};

	(void)model_run_access(&subject->run, &access);
}

/* What a driver does, so that the input need not find it: agrees on features, enables the queues, runs. */
static void start_driver(struct subject *subject, uint64_t features)
{
	set(subject, 20, 1, 0);
	set(subject, 8, 4, 1);
	set(subject, 12, 4, 1);
	set(subject, 8, 4, 0);
	set(subject, 12, 4, features);
	set(subject, 20, 1, VIRTIO_STATUS_FEATURES_OK);
	for (uint32_t queue = 0; queue < VIRTIO_QUEUES; queue++) {
		set(subject, 22, 2, queue);
		set(subject, 24, 2, 16);
		set(subject, 26, 2, queue);
		set(subject, 32, 4, RINGS(queue));
		set(subject, 40, 4, RINGS(queue) + AVAILABLE_OFFSET);
		set(subject, 48, 4, RINGS(queue) + USED_OFFSET);
		set(subject, 28, 2, 1);
	}
	set(subject, 20, 1, VIRTIO_STATUS_DRIVER_OK);
}

/* A descriptor with the input's fields, made available; and the doorbell. */
static void offer(struct subject *subject, struct input *input)
{
	uint32_t queue = (uint32_t)take(input, 1) % VIRTIO_QUEUES;
	uint64_t words[2] = { take(input, 2), take(input, 2) };
	uint16_t *available = (uint16_t *)(void *)(ram + RINGS(queue) + AVAILABLE_OFFSET);
	uint16_t head = (uint16_t)(take(input, 1) % 17);

	words[1] |= take(input, 1) << 32 | take(input, 1) << 48;
	memcpy(ram + RINGS(queue) + 16 * (head % 16), words, sizeof(words));
	available[2 + available[1] % 16] = head;
	__atomic_store_n(&available[1], (uint16_t)(available[1] + 1), __ATOMIC_RELEASE);
	model_run_event(&subject->run, MODEL_EVENT_DOORBELL(queue));
}

/* A frame comes from the switch: TCP over IPv4 or IPv6 with fields of the input's, as a rule. */
static void feed_frame(struct subject *subject, struct input *input)
{
	struct ring from;
	struct ring to;
	uint8_t bytes[600] = { 0 };
	uint64_t shape = take(input, 2);
	bool is_v6 = (shape & 1) != 0;
	struct frame frame = { .length = FRAME_MIN_LENGTH + (uint32_t)take(input, 2) % 586,
		.offload = { .flags = shape >> 1 & 3,
			.gso_type = (shape & 8) != 0 ? 0
				    : is_v6          ? FRAME_GSO_TCPV6
						     : FRAME_GSO_TCPV4,
			.gso_size = (uint16_t)take(input, 1),
			.checksum_start = is_v6 ? 54 : 34,
			.checksum_offset = 16 } };
	uint32_t head;

	bytes[12] = is_v6 ? 0x86 : 0x08;
	bytes[13] = is_v6 ? 0xdd : 0x00;
	bytes[14] = is_v6 ? 0x60 : 0x45;
	bytes[23] = 6;
	bytes[frame.offload.checksum_start + 12] = 0x50;
	for (; (shape >> 8 & 7) != 0; shape -= 0x100) {
		bytes[take(input, 1)] = (uint8_t)take(input, 1);
	}
	if ((shape & 0x10) != 0) {
		frame.offload.checksum_start = (uint16_t)take(input, 1);
	}
	(void)ring_region_rings(console, CONSOLE_SIZE, &from, &to);
	head = to.shared->head;
	if (frame_ring_has_room(&to, head, frame.length)) {
		frame_ring_begin(&to, head, &frame);
		frame_ring_put(&to, frame_ring_frame(head), bytes, frame.length);
		ring_publish_head(&to, head + frame_record_size(frame.length));
	}
	ring_publish_tail(&from, from.shared->head);
	model_run_event(&subject->run, MODEL_EVENT_CONSOLE);
}

static void use_memory(struct subject *subject, struct input *input)
{
	uint64_t what = take(input, 1);

	if ((what & 3) == 0) {
		start_driver(subject, what >> 2 << 28 | take(input, 3));
	} else if ((what & 3) == 1) {
		ram[take(input, 2) % RAM_SIZE] = (uint8_t)take(input, 1);
	} else if ((what & 3) == 2 && subject->model->has_frames) {
		feed_frame(subject, input);
	} else {
		offer(subject, input);
	}
}

static void pass_time(struct subject *subject, uint64_t ns)
{
	uint64_t end = subject->environment.now + ns;
	unsigned int events = 0;

	while (subject->environment.armed != 0 && subject->environment.armed <= end &&
		events <= EVENTS_MOST) {
		if (subject->environment.armed > subject->environment.now) {
			subject->environment.now = subject->environment.armed;
		}
		subject->environment.armed = 0;
		model_run_event(&subject->run, MODEL_EVENT_TIMER);
		events++;
	}
	demand(subject->corrupted || ns > PASS_NS || events <= EVENTS_MOST, "events are bounded");
	subject->environment.now = end;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct subject subject;
	struct input input = { bytes, size };

	memset(&subject, 0, sizeof(subject));
	memset(console, 0, sizeof(console));
	memset(ram, 0, sizeof(ram));
	memset(&disk, 0, sizeof(disk));
	subject.model = models[take(&input, 1) % MODELS];
	start(&subject);
	__atomic_store_n(&disturb,
		(subject.model->has_console || subject.model->has_frames) && (size & 1) != 0,
		__ATOMIC_RELAXED);
	while (input.left > 0) {
		uint64_t what = take(&input, 1);

		switch (what & 15) {
		case 0:
			pass_time(&subject, take(&input, 3) % PASS_NS);
			break;
		case 1:
			pass_time(&subject, take(&input, 7) >> 4);
			break;
		case 2:
			start(&subject);
			break;
		case 3:
			model_run_event(&subject.run, take(&input, 1));
			break;
		case 4: {
			/* indices and tickets, but not magic and version: their check is at the start only */
			uint64_t at = 64 + take(&input, 1);

			console[at] = (uint8_t)take(&input, 1);
			/* of a disk: both words, the size, statuses */
			((uint8_t *)&disk)[at] = console[at];
			break;
		}
		case 5: {
			uint64_t at = take(&input, 2) % subject.model->register_bytes;
			uint8_t *registers = (uint8_t *)(uintptr_t)state_frame_committed(&subject.run.frame);

			subject.corrupted = true;
			registers[at] = (uint8_t)take(&input, 1);
			break;
		}
		case 6:
		case 7:
			if (subject.model->has_memory) {
				use_memory(&subject, &input);
			} else {
				do_access(&subject, &input);
			}
			break;
		default:
			do_access(&subject, &input);
			break;
		}
	}
	__atomic_store_n(&disturb, 0, __ATOMIC_RELAXED);
	return 0;
}
