/* SPDX-License-Identifier: MIT */
/* The heap of deadlines (the kernel's own timeout.c) against a plain array: order, structure, and the bound on its spines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sched/timeout.h"

#define NODES 512

static struct timeout nodes[NODES];
static struct timeout *root;

static void start(void)
{
	root = NULL;
	for (unsigned int i = 0; i < NODES; i++) {
		nodes[i] = (struct timeout){ 0 };
	}
}

/* Heap order, parents, ranks, leftist; returns the number of nodes. */
static unsigned int check(const struct timeout *node, const struct timeout *parent)
{
	uint32_t left, right;

	if (node == NULL) {
		return 0;
	}
	assert_true(node->armed);
	assert_ptr_equal(node->parent, parent);
	if (parent != NULL) {
		assert_true(node->deadline >= parent->deadline);
	}
	left = node->left == NULL ? 0 : node->left->rank;
	right = node->right == NULL ? 0 : node->right->rank;
	assert_true(left >= right);
	assert_int_equal(node->rank, right + 1);
	return 1 + check(node->left, node) + check(node->right, node);
}

static void compare(void)
{
	unsigned int armed = 0, spine = 0, logarithm = 0;
	uint64_t first = UINT64_MAX;

	for (unsigned int i = 0; i < NODES; i++) {
		if (nodes[i].armed) {
			armed++;
			first = nodes[i].deadline < first ? nodes[i].deadline : first;
		}
	}
	assert_int_equal(check(root, NULL), armed);
	if (root != NULL) {
		assert_int_equal(root->deadline, first);
	}
	/* a right spine of n nodes needs 2^n - 1 below it: this bounds what insertion and removal do */
	for (const struct timeout *node = root; node != NULL; node = node->right) {
		spine++;
	}
	while ((2u << logarithm) <= armed + 1) {
		logarithm++;
	}
	assert_true(spine <= logarithm);
}

static void test_order(void **unused)
{
	uint64_t last = 0;

	(void)unused;
	start();
	for (unsigned int i = 0; i < NODES; i++) {
		nodes[i].deadline = i * 2654435761u % 1000; /* equal ones too */
		timeout_insert(&root, &nodes[i]);
		compare();
	}
	for (unsigned int i = 0; i < NODES; i++) {
		struct timeout *first = root;

		assert_true(first->deadline >= last);
		last = first->deadline;
		timeout_remove(&root, first);
		assert_false(first->armed);
		compare();
	}
	assert_null(root);
}

static void test_extremes(void **unused)
{
	(void)unused;
	start();
	nodes[0].deadline = UINT64_MAX;
	nodes[1].deadline = 0;
	nodes[2].deadline = UINT64_MAX;
	for (unsigned int i = 0; i < 3; i++) {
		timeout_insert(&root, &nodes[i]);
	}
	compare();
	assert_ptr_equal(root, &nodes[1]);
	timeout_remove(&root, &nodes[0]);
	timeout_remove(&root, &nodes[1]);
	assert_ptr_equal(root, &nodes[2]);
	compare();
	timeout_remove(&root, &nodes[2]);
	assert_null(root);
}

static void sorted(bool descending)
{
	start();
	for (unsigned int i = 0; i < NODES; i++) {
		nodes[i].deadline = descending ? NODES - i : i;
		timeout_insert(&root, &nodes[i]);
		compare();
	}
	for (unsigned int i = 0; i < NODES; i++) { /* not from the root */
		timeout_remove(&root, &nodes[i * 37 % NODES]);
		compare();
	}
	assert_null(root);
}

static void test_ascending(void **unused)
{
	(void)unused;
	sorted(false);
}

static void test_descending(void **unused)
{
	(void)unused;
	sorted(true);
}

static void test_random(void **unused)
{
	uint64_t random = 0x9e3779b97f4a7c15;

	(void)unused;
	start();
	for (unsigned int i = 0; i < 20000; i++) {
		struct timeout *node;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		node = &nodes[random % NODES];
		if (node->armed) {
			timeout_remove(&root, node);
		} else {
			node->deadline = random >> 32 & 0xffff;
			timeout_insert(&root, node);
		}
		if (i % 16 == 0) {
			compare();
		}
	}
	compare();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_ascending),
		cmocka_unit_test(test_descending),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
