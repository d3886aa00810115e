/* SPDX-License-Identifier: MIT */
/* Which slots of the root task's CNode are in use, and for whom. A task or a VM owns what was made for it: taking it down
 * means going through its owner's slots, so none can leak. Pure; no system calls. */
#pragma once

#include <bulkhead/manifest.h>

#include <stdint.h>

#define SLOTS_MAX 131072u /* 2^BH_BOOT_CNODE_BITS */

#define OWNER_FREE UINT16_C(0)
#define OWNER_SYSTEM UINT16_C(1)
#define OWNER_VM(vm) ((uint16_t)(2 + (vm)))                          /* vm < MANIFEST_MAX_VMS */
#define OWNER_TASK(task) ((uint16_t)(2 + MANIFEST_MAX_VMS + (task))) /* task < MANIFEST_MAX_TASKS */

#define OWNER_COUNT (2u + MANIFEST_MAX_VMS + MANIFEST_MAX_TASKS)

/* Slots [first, end) are free, all others belong to the system. end is at most SLOTS_MAX. */
void slots_init(uint32_t first, uint32_t end);

/* Takes `count` consecutive free slots for `owner`; returns the first, 0 if there is no such run. */
uint32_t slots_take(uint16_t owner, uint32_t count);

/* The first slot that `owner`, a VM or a task, has taken and that is not below `from`; 0 if there is none. */
uint32_t slots_next(uint16_t owner, uint32_t from);

/* Gives a slot back, which the caller has emptied. Slots out of range are ignored. */
void slots_free(uint32_t slot);

/* How many slots `owner` has. */
uint32_t slots_count(uint16_t owner);

/* How many slots each owner has, by one walk over all: OWNER_COUNT numbers, valid until the next call. */
const uint32_t *slots_tally(void);

/* Who has `slot`, which is below SLOTS_MAX. */
uint16_t slots_owner(uint32_t slot);

/* All slots that were ever taken are below this one. */
uint32_t slots_end(void);
