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
	const char *refusal;   /* MODEL_RESET_REFUSED: what the model says */
	uint32_t peek_regions; /* regions of a model that has `peek`, else 0 */
	struct {
		uint64_t word; /* what the bits MODEL_RUN_PEEK_MASK of a read in the region's own width are */
		uint64_t last; /* the last offset of such a read */
	} peek[MODEL_REGIONS];
};

/* Direction, width, and the bits of the vCPU's number above STATE_FRAME_VCPUS. */
#define MODEL_RUN_PEEK_MASK (UINT64_C(0xff) | UINT64_C(0xf0) << 32)
_Static_assert(STATE_FRAME_VCPUS == 16, "MODEL_RUN_PEEK_MASK");

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

/* The short way of model_run_access() for a read that changes nothing. `region` and `sequence` as in struct
 * model_access, unchecked, `word` BH_PORT_WORD. False, and nothing was done: take the long way. */
__attribute__((warn_unused_result)) static inline bool model_run_peek(
	struct model_run *run, uint64_t region, uint64_t word, uint64_t sequence, uint64_t *value)
{
	uint32_t vcpu = BH_PORT_VCPU(word) % STATE_FRAME_VCPUS;
	uint32_t offset = BH_PORT_OFFSET(word);
	struct state_frame *frame = &run->frame;
	int64_t found;

	/* IN, the region's own width, a vCPU that there is an answer for: one comparison. */
	if (region >= run->peek_regions || (word & MODEL_RUN_PEEK_MASK) != run->peek[region].word ||
		offset > run->peek[region].last) {
		return false;
	}
	/* A number that was seen last is (or looks like) an access that is done again. */
	if (frame->header->answers[vcpu].sequence == sequence) {
		return false;
	}
	found = run->model->peek(state_frame_committed(frame), &run->context, (uint32_t)region, offset);
	if (found < 0) {
		return false;
	}
	*value = (uint64_t)found;
	state_frame_commit_answer(frame, vcpu, sequence, *value);
	return true;
}

/* Does an access of a client, whatever it asks for. Returns the value read, or 0 for a write. What is
 * outside of the model's regions, or of no known width, reads as all ones in that width, and is not
 * written. */
uint64_t model_run_access(struct model_run *run, const struct model_access *access);

/* Hands over MODEL_EVENT_* bits. */
void model_run_event(struct model_run *run, uint64_t bits);
