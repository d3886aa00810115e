/* SPDX-License-Identifier: MIT */
/* Proof: derivation-list
 * Property: insert, append, delete, move and swap (what CNode operations do to the derivation list) keep the list well formed, and who is
 *	derived from whom stays as it was for all others: a new capability is derived from its parent and from all that that one is derived
 *	from, and from nothing else; nobody becomes derived from a newcomer; taking one out changes nothing between the others; what is moved
 *	keeps its place, its contents and its neighbours in its space's list of mappings.
 * Bound: lists of 1 to 6 capabilities and a newcomer, depths and joins within 16 of either end of their range, insert, delete and move at any of them, swap of pairs in every relative position.
 * Assumes: memory slots are in the order of the list
 * Assumes: no slot in the list is empty; no join is greater than its depth, nor than that of a child of the entry before it
 * Models: memset of a slot is one assignment
 * Models: no Frame or PageTable in the list is mapped (the neighbours in a space's list: unit test of derivation.c)
 * Functions: kernel/object/derivation.c: derivation_insert derivation_append derivation_remove relink capability_move
 *	capability_swap
 * Functions: kernel/object/capability.h: derivation_join derivation_set_join
 * Replaces: link_target proof_link_target
 * Options: --unwind 10
 */
#include "proof.h"

#include "slots.h"

#include "object/derivation.c"

#define SLOTS 6

/* Does something at a chosen index, each of them apart and from the same state: addresses that are constants make the proof many times
 * as fast. */
#define AT(chosen, statement)                         \
	for (unsigned int at = 0; at < SLOTS; at++) { \
		if (at == (chosen)) {                 \
			statement;                    \
			break;                        \
		}                                     \
	}

/* No slot is mapped here. */
void *proof_link_target(uint64_t link)
{
	PROVE(link == 0, "nothing is mapped");
	return NULL;
}

static struct capability slots[SLOTS], fresh;

/* A depth within 16 of either end. The code compares depths and adds one: for 7 entries more different numbers show nothing new. */
static uint64_t any_depth(void)
{
	uint64_t value = any_u8() & 15;

	return any_bool() ? DEPTH_MAXIMUM - value : value;
}
static struct capability copies[SLOTS + 1];
static unsigned int count;

/* What of the list says who is derived from whom. */
struct shape {
	uint64_t depth[SLOTS + 1], join[SLOTS + 1];
};
static struct shape before;

/* Is entry `second` derived from entry `first`? By the list's definition: no join up to it is as small as the depth of `first`. */
static bool is_derived(const struct shape *shape, unsigned int first, unsigned int second)
{
	bool derived = first < second;

	for (unsigned int i = 1; i <= SLOTS; i++) {
		if (i > first && i <= second && shape->join[i] <= shape->depth[first]) {
			derived = false;
		}
	}
	return derived;
}

/* Any list of any length. The code under proof compares addresses for equality only, so order in memory may be order in the list. */
static void any_list(void)
{
	count = any_u32();
	ASSUME(count >= 1 && count <= SLOTS, "memory slots are in the order of the list");
	for (unsigned int i = 0; i < SLOTS; i++) {
		bool used = i < count;

		slots[i].type = any_u8();
		__CPROVER_assume(!used || slots[i].type != BH_OBJECT_NULL);
		slots[i].rights = any_u8();
		slots[i].depth = any_depth();
		slots[i].object = any_u64();
		slots[i].badge = any_u64();
		derivation_set_join(&slots[i], any_depth());
		__CPROVER_assume(derivation_join(&slots[i]) <= slots[i].depth);
		__CPROVER_assume(
			derivation_join(&slots[i]) <= (i == 0 ? 0 : (uint64_t)slots[i - 1].depth + 1));
		slots[i].previous = i > 0 && used ? &slots[i - 1] : NULL;
		slots[i].next = i + 1 < count ? &slots[i + 1] : NULL;
		copies[i] = slots[i];
		before.depth[i] = slots[i].depth;
		before.join[i] = derivation_join(&slots[i]);
	}
	COVER("assumption: no slot in the list is empty; no join is greater than its depth, nor than that of a child of the entry before it");
}

static bool same_contents(const struct capability *slot, const struct capability *copy)
{
	return slot->type == copy->type && slot->rights == copy->rights && slot->object == copy->object &&
	       slot->badge == copy->badge && slot->space_link == copy->space_link &&
	       slot->map_previous_link == copy->map_previous_link &&
	       slot->map_next_link == copy->map_next_link;
}

/* What the operation left, read at constant addresses: index SLOTS is the newcomer. */
static struct shape left;
static const struct capability *left_previous[SLOTS + 1], *left_next[SLOTS + 1];

static const struct capability *address_of(unsigned int index)
{
	return index < SLOTS ? &slots[index] : &fresh;
}

/* The list now consists of exactly the entries of those indices in this order, linked both ways; writes their depths and joins. */
static void check_list(const unsigned int *order, unsigned int length, struct shape *shape)
{
	for (unsigned int i = 0; i < SLOTS + 1; i++) {
		const struct capability *entry = i < SLOTS ? &slots[i] : &fresh;

		left.depth[i] = entry->depth;
		left.join[i] = derivation_join(entry);
		left_previous[i] = entry->previous;
		left_next[i] = entry->next;
	}
	for (unsigned int i = 0; i < SLOTS + 1; i++) {
		if (i < length) {
			PROVE(left_previous[order[i]] == (i > 0 ? address_of(order[i - 1]) : NULL),
				"previous is the entry before");
			PROVE(left_next[order[i]] == (i + 1 < length ? address_of(order[i + 1]) : NULL),
				"next is the entry behind");
			shape->depth[i] = left.depth[order[i]];
			shape->join[i] = left.join[order[i]];
			PROVE(shape->join[i] <= shape->depth[i], "no join is greater than its depth");
			PROVE(shape->join[i] <= (i == 0 ? 0 : shape->depth[i - 1] + 1),
				"nor than that of a child of the entry before it");
		}
	}
}

/* The contents of all but those two, and their depths. */
static void others_stay(unsigned int first, unsigned int second)
{
	for (unsigned int i = 0; i < SLOTS; i++) {
		if (i < count && i != first && i != second) {
			PROVE(same_contents(&slots[i], &copies[i]) && slots[i].depth == before.depth[i],
				"the others stay as they are");
		}
	}
}

static bool is_zero(const struct capability *slot)
{
	return slot->type == 0 && slot->rights == 0 && slot->depth == 0 && slot->object == 0 &&
	       slot->badge == 0 && slot->previous == NULL && slot->next == NULL &&
	       derivation_join(slot) == 0 && slot->space_link == 0 && slot->map_previous_link == 0 &&
	       slot->map_next_link == 0;
}

/* Whatever an earlier use left in the newcomer's slot. */
static void any_newcomer(void)
{
	fresh.depth = any_depth();
	derivation_set_join(&fresh, any_depth());
	fresh.previous = any_bool() ? &slots[0] : NULL;
	fresh.next = any_bool() ? &slots[0] : NULL;
}

static void insert(void)
{
	unsigned int order[SLOTS + 1];
	struct shape after;
	unsigned int parent = any_u32(), first = any_u32(), second = any_u32();

	__CPROVER_assume(parent < count && first < count && second < count);
	any_newcomer();

	enum bh_error error = BH_OK;

	AT(parent, error = derivation_insert(&slots[at], &fresh));

	for (unsigned int i = 0; i < SLOTS + 1; i++) {
		order[i] = error != BH_OK || i <= parent ? i : i == parent + 1 ? SLOTS : i - 1;
	}
	check_list(order, error == BH_OK ? count + 1 : count, &after);
	others_stay(SLOTS, SLOTS);
	COVER_IF(error == BH_OK && parent + 1 < count &&
			 before.join[parent + 1] == before.depth[parent] + 1 &&
			 before.depth[parent + 1] > before.join[parent + 1],
		"a newcomer before an orphan of its parent's");
	if (error != BH_OK) {
		COVER("too deep");
		PROVE(error == BH_ERROR_DEPTH, "the only error");
		PROVE(before.depth[parent] == DEPTH_MAXIMUM, "only where a child can't be deeper");
		return;
	}
	PROVE(is_derived(&after, parent, parent + 1), "derived from its parent");
	PROVE(first > parent || is_derived(&after, first, parent + 1) ==
					(first == parent || is_derived(&before, first, parent)),
		"and from what that is derived from, and from nothing else");
	PROVE(first <= parent || !is_derived(&after, parent + 1, first + 1),
		"nobody is derived from the newcomer");
	PROVE(is_derived(&after, first > parent ? first + 1 : first, second > parent ? second + 1 : second) ==
			is_derived(&before, first, second),
		"between the others nothing changed");
}

static void append(void)
{
	unsigned int first = any_u32();
	struct shape after;
	unsigned int order[SLOTS + 1];

	__CPROVER_assume(first < count);
	any_newcomer();
	AT(count - 1, derivation_append(&slots[at], &fresh));
	for (unsigned int i = 0; i < SLOTS + 1; i++) {
		order[i] = i < count ? i : SLOTS;
	}
	check_list(order, count + 1, &after);
	PROVE(!is_derived(&after, first, count) && fresh.depth == 0, "derived from nothing");
	others_stay(SLOTS, SLOTS);
}

static void take_out(void)
{
	unsigned int victim = any_u32(), first = any_u32(), second = any_u32();
	struct shape after;
	unsigned int order[SLOTS + 1];

	__CPROVER_assume(
		victim < count && first < count && second < count && first != victim && second != victim);
	AT(victim, derivation_remove(&slots[at]));
	for (unsigned int i = 0; i < SLOTS + 1; i++) {
		order[i] = i < victim || i == SLOTS ? i : i + 1;
	}
	check_list(order, count - 1, &after);
	COVER_IF(is_derived(&before, first, victim) && is_derived(&before, victim, second),
		"a middle capability goes");
	COVER_IF(after.join[second > victim ? second - 1 : second] != before.join[second],
		"the next entry takes over its join");
	PROVE(is_derived(&after, first > victim ? first - 1 : first, second > victim ? second - 1 : second) ==
			is_derived(&before, first, second),
		"between the others nothing changed");
	AT(victim,
		PROVE(slots[at].previous == NULL && slots[at].next == NULL, "it has no neighbours any more"));
	others_stay(victim, SLOTS);
}

static void move(void)
{
	unsigned int from = any_u32();
	struct shape after;
	unsigned int order[SLOTS + 1];

	__CPROVER_assume(from < count);
	AT(from, capability_move(&slots[at], &fresh));
	for (unsigned int i = 0; i < SLOTS + 1; i++) {
		order[i] = i == from ? SLOTS : i;
	}
	check_list(order, count, &after);
	AT(from, PROVE(same_contents(&fresh, &copies[at]) && fresh.depth == before.depth[at] &&
				 derivation_join(&fresh) == before.join[at],
			 "all of it is in the new place"));
	AT(from, PROVE(is_zero(&slots[at]), "the old place is empty"));
	others_stay(from, SLOTS);
}

static bool was_exchanged(unsigned int one, unsigned int other, unsigned int first, unsigned int second)
{
	return first != one || second != other ||
	       (same_contents(&slots[one], &copies[other]) && slots[one].depth == before.depth[other] &&
		       same_contents(&slots[other], &copies[one]) && slots[other].depth == before.depth[one]);
}

static void exchange(void)
{
	unsigned int first = any_u32(), second = any_u32();
	struct shape after;
	unsigned int order[SLOTS + 1];

	__CPROVER_assume(first < count && second < count);
	/* Every way in which two can stand: as neighbours in both orders, apart, at either end. */
	if (first == 0 && second == 1) {
		capability_swap(&slots[0], &slots[1]);
	} else if (first == 3 && second == 2) {
		capability_swap(&slots[3], &slots[2]);
	} else if (first == 1 && second == 4) {
		capability_swap(&slots[1], &slots[4]);
	} else if (first == 5 && second == 0) {
		capability_swap(&slots[5], &slots[0]);
	} else {
		__CPROVER_assume(first == 2 && second == 2);
		capability_swap(&slots[2], &slots[2]);
	}
	for (unsigned int i = 0; i < SLOTS + 1; i++) {
		order[i] = i == first ? second : i == second ? first : i;
	}
	check_list(order, count, &after);
	COVER_IF(first + 1 == second, "neighbours change places");
	COVER_IF(first == second, "one with itself");
	PROVE(was_exchanged(0, 1, first, second) && was_exchanged(3, 2, first, second) &&
			was_exchanged(1, 4, first, second) && was_exchanged(5, 0, first, second) &&
			was_exchanged(2, 2, first, second),
		"each is in the other's place");
	PROVE(after.join[first] == before.join[first] && after.join[second] == before.join[second],
		"and joins stay with the places in the list");
	others_stay(first, second);
}

int main(void)
{
	any_list();
	switch (any_u32() % 5) {
	case 0:
		insert();
		break;
	case 1:
		append();
		break;
	case 2:
		take_out();
		break;
	case 3:
		move();
		break;
	default:
		exchange();
		break;
	}
	return 0;
}
