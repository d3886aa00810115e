/* SPDX-License-Identifier: MIT */
/* State frames, line words and run.c, with a small model made for it. */

#include <string.h>

#include "framework/arguments.h"
#include "framework/ticks.h"
#include "machine.h"

/* ---- A model: a counter, a line, a deadline ---- */

struct probe {
	struct model_outputs outputs;
	uint64_t accesses;
	uint8_t bytes[8];
};

static const char *probe_refusal;

static const char *probe_reset(void *registers, const struct model_context *context)
{
	(void)registers;
	(void)context;
	return probe_refusal;
}

static uint64_t probe_read(
	void *registers, const struct model_context *context, const struct model_access *access)
{
	struct probe *probe = registers;

	(void)context;
	probe->accesses++;
	return access->region == 0 ? probe->accesses : probe->bytes[access->offset];
}

static void probe_write(
	void *registers, const struct model_context *context, const struct model_access *access)
{
	struct probe *probe = registers;

	(void)context;
	probe->accesses++;
	if (access->region == 0) {
		model_line_set(&probe->outputs, 0, (access->value & 1) != 0);
		if ((access->value & 2) != 0) {
			model_line_pulse(&probe->outputs, 3);
		}
		probe->outputs.deadline = access->value >> 8;
		probe->outputs.value = access->value;
	} else {
		probe->bytes[access->offset] = (uint8_t)access->value;
	}
}

static void probe_event(void *registers, const struct model_context *context, uint64_t bits)
{
	(void)registers;
	(void)context;
	(void)bits;
}

static const struct model probe_model = {
	.name = "probe",
	.identity = 77,
	.register_bytes = sizeof(struct probe),
	.line_count = MODEL_LINES,
	.region_count = 2,
	.regions = { { .size = 4, .width = 4 }, { .size = 8, .width = 1 } },
	.reset = probe_reset,
	.read = probe_read,
	.write = probe_write,
	.event = probe_event,
};

static const struct probe *committed(struct machine *m) { return state_frame_committed(&m->run.frame); }

/* ---- State frames ---- */

static void frame_sizes(void **state)
{
	_Alignas(8) uint8_t memory[1024] = { 0 };
	struct state_frame frame;

	(void)state;
	assert_int_equal(state_frame_attach(&frame, memory, 511, 1, 1), STATE_FRAME_TOO_SMALL);
	assert_int_equal(state_frame_attach(&frame, memory, 512 + 63, 1, 1), STATE_FRAME_TOO_SMALL);
	assert_int_equal(state_frame_attach(&frame, memory, 1024, 1, 257), STATE_FRAME_TOO_SMALL);
	assert_int_equal(state_frame_attach(&frame, memory, 1024, 1, UINT32_MAX), STATE_FRAME_TOO_SMALL);
	assert_int_equal(state_frame_attach(&frame, memory, 1024, 1, 256), STATE_FRAME_FRESH);
	assert_int_equal(frame.copy_bytes, 256);
}

static void frame_life(void **state)
{
	_Alignas(8) uint8_t memory[4096];
	struct state_frame frame;
	uint64_t *registers;
	uint64_t value;

	(void)state;
	memset(memory, 0x5a, sizeof(memory));
	memset(memory, 0, 8); /* magic: a former process was killed while it set up */
	assert_int_equal(state_frame_attach(&frame, memory, 4096, 9, 40), STATE_FRAME_FRESH);
	registers = state_frame_begin(&frame);
	assert_int_equal(registers[0], 0);
	registers[0] = 1;
	state_frame_commit_event(&frame);
	/* killed before it said so: fresh again */
	assert_int_equal(state_frame_attach(&frame, memory, 4096, 9, 40), STATE_FRAME_FRESH);
	registers = state_frame_begin(&frame);
	assert_int_equal(registers[0], 0);
	registers[0] = 2;
	state_frame_commit_event(&frame);
	state_frame_initialised(&frame);

	assert_int_equal(state_frame_attach(&frame, memory, 4096, 9, 40), STATE_FRAME_PICKED_UP);
	assert_int_equal(*(const uint64_t *)state_frame_committed(&frame), 2);
	assert_int_equal(state_frame_remembers(&frame, 0, 0, &value), 0);
	registers = state_frame_begin(&frame);
	registers[0] = 3; /* forgotten */
	registers = state_frame_begin(&frame);
	assert_int_equal(registers[0], 2);
	registers[0] = 4;
	state_frame_commit_access(&frame, 3, 0, 0xabc);
	assert_int_equal(state_frame_remembers(&frame, 3, 0, &value), 1);
	assert_int_equal(value, 0xabc);
	assert_int_equal(state_frame_remembers(&frame, 3, 1, &value), 0);
	assert_int_equal(state_frame_remembers(&frame, 2, 0, &value), 0);

	assert_int_equal(state_frame_attach(&frame, memory, 4096, 8, 40), STATE_FRAME_MISMATCH);
	assert_int_equal(state_frame_attach(&frame, memory, 4096, 9, 48), STATE_FRAME_MISMATCH);
	assert_int_equal(state_frame_attach(&frame, memory, 4096, 9, 40), STATE_FRAME_PICKED_UP);
	assert_int_equal(state_frame_remembers(&frame, 3, 0, &value), 1);
	assert_int_equal(frame.header->starts, 3);
	frame.header->version++;
	assert_int_equal(state_frame_attach(&frame, memory, 4096, 9, 40), STATE_FRAME_MISMATCH);
}

/* An answer noted without a commit must not come alive by a later commit. */
static void answer_without_commit(void **state)
{
	_Alignas(8) uint8_t memory[4096] = { 0 };
	struct state_frame frame;
	uint64_t commit;
	uint64_t value;

	(void)state;
	assert_int_equal(state_frame_attach(&frame, memory, 4096, 9, 40), STATE_FRAME_FRESH);
	(void)state_frame_begin(&frame);
	state_frame_commit_event(&frame);
	state_frame_initialised(&frame);
	commit = frame.header->commit;
	(void)state_frame_begin(&frame);
	state_frame_commit_access(&frame, 0, 17, 1);
	frame.header->commit = commit; /* killed just before */
	assert_int_equal(state_frame_attach(&frame, memory, 4096, 9, 40), STATE_FRAME_PICKED_UP);
	assert_int_equal(state_frame_remembers(&frame, 0, 17, &value), 0);
	(void)state_frame_begin(&frame);
	state_frame_commit_event(&frame);
	assert_int_equal(state_frame_remembers(&frame, 0, 17, &value), 0);
}

/* ---- Lines ---- */

static void line_words(void **state)
{
	struct lines_page page = { 0 };

	(void)state;
	assert_int_equal(lines_read(&page, 0), 0);
	assert_int_equal(lines_attach(&page), 0);
	lines_raise(&page, 2);
	assert_int_equal(lines_read(&page, 2), 3);
	lines_raise(&page, 2);
	assert_int_equal(lines_read(&page, 2), 3);
	lines_lower(&page, 2);
	assert_int_equal(lines_read(&page, 2), 2);
	lines_pulse(&page, 2);
	assert_int_equal(lines_read(&page, 2), 5);
	lines_pulse(&page, 2);
	assert_int_equal(lines_read(&page, 2), 7);
	lines_publish(&page, 15, UINT64_MAX, 99);
	assert_int_equal(lines_value(&page, 15), 99);
	assert_int_equal(line_word_edges(line_word_pulse(UINT64_MAX)), 0); /* wraps */
	assert_int_equal(line_word_level(line_word_pulse(UINT64_MAX)), 1);
	lines_publish(&page, 16, 1, 1);
	lines_raise(&page, 16);
	lines_lower(&page, 16);
	lines_pulse(&page, 16);
	assert_int_equal(lines_read(&page, 16), 0);
	assert_int_equal(lines_value(&page, 16), 0);
	assert_int_equal(lines_attach(&page), 0);
	assert_int_equal(lines_read(&page, 2), 7);
	page.count = 17;
	assert_int_equal(lines_attach(&page), -1);
	page.magic = 1;
	assert_int_equal(lines_read(&page, 2), 0);
}

/* ---- run.c ---- */

static void the_same_sequence_is_the_same_access(void **state)
{
	struct machine *m = machine_new(&probe_model, NULL);
	struct model_access access = { .width = 4, .sequence = 5 };

	(void)state;
	assert_int_equal(model_run_access(&m->run, &access), 1);
	assert_int_equal(model_run_access(&m->run, &access), 1);
	machine_restart(m);
	assert_int_equal(model_run_access(&m->run, &access), 1);
	assert_int_equal(committed(m)->accesses, 1);
	access.vcpu = 1; /* another vCPU has its own numbers */
	assert_int_equal(model_run_access(&m->run, &access), 2);
	access.vcpu = 0;
	assert_int_equal(model_run_access(&m->run, &access), 1);
	access.sequence = 6;
	assert_int_equal(model_run_access(&m->run, &access), 3);
	access.sequence = 5; /* long answered; can't come again but as a new one */
	assert_int_equal(model_run_access(&m->run, &access), 4);
	access.vcpu = STATE_FRAME_VCPUS - 1;
	assert_int_equal(model_run_access(&m->run, &access), 5);
	access.vcpu = STATE_FRAME_VCPUS;
	assert_int_equal(model_run_access(&m->run, &access), 0xffffffff);
	access.vcpu = UINT32_MAX;
	assert_int_equal(model_run_access(&m->run, &access), 0xffffffff);
	assert_int_equal(committed(m)->accesses, 5);
	machine_free(m);
}

/* What a VMM that was taken over could ask for: the model's functions see none of it. */
static void offsets_and_widths_out_of_range(void **state)
{
	static const uint32_t widths[] = { 0, 1, 2, 3, 4, 5, 8, 64, 0x80000000, UINT32_MAX };
	static const uint32_t offsets[] = { 0, 1, 3, 4, 7, 8, 9, 0xfffc, 0x10000, 0x7fffffff, 0xfffffffc,
		UINT32_MAX };
	struct machine *m = machine_new(&probe_model, NULL);
	struct model_access access = { .sequence = 5 };
	uint32_t refused = 0;

	(void)state;
	for (uint32_t i = 0; i < 3 * 2 * 10 * 12; i++) {
		access.region = i % 3 == 2 ? UINT32_MAX - i : i % 3;
		access.is_write = i / 3 % 2 != 0;
		access.width = widths[i / 6 % 10];
		access.offset = offsets[i / 60];
		access.value = UINT64_MAX;
		access.sequence++;

		uint64_t size = access.region < 2 ? probe_model.regions[access.region].size : 0;
		bool is_width = access.width == 1 || access.width == 2 || access.width == 4;
		uint64_t ones = access.width >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * access.width) - 1;
		uint64_t before = committed(m)->accesses;
		uint64_t got = model_run_access(&m->run, &access);

		if (!is_width || (uint64_t)access.offset + access.width > size) {
			refused++;
			assert_int_equal(committed(m)->accesses, before);
			assert_true(got == (access.is_write ? 0 : ones));
		}
	}
	assert_true(refused > 500);
	machine_free(m);
}

static void wide_accesses_are_split(void **state)
{
	struct machine *m = machine_new(&probe_model, NULL);
	uint64_t commits;

	(void)state;
	machine_write(m, 1, 2, 4, UINT64_C(0xffffffff44332211));
	assert_int_equal(machine_read(m, 1, 2, 4), 0x44332211);
	assert_int_equal(machine_read(m, 1, 3, 2), 0x3322);
	assert_int_equal(machine_read(m, 1, 5, 1), 0x44);
	assert_int_equal(machine_read(m, 1, 4, 4), 0x00004433);
	assert_int_equal(machine_read(m, 1, 5, 4), 0xffffffff);
	m->without_kills = 1;
	commits = m->run.frame.header->commit >> 1;
	machine_write(m, 1, 4, 4, 0);
	assert_int_equal(m->run.frame.header->commit >> 1, commits + 1);
	machine_free(m);
}

static void outputs_are_published(void **state)
{
	struct machine *m = machine_new(&probe_model, NULL);
	unsigned int interrupts;
	unsigned int arms;

	(void)state;
	m->without_kills = 1;
	interrupts = m->environment.interrupts;
	machine_write(m, 0, 0, 4, 0x1201);
	assert_int_equal(machine_level(m, 0), 1);
	assert_int_equal(lines_value(&m->memory.lines, 0), 0x1201);
	assert_int_equal(m->environment.interrupts, interrupts + 1);
	assert_int_equal(m->environment.armed, 0x12);
	arms = m->environment.arms;
	machine_write(m, 0, 0, 4, 0x1201); /* nothing new: no signal, no system call */
	assert_int_equal(m->environment.interrupts, interrupts + 1);
	assert_int_equal(m->environment.arms, arms);
	machine_write(m, 0, 0, 4, 0x0000); /* a line that falls needs no signal */
	assert_int_equal(machine_level(m, 0), 0);
	assert_int_equal(m->environment.interrupts, interrupts + 1);
	assert_int_equal(m->environment.armed, 0);
	machine_write(m, 0, 0, 4, 0x0002);
	machine_write(m, 0, 0, 4, 0x0002);
	assert_int_equal(machine_edges(m, 3), 2);
	assert_int_equal(m->environment.interrupts, interrupts + 3);
	/* after the one-shot timer has fired the same deadline is armed anew; after a restart too */
	machine_write(m, 0, 0, 4, 0x1200);
	arms = m->environment.arms;
	model_run_event(&m->run, MODEL_EVENT_TIMER);
	assert_int_equal(m->environment.arms, arms + 1);
	machine_restart(m);
	assert_int_equal(m->environment.armed, 0x12);
	machine_free(m);
}

static void starts_that_fail(void **state)
{
	struct machine *m = machine_new(&probe_model, NULL);
	struct model_resources resources = { .state = m->memory.state,
		.state_size = 4096,
		.lines = &m->memory.lines,
		.environment = &m->environment };
	struct model other = probe_model;
	struct model_run run;

	(void)state;
	other.identity++;
	assert_int_equal(model_run_start(&run, &other, &resources), MODEL_STATE_MISMATCH);
	resources.state_size = 600;
	assert_int_equal(model_run_start(&run, &probe_model, &resources), MODEL_STATE_TOO_SMALL);
	resources.state_size = 4096;
	other.has_console = true;
	assert_int_equal(model_run_start(&run, &other, &resources), MODEL_RINGS_INVALID);
	resources.rings = m->memory.console;
	resources.rings_size = CONSOLE_MIN_SIZE - 1;
	assert_int_equal(model_run_start(&run, &other, &resources), MODEL_RINGS_INVALID);
	memset(m->memory.state, 0, sizeof(m->memory.state));
	probe_refusal = "no";
	assert_int_equal(model_run_start(&run, &probe_model, &resources), MODEL_RESET_REFUSED);
	assert_string_equal(run.refusal, "no");
	probe_refusal = NULL;
	assert_int_equal(model_run_start(&run, &probe_model, &resources), MODEL_STARTED_FRESH);
	m->memory.lines.version++;
	assert_int_equal(model_run_start(&run, &probe_model, &resources), MODEL_LINES_MISMATCH);
	machine_free(m);
}

/* ---- Small helpers ---- */

static void ticks_and_nanoseconds_agree(void **state)
{
	static const uint64_t clocks[] = { 1, 32768, 1193182, 3579545, 1000000000 };
	uint64_t seed = 3;

	(void)state;
	for (unsigned int i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		for (int round = 0; round < 20000; round++) {
			uint64_t ns = machine_random_shifted(&seed, 8, 50);
			uint64_t tick = ticks_at_ns(ns, clocks[i]);
			uint64_t start = ticks_to_ns(tick, clocks[i]);

			assert_true(tick == (uint64_t)((unsigned __int128)ns * clocks[i] / 1000000000));
			assert_true(start <= ns);
			assert_int_equal(ticks_at_ns(start, clocks[i]), tick);
			assert_true(start == 0 || ticks_at_ns(start - 1, clocks[i]) < tick);
			assert_true(ticks_to_ns(tick + 1, clocks[i]) > ns);
		}
	}
}

static void numbers_in_arguments(void **state)
{
	uint64_t number = 5;

	(void)state;
	assert_false(argument_number(NULL, 100, &number));
	assert_false(argument_number("", 100, &number));
	assert_false(argument_number("1x", 100, &number));
	assert_false(argument_number("-1", 100, &number));
	assert_false(argument_number(" 1", 100, &number));
	assert_false(argument_number("101", 100, &number));
	assert_false(argument_number("18446744073709551616", UINT64_MAX, &number));
	assert_false(argument_number("7", 6, &number));
	assert_int_equal(number, 5);
	assert_true(argument_number("100", 100, &number));
	assert_int_equal(number, 100);
	assert_true(argument_number("18446744073709551615", UINT64_MAX, &number));
	assert_true(number == UINT64_MAX);
	assert_true(argument_number("000", 0, &number));
	assert_int_equal(number, 0);
}

/* ---- Reads that change nothing ---- */

static unsigned int probe_reads;

static uint64_t counted_read(
	void *registers, const struct model_context *context, const struct model_access *access)
{
	probe_reads++;
	return probe_read(registers, context, access);
}

/* Offsets below 4 of region 1 are only looked at. */
static int64_t probe_peek(
	const void *registers, const struct model_context *context, uint32_t region, uint32_t offset)
{
	const struct probe *probe = registers;

	(void)context;
	return region == 1 && offset < 4 ? probe->bytes[offset] : MODEL_PEEK_NONE;
}

static void reads_that_change_nothing(void **state)
{
	struct model model = probe_model;
	struct model_access access = { .region = 1, .offset = 2, .width = 1 };
	struct machine *m;
	const void *copy;
	uint64_t value;

	(void)state;
	model.read = counted_read;
	model.peek = probe_peek;
	m = machine_new(&model, NULL);
	machine_write(m, 1, 2, 1, 0x5a);
	probe_reads = 0;
	copy = committed(m);
	access.sequence = 500;
	assert_int_equal(model_run_access(&m->run, &access), 0x5a);
	assert_int_equal(probe_reads, 0);
	assert_ptr_equal(committed(m), copy); /* the same copy counts */
	assert_true(state_frame_remembers(&m->run.frame, 0, 500, &value));
	assert_int_equal(value, 0x5a);
	/* the register changes, the access that is done again does not */
	machine_write(m, 1, 2, 1, 0x11);
	access.vcpu = 3;
	access.sequence = 7;
	assert_int_equal(model_run_access(&m->run, &access), 0x11);
	access.vcpu = 0;
	access.sequence = 501;
	assert_int_equal(model_run_access(&m->run, &access), 0x11);
	machine_write(m, 1, 2, 1, 0x22);
	access.vcpu = 3;
	access.sequence = 7;
	assert_int_equal(model_run_access(&m->run, &access), 0x11);
	machine_restart(m);
	assert_int_equal(model_run_access(&m->run, &access), 0x11);
	assert_int_equal(probe_reads, 0);
	/* the next ones are found, whatever was asked for last; no word but the very same is */
	assert_non_null(model_run_find(&m->run, 1, BH_PORT_WORD(1, 1, 2, 3)));
	assert_null(model_run_find(&m->run, 1, BH_PORT_WORD(1, 1, 2, 0)));
	assert_null(model_run_find(&m->run, 0, BH_PORT_WORD(1, 1, 2, 3)));
	assert_null(model_run_find(&m->run, 1, BH_PORT_WORD(0, 1, 2, 3)));
	assert_null(model_run_find(&m->run, 1, BH_PORT_WORD(1, 1, 2, 3) | 2));
	assert_null(model_run_find(&m->run, 0, 0));
	assert_int_equal(
		model_run_read(&m->run, model_run_find(&m->run, 1, BH_PORT_WORD(1, 1, 2, 3)), 7), 0x11);
	assert_int_equal(
		model_run_read(&m->run, model_run_find(&m->run, 1, BH_PORT_WORD(1, 1, 2, 3)), 8), 0x22);
	assert_int_equal(probe_reads, 0);
	/* what is not just looked at, of another width or outside goes the long way */
	access.vcpu = 0;
	for (uint32_t offset = 4; offset < 9; offset++) {
		access.offset = offset;
		access.sequence++;
		(void)model_run_access(&m->run, &access);
	}
	access = (struct model_access){ .region = 1, .offset = 2, .width = 2, .sequence = 1000 };
	assert_int_equal(model_run_access(&m->run, &access), 0x22);
	assert_int_equal(probe_reads, 6);
	access.vcpu = STATE_FRAME_VCPUS;
	access.width = 1;
	assert_int_equal(model_run_access(&m->run, &access), 0xff);
	access = (struct model_access){ .region = 7, .width = 1, .sequence = 1001 };
	assert_int_equal(model_run_access(&m->run, &access), 0xff);
	/* an answer noted without its commit is no answer */
	access = (struct model_access){ .region = 1, .offset = 2, .width = 1, .sequence = 2000 };
	assert_int_equal(model_run_access(&m->run, &access), 0x22);
	m->run.frame.header->commit -= 2;
	machine_restart(m);
	assert_false(state_frame_remembers(&m->run.frame, 0, 2000, &value));
	machine_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frame_sizes),
		cmocka_unit_test(frame_life),
		cmocka_unit_test(answer_without_commit),
		cmocka_unit_test(line_words),
		cmocka_unit_test(the_same_sequence_is_the_same_access),
		cmocka_unit_test(offsets_and_widths_out_of_range),
		cmocka_unit_test(wide_accesses_are_split),
		cmocka_unit_test(outputs_are_published),
		cmocka_unit_test(reads_that_change_nothing),
		cmocka_unit_test(starts_that_fail),
		cmocka_unit_test(ticks_and_nanoseconds_agree),
		cmocka_unit_test(numbers_in_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
