/* SPDX-License-Identifier: MIT */
/* A thread that makes the system calls that a case has listed, one after the other, and notes what came of each. It needs no stack, and
 * can stand in an address space and a CNode of its own. */
#pragma once

#include "harness.h"

/* One step. Written by the case: the call's rax, rdi, rsi, rdx and r12. Written by the thread: rax, rdi, rsi and rdx afterwards, and how
 * often it was done. */
struct step {
	uint64_t number, capability, info, word, reply;
	uint64_t result, badge, got_info, got_word, done;
};
/* In the place of rax: counts in `done` for ever; goes on with the step at address `capability`. A number without bit 63 is a fault, from
 * which an answer lets it go on. */
#define STEP_SPIN 0
#define STEP_JUMP 1
#define STEP_FAULT 100

#define STEPS 51 /* a page of them */

struct scripted {
	bool apart; /* set before scripted_new: own address space and CNode */
	uint64_t fault_endpoint, budget, period;
	unsigned int priority;
	uint64_t thread, context, cnode, space, buffer_frame, steps_frame, code_frame;
	volatile struct step *steps;
	uint64_t
		code; /* address of a copy of the program; the same in the own space and in that of the case */
};

/* Makes one with an empty script, that begins with step 0; stopped. active: with a context. */
bool scripted_new(struct scripted *scripted, unsigned int priority, bool active);
/* One without a context that waits in Recv: step 0 notes its first message. */
bool scripted_passive(struct scripted *scripted, unsigned int priority, uint64_t endpoint, uint64_t reply);
/* What one that stands apart does with its next message, instead of the next step. */
void scripted_received(const struct scripted *scripted, const uint8_t *code, size_t size);
/* Gives it a context of its own. */
bool scripted_bind(struct scripted *scripted);
/* A stopped one begins anew with that step, in its CNode, space and buffer as they stand in the structure. */
bool scripted_restart(struct scripted *scripted, unsigned int step);
/* Maps the program, the steps and the buffer in its space, a new one. */
bool scripted_map(struct scripted *scripted);

/* The next step, for example (BH_SYS_CALL, endpoint, BH_MESSAGE_INFO(..), word 0, 0). */
void scripted_step(const struct scripted *scripted, unsigned int step, uint64_t system_call,
	uint64_t capability, uint64_t info, uint64_t word, uint64_t reply);
/* One of STEP_SPIN, STEP_FAULT. */
void scripted_special(const struct scripted *scripted, unsigned int step, uint64_t what);
/* After that step it goes on with an earlier one. */
void scripted_loop(const struct scripted *scripted, unsigned int step, unsigned int to);
