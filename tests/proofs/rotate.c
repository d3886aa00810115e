/* SPDX-License-Identifier: MIT */
/* Proof: rotate
 * Property: Rotate moves the pivot to the destination and the source to the pivot's slot, or exchanges pivot and source where destination and
 *	source are the same slot: each with all that it is, its depth and its place in the derivation list, which stays well formed, and who is
 *	derived from whom stays as it was. What is refused changes nothing, and only these are refused: a slot that is not there, an empty pivot or
 *	source, an occupied destination, a pivot that is source or destination, a CNode without the right to write.
 * Bound: lists of 1 to 6 capabilities and an empty slot, depths and joins within 16 of either end of their range; 24 choices of the three slots: neighbours and others in every order, at either end, empty ones, and none.
 * Assumes: memory slots are in the order of the list
 * Assumes: no slot in the list is empty; no join is greater than its depth, nor than that of a child of the entry before it
 * Models: cnode_slot finds the slot that was named, or none (see capability-lookup)
 * Models: memset of a slot is one assignment
 * Models: no Frame or PageTable in the list is mapped (the neighbours in a space's list: unit test of derivation.c)
 * Functions: kernel/object/cnode.c: rotate find_occupied
 * Functions: kernel/object/derivation.c: capability_move capability_swap relink
 * Replaces: link_target proof_link_target
 * Replaces: cnode_slot proof_cnode_slot
 * Cases: 6
 * Options: --slice-formula --unwind 26
 */
#include "proof.h"

#include "slots.h"

#include "object/derivation.c"

#include "object/cnode.c"

#define SLOTS 6
#define EMPTY SLOTS       /* index of the slot that is in no list */
#define NONE (SLOTS + 1u) /* of one that is not there */

/* No slot is mapped here. */
void *proof_link_target(uint64_t link)
{
	PROVE(link == 0, "nothing is mapped");
	return NULL;
}

/* The slots of one CNode, in the order of the derivation list; the last one is empty. */
static struct capability slots[SLOTS + 1], before[SLOTS + 1];
static unsigned int count;
static struct cnode cnode;

struct capability *proof_cnode_slot(struct cnode *of, uint64_t index)
{
	PROVE(of == &cnode, "the CNode that was named");
	return index <= EMPTY ? &slots[index] : NULL;
}

/* Other invocations are not the matter here. */
bool preemption_point(void) { return false; }
bool teardown_run(void) { return true; }
void capability_delete(struct capability *slot) { (void)slot; }

/* A depth within 16 of either end. The code copies depths: for 6 entries more different numbers show nothing new. */
static uint64_t any_depth(void)
{
	uint64_t value = any_u8() & 15;

	return any_bool() ? DEPTH_MAXIMUM - value : value;
}

/* Any list of any length; slots behind it are empty. */
static void any_list(void)
{
	count = any_u32();
	ASSUME(count >= 1 && count <= SLOTS, "memory slots are in the order of the list");
	for (unsigned int i = 0; i < SLOTS; i++) {
		if (i < count) {
			slots[i].type = any_u8();
			__CPROVER_assume(slots[i].type != BH_OBJECT_NULL);
			slots[i].rights = any_u8();
			slots[i].depth = any_depth();
			slots[i].object = any_u64();
			slots[i].badge = any_u64();
			derivation_set_join(&slots[i], any_depth());
			__CPROVER_assume(derivation_join(&slots[i]) <= slots[i].depth);
			__CPROVER_assume(derivation_join(&slots[i]) <=
					 (i == 0 ? 0 : (uint64_t)slots[i - 1].depth + 1));
			slots[i].previous = i > 0 ? &slots[i - 1] : NULL;
			slots[i].next = i + 1 < count ? &slots[i + 1] : NULL;
		}
		before[i] = slots[i];
	}
	COVER("assumption: no slot in the list is empty; no join is greater than its depth, nor than that of a child of the entry before it");
}

/* All but the place in the list. */
static bool same_contents(const struct capability *slot, const struct capability *old)
{
	return slot->type == old->type && slot->rights == old->rights && slot->object == old->object &&
	       slot->badge == old->badge && slot->space_link == old->space_link &&
	       slot->map_previous_link == old->map_previous_link && slot->map_next_link == old->map_next_link;
}

/* Where the capability that was in that slot is now. */
static unsigned int place[SLOTS + 1];

static void check(unsigned int destination, unsigned int pivot, unsigned int source, enum bh_error error)
{
	/* What must come of it, by the ABI. */
	bool occupied_pivot = pivot < count, occupied_source = source < count;
	bool good = destination != NONE && occupied_pivot && occupied_source && pivot != source &&
		    pivot != destination && (destination == source || destination >= count);

	PROVE((error == BH_OK) == good, "done just where it can be");
	PROVE(good || error == (destination == NONE || pivot == NONE             ? BH_ERROR_ARGUMENT
				       : !occupied_pivot                         ? BH_ERROR_SLOT_EMPTY
				       : source == NONE                          ? BH_ERROR_ARGUMENT
				       : !occupied_source                        ? BH_ERROR_SLOT_EMPTY
				       : pivot == source || pivot == destination ? BH_ERROR_ARGUMENT
										 : BH_ERROR_SLOT_OCCUPIED),
		"the error that says why not");
	for (unsigned int i = 0; i <= SLOTS; i++) {
		place[i] = good && i == pivot ? destination : good && i == source ? pivot : i;
	}
	/* Each capability, in its new slot, has what it had; its depth and join, and its neighbours wherever they are now. So the list is
	 * the same list, and who is derived from whom is the same. For an exchange the two also change places in the list: see below. */
	for (unsigned int i = 0; i <= SLOTS; i++) {
		for (unsigned int at = 0; at <= SLOTS; at++) {
			if (at == place[i] && i < count) {
				PROVE(same_contents(&slots[at], &before[i]) &&
						slots[at].depth == before[i].depth &&
						derivation_join(&slots[at]) == derivation_join(&before[i]),
					"each is in its place, with all that it is, its depth and its join");
				PROVE(slots[at].previous == (i > 0 ? &slots[place[i - 1]] : NULL),
					"behind whom it stood");
				PROVE(slots[at].next == (i + 1 < count ? &slots[place[i + 1]] : NULL),
					"before whom it stood");
			}
		}
	}
	for (unsigned int at = 0; at <= SLOTS; at++) {
		bool filled = at < count;

		if (good && destination != source) {
			filled = (at < count && at != source) || at == destination;
		}
		PROVE((slots[at].type != BH_OBJECT_NULL) == filled,
			"the source's slot is empty now, all others as they were");
		PROVE(filled || (slots[at].previous == NULL && slots[at].next == NULL &&
					slots[at].depth == 0 && derivation_join(&slots[at]) == 0 &&
					slots[at].object == 0),
			"and what is empty is empty");
	}
	COVER_IF(good && destination == source, "an exchange");
	COVER_IF(good && destination == source && pivot == source + 1, "of neighbours");
	COVER_IF(
		good && destination != source && count == SLOTS && pivot + 1 == source, "neighbours move on");
	COVER_IF(good && destination != source && pivot == source + 1, "and in the other order");
	COVER_IF(error == BH_ERROR_SLOT_OCCUPIED, "an occupied destination");
	COVER_IF(error == BH_ERROR_SLOT_EMPTY, "an empty slot");
}

/* Every way in which three can stand, each on a path of its own with constant addresses: that makes the proof many times as fast. Slots from
 * the length of the list on are empty. */
static const struct choice {
	unsigned int destination, pivot, source;
} choices[] = {
	{ EMPTY, 0, 1 }, { EMPTY, 1, 0 }, { EMPTY, 2, 4 }, { EMPTY, 4, 2 }, { EMPTY, 5, 0 }, { EMPTY, 0, 5 },
	{ EMPTY, 4, 5 }, { EMPTY, 3, 2 }, { 5, 1, 2 }, { 2, 1, 0 }, { 4, 0, 3 }, /* moves */
	{ 1, 0, 1 }, { 2, 3, 2 }, { 4, 1, 4 }, { 0, 5, 0 },                      /* exchanges */
	{ NONE, 0, 1 }, { EMPTY, NONE, 1 }, { EMPTY, 0, NONE }, { EMPTY, 2, 2 }, { 2, 2, 3 }, { 3, 3, 3 },
	{ EMPTY, EMPTY, 1 }, { EMPTY, 1, EMPTY }, { NONE, NONE, NONE }, /* never */
};

int main(void)
{
	struct capability named = { .type = BH_OBJECT_CNODE, .rights = any_u8(), .object = (uint64_t)&cnode };
	struct invocation invocation = { .slot = &named, .label = BH_CNODE_ROTATE };
	unsigned int chosen = any_u8();
	enum bh_error error;

	any_list();
	for (unsigned int i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		if (i % 6 == CASE && i == chosen) {
			const struct choice *choice = &choices[i];

			invocation.argument[0] = choice->destination;
			invocation.argument[1] = choice->pivot;
			invocation.argument[2] = choice->source;
			error = cnode_invoke(&invocation);
			if ((named.rights & BH_RIGHT_WRITE) == 0) {
				COVER("no right to write");
				PROVE(error == BH_ERROR_RIGHTS, "only with the right to write");
				PROVE(slots[0].type == before[0].type && slots[EMPTY].type == BH_OBJECT_NULL,
					"nothing happened");
			} else {
				check(choice->destination, choice->pivot, choice->source, error);
			}
			break;
		}
	}
	return 0;
}
