/* SPDX-License-Identifier: MIT */
/* The shadow model: a type for each slot of the arena, and the slots of each type. It may be wrong where the kernel changed slots by
 * itself (capabilities in messages, revocation); inspection puts it right again. */
#include "random.h"

uint64_t arena_first;
struct model_slot model[ARENA_SLOTS];

static uint16_t list[BH_OBJECT_TYPES][ARENA_SLOTS];
static uint16_t length[BH_OBJECT_TYPES];

static void list_add(uint16_t index)
{
	uint8_t type = model[index].type;

	model[index].place = length[type];
	list[type][length[type]++] = index;
}

static void list_remove(uint16_t index)
{
	uint8_t type = model[index].type;
	uint16_t last = list[type][--length[type]];

	list[type][model[index].place] = last;
	model[last].place = model[index].place;
}

void model_clear(void)
{
	for (unsigned int type = 0; type < BH_OBJECT_TYPES; type++) {
		length[type] = 0;
	}
	for (uint16_t index = 0; index < ARENA_SLOTS; index++) {
		model[index] = (struct model_slot){ 0 };
		list_add(index);
	}
}

void model_set(uint64_t slot, uint64_t type, uint64_t rights, uint64_t size_bits)
{
	uint16_t index = (uint16_t)(slot - arena_first);

	if (!in_arena(slot) || type >= BH_OBJECT_TYPES) {
		return;
	}
	list_remove(index);
	model[index].type = (uint8_t)type;
	model[index].rights = (uint8_t)rights;
	model[index].size_bits = (uint8_t)size_bits;
	model[index].badge = 0;
	list_add(index);
}

void model_move(uint64_t from, uint64_t to)
{
	struct model_slot moved;

	if (!in_arena(from) || !in_arena(to)) {
		return;
	}
	moved = model[from - arena_first];
	model_set(from, BH_OBJECT_NULL, 0, 0);
	model_set(to, moved.type, moved.rights, moved.size_bits);
	model[to - arena_first].badge = moved.badge;
}

uint64_t model_type(uint64_t slot)
{
	static const uint8_t boot[] = { [BH_BOOT_CNODE] = BH_OBJECT_CNODE,
		[BH_BOOT_THREAD] = BH_OBJECT_THREAD,
		[BH_BOOT_ADDRESS_SPACE] = BH_OBJECT_ADDRESS_SPACE,
		[BH_BOOT_SCHED_CONTEXT] = BH_OBJECT_SCHED_CONTEXT,
		[BH_BOOT_SCHED_CONTROL] = BH_OBJECT_SCHED_CONTROL,
		[BH_BOOT_IRQ_CONTROL] = BH_OBJECT_IRQ_CONTROL,
		[BH_BOOT_IO_PORT_CONTROL] = BH_OBJECT_IO_PORT_CONTROL,
		[BH_BOOT_IO_SPACE_CONTROL] = BH_OBJECT_IO_SPACE_CONTROL };

	if (in_arena(slot)) {
		return model[slot - arena_first].type;
	}
	return slot < sizeof(boot) ? boot[slot] : BH_OBJECT_NULL;
}

uint64_t model_count(uint64_t type) { return length[type]; }

uint64_t model_pick(uint64_t random, uint64_t type)
{
	uint64_t count = length[type];

	return count == 0 ? NOWHERE : arena_first + list[type][(random >> 32) * count >> 32];
}

uint64_t model_run(uint64_t random, uint64_t count)
{
	uint64_t begin = random % ARENA_SLOTS, found = 0;

	for (uint64_t i = 0; i < ARENA_SLOTS; i++) {
		uint64_t index = (begin + i) % ARENA_SLOTS;

		found = index == 0 ? 0 : found;
		found = model[index].type == BH_OBJECT_NULL ? found + 1 : 0;
		if (found == count) {
			return arena_first + index + 1 - count;
		}
	}
	return NOWHERE;
}

void model_learn(uint64_t slot, enum bh_error error, const struct bh_capability_facts *facts)
{
	if (!in_arena(slot)) {
		return;
	}
	if (error == BH_ERROR_SLOT_EMPTY) {
		model_set(slot, BH_OBJECT_NULL, 0, 0);
	} else if (error == BH_OK) {
		model_set(slot, facts->type, facts->rights, facts->size_bits);
		model[slot - arena_first].badge = facts->badge;
	}
}
