/* SPDX-License-Identifier: MIT */
/* The host machine of machine.h. Touches nothing but its own memory. */

#include "machine.h"

#include <stdlib.h>
#include <string.h>

uint64_t environment_clock_ns(struct environment *environment) { return environment->now; }

uint64_t environment_wall_base_ns(struct environment *environment) { return environment->wall_base; }

const char *environment_argument(struct environment *environment, const char *key)
{
	size_t length = strlen(key);

	for (int i = 0; i < MACHINE_ARGUMENTS; i++) {
		const char *argument = environment->arguments[i];

		if (argument != NULL && strncmp(argument, key, length) == 0 && argument[length] == '=') {
			return argument + length + 1;
		}
	}
	return NULL;
}

void environment_arm_timer(struct environment *environment, uint64_t ns)
{
	environment->armed = ns;
	environment->arms++;
}

void environment_signal_interrupt(struct environment *environment, bool is_patient)
{
	environment->interrupts++;
	environment->patient_interrupts += is_patient;
	if (environment->on_interrupt != NULL) {
		environment->on_interrupt(environment->machine);
	}
}

void environment_signal_console(struct environment *environment)
{
	environment->console_signals++;
	if (environment->on_console != NULL) {
		environment->on_console(environment->machine);
	}
}

static struct model_resources resources_of(struct machine *machine)
{
	return (struct model_resources){
		.state = machine->memory.state,
		.state_size = sizeof(machine->memory.state),
		.lines = &machine->memory.lines,
		.rings = machine->model->has_console  ? machine->memory.console
			 : machine->model->has_frames ? machine->frames
						      : NULL,
		.rings_size =
			machine->model->has_frames ? MACHINE_FRAMES_SIZE : sizeof(machine->memory.console),
		.memory = machine->model->has_memory ? &machine->guest_memory : NULL,
		.disk = machine->disk != NULL ? &machine->disk->page : NULL,
		.disk_size = sizeof(struct block_page),
		.disk_data = machine->disk != NULL ? machine->disk->data : NULL,
		.disk_data_bytes = MACHINE_DISK_DATA,
		.environment = &machine->environment,
	};
}

struct machine *machine_new(const struct model *model, const char *const *arguments)
{
	return machine_new_with_disk(model, arguments, NULL);
}

struct machine *machine_new_with_disk(
	const struct model *model, const char *const *arguments, struct machine_disk *disk)
{
	struct machine *machine = aligned_alloc(64, (sizeof(*machine) + 63) / 64 * 64);
	struct model_resources resources;
	struct ring transmit = { 0 };
	struct ring receive = { 0 };

	assert_non_null(machine);
	memset(machine, 0, sizeof(*machine));
	machine->model = model;
	machine->disk = disk;
	machine->sequence = 1000;
	machine->environment.wall_base = MACHINE_WALL_NS;
	machine->environment.machine = machine;
	if (model->has_memory) {
		machine->ram = aligned_alloc(4096, MACHINE_RAM);
		assert_non_null(machine->ram);
		memset(machine->ram, 0, MACHINE_RAM);
		guest_memory_initialize(&machine->guest_memory, 52);
		assert_true(guest_memory_add(&machine->guest_memory, 0, MACHINE_RAM, machine->ram));
	}
	if (model->has_frames) {
		machine->frames = aligned_alloc(4096, MACHINE_FRAMES_SIZE);
		assert_non_null(machine->frames);
		memset(machine->frames, 0, MACHINE_FRAMES_SIZE);
	}
	for (int i = 0; arguments != NULL && i < MACHINE_ARGUMENTS && arguments[i] != NULL; i++) {
		machine->environment.arguments[i] = arguments[i];
	}
	resources = resources_of(machine);
	assert_int_equal(model_run_start(&machine->run, model, &resources), MODEL_STARTED_FRESH);
	if (model->has_console) {
		assert_int_equal(console_attach(machine->memory.console, sizeof(machine->memory.console),
					 &transmit, &receive),
			0);
		machine->from_guest = ring_consumer_start(transmit);
		machine->to_guest = ring_producer_start(receive);
	}
	return machine;
}

void machine_free(struct machine *machine)
{
	free(machine->ram);
	free(machine->frames);
	free(machine);
}

void machine_restart(struct machine *machine)
{
	struct model_resources resources = resources_of(machine);

	memset(&machine->run, 0xa5, sizeof(machine->run));
	machine->environment.armed = 0;
	assert_int_equal(model_run_start(&machine->run, machine->model, &resources), MODEL_STARTED_AGAIN);
	machine->kills++;
}

static struct state_frame_header *header_of(struct machine_memory *memory)
{
	return (struct state_frame_header *)(void *)memory->state;
}

static void set_indices(struct machine_memory *memory, const struct machine_memory *from)
{
	struct ring_region *to = (struct ring_region *)(void *)memory->console;
	const struct ring_region *source = (const struct ring_region *)(const void *)from->console;

	to->transmit.head = source->transmit.head;
	to->receive.tail = source->receive.tail;
}

static void assert_same_outside(struct machine *machine, const struct machine_memory *expected)
{
	struct ring_region *console = (struct ring_region *)(void *)machine->memory.console;
	const struct ring_region *wanted = (const struct ring_region *)(const void *)expected->console;

	for (uint32_t line = 0; line < LINES_COUNT; line++) {
		uint64_t found = line_word_edges(machine->memory.lines.lines[line]);
		uint64_t wanted_edges = line_word_edges(expected->lines.lines[line]);

		/* A pulse may come once too often, never be lost. */
		assert_true(line < MODEL_LINES ? found == wanted_edges : found >= wanted_edges);
		if (line < MODEL_LINES) {
			assert_int_equal(machine->memory.lines.lines[line], expected->lines.lines[line]);
			assert_int_equal(machine->memory.lines.values[line], expected->lines.values[line]);
		}
	}
	assert_int_equal(console->transmit.head, wanted->transmit.head);
	assert_int_equal(console->receive.tail, wanted->receive.tail);
	assert_memory_equal(machine->memory.console + RING_DATA_OFFSET, expected->console + RING_DATA_OFFSET,
		sizeof(expected->console) - RING_DATA_OFFSET);
}

/* The points at which an access can be killed, by what of it is in memory. */
enum kill_point {
	KILL_WHILE_WORKING, /* the working copy is half written */
	KILL_BEFORE_COMMIT, /* copy, answer and ring bytes are written, the commit word is not */
	KILL_AFTER_COMMIT,  /* nothing outside is */
	KILL_AFTER_LINES,   /* the ring indices are not */
	KILL_AFTER_ALL,     /* the answer was not sent */
	KILL_POINTS
};

static int compose(struct machine *machine, enum kill_point point, const struct machine_memory *before,
	const struct machine_memory *after)
{
	struct machine_memory *memory = &machine->memory;
	uint64_t commit = header_of((struct machine_memory *)(uintptr_t)before)->commit;
	uint32_t copy_bytes = machine->run.frame.copy_bytes;

	*memory = *after;
	switch (point) {
	case KILL_WHILE_WORKING:
		*memory = *before;
		memset(memory->state + STATE_FRAME_COPIES + (~commit & 1) * copy_bytes, 0xaa, copy_bytes);
		break;
	case KILL_BEFORE_COMMIT:
		if (header_of(memory)->commit >> 1 != (commit >> 1) + 1) {
			return 0; /* an event came after the access: its copies are not in memory any more */
		}
		header_of(memory)->commit = commit;
		memory->lines = before->lines;
		set_indices(memory, before);
		break;
	case KILL_AFTER_COMMIT:
		memory->lines = before->lines;
		set_indices(memory, before);
		break;
	case KILL_AFTER_LINES:
		set_indices(memory, before);
		break;
	default:
		break;
	}
	return 1;
}

/* Does the access; then, for each point, puts memory into the state that a kill there leaves, starts anew,
 * does the same access again, and demands the same answer and the same memory. */
static uint64_t machine_access(struct machine *machine, const struct model_access *access)
{
	struct machine_memory before;
	struct machine_memory after;
	struct environment environment;
	uint8_t registers[2048];
	uint64_t value;

	if (machine->without_kills) {
		return model_run_access(&machine->run, access);
	}
	/* What is due comes before the access in any case, so that the order does not depend on the kill. */
	model_run_event(&machine->run, MODEL_EVENT_TIMER | MODEL_EVENT_CONSOLE);
	before = machine->memory;
	value = model_run_access(&machine->run, access);
	after = machine->memory;
	environment = machine->environment;
	assert_true(machine->model->register_bytes <= sizeof(registers));
	memcpy(registers, state_frame_committed(&machine->run.frame), machine->model->register_bytes);
	for (int point = 0; point < KILL_POINTS; point++) {
		unsigned int interrupts = machine->environment.interrupts;

		if (!compose(machine, (enum kill_point)point, &before, &after)) {
			continue;
		}
		machine_restart(machine);
		assert_int_equal(model_run_access(&machine->run, access), value);
		assert_same_outside(machine, &after);
		assert_memory_equal(state_frame_committed(&machine->run.frame), registers,
			machine->model->register_bytes);
		assert_int_equal(machine->environment.armed, environment.armed);
		assert_true(machine->environment.interrupts > interrupts);
	}
	machine->environment = environment;
	return value;
}

uint64_t machine_read(struct machine *machine, uint32_t region, uint32_t offset, uint32_t width)
{
	struct model_access access = {
		.region = region, .offset = offset, .width = width, .sequence = machine->sequence++
	};

	return machine_access(machine, &access);
}

void machine_write(struct machine *machine, uint32_t region, uint32_t offset, uint32_t width, uint64_t value)
{
	struct model_access access = {
		.region = region,
		.offset = offset,
		.width = width,
		.sequence = machine->sequence++,
		.value = value,
		.is_write = true,
	};

	assert_int_equal(machine_access(machine, &access), 0);
}

uint8_t machine_in(struct machine *machine, uint32_t region, uint32_t offset)
{
	uint64_t value = machine_read(machine, region, offset, 1);

	assert_true(value <= 0xff);
	return (uint8_t)value;
}

void machine_out(struct machine *machine, uint32_t region, uint32_t offset, uint8_t value)
{
	machine_write(machine, region, offset, 1, value);
}

unsigned int machine_pass(struct machine *machine, uint64_t ns)
{
	uint64_t end = machine->environment.now + ns;
	unsigned int events = 0;

	while (machine->environment.armed != 0 && machine->environment.armed <= end) {
		if (machine->environment.armed > machine->environment.now) {
			machine->environment.now = machine->environment.armed;
		}
		machine->environment.armed = 0;
		model_run_event(&machine->run, MODEL_EVENT_TIMER);
		events++;
	}
	machine->environment.now = end;
	return events;
}

int machine_level(const struct machine *machine, uint32_t line)
{
	return line_word_level(lines_read(&machine->memory.lines, line));
}

uint64_t machine_edges(const struct machine *machine, uint32_t line)
{
	return line_word_edges(lines_read(&machine->memory.lines, line));
}

uint64_t machine_deadline(const struct machine *machine)
{
	const struct model_outputs *outputs = state_frame_committed(&machine->run.frame);

	return outputs->deadline;
}

uint64_t machine_random(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * UINT64_C(0x2545f4914f6cdd1d);
}

uint64_t machine_random_shifted(uint64_t *seed, unsigned int least, unsigned int spread)
{
	uint64_t value = machine_random(seed);

	return value >> (least + machine_random(seed) % spread);
}

void machine_assert_refused(const struct model *model, const char *argument)
{
	static uint8_t frame[4096] __attribute__((aligned(64)));
	static uint8_t rings[RING_REGION_MIN_SIZE] __attribute__((aligned(64)));
	struct lines_page lines = { 0 };
	struct environment environment = { .arguments = { argument } };
	static struct machine_disk disk;
	struct guest_memory memory;
	struct model_resources resources = {
		.state = frame,
		.state_size = sizeof(frame),
		.lines = &lines,
		.rings = rings,
		.rings_size = sizeof(rings),
		.memory = &memory,
		.disk = &disk.page,
		.disk_size = sizeof(disk.page),
		.disk_data = disk.data,
		.disk_data_bytes = sizeof(disk.data),
		.environment = &environment,
	};
	struct model_run run;

	memset(frame, 0, sizeof(frame));
	memset(rings, 0, sizeof(rings));
	guest_memory_initialize(&memory, 52);
	assert_int_equal(model_run_start(&run, model, &resources), MODEL_RESET_REFUSED);
	assert_non_null(run.refusal);
}
