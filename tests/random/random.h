/* SPDX-License-Identifier: MIT */
/* Random system calls: what the parts of the test's root task share.
 *
 * Capabilities that calls are made with stand in the arena, a run of slots of the root task's CNode; a shadow model says what is
 * believed to be in each. Beside the root thread (director) many callers make calls: actors, which are threads of the arena and die
 * and come back, and the disturber, which outranks all and is woken by a timer, in the middle of others' calls too. */
#pragma once

#include <bulkhead/abi.h>
#include <bulkhead/boot_info.h>
#include <bulkhead/invocation.h>
#include <bulkhead/syscall.h>
#include <bulkhead/vcpu.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARENA_SLOTS 384u
#define NOWHERE UINT64_MAX
#define ACTORS 64u
#define PAGE_BYTES 4096u

/* Where frames of the arena get mapped: in the own space, in tasks' and in guests'. */
#define WINDOW UINT64_C(0x40000000)

/* Priorities: the director can't hand out more than MAXIMUM_PRIORITY, so that it always gets its turn. */
#define DISTURBER_PRIORITY 210u
#define DIRECTOR_PRIORITY 200u
#define MAXIMUM_PRIORITY 199u

/* --- model.c: what is believed to be in the arena --- */
struct model_slot {
	uint8_t type, rights, size_bits, device;
	uint64_t badge;
	uint16_t place; /* in the list of its type */
};
extern uint64_t arena_first;
extern struct model_slot model[ARENA_SLOTS];

void model_clear(void);
void model_set(uint64_t slot, uint64_t type, uint64_t rights, uint64_t size_bits);
void model_move(uint64_t from, uint64_t to);
static inline bool in_arena(uint64_t slot) { return slot - arena_first < ARENA_SLOTS; }
/* Type believed to be in a slot of the own CNode: the arena's, or one of those that boot gave. */
uint64_t model_type(uint64_t slot);
/* A random slot with that type (BH_OBJECT_NULL: an empty one), or NOWHERE. */
uint64_t model_pick(uint64_t random, uint64_t type);
uint64_t model_count(uint64_t type);
/* The first of `count` empty slots in a row, or NOWHERE. */
uint64_t model_run(uint64_t random, uint64_t count);
/* Takes what INSPECT said of a slot. */
void model_learn(uint64_t slot, enum bh_error error, const struct bh_capability_facts *facts);

/* --- calls.c: making and counting calls --- */
struct caller {
	uint64_t random; /* state of its own generator */
	struct bh_ipc_buffer *buffer;
	uint64_t index;   /* of an actor */
	bool keeps_model; /* director and disturber: what their calls did goes into the model */
	bool may_block;
	bool received;          /* somebody had it receive (THREAD_RECEIVE) since its call began */
	uint64_t work_slots[2]; /* Endpoint and Reply that an actor serves */
};

struct call {
	uint64_t number;     /* enum bh_syscall */
	uint64_t capability; /* rdi */
	uint64_t info;       /* rsi: message information or label */
	uint64_t argument[6];
	struct bh_results results;
	uint64_t badge;
};

/* Nobody else changes model or world now: set by the director while it does several calls that belong together. */
extern volatile bool model_busy;

extern uint64_t calls_made, calls_wanted, calls_succeeded, sweeps_made, run_hash;

uint64_t random_next(struct caller *caller);
static inline uint64_t random_below(struct caller *caller, uint64_t limit)
{
	return (random_next(caller) >> 32) * limit >> 32;
}
static inline bool one_in(struct caller *caller, uint64_t n) { return random_below(caller, n) == 0; }

/* Makes the call, counts it, sweeps when 1000 were made since the last sweep. */
enum bh_error perform(struct caller *caller, struct call *call);
enum bh_error invoke(struct caller *caller, uint64_t capability, uint64_t label, uint64_t a0, uint64_t a1,
	uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);
void sweep(struct caller *caller);
void counts_print(void);

/* --- outcome.c --- */
/* Takes what the call changed into the model, if the caller keeps it, and registers out of the caller's buffer. */
void outcome_note(struct caller *caller, const struct call *call, enum bh_error error);

/* --- shapes.c: random calls --- */
void shapes_initialise(void);
/* One random call that fits the caller. */
void random_call(struct caller *caller);

/* --- actors.c --- */
/* Memory outside the arena: IPC buffers, the guests' page. Once. */
bool actors_initialise(void);
bool disturber_start(uint64_t seed);
/* Where the Untyped of the actors' threads begins, as INSPECT tells identities of threads. */
extern uint64_t thread_base;
/* Lets the thread in a slot begin (again) as the actor of its place in memory, if it has one. */
void actor_begin(struct caller *caller, uint64_t slot);
/* The thread in a slot is about to be made to receive. */
void actor_receives(struct caller *caller, uint64_t slot);
/* Copies of a frame with the guests' code stand there. */
extern uint64_t guest_frame_slot;
extern uint64_t seed_of_run;

/* --- world.c --- */
void world_initialise(uint64_t untyped_small, uint64_t pool_untyped, uint64_t device_untyped);
/* Revokes everything and makes it anew. */
void world_reset(struct caller *caller);
/* Several calls that make a guest with a virtual CPU; any may fail. */
void world_make_guest(struct caller *caller);
void world_make_actor(struct caller *caller);
/* More port ranges than a space takes. */
void world_fill_ports(struct caller *caller);
