/* SPDX-License-Identifier: MIT */
/* The switch's side of a driver's rings, for tests: sends frames, takes what the driver has put in, writes nonsense. Host only. */
#pragma once

#include <bulkhead/frame_ring.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FAR_REGION_SIZE 0x81000u /* two rings of 256 KiB */
#define FAR_SMALL_SIZE 0x4000u   /* of 4 KiB: soon full, and soon over its end */

struct far_end {
	void *region; /* of its own allocation, so that nobody writes past it unseen */
	uint32_t size;
	struct ring out; /* to the driver */
	struct ring in;  /* from it */
	uint32_t head;
	uint32_t tail;
};

static inline void far_open(struct far_end *far, uint32_t size)
{
	*far = (struct far_end){ .region = aligned_alloc(64, size), .size = size };
	memset(far->region, 0, size);
	assert_int_equal(ring_region_rings(far->region, size, &far->in, &far->out), 0);
}

static inline void far_close(struct far_end *far) { free(far->region); }

static inline bool far_send(
	struct far_end *far, const uint8_t *bytes, uint32_t length, const struct frame_offload *offload)
{
	struct frame frame = { .length = length };

	if (!frame_ring_has_room(&far->out, far->head, length)) {
		return false;
	}
	if (offload != NULL) {
		frame.offload = *offload;
	}
	frame_ring_begin(&far->out, far->head, &frame);
	frame_ring_put(&far->out, frame_ring_frame(far->head), bytes, length);
	far->head += frame_record_size(length);
	ring_publish_head(&far->out, far->head);
	return true;
}

/* The next frame, into `bytes`, which have room for FRAME_MAX_LENGTH; its length, 0 if there is none. It has nothing left to do. */
static inline uint32_t far_receive(struct far_end *far, uint8_t *bytes)
{
	struct frame frame;
	enum frame_look look = frame_ring_look(&far->in, far->tail, &frame);

	assert_int_not_equal(look, FRAME_NONSENSE);
	if (look == FRAME_NONE) {
		return 0;
	}
	assert_int_equal(frame.offload.flags | frame.offload.gso_type, 0);
	frame_ring_get(&far->in, frame_ring_frame(far->tail), bytes, frame.length);
	far->tail += frame_record_size(frame.length);
	ring_publish_tail(&far->in, far->tail);
	return frame.length;
}

/* Has the driver, as a consumer, taken all? */
static inline bool far_is_empty(const struct far_end *far) { return far->out.shared->tail == far->head; }

/* ---- Frames of which each byte is known ------------------------------------------------------------------------------- */

static inline void far_pattern(uint8_t *bytes, uint32_t length, uint32_t seed)
{
	for (uint32_t i = 0; i < length; i++) {
		bytes[i] = (uint8_t)(seed * 31 + i * 7 + (i >> 8));
	}
}

static inline void far_check_pattern(const uint8_t *bytes, uint32_t length, uint32_t seed)
{
	static uint8_t wanted[FRAME_MAX_LENGTH];

	far_pattern(wanted, length, seed);
	assert_memory_equal(bytes, wanted, length);
}

static inline void far_send_pattern(struct far_end *far, uint32_t length, uint32_t seed)
{
	static uint8_t bytes[FRAME_MAX_LENGTH];

	far_pattern(bytes, length, seed);
	assert_true(far_send(far, bytes, length, NULL));
}

/* The next frame is that one. */
static inline void far_expect_pattern(struct far_end *far, uint32_t length, uint32_t seed)
{
	static uint8_t got[FRAME_MAX_LENGTH];

	assert_int_equal(far_receive(far, got), length);
	far_check_pattern(got, length, seed);
}

static inline void far_expect_nothing(struct far_end *far)
{
	static uint8_t got[FRAME_MAX_LENGTH];

	assert_int_equal(far_receive(far, got), 0);
}
