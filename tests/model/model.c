/* SPDX-License-Identifier: MIT */
/* The tree. See model.h. */
#include "model.h"

bool model_cnode_is_named(const struct model *model, unsigned int number)
{
	for (unsigned int place = 0; place < PLACES; place++) {
		if (model->node[place].type == BH_OBJECT_CNODE &&
			model->node[place].object == number * (CNODE_BYTES / 64)) {
			return true;
		}
	}
	return false;
}

bool model_cnode_exists(const struct model *model, unsigned int number)
{
	return model_cnode_is_named(model, number) || is_present(model, ROOT_PLACES + number);
}

static bool is_derived(const struct model *model, unsigned int place, unsigned int from)
{
	for (unsigned int above = model->node[place].parent; above != NO_PLACE;
		above = model->node[above].parent) {
		if (above == from) {
			return true;
		}
	}
	return false;
}

uint32_t model_descendants(const struct model *model, unsigned int place)
{
	uint32_t found = 0;

	for (unsigned int other = 0; other < PLACES; other++) {
		if (is_present(model, other) && is_derived(model, other, place)) {
			found |= 1u << other;
		}
	}
	return found;
}

unsigned int model_references(const struct model *model, const struct node *node)
{
	unsigned int count = 0;

	for (unsigned int place = 0; place < PLACES; place++) {
		if (model->node[place].type == node->type && model->node[place].object == node->object) {
			count++;
		}
	}
	return count;
}

unsigned int model_used(const struct model *model, unsigned int place)
{
	return model_descendants(model, place) == 0 ? 0 : model->node[place].used;
}

void model_remove(struct model *model, unsigned int place)
{
	for (unsigned int other = 0; other < PLACES; other++) {
		if (is_present(model, other) && model->node[other].parent == place) {
			model->node[other].parent = model->node[place].parent;
		}
	}
	model->node[place] = (struct node){ .type = BH_OBJECT_NULL };
}

/* What stands in a CNode that nobody names goes, which may be the last name of another one. */
static void settle(struct model *model)
{
	for (bool again = true; again;) {
		again = false;
		for (unsigned int number = 0; number < CNODES; number++) {
			if (is_present(model, ROOT_PLACES + number) && !model_cnode_is_named(model, number)) {
				model_remove(model, ROOT_PLACES + number);
				again = true;
			}
		}
	}
}

static void rename_place(struct model *model, unsigned int from, unsigned int to)
{
	model->node[to] = model->node[from];
	model->node[from] = (struct node){ .type = BH_OBJECT_NULL };
	for (unsigned int other = 0; other < PLACES; other++) {
		if (is_present(model, other) && model->node[other].parent == from) {
			model->node[other].parent = (uint8_t)to;
		}
	}
}

static enum bh_error copy(struct model *model, const struct operation *operation)
{
	const struct node *source = &model->node[operation->a];
	struct node *target = &model->node[operation->b];

	if (is_present(model, operation->b)) {
		return BH_ERROR_SLOT_OCCUPIED;
	}
	if (!is_present(model, operation->a)) {
		return BH_ERROR_SLOT_EMPTY;
	}
	if (operation->kind == MINT && source->type != BH_OBJECT_ENDPOINT) {
		return BH_ERROR_TYPE;
	}
	if (operation->kind == MINT ? source->badge != 0 : source->type == BH_OBJECT_UNTYPED) {
		return BH_ERROR_STATE;
	}
	*target = *source;
	target->rights &= operation->rights;
	target->parent = operation->a;
	if (operation->kind == MINT) {
		target->badge = operation->badge;
	}
	return BH_OK;
}

static enum bh_error rotate(
	struct model *model, unsigned int destination, unsigned int pivot, unsigned int source)
{
	struct model before = *model;

	if (!is_present(model, pivot) || !is_present(model, source)) {
		return BH_ERROR_SLOT_EMPTY;
	}
	if (pivot == source || pivot == destination) {
		return BH_ERROR_ARGUMENT;
	}
	if (destination != source && is_present(model, destination)) {
		return BH_ERROR_SLOT_OCCUPIED;
	}
	/* Who is where afterwards, and then the same for the names of parents. */
	for (unsigned int place = 0; place < PLACES; place++) {
		unsigned int from = place == destination                       ? pivot
				    : place == pivot                           ? source
				    : place == source && destination != source ? destination
									       : place;

		model->node[place] = before.node[from];
	}
	for (unsigned int place = 0; place < PLACES; place++) {
		uint8_t parent = model->node[place].parent;

		if (is_present(model, place) && parent != NO_PLACE) {
			model->node[place].parent = (uint8_t)(parent == pivot    ? destination
							      : parent == source ? pivot
										 : parent);
		}
	}
	return BH_OK;
}

static enum bh_error retype(struct model *model, const struct operation *operation)
{
	struct node *untyped = &model->node[operation->a];
	unsigned int size = 1u << operation->bits, used, start;

	for (unsigned int i = 0; i < operation->count; i++) {
		if (is_present(model, operation->b + i)) {
			return BH_ERROR_SLOT_OCCUPIED;
		}
	}
	settle(model);
	used = model_used(model, operation->a);
	start = (used + size - 1) / size * size;
	if (start + operation->count * size > 1u << untyped->bits) {
		return BH_ERROR_MEMORY;
	}
	for (unsigned int i = 0; i < operation->count; i++) {
		model->node[operation->b + i] = (struct node){ .type = operation->type,
			.rights = BH_RIGHTS_ALL,
			.object = (uint8_t)(untyped->object + (start + i * size) / 64),
			.parent = operation->a,
			.bits = operation->type == BH_OBJECT_UNTYPED ? operation->bits : 0 };
	}
	untyped->used = (uint16_t)(start + operation->count * size);
	return BH_OK;
}

enum bh_error model_apply(struct model *model, const struct operation *operation)
{
	switch ((enum kind)operation->kind) {
	case COPY:
	case MINT:
		return copy(model, operation);
	case MOVE:
		if (is_present(model, operation->b)) {
			return BH_ERROR_SLOT_OCCUPIED;
		}
		if (!is_present(model, operation->a)) {
			return BH_ERROR_SLOT_EMPTY;
		}
		rename_place(model, operation->a, operation->b);
		return BH_OK;
	case DELETE:
		if (is_present(model, operation->a)) {
			model_remove(model, operation->a);
		}
		settle(model);
		return BH_OK;
	case REVOKE:
		if (!is_present(model, operation->a)) {
			return BH_ERROR_SLOT_EMPTY;
		}
		for (unsigned int place = 0; place < PLACES; place++) {
			if (is_present(model, place) && is_derived(model, place, operation->a)) {
				model_remove(model, place);
			}
		}
		settle(model);
		return BH_OK;
	case ROTATE:
		return rotate(model, operation->b, operation->a, operation->c);
	case RETYPE:
		return retype(model, operation);
	case KINDS:
		break;
	}
	return BH_ERROR_INVOCATION;
}

/* Bytes of the memory that a capability stands for; 0: none of the system's. */
static unsigned int size_of(const struct node *node)
{
	if (node->object == BOOT_ENDPOINT) {
		return 0;
	}
	return node->type == BH_OBJECT_UNTYPED ? 1u << node->bits
	       : node->type == BH_OBJECT_CNODE ? CNODE_BYTES
					       : 64;
}

bool model_overlaps(const struct model *model)
{
	for (unsigned int a = 0; a < PLACES; a++) {
		for (unsigned int b = 0; b < a; b++) {
			const struct node *first = &model->node[a], *second = &model->node[b];
			unsigned int first_start = first->object * 64u, second_start = second->object * 64u;

			if (!is_present(model, a) || !is_present(model, b) || size_of(first) == 0 ||
				size_of(second) == 0 || first_start >= second_start + size_of(second) ||
				second_start >= first_start + size_of(first) || is_derived(model, a, b) ||
				is_derived(model, b, a)) {
				continue;
			}
			/* two names of one object, by copies */
			if (first->type == BH_OBJECT_UNTYPED || first->type != second->type ||
				first_start != second_start) {
				return true;
			}
		}
	}
	return false;
}
