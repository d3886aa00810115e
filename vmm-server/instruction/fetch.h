/* SPDX-License-Identifier: MIT */
/* Fetches the bytes of the instruction that a guest exited at, and remembers decoded instructions. A
 * remembered one is used only after the page-table words that lead to it and its bytes were read again and
 * found the same. Reads guest RAM only. */
#ifndef VMM_INSTRUCTION_FETCH_H
#define VMM_INSTRUCTION_FETCH_H

#include <bulkhead/guest_memory.h>

#include "instruction/guest_fault.h"
#include "instruction/instruction.h"
#include "memory/guest_paging.h"

/* What shows that an instruction stands where it stood: key, walk and bytes. `length` 0: nothing
 * remembered. */
struct code_proof {
	uint64_t linear; /* instruction pointer */
	uint64_t cr3;
	uint32_t mode_key;        /* guest_mode_key */
	uint32_t length;          /* bytes */
	const uint8_t *bytes;     /* in a guest memory window */
	uint64_t head, head_mask; /* the first 8 bytes */
	uint64_t tail;            /* the last 8, if longer than 8 */
	struct guest_walk_proof walk;
	/* The state in which it was last found to hold, whole registers: with all of these equal, linear
	 * address, CR3 and mode key are, too. cr0 is 0 (which no guest can have: ET is always set) as long as
	 * there is none, or the walk is of the kind that takes more than four comparisons. */
	struct code_exact {
		uint64_t rip, cr0, cr3, cr4, efer;
		uint64_t cs[2];
	} exact;
};

struct code_copy {
	uint8_t bytes[INSTRUCTION_BYTES_MAX];
	uint8_t count;            /* bytes that could be had; the rest lies on a page that faults */
	struct guest_fault fault; /* the fault of the first missing byte, if count < 15 */
	struct code_proof proof;  /* where the bytes came from; completed by code_proof_complete */
};

enum fetch_result {
	FETCH_OK,
	FETCH_FAULT,   /* the guest must get the fault */
	FETCH_OUTSIDE, /* the code or its page tables are not in RAM */
};

/* Copies up to 15 bytes from `state`'s instruction pointer, each once. FETCH_OK: count >= 1. FETCH_FAULT:
 * not even one byte, copy->fault says why. */
__attribute__((warn_unused_result)) enum fetch_result code_fetch(
	const struct guest_memory *memory, const struct bh_vcpu_state *state, struct code_copy *copy);

/* Makes copy->proof stand for the first `length` bytes. False if they can't be remembered (crosses a page,
 * or too near its end). */
bool code_proof_complete(struct code_copy *copy, unsigned length);

static inline uint64_t code_load(const uint8_t *bytes)
{
	uint64_t word;
	__builtin_memcpy(&word, bytes, sizeof word);
	return word;
}

/* Whether the instruction behind `proof` is what `state` stands at, unchanged. */
static inline bool code_proof_holds(
	const struct code_proof *proof, const struct bh_vcpu_state *state, uint64_t linear, uint32_t mode_key)
{
	if (proof->linear != linear || proof->cr3 != state->cr3 || proof->mode_key != mode_key ||
		!proof->length)
		return false;
	if (!guest_walk_proof_holds(&proof->walk))
		return false;
	if (((code_load(proof->bytes) ^ proof->head) & proof->head_mask) != 0)
		return false;
	return proof->length <= 8 || code_load(proof->bytes + proof->length - 8) == proof->tail;
}

/* The same, for a state that is equal to the last in all that counts: the way of nearly every exit. Where this is
 * false code_proof_holds() may still be true. */
static inline bool code_proof_stands(
	const struct code_proof *proof, const struct bh_vcpu_state *state, uint64_t rip)
{
	const struct code_exact *exact = &proof->exact;
	const uint8_t *cs = (const uint8_t *)&state->segment[BH_CS];
	uint64_t differences = (rip ^ exact->rip) | (state->cr0 ^ exact->cr0) | (state->cr3 ^ exact->cr3) |
			       (state->cr4 ^ exact->cr4) | (state->efer ^ exact->efer) |
			       (code_load(cs) ^ exact->cs[0]) | (code_load(cs + 8) ^ exact->cs[1]);

	if (differences != 0) {
		return false;
	}
	differences = guest_walk_proof_differences(&proof->walk) |
		      ((code_load(proof->bytes) ^ proof->head) & proof->head_mask);
	return differences == 0 &&
	       (proof->length <= 8 || code_load(proof->bytes + proof->length - 8) == proof->tail);
}

/* Notes the state in which `proof` was just found to hold, or was made. */
void code_proof_note(struct code_proof *proof, const struct bh_vcpu_state *state);

/* Low bits: the few instructions of a guest that exit often lie apart. */
static inline unsigned code_cache_index(uint64_t linear, unsigned entries)
{
	return (unsigned)linear & (entries - 1);
}

/* The instructions that this vCPU exited at most recently. One per vCPU, zeroed at start and when guest
 * memory windows change. */
enum { INSTRUCTION_CACHE_ENTRIES = 128 };
struct instruction_cache {
	uint64_t hits, misses; /* hits by code_proof_stands() are not counted */
	struct instruction_cache_entry {
		struct code_proof proof;
		struct instruction instruction;
	} entry[INSTRUCTION_CACHE_ENTRIES];
};

enum exit_instruction_result {
	EXIT_INSTRUCTION_OK,
	/* inject *fault: #PF of a code page that was unmapped meanwhile, #UD for bytes that are no
	 * instruction */
	EXIT_INSTRUCTION_FAULT,
	EXIT_INSTRUCTION_OUTSIDE, /* code outside of RAM: end the VM */
};

/* The instruction that `state` exited at; needs BH_GROUP_CONTROL and BH_GROUP_SEGMENTS. On OK *instruction
 * points into the cache or to its scratch and is valid until the next call. The caller compares
 * `operation` with the exit's reason: another vCPU may have changed the bytes since, then it resumes the
 * guest without advancing. Exit handlers of the vCPU that owns the cache. */
__attribute__((warn_unused_result)) enum exit_instruction_result exit_instruction(
	struct instruction_cache *cache, const struct guest_memory *memory, const struct bh_vcpu_state *state,
	struct instruction *scratch, const struct instruction **instruction, struct guest_fault *fault);

#endif
