/* SPDX-License-Identifier: MIT */
/* Proof: timeouts
 * Property: the heap of deadlines stays one: exactly the armed nodes are in it, each once, linked to its parent and back; no deadline is before
 *	its parent's, so the root's is the earliest; no right spine is longer than the left one, and each rank is the length of the right spine.
 * Bound: every heap of up to five nodes (all 16 shapes), any deadlines, equal ones too: insertion into those of up to four, removal of any node;
 *	removal of any node of the full heap of seven, the smallest where a rank changes two levels up.
 * Assumes: no deadline is before its parent's
 * Functions: kernel/sched/timeout.c: rank swap_children repair merge_into timeout_insert timeout_remove
 * Cases: 2
 * Options: --slice-formula --unwind 9
 */
#include "proof.h"

#include "sched/timeout.c"

#define NODES (CASE == 0 ? 5 : 7)

/* Objects of their own: CBMC handles pointers to these many times as fast as to an array's. */
static struct timeout first, second, third, fourth, fifth, sixth, seventh, fresh;
static struct timeout *const nodes[NODES] = { &first, &second, &third, &fourth, &fifth,
#if CASE != 0
	&sixth, &seventh
#endif
};
static struct timeout *root;
static bool is_in[NODES]; /* the heap; `fresh` is while it is armed */
static unsigned int count;

/* Each shape: its nodes, each before what is below it, left before right; 0 has no children, 1 a left one, 3 both. */
static void plant(const char *shape)
{
	struct timeout **links[NODES + 1] = { &root }, *parents[NODES + 1] = { NULL };
	unsigned int due = 1;

	for (unsigned int i = 0; shape[i] != '\0'; i++) {
		struct timeout *node = nodes[i];

		due--;
		*links[due] = node;
		node->parent = parents[due];
		node->deadline = any_u64();
		node->kind = TIMEOUT_TIMER;
		node->armed = true;
		is_in[i] = true;
		count++;
		if (shape[i] == '3') {
			links[due] = &node->right;
			parents[due] = node;
			due++;
		}
		if (shape[i] != '0') {
			links[due] = &node->left;
			parents[due] = node;
			due++;
		}
	}
	for (unsigned int i = count; i-- > 0;) {
		nodes[i]->rank = nodes[i]->right == NULL ? 1 : nodes[i]->right->rank + 1;
	}

	bool is_ordered = true;

	for (unsigned int i = 0; i < count; i++) {
		is_ordered = is_ordered &&
			     (nodes[i]->parent == NULL || nodes[i]->parent->deadline <= nodes[i]->deadline);
	}
	ASSUME(is_ordered, "no deadline is before its parent's");
}

static bool belongs(const struct timeout *node)
{
	bool found = node == &fresh && fresh.armed;

	for (unsigned int i = 0; i < NODES; i++) {
		found = found || (is_in[i] && node == nodes[i]);
	}
	return found;
}

static void check(const struct timeout *node)
{
	const struct timeout *left = node->left, *right = node->right, *up = node;

	PROVE(node->armed, "who is in the heap is armed");
	PROVE(left == NULL || (belongs(left) && left->parent == node), "the left child belongs there");
	PROVE(right == NULL || (belongs(right) && right->parent == node), "the right child belongs there");
	PROVE(left == NULL || left->deadline >= node->deadline, "no deadline before its parent's: left");
	PROVE(right == NULL || right->deadline >= node->deadline, "no deadline before its parent's: right");
	PROVE(root->deadline <= node->deadline, "the root's deadline is the earliest");
	PROVE(node->rank == (right == NULL ? 0 : right->rank) + 1, "a rank is the right spine's length");
	PROVE((left == NULL ? 0 : left->rank) >= (right == NULL ? 0 : right->rank),
		"no right spine is longer than the left one");
	PROVE(node == root ? node->parent == NULL
			   : belongs(node->parent) &&
				     (node->parent->left == node) != (node->parent->right == node),
		"its parent has it, once");
	for (unsigned int i = 0; i < NODES && up != root; i++) {
		up = up->parent;
	}
	PROVE(up == root, "it is below the root");
}

static void check_all(void)
{
	if (count == 0) {
		COVER("an empty heap");
		PROVE(root == NULL, "the heap is empty");
		return;
	}
	PROVE(root != NULL && belongs(root), "there is a root");
	for (unsigned int i = 0; i < NODES; i++) {
		if (is_in[i]) {
			check(nodes[i]);
		}
	}
	if (fresh.armed) {
		check(&fresh);
	}
}

static void insert_into(const char *shape)
{
	uint64_t deadline = any_u64();

	plant(shape);
	fresh.deadline = deadline;
	fresh.rank = any_u32();
	fresh.left = any_bool() ? nodes[0] : NULL;
	fresh.right = any_bool() ? nodes[1] : NULL;
	fresh.parent = any_bool() ? nodes[0] : NULL;
	count++;
	timeout_insert(&root, &fresh);
	COVER_IF(count == NODES && root == &fresh, "the new one is the first of all");
	COVER_IF(count == NODES && root != &fresh, "the new one is not the first");
	PROVE(fresh.armed && fresh.deadline == deadline, "armed, for when it was asked");
}

/* Node after node, each on a path of its own. */
static void remove_from(const char *shape)
{
	unsigned int which = any_u8();

	plant(shape);
	for (unsigned int i = 0; i < count; i++) {
		if (which == i) {
			uint64_t deadline = nodes[i]->deadline;

			is_in[i] = false;
			count--;
			timeout_remove(&root, nodes[i]);
			COVER_IF(i != 0 && count == NODES - 1, "one from within");
			PROVE(!nodes[i]->armed && nodes[i]->deadline == deadline, "no longer armed");
			return;
		}
	}
}

static void change(bool is_removal, const char *shape)
{
	if (is_removal) {
		remove_from(shape);
	} else {
		insert_into(shape);
	}
}

static void change_small(bool is_removal, unsigned int which)
{
	switch (which) {
	case 0:
		change(is_removal, "0");
		break;
	case 1:
		change(is_removal, "10");
		break;
	case 2:
		change(is_removal, "300");
		break;
	case 3:
		change(is_removal, "110");
		break;
	case 4:
		change(is_removal, "3010");
		break;
	case 5:
		change(is_removal, "3100");
		break;
	case 6:
		change(is_removal, "1300");
		break;
	default:
		change(is_removal, "1110");
		break;
	}
}

static void remove_from_five(unsigned int which)
{
	switch (which) {
	case 0:
		remove_from("30110");
		break;
	case 1:
		remove_from("31010");
		break;
	case 2:
		remove_from("33000");
		break;
	case 3:
		remove_from("31100");
		break;
	case 4:
		remove_from("13010");
		break;
	case 5:
		remove_from("13100");
		break;
	case 6:
		remove_from("11300");
		break;
	default:
		remove_from("11110");
		break;
	}
}

int main(void)
{
	unsigned int which = any_u8() & 7;

	if (CASE != 0) {
		remove_from("3300300");
		check_all();
		return 0;
	}
	switch (any_u8() & 3) {
	case 0:
		insert_into("");
		break;
	case 1:
		change_small(false, which);
		break;
	case 2:
		change_small(true, which);
		break;
	default:
		remove_from_five(which);
		break;
	}
	check_all(); /* once for all paths */
	return 0;
}
