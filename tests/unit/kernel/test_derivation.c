/* SPDX-License-Identifier: MIT */
/* The derivation list (the kernel's own derivation.c) against a model that knows each capability's ancestors: every sequence of
 * copies, deletions, moves and exchanges up to a depth, on six slots, and long random ones on more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "object/capability.h"

#define SLOTS_MAXIMUM 24

static struct capability slots[SLOTS_MAXIMUM];
static struct object_header object;
static unsigned int slot_count;

/* The model: bit b of ancestors[a]: a is derived from b. A slot that is not in use has used false. */
static uint32_t ancestors[SLOTS_MAXIMUM];
static uint32_t used;

static void start(unsigned int count)
{
	slot_count = count;
	for (unsigned int i = 0; i < SLOTS_MAXIMUM; i++) {
		slots[i] = (struct capability){ 0 };
		ancestors[i] = 0;
	}
	object = (struct object_header){ .references = 1 };
	slots[0].type = BH_OBJECT_ENDPOINT;
	slots[0].rights = BH_RIGHTS_ALL;
	slots[0].object = (uint64_t)&object;
	derivation_append(NULL, &slots[0]);
	used = 1;
}

static unsigned int index_of(const struct capability *slot) { return (unsigned int)(slot - slots); }

/* What the kernel's Revoke of that slot would delete. */
static uint32_t descendants(unsigned int index)
{
	uint32_t found = 0;

	for (const struct capability *entry = slots[index].next;
		entry != NULL && derivation_join(entry) > slots[index].depth; entry = entry->next) {
		found |= 1u << index_of(entry);
	}
	return found;
}

static void compare(void)
{
	const struct capability *previous = NULL;
	unsigned int length = 0, expected = 0;

	for (unsigned int i = 0; i < slot_count; i++) {
		uint32_t model = 0;

		assert_int_equal(capability_is_empty(&slots[i]), (used >> i & 1) == 0);
		if ((used >> i & 1) == 0) {
			assert_null(slots[i].previous);
			assert_null(slots[i].next);
			continue;
		}
		expected++;
		for (unsigned int j = 0; j < slot_count; j++) {
			if ((used >> j & 1) != 0 && (ancestors[j] >> i & 1) != 0) {
				model |= 1u << j;
			}
		}
		assert_int_equal(descendants(i), model);
		assert_int_equal(derivation_first_child(&slots[i]) != NULL, model != 0);
	}
	for (unsigned int i = 0; i < slot_count; i++) {
		if ((used >> i & 1) != 0 && slots[i].previous == NULL) {
			previous = &slots[i]; /* the head */
		}
	}
	for (const struct capability *entry = previous; entry != NULL; entry = entry->next) {
		if (entry->next != NULL) {
			assert_ptr_equal(entry->next->previous, entry);
		}
		length++;
	}
	assert_int_equal(length, expected);
	assert_int_equal(object.references, expected);
}

static bool copy(unsigned int from, unsigned int to)
{
	if ((used >> from & 1) == 0 || (used >> to & 1) != 0) {
		return false;
	}
	assert_int_equal(capability_copy(&slots[from], &slots[to], BH_RIGHTS_ALL), BH_OK);
	ancestors[to] = ancestors[from] | 1u << from;
	used |= 1u << to;
	return true;
}

static bool delete (unsigned int index)
{
	if ((used >> index & 1) == 0 || (used & (used - 1)) == 0) {
		return false;
	}
	derivation_remove(&slots[index]);
	slots[index] = (struct capability){ 0 };
	object.references--;
	used &= ~(1u << index);
	ancestors[index] = 0;
	for (unsigned int i = 0; i < slot_count; i++) {
		ancestors[i] &= ~(1u << index);
	}
	return true;
}

static void rename_slots(unsigned int first, unsigned int second)
{
	uint32_t kept = ancestors[first];
	uint32_t bits = (used >> first & 1) << second | (used >> second & 1) << first;

	ancestors[first] = ancestors[second];
	ancestors[second] = kept;
	used = (used & ~(1u << first | 1u << second)) | bits;
	for (unsigned int i = 0; i < slot_count; i++) {
		uint32_t word = ancestors[i];

		ancestors[i] = (word & ~(1u << first | 1u << second)) | (word >> first & 1) << second |
			       (word >> second & 1) << first;
	}
}

static bool move(unsigned int from, unsigned int to)
{
	if ((used >> from & 1) == 0 || (used >> to & 1) != 0) {
		return false;
	}
	capability_move(&slots[from], &slots[to]);
	rename_slots(from, to);
	return true;
}

static bool swap(unsigned int first, unsigned int second)
{
	if ((used >> first & 1) == 0 || (used >> second & 1) == 0) {
		return false;
	}
	capability_swap(&slots[first], &slots[second]);
	if (first != second) {
		rename_slots(first, second);
	}
	return true;
}

static bool revoke(unsigned int index)
{
	if ((used >> index & 1) == 0) {
		return false;
	}
	for (struct capability *child = derivation_first_child(&slots[index]); child != NULL;
		child = derivation_first_child(&slots[index])) {
		assert_true(delete (index_of(child)));
	}
	return true;
}

static bool operate(unsigned int operation, unsigned int first, unsigned int second)
{
	switch (operation) {
	case 0:
		return copy(first, second);
	case 1:
		return second == 0 && delete (first);
	case 2:
		return move(first, second);
	case 3:
		return first < second && swap(first, second);
	default:
		return second == 0 && revoke(first);
	}
}

struct state {
	struct capability slots[SLOTS_MAXIMUM];
	uint32_t ancestors[SLOTS_MAXIMUM];
	uint32_t used;
	struct object_header object;
};

static void save(struct state *state)
{
	for (unsigned int i = 0; i < slot_count; i++) {
		state->slots[i] = slots[i];
		state->ancestors[i] = ancestors[i];
	}
	state->used = used;
	state->object = object;
}

static void restore(const struct state *state)
{
	for (unsigned int i = 0; i < slot_count; i++) {
		slots[i] = state->slots[i];
		ancestors[i] = state->ancestors[i];
	}
	used = state->used;
	object = state->object;
}

static unsigned long sequences;

static void all_sequences(unsigned int depth, bool with_moves)
{
	struct state state;

	compare();
	sequences++;
	if (depth == 0) {
		return;
	}
	save(&state);
	for (unsigned int operation = 0; operation < 5; operation++) {
		if (!with_moves && (operation == 2 || operation == 3)) {
			continue;
		}
		for (unsigned int first = 0; first < slot_count; first++) {
			for (unsigned int second = 0; second < slot_count; second++) {
				if (operate(operation, first, second)) {
					all_sequences(depth - 1, with_moves);
					restore(&state);
				}
			}
		}
	}
}

static void test_every_sequence_of_six(void **unused)
{
	(void)unused;
	start(4);
	sequences = 0;
	all_sequences(6, true);
	assert_true(sequences > 10000);
}

/* Which free slot a copy goes to makes no difference without moves: the first one is enough, so six capabilities fit. */
static void copies_and_deletions(unsigned int depth)
{
	struct state state;

	compare();
	sequences++;
	if (depth == 0) {
		return;
	}
	save(&state);
	for (unsigned int first = 0; first < slot_count; first++) {
		unsigned int free_slot = 0;

		while (free_slot < slot_count && (used >> free_slot & 1) != 0) {
			free_slot++;
		}
		if (free_slot < slot_count && copy(first, free_slot)) {
			copies_and_deletions(depth - 1);
			restore(&state);
		}
		if (delete (first)) {
			copies_and_deletions(depth - 1);
			restore(&state);
		}
	}
}

static void test_every_sequence_of_nine_copies_and_deletions(void **unused)
{
	(void)unused;
	start(6);
	sequences = 0;
	copies_and_deletions(9);
	assert_true(sequences > 100000);
}

static void test_random(void **unused)
{
	uint64_t random = 0x243f6a8885a308d3;
	unsigned int done[5] = { 0 };

	(void)unused;
	start(SLOTS_MAXIMUM);
	for (unsigned int i = 0; i < 100000; i++) {
		unsigned int operation;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		operation = (random >> 40 & 63) == 0 ? 4 : (random >> 32 & 7) < 4 ? 0 : (random >> 32 & 3);
		if (operate(operation, (unsigned int)(random & 0xff) % SLOTS_MAXIMUM,
			    operation == 1 || operation == 4
				    ? 0
				    : (unsigned int)(random >> 8 & 0xff) % SLOTS_MAXIMUM)) {
			done[operation]++;
			compare();
		}
	}
	for (unsigned int i = 0; i < 5; i++) {
		assert_true(done[i] > 500);
	}
}

static void test_depth_ends(void **unused)
{
	(void)unused;
	start(4);
	slots[0].depth = DEPTH_MAXIMUM - 1;
	assert_true(copy(0, 1));
	assert_int_equal(slots[1].depth, DEPTH_MAXIMUM);
	assert_int_equal(capability_copy(&slots[1], &slots[2], BH_RIGHTS_ALL), BH_ERROR_DEPTH);
	compare(); /* nothing was changed */
	assert_true(copy(0, 2));
	compare();
}

static void test_what_has_one_owner_is_not_copied(void **unused)
{
	struct capability from = { .type = BH_OBJECT_UNTYPED }, to = { 0 };

	(void)unused;
	assert_int_equal(capability_copy(&from, &to, BH_RIGHTS_ALL), BH_ERROR_STATE);
	from.type = BH_OBJECT_PAGE_TABLE;
	assert_int_equal(capability_copy(&from, &to, BH_RIGHTS_ALL), BH_ERROR_STATE);
	assert_true(capability_is_empty(&to));
}

static void test_copies_of_frames_are_not_mapped(void **unused)
{
	struct capability from = { .type = BH_OBJECT_FRAME, .rights = BH_RIGHT_READ }, to = { 0 },
			  before = { 0 }, after = { 0 };

	(void)unused;
	from.mapping.size_bits = 21;
	from.mapping.device = 1;
	mapping_set_address(&from, 0x40000000);
	from.space_link = (uint64_t)&object & LINK_MASK;
	mapping_link(&before, &from);
	mapping_link(&from, &after);
	derivation_append(NULL, &from);
	assert_int_equal(capability_copy(&from, &to, BH_RIGHTS_ALL), BH_OK);
	assert_null(mapping_space(&to));
	assert_int_equal(mapping_address(&to), 0);
	assert_int_equal(to.mapping.size_bits, 21);
	assert_int_equal(to.mapping.device, 1);
	assert_int_equal(to.rights, BH_RIGHT_READ);
	assert_int_equal(mapping_address(&from), 0x40000000);
	/* a moved one stays in its space's ring */
	capability_move(&from, &slots[5]);
	assert_ptr_equal(mapping_next(&before), &slots[5]);
	assert_ptr_equal(mapping_previous(&after), &slots[5]);
	assert_ptr_equal(to.previous, &slots[5]);
}

static void test_levels(void **unused)
{
	struct capability frame = { .type = BH_OBJECT_FRAME }, table = { .type = BH_OBJECT_PAGE_TABLE };

	(void)unused;
	frame.mapping.size_bits = 12;
	assert_int_equal(mapping_level(&frame), 1);
	frame.mapping.size_bits = 21;
	assert_int_equal(mapping_level(&frame), 2);
	frame.mapping.size_bits = 30;
	assert_int_equal(mapping_level(&frame), 3);
	table.mapping.level = 3;
	assert_int_equal(mapping_level(&table), 4);
	mapping_set_address(&frame, 0x7fffffe00fff);
	assert_int_equal(mapping_address(&frame), 0x7fffffe00000);
	assert_int_equal(frame.mapping.size_bits, 30); /* shares the word, not the bits */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_sequence_of_six),
		cmocka_unit_test(test_every_sequence_of_nine_copies_and_deletions),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_depth_ends),
		cmocka_unit_test(test_what_has_one_owner_is_not_copied),
		cmocka_unit_test(test_copies_of_frames_are_not_mapped),
		cmocka_unit_test(test_levels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
