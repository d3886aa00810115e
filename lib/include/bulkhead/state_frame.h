/* SPDX-License-Identifier: MIT */
/* State frames: where a device model keeps its registers, so that the process is code that can be
 * replaced. The memory belongs to the root task and is mapped into one model at a time. No system calls;
 * usable in host unit tests.
 *
 *   0     +------------------------------+
 *         | header: magic .. sizes       |
 *   56    | commit word                  |   {commit number (63 bits), index of the copy that counts (1 bit)}
 *   64    +------------------------------+
 *         | answers[vCPU]                |   {sequence, value, commit number} of the vCPU's last access
 *   512   +------------------------------+
 *         | copy 0 | copy 1              |   register_bytes each, rounded up to 32
 *         +------------------------------+
 *
 * An access works on the copy that does not count, notes its answer, and commits both with one 64-bit
 * store of the commit word. Killed before that store, nothing has happened; killed after it, the whole
 * access has. An access that is done again (same vCPU, same sequence number) finds its answer and changes
 * nothing. An answer is valid if its commit number is not above the commit word's: one that was noted
 * without a commit is discarded at the next attach, because a later commit would otherwise make it valid.
 * A read that changes no register needs no working copy: its commit has a new number and the old index.
 * A vCPU has one access at a time, so one answer for each is enough. Only one thread uses a frame. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <bulkhead/copy_words.h>

#define STATE_FRAME_MAGIC UINT64_C(0x454d415246545354)
#define STATE_FRAME_VERSION 1u
#define STATE_FRAME_VCPUS 16u
#define STATE_FRAME_COPIES 512u /* offset of copy 0 */
#define STATE_FRAME_ROUND 32u
#define STATE_FRAME_MIN_SIZE 4096u

struct state_frame_answer {
	uint64_t commit_number; /* 0 = no access yet */
	uint64_t sequence;
	uint64_t value;
};

struct state_frame_header {
	uint64_t magic;   /* written last: before that the frame is fresh */
	uint32_t version; /* of this layout */
	/* whose registers: a number that identifies model and version of its register structure */
	uint32_t model;
	uint64_t register_bytes; /* sizeof the model's register structure */
	uint64_t starts;         /* how often a process has attached */
	uint64_t reserved[3];
	uint64_t commit; /* commit number << 1 | index */
	struct state_frame_answer answers[STATE_FRAME_VCPUS];
};
_Static_assert(offsetof(struct state_frame_header, commit) == 56,
	"state frames outlive the process that wrote them");
_Static_assert(sizeof(struct state_frame_header) <= STATE_FRAME_COPIES,
	"state frames outlive the process that wrote them");

/* A process's hold on a frame; private memory. */
struct state_frame {
	struct state_frame_header *header;
	void *copy[2];
	uint32_t copy_bytes; /* register_bytes rounded up */
	uint32_t fresh;
};

enum state_frame_result {
	/* no registers in it yet: set them up in state_frame_begin(), then state_frame_initialised() */
	STATE_FRAME_FRESH,
	STATE_FRAME_PICKED_UP, /* holds the registers that a former process committed */
	STATE_FRAME_TOO_SMALL, /* two copies don't fit: nothing was changed */
	STATE_FRAME_MISMATCH,  /* another layout, model or register structure wrote it: nothing was changed */
};

static inline void *state_frame_copy(const struct state_frame *frame, uint64_t index)
{
	return frame->copy[index & 1];
}

/* Takes hold of the frame at `memory`, `size` bytes, aligned to 8. `model` identifies the register
 * structure, `register_bytes` is its size. The model's process calls it once at its start. */
__attribute__((warn_unused_result)) static inline enum state_frame_result state_frame_attach(
	struct state_frame *frame, void *memory, uint64_t size, uint32_t model, uint32_t register_bytes)
{
	struct state_frame_header *header = memory;
	uint64_t copy_bytes =
		((uint64_t)register_bytes + STATE_FRAME_ROUND - 1) & ~(uint64_t)(STATE_FRAME_ROUND - 1);

	if (size < STATE_FRAME_COPIES || copy_bytes > (size - STATE_FRAME_COPIES) / 2) {
		return STATE_FRAME_TOO_SMALL;
	}
	*frame = (struct state_frame){
		.header = header,
		.copy = { (uint8_t *)memory + STATE_FRAME_COPIES,
			(uint8_t *)memory + STATE_FRAME_COPIES + copy_bytes },
		.copy_bytes = (uint32_t)copy_bytes,
		.fresh = header->magic == 0,
	};
	if (header->magic == 0) {
		uint64_t *word = memory;

		/* A former process may have been killed while it set the frame up. */
		for (uint64_t i = 1; i < (STATE_FRAME_COPIES + 2 * copy_bytes) / sizeof(*word); i++) {
			word[i] = 0;
		}
		header->version = STATE_FRAME_VERSION;
		header->model = model;
		header->register_bytes = register_bytes;
		header->starts = 1;
		return STATE_FRAME_FRESH;
	}
	if (header->magic != STATE_FRAME_MAGIC || header->version != STATE_FRAME_VERSION ||
		header->model != model || header->register_bytes != register_bytes) {
		return STATE_FRAME_MISMATCH;
	}
	for (uint32_t vcpu = 0; vcpu < STATE_FRAME_VCPUS; vcpu++) {
		if (header->answers[vcpu].commit_number > header->commit >> 1) {
			header->answers[vcpu].commit_number = 0;
		}
	}
	header->starts++;
	return STATE_FRAME_PICKED_UP;
}

/* After STATE_FRAME_FRESH, when the registers were set up and committed: from now on the frame is picked
 * up. */
static inline void state_frame_initialised(struct state_frame *frame)
{
	__atomic_store_n(&frame->header->magic, STATE_FRAME_MAGIC, __ATOMIC_RELEASE);
	frame->fresh = 0;
}

/* True, and the answer in `value`, if the vCPU's access `sequence` was committed already. `vcpu` below
 * STATE_FRAME_VCPUS. */
static inline int state_frame_remembers(
	const struct state_frame *frame, uint32_t vcpu, uint64_t sequence, uint64_t *value)
{
	const struct state_frame_answer *answer = &frame->header->answers[vcpu];

	if (answer->sequence != sequence || answer->commit_number == 0 ||
		answer->commit_number > frame->header->commit >> 1) {
		return 0;
	}
	*value = answer->value;
	return 1;
}

/* The registers that count; not to be written. */
static inline const void *state_frame_committed(const struct state_frame *frame)
{
	return state_frame_copy(frame, frame->header->commit);
}

/* A working copy of the registers, to be changed and then committed, or to be forgotten. */
static inline void *state_frame_begin(struct state_frame *frame)
{
	const uint64_t *from = state_frame_copy(frame, frame->header->commit);
	uint64_t *to = state_frame_copy(frame, frame->header->commit + 1);

	if (frame->copy_bytes / sizeof(*to) >= COPY_WORDS_MANY) {
		copy_words(to, from, frame->copy_bytes / sizeof(*to));
		return to;
	}
	/* Four words a turn: not worth a call, and not a pattern that the compiler turns into one. */
	for (uint32_t i = 0; i < frame->copy_bytes / sizeof(*to); i += 4) {
		to[i] = from[i];
		to[i + 1] = from[i + 1];
		to[i + 2] = from[i + 2];
		to[i + 3] = from[i + 3];
	}
	return to;
}

/* The working copy counts from now on; no access goes with it (an event). */
static inline void state_frame_commit_event(struct state_frame *frame)
{
	uint64_t commit = frame->header->commit;

	__atomic_store_n(
		&frame->header->commit, (((commit >> 1) + 1) << 1) | (~commit & 1), __ATOMIC_RELEASE);
}

/* The working copy counts from now on, and `value` is the answer of the vCPU's access `sequence`. `vcpu`
 * below STATE_FRAME_VCPUS. */
static inline void state_frame_commit_access(
	struct state_frame *frame, uint32_t vcpu, uint64_t sequence, uint64_t value)
{
	struct state_frame_answer *answer = &frame->header->answers[vcpu];

	/* The commit number goes first: with it the answer is void until the commit. x86 keeps the order
	 * of stores. */
	__atomic_store_n(&answer->commit_number, (frame->header->commit >> 1) + 1, __ATOMIC_RELEASE);
	__atomic_store_n(&answer->sequence, sequence, __ATOMIC_RELEASE);
	__atomic_store_n(&answer->value, value, __ATOMIC_RELEASE);
	state_frame_commit_event(frame);
}

/* Notes `value` as the answer of a vCPU's access `sequence`, which changed no register: the copy that counts
 * goes on counting. `answer`: the vCPU's, in the frame. */
static inline void state_frame_commit_to(
	struct state_frame *frame, struct state_frame_answer *answer, uint64_t sequence, uint64_t value)
{
	uint64_t commit = frame->header->commit + 2; /* the next number, the same index */

	/* In the order of state_frame_commit_access(). */
	__atomic_store_n(&answer->commit_number, commit >> 1, __ATOMIC_RELEASE);
	__atomic_store_n(&answer->sequence, sequence, __ATOMIC_RELEASE);
	__atomic_store_n(&answer->value, value, __ATOMIC_RELEASE);
	__atomic_store_n(&frame->header->commit, commit, __ATOMIC_RELEASE);
}
