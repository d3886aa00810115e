/* SPDX-License-Identifier: MIT */
/* A CPU's deadlines: a leftist heap that is linked through the objects themselves. Insertion and removal take at most
 * a logarithm of the number of armed deadlines (right spines are that short), and no memory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum timeout_kind { TIMEOUT_NONE, TIMEOUT_TIMER, TIMEOUT_REPLENISHMENT };

struct timeout {
	uint64_t deadline; /* TSC */
	struct timeout *left, *right, *parent;
	uint32_t rank; /* length of the right spine; 0 only for NULL */
	uint16_t kind; /* enum timeout_kind: which object it stands in */
	bool armed;
};

/* Arms node (not armed) in the heap. */
void timeout_insert(struct timeout **root, struct timeout *node);

/* Takes node (armed) out. */
void timeout_remove(struct timeout **root, struct timeout *node);
