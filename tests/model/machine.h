/* SPDX-License-Identifier: MIT */
/* The kernel's own capability code (derivation.c, cnode.c, untyped.c, teardown.c, invoke.c), built for the host, over one small system:
 * a caller whose CNode has 16 slots, an Untyped of 512 bytes, and an Endpoint that boot made. Everything goes through invoke(). */
#pragma once

#include "model.h"

/* The kernel answered that the call is to be made again: an interrupt was pending at a preemption point. */
#define PREEMPTED ((enum bh_error)BH_ERROR_COUNT)
/* One of the kernel's assertions does not hold; it was printed. */
#define ASSERTION_FAILED ((enum bh_error)(BH_ERROR_COUNT + 1))

struct image {
	uint64_t memory[256];
	void *zombies;
};

/* The system after boot, and the model's view of it. */
void machine_start(struct model *model);

void machine_save(struct image *image);
void machine_restore(const struct image *image);

/* Can the caller name that place in a system call? */
bool machine_reaches(const struct model *model, unsigned int place);

/* Makes the system call. */
enum bh_error machine_apply(const struct model *model, const struct operation *operation);

/* Does that place hold a capability? Only of places that exist. */
bool machine_is_present(unsigned int place);

/* Everything that a caller could find out, and what the kernel relies on, compared with the model: NULL, or what differs. */
const char *machine_compare(const struct model *model);

/* Has everything that died been taken apart? */
bool machine_is_settled(void);

/* A number for all that decides what the kernel will do next; which of the caller's slots a capability is in does not. */
uint64_t machine_hash(const struct model *model);

/* Fills what an Untyped has not handed out with rubbish: the next object must not have any of it. */
void machine_soil(const struct model *model, unsigned int place);
