/* SPDX-License-Identifier: MIT */
/* Emulates one access of a guest to memory that no RAM backs. The exit says which guest-physical address
 * and direction; the instruction, fetched and decoded here, must come to the same, else it is refused. The
 * device access itself is the caller's:
 *
 *	mmio_start -> ACCESS: read or write access->guest_physical, access->width bytes
 *	           -> mmio_finish(value read) -> DONE, or ACCESS again (the write of a read-modify-write)
 */
#ifndef VMM_MMIO_ACCESS_H
#define VMM_MMIO_ACCESS_H

#include "instruction/fetch.h"
#include "instruction/guest_operand.h"
#include "mmio/decode.h"

enum mmio_result {
	MMIO_ACCESS, /* do the access, then mmio_finish */
	MMIO_DONE,   /* registers, flags and rip are updated; the caller looks at TF */
	/* inject access->fault (#PF of the instruction's or the other operand's page, #UD of bytes that
	 * are no instruction, #GP, #SS) */
	MMIO_FAULT,
	/* an instruction that is not listed (SSE, LOCK, crossing a page ...): policy of the VMM (inject
	 * #UD, or end) */
	MMIO_UNSUPPORTED,
	/* address or direction differ from the exit's: resume once (another vCPU may have changed the
	 * code), end if it persists */
	MMIO_REFUSED,
};

struct mmio_access {
	uint64_t guest_physical;
	uint64_t value; /* write: zero-extended from width */
	uint8_t width;  /* bytes: 1, 2, 4 or 8; the range does not cross a page */
	bool write;
	struct guest_fault fault; /* with MMIO_FAULT */
	/* for access.c only */
	bool read_done;
	struct guest_operand other; /* MOVS: the side in RAM */
	uint64_t loaded;            /* what the read half brought */
	const struct mmio_instruction *instruction;
	struct mmio_instruction scratch;
};

/* Decoded instructions of one vCPU. Zeroed at start and when guest memory windows change. */
enum { MMIO_CACHE_ENTRIES = 128 };
struct mmio_cache {
	uint64_t hits, misses;
	struct mmio_cache_entry {
		struct code_proof proof;
		struct mmio_instruction instruction;
		/* MMIO_LOAD or MMIO_STORE with an address that the short way can compute */
		bool plain;
		bool segmented; /* plain: the segment has a base */
		bool ready;     /* plain, and the page below is known */
		/* plain, 4 bytes from or to a 32-bit register, or an immediate; the segment is CS or DS, if one counts
		 * at all */
		bool whole;
		uint64_t address_mask; /* plain: of offset and linear address */
		uint64_t data_linear; /* page of the operand, with its translation; not 4 KiB aligned: none */
		uint64_t data_guest_physical;
		struct guest_walk_proof data_walk;
	} entry[MMIO_CACHE_ENTRIES];
};

/* The linear address of a plain entry's operand. */
static inline uint64_t mmio_plain_linear(
	const struct mmio_cache_entry *entry, const struct bh_vcpu_state *state)
{
	const struct memory_operand *memory = &entry->instruction.memory;
	uint64_t address = (uint64_t)memory->displacement;

	if (memory->base != INSTRUCTION_NO_REGISTER) {
		address += state->registers[memory->base];
	}
	if (memory->index != INSTRUCTION_NO_REGISTER) {
		address += state->registers[memory->index] * memory->scale;
	}
	/* The sum is cut once at the end: the same, as offset and linear address have one width. */
	if (entry->segmented) {
		address += state->segment[memory->segment].base;
	}
	return address & entry->address_mask;
}

/* Begins: `guest_physical` and `write` are the exit's (BH_EXIT_MEMORY; without BH_MEMORY_FETCH and
 * BH_MEMORY_PAGING, which the caller refuses). Needs BH_GROUP_CONTROL and BH_GROUP_SEGMENTS. Nothing is
 * changed but `cache` and `access`. Exit handler of the vCPU that owns the cache. */
__attribute__((warn_unused_result)) enum mmio_result mmio_start(struct mmio_cache *cache,
	const struct guest_memory *memory, const struct bh_vcpu_state *state, uint64_t guest_physical,
	bool write, struct mmio_access *access);

/* After the access: `value` is what was read (bits above the width are ignored; unused after a write).
 * DONE or ACCESS. */
__attribute__((warn_unused_result)) enum mmio_result mmio_finish(
	struct mmio_access *access, struct bh_vcpu_state *state, uint64_t value);

#endif
