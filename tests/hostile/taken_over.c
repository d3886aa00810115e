/* SPDX-License-Identifier: MIT */
/*
 * A device model that was taken over: the same image as an honest model's, which in the VM "red" does its worst. It tries every capability number with every
 * invocation and system call, writes nonsense to all memory that it shares, floods whom it may signal or call, and then reads, writes, executes and
 * does I/O where it has no business. Many of these steps end it, as they should; the root task starts it again, and it goes on with the next: how far it
 * is stands in its state frame. It begins when it is killed for the first time. What it must not reach and reaches it says in its log ("REACHED"). Where a call blocks for ever it says so before
 * ("blocks now"), so that somebody can kill it.
 *
 * On the kernel with the invariant sweep (build/cmake/random.cmake) it has the kernel swept after each part.
 */
#include "taken_over.h"

#include "sweep_call.h"

#include <string.h>

#define PROGRESS_MAGIC UINT64_C(0x5245564f4e454b54)
#define LINES_MAX 100u /* of "REACHED" */

extern int honest_main(void);
int main(void);

struct progress *progress;

uint64_t random_word(void)
{
	/* splitmix64 */
	uint64_t z = progress->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t random_below(uint64_t limit) { return random_word() % limit; }

uint64_t random_value(void)
{
	uint64_t bit = UINT64_C(1) << random_below(64);

	switch (random_below(8)) {
	case 0:
		return bit;
	case 1:
		return bit - 1;
	case 2:
		return 0 - bit;
	case 3:
		return 0 - random_below(4096);
	case 4:
		return random_below(4096) << 12;
	case 5:
		return random_word();
	default:
		return random_below(40);
	}
}

void reached(const char *what, uint64_t first, uint64_t second)
{
	if (progress->reached++ < LINES_MAX) {
		bh_log("REACHED %s %lx %lx", what, first, second);
	}
}

/* Has the kernel look at itself; it panics where something does not hold. The shipped kernel does nothing here. */
static void sweep(void)
{
	struct bh_message message = { 0 };

	if (bh_system_call(BH_SYS_YIELD, &message, SWEEP_CALL, 0, 0) == BH_OK && message.word[0] != 0) {
		progress->sweeps++;
	}
}

static const struct part PARTS[] = {
	{ "memory that it shares", MEMORY_STEPS, step_memory },
	{ "capability numbers", CAPABILITY_STEPS, step_capability },
	{ "calls", CALL_STEPS, step_calls },
	{ "calls that block", BLOCKING_STEPS, step_blocking },
	{ "floods", FLOOD_STEPS, step_flood },
	{ "registers of its handler", REGISTER_STEPS, step_registers },
	{ "addresses", ADDRESS_STEPS, step_address },
	{ "instructions", INSTRUCTION_STEPS, step_instruction },
	{ "ports", PORT_STEPS, step_port },
};
#define PART_COUNT (sizeof(PARTS) / sizeof(PARTS[0]))

/* Until somebody signals; its timer, that is. */
static void sleep_once(void)
{
	uint64_t word;

	if (bh_wait(bh_capability_required("notification"), &word) != BH_OK) {
		bh_exit(BH_EXIT_ABORT);
	}
}

void pause_briefly(void)
{
	if (bh_timer_arm(bh_capability_required("timer"), bh_tsc() + LIFE_MS * bh_tsc_khz()) == BH_OK) {
		sleep_once();
	}
}

static void do_worst(void)
{
	while (progress->part < PART_COUNT) {
		const struct part *part = &PARTS[progress->part];
		uint64_t step = progress->step++; /* before it is done: it is not done again */

		if (step < part->steps) {
			part->function(step);
			continue;
		}
		sweep();
		bh_log("taken over: %s: done", part->name);
		progress->step = 0;
		progress->part++;
	}
}

int main(void)
{
	if (memcmp(bh_task_info()->name, "red/", 4) != 0) {
		return honest_main();
	}
	progress = bh_region_required("state", sizeof(struct progress), NULL);
	if (progress->magic != PROGRESS_MAGIC) {
		*progress = (struct progress){ .magic = PROGRESS_MAGIC };
	}
	while (bh_task_info()->incarnation == 0) {
		sleep_once();
	}
	progress->lives++;
	pause_briefly();
	do_worst();
	sweep();
	bh_log("taken over: all is done: %lu lives, %lu calls, %lu succeeded, %lu sweeps, %lu times too far",
		progress->lives, progress->calls, progress->succeeded, progress->sweeps, progress->reached);
	for (;;) {
		sleep_once();
	}
}
