/* SPDX-License-Identifier: MIT */
/* A capability slot, and the derivation list that all slots of the machine stand in.
 *
 * The list is doubly linked, in pre-order. Each entry has a depth, greater than its ancestors', and a join: who stands
 * before it with at least that depth is not its ancestor. So the descendants of a capability are the entries that follow
 * it up to the first whose join is not greater than its depth. A join is as great as the entry's depth, until an entry just
 * before it is deleted that has a smaller one. Always: join <= depth, and join <= depth of the entry before + 1.
 *
 *     Untyped 0 ── Thread 1 ── copy 2 ── Endpoint 1 ── minted 2 ── minted 3 ── Untyped 0 ── ...
 *     without the Endpoint:    ── copy 2 ── minted 2, join 1 ── minted 3 ── : the Untyped's, not the Thread's
 *
 * Only this file and derivation.c know how the list is linked. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bulkhead/abi.h>

struct space;

#define DEPTH_MAXIMUM ((UINT64_C(1) << 48) - 1)
#define LINK_MASK ((UINT64_C(1) << 48) - 1) /* of an address that is kept in 48 bits */

struct capability {
	uint64_t type : 8; /* enum bh_object_type; BH_OBJECT_NULL: the slot is empty */
	uint64_t rights : 8;
	uint64_t depth : 48;
	uint64_t object; /* kernel address of the object; physical address for Untyped, Frame and PageTable */
	union {
		uint64_t badge; /* Endpoint, Notification; range of control capabilities */
		struct {
			uint64_t size_bits : 6;
			uint64_t device : 1;
			uint64_t used : 57; /* bytes from the start that were handed out */
		} untyped;
		struct {
			uint64_t size_bits : 6; /* Frame: 12, 21, 30; PageTable: 12 */
			uint64_t device : 1;
			uint64_t level : 3; /* mapped PageTable: its level */
			uint64_t reserved : 2;
			uint64_t page_number : 52; /* where it is mapped: see mapping_address */
		} mapping;
	};
	struct capability *previous, *next; /* derivation list */
	/* The upper 16 bits of these words together are `join`; addresses need 48. */
	union {
		struct
		{ /* Frame, PageTable: where it is mapped (0: nowhere), and the neighbours in that space's list */
			uint64_t space_link : 48, join_low : 16;
			uint64_t map_previous_link : 48, join_middle : 16;
			uint64_t map_next_link : 48, join_high : 16;
		};
		struct
		{ /* Untyped: memory behind `used` of which Retype made fresh objects of that kind before it was preempted */
			uint64_t prepared_start : 48, : 16;
			uint64_t prepared_end : 48, : 16;
			uint64_t prepared_kind : 48, : 16;
		};
	};
};
_Static_assert(sizeof(struct capability) == 64, "CNode slots are 2^BH_CNODE_SLOT_BITS bytes");

/* What every reference-counted object starts with. The object lives while a capability names it. */
struct object_header {
	uint64_t references; /* capabilities that name this object */
	union {
		struct object_header *zombie_next; /* while it is torn down */
		uint64_t
			ready_in; /* Endpoint that lives: stretch (ipc/open_call.h) in which its one receiver was found to take calls at once */
	};
	uint32_t type;     /* enum bh_object_type, set when it becomes a zombie */
	uint32_t progress; /* how far the teardown got */
};

static inline bool capability_is_empty(const struct capability *slot) { return slot->type == BH_OBJECT_NULL; }

static inline uint64_t derivation_join(const struct capability *slot)
{
	return (uint64_t)slot->join_high << 32 | (uint64_t)slot->join_middle << 16 | (uint64_t)slot->join_low;
}

static inline void derivation_set_join(struct capability *slot, uint64_t join)
{
	slot->join_low = join & 0xffff;
	slot->join_middle = join >> 16 & 0xffff;
	slot->join_high = join >> 32 & 0xffff;
}

/* The upper bits of an address repeat bit 47 (APM vol. 2 section 5.3.1). */
static inline void *link_target(uint64_t link) { return (void *)((int64_t)(link << 16) >> 16); }

static inline struct space *mapping_space(const struct capability *slot)
{
	return link_target(slot->space_link);
}

static inline struct capability *mapping_previous(const struct capability *slot)
{
	return link_target(slot->map_previous_link);
}

static inline struct capability *mapping_next(const struct capability *slot)
{
	return link_target(slot->map_next_link);
}

/* Makes them neighbours in a space's list. */
static inline void mapping_link(struct capability *first, struct capability *second)
{
	first->map_next_link = (uint64_t)second & LINK_MASK;
	second->map_previous_link = (uint64_t)first & LINK_MASK;
}

/* Page-aligned address where a Frame or PageTable is mapped; it shares its word with the fields below bit 12. */
static inline uint64_t mapping_address(const struct capability *slot)
{
	return slot->badge & ~UINT64_C(0xfff);
}

static inline void mapping_set_address(struct capability *slot, uint64_t address)
{
	slot->badge = (slot->badge & 0xfff) | (address & ~UINT64_C(0xfff));
}

/* Level of the table that a Frame's entry stands in, or that a mapped PageTable's entry stands in. */
static inline unsigned int mapping_level(const struct capability *slot)
{
	return slot->type == BH_OBJECT_PAGE_TABLE ? (unsigned int)slot->mapping.level + 1u
						  : ((unsigned int)slot->mapping.size_bits - 12u) / 9u + 1u;
}

/* Types whose capabilities count references in an object_header. */
static inline bool type_is_counted(uint64_t type)
{
	return type >= BH_OBJECT_CNODE && type < BH_OBJECT_SCHED_CONTROL && type != BH_OBJECT_PAGE_TABLE &&
	       type != BH_OBJECT_FRAME;
}

static inline struct object_header *capability_header(const struct capability *slot)
{
	return (struct object_header *)slot->object;
}

/* Puts `fresh` (an empty slot whose type, rights, object, badge were set by the caller) into the list as a child of
 * parent. Returns BH_ERROR_DEPTH, the list unchanged, when the depth would overflow. O(1). */
__attribute__((warn_unused_result)) enum bh_error derivation_insert(
	struct capability *parent, struct capability *fresh);

/* The first capability of the machine; boot only. Others without a parent follow by derivation_append. */
void derivation_append(struct capability *last, struct capability *fresh);

/* Takes slot out of the list; its descendants stay, now descendants of its ancestors. O(1). */
void derivation_remove(struct capability *slot);

/* Lets `to` (empty) take the place of `from` in the list and in the list of the space it is mapped in; from becomes
 * empty. The object's references don't change. */
void capability_move(struct capability *from, struct capability *to);

/* Exchanges two slots, places in all lists included. */
void capability_swap(struct capability *first, struct capability *second);

/* The next capability that is derived from parent, or NULL. */
static inline struct capability *derivation_first_child(const struct capability *parent)
{
	struct capability *next = parent->next;

	return next != NULL && derivation_join(next) > parent->depth ? next : NULL;
}

/* Makes `to` (empty) a copy of `from`, derived from it, with no more than those rights; a mapping isn't copied.
 * Counts the reference. STATE for types that can't be copied, DEPTH. */
__attribute__((warn_unused_result)) enum bh_error capability_copy(
	struct capability *from, struct capability *to, uint64_t rights);
