/* SPDX-License-Identifier: MIT */
/* Which instructions may touch emulated memory: exactly the forms listed here, decoded from a copy of
 * their bytes. Everything else, SSE and LOCK included, is "unsupported". Pure. */
#ifndef VMM_MMIO_DECODE_H
#define VMM_MMIO_DECODE_H

#include "instruction/instruction.h"

enum mmio_operation {
	/* LOAD and STORE come first: mmio_finish relies on it. */
	MMIO_LOAD,  /* MOV, MOVZX, MOVSX, MOVSXD register <- memory; LODS */
	MMIO_STORE, /* MOV, MOVNTI memory <- register or immediate; STOS */
	MMIO_MOVS,  /* memory <- memory, one of them emulated */
	/* Arithmetic: register <- register op memory, or memory <- memory op source (read, then write);
	 * CMP, TEST, BT write flags only. */
	MMIO_AND,
	MMIO_OR,
	MMIO_XOR,
	MMIO_ADD,
	MMIO_SUB,
	MMIO_CMP,
	MMIO_TEST,
	MMIO_BIT_TEST, /* BT memory, immediate */
	MMIO_XCHG,
};

enum mmio_string { MMIO_NOT_STRING, MMIO_STRING_STOS, MMIO_STRING_LODS, MMIO_STRING_MOVS };

struct mmio_instruction {
	uint8_t length;    /* bytes */
	uint8_t operation; /* enum mmio_operation */
	uint8_t width;     /* bytes of the memory operand: 1, 2, 4 or 8 */
	/* bytes of the register operand (wider than the memory for MOVZX and MOVSX) */
	uint8_t register_width;
	/* enum bh_register, or INSTRUCTION_NO_REGISTER: the source is `immediate` */
	uint8_t general_register;
	bool high_byte; /* the register operand is AH, CH, DH or BH */
	bool sign_extend;
	bool to_register; /* the result goes to the register, memory is only read */
	uint8_t string;   /* enum mmio_string */
	bool repeat;
	/* the directions that an exit of it may have; both: a read-modify-write, whose exit is either, or
	 * MOVS */
	bool may_read, may_write;
	uint64_t immediate;           /* sign-extended as encoded */
	struct memory_operand memory; /* strings: segment and address_width only; LODS, MOVS: of the source */
};

enum mmio_decode_result {
	MMIO_DECODE_OK,
	MMIO_DECODE_TRUNCATED,
	MMIO_DECODE_INVALID,     /* no instruction */
	MMIO_DECODE_UNSUPPORTED, /* an instruction, but none of the listed forms */
};

/* Decodes `count` bytes (0..15). Exit handlers. */
__attribute__((warn_unused_result)) enum mmio_decode_result mmio_decode(
	const uint8_t *bytes, size_t count, enum instruction_mode mode, struct mmio_instruction *instruction);

#endif
