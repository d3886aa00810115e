/* SPDX-License-Identifier: MIT */
/* The listed forms: see decode.h. */
#include "mmio/decode.h"

#include "instruction/zydis.h"

static bool valid_width(unsigned bytes) { return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8; }

static bool take_register(const ZydisDecodedOperand *operand, struct mmio_instruction *instruction)
{
	if (operand->type != ZYDIS_OPERAND_TYPE_REGISTER)
		return false;
	instruction->general_register = zydis_general_register(operand->reg.value, &instruction->high_byte);
	instruction->register_width = (uint8_t)(operand->size / 8);
	return instruction->general_register != INSTRUCTION_NO_REGISTER;
}

static bool take_memory(const struct zydis_decoded *decoded, const ZydisDecodedOperand *operand,
	struct mmio_instruction *instruction)
{
	instruction->width = (uint8_t)(operand->size / 8);
	return valid_width(operand->size / 8) && operand->size % 8 == 0 &&
	       zydis_memory_operand(decoded, operand, &instruction->memory);
}

/* register <- memory */
static bool take_load(const struct zydis_decoded *decoded, struct mmio_instruction *instruction)
{
	instruction->to_register = true;
	return take_register(&decoded->operands[0], instruction) &&
	       take_memory(decoded, &decoded->operands[1], instruction);
}

/* memory <- register or immediate */
static bool take_store(const struct zydis_decoded *decoded, struct mmio_instruction *instruction)
{
	if (!take_memory(decoded, &decoded->operands[0], instruction))
		return false;
	const ZydisDecodedOperand *source = &decoded->operands[1];
	if (source->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		/* Zydis sign-extends an immediate where the instruction does; what lies above the width is
		 * cut at use. */
		instruction->immediate = source->imm.value.u;
		return true;
	}
	return take_register(source, instruction);
}

static bool take_either(const struct zydis_decoded *decoded, struct mmio_instruction *instruction)
{
	return decoded->operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY ? take_store(decoded, instruction)
								      : take_load(decoded, instruction);
}

/* XCHG and TEST may have their operands in either order, and mean the same. */
static bool take_symmetric(const struct zydis_decoded *decoded, struct mmio_instruction *instruction)
{
	if (decoded->operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY)
		return take_store(decoded, instruction);
	return take_register(&decoded->operands[0], instruction) &&
	       take_memory(decoded, &decoded->operands[1], instruction);
}

/* `memory_operand`: which of Zydis' operands is the memory (MOVS: the source). */
static bool take_string(const struct zydis_decoded *decoded, enum mmio_string string, unsigned memory_operand,
	struct mmio_instruction *instruction)
{
	/* SSE2 has a MOVSD too. */
	if (decoded->instruction.meta.category != ZYDIS_CATEGORY_STRINGOP)
		return false;
	instruction->string = (uint8_t)string;
	instruction->repeat = zydis_has_repeat(decoded);
	instruction->general_register = BH_RAX;
	instruction->to_register = string == MMIO_STRING_LODS;
	if (!take_memory(decoded, &decoded->operands[memory_operand], instruction))
		return false;
	instruction->register_width = instruction->width;
	return true;
}

static bool take(const struct zydis_decoded *decoded, struct mmio_instruction *instruction)
{
	switch (decoded->instruction.mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
		instruction->operation =
			decoded->operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY ? MMIO_STORE : MMIO_LOAD;
		return take_either(decoded, instruction);
	case ZYDIS_MNEMONIC_MOVNTI:
		instruction->operation = MMIO_STORE;
		return take_store(decoded, instruction);
	case ZYDIS_MNEMONIC_MOVZX:
		instruction->operation = MMIO_LOAD;
		return take_load(decoded, instruction);
	case ZYDIS_MNEMONIC_MOVSX:
	case ZYDIS_MNEMONIC_MOVSXD:
		instruction->operation = MMIO_LOAD;
		instruction->sign_extend = true;
		return take_load(decoded, instruction);
	case ZYDIS_MNEMONIC_STOSB:
	case ZYDIS_MNEMONIC_STOSW:
	case ZYDIS_MNEMONIC_STOSD:
	case ZYDIS_MNEMONIC_STOSQ:
		instruction->operation = MMIO_STORE;
		return take_string(decoded, MMIO_STRING_STOS, 0, instruction);
	case ZYDIS_MNEMONIC_LODSB:
	case ZYDIS_MNEMONIC_LODSW:
	case ZYDIS_MNEMONIC_LODSD:
	case ZYDIS_MNEMONIC_LODSQ:
		instruction->operation = MMIO_LOAD;
		return take_string(decoded, MMIO_STRING_LODS, 1, instruction);
	case ZYDIS_MNEMONIC_MOVSB:
	case ZYDIS_MNEMONIC_MOVSW:
	case ZYDIS_MNEMONIC_MOVSD:
	case ZYDIS_MNEMONIC_MOVSQ:
		instruction->operation = MMIO_MOVS;
		return take_string(decoded, MMIO_STRING_MOVS, 1, instruction);
	case ZYDIS_MNEMONIC_AND:
		instruction->operation = MMIO_AND;
		return take_either(decoded, instruction);
	case ZYDIS_MNEMONIC_OR:
		instruction->operation = MMIO_OR;
		return take_either(decoded, instruction);
	case ZYDIS_MNEMONIC_XOR:
		instruction->operation = MMIO_XOR;
		return take_either(decoded, instruction);
	case ZYDIS_MNEMONIC_ADD:
		instruction->operation = MMIO_ADD;
		return take_either(decoded, instruction);
	case ZYDIS_MNEMONIC_SUB:
		instruction->operation = MMIO_SUB;
		return take_either(decoded, instruction);
	case ZYDIS_MNEMONIC_CMP:
		instruction->operation = MMIO_CMP;
		return take_either(decoded, instruction);
	case ZYDIS_MNEMONIC_TEST:
		instruction->operation = MMIO_TEST;
		return take_symmetric(decoded, instruction);
	case ZYDIS_MNEMONIC_XCHG:
		instruction->operation = MMIO_XCHG;
		return take_symmetric(decoded, instruction);
	case ZYDIS_MNEMONIC_BT:
		/* With a register the bit may lie outside of the operand: another address. */
		instruction->operation = MMIO_BIT_TEST;
		return decoded->operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
		       take_store(decoded, instruction);
	default:
		return false;
	}
}

/* Which directions an exit may have. A read-modify-write starts with a read, but the CPU may check for the
 * write first. */
static void set_directions(struct mmio_instruction *instruction)
{
	switch ((enum mmio_operation)instruction->operation) {
	case MMIO_LOAD:
	case MMIO_CMP:
	case MMIO_TEST:
	case MMIO_BIT_TEST:
		instruction->may_read = true;
		return;
	case MMIO_STORE:
		instruction->may_write = true;
		return;
	case MMIO_MOVS:
	case MMIO_XCHG:
	case MMIO_AND:
	case MMIO_OR:
	case MMIO_XOR:
	case MMIO_ADD:
	case MMIO_SUB:
		instruction->may_read = true;
		instruction->may_write = !instruction->to_register;
		return;
	}
}

enum mmio_decode_result mmio_decode(
	const uint8_t *bytes, size_t count, enum instruction_mode mode, struct mmio_instruction *instruction)
{
	struct zydis_decoded decoded;
	switch (zydis_decode(bytes, count, mode, &decoded)) {
	case INSTRUCTION_OK:
		break;
	case INSTRUCTION_TRUNCATED:
		return MMIO_DECODE_TRUNCATED;
	case INSTRUCTION_INVALID:
		return MMIO_DECODE_INVALID;
	}
	*instruction = (struct mmio_instruction){
		.length = decoded.instruction.length,
		.general_register = INSTRUCTION_NO_REGISTER,
	};
	if (decoded.instruction.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY ||
		(decoded.instruction.attributes & ZYDIS_ATTRIB_HAS_LOCK) || !take(&decoded, instruction))
		return MMIO_DECODE_UNSUPPORTED;
	set_directions(instruction);
	return MMIO_DECODE_OK;
}
