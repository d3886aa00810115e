/* SPDX-License-Identifier: MIT */
/* Random calls: for each call how often it is made, on what type, and which values its arguments take. Most values make sense
 * by the model; one call in six has something wrong with it on purpose.
 *
 * Slot numbers never name what the test itself lives on: boot's slots are only ever copied from. */
#include "random.h"

enum kind {
	K_NONE,
	K_CNODE,    /* a CNode capability, mostly 0: the own one */
	K_SPACE,    /* AddressSpace or GuestSpace */
	K_TARGET,   /* Thread or VCPU */
	K_BINDABLE, /* Endpoint, sometimes a Notification */
	K_EMPTY,    /* slot number, believed to be empty */
	K_FULL,     /* slot number, believed not to be empty */
	K_SOURCE,   /* as FULL, or a slot of boot's that may be copied */
	K_RIGHTS,
	K_BADGE,
	K_TYPE,
	K_SIZE, /* that fits the type in argument 0 */
	K_COUNT,
	K_PRIORITIES,
	K_THREAD, /* settings of THREAD_CONFIGURE */
	K_VCPU,   /* settings of VCPU_CONFIGURE */
	K_BUFFER, /* THREAD_CONFIGURE's frame: none, or one that is refused */
	K_OPTIONAL_ENDPOINT,
	K_USER_ADDRESS,
	K_UPCALL,
	K_BUDGET,
	K_PERIOD, /* not less than the budget before it */
	K_DEADLINE,
	K_ADDRESS, /* where the invoked Frame may be mapped */
	K_MAP_FLAGS,
	K_TABLE_ADDRESS, /* aligned for the level that follows */
	K_LEVEL,
	K_ROUTE,
	K_PORT,
	K_PORT_COUNT,
	K_REASON,
	K_GROUPS,
	K_LINE,
	K_LINE_FLAGS,
	K_FUNCTION,
	K_MESSAGE,
	K_HOST_PORT,
	K_HOST_COUNT,
	K_OWN_CNODE,
	K_OWN_SPACE,
	K_TYPED = 64, /* + enum bh_object_type: a capability of that type */
};

struct shape {
	uint16_t number, label;
	uint8_t type, weight;
	uint8_t kind[6];
};

#define CAP(type) (K_TYPED + BH_OBJECT_##type)
#define INVOCATION(label, type, weight, ...)                                         \
	{                                                                            \
		BH_SYS_INVOKE, BH_##label, BH_OBJECT_##type, weight, { __VA_ARGS__ } \
	}
#define SYSTEM_CALL(name, type, weight)                           \
	{                                                         \
		BH_SYS_##name, 0, BH_OBJECT_##type, weight, { 0 } \
	}

static const struct shape shapes[] = {
	INVOCATION(UNTYPED_RETYPE, UNTYPED, 40, K_TYPE, K_SIZE, K_CNODE, K_EMPTY, K_COUNT),
	INVOCATION(CNODE_COPY, CNODE, 34, K_EMPTY, K_CNODE, K_SOURCE, K_RIGHTS),
	INVOCATION(CNODE_MINT, CNODE, 24, K_EMPTY, K_CNODE, K_SOURCE, K_RIGHTS, K_BADGE),
	INVOCATION(CNODE_MOVE, CNODE, 16, K_EMPTY, K_CNODE, K_FULL),
	INVOCATION(CNODE_DELETE, CNODE, 60, K_FULL),
	INVOCATION(CNODE_REVOKE, CNODE, 10, K_FULL),
	INVOCATION(CNODE_ROTATE, CNODE, 14, K_EMPTY, K_FULL, K_FULL),
	INVOCATION(CNODE_INSPECT, CNODE, 30, K_FULL),
	INVOCATION(THREAD_CONFIGURE, THREAD, 8, K_OWN_CNODE, K_OWN_SPACE, K_BUFFER, K_OPTIONAL_ENDPOINT,
		K_THREAD, K_USER_ADDRESS),
	INVOCATION(THREAD_READ_REGISTERS, THREAD, 10, K_NONE),
	INVOCATION(THREAD_WRITE_REGISTERS, THREAD, 8, K_NONE),
	INVOCATION(THREAD_SUSPEND, THREAD, 8, K_NONE),
	INVOCATION(THREAD_RESUME, THREAD, 14, K_NONE),
	INVOCATION(THREAD_BIND_NOTIFICATION, THREAD, 8, CAP(NOTIFICATION)),
	INVOCATION(THREAD_UNBIND_NOTIFICATION, THREAD, 6, K_NONE),
	INVOCATION(THREAD_RECEIVE, THREAD, 10, CAP(ENDPOINT), CAP(REPLY)),
	INVOCATION(THREAD_SET_UPCALL, THREAD, 6, K_UPCALL),
	INVOCATION(THREAD_SET_PRIORITY, THREAD, 10, K_PRIORITIES),
	INVOCATION(SCHED_CONTEXT_BIND, SCHED_CONTEXT, 14, K_TARGET),
	INVOCATION(SCHED_CONTEXT_UNBIND, SCHED_CONTEXT, 6, K_NONE),
	INVOCATION(SCHED_CONTEXT_CONSUMED, SCHED_CONTEXT, 6, K_NONE),
	INVOCATION(SCHED_CONTROL_CONFIGURE, SCHED_CONTROL, 12, CAP(SCHED_CONTEXT), K_BUDGET, K_PERIOD),
	INVOCATION(ENDPOINT_CANCEL_BADGED, ENDPOINT, 8, K_BADGE),
	INVOCATION(TIMER_BIND, TIMER, 10, CAP(NOTIFICATION)),
	INVOCATION(TIMER_ARM, TIMER, 16, K_DEADLINE),
	INVOCATION(TIMER_CANCEL, TIMER, 6, K_NONE),
	INVOCATION(FRAME_MAP, FRAME, 24, K_SPACE, K_ADDRESS, K_MAP_FLAGS),
	INVOCATION(FRAME_UNMAP, FRAME, 10, K_NONE),
	INVOCATION(PAGE_TABLE_MAP, PAGE_TABLE, 24, K_SPACE, K_TABLE_ADDRESS, K_LEVEL),
	INVOCATION(PAGE_TABLE_UNMAP, PAGE_TABLE, 8, K_NONE),
	INVOCATION(GUEST_SPACE_ROUTE, GUEST_SPACE, 8, K_ROUTE, K_PORT, K_PORT_COUNT),
	INVOCATION(VCPU_CONFIGURE, VCPU, 8, CAP(GUEST_SPACE), K_VCPU),
	INVOCATION(VCPU_BIND, VCPU, 14, K_REASON, K_BINDABLE, K_GROUPS),
	INVOCATION(VCPU_BIND_NOTIFICATION, VCPU, 8, CAP(NOTIFICATION)),
	INVOCATION(VCPU_STATE_FRAME, VCPU, 6, K_CNODE, K_EMPTY),
	INVOCATION(VCPU_READ_STATE, VCPU, 8, K_GROUPS),
	INVOCATION(VCPU_WRITE_STATE, VCPU, 8, K_GROUPS),
	INVOCATION(VCPU_RUN, VCPU, 14, K_NONE),
	INVOCATION(VCPU_STOP, VCPU, 6, K_NONE),
	INVOCATION(VCPU_CANCEL_ACCESS, VCPU, 8, K_NONE),
	INVOCATION(VCPU_INSPECT, VCPU, 6, K_NONE),
	INVOCATION(IRQ_CONTROL_CONFIGURE, IRQ_CONTROL, 8, CAP(IRQ_HANDLER), K_LINE, K_LINE_FLAGS),
	INVOCATION(IRQ_CONTROL_CONFIGURE_MSI, IRQ_CONTROL, 8, CAP(IRQ_HANDLER), K_FUNCTION, K_MESSAGE),
	INVOCATION(IRQ_BIND, IRQ_HANDLER, 8, CAP(NOTIFICATION)),
	INVOCATION(IRQ_ACK, IRQ_HANDLER, 6, K_NONE),
	INVOCATION(IO_PORT_CONTROL_CONFIGURE, IO_PORT_CONTROL, 10, CAP(IO_PORTS), K_HOST_PORT, K_HOST_COUNT),
	INVOCATION(IO_PORTS_MAP, IO_PORTS, 10, CAP(ADDRESS_SPACE)),
	INVOCATION(IO_PORTS_UNMAP, IO_PORTS, 6, K_NONE),
	INVOCATION(IO_SPACE_CONTROL_CONFIGURE, IO_SPACE_CONTROL, 3, CAP(IO_SPACE), K_FUNCTION),
	INVOCATION(IO_SPACE_BIND, IO_SPACE, 3, CAP(NOTIFICATION)),
	INVOCATION(IO_SPACE_FAULT, IO_SPACE, 3, K_NONE),
	SYSTEM_CALL(NB_SEND, ENDPOINT, 30),
	SYSTEM_CALL(NB_RECV, ENDPOINT, 30),
	SYSTEM_CALL(REPLY, REPLY, 30),
	SYSTEM_CALL(SIGNAL, NOTIFICATION, 30),
	SYSTEM_CALL(POLL, NOTIFICATION, 14),
	SYSTEM_CALL(YIELD, NULL, 4),
	{ BH_SYS_COUNT, 0, BH_OBJECT_NULL, 4, { 0 } },
	/* from here: may block */
	SYSTEM_CALL(CALL, ENDPOINT, 255),
	SYSTEM_CALL(REPLY_RECV, ENDPOINT, 200),
	SYSTEM_CALL(SEND, ENDPOINT, 100),
	SYSTEM_CALL(RECV, ENDPOINT, 150),
	SYSTEM_CALL(WAIT, NOTIFICATION, 100),
};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))
#define BLOCKING_SHAPES 5

static uint8_t lottery[2048];
static uint32_t tickets_all, tickets_prompt; /* those of calls that can't block come first */

void shapes_initialise(void)
{
	for (uint8_t i = 0; i < SHAPES; i++) {
		for (unsigned int ticket = 0; ticket < shapes[i].weight; ticket++) {
			lottery[tickets_all++] = i;
		}
		if (i == SHAPES - BLOCKING_SHAPES - 1) {
			tickets_prompt = tickets_all;
		}
	}
}

static uint64_t pick_or_any(struct caller *caller, uint64_t type)
{
	uint64_t slot = model_pick(random_next(caller), type);

	return slot != NOWHERE ? slot : arena_first + random_below(caller, ARENA_SLOTS);
}

static uint64_t any_slot(struct caller *caller) { return arena_first + random_below(caller, ARENA_SLOTS); }

static uint64_t full_slot(struct caller *caller)
{
	for (unsigned int i = 0; i < 8; i++) {
		uint64_t slot = any_slot(caller);

		if (model_type(slot) != BH_OBJECT_NULL) {
			return slot;
		}
	}
	return any_slot(caller);
}

static uint64_t random_type(struct caller *caller)
{
	static const uint8_t often[] = { BH_OBJECT_UNTYPED, BH_OBJECT_UNTYPED, BH_OBJECT_THREAD,
		BH_OBJECT_SCHED_CONTEXT, BH_OBJECT_SCHED_CONTEXT, BH_OBJECT_ENDPOINT, BH_OBJECT_ENDPOINT,
		BH_OBJECT_REPLY, BH_OBJECT_REPLY, BH_OBJECT_NOTIFICATION, BH_OBJECT_NOTIFICATION,
		BH_OBJECT_TIMER, BH_OBJECT_TIMER, BH_OBJECT_ADDRESS_SPACE, BH_OBJECT_PAGE_TABLE,
		BH_OBJECT_PAGE_TABLE, BH_OBJECT_FRAME, BH_OBJECT_FRAME, BH_OBJECT_VCPU, BH_OBJECT_IRQ_HANDLER,
		BH_OBJECT_IO_PORTS, BH_OBJECT_IO_PORTS, BH_OBJECT_IO_SPACE, BH_OBJECT_CNODE };

	if (one_in(caller, 40)) {
		return BH_OBJECT_GUEST_SPACE;
	}
	return one_in(caller, 30) ? random_below(caller, BH_OBJECT_TYPES + 2)
				  : often[random_below(caller, sizeof(often))];
}

static uint64_t random_size(struct caller *caller, uint64_t type)
{
	switch (type) {
	case BH_OBJECT_UNTYPED:
		return 8 + random_below(caller, 9);
	case BH_OBJECT_CNODE:
		return one_in(caller, 12) ? 10 : 1 + random_below(caller, 5);
	case BH_OBJECT_FRAME:
		return one_in(caller, 24) ? 30 : one_in(caller, 12) ? 21 : 12;
	default:
		return 0;
	}
}

/* Numbers that something may go wrong with. */
static uint64_t odd_number(struct caller *caller)
{
	static const uint64_t numbers[] = { 0, 1, 2, 7, 63, 64, 255, 256, 257, 4095, 4096, 32768, 65535,
		65536, 65537, UINT64_C(1) << 31, UINT64_C(1) << 32, UINT64_C(1) << 47,
		(UINT64_C(1) << 47) - 4096, UINT64_C(1) << 63, UINT64_MAX, UINT64_MAX - 4095,
		UINT64_C(0x8000000000000fff) };
	uint64_t random = random_next(caller);

	return random % 4 != 0 ? numbers[random % (sizeof(numbers) / sizeof(numbers[0]))]
			       : random_next(caller);
}

static bool is_slot_number(uint8_t kind) { return kind == K_EMPTY || kind == K_FULL || kind == K_SOURCE; }

static bool is_capability(uint8_t kind)
{
	return kind >= K_TYPED || kind == K_CNODE || kind == K_SPACE || kind == K_TARGET ||
	       kind == K_BINDABLE || kind == K_OWN_CNODE || kind == K_OWN_SPACE || kind == K_BUFFER ||
	       kind == K_OPTIONAL_ENDPOINT;
}

/* Never a slot that the test lives on: neither as a number to be changed nor as a capability to be invoked. */
static uint64_t wrong_capability(struct caller *caller)
{
	switch (random_below(caller, 8)) {
	case 0:
		return 0;
	case 1:
		return 32768 + random_below(caller, 2);
	case 2:
		return UINT64_MAX - random_below(caller, 3);
	case 3:
		return BH_BOOT_IO_SPACE_CONTROL;
	default:
		return any_slot(caller);
	}
}

static uint64_t spoilt(struct caller *caller, uint8_t kind)
{
	if (is_slot_number(kind)) {
		uint64_t slot = wrong_capability(caller);

		return slot == BH_BOOT_IO_SPACE_CONTROL ? 0 : slot;
	}
	return is_capability(kind) ? wrong_capability(caller) : odd_number(caller);
}

static uint64_t window_address(struct caller *caller, unsigned int bits)
{
	static const uint64_t regions[] = { WINDOW, WINDOW, WINDOW + 0x200000, 0, UINT64_C(0x8000000000),
		0xffe00000 };
	uint64_t region = regions[random_below(caller, sizeof(regions) / sizeof(regions[0]))];

	if (bits > 12) {
		return (region + (random_below(caller, 2) << bits)) & ~((UINT64_C(1) << bits) - 1);
	}
	return region + (region == 0xffe00000 ? 511 : random_below(caller, 8)) * PAGE_BYTES;
}

static uint64_t value_of(
	struct caller *caller, const struct call *call, const struct shape *shape, unsigned int at)
{
	static const uint16_t ports[] = { 0x3f8, 0xf4, 0x60, 0x2f8, 0x5000, 0x5010, 0x5020, 0x5030, 0x5040,
		0x5050, 0x5060, 0x5070, 0x5080, 0x5090, 0xfff0 };
	uint8_t kind = shape->kind[at];
	uint64_t slot, bits;

	switch ((enum kind)kind) {
	case K_CNODE:
		return one_in(caller, 5) ? pick_or_any(caller, BH_OBJECT_CNODE) : 0;
	case K_OWN_CNODE:
		return one_in(caller, 4) ? pick_or_any(caller, BH_OBJECT_CNODE) : BH_BOOT_CNODE;
	case K_OWN_SPACE:
		return one_in(caller, 4) ? pick_or_any(caller, BH_OBJECT_ADDRESS_SPACE)
					 : BH_BOOT_ADDRESS_SPACE;
	case K_SPACE:
		if (one_in(caller, 40)) {
			return pick_or_any(caller, BH_OBJECT_IO_SPACE);
		}
		return one_in(caller, 3) ? BH_BOOT_ADDRESS_SPACE
					 : pick_or_any(caller, one_in(caller, 2) ? BH_OBJECT_ADDRESS_SPACE
										 : BH_OBJECT_GUEST_SPACE);
	case K_TARGET:
		return pick_or_any(caller, one_in(caller, 3) ? BH_OBJECT_VCPU : BH_OBJECT_THREAD);
	case K_BINDABLE:
		return pick_or_any(caller, call->argument[0] >= BH_BIND_ROUTE && one_in(caller, 3)
						   ? BH_OBJECT_NOTIFICATION
						   : BH_OBJECT_ENDPOINT);
	case K_BUFFER:
		slot = model_pick(random_next(caller), BH_OBJECT_FRAME);
		return slot != NOWHERE && one_in(caller, 8) &&
				       (model[slot - arena_first].size_bits > 12 ||
					       model[slot - arena_first].device)
			       ? slot
			       : 0;
	case K_OPTIONAL_ENDPOINT:
		return one_in(caller, 2) ? 0 : pick_or_any(caller, BH_OBJECT_ENDPOINT);
	case K_EMPTY:
		slot = model_pick(random_next(caller), BH_OBJECT_NULL);
		return slot != NOWHERE && !one_in(caller, 16) ? slot : any_slot(caller);
	case K_FULL:
		return one_in(caller, 16) ? any_slot(caller) : full_slot(caller);
	case K_SOURCE:
		if (one_in(caller, 12)) {
			static const uint8_t boot[] = { BH_BOOT_CNODE, BH_BOOT_ADDRESS_SPACE,
				BH_BOOT_SCHED_CONTROL, BH_BOOT_IRQ_CONTROL, BH_BOOT_IO_PORT_CONTROL,
				BH_BOOT_IO_SPACE_CONTROL };

			return boot[random_below(caller, sizeof(boot))];
		}
		if (shape->label == BH_CNODE_MINT && !one_in(caller, 4)) {
			return pick_or_any(
				caller, one_in(caller, 2) ? BH_OBJECT_ENDPOINT : BH_OBJECT_NOTIFICATION);
		}
		return full_slot(caller);
	case K_RIGHTS:
		return one_in(caller, 3) ? random_below(caller, 8) : BH_RIGHTS_ALL;
	case K_BADGE:
		return one_in(caller, 6)
			       ? BH_CONTROL_RANGE(random_below(caller, 32), 1 + random_below(caller, 0x6000))
			       : random_below(caller, 4);
	case K_TYPE:
		return random_type(caller);
	case K_SIZE:
		return random_size(caller, call->argument[0]);
	case K_COUNT:
		return one_in(caller, 8) ? 2 + random_below(caller, 3) : 1;
	case K_PRIORITIES:
		return random_below(caller, MAXIMUM_PRIORITY + 20) | random_below(caller, MAXIMUM_PRIORITY)
									     << 8;
	case K_THREAD:
		return random_below(caller, MAXIMUM_PRIORITY + 8) |
		       random_below(caller, MAXIMUM_PRIORITY) << 8 | random_below(caller, 2) << 16 |
		       random_below(caller, 3) << 32;
	case K_VCPU:
		return random_below(caller, 256) | random_below(caller, MAXIMUM_PRIORITY + 8) << 8 |
		       random_below(caller, 3) << 32;
	case K_USER_ADDRESS:
		return one_in(caller, 8) ? odd_number(caller) : 0;
	case K_UPCALL: {
		extern const char upcall_entry[];

		return one_in(caller, 3) ? 0 : (uint64_t)upcall_entry;
	}
	case K_BUDGET:
		return 10 + random_below(caller, 200);
	case K_PERIOD:
		return call->argument[1] +
		       (one_in(caller, 8) ? random_below(caller, 100000) : 400 + random_below(caller, 4000));
	case K_DEADLINE:
		return one_in(caller, 8) ? odd_number(caller)
					 : bh_tsc() + random_below(caller, one_in(caller, 2) ? 5000 : 200000);
	case K_ADDRESS:
		slot = call->capability;
		bits = in_arena(slot) && model[slot - arena_first].type == BH_OBJECT_FRAME
			       ? model[slot - arena_first].size_bits
			       : 12;
		return window_address(caller, (unsigned int)bits);
	case K_MAP_FLAGS:
		switch (random_below(caller, 5)) {
		case 0:
			return BH_MAP_READ;
		case 1:
			return BH_MAP_READ | BH_MAP_EXECUTE;
		case 2:
			return random_below(caller, 32);
		default:
			return BH_MAP_READ | BH_MAP_WRITE;
		}
	case K_TABLE_ADDRESS:
		return window_address(caller, 12); /* aligned when the level is known */
	case K_LEVEL:
		return one_in(caller, 2) ? 1 : 1 + random_below(caller, 3);
	case K_ROUTE:
		return random_below(caller, 6);
	case K_PORT:
		return 0x100 + random_below(caller, 16) * 8;
	case K_PORT_COUNT:
		return one_in(caller, 6) ? 0 : 1 + random_below(caller, 8);
	case K_REASON:
		switch (random_below(caller, 4)) {
		case 0:
			return BH_BIND_ALL_EXITS;
		case 1:
			return random_below(caller, BH_EXIT_REASONS);
		default:
			return BH_BIND_ROUTE + random_below(caller, 6);
		}
	case K_GROUPS:
		return random_below(caller, BH_GROUPS_ALL + 1);
	case K_LINE:
		return random_below(caller, 24);
	case K_LINE_FLAGS:
		return random_below(caller, 8);
	case K_FUNCTION:
		return one_in(caller, 20) ? 65536 : random_below(caller, 6);
	case K_MESSAGE:
		return one_in(caller, 20) ? 256 : random_below(caller, 6);
	case K_HOST_PORT:
		return ports[random_below(caller, sizeof(ports) / sizeof(ports[0]))];
	case K_HOST_COUNT:
		return 1 + random_below(caller, 16);
	case K_NONE:
	case K_TYPED:
		return 0;
	}
	return kind > K_TYPED ? pick_or_any(caller, kind - K_TYPED) : 0;
}

static uint64_t invoked_capability(struct caller *caller, const struct shape *shape)
{
	static const uint8_t boot[BH_OBJECT_TYPES] = { [BH_OBJECT_CNODE] = BH_BOOT_CNODE,
		[BH_OBJECT_SCHED_CONTROL] = BH_BOOT_SCHED_CONTROL,
		[BH_OBJECT_IRQ_CONTROL] = BH_BOOT_IRQ_CONTROL,
		[BH_OBJECT_IO_PORT_CONTROL] = BH_BOOT_IO_PORT_CONTROL };

	return boot[shape->type] != 0 && !one_in(caller, 4) ? boot[shape->type]
							    : pick_or_any(caller, shape->type);
}

/* Messages: information words of every kind, and capabilities that stand in the arena. */
static void fill_message(struct caller *caller, struct call *call)
{
	uint64_t random = random_next(caller);
	uint64_t words = random % 4 == 0 ? random >> 8 & 0x7f : random >> 8 & 3;
	uint64_t caps = random % 16 < 3 ? random >> 16 & 7 : 0;

	call->info = BH_MESSAGE_INFO(random >> 20 & 0x3f, words, caps);
	for (unsigned int i = 0; i < BH_MESSAGE_REGISTERS; i++) {
		call->argument[i] = random_next(caller);
	}
	/* an answer to a virtual CPU's exit: groups to load, seldom halt or stop */
	call->argument[0] = (random >> 30 & BH_GROUPS_ALL) | (random >> 40 & 7 ? 0 : BH_RESUME_HALT) |
			    (random >> 44 & 31 ? 0 : BH_RESUME_STOP);
	if (caller->buffer != NULL && caps != 0) {
		for (unsigned int i = 0; i < BH_MESSAGE_CAPS_MAX; i++) {
			caller->buffer->caps[i] =
				one_in(caller, 8) ? wrong_capability(caller) : full_slot(caller);
		}
	}
	if (caller->buffer != NULL) {
		caller->buffer->receive_index = pick_or_any(caller, BH_OBJECT_NULL);
	}
}

static void fill_system_call(struct caller *caller, struct call *call)
{
	fill_message(caller, call);
	if (call->number == BH_SYS_RECV || call->number == BH_SYS_NB_RECV ||
		call->number == BH_SYS_REPLY_RECV) {
		call->argument[4] = one_in(caller, 6) ? 0 : pick_or_any(caller, BH_OBJECT_REPLY);
		if (one_in(caller, 16)) {
			call->argument[4] = wrong_capability(caller);
		}
	}
	if (call->number >= BH_SYS_COUNT) {
		call->number += random_next(caller) & 0x3fffffff; /* below the sweep's number */
		call->info = 0;
	}
	if (call->number == BH_SYS_REPLY_RECV && caller->work_slots[0] != 0 && !one_in(caller, 4)) {
		call->capability = caller->work_slots[0];
		call->argument[4] = caller->work_slots[1];
	}
}

/* Registers that start nobody: whoever gets them faults at once. What could start a thread on a stack that is in use must never
 * stand in a buffer. */
static void harmless_registers(struct caller *caller)
{
	struct bh_thread_registers *registers = (struct bh_thread_registers *)caller->buffer->words;

	registers->rip = one_in(caller, 4) ? odd_number(caller) & ~UINT64_C(0x7ff000) : 0x1000;
	registers->fs_base = one_in(caller, 4) ? odd_number(caller) : 0;
	registers->gs_base = one_in(caller, 4) ? odd_number(caller) : 0;
	registers->rflags = random_next(caller);
}

static void spoil(struct caller *caller, struct call *call, const struct shape *shape)
{
	unsigned int which = (unsigned int)random_below(caller, 7);

	if (which == 6 || shape->number != BH_SYS_INVOKE || shape->kind[which] == K_NONE) {
		/* A call that may block the director is none of these: they name no Endpoint that could. */
		call->capability = wrong_capability(caller);
	} else {
		call->argument[which] = spoilt(caller, shape->kind[which]);
	}
}

static uint64_t inspected; /* next slot that the model is compared with */

void random_call(struct caller *caller)
{
	const struct shape *shape =
		&shapes[lottery[random_below(caller, caller->may_block ? tickets_all : tickets_prompt)]];
	struct call call = { .number = shape->number, .info = shape->label };
	enum bh_error error;

	call.capability = shape->type == BH_OBJECT_NULL ? 0 : invoked_capability(caller, shape);
	if (shape->number == BH_SYS_INVOKE) {
		for (unsigned int i = 0; i < 6; i++) {
			call.argument[i] = value_of(caller, &call, shape, i);
		}
		if (shape->label == BH_PAGE_TABLE_MAP && call.argument[2] <= 3) {
			call.argument[1] &= ~((UINT64_C(1) << (12 + 9 * call.argument[2])) - 1);
		}
		if (shape->label == BH_UNTYPED_RETYPE && call.argument[4] > 1) {
			uint64_t run = model_run(random_next(caller), call.argument[4]);

			call.argument[3] = run != NOWHERE ? run : call.argument[3];
		}
		if (shape->label == BH_GUEST_SPACE_ROUTE && call.argument[2] == 0) {
			call.argument[1] = 0;
		}
	} else {
		fill_system_call(caller, &call);
	}
	if (one_in(caller, 6)) {
		spoil(caller, &call, shape);
	}
	if (shape->label == BH_CNODE_INSPECT && caller->keeps_model && !one_in(caller, 8)) {
		call.capability = BH_BOOT_CNODE;
		call.argument[0] = arena_first + inspected++ % ARENA_SLOTS;
	}
	/* The memory that all was made of is taken away seldom. */
	if (shape->label == BH_CNODE_REVOKE && model_type(call.argument[0]) == BH_OBJECT_UNTYPED &&
		!one_in(caller, 8)) {
		call.argument[0] = full_slot(caller);
	}
	if (call.number == BH_SYS_INVOKE && (call.info == BH_THREAD_WRITE_REGISTERS)) {
		if (caller->buffer != NULL) {
			harmless_registers(caller);
		} else if (caller->keeps_model) {
			return;
		}
	}
	if (call.number == BH_SYS_INVOKE && call.info == BH_THREAD_RECEIVE) {
		actor_receives(caller, call.capability);
	}
	error = perform(caller, &call);
	outcome_note(caller, &call, error);
}
