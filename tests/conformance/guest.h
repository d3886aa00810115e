/* SPDX-License-Identifier: MIT */
/* A bare guest with one page of memory at 0, one vCPU, and this thread as its VMM and as every device model. */
#pragma once

#include "harness.h"

struct test_guest {
	uint64_t space, vcpu, endpoint, reply, context, state_frame;
	uint64_t memory_frame; /* mapped in the own space; what the guest has is a copy */
	uint64_t guest_frame;
	uint64_t notification, doorbell; /* bound to the vCPU; capability that signals 1 */
	volatile struct bh_vcpu_state *state;
	volatile uint8_t *memory;
	struct bh_message message; /* of the last exit */
};

#define GUEST_PRIORITY (OWN_PRIORITY - 20)

#define GUEST_CODE(name) extern const uint8_t guest_##name[], guest_##name##_end[]
#define GUEST(name) guest_##name, guest_##name##_end

/* All exits go to `endpoint`, with every state group; priority below the own; budget equal to period. Stopped at the first
 * instruction, real mode, flat 64 KiB segments. Number 3. */
bool guest_new(struct test_guest *guest, const uint8_t *code, const uint8_t *end);
/* The same with its interrupts enabled. Bochs 2.7 keeps physical interrupts masked in a guest that was entered with IF clear, and so
 * never comes back from one that does not leave by itself. */
bool guest_new_open(struct test_guest *guest, const uint8_t *code, const uint8_t *end);
/* The same with half of the parts left to the case: VCPU, space, memory and state page, nothing bound. */
bool guest_new_bare(struct test_guest *guest, const uint8_t *code, const uint8_t *end);
/* 32-bit protected mode without paging, flat segments. To be called before the first run. */
void guest_protected_mode(struct test_guest *guest);
bool guest_write_state(struct test_guest *guest);

/* Waits for the next exit; its reason, or BH_EXIT_REASONS where something else came. */
unsigned int guest_exit(struct test_guest *guest);
/* The same, but gives up after 5 ms: where it is in doubt whether the guest leaves. */
unsigned int guest_exit_soon(struct test_guest *guest);
/* Runs from stopped, then waits for the exit. */
unsigned int guest_run(struct test_guest *guest);
/* Answers the exit with that word (0: goes on with base state), then waits for the next. */
unsigned int guest_resume(struct test_guest *guest, uint64_t word);
/* Answers without waiting. */
bool guest_answer(struct test_guest *guest, uint64_t word);
/* Is a message there? Lets the guest run for a while first. */
bool guest_is_silent(struct test_guest *guest);
enum bh_vcpu_status guest_status(struct test_guest *guest);

/* How many ASIDs the host's CPU has (CPUID 0x8000000a, APM vol. 3 section E.4.9). */
uint32_t asid_count(void);
