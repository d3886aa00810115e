/* SPDX-License-Identifier: MIT */
/* The page walk: see guest_paging.h. One loop serves the three formats, which differ in entry size, bits
 * of index per level and top level. */
#include "memory/guest_paging.h"

/* AMD APM vol. 2 section 5.3 and 5.4: page-table entry fields; section 3.1: control register bits. */
enum {
	ENTRY_PRESENT = 1u << 0,
	ENTRY_WRITABLE = 1u << 1,
	ENTRY_USER = 1u << 2,
	ENTRY_LARGE = 1u << 7,
};
#define ENTRY_NO_EXECUTE (UINT64_C(1) << 63)
#define ENTRY_ADDRESS UINT64_C(0x000ffffffffff000)

#define CR0_WP (UINT64_C(1) << 16)
#define CR0_PG (UINT64_C(1) << 31)
#define CR4_PSE (UINT64_C(1) << 4)
#define CR4_PAE (UINT64_C(1) << 5)
#define CR4_LA57 (UINT64_C(1) << 12)
#define CR4_SMEP (UINT64_C(1) << 20)
#define CR4_SMAP (UINT64_C(1) << 21)
#define EFER_LMA (UINT64_C(1) << 10)
#define EFER_NXE (UINT64_C(1) << 11)
#define RFLAGS_AC (UINT64_C(1) << 18)

enum { ERROR_PRESENT = 1u << 0, ERROR_RESERVED = 1u << 3 };

struct format {
	uint32_t levels;
	uint32_t index_bits;
	uint32_t entry_bytes;
	uint64_t root;
	bool no_execute; /* EFER.NXE in a format that has the bit */
};

static bool read_entry(const struct guest_memory *memory, uint64_t address, uint32_t bytes, uint64_t *entry,
	struct guest_walk_proof *proof)
{
	/* Tables are at least 32-byte aligned, windows 8-byte: the whole word is there if the entry is. */
	const volatile uint64_t *word = (const volatile uint64_t *)(const void *)guest_memory_pointer(
		memory, address & ~UINT64_C(7), 8);
	if (word == NULL)
		return false;
	uint64_t value = *word; /* read once: the guest may change it meanwhile */
	uint64_t mask = ~GUEST_WALK_ACCESSED_DIRTY;
	if (bytes == 4) {
		unsigned shift = address & 4 ? 32 : 0;
		mask = (uint64_t)(uint32_t)~GUEST_WALK_ACCESSED_DIRTY << shift;
		*entry = (uint32_t)(value >> shift);
	} else {
		*entry = value;
	}
	if (proof != NULL) {
		proof->level[proof->levels].word = word;
		proof->level[proof->levels].mask = mask;
		proof->level[proof->levels].value = value & mask;
		proof->levels++;
	}
	return true;
}

static struct format format_of(const struct bh_vcpu_state *state)
{
	bool no_execute = (state->efer & EFER_NXE) != 0;
	if (state->efer & EFER_LMA)
		return (struct format){ 4, 9, 8, state->cr3 & ENTRY_ADDRESS, no_execute };
	if (state->cr4 & CR4_PAE)
		return (struct format){ 3, 9, 8, state->cr3 & 0xffffffe0u, no_execute };
	return (struct format){ 2, 10, 4, state->cr3 & 0xfffff000u, false };
}

/* Bits that must be 0 in an entry; the page sizes of section 5.3 leave the low address bits of large pages
 * reserved. */
static uint64_t reserved_bits(
	const struct guest_memory *memory, const struct format *format, uint32_t level, bool leaf)
{
	if (format->entry_bytes == 4)
		/* PSE: bits 13..20 are address bits 32..39 */
		return leaf && level == 1 ? UINT64_C(1) << 21 : 0;
	uint64_t reserved = ENTRY_ADDRESS & ~((UINT64_C(1) << memory->physical_bits) - 1);
	if (!format->no_execute)
		reserved |= ENTRY_NO_EXECUTE;
	if (level == 3)
		reserved |= ENTRY_LARGE;
	if (leaf && level > 0)
		reserved |= (UINT64_C(1) << (12 + 9 * level)) - (UINT64_C(1) << 13);
	return reserved;
}

struct rights {
	bool writable, user, no_execute;
};

static bool permitted(const struct bh_vcpu_state *state, const struct rights *rights, uint32_t access)
{
	if (access & GUEST_ACCESS_FETCH) {
		if (rights->no_execute)
			return false;
		if (access & GUEST_ACCESS_USER)
			return rights->user;
		return !(rights->user && (state->cr4 & CR4_SMEP));
	}
	if (access & GUEST_ACCESS_USER)
		return rights->user && (rights->writable || !(access & GUEST_ACCESS_WRITE));
	if (rights->user && (state->cr4 & CR4_SMAP) && !(state->rflags & RFLAGS_AC))
		return false;
	return rights->writable || !(access & GUEST_ACCESS_WRITE) || !(state->cr0 & CR0_WP);
}

static enum guest_paging_result fault(const struct bh_vcpu_state *state, const struct format *format,
	uint32_t access, uint32_t cause, struct guest_translation *translation)
{
	uint32_t code = cause | (access & (GUEST_ACCESS_WRITE | GUEST_ACCESS_USER));
	if ((access & GUEST_ACCESS_FETCH) && (format->no_execute || (state->cr4 & CR4_SMEP)))
		code |= GUEST_ACCESS_FETCH;
	translation->error_code = code;
	return GUEST_PAGING_FAULT;
}

/* Unpaged, a translation rests on nothing: four words that never change, so that users need no case for it. */
static void prove_unpaged(struct guest_walk_proof *proof)
{
	static const uint64_t constant;

	for (; proof->levels < GUEST_WALK_LEVELS; proof->levels++) {
		proof->level[proof->levels].word = &constant;
		proof->level[proof->levels].mask = ~GUEST_WALK_ACCESSED_DIRTY;
		proof->level[proof->levels].value = 0;
	}
}

enum guest_paging_result guest_translate(const struct guest_memory *memory, const struct bh_vcpu_state *state,
	uint64_t linear, uint32_t access, struct guest_translation *translation,
	struct guest_walk_proof *proof)
{
	*translation = (struct guest_translation){ .guest_physical = linear, .page_size = 4096 };
	if (proof != NULL)
		proof->levels = 0;
	if (!(state->cr0 & CR0_PG)) {
		if (proof != NULL)
			prove_unpaged(proof);
		return GUEST_PAGING_OK;
	}

	struct format format = format_of(state);
	if (format.levels == 4) {
		if (state->cr4 & CR4_LA57)
			return GUEST_PAGING_OUTSIDE;
		if ((uint64_t)((int64_t)(linear << 16) >> 16) != linear)
			return GUEST_PAGING_NOT_CANONICAL;
	} else {
		linear = (uint32_t)linear;
	}

	struct rights rights = { .writable = true, .user = true, .no_execute = false };
	uint64_t table = format.root;
	for (uint32_t level = format.levels; level-- > 0;) {
		uint32_t shift = 12 + format.index_bits * level;
		uint64_t index = linear >> shift & ((UINT64_C(1) << format.index_bits) - 1);
		uint64_t entry;
		if (!read_entry(
			    memory, table + index * format.entry_bytes, format.entry_bytes, &entry, proof))
			return GUEST_PAGING_OUTSIDE;
		if (!(entry & ENTRY_PRESENT))
			return fault(state, &format, access, 0, translation);

		/* PAE: no rights, no large pages there */
		bool page_directory_pointer = format.levels == 3 && level == 2;
		bool may_be_large = level > 0 && level < 3 && !page_directory_pointer &&
				    (format.entry_bytes == 8 || (state->cr4 & CR4_PSE));
		bool leaf = level == 0 || (may_be_large && (entry & ENTRY_LARGE));
		if (!(access & GUEST_ACCESS_UNCHECKED) &&
			(entry & reserved_bits(memory, &format, level, leaf)))
			return fault(state, &format, access, ERROR_PRESENT | ERROR_RESERVED, translation);
		if (!page_directory_pointer) {
			rights.writable &= (entry & ENTRY_WRITABLE) != 0;
			rights.user &= (entry & ENTRY_USER) != 0;
			rights.no_execute |= format.no_execute && (entry & ENTRY_NO_EXECUTE);
		}
		if (!leaf) {
			table = entry & (format.entry_bytes == 8 ? ENTRY_ADDRESS : UINT64_C(0xfffff000));
			continue;
		}
		if (!(access & GUEST_ACCESS_UNCHECKED) && !permitted(state, &rights, access))
			return fault(state, &format, access, ERROR_PRESENT, translation);

		uint64_t page_size = UINT64_C(1) << shift;
		uint64_t base = entry & ENTRY_ADDRESS;
		if (format.entry_bytes == 4 && level == 1)
			base = (entry & 0xffc00000u) | (entry >> 13 & 0xff) << 32;
		if (proof != NULL && format.entry_bytes == 8)
			for (; proof->levels < GUEST_WALK_LEVELS; proof->levels++)
				proof->level[proof->levels] = proof->level[proof->levels - 1];
		translation->page_size = page_size;
		translation->guest_physical = (base & ~(page_size - 1)) | (linear & (page_size - 1));
		return GUEST_PAGING_OK;
	}
	return GUEST_PAGING_OUTSIDE; /* not reached: level 0 is always a leaf */
}
