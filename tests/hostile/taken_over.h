/* SPDX-License-Identifier: MIT */
/* What the parts of the task that was taken over share. */
#pragma once

#include "attack_code.h"

#include <bulkhead/syscall.h>
#include <bulkhead/task.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the model's state frame, which outlives the process. */
struct progress {
	uint64_t magic;
	uint64_t part, step; /* what comes next */
	uint64_t random;
	uint64_t lives, calls, succeeded, sweeps;
	uint64_t reached; /* how often it came where it must not */
};

#define LIFE_MS 11u /* so that there are fewer than 100 lives in a second, the most that a policy allows */

extern struct progress *progress;

/* A part of what it does: steps 0 to `steps` - 1, each of which may be its end. */
struct part {
	const char *name;
	uint64_t steps;
	void (*function)(uint64_t step);
};

/* Any 64 bits; below a limit; a number with something to it: small, one bit, all bits but few, page addresses, any. */
uint64_t random_word(void);
uint64_t random_below(uint64_t limit);
uint64_t random_value(void);

/* Lets others run for LIFE_MS, or until somebody signals. */
void pause_briefly(void);

/* Says that something was done that must not be possible. */
void reached(const char *what, uint64_t first, uint64_t second);

/* attack_calls.c */
#define CAPABILITY_STEPS (1024u + 3u * 54u) /* numbers; then around each power of two from 2^10 on */
#define CALL_STEPS 500u
#define BLOCKING_STEPS 5u
#define FLOOD_STEPS 4u
#define REGISTER_STEPS 24u
void step_capability(uint64_t step);
void step_calls(uint64_t step);
void step_blocking(uint64_t step);
void step_flood(uint64_t step);
void step_registers(uint64_t step);

/* attack_memory.c */
#define MEMORY_STEPS 40u
#define ADDRESS_STEPS (2u * 256u + 256u)
#define INSTRUCTION_STEPS (CODE_INTERRUPTS + CODE_PRIVILEGED)
#define PORT_STEPS (256u + 256u + 16u)
void step_memory(uint64_t step);
void step_address(uint64_t step);
void step_instruction(uint64_t step);
void step_port(uint64_t step);
