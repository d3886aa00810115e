/* SPDX-License-Identifier: MIT */
/* The slots of the root task's CNode: see slots.h. One 16-bit owner a slot. */
#include "slots.h"

static uint16_t owner_of[SLOTS_MAX];
static uint32_t lowest_free; /* no free slot is below this one */
static uint32_t
	taken_end; /* none from here on was ever taken: a restart looks for its slots below, and holds up no VM for longer */

void slots_init(uint32_t first, uint32_t end)
{
	for (uint32_t slot = 0; slot < SLOTS_MAX; slot++) {
		owner_of[slot] = slot >= first && slot < end && slot != 0 ? OWNER_FREE : OWNER_SYSTEM;
	}
	lowest_free = first;
	taken_end = first;
}

uint32_t slots_take(uint16_t owner, uint32_t count)
{
	uint32_t run = 0;

	while (lowest_free < SLOTS_MAX && owner_of[lowest_free] != OWNER_FREE) {
		lowest_free++;
	}
	for (uint32_t slot = lowest_free; owner != OWNER_FREE && count > 0 && slot < SLOTS_MAX; slot++) {
		run = owner_of[slot] == OWNER_FREE ? run + 1 : 0;
		if (run == count) {
			uint32_t first = slot + 1 - count;

			for (uint32_t i = first; i <= slot; i++) {
				owner_of[i] = owner;
			}
			taken_end = slot < taken_end ? taken_end : slot + 1;
			return first;
		}
	}
	return 0;
}

uint32_t slots_next(uint16_t owner, uint32_t from)
{
	for (uint32_t slot = from; slot < taken_end; slot++) {
		if (owner_of[slot] == owner) {
			return slot;
		}
	}
	return 0;
}

void slots_free(uint32_t slot)
{
	if (slot > 0 && slot < SLOTS_MAX) {
		owner_of[slot] = OWNER_FREE;
		lowest_free = slot < lowest_free ? slot : lowest_free;
	}
}

uint32_t slots_count(uint16_t owner)
{
	uint32_t count = 0;

	for (uint32_t slot = 0; slot < SLOTS_MAX; slot++) {
		count += owner_of[slot] == owner;
	}
	return count;
}

const uint32_t *slots_tally(void)
{
	static uint32_t counts[OWNER_COUNT];

	for (uint32_t owner = 0; owner < OWNER_COUNT; owner++) {
		counts[owner] = 0;
	}
	for (uint32_t slot = 0; slot < SLOTS_MAX; slot++) {
		counts[owner_of[slot] < OWNER_COUNT ? owner_of[slot] : OWNER_SYSTEM]++;
	}
	return counts;
}

uint16_t slots_owner(uint32_t slot) { return slot < SLOTS_MAX ? owner_of[slot] : OWNER_SYSTEM; }

uint32_t slots_end(void) { return taken_end; }
