/* SPDX-License-Identifier: MIT */
/* The random-call root task: start-up, the director's loop, the report. Kernel command line: seed=N calls=N. */
#include "random.h"

#include "../common/console.h"

#define POOL_BITS 22
#define SMALL_BITS 20
#define DEVICE_BITS 23
#define CALLS_A_ROUND 12000u
#define CALLS_A_PROGRESS_LINE 500000u

void random_main(const struct bh_boot_info *info);

const struct bh_boot_info *boot_info;

static struct caller director = { .buffer = (struct bh_ipc_buffer *)BH_BOOT_BUFFER_ADDRESS,
	.keeps_model = true };
static uint64_t next_slot, pause_timer, pause_notification;

static _Noreturn void give_up(const char *what)
{
	print("RANDOM can't begin: %s\n", what);
	machine_exit(1);
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

static uint64_t find_untyped(unsigned int bits, bool device)
{
	for (uint32_t i = 0; i < boot_info->untyped_count; i++) {
		if ((boot_info->untyped[i].device != 0) == device && boot_info->untyped[i].module == 0 &&
			boot_info->untyped[i].size_bits >= bits) {
			return boot_info->untyped_first + i;
		}
	}
	give_up("no Untyped of that size");
}

static uint64_t take(enum bh_object_type type, unsigned int bits, uint64_t untyped)
{
	if (bh_untyped_retype(untyped, type, bits, 0, next_slot, 1) != BH_OK) {
		give_up("retype");
	}
	return next_slot++;
}

/* Others run for some microseconds: actors, guests. */
static void others_run(void)
{
	uint64_t word;

	if (bh_timer_arm(pause_timer, bh_tsc() + 2000 + random_below(&director, 30000)) != BH_OK ||
		bh_wait(pause_notification, &word) != BH_OK) {
		give_up("the pause's timer");
	}
}

static void initialise(void)
{
	uint64_t memory = find_untyped(POOL_BITS + 2, false), small, threads, pool, device, badged;
	struct bh_capability_facts facts;

	next_slot = boot_info->free_first + 2;
	if (console_open(memory, boot_info->free_first) != BH_OK) {
		machine_exit(1);
	}
	small = take(BH_OBJECT_UNTYPED, SMALL_BITS, memory);
	threads = take(BH_OBJECT_UNTYPED, BH_THREAD_BITS + 6, memory);
	pool = take(BH_OBJECT_UNTYPED, POOL_BITS, memory);
	device = take(BH_OBJECT_UNTYPED, DEVICE_BITS, find_untyped(DEVICE_BITS, true));
	pause_timer = take(BH_OBJECT_TIMER, 0, small);
	pause_notification = take(BH_OBJECT_NOTIFICATION, 0, small);
	badged = next_slot++;
	if (bh_cnode_mint(BH_BOOT_CNODE, badged, 0, pause_notification, BH_RIGHTS_ALL, 1) != BH_OK ||
		bh_timer_bind(pause_timer, badged) != BH_OK) {
		give_up("the pause's timer");
	}
	/* Where threads of that Untyped will stand, as their identity tells it. */
	if (bh_untyped_retype(threads, BH_OBJECT_THREAD, 0, 0, next_slot, 1) != BH_OK ||
		bh_cnode_inspect(BH_BOOT_CNODE, next_slot, &facts) != BH_OK ||
		bh_cnode_delete(BH_BOOT_CNODE, next_slot) != BH_OK) {
		give_up("the actors' Untyped");
	}
	thread_base = facts.identity;
	if (!actors_initialise(small, next_slot) ||
		!disturber_start(small, next_slot + 80, seed_of_run ^ 0x5eed)) {
		give_up("actors");
	}
	arena_first = next_slot + 96;
	model_clear();
	shapes_initialise();
	world_initialise(threads, pool, device);
	if (bh_thread_set_priority(BH_BOOT_THREAD, DIRECTOR_PRIORITY, MAXIMUM_PRIORITY) != BH_OK) {
		give_up("priority");
	}
}

static void one_step(void)
{
	bool before = model_busy;
	uint64_t thread;

	switch (random_below(&director, 2048)) {
	case 0:
		model_busy = true;
		world_make_guest(&director);
		break;
	case 1:
		model_busy = true;
		world_fill_ports(&director);
		break;
	case 2:
	case 3:
	case 4:
		model_busy = true;
		world_make_actor(&director);
		break;
	default:
		if (one_in(&director, 48)) {
			thread = model_pick(random_next(&director), BH_OBJECT_THREAD);
			model_busy = true;
			if (thread != NO_SLOT) {
				actor_begin(&director, thread);
			}
		} else if (one_in(&director, 16)) {
			others_run();
		} else {
			random_call(&director);
		}
		break;
	}
	model_busy = before;
}

void random_main(const struct bh_boot_info *info)
{
	uint64_t round_ends = 0, next_line = CALLS_A_PROGRESS_LINE;

	boot_info = info;
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
	sweep();
	counts_print();
	print("RANDOM done: seed %u, %u calls, %u succeeded, %u sweeps, hash %x\n", seed_of_run, calls_made,
		calls_succeeded, sweeps_made, run_hash);
	machine_exit(0);
}
