/* SPDX-License-Identifier: MIT */
/* The derivation list: insert, remove, move, swap. Pure list code, also built into host tests and proofs. */
#include "object/capability.h"

#include <stddef.h>

#include "string.h"

enum bh_error derivation_insert(struct capability *parent, struct capability *fresh)
{
	/* A capability whose parent was deleted stands directly after its grandparent, deeper than a child. A newcomer in
	 * front of it must not become its ancestor: it takes the same depth. */
	uint64_t depth = (uint64_t)parent->depth + 1; /* a bit-field of 48 bits: its own sum would wrap */
	struct capability *next = parent->next;

	if (next != NULL && next->depth > depth) {
		depth = next->depth;
	}
	if (depth > DEPTH_MAXIMUM) {
		return BH_ERROR_DEPTH;
	}
	fresh->depth = depth & DEPTH_MAXIMUM;
	fresh->previous = parent;
	fresh->next = next;
	if (next != NULL) {
		next->previous = fresh;
	}
	parent->next = fresh;
	return BH_OK;
}

void derivation_append(struct capability *last, struct capability *fresh)
{
	fresh->depth = 0;
	fresh->previous = last;
	fresh->next = NULL;
	if (last != NULL) {
		last->next = fresh;
	}
}

/* Children of slot become siblings of it. They are the entries below it that have none less deep before them; what is
 * derived from them stays deeper than they are. */
static void promote_children(const struct capability *slot)
{
	uint64_t lowest = DEPTH_MAXIMUM;

	for (struct capability *entry = slot->next; entry != NULL && entry->depth > slot->depth;
		entry = entry->next) {
		if (entry->depth <= lowest) {
			lowest = entry->depth;
			entry->depth = slot->depth;
		}
	}
}

void derivation_remove(struct capability *slot)
{
	/* Directly behind an ancestor its children are in their place. Behind the branch of a sibling they would count as
	 * derived from that one, which could revoke them. */
	if (slot->previous != NULL && slot->previous->depth >= slot->depth) {
		promote_children(slot);
	}
	if (slot->previous != NULL) {
		slot->previous->next = slot->next;
	}
	if (slot->next != NULL) {
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
	if (is_mapping(slot) && slot->space != NULL) {
		/* The head of the list is a sentinel in the space: both neighbours always exist. */
		slot->map_previous->map_next = slot;
		slot->map_next->map_previous = slot;
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
	to->space = NULL;
	to->map_previous = NULL;
	to->map_next = NULL;
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
