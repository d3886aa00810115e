/* SPDX-License-Identifier: MIT */
/* Proof: rights-shrink
 * Property: Copy and Mint give a capability to the same object, of the same type, with no right that the original lacks or the caller did
 *	not ask for; a badge is set once, by Mint, on an Endpoint or Notification without one; a control capability's range narrows, to any
 *	part of it, and never grows; an Untyped or PageTable can't be copied; a copy of a Frame is not mapped; a Move changes nothing of the
 *	capability; nothing else changes; each copy of an object is counted once; and what is refused leaves the destination slot empty.
 * Bound: two CNodes of 4 slots, any contents, any arguments.
 * Assumes: the call is a Copy, a Mint or a Move
 * Models: cnode_slot finds the slot of that number or nothing, cnode_find either CNode or an error (see capability-lookup)
 * Models: derivation_insert and capability_move do what derivation-list proves
 * Models: memset of a slot is one assignment
 * Functions: kernel/object/cnode.c: badge_lies_inside check_badge find_empty find_occupied copy_mint_move cnode_invoke
 * Functions: kernel/object/derivation.c: capability_copy
 * Replaces: cnode_slot proof_cnode_slot
 * Replaces: derivation_insert proof_derivation_insert
 * Replaces: capability_move proof_capability_move
 * Replaces: type_is_counted proof_type_is_counted
 * Replaces: capability_header proof_capability_header
 * Options: --unwind 3
 */
#include "slots.h"

#include "object/derivation.c"

#include "object/cnode.c"

static struct capability source, target;
static struct object_header header;
static struct cnode from_cnode, to_cnode;
static bool inserted, moved;
static uint64_t source_rights_needed;

struct capability *proof_cnode_slot(struct cnode *cnode, uint64_t index)
{
	if (index != 1) {
		return NULL;
	}
	return cnode == &from_cnode ? &source : &target;
}

enum bh_error cnode_find(const struct thread *thread, uint64_t index, uint64_t rights, struct cnode **found)
{
	source_rights_needed = rights;
	if (any_bool()) {
		return BH_ERROR_RIGHTS;
	}
	*found = &from_cnode;
	return BH_OK;
}

enum bh_error proof_derivation_insert(struct capability *parent, struct capability *fresh)
{
	PROVE(parent == &source && fresh == &target && !capability_is_empty(fresh),
		"the copy is derived from the original");
	if (any_bool()) {
		return BH_ERROR_DEPTH;
	}
	inserted = true;
	return BH_OK;
}

void proof_capability_move(struct capability *from, struct capability *to)
{
	PROVE(from == &source && to == &target && capability_is_empty(to), "into the empty slot");
	moved = true;
}

bool proof_type_is_counted(uint64_t type)
{
	return type >= BH_OBJECT_CNODE && type < BH_OBJECT_SCHED_CONTROL && type != BH_OBJECT_PAGE_TABLE &&
	       type != BH_OBJECT_FRAME;
}

struct object_header *proof_capability_header(const struct capability *slot) { return &header; }

void capability_delete(struct capability *slot)
{
	__CPROVER_assume(false); /* another invocation: see revoke */
}
bool teardown_run(void) { __CPROVER_assume(false); }
bool preemption_point(void) { return any_bool(); }

/* Every port, line or share that the narrow range names, the wide one names too. Zero means all. */
static bool range_has(uint64_t badge, uint64_t member)
{
	return badge == 0 || (member >= (badge & 0xffffffff) && member - (badge & 0xffffffff) < badge >> 32);
}

/* Mint refuses a badge for this only: the original has one, and what was asked for is no part of it. */
static bool is_out_of_range(uint64_t badge)
{
	uint64_t first = badge & 0xffffffff, count = badge >> 32;

	return source.badge != 0 &&
	       (source.type == BH_OBJECT_SCHED_CONTROL ? badge == 0 || badge > source.badge
						       : count == 0 || !range_has(source.badge, first) ||
								 !range_has(source.badge, first + count - 1));
}

int main(void)
{
	struct thread *caller = NULL;
	struct capability cnode_capability;
	struct invocation invocation;
	uint64_t label = any_u64(), member = any_u32();

	source.type = any_u8();
	source.rights = any_u8();
	source.object = any_u64();
	source.badge = any_u64();
	source.space_link = any_u64();
	source.map_next_link = any_u64();
	source.map_previous_link = any_u64();
	target.type = any_u8();
	header.references = any_u32();
	__CPROVER_assume(source.type < BH_OBJECT_TYPES);
	cnode_capability.object = (uint64_t)&to_cnode;
	cnode_capability.rights = any_u8();
	invocation.caller = caller;
	invocation.slot = &cnode_capability;
	invocation.label = label;
	ASSUME(label == BH_CNODE_COPY || label == BH_CNODE_MINT || label == BH_CNODE_MOVE,
		"the call is a Copy, a Mint or a Move");

	struct capability before = source;
	bool was_empty = target.type == BH_OBJECT_NULL;
	uint64_t references = header.references, asked = invocation.argument[3],
		 badge = invocation.argument[4];
	enum bh_error error = cnode_invoke(&invocation);

	PROVE(source.type == before.type && source.rights == before.rights &&
			source.object == before.object && source.badge == before.badge,
		"the original stays as it was");
	PROVE(error == BH_OK || (!inserted && !moved && header.references == references &&
					(!was_empty || target.type == BH_OBJECT_NULL)),
		"refused: nothing was made");
	PROVE(error != BH_OK || (was_empty && source.type != BH_OBJECT_NULL && invocation.argument[0] == 1 &&
					invocation.argument[2] == 1 &&
					(cnode_capability.rights & BH_RIGHT_WRITE) != 0),
		"from a capability into an empty slot, with the right to write to the CNode");
	PROVE(error != BH_OK ||
			source_rights_needed ==
				(label == BH_CNODE_MOVE ? (BH_RIGHT_READ | BH_RIGHT_WRITE) : BH_RIGHT_READ),
		"with the right to read, and for Move to write, the other CNode");
	PROVE(error != BH_ERROR_RANGE || (label == BH_CNODE_MINT && is_out_of_range(badge)),
		"what is a part of the original's range is not refused");
	COVER_IF(error == BH_ERROR_RANGE, "a range that grows");
	if (error != BH_OK) {
		return 0;
	}
	if (label == BH_CNODE_MOVE) {
		PROVE(moved && !inserted && header.references == references, "a move makes no copy");
		COVER("moved");
		return 0;
	}
	COVER_IF(label == BH_CNODE_COPY && target.rights != source.rights, "a copy with fewer rights");
	COVER_IF(label == BH_CNODE_MINT && source.type == BH_OBJECT_IO_PORT_CONTROL, "ports are narrowed");
	COVER_IF(label == BH_CNODE_MINT && source.type == BH_OBJECT_ENDPOINT, "an endpoint gets a badge");
	PROVE(inserted && !moved, "the copy stands in the derivation list");
	PROVE(target.type == source.type && target.object == source.object, "the same object");
	PROVE((target.rights & ~(uint64_t)source.rights) == 0 && (target.rights & ~asked) == 0 &&
			(target.rights & ~(uint64_t)BH_RIGHTS_ALL) == 0,
		"no right more than the original's and those that were asked for");
	PROVE(source.type != BH_OBJECT_UNTYPED && source.type != BH_OBJECT_PAGE_TABLE,
		"memory is not handed out twice");
	PROVE(source.type != BH_OBJECT_FRAME || mapping_address(&target) == 0,
		"a copy of a Frame is mapped nowhere");
	PROVE(target.space_link == 0 && target.map_next_link == 0 && target.map_previous_link == 0,
		"and in no space's list");
	PROVE(header.references == references + (proof_type_is_counted(source.type) ? 1 : 0),
		"the object counts its capabilities");
	if (label == BH_CNODE_COPY) {
		PROVE(source.type == BH_OBJECT_FRAME || target.badge == source.badge,
			"a copy's badge is the original's");
		PROVE(source.type != BH_OBJECT_FRAME || (target.badge & 0xfff) == (source.badge & 0xfff),
			"a Frame's size stays");
		return 0;
	}
	PROVE(target.badge == badge, "the badge that was asked for");
	switch ((enum bh_object_type)source.type) {
	case BH_OBJECT_ENDPOINT:
	case BH_OBJECT_NOTIFICATION:
		PROVE(source.badge == 0, "a badge is set once");
		break;
	case BH_OBJECT_SCHED_CONTROL:
		PROVE(source.badge == 0 || (target.badge != 0 && target.badge <= source.badge),
			"a share only shrinks");
		break;
	case BH_OBJECT_IRQ_CONTROL:
	case BH_OBJECT_IO_PORT_CONTROL:
	case BH_OBJECT_IO_SPACE_CONTROL:
		PROVE(!range_has(target.badge, member) || range_has(source.badge, member),
			"a range only narrows");
		break;
	default:
		PROVE(false, "nothing else is minted");
	}
	return 0;
}
