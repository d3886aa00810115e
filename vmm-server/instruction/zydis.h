/* SPDX-License-Identifier: MIT */
/* The only door to Zydis: decodes and translates its registers and memory operands into our terms. For
 * instruction/ and mmio/ alone. */
#ifndef VMM_INSTRUCTION_ZYDIS_H
#define VMM_INSTRUCTION_ZYDIS_H

#include "instruction/instruction.h"

#include <Zydis/Zydis.h>

struct zydis_decoded {
	ZydisDecodedInstruction instruction;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

/* Decodes `count` bytes (more than 15 are not looked at). */
__attribute__((warn_unused_result)) enum instruction_result zydis_decode(
	const uint8_t *bytes, size_t count, enum instruction_mode mode, struct zydis_decoded *decoded);

/* enum bh_register of a general register of any width, or INSTRUCTION_NO_REGISTER. *high_byte (may be
 * null): AH, CH, DH, BH. */
uint8_t zydis_general_register(ZydisRegister name, bool *high_byte);

/* The memory operand `operand` of `decoded` in our terms. False if it is none that names one address (VSIB
 * and the like). */
__attribute__((warn_unused_result)) bool zydis_memory_operand(const struct zydis_decoded *decoded,
	const ZydisDecodedOperand *operand, struct memory_operand *memory);

/* Whether a REP, REPE or REPNE prefix stands before it; the CPU takes them alike for string moves and
 * string I/O. */
bool zydis_has_repeat(const struct zydis_decoded *decoded);

#endif
