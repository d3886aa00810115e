/* SPDX-License-Identifier: MIT */
/* The invariant sweep: a part of the kernel that only the test's build of it has (build/cmake/random.cmake). It looks at all that
 * the kernel keeps, changes nothing that lasts, and panics with a line that says what does not hold. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "object/objects.h"

/* A capability of the derivation list, in the list's order. */
struct sweep_entry {
	struct capability *slot;
	uint64_t start, end; /* physical memory that it names; both 0: none */
	uint32_t last;       /* index of its last descendant; its own where it has none */
};

/* An object that counts references, or the slots of one. In the order of memory; no two overlap. */
struct sweep_object {
	uint64_t type, object; /* object: as the capabilities name it */
	uint64_t start, end;   /* physical */
};

#define SWEEP_ENTRIES 24576
extern struct sweep_entry sweep_entries[SWEEP_ENTRIES];
extern struct sweep_object sweep_objects[SWEEP_ENTRIES];
extern uint32_t sweep_entry_count, sweep_object_count;

_Noreturn void sweep_failed(const char *what, uint64_t first, uint64_t second);

#define SWEEP_CHECK(condition, what, first, second)                                \
	do {                                                                       \
		if (__builtin_expect(!(condition), 0)) {                           \
			sweep_failed(what, (uint64_t)(first), (uint64_t)(second)); \
		}                                                                  \
	} while (0)

/* The live object that this address of the kernel's lies in, or NULL. */
const struct sweep_object *sweep_find(const void *address);

/* Is this the object of that type, alive? */
bool sweep_is_live(const void *object, uint64_t type);

/* The capability slots that an object has, and how many; NULL, 0: none. */
struct capability *sweep_slots(const struct sweep_object *object, uint64_t *count);

/* Derivation list, memory, references, slots: sweep_capabilities fills the two tables above. */
void sweep_capabilities(void);
/* Page tables against the capabilities that are mapped; ports. */
void sweep_mappings(void);
/* Who waits where, who runs on what. */
void sweep_executions(void);
/* Ready queues, deadlines, what the CPU holds. */
void sweep_scheduler(void);
