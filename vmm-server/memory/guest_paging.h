/* SPDX-License-Identifier: MIT */
/* The guest's own address translation: linear -> guest-physical by its page tables (AMD APM vol. 2 chapter
 * 5: 4-level, PAE, 32-bit with 4 MiB pages, unpaged). Reads guest RAM only, never writes: accessed and
 * dirty bits stay as they are. */
#ifndef VMM_MEMORY_GUEST_PAGING_H
#define VMM_MEMORY_GUEST_PAGING_H

#include <bulkhead/guest_memory.h>

#include <bulkhead/vcpu.h>

/* What the access is: the bits of a page-fault error code (AMD APM vol. 2 section 8.4.2). */
enum {
	GUEST_ACCESS_READ = 0,
	GUEST_ACCESS_WRITE = 1u << 1,
	/* the access is made with user rights (CPL 3, not an implicit access to a descriptor table) */
	GUEST_ACCESS_USER = 1u << 2,
	GUEST_ACCESS_FETCH = 1u << 4,
	/* Translate only, look at no permission: for an address that the CPU itself has already checked
	 * and translated. */
	GUEST_ACCESS_UNCHECKED = 1u << 16,
};

enum guest_paging_result {
	GUEST_PAGING_OK,
	GUEST_PAGING_FAULT,         /* inject #PF with `error_code`, CR2 = the linear address */
	GUEST_PAGING_NOT_CANONICAL, /* no translation exists: #GP, or #SS if by way of SS */
	/* a page table lies outside of RAM, or 5-level paging is on: not supported, end the VM or refuse */
	GUEST_PAGING_OUTSIDE,
};

struct guest_translation {
	uint64_t guest_physical;
	uint64_t page_size;  /* bytes; 4096 if unpaged */
	uint32_t error_code; /* with GUEST_PAGING_FAULT */
};

/* The page-table words that a translation rests on. As long as they read the same (accessed and dirty bits
 * aside), with the same CR3 and paging mode, the translation is what a new walk would give: cheaper than
 * the walk. */
#define GUEST_WALK_ACCESSED_DIRTY UINT64_C(0x60)
enum { GUEST_WALK_LEVELS = 4 };
struct guest_walk_proof {
	/* 2 with 4-byte entries; else 4, all with the mask ~GUEST_WALK_ACCESSED_DIRTY: a shorter walk repeats
	 * its last word, unpaged all are a constant. */
	uint32_t levels;
	struct {
		const volatile uint64_t *word; /* in a guest memory window, 8-byte aligned */
		uint64_t mask;
		uint64_t value;
	} level[GUEST_WALK_LEVELS];
};

/* Translates `linear` under `state`'s cr0, cr3, cr4, efer, rflags (AC) and segment[BH_CS]; needs
 * BH_GROUP_CONTROL and BH_GROUP_SEGMENTS. `access`: GUEST_ACCESS_* ored. `proof`: null, or filled in on
 * GUEST_PAGING_OK. Exit handlers may call it. */
__attribute__((warn_unused_result)) enum guest_paging_result guest_translate(
	const struct guest_memory *memory, const struct bh_vcpu_state *state, uint64_t linear,
	uint32_t access, struct guest_translation *translation, struct guest_walk_proof *proof);

/* What besides CR3 decides how a linear address is translated and an instruction decoded: paging mode and
 * kind of code segment, as one number to compare. Two states with equal keys and equal CR3 walk and decode
 * alike. */
static inline uint32_t guest_mode_key(const struct bh_vcpu_state *state)
{
	enum {
		PG = 1u << 31,
		PSE_PAE_LA57 = 1u << 4 | 1u << 5 | 1u << 12,
		LMA = 1u << 10,
		CODE_L_D = 3u << 9
	};
	return ((uint32_t)state->cr0 & (uint32_t)PG) | ((uint32_t)state->cr4 & PSE_PAE_LA57) |
	       ((uint32_t)state->efer & LMA) | (uint32_t)(state->segment[BH_CS].attributes & CODE_L_D) << 16;
}

/* Of a proof with `levels` 4: not 0 if one of its words reads otherwise now. Without branches: every APIC access
 * of a guest goes through here twice. */
static inline uint64_t guest_walk_proof_differences(const struct guest_walk_proof *proof)
{
	uint64_t differences = *proof->level[0].word ^ proof->level[0].value;

	differences |= *proof->level[1].word ^ proof->level[1].value;
	differences |= *proof->level[2].word ^ proof->level[2].value;
	differences |= *proof->level[3].word ^ proof->level[3].value;
	return differences & ~GUEST_WALK_ACCESSED_DIRTY;
}

/* Whether the translation behind `proof` still stands; CR3 and guest_mode_key must be compared by the
 * caller. */
static inline bool guest_walk_proof_holds(const struct guest_walk_proof *proof)
{
	if (proof->levels == GUEST_WALK_LEVELS)
		return guest_walk_proof_differences(proof) == 0;
	for (uint32_t i = 0; i < proof->levels; i++)
		if ((*proof->level[i].word & proof->level[i].mask) != proof->level[i].value)
			return false;
	return true;
}

#endif
