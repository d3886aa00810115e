/* SPDX-License-Identifier: MIT */
/* What the arena is filled with when a round begins, and calls that only together make something worth calling: a guest that runs,
 * an actor, a full table of ports. */
#include "random.h"

static uint64_t threads, pool, device; /* Untypeds that all of the arena is made of */

/* Into an empty slot, or NOWHERE. */
static uint64_t make(struct caller *caller, uint64_t untyped, uint64_t type, uint64_t size)
{
	uint64_t slot = model_pick(random_next(caller), BH_OBJECT_NULL);

	if (slot == NOWHERE ||
		invoke(caller, untyped, BH_UNTYPED_RETYPE, type, size, 0, slot, 1, 0) != BH_OK) {
		return NOWHERE;
	}
	model_set(slot, type, BH_RIGHTS_ALL, size);
	model[slot - arena_first].device = untyped == device;
	return slot;
}

static uint64_t copy(struct caller *caller, uint64_t source, uint64_t type, uint64_t rights)
{
	uint64_t slot = model_pick(random_next(caller), BH_OBJECT_NULL);

	if (slot == NOWHERE ||
		invoke(caller, BH_BOOT_CNODE, BH_CNODE_COPY, slot, 0, source, rights, 0, 0) != BH_OK) {
		return NOWHERE;
	}
	model_set(slot, type, rights, type == BH_OBJECT_FRAME ? 12 : 0);
	return slot;
}

static void mint(struct caller *caller, uint64_t source, uint64_t type, uint64_t badge)
{
	uint64_t slot = model_pick(random_next(caller), BH_OBJECT_NULL);

	if (slot != NOWHERE && invoke(caller, BH_BOOT_CNODE, BH_CNODE_MINT, slot, 0, source, BH_RIGHTS_ALL,
				       badge, 0) == BH_OK) {
		model_set(slot, type, BH_RIGHTS_ALL, 0);
		model[slot - arena_first].badge = badge;
	}
}

void world_initialise(uint64_t untyped_small, uint64_t pool_untyped, uint64_t device_untyped)
{
	threads = untyped_small;
	pool = pool_untyped;
	device = device_untyped;
}

static uint64_t context_for(struct caller *caller, uint64_t untyped, uint64_t who)
{
	uint64_t context = make(caller, untyped, BH_OBJECT_SCHED_CONTEXT, 0);
	uint64_t budget = 20 + random_below(caller, 300);

	(void)invoke(caller, BH_BOOT_SCHED_CONTROL, BH_SCHED_CONTROL_CONFIGURE, context, budget,
		one_in(caller, 4) ? budget : budget * 4, 0, 0, 0);
	(void)invoke(caller, context, BH_SCHED_CONTEXT_BIND, who, 0, 0, 0, 0, 0);
	return context;
}

static uint64_t any_untyped(struct caller *caller)
{
	uint64_t slot = model_pick(random_next(caller), BH_OBJECT_UNTYPED);

	return slot != NOWHERE && !one_in(caller, 3) ? slot : pool;
}

void world_make_actor(struct caller *caller)
{
	uint64_t thread = make(caller, threads, BH_OBJECT_THREAD, 0);

	if (thread == NOWHERE) {
		return;
	}
	if (!one_in(caller, 3)) {
		(void)context_for(caller, any_untyped(caller), thread);
	}
	actor_begin(caller, thread);
}

static void map_guest_page(struct caller *caller, uint64_t untyped, uint64_t space, uint64_t address)
{
	uint64_t frame = copy(caller, guest_frame_slot, BH_OBJECT_FRAME, BH_RIGHTS_ALL);

	for (uint64_t level = 3; level >= 1; level--) {
		uint64_t span = UINT64_C(1) << (12 + 9 * level);
		uint64_t table = make(caller, untyped, BH_OBJECT_PAGE_TABLE, 0);

		(void)invoke(caller, table, BH_PAGE_TABLE_MAP, space, address & ~(span - 1), level, 0, 0, 0);
	}
	(void)invoke(caller, frame, BH_FRAME_MAP, space, address, BH_MAP_READ | BH_MAP_WRITE | BH_MAP_EXECUTE,
		0, 0, 0);
}

void world_make_guest(struct caller *caller)
{
	uint64_t space = make(caller, pool, BH_OBJECT_GUEST_SPACE, 0);
	uint64_t vcpu = make(caller, pool, BH_OBJECT_VCPU, 0);
	uint64_t endpoint = model_pick(random_next(caller), BH_OBJECT_ENDPOINT);
	uint64_t notification = model_pick(random_next(caller), BH_OBJECT_NOTIFICATION);

	if (space == NOWHERE || vcpu == NOWHERE) {
		return;
	}
	map_guest_page(caller, pool, space, 0);
	map_guest_page(caller, pool, space, 0xfffff000);
	(void)invoke(caller, vcpu, BH_VCPU_CONFIGURE, space, random_below(caller, 256) | 60 << 8, 0, 0, 0, 0);
	(void)invoke(
		caller, vcpu, BH_VCPU_BIND, BH_BIND_ALL_EXITS, endpoint, random_below(caller, 16), 0, 0, 0);
	(void)invoke(caller, vcpu, BH_VCPU_BIND_NOTIFICATION, notification, 0, 0, 0, 0, 0);
	for (uint64_t route = 0; route < 4; route++) {
		(void)invoke(caller, space, BH_GUEST_SPACE_ROUTE, route, 0x100 + route * 16, 8, 0, 0, 0);
		(void)invoke(caller, vcpu, BH_VCPU_BIND, BH_BIND_ROUTE + route,
			model_pick(random_next(caller),
				route == 3 ? BH_OBJECT_NOTIFICATION : BH_OBJECT_ENDPOINT),
			0, 0, 0, 0);
	}
	(void)context_for(caller, pool, vcpu);
	(void)invoke(caller, vcpu, BH_VCPU_RUN, 0, 0, 0, 0, 0, 0);
}

void world_fill_ports(struct caller *caller)
{
	uint64_t space = make(caller, pool, BH_OBJECT_ADDRESS_SPACE, 0);

	for (uint64_t i = 0; i < 9; i++) {
		uint64_t ports = make(caller, pool, BH_OBJECT_IO_PORTS, 0);

		(void)invoke(caller, BH_BOOT_IO_PORT_CONTROL, BH_IO_PORT_CONTROL_CONFIGURE, ports,
			0x9000 + i * 4, 4, 0, 0, 0);
		(void)invoke(caller, ports, BH_IO_PORTS_MAP, space, 0, 0, 0, 0, 0);
	}
}

/* Types and how many of each a round begins with. */
static const struct {
	uint8_t type, size, count;
} population[] = {
	{ BH_OBJECT_UNTYPED, 18, 3 },
	{ BH_OBJECT_UNTYPED, 16, 5 },
	{ BH_OBJECT_UNTYPED, 13, 4 },
	{ BH_OBJECT_CNODE, 10, 2 },
	{ BH_OBJECT_CNODE, 4, 2 },
	{ BH_OBJECT_ENDPOINT, 0, 6 },
	{ BH_OBJECT_REPLY, 0, 12 },
	{ BH_OBJECT_NOTIFICATION, 0, 8 },
	{ BH_OBJECT_TIMER, 0, 6 },
	{ BH_OBJECT_ADDRESS_SPACE, 0, 3 },
	{ BH_OBJECT_PAGE_TABLE, 0, 12 },
	{ BH_OBJECT_FRAME, 12, 10 },
	{ BH_OBJECT_IRQ_HANDLER, 0, 4 },
	{ BH_OBJECT_IO_PORTS, 0, 6 },
	{ BH_OBJECT_SCHED_CONTEXT, 0, 4 },
	{ BH_OBJECT_THREAD, 0, 2 },
};

static void make_badged(struct caller *caller)
{
	for (uint64_t i = 0; i < 6; i++) {
		mint(caller, model_pick(random_next(caller), BH_OBJECT_NOTIFICATION), BH_OBJECT_NOTIFICATION,
			i + 1);
		mint(caller, model_pick(random_next(caller), BH_OBJECT_ENDPOINT), BH_OBJECT_ENDPOINT,
			i % 3 + 1);
	}
	mint(caller, BH_BOOT_SCHED_CONTROL, BH_OBJECT_SCHED_CONTROL, 100);
	mint(caller, BH_BOOT_IRQ_CONTROL, BH_OBJECT_IRQ_CONTROL, BH_CONTROL_RANGE(4, 6));
	mint(caller, BH_BOOT_IO_PORT_CONTROL, BH_OBJECT_IO_PORT_CONTROL, BH_CONTROL_RANGE(0x5000, 0x100));
	(void)copy(caller, BH_BOOT_CNODE, BH_OBJECT_CNODE, BH_RIGHTS_ALL);
	(void)copy(caller, BH_BOOT_CNODE, BH_OBJECT_CNODE, BH_RIGHT_READ);
}

void world_reset(struct caller *caller)
{
	bool before = model_busy;

	model_busy = true;
	(void)invoke(caller, BH_BOOT_CNODE, BH_CNODE_REVOKE, pool, 0, 0, 0, 0, 0);
	(void)invoke(caller, BH_BOOT_CNODE, BH_CNODE_REVOKE, threads, 0, 0, 0, 0, 0);
	(void)invoke(caller, BH_BOOT_CNODE, BH_CNODE_REVOKE, device, 0, 0, 0, 0, 0);
	(void)invoke(caller, BH_BOOT_CNODE, BH_CNODE_REVOKE, guest_frame_slot, 0, 0, 0, 0, 0);
	/* A message's capabilities go to up to four slots in a row. */
	for (uint64_t slot = arena_first; slot < arena_first + ARENA_SLOTS + BH_MESSAGE_CAPS_MAX; slot++) {
		(void)invoke(caller, BH_BOOT_CNODE, BH_CNODE_DELETE, slot, 0, 0, 0, 0, 0);
	}
	model_clear();
	for (unsigned int i = 0; i < sizeof(population) / sizeof(population[0]); i++) {
		for (unsigned int n = 0; n < population[i].count; n++) {
			(void)make(caller, pool, population[i].type, population[i].size);
		}
	}
	(void)make(caller, device, BH_OBJECT_UNTYPED, 16);
	(void)make(caller, device, BH_OBJECT_FRAME, 21);
	(void)make(caller, device, BH_OBJECT_FRAME, 12);
	make_badged(caller);
	for (unsigned int i = 0; i < 12; i++) {
		world_make_actor(caller);
	}
	world_make_guest(caller);
	world_make_guest(caller);
	model_busy = before;
}
