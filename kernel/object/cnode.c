/* SPDX-License-Identifier: MIT */
/* CNode invocations: copy, mint, move, delete, revoke, rotate, inspect. */
#include "object/invocation.h"

static bool badge_lies_inside(uint64_t outer, uint64_t inner)
{
	uint64_t outer_first = outer & 0xffffffff, outer_count = outer >> 32;
	uint64_t inner_first = inner & 0xffffffff, inner_count = inner >> 32;

	return outer == 0 || (inner_count != 0 && inner_first >= outer_first &&
				     inner_first + inner_count <= outer_first + outer_count);
}

/* May a capability of that type and badge be minted with the new badge? */
static enum bh_error check_badge(const struct capability *source, uint64_t badge)
{
	switch ((enum bh_object_type)source->type) {
	case BH_OBJECT_ENDPOINT:
	case BH_OBJECT_NOTIFICATION:
		return source->badge == 0 ? BH_OK : BH_ERROR_STATE;
	case BH_OBJECT_SCHED_CONTROL:
		return source->badge == 0 || (badge != 0 && badge <= source->badge) ? BH_OK : BH_ERROR_RANGE;
	case BH_OBJECT_IRQ_CONTROL:
	case BH_OBJECT_IO_PORT_CONTROL:
	case BH_OBJECT_IO_SPACE_CONTROL:
		return badge_lies_inside(source->badge, badge) ? BH_OK : BH_ERROR_RANGE;
	default:
		return BH_ERROR_TYPE;
	}
}

static enum bh_error find_empty(struct cnode *cnode, uint64_t index, struct capability **slot)
{
	*slot = cnode_slot(cnode, index);
	if (*slot == NULL) {
		return BH_ERROR_ARGUMENT;
	}
	return capability_is_empty(*slot) ? BH_OK : BH_ERROR_SLOT_OCCUPIED;
}

static enum bh_error find_occupied(struct cnode *cnode, uint64_t index, struct capability **slot)
{
	*slot = cnode_slot(cnode, index);
	if (*slot == NULL) {
		return BH_ERROR_ARGUMENT;
	}
	return capability_is_empty(*slot) ? BH_ERROR_SLOT_EMPTY : BH_OK;
}

static enum bh_error copy_mint_move(struct invocation *invocation, struct cnode *destination)
{
	const uint64_t *argument = invocation->argument;
	struct cnode *source_cnode;
	struct capability *source, *target;
	enum bh_error error;

	error = find_empty(destination, argument[0], &target);
	if (error != BH_OK) {
		return error;
	}
	/* MOVE empties the source slot. */
	error = cnode_find(invocation->caller, argument[1],
		invocation->label == BH_CNODE_MOVE ? BH_RIGHT_READ | BH_RIGHT_WRITE : BH_RIGHT_READ,
		&source_cnode);
	if (error != BH_OK) {
		return error;
	}
	error = find_occupied(source_cnode, argument[2], &source);
	if (error != BH_OK) {
		return error;
	}
	if (invocation->label == BH_CNODE_MOVE) {
		capability_move(source, target);
		return BH_OK;
	}
	if (invocation->label == BH_CNODE_MINT) {
		error = check_badge(source, argument[4]);
		if (error != BH_OK) {
			return error;
		}
	}
	error = capability_copy(source, target, argument[3]);
	if (error == BH_OK && invocation->label == BH_CNODE_MINT) {
		target->badge = argument[4];
	}
	return error;
}

static enum bh_error delete_slot(struct cnode *cnode, uint64_t index)
{
	struct capability *slot = cnode_slot(cnode, index);

	if (slot == NULL) {
		return BH_ERROR_ARGUMENT;
	}
	if (!capability_is_empty(slot)) {
		capability_delete(slot);
	}
	return teardown_run() ? BH_OK : INVOCATION_RESTART;
}

static enum bh_error revoke_slot(struct cnode *cnode, uint64_t index)
{
	struct capability *slot;
	enum bh_error error = find_occupied(cnode, index, &slot);

	if (error != BH_OK) {
		return error;
	}
	for (;;) {
		struct capability *child = derivation_first_child(slot);

		if (child == NULL) {
			break;
		}
		capability_delete(child);
		if (preemption_point()) {
			return INVOCATION_RESTART;
		}
	}
	return teardown_run() ? BH_OK : INVOCATION_RESTART;
}

static enum bh_error rotate(struct cnode *cnode, const uint64_t *argument)
{
	struct capability *destination = cnode_slot(cnode, argument[0]);
	struct capability *pivot, *source;
	enum bh_error error;

	if (destination == NULL) {
		return BH_ERROR_ARGUMENT;
	}
	error = find_occupied(cnode, argument[1], &pivot);
	if (error != BH_OK) {
		return error;
	}
	error = find_occupied(cnode, argument[2], &source);
	if (error != BH_OK) {
		return error;
	}
	if (pivot == source || pivot == destination) {
		return BH_ERROR_ARGUMENT;
	}
	if (destination == source) {
		capability_swap(pivot, source);
		return BH_OK;
	}
	if (!capability_is_empty(destination)) {
		return BH_ERROR_SLOT_OCCUPIED;
	}
	capability_move(pivot, destination);
	capability_move(source, pivot);
	return BH_OK;
}

static enum bh_error inspect(struct invocation *invocation, struct cnode *cnode)
{
	struct capability *slot;
	enum bh_error error = find_occupied(cnode, invocation->argument[0], &slot);
	uint64_t size_bits = 0;

	if (error != BH_OK) {
		return error;
	}
	if (slot->type == BH_OBJECT_FRAME || slot->type == BH_OBJECT_UNTYPED ||
		slot->type == BH_OBJECT_PAGE_TABLE) {
		size_bits = slot->untyped.size_bits;
	} else if (slot->type == BH_OBJECT_CNODE) {
		size_bits = ((struct cnode *)slot->object)->bits;
	}
	invocation->result[0] = (uint64_t)slot->type | (uint64_t)slot->rights << 8 | size_bits << 16;
	invocation->result[1] = slot->badge;
	invocation->result[2] = slot->object;
	invocation->result[3] = slot->depth;
	return BH_OK;
}

enum bh_error cnode_invoke(struct invocation *invocation)
{
	struct cnode *cnode = (struct cnode *)invocation->slot->object;
	uint64_t right = invocation->label == BH_CNODE_INSPECT ? BH_RIGHT_READ : BH_RIGHT_WRITE;

	if (invocation->label < BH_CNODE_COPY || invocation->label > BH_CNODE_INSPECT) {
		return BH_ERROR_INVOCATION;
	}
	if ((invocation->slot->rights & right) == 0) {
		return BH_ERROR_RIGHTS;
	}
	switch (invocation->label) {
	case BH_CNODE_DELETE:
		return delete_slot(cnode, invocation->argument[0]);
	case BH_CNODE_REVOKE:
		return revoke_slot(cnode, invocation->argument[0]);
	case BH_CNODE_ROTATE:
		return rotate(cnode, invocation->argument);
	case BH_CNODE_INSPECT:
		return inspect(invocation, cnode);
	default:
		return copy_mint_move(invocation, cnode);
	}
}
