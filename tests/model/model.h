/* SPDX-License-Identifier: MIT */
/* The reference model: capabilities as a tree, and what each operation makes of it. It says what has to be, in the simplest way that
 * we found, and knows nothing of lists, depths, or how the kernel goes about it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <bulkhead/abi.h>

/* Where a capability can be: a slot of the caller's CNode, or the one slot of a CNode that was made of the system's memory. */
#define ROOT_PLACES 14
#define MEMORY_BITS 9
#define CNODE_BYTES 128u /* of the smallest: two slots, of which one can be used */
#define CNODES ((1u << MEMORY_BITS) / CNODE_BYTES)
#define PLACES (ROOT_PLACES + CNODES)
#define NO_PLACE 0xff

/* The object of a capability: its offset in the system's memory in units of 64 bytes, or this one, which boot made. */
#define BOOT_ENDPOINT 0xfe

struct node {
	uint8_t type; /* enum bh_object_type; BH_OBJECT_NULL: no capability here */
	uint8_t rights, badge, object;
	uint8_t parent; /* place of what it is derived from, or NO_PLACE */
	uint8_t bits;   /* Untyped: size */
	uint16_t used;  /* Untyped: bytes handed out */
};

struct model {
	struct node node[PLACES];
};

enum kind { COPY, MINT, MOVE, DELETE, REVOKE, ROTATE, RETYPE, KINDS };

/* One system call. Places: a = source (Copy, Mint, Move), target (Delete, Revoke), pivot (Rotate), Untyped (Retype);
 * b = destination; c = source (Rotate). `preempt_at`: an interrupt is pending at that preemption point (1: the first; 0: none). */
struct operation {
	uint8_t kind, a, b, c;
	uint8_t rights, badge;
	uint8_t type, bits, count;
	uint8_t preempt_at;
};

static inline bool is_present(const struct model *model, unsigned int place)
{
	return model->node[place].type != BH_OBJECT_NULL;
}

/* Set of the places of what is derived from it: bit p for place p. */
uint32_t model_descendants(const struct model *model, unsigned int place);

/* Does a capability name the CNode of that number? Does its slot hold anything (also after its end, until that is taken apart)? */
bool model_cnode_is_named(const struct model *model, unsigned int number);
bool model_cnode_exists(const struct model *model, unsigned int number);

/* How many capabilities name the object that the node names. */
unsigned int model_references(const struct model *model, const struct node *node);

/* Bytes that an Untyped has handed out, as they count: none, if nothing is derived from it. */
unsigned int model_used(const struct model *model, unsigned int place);

/* Takes one capability out of the tree: its children are its parent's. */
void model_remove(struct model *model, unsigned int place);

/* Does the operation to its end. What dead objects held goes with Delete, Revoke and Retype. */
enum bh_error model_apply(struct model *model, const struct operation *operation);

/* Does the memory of two capabilities overlap, neither of which is derived from the other? */
bool model_overlaps(const struct model *model);
