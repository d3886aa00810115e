/* SPDX-License-Identifier: MIT */
/* Proof: capability-lookup
 * Property: whatever index a thread names, the capability that is found is the slot of that number in its own CNode (never slot 0, never
 *	beside it), not empty, of the type and with the rights that were asked for; no look-up reads outside the CNode.
 * Bound: every index; CNodes of every size that Retype makes (2 to 2^20 slots) for where a look-up reads, of 2 to 8 slots for what it finds
 * Assumes: a CNode has 2^1 to 2^20 slots
 * Assumes: where contents count, a CNode has 2 to 8 slots
 * Functions: kernel/object/objects.h: cnode_slot
 * Functions: kernel/object/invocation.h: capability_lookup capability_find
 * Functions: kernel/object/invoke.c: cnode_find
 * Options: --unwind 2
 */
#include "proof.h"

#include "object/invocation.h"

#include "object/invoke.c"

void *malloc(size_t size);

#define SMALL_BITS 3

static bool is_slot_of(const struct capability *slot, const struct cnode *cnode, uint64_t index)
{
	return __CPROVER_same_object(slot, cnode) && index >= 1 && index < UINT64_C(1) << cnode->bits &&
	       __CPROVER_POINTER_OFFSET(slot) == index * sizeof(struct capability);
}

static struct thread thread;

/* A CNode of any size with any contents, exactly as large as Retype makes it: the look-up stays inside. */
static void lookup_in_any_size(uint64_t index)
{
	uint32_t bits = any_u32();

	ASSUME(bits >= 1 && bits <= 20, "a CNode has 2^1 to 2^20 slots");

	struct cnode *cnode = malloc((size_t)1 << (bits + BH_CNODE_SLOT_BITS));

	cnode_initialise(cnode, bits);
	thread.slots[THREAD_CSPACE].type = BH_OBJECT_CNODE;
	thread.slots[THREAD_CSPACE].object = (uint64_t)cnode;

	struct capability *slot = capability_lookup(&thread, index);

	COVER_IF(slot != NULL && index == (UINT64_C(1) << 20) - 1, "the last slot of the largest CNode");
	PROVE(slot == NULL ||
			(__CPROVER_same_object(slot, cnode) && index >= 1 && index < UINT64_C(1) << bits &&
				__CPROVER_POINTER_OFFSET(slot) == index * sizeof(struct capability)),
		"the slot of that number in the CNode");
}

/* What is found, and what not, in a CNode of up to 8 slots with any contents. */
static void find_in_small(uint64_t index)
{
	static struct capability memory[1u << SMALL_BITS];
	struct cnode *cnode = (struct cnode *)(void *)memory;
	struct cnode *found_cnode;
	struct capability *found, *looked_up;
	uint64_t rights = any_u64();
	enum bh_object_type type = any_u32();
	enum bh_error error;

	__CPROVER_havoc_object(memory);
	cnode->bits = any_u32();
	ASSUME(cnode->bits >= 1 && cnode->bits <= SMALL_BITS,
		"where contents count, a CNode has 2 to 8 slots");
	cnode_initialise(cnode, cnode->bits);
	thread.slots[THREAD_CSPACE].type = any_u8();
	thread.slots[THREAD_CSPACE].rights = any_u8();
	thread.slots[THREAD_CSPACE].object = (uint64_t)cnode;

	bool has_space = thread.slots[THREAD_CSPACE].type == BH_OBJECT_CNODE;
	bool inside = index >= 1 && index < UINT64_C(1) << cnode->bits;

	found = cnode_slot(cnode, index);
	PROVE((found != NULL) == inside, "a slot for each valid index, and for no other");
	PROVE(found == NULL || is_slot_of(found, cnode, index), "the slot of that number");
	looked_up = capability_lookup(&thread, index);
	COVER_IF(looked_up != NULL, "a capability is found");
	PROVE((looked_up != NULL) == (has_space && inside && !capability_is_empty(found)),
		"what is there is found, and nothing else");
	PROVE(looked_up == NULL || looked_up == found, "in its slot");

	error = capability_find(&thread, index, type, rights, &found);
	COVER_IF(error == BH_OK, "a capability of the type with the rights is found");
	if (looked_up == NULL) {
		PROVE(error == BH_ERROR_CAPABILITY, "CAPABILITY where there is none");
	} else if (looked_up->type != type) {
		PROVE(error == BH_ERROR_TYPE, "TYPE where it is another type");
	} else if ((rights & ~(uint64_t)looked_up->rights) != 0) {
		PROVE(error == BH_ERROR_RIGHTS, "RIGHTS where one is missing");
	} else {
		PROVE(error == BH_OK && found == looked_up, "and otherwise the capability");
	}

	error = cnode_find(&thread, index, rights, &found_cnode);
	COVER_IF(error == BH_OK && index == 0, "the caller's own CNode");
	COVER_IF(error == BH_OK && index != 0, "a CNode in the caller's CNode");
	if (index == 0 && !has_space) {
		PROVE(error == BH_ERROR_CAPABILITY, "index 0 of a thread without a CNode");
	} else if (index == 0) {
		bool allowed = (rights & ~(uint64_t)thread.slots[THREAD_CSPACE].rights) == 0;

		PROVE(error == (allowed ? BH_OK : BH_ERROR_RIGHTS), "index 0 needs the rights, too");
		PROVE(error != BH_OK || found_cnode == cnode, "index 0 is the caller's own CNode");
	} else if (looked_up == NULL || looked_up->type != BH_OBJECT_CNODE) {
		PROVE(error == (looked_up == NULL ? BH_ERROR_CAPABILITY : BH_ERROR_TYPE), "no CNode there");
	} else {
		bool allowed = (rights & ~(uint64_t)looked_up->rights) == 0;

		PROVE(error == (allowed ? BH_OK : BH_ERROR_RIGHTS), "a CNode needs the rights, too");
		PROVE(error != BH_OK || (uint64_t)found_cnode == looked_up->object,
			"the CNode that the capability names");
	}
}

int main(void)
{
	uint64_t index = any_u64();

	if (any_bool()) {
		lookup_in_any_size(index);
	} else {
		find_in_small(index);
	}
	return 0;
}
