/* SPDX-License-Identifier: MIT */
/* What an intercepted instruction is: its length and operands, decoded from a copy of its bytes (Zydis
 * does the decoding). For exits that bring neither next-RIP nor decode assists. Pure: no system calls, no
 * allocation, general registers only. */
#ifndef VMM_INSTRUCTION_INSTRUCTION_H
#define VMM_INSTRUCTION_INSTRUCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bulkhead/vcpu.h>

enum { INSTRUCTION_BYTES_MAX = 15 }; /* AMD APM vol. 3 section 1.2 */

/* How bytes are decoded: the default operand and address size. */
enum instruction_mode { INSTRUCTION_MODE_16, INSTRUCTION_MODE_32, INSTRUCTION_MODE_64 };

enum instruction_operation {
	INSTRUCTION_OTHER, /* valid, but none of those below: only `length` is filled in */
	INSTRUCTION_CPUID,
	INSTRUCTION_RDMSR,
	INSTRUCTION_WRMSR,
	INSTRUCTION_HLT,
	INSTRUCTION_PAUSE,
	INSTRUCTION_VMMCALL, /* and VMCALL */
	INSTRUCTION_XSETBV,
	INSTRUCTION_RDTSC,
	INSTRUCTION_RDTSCP,
	INSTRUCTION_RDPMC,
	INSTRUCTION_INVD,
	INSTRUCTION_WBINVD,
	INSTRUCTION_MONITOR, /* and MONITORX */
	INSTRUCTION_MWAIT,   /* and MWAITX */
	INSTRUCTION_CLTS,
	INSTRUCTION_INVLPG,      /* memory: the address to invalidate */
	INSTRUCTION_MOV_TO_CR,   /* general_register -> control register `number` */
	INSTRUCTION_MOV_FROM_CR, /* control register `number` -> general_register, width bytes */
	INSTRUCTION_MOV_TO_DR,
	INSTRUCTION_MOV_FROM_DR,
	INSTRUCTION_LMSW, /* general_register, or memory if it is INSTRUCTION_NO_REGISTER; 2 bytes */
	INSTRUCTION_SMSW, /* general_register (width 2, 4 or 8), or memory (2 bytes) */
	INSTRUCTION_IN,   /* width 1, 2 or 4; port in `immediate` if `immediate_port`, else in DX */
	INSTRUCTION_OUT,
	INSTRUCTION_INS,  /* width 1, 2 or 4; memory.address_width; repeat */
	INSTRUCTION_OUTS, /* and memory.segment */
	INSTRUCTION_OPERATIONS
};

enum { INSTRUCTION_NO_REGISTER = 16, INSTRUCTION_RIP = 17 };

/* A memory operand as encoded. */
struct memory_operand {
	int64_t displacement;
	uint8_t segment; /* enum bh_segment, ES..GS: override or default */
	/* enum bh_register, INSTRUCTION_NO_REGISTER, or INSTRUCTION_RIP (address of the next instruction) */
	uint8_t base;
	uint8_t index;         /* enum bh_register or INSTRUCTION_NO_REGISTER */
	uint8_t scale;         /* 1, 2, 4 or 8 */
	uint8_t address_width; /* bytes: 2, 4 or 8 */
	uint8_t reserved[3];
};

struct instruction {
	uint8_t length;           /* bytes, 1..15 */
	uint8_t operation;        /* enum instruction_operation */
	uint8_t width;            /* bytes of the operand, where one is listed above; else 0 */
	uint8_t general_register; /* enum bh_register or INSTRUCTION_NO_REGISTER */
	uint8_t number;           /* of the control or debug register */
	uint8_t immediate;        /* port of IN and OUT with an immediate */
	bool immediate_port;
	bool repeat; /* REP, REPE or REPNE prefix on INS and OUTS */
	struct memory_operand memory;
};

enum instruction_result {
	INSTRUCTION_OK,
	/* `count` bytes are not the whole of it: fetch more, or raise the fault of the page that follows */
	INSTRUCTION_TRUNCATED,
	/* no instruction in this mode, or longer than 15 bytes: inject #UD (or #GP if too long; we say
	 * #UD) */
	INSTRUCTION_INVALID,
};

/* Decodes the first instruction of `bytes`, which holds `count` bytes (0..15; more are not looked at),
 * into *instruction. Exit handlers. */
__attribute__((warn_unused_result)) enum instruction_result instruction_decode(
	const uint8_t *bytes, size_t count, enum instruction_mode mode, struct instruction *instruction);

/* The short way for instructions without operands (CPUID .. CLTS above): the length of `operation` at
 * `bytes`, redundant prefixes included, or 0 if something else stands there: then ask instruction_decode. */
unsigned instruction_fixed_length(
	const uint8_t *bytes, size_t count, enum instruction_mode mode, enum instruction_operation operation);

/* How the code that `state` runs is decoded; needs efer and segment[BH_CS]. */
static inline enum instruction_mode instruction_mode(const struct bh_vcpu_state *state)
{
	enum { EFER_LMA = 1u << 10, CODE_LONG = 1u << 9, CODE_DEFAULT_32 = 1u << 10 };
	uint32_t attributes = state->segment[BH_CS].attributes;
	if ((state->efer & EFER_LMA) && (attributes & CODE_LONG))
		return INSTRUCTION_MODE_64;
	return attributes & CODE_DEFAULT_32 ? INSTRUCTION_MODE_32 : INSTRUCTION_MODE_16;
}

/* The linear address of the instruction pointer. */
static inline uint64_t instruction_pointer(const struct bh_vcpu_state *state)
{
	if (instruction_mode(state) == INSTRUCTION_MODE_64)
		return state->rip;
	return (uint32_t)(state->segment[BH_CS].base + state->rip);
}

/* Ends an emulated instruction of `length` bytes: moves rip on (cut to 32 bits outside of 64-bit code),
 * clears RF and the interrupt shadow. The caller looks at TF in rflags and injects #DB if it is set. */
static inline void instruction_advance(struct bh_vcpu_state *state, unsigned length)
{
	enum { RFLAGS_RF = 1u << 16 };
	uint64_t next = state->rip + length;
	if (instruction_mode(state) != INSTRUCTION_MODE_64)
		next = (uint32_t)next;
	state->rip = next;
	state->rflags &= ~(uint64_t)RFLAGS_RF;
	state->interrupt_shadow = 0;
}

/* The offset that `memory` names inside its segment, from the registers of `state`, cut to the address
 * width. `length`: of the instruction. */
uint64_t instruction_offset(
	const struct memory_operand *memory, const struct bh_vcpu_state *state, unsigned length);

/* The linear address of an offset inside a segment (enum bh_segment ES..GS), without any check: for an
 * address that the CPU has already checked. In 64-bit code only FS and GS have a base; elsewhere the sum
 * is cut to 32 bits. */
static inline uint64_t instruction_linear(
	const struct bh_vcpu_state *state, unsigned segment, uint64_t offset)
{
	if (instruction_mode(state) == INSTRUCTION_MODE_64)
		return segment >= BH_FS ? offset + state->segment[segment].base : offset;
	return (uint32_t)(offset + state->segment[segment].base);
}

#endif
