/* SPDX-License-Identifier: MIT */
/* Runs a model over its state frame: starts it, does accesses and events, publishes what was committed.
 * Pure: what touches the system goes through the environment. One thread at a time uses a struct
 * model_run. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <bulkhead/lines.h>
#include <bulkhead/ring.h>
#include <bulkhead/state_frame.h>
#include <bulkhead/vcpu.h>

#include "framework/model.h"

/* Times that an event is repeated because a ring has moved under it: more than a FIFO of 16 bytes can
 * need. */
#define MODEL_RUN_EVENT_REPEATS 32u
#define MODEL_RUN_AT_ONCE UINT64_C(1) /* guest time that has passed, as a deadline */

/* What a model needs from outside. */
struct model_resources {
	void *state; /* the state frame's memory */
	uint64_t state_size;
	struct lines_page *lines;
	void *rings; /* NULL for a model without any */
	uint64_t rings_size;
	const struct guest_memory *memory; /* NULL for a model that does no DMA */
	void *disk;                        /* NULL for a model without a disk: the page, and the data area */
	uint64_t disk_size;
	uint8_t *disk_data;
	uint64_t disk_data_bytes;
	struct environment *environment;
};

enum { MODEL_RUN_READS = 8 };

struct model_run {
	const struct model *model;
	struct state_frame frame;
	struct lines_page *lines;
	struct ring transmit;
	struct ring receive;
	struct model_context context;
	uint64_t armed_deadline;  /* what the timer was last armed with */
	uint32_t asked_for_space; /* 1: a ticket stands, the other side has not signalled since */
	uint32_t asked_for_bytes;
	uint64_t scratch[MODEL_SCRATCH_WORDS];
	/* Reads that the model could answer without a change lately, by the low bits of their offset: what of them was checked
	 * need not be again. */
	struct model_run_read {
		uint64_t word;                     /* BH_PORT_WORD */
		uint64_t region;                   /* UINT64_MAX: none */
		struct state_frame_answer *answer; /* of the word's vCPU */
		uint32_t offset;
	} reads[MODEL_RUN_READS];
	const char *refusal; /* MODEL_RESET_REFUSED: what the model says */
	uint64_t cache[MODEL_CACHE_BYTES / sizeof(uint64_t)];
};

enum model_start_result {
	MODEL_STARTED_FRESH,
	MODEL_STARTED_AGAIN,   /* the registers of a former process were picked up */
	MODEL_STATE_TOO_SMALL, /* the state frame's region */
	MODEL_STATE_MISMATCH,  /* another model, or another version of this one, wrote the frame */
	MODEL_LINES_MISMATCH,
	MODEL_RINGS_INVALID,  /* too small, for something else, another version, or missing */
	MODEL_DISK_INVALID,   /* the page of requests: too small, another version, or missing */
	MODEL_MEMORY_MISSING, /* the model does DMA, and was given no guest memory */
	MODEL_RESET_REFUSED,  /* an argument is wrong: see `refusal` */
};

/* Takes hold of the resources, sets up fresh registers, and publishes what is committed; then once an
 * event, as a former process may have been killed between a commit and its signals. Call it before any
 * access. */
__attribute__((warn_unused_result)) enum model_start_result model_run_start(
	struct model_run *run, const struct model *model, const struct model_resources *resources);

/* Answers a read of run->reads from the committed registers. False, and nothing was done: it changes them, or is (or looks
 * like) one that is done again. */
__attribute__((warn_unused_result)) static inline bool model_run_peek(
	struct model_run *run, const struct model_run_read *read, uint64_t sequence, uint64_t *value)
{
	struct state_frame *frame = &run->frame;
	int64_t found;

	/* A number that was seen last. */
	if (read->answer->sequence == sequence) {
		return false;
	}
	found = run->model->peek(
		state_frame_committed(frame), &run->context, (uint32_t)read->region, read->offset);
	if (found < 0) {
		return false;
	}
	*value = (uint64_t)found;
	state_frame_commit_to(frame, read->answer, sequence, *value);
	return true;
}

/* The one of run->reads that a read of `region` (unchecked) with BH_PORT_WORD `word` is; NULL if it is none. */
static inline const struct model_run_read *model_run_find(
	const struct model_run *run, uint64_t region, uint64_t word)
{
	const struct model_run_read *read = &run->reads[BH_PORT_OFFSET(word) % MODEL_RUN_READS];

	return word == read->word && region == read->region ? read : NULL;
}

/* The long way of model_run_read(). */
uint64_t model_run_read_changing(struct model_run *run, const struct model_run_read *read, uint64_t sequence);

/* model_run_access() for a read that model_run_find() found. */
static inline uint64_t model_run_read(
	struct model_run *run, const struct model_run_read *read, uint64_t sequence)
{
	uint64_t value;

	return __builtin_expect(model_run_peek(run, read, sequence, &value), 1)
		       ? value
		       : model_run_read_changing(run, read, sequence);
}

/* Does an access of a client, whatever it asks for. Returns the value read, or 0 for a write. What is
 * outside of the model's regions, or of no known width, reads as all ones in that width, and is not
 * written. */
uint64_t model_run_access(struct model_run *run, const struct model_access *access);

/* Hands over MODEL_EVENT_* bits. */
void model_run_event(struct model_run *run, uint64_t bits);
