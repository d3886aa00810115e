/* SPDX-License-Identifier: MIT */
/* The leftist heap of deadlines. Pure code, also built into host tests. */
#include "sched/timeout.h"

#include <stddef.h>

static uint32_t rank(const struct timeout *node) { return node == NULL ? 0 : node->rank; }

static void swap_children(struct timeout *node)
{
	struct timeout *left = node->left;

	node->left = node->right;
	node->right = left;
}

/* From node upward: longer spine to the left, ranks right again; ends where nothing changes. */
static void repair(struct timeout *node)
{
	while (node != NULL) {
		uint32_t before = node->rank;

		if (rank(node->left) < rank(node->right)) {
			swap_children(node);
		}
		node->rank = rank(node->right) + 1;
		if (node->rank == before) {
			return;
		}
		node = node->parent;
	}
}

/* Merges two heaps along their right spines into *link, whose owner is parent. */
static void merge_into(
	struct timeout **link, struct timeout *parent, struct timeout *first, struct timeout *second)
{
	struct timeout *bottom = parent;

	while (first != NULL && second != NULL) {
		struct timeout *smaller = first;

		if (second->deadline < first->deadline) {
			smaller = second;
			second = first;
		}
		*link = smaller;
		smaller->parent = bottom;
		bottom = smaller;
		link = &smaller->right;
		first = smaller->right;
	}
	*link = first != NULL ? first : second;
	if (*link != NULL) {
		(*link)->parent = bottom;
	}
	/* Every node of the merged spine may have a new rank: walk it, then go on above while ranks change. */
	while (bottom != parent) {
		if (rank(bottom->left) < rank(bottom->right)) {
			swap_children(bottom);
		}
		bottom->rank = rank(bottom->right) + 1;
		bottom = bottom->parent;
	}
	repair(parent);
}

void timeout_insert(struct timeout **root, struct timeout *node)
{
	node->left = NULL;
	node->right = NULL;
	node->parent = NULL;
	node->rank = 1;
	node->armed = true;
	if (*root != NULL && node->deadline < (*root)->deadline) {
		/* What merging comes to, and mostly so: who arms a timer waits for what is next. */
		node->left = *root;
		node->left->parent = node;
		*root = node;
		return;
	}
	merge_into(root, NULL, *root, node);
}

void timeout_remove(struct timeout **root, struct timeout *node)
{
	struct timeout *parent = node->parent;
	struct timeout **link = root;

	if (parent != NULL) {
		link = parent->left == node ? &parent->left : &parent->right;
	}
	node->armed = false;
	if (parent == NULL && node->right == NULL) {
		*root = node->left; /* the same */
		if (node->left != NULL) {
			node->left->parent = NULL;
		}
		return;
	}
	merge_into(link, parent, node->left, node->right);
}
