/* SPDX-License-Identifier: MIT */
/* Runs a model over its state frame: starts it, does accesses and events, publishes what was committed.
 * Pure: what touches the system goes through the environment. One thread at a time uses a struct
 * model_run. */
#pragma once

#include <stdint.h>

#include <bulkhead/lines.h>
#include <bulkhead/ring.h>
#include <bulkhead/state_frame.h>

#include "framework/model.h"

/* Times that an event is repeated because a ring has moved under it: more than a FIFO of 16 bytes can
 * need. */
#define MODEL_RUN_EVENT_REPEATS 32u

/* What a model needs from outside. */
struct model_resources {
	void *state; /* the state frame's memory */
	uint64_t state_size;
	struct lines_page *lines;
	void *console; /* NULL for a model without a console */
	uint64_t console_size;
	struct environment *environment;
};

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
	const char *refusal; /* MODEL_RESET_REFUSED: what the model says */
};

enum model_start_result {
	MODEL_STARTED_FRESH,
	MODEL_STARTED_AGAIN,   /* the registers of a former process were picked up */
	MODEL_STATE_TOO_SMALL, /* the state frame's region */
	MODEL_STATE_MISMATCH,  /* another model, or another version of this one, wrote the frame */
	MODEL_LINES_MISMATCH,
	MODEL_CONSOLE_INVALID, /* too small, another version, or missing */
	MODEL_RESET_REFUSED,   /* an argument is wrong: see `refusal` */
};

/* Takes hold of the resources, sets up fresh registers, and publishes what is committed; then once an
 * event, as a former process may have been killed between a commit and its signals. Call it before any
 * access. */
__attribute__((warn_unused_result)) enum model_start_result model_run_start(
	struct model_run *run, const struct model *model, const struct model_resources *resources);

/* Does an access of a client, whatever it asks for. Returns the value read, or 0 for a write. What is
 * outside of the model's regions, or of no known width, reads as all ones in that width, and is not
 * written. */
uint64_t model_run_access(struct model_run *run, const struct model_access *access);

/* Hands over MODEL_EVENT_* bits. */
void model_run_event(struct model_run *run, uint64_t bits);
