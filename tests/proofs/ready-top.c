/* SPDX-License-Identifier: MIT */
/* Proof: ready-top
 * Property: the highest queue that is not empty is found by its bit; -1 if there is none.
 * Bound: all values of the 256 bits.
 * Functions: kernel/sched/scheduler.c: highest_ready
 * Options: --slice-formula --unwind 5
 */
#include "proof.h"

#include "sched/scheduler.c"

static struct cpu cpu;

static bool is_set(uint32_t priority) { return (cpu.ready_bits[priority / 64] >> (priority % 64) & 1) != 0; }

int main(void)
{
	uint8_t any = any_u8();

	for (unsigned int i = 0; i < 4; i++) {
		cpu.ready_bits[i] = any_u64();
	}

	int32_t top = highest_ready(&cpu);

	COVER_IF(top == -1, "all are empty");
	COVER_IF(top == 255, "the last one");
	PROVE(top >= -1 && top < PRIORITIES, "a queue, or none");
	PROVE(top == -1 || is_set(top), "it is not empty");
	PROVE((int32_t)any <= top || !is_set(any), "those above are");
	return 0;
}
