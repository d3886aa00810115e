/* SPDX-License-Identifier: MIT */
/* Frames in rings: every length and place, around the end too, and a peer that lies. */
#include "wire.h"

/* Any number for each call; the same each time. */
static uint32_t number(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
	return (uint32_t)(*seed >> 33);
}

static void region_holds_seven_of_the_largest(void **state)
{
	struct ring from;
	struct ring to;
	void *region = aligned_alloc(64, FRAME_REGION_SIZE);
	uint32_t head = 0;
	uint32_t count = 0;

	(void)state;
	memset(region, 0, FRAME_REGION_SIZE);
	assert_int_equal(frame_region_attach(region, FRAME_REGION_SIZE, &from, &to), 0);
	assert_int_equal(from.capacity, 512 * 1024);
	assert_true(to.bytes + to.capacity <= (uint8_t *)region + FRAME_REGION_SIZE);
	for (; frame_ring_has_room(&from, head, FRAME_MAX_LENGTH); count++) {
		head += frame_record_size(FRAME_MAX_LENGTH);
	}
	assert_int_equal(count, 7);
	/* a console is no card */
	assert_int_equal(console_attach(region, FRAME_REGION_SIZE, &from, &to), -1);
	free(region);
}

static void frames_arrive_as_they_were(void **state)
{
	static uint8_t sent[FRAME_MAX_LENGTH];
	static uint8_t got[FRAME_MAX_LENGTH];
	struct card card = { .region = aligned_alloc(64, FRAME_REGION_SIZE) };
	uint64_t seed = 5;

	(void)state;
	memset(card.region, 0, FRAME_REGION_SIZE);
	assert_int_equal(frame_region_attach(card.region, FRAME_REGION_SIZE, &card.out, &card.in), 0);
	card.in = card.out; /* it hears itself */
	card.head = card.tail = UINT32_MAX - 7 - 1000 * 8;
	ring_publish_head(&card.out, card.head);
	ring_publish_tail(&card.out, card.tail);
	for (unsigned i = 0; i < 3000; i++) {
		uint32_t limit = i % 8 == 0 ? FRAME_MAX_LENGTH - FRAME_MIN_LENGTH + 1 : 200;
		uint32_t length = FRAME_MIN_LENGTH + number(&seed) % limit;
		struct frame_offload offload = { (uint8_t)number(&seed), (uint8_t)number(&seed),
			(uint16_t)number(&seed), (uint16_t)number(&seed), (uint16_t)number(&seed) };
		struct frame_offload got_offload;

		frame_make(sent, length, MAC_OF(1), MAC_OF(0), i & 0xffff, i);
		assert_true(card_send(&card, sent, length, &offload));
		assert_int_equal(card_receive(&card, got, &got_offload), length);
		assert_memory_equal(got, sent, length);
		assert_int_equal(got_offload.flags, offload.flags);
		assert_int_equal(got_offload.gso_type, offload.gso_type);
		assert_int_equal(got_offload.gso_size, offload.gso_size);
		assert_int_equal(got_offload.checksum_start, offload.checksum_start);
		assert_int_equal(got_offload.checksum_offset, offload.checksum_offset);
	}
	assert_int_equal(card_receive(&card, got, NULL), 0);
	free(card.region);
}

static void passing_is_the_same_wherever_both_stand(void **state)
{
	static uint8_t memory[2][2048];
	struct ring from = { NULL, memory[0], 1024, 0 };
	struct ring to = { NULL, memory[1], 1024, 0 };
	uint64_t seed = 9;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		uint32_t count = number(&seed) % 1025;
		uint32_t from_index = number(&seed);
		uint32_t to_index = number(&seed);

		for (uint32_t j = 0; j < 1024; j++) {
			memory[0][j] = (uint8_t)number(&seed);
			memory[1][j] = 0;
		}
		frame_ring_pass(&from, from_index, &to, to_index, count);
		for (uint32_t j = 0; j < 1024; j++) {
			assert_int_equal(memory[1][(to_index + j) % 1024],
				j < count ? memory[0][(from_index + j) % 1024] : 0);
		}
		/* nothing behind the end */
		assert_int_equal(memory[1][1024], 0);
	}
}

static void nonsense_is_told(void **state)
{
	struct card card = { .region = aligned_alloc(64, FRAME_REGION_SIZE) };
	struct frame frame;
	static const struct {
		uint32_t head;
		uint32_t length;
		enum frame_look look;
	} cases[] = {
		{ 0, 60, FRAME_NONE },
		{ 80, 60, FRAME_READY },
		{ 800, 60, FRAME_READY },
		{ 72, 60, FRAME_NONSENSE },             /* less than it says */
		{ 8, 60, FRAME_NONSENSE },              /* not even what stands before it */
		{ 81, 60, FRAME_NONSENSE },             /* no multiple of 8 */
		{ 512 * 1024 + 8, 60, FRAME_NONSENSE }, /* more than the ring holds */
		{ 0xfffffff8, 60, FRAME_NONSENSE },     /* behind */
		{ 80, 13, FRAME_NONSENSE },
		{ 80, 14, FRAME_READY },
		{ 80, 0, FRAME_NONSENSE },
		{ 512 * 1024, FRAME_MAX_LENGTH, FRAME_READY },
		{ 512 * 1024, FRAME_MAX_LENGTH + 1, FRAME_NONSENSE },
		{ 512 * 1024, 0xffffffff, FRAME_NONSENSE },
		{ 512 * 1024, 0xfffffff0, FRAME_NONSENSE },
	};

	(void)state;
	memset(card.region, 0, FRAME_REGION_SIZE);
	assert_int_equal(frame_region_attach(card.region, FRAME_REGION_SIZE, &card.out, &card.in), 0);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		frame_ring_begin(&card.out, 0, &(struct frame){ .length = cases[i].length });
		ring_publish_head(&card.out, cases[i].head);
		assert_int_equal(frame_ring_look(&card.out, 0, &frame), cases[i].look);
	}
	free(card.region);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(region_holds_seven_of_the_largest),
		cmocka_unit_test(frames_arrive_as_they_were),
		cmocka_unit_test(passing_is_the_same_wherever_both_stand),
		cmocka_unit_test(nonsense_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
