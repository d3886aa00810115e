/* SPDX-License-Identifier: MIT */
/* Runs a model over its state frame. The order within an access is what makes a model crash-only:
 *
 *   1. an access done before (same vCPU and sequence) gets its answer and goes to 4
 *   2. the model works on a copy of its registers
 *   3. commit: one store
 *   4. what the model publishes itself, line page, ring indices and timer are derived from what is committed
 *
 * Killed before 3, nothing happened, and the access is done again. Killed after 3, the next process does 4
 * at its start: storing the same line word or ring index a second time has no effect. A read that changes no
 * register (model.h, `peek`) is steps 1 and 3: nothing outside can have moved. A signal may be sent
 * twice; both ends bear that. No system calls here, no libc. */

#include "framework/run.h"

#include <bulkhead/frame_ring.h>

#include <stddef.h>

static uint64_t width_mask(uint32_t width)
{
	return width >= 8 ? ~UINT64_C(0) : (UINT64_C(1) << (8 * width)) - 1;
}

static bool has_rings(const struct model *model) { return model->has_console || model->has_frames; }

static void publish_lines(struct model_run *run, const struct model_outputs *outputs)
{
	struct lines_page *page = run->lines;
	bool risen = false;

	for (uint32_t line = 0; line < run->model->line_count; line++) {
		uint64_t word = outputs->lines[line];
		uint64_t shown = page->lines[line];

		if (word != shown) {
			lines_publish(page, line, word, line == 0 ? outputs->value : 0);
			risen |= line_word_edges(word) != line_word_edges(shown);
		}
	}
	if (risen) {
		environment_signal_interrupt(run->context.environment, false);
	}
}

/* What the model itself has to show, and the lines that it pulses for that. True if what it waits for has come meanwhile. */
static bool publish_own(struct model_run *run, const void *registers)
{
	uint32_t pulses = run->model->publish(registers, &run->context, run->scratch);
	uint32_t lines = pulses & ~(uint32_t)((1u << MODEL_LINES) - 1);

	if (lines != 0) {
		for (; lines != 0; lines &= lines - 1) {
			lines_pulse(run->lines, (uint32_t)__builtin_ctz(lines));
		}
		environment_signal_interrupt(run->context.environment, (pulses & MODEL_PUBLISH_PATIENT) != 0);
	}
	return (pulses & MODEL_PUBLISH_MOVED) != 0;
}

/* Publishes the ring indices. Returns true if a ring in which the model had to wait can serve it now after
 * all. */
static bool publish_rings(struct model_run *run, const struct model_outputs *outputs)
{
	bool moved = false;
	bool signal = false;

	if (run->transmit.shared->head != outputs->transmit_head) {
		ring_publish_head(&run->transmit, outputs->transmit_head);
		signal |= ring_consumer_asked(&run->transmit) != 0;
	}
	if (run->receive.shared->tail != outputs->receive_tail) {
		ring_publish_tail(&run->receive, outputs->receive_tail);
		signal |= ring_producer_asked(&run->receive) != 0;
	}
	if (signal) {
		environment_signal_console(run->context.environment);
	}
	if (outputs->wants_space != 0 && run->asked_for_space == 0) {
		run->asked_for_space = 1;
		ring_ask_for_space(&run->transmit);
		moved |= ring_space(&run->transmit, outputs->transmit_head) >= outputs->wants_space;
	}
	if (outputs->wants_bytes != 0 && run->asked_for_bytes == 0) {
		run->asked_for_bytes = 1;
		ring_ask_for_bytes(&run->receive);
		moved |= ring_available(&run->receive, outputs->receive_tail) != 0;
	}
	return moved;
}

/* Derives all that is outside from what is committed. Result as of publish_rings(). */
static bool publish(struct model_run *run)
{
	const struct model_outputs *outputs = state_frame_committed(&run->frame);
	bool moved = false;

	if (run->model->publish != NULL) {
		moved = publish_own(run, outputs);
	}
	publish_lines(run, outputs);
	if (has_rings(run->model)) {
		moved |= publish_rings(run, outputs);
	}
	if (outputs->deadline != run->armed_deadline) {
		run->armed_deadline = outputs->deadline;
		environment_arm_timer(run->context.environment, outputs->deadline);
	}
	return moved;
}

/* An event, and further ones while a ring moves between the model's look at it and the ticket taken. */
static void run_events(struct model_run *run, uint64_t bits)
{
	for (uint32_t i = 0; i < MODEL_RUN_EVENT_REPEATS; i++) {
		void *registers = state_frame_begin(&run->frame);

		if ((bits & MODEL_EVENT_CONSOLE) != 0) {
			run->asked_for_space = 0;
			run->asked_for_bytes = 0;
		}
		run->model->event(registers, &run->context, bits);
		state_frame_commit_event(&run->frame);
		if (!publish(run)) {
			return;
		}
		bits = MODEL_EVENT_CONSOLE;
	}
	/* It goes on moving: others have their turn first. No signal may come for what has moved by now, so the timer brings it, at
	 * once. */
	run->armed_deadline = MODEL_RUN_AT_ONCE;
	environment_arm_timer(run->context.environment, MODEL_RUN_AT_ONCE);
}

void model_run_event(struct model_run *run, uint64_t bits)
{
	if ((bits & MODEL_EVENT_TIMER) != 0) {
		/* One-shot: whatever the deadline is now, it has to be armed anew. */
		run->armed_deadline = 0;
	}
	run_events(run, bits);
}

static uint64_t perform(struct model_run *run, void *registers, const struct model_access *access)
{
	const struct model *model = run->model;
	struct model_access part = *access;
	uint64_t value = 0;

	if (access->width <= model->regions[access->region].width) {
		if (access->is_write) {
			model->write(registers, &run->context, access);
			return 0;
		}
		return model->read(registers, &run->context, access) & width_mask(access->width);
	}
	part.width = 1;
	for (uint32_t i = 0; i < access->width; i++) {
		part.offset = access->offset + i;
		if (access->is_write) {
			part.value = (access->value >> (8 * i)) & 0xff;
			model->write(registers, &run->context, &part);
		} else {
			value |= (model->read(registers, &run->context, &part) & 0xff) << (8 * i);
		}
	}
	return value;
}

/* True if the model's table has room for the access. */
static bool access_fits(const struct model *model, const struct model_access *access)
{
	if (access->region >= model->region_count || access->region >= MODEL_REGIONS ||
		access->vcpu >= STATE_FRAME_VCPUS) {
		return false;
	}
	if (access->width != 1 && access->width != 2 && access->width != 4) {
		return false;
	}
	return access->offset < model->regions[access->region].size &&
	       access->width <= model->regions[access->region].size - access->offset;
}

/* Notes a read that peeks may answer: IN, of the region's own width, inside of it, and no bit beside. NULL: it is none. */
static const struct model_run_read *note_read(struct model_run *run, uint64_t region, uint64_t word)
{
	const struct model *model = run->model;
	uint32_t offset = BH_PORT_OFFSET(word);
	uint32_t vcpu = BH_PORT_VCPU(word);
	struct model_run_read *read = &run->reads[offset % MODEL_RUN_READS];
	uint32_t width;

	if (model->peek == NULL || region >= model->region_count || vcpu >= STATE_FRAME_VCPUS) {
		return NULL;
	}
	width = model->regions[region].width;
	if (word != BH_PORT_WORD(1, width, offset, vcpu) || offset > model->regions[region].size - width) {
		return NULL;
	}
	*read = (struct model_run_read){
		.word = word,
		.region = region,
		.answer = &run->frame.header->answers[vcpu],
		.offset = offset,
	};
	return read;
}

/* An access that fits, with a working copy. */
static uint64_t access_changing(struct model_run *run, const struct model_access *access)
{
	uint64_t value;

	if (!state_frame_remembers(&run->frame, access->vcpu, access->sequence, &value)) {
		void *registers = state_frame_begin(&run->frame);

		value = perform(run, registers, access);
		state_frame_commit_access(&run->frame, access->vcpu, access->sequence, value);
	}
	if (publish(run)) {
		run_events(run, MODEL_EVENT_CONSOLE);
	}
	return value;
}

uint64_t model_run_read_changing(struct model_run *run, const struct model_run_read *read, uint64_t sequence)
{
	struct model_access access = {
		.region = (uint32_t)read->region,
		.offset = read->offset,
		.width = BH_PORT_WIDTH(read->word),
		.vcpu = BH_PORT_VCPU(read->word),
		.sequence = sequence,
	};

	return access_changing(run, &access);
}

uint64_t model_run_access(struct model_run *run, const struct model_access *access)
{
	struct model_access checked = *access;
	uint64_t value;

	if (!access_fits(run->model, &checked)) {
		return checked.is_write ? 0 : width_mask(checked.width);
	}
	if (!checked.is_write) {
		const struct model_run_read *read = note_read(
			run, checked.region, BH_PORT_WORD(1, checked.width, checked.offset, checked.vcpu));

		if (read != NULL && model_run_peek(run, read, checked.sequence, &value)) {
			return value;
		}
	}
	checked.value &= width_mask(checked.width);
	return access_changing(run, &checked);
}

static bool attach_rings(struct model_run *run, const struct model_resources *resources)
{
	return resources->rings != NULL &&
	       ring_region_attach(resources->rings, resources->rings_size,
		       run->model->has_frames ? FRAME_REGION_MAGIC : CONSOLE_MAGIC,
		       run->model->has_frames ? FRAME_REGION_VERSION : CONSOLE_VERSION, &run->transmit,
		       &run->receive) == 0;
}

enum model_start_result model_run_start(
	struct model_run *run, const struct model *model, const struct model_resources *resources)
{
	enum state_frame_result frame_result;

	*run = (struct model_run){ .model = model, .lines = resources->lines };
	run->context.environment = resources->environment;
	run->context.model = model;
	run->context.memory = resources->memory;
	run->context.cache = run->cache;
	for (uint32_t i = 0; i < MODEL_RUN_READS; i++) {
		run->reads[i].region = UINT64_MAX; /* a client chooses its word, but not its badge */
	}
	if (lines_attach(run->lines) != 0) {
		return MODEL_LINES_MISMATCH;
	}
	if (has_rings(model)) {
		if (!attach_rings(run, resources)) {
			return MODEL_RINGS_INVALID;
		}
		run->context.transmit = &run->transmit;
		run->context.receive = &run->receive;
	}
	if (model->has_disk) {
		run->context.disk = block_attach(resources->disk, resources->disk_size);
		run->context.disk_data = resources->disk_data;
		run->context.disk_data_bytes = resources->disk_data_bytes;
		if (run->context.disk == NULL) {
			return MODEL_DISK_INVALID;
		}
	}
	if (model->has_memory && resources->memory == NULL) {
		return MODEL_MEMORY_MISSING;
	}
	frame_result = state_frame_attach(
		&run->frame, resources->state, resources->state_size, model->identity, model->register_bytes);
	if (frame_result == STATE_FRAME_TOO_SMALL) {
		return MODEL_STATE_TOO_SMALL;
	}
	if (frame_result == STATE_FRAME_MISMATCH) {
		return MODEL_STATE_MISMATCH;
	}
	if (frame_result == STATE_FRAME_FRESH) {
		struct model_outputs *outputs = state_frame_begin(&run->frame);

		if (has_rings(model)) {
			/* The rings outlive a VM: go on where they are. */
			outputs->transmit_head = run->transmit.shared->head;
			outputs->receive_tail = run->receive.shared->tail;
		}
		run->refusal = model->reset(outputs, &run->context);
		if (run->refusal != NULL) {
			return MODEL_RESET_REFUSED;
		}
		state_frame_commit_event(&run->frame);
		state_frame_initialised(&run->frame);
	}
	/* Whatever a former process had committed but not told: its timer is gone, its signals may not
	 * have been sent. */
	(void)publish(run);
	environment_signal_interrupt(resources->environment, false);
	if (has_rings(model) || model->has_disk) {
		environment_signal_console(resources->environment);
	}
	model_run_event(run, MODEL_EVENT_TIMER | MODEL_EVENT_CONSOLE);
	return frame_result == STATE_FRAME_FRESH ? MODEL_STARTED_FRESH : MODEL_STARTED_AGAIN;
}
