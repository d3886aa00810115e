/* SPDX-License-Identifier: MIT */
/* Proof: revoke
 * Property: Revoke deletes capabilities that are derived from the one that was named, and no others; if it is not preempted it has deleted all
 *	of them; the named one stays. Delete deletes the named one alone. A capability that goes releases its object once, and its mapping.
 * Bound: lists of 6 capabilities of any depths and joins (as in derivation-list), any of them revoked or deleted; preempted anywhere.
 * Assumes: the list is well formed: no join is greater than its depth, nor than that of a child of the entry before it
 * Models: cnode_slot finds the capability that was named (see capability-lookup)
 * Models: the end of an object whose last capability went is a count of it; mapping_remove too
 * Functions: kernel/object/cnode.c: revoke_slot delete_slot
 * Functions: kernel/object/teardown.c: capability_delete
 * Functions: kernel/object/capability.h: derivation_first_child
 * Replaces: cnode_slot proof_cnode_slot
 * Replaces: link_target proof_link_target
 * Replaces: object_end proof_object_end
 * Replaces: teardown_run proof_teardown_run
 * Options: --unwind 8
 */
#include "slots.h"

#include "object/derivation.c"

#include "object/cnode.c"

#include "object/teardown.c"

#define SLOTS 6
static struct capability slots[SLOTS];
static struct object_header headers[SLOTS];
static struct capability *current;
static unsigned int named, ended, unmapped;

void *proof_link_target(uint64_t link) { return NULL; }

struct capability *proof_cnode_slot(struct cnode *cnode, uint64_t index) { return current; }

void proof_object_end(uint64_t type, uint64_t object)
{
	PROVE(object != 0, "an object");
	ended++;
}
static bool preempted, torn_down;

/* The end of both operations: zombies go. */
bool proof_teardown_run(void)
{
	PROVE(!preempted, "a preempted call does nothing more");
	torn_down = any_bool();
	return torn_down;
}

bool preemption_point(void)
{
	PROVE(!preempted, "a preempted call does nothing more");
	preempted = any_bool();
	return preempted;
}
void mapping_remove(struct capability *slot)
{
	PROVE(slot->type == BH_OBJECT_FRAME || slot->type == BH_OBJECT_PAGE_TABLE, "a mapping");
	unmapped++;
}

/* Is entry `second` derived from entry `first`? */
static bool derived[SLOTS];
static uint8_t type_before[SLOTS];

static uint64_t any_depth(void)
{
	uint64_t value = any_u8() & 7;

	return any_bool() ? DEPTH_MAXIMUM - value : value;
}

int main(void)
{
	uint64_t depth[SLOTS], join[SLOTS];
	bool is_revoke = any_bool(), all_gone = true;
	unsigned int objects = 0, frames = 0;

	named = any_u8();
	__CPROVER_assume(named < SLOTS);
	for (unsigned int i = 0; i < SLOTS; i++) {
		depth[i] = any_depth();
		join[i] = any_depth();
		__CPROVER_assume(join[i] <= depth[i] && join[i] <= (i == 0 ? 0 : depth[i - 1] + 1));
		type_before[i] = any_bool()   ? BH_OBJECT_ENDPOINT
				 : any_bool() ? BH_OBJECT_FRAME
					      : BH_OBJECT_UNTYPED;
		slots[i].type = type_before[i];
		slots[i].depth = depth[i];
		derivation_set_join(&slots[i], join[i]);
		slots[i].object = (uint64_t)&headers[i];
		slots[i].previous = i > 0 ? &slots[i - 1] : NULL;
		slots[i].next = i + 1 < SLOTS ? &slots[i + 1] : NULL;
		headers[i].references = any_bool() ? 1 : 2;
	}
	COVER("assumption: the list is well formed: no join is greater than its depth, nor than that of a child of the entry before it");
	/* By the list's definition: all behind it up to the first join that is not greater than its depth. */
	bool inside = true;

	for (unsigned int i = 0; i < SLOTS; i++) {
		if (i > named) {
			for (unsigned int k = 0; k < SLOTS; k++) {
				if (k == named && join[i] <= depth[k]) {
					inside = false;
				}
			}
			derived[i] = inside;
		}
	}

	enum bh_error error = BH_OK;

	/* Each from the same state and at a constant address: that makes the proof many times as fast. */
	for (unsigned int at = 0; at < SLOTS; at++) {
		if (at == named) {
			current = &slots[at];
			error = is_revoke ? revoke_slot(NULL, 1) : delete_slot(NULL, 1);
			break;
		}
	}

	PROVE(error == BH_OK || error == INVOCATION_RESTART, "it is done, or goes on later");
	PROVE(error == BH_OK ? torn_down : !torn_down, "done when all that died is torn down");
	for (unsigned int i = 0; i < SLOTS; i++) {
		bool gone = slots[i].type == BH_OBJECT_NULL;

		PROVE(!gone || (is_revoke ? derived[i] : i == named),
			"only what is derived goes; Delete takes the named one only");
		PROVE(gone || (slots[i].type == type_before[i] && slots[i].object == (uint64_t)&headers[i]),
			"what stays is as it was");
		PROVE(is_revoke || i != named || gone, "Delete takes the named one");
		all_gone = all_gone && (gone || !derived[i]);
		objects += gone && type_before[i] == BH_OBJECT_ENDPOINT ? 1 : 0;
		frames += gone && type_before[i] == BH_OBJECT_FRAME ? 1 : 0;
		PROVE(!gone || type_before[i] != BH_OBJECT_ENDPOINT || headers[i].references <= 1,
			"its object lost a reference");
		PROVE(gone || headers[i].references >= 1, "objects of those that stay lost none");
	}
	PROVE(!is_revoke || error != BH_OK || all_gone, "all that is derived is gone");
	PROVE(ended <= objects && unmapped == frames,
		"objects end once, mappings go with their capabilities");
	COVER_IF(is_revoke && error == BH_OK && derived[1] && derived[2] && derived[3] && derived[4] &&
			 derived[5],
		"five descendants are revoked");
	COVER_IF(is_revoke && error == INVOCATION_RESTART && !all_gone, "preempted");
	return 0;
}
