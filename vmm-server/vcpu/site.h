/* SPDX-License-Identifier: MIT */
/* Sites: places in a guest's code that exit often, each with all that the short way (hot.h) has to know of it in one
 * struct, and with what must be found unchanged before it is used:
 *
 *   rip, and struct bh_code_state but for ds_base: the mode, CR3, the code segment
 *   words of guest memory: the page-table entries that lead to the instruction (and to its operand), each once, and
 *       the instruction's bytes
 *
 * With all of these equal the CPU fetched what it fetched when the site was noted, and a new decoding would give the
 * same. They are compared as whole words: a changed accessed bit, or other code behind the instruction, makes a site
 * stale that still would do. Then, as for every other place, the whole way decides (instruction/fetch.h), and notes the
 * site anew. */
#ifndef VMM_VCPU_SITE_H
#define VMM_VCPU_SITE_H

#include <bulkhead/vcpu.h>

#include "cpu/cpuid.h"
#include "instruction/fetch.h"
#include "mmio/access.h"

enum {
	SITE_CODE_WORDS = 4, /* of struct bh_code_state */
	/* Two walks, the first 8 and the last 8 bytes of an instruction. */
	SITE_WORDS = 2 * GUEST_WALK_LEVELS + 2,
	SITES = 128,
};
_Static_assert(offsetof(struct bh_code_state, ds_base) == 8 * SITE_CODE_WORDS, "all before it is compared");

/* What CPUID was asked for last, and the answer: of leaves that depend on nothing else. */
struct site_cpuid {
	uint32_t leaf;
	struct cpuid_result result;
};

/* A load or store of 4 bytes between memory and a 32-bit register (or an immediate to memory). */
struct site_memory {
	uint64_t
		information; /* of the exit: direction, and that it is neither a fetch nor a walk; SITE_INDEXED */
	uint64_t displacement;
	uint64_t address_mask; /* of the sum */
	/* Offsets in the state page of what is added: the base register or SITE_NOTHING; DS's base in the block, likewise. */
	uint16_t base, segment;
	uint16_t index;    /* likewise, of the index register; with SITE_INDEXED */
	uint16_t scale;    /* of it */
	uint16_t transfer; /* offset of the register; 0: `immediate` is stored */
	uint16_t reserved;
	uint32_t immediate;
	uint64_t last;   /* offset of the last 4 bytes of the device's part of the operand's page */
	uint64_t linear; /* where that part begins */
	uint64_t guest_physical;
	/* A device model's: its endpoint, and the port word of an access to the part's first byte. 0: the local APIC's
	 * page, in xAPIC mode. */
	uint64_t endpoint;
	uint64_t port_word;
};

/* All zero: no site, for a guest's cr0 is never 0 (ET is always set). */
struct site {
	uint64_t reason; /* word 0 of the exit */
	uint64_t rip;
	uint64_t code[SITE_CODE_WORDS];
	uint64_t next_rip; /* behind the instruction */
	uint64_t words;    /* 1..SITE_WORDS */
	struct site_word {
		const void *at; /* in a guest memory window, any alignment */
		uint64_t value;
	} word[SITE_WORDS];
	union {
		struct site_cpuid cpuid;
		struct site_memory memory;
	};
} __attribute__((aligned(512)));

/* In `information`: the operand has an index register. No exit has this bit. */
#define SITE_INDEXED (UINT64_C(1) << 63)

/* The state page's reserved words hold zero, so that an operand without base needs no case of its own. */
#define SITE_NOTHING offsetof(struct bh_vcpu_state, reserved)

struct vmm;
struct vcpu;

/* Notes the instruction at rip, which the exit (its words 0 to 2) came for and the whole way has just decoded or found
 * again, for the next such exit; does nothing where it can't. Before rip moves on. Handler thread. */
void site_note_cpuid(struct vmm *vmm, struct vcpu *vcpu, uint64_t reason);
void site_note_plain(struct vcpu *vcpu, uint64_t reason);
void site_note_memory(
	struct vmm *vmm, struct vcpu *vcpu, uint64_t reason, uint64_t guest_physical, uint64_t information);

/* The site is asked for another leaf. False: `leaf` is none whose answer always is the same. */
bool site_note_leaf(const struct cpuid_policy *policy, struct site *site, uint32_t leaf);

/* Forgets all: another register page stands somewhere else now. */
void site_forget_all(struct vcpu *vcpu);

static inline uint64_t site_load(const void *at)
{
	uint64_t word;

	__builtin_memcpy(&word, at, sizeof(word));
	return word;
}

static inline uint64_t site_word_difference(const struct site_word *word)
{
	return site_load(word->at) ^ word->value;
}

/* Not 0 if the instruction at `rip` may not be the site's any more. */
static inline __attribute__((always_inline)) uint64_t site_differences(
	const struct site *site, const struct bh_vcpu_state *state, uint64_t rip)
{
	const uint8_t *code = (const uint8_t *)&state->code;
	uint64_t differences = rip ^ site->rip;

	differences |= site_load(code) ^ site->code[0];
	differences |= site_load(code + 8) ^ site->code[1];
	differences |= site_load(code + 16) ^ site->code[2];
	differences |= site_load(code + 24) ^ site->code[3];
	switch (site->words) {
	case 10:
		differences |= site_word_difference(&site->word[9]);
		__attribute__((fallthrough));
	case 9:
		differences |= site_word_difference(&site->word[8]);
		__attribute__((fallthrough));
	case 8:
		differences |= site_word_difference(&site->word[7]);
		__attribute__((fallthrough));
	case 7:
		differences |= site_word_difference(&site->word[6]);
		__attribute__((fallthrough));
	case 6:
		differences |= site_word_difference(&site->word[5]);
		__attribute__((fallthrough));
	case 5:
		differences |= site_word_difference(&site->word[4]);
		__attribute__((fallthrough));
	case 4:
		differences |= site_word_difference(&site->word[3]);
		__attribute__((fallthrough));
	case 3:
		differences |= site_word_difference(&site->word[2]);
		__attribute__((fallthrough));
	case 2:
		differences |= site_word_difference(&site->word[1]);
		__attribute__((fallthrough));
	case 1:
		differences |= site_word_difference(&site->word[0]);
		__attribute__((fallthrough));
	case 0:
		return differences;
	default:
		__builtin_unreachable(); /* SITE_WORDS is 10 */
	}
}
_Static_assert(SITE_WORDS == 10, "the cases above");

/* Keeps gcc from computing the address anew at every use. */
#define SITE_KEEP(site) __asm__("" : "+r"(site))

/* Low bits: the few instructions of a guest that exit often lie apart. */
static inline struct site *site_at(struct site *sites, uint64_t rip)
{
	struct site *site = &sites[rip & (SITES - 1)];

	SITE_KEEP(site);
	return site;
}

/* The linear address of the site's operand. The sum is cut once at the end: the same, as offset and linear address have
 * one width. */
static inline uint64_t site_operand(
	const struct site_memory *site, const struct bh_vcpu_state *state, bool indexed)
{
	const uint8_t *fields = (const uint8_t *)state;
	uint64_t address =
		site->displacement + site_load(fields + site->base) + site_load(fields + site->segment);

	if (indexed) {
		address += site_load(fields + site->index) * site->scale;
	}
	return address & site->address_mask;
}

/* The value that a store writes. */
static inline uint32_t site_register(const struct site_memory *site, const struct bh_vcpu_state *state)
{
	return site->transfer != 0 ? (uint32_t)site_load((const uint8_t *)state + site->transfer)
				   : site->immediate;
}

/* The value that a load brings. */
static inline void site_register_set(
	const struct site_memory *site, struct bh_vcpu_state *state, uint32_t value)
{
	uint64_t whole = value;

	__builtin_memcpy((uint8_t *)state + site->transfer, &whole, sizeof(whole));
}

#endif
