/* SPDX-License-Identifier: MIT */
/* The derivation list: insert, remove, move, swap. Pure list code, also built into host tests and proofs. */
#include "object/capability.h"

#include <stddef.h>

#include "string.h"

enum bh_error derivation_insert(struct capability *parent, struct capability *fresh)
{
	struct capability *next = parent->next;

	if (parent->depth == DEPTH_MAXIMUM) {
		return BH_ERROR_DEPTH;
	}
	fresh->depth = ((uint64_t)parent->depth + 1) & DEPTH_MAXIMUM;
	derivation_set_join(fresh, fresh->depth);
	fresh->previous = parent;
	fresh->next = next;
	if (next != NULL) {
		/* No child of the newcomer: its join is not greater than a child's of parent (capability.h). */
		next->previous = fresh;
	}
	parent->next = fresh;
	return BH_OK;
}

void derivation_append(struct capability *last, struct capability *fresh)
{
	fresh->depth = 0;
	derivation_set_join(fresh, 0);
	fresh->previous = last;
	fresh->next = NULL;
	if (last != NULL) {
		last->next = fresh;
	}
}

void derivation_remove(struct capability *slot)
{
	if (slot->previous != NULL) {
		slot->previous->next = slot->next;
	}
	if (slot->next != NULL) {
		/* Whose descendants ended at slot, end at the next entry now: its children are not adopted by a sibling's branch that
		 * stands before it. */
		if (derivation_join(slot->next) > derivation_join(slot)) {
			derivation_set_join(slot->next, derivation_join(slot));
		}
		slot->next->previous = slot->previous;
	}
	slot->previous = NULL;
	slot->next = NULL;
}

static bool is_mapping(const struct capability *slot)
{
	return slot->type == BH_OBJECT_FRAME || slot->type == BH_OBJECT_PAGE_TABLE;
}

/* Points the neighbours of a slot whose contents were written to a new place at that place. */
static void relink(struct capability *slot)
{
	if (slot->previous != NULL) {
		slot->previous->next = slot;
	}
	if (slot->next != NULL) {
		slot->next->previous = slot;
	}
	if (is_mapping(slot) && mapping_space(slot) != NULL) {
		/* The head of the list is a sentinel in the space: both neighbours always exist. */
		mapping_link(mapping_previous(slot), slot);
		mapping_link(slot, mapping_next(slot));
	}
}

void capability_move(struct capability *from, struct capability *to)
{
	*to = *from;
	relink(to);
	memset(from, 0, sizeof(*from));
}

void capability_swap(struct capability *first, struct capability *second)
{
	/* A scratch slot takes part in the lists for a moment: so neighbours of each other need no special case. */
	struct capability scratch;

	if (first == second) {
		return;
	}
	capability_move(first, &scratch);
	capability_move(second, first);
	capability_move(&scratch, second);
}

enum bh_error capability_copy(struct capability *from, struct capability *to, uint64_t rights)
{
	enum bh_error error;

	/* A copy of an Untyped would hand the same memory out twice; a PageTable or a Reply has one place. */
	if (from->type == BH_OBJECT_UNTYPED || from->type == BH_OBJECT_PAGE_TABLE) {
		return BH_ERROR_STATE;
	}
	*to = *from;
	to->rights = from->rights & rights & BH_RIGHTS_ALL;
	if (from->type == BH_OBJECT_FRAME) {
		mapping_set_address(to, 0);
	}
	to->space_link = 0;
	to->map_previous_link = 0;
	to->map_next_link = 0;
	error = derivation_insert(from, to);
	if (error != BH_OK) {
		memset(to, 0, sizeof(*to));
		return error;
	}
	if (type_is_counted(to->type)) {
		capability_header(to)->references++;
	}
	return BH_OK;
}
