/* SPDX-License-Identifier: MIT */
/* The random-call root task: start-up, the director's loop, the report. Kernel command line: seed=N calls=N. */
#include "random.h"

#include "harness.h"

#define POOL_BITS 22
#define DEVICE_BITS 23
#define CALLS_A_ROUND 12000u
#define CALLS_A_PROGRESS_LINE 500000u

static struct caller director = { .buffer = (struct bh_ipc_buffer *)BH_BOOT_BUFFER_ADDRESS,
	.keeps_model = true };

static _Noreturn void give_up(const char *what)
{
	print("RANDOM can't begin: %s\n", what);
	harness_end(1);
}

/* The number behind name= on the command line, or the other value. */
static uint64_t option(const char *name, uint64_t otherwise)
{
	const char *at = boot_info->command_line;
	size_t length = 0;

	while (name[length] != '\0') {
		length++;
	}
	for (; *at != '\0'; at++) {
		size_t i = 0;
		uint64_t value = 0;

		while (i < length && at[i] == name[i]) {
			i++;
		}
		if (i < length || (at != boot_info->command_line && at[-1] != ' ')) {
			continue;
		}
		for (at += length; *at >= '0' && *at <= '9'; at++) {
			value = value * 10 + (uint64_t)(*at - '0');
		}
		return value;
	}
	return otherwise;
}

static uint64_t device_memory(void)
{
	uint64_t slot = slot_new();

	for (uint32_t i = 0; i < boot_info->untyped_count; i++) {
		const struct bh_boot_untyped *untyped = &boot_info->untyped[i];

		if (untyped->device != 0 && untyped->module == 0 && untyped->size_bits >= DEVICE_BITS &&
			bh_untyped_retype(boot_info->untyped_first + i, BH_OBJECT_UNTYPED, DEVICE_BITS, 0,
				slot, 1) == BH_OK) {
			return slot;
		}
	}
	return 0;
}

static void initialise(void)
{
	uint64_t threads = object_new(BH_OBJECT_UNTYPED, BH_THREAD_BITS + 6);
	uint64_t objects = object_new(BH_OBJECT_UNTYPED, POOL_BITS);
	uint64_t device = device_memory(), thread = slot_new();
	struct bh_capability_facts facts;

	/* Where threads of that Untyped will stand, as their identity tells it. */
	if (bh_untyped_retype(threads, BH_OBJECT_THREAD, 0, 0, thread, 1) != BH_OK ||
		bh_cnode_inspect(SELF, thread, &facts) != BH_OK || bh_cnode_delete(SELF, thread) != BH_OK) {
		give_up("the actors' Untyped");
	}
	thread_base = facts.identity;
	if (objects == 0 || device == 0 || !actors_initialise() || !disturber_start(seed_of_run ^ 0x5eed)) {
		give_up("objects of its own");
	}
	arena_first = slot_run(ARENA_SLOTS + 64);
	model_clear();
	shapes_initialise();
	world_initialise(threads, objects, device);
	if (bh_thread_set_priority(BH_BOOT_THREAD, DIRECTOR_PRIORITY, MAXIMUM_PRIORITY) != BH_OK) {
		give_up("priority");
	}
}

static void begin_again(void)
{
	uint64_t thread = model_pick(random_next(&director), BH_OBJECT_THREAD);

	if (thread != NOWHERE) {
		actor_begin(&director, thread);
	}
}

static void one_step(void)
{
	bool before = model_busy;
	uint64_t chance = random_below(&director, 2048);

	model_busy = true;
	if (chance == 0) {
		world_make_guest(&director);
	} else if (chance == 1) {
		world_fill_ports(&director);
	} else if (chance < 10) {
		world_make_actor(&director);
	} else if (chance < 52) {
		begin_again();
	} else {
		model_busy = before;
		if (chance < 180) {
			pause_us(2 + random_below(&director, 30)); /* actors, guests */
		} else {
			random_call(&director);
		}
	}
	model_busy = before;
}

void root_task_main(const struct bh_boot_info *info)
{
	uint64_t round_ends = 0, next_line = CALLS_A_PROGRESS_LINE;

	harness_start(info);
	seed_of_run = option("seed=", 1);
	calls_wanted = option("calls=", 100000);
	director.random = seed_of_run;
	initialise();
	print("RANDOM seed %u, %u calls\n", seed_of_run, calls_wanted);
	while (calls_made < calls_wanted) {
		if (calls_made >= round_ends) {
			world_reset(&director);
			round_ends = calls_made + CALLS_A_ROUND;
		}
		if (calls_made >= next_line) {
			print("RANDOM %u calls, hash %x\n", calls_made, run_hash);
			next_line += CALLS_A_PROGRESS_LINE;
		}
		one_step();
	}
	model_busy = true;
	world_reset(&director);
	sweep(&director);
	counts_print();
	print("RANDOM done: seed %u, %u calls, %u succeeded, %u sweeps, hash %x\n", seed_of_run, calls_made,
		calls_succeeded, sweeps_made, run_hash);
	harness_end(0);
}
