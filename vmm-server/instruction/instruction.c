/* SPDX-License-Identifier: MIT */
/* Intercepted instructions: see instruction.h. */
#include "instruction/instruction.h"

#include "instruction/zydis.h"

/* The opcodes without operands, for the short way (AMD APM vol. 3). Several encodings of one operation
 * stand in several rows. */
static const struct {
	uint8_t operation;
	uint8_t count;
	uint8_t opcode[3];
} fixed_forms[] = {
	{ INSTRUCTION_CPUID, 2, { 0x0f, 0xa2 } },
	{ INSTRUCTION_RDMSR, 2, { 0x0f, 0x32 } },
	{ INSTRUCTION_WRMSR, 2, { 0x0f, 0x30 } },
	{ INSTRUCTION_HLT, 1, { 0xf4 } },
	{ INSTRUCTION_VMMCALL, 3, { 0x0f, 0x01, 0xd9 } },
	{ INSTRUCTION_VMMCALL, 3, { 0x0f, 0x01, 0xc1 } },
	{ INSTRUCTION_XSETBV, 3, { 0x0f, 0x01, 0xd1 } },
	{ INSTRUCTION_RDTSC, 2, { 0x0f, 0x31 } },
	{ INSTRUCTION_RDTSCP, 3, { 0x0f, 0x01, 0xf9 } },
	{ INSTRUCTION_RDPMC, 2, { 0x0f, 0x33 } },
	{ INSTRUCTION_INVD, 2, { 0x0f, 0x08 } },
	{ INSTRUCTION_WBINVD, 2, { 0x0f, 0x09 } },
	{ INSTRUCTION_MONITOR, 3, { 0x0f, 0x01, 0xc8 } },
	{ INSTRUCTION_MWAIT, 3, { 0x0f, 0x01, 0xc9 } },
	{ INSTRUCTION_CLTS, 2, { 0x0f, 0x06 } },
};

/* Prefixes that change nothing about the instructions above. F2 and F3 are left to Zydis: they select
 * other instructions. */
static bool redundant_prefix(uint8_t byte)
{
	switch (byte) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x64:
	case 0x65:
	case 0x67:
		return true;
	default:
		return false;
	}
}

static bool same_bytes(const uint8_t *bytes, const uint8_t *opcode, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (bytes[i] != opcode[i])
			return false;
	return true;
}

unsigned instruction_fixed_length(
	const uint8_t *bytes, size_t count, enum instruction_mode mode, enum instruction_operation operation)
{
	unsigned prefixes = 0;
	if (count > INSTRUCTION_BYTES_MAX)
		count = INSTRUCTION_BYTES_MAX;
	while (prefixes < count && redundant_prefix(bytes[prefixes]))
		prefixes++;
	if (mode == INSTRUCTION_MODE_64 && prefixes < count && (bytes[prefixes] & 0xf0) == 0x40)
		prefixes++; /* REX: the last before the opcode */
	for (unsigned i = 0; i < sizeof fixed_forms / sizeof fixed_forms[0]; i++) {
		unsigned opcode = fixed_forms[i].count;
		if (fixed_forms[i].operation == operation && count - prefixes >= opcode &&
			same_bytes(bytes + prefixes, fixed_forms[i].opcode, opcode))
			return prefixes + opcode;
	}
	return 0;
}

static void decode_move(const struct zydis_decoded *decoded, struct instruction *instruction)
{
	ZydisRegister to = decoded->operands[0].reg.value;
	ZydisRegister from = decoded->operands[1].reg.value;
	if (decoded->operands[0].type != ZYDIS_OPERAND_TYPE_REGISTER ||
		decoded->operands[1].type != ZYDIS_OPERAND_TYPE_REGISTER)
		return;
	if (to >= ZYDIS_REGISTER_CR0 && to <= ZYDIS_REGISTER_CR15) {
		instruction->operation = INSTRUCTION_MOV_TO_CR;
		instruction->number = (uint8_t)(to - ZYDIS_REGISTER_CR0);
	} else if (from >= ZYDIS_REGISTER_CR0 && from <= ZYDIS_REGISTER_CR15) {
		instruction->operation = INSTRUCTION_MOV_FROM_CR;
		instruction->number = (uint8_t)(from - ZYDIS_REGISTER_CR0);
	} else if (to >= ZYDIS_REGISTER_DR0 && to <= ZYDIS_REGISTER_DR15) {
		instruction->operation = INSTRUCTION_MOV_TO_DR;
		instruction->number = (uint8_t)(to - ZYDIS_REGISTER_DR0);
	} else if (from >= ZYDIS_REGISTER_DR0 && from <= ZYDIS_REGISTER_DR15) {
		instruction->operation = INSTRUCTION_MOV_FROM_DR;
		instruction->number = (uint8_t)(from - ZYDIS_REGISTER_DR0);
	} else {
		return;
	}
	bool into_system_register = instruction->operation == INSTRUCTION_MOV_TO_CR ||
				    instruction->operation == INSTRUCTION_MOV_TO_DR;
	instruction->general_register = zydis_general_register(into_system_register ? from : to, NULL);
	instruction->width = (uint8_t)(decoded->operands[0].size / 8);
	if (into_system_register)
		instruction->width = (uint8_t)(decoded->operands[1].size / 8);
}

/* LMSW, SMSW, INVLPG: one visible operand, register or memory. */
static enum instruction_result decode_one_operand(const struct zydis_decoded *decoded,
	enum instruction_operation operation, struct instruction *instruction)
{
	const ZydisDecodedOperand *operand = &decoded->operands[0];
	instruction->operation = (uint8_t)operation;
	if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER) {
		instruction->general_register = zydis_general_register(operand->reg.value, NULL);
		instruction->width = (uint8_t)(operand->size / 8);
		return INSTRUCTION_OK;
	}
	instruction->width = operation == INSTRUCTION_INVLPG ? 0 : 2;
	return zydis_memory_operand(decoded, operand, &instruction->memory) ? INSTRUCTION_OK
									    : INSTRUCTION_INVALID;
}

static enum instruction_result decode_string(const struct zydis_decoded *decoded,
	enum instruction_operation operation, struct instruction *instruction)
{
	/* INS: memory, DX; OUTS: DX, memory. */
	const ZydisDecodedOperand *operand = &decoded->operands[operation == INSTRUCTION_INS ? 0 : 1];
	instruction->operation = (uint8_t)operation;
	instruction->width = (uint8_t)(operand->size / 8);
	instruction->repeat = zydis_has_repeat(decoded);
	return zydis_memory_operand(decoded, operand, &instruction->memory) ? INSTRUCTION_OK
									    : INSTRUCTION_INVALID;
}

static void decode_port(const struct zydis_decoded *decoded, enum instruction_operation operation,
	struct instruction *instruction)
{
	const ZydisDecodedOperand *data = &decoded->operands[operation == INSTRUCTION_IN ? 0 : 1];
	const ZydisDecodedOperand *port = &decoded->operands[operation == INSTRUCTION_IN ? 1 : 0];
	instruction->operation = (uint8_t)operation;
	instruction->width = (uint8_t)(data->size / 8);
	if (port->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		instruction->immediate_port = true;
		instruction->immediate = (uint8_t)port->imm.value.u;
	}
}

enum instruction_result instruction_decode(
	const uint8_t *bytes, size_t count, enum instruction_mode mode, struct instruction *instruction)
{
	struct zydis_decoded decoded;
	enum instruction_result result = zydis_decode(bytes, count, mode, &decoded);
	if (result != INSTRUCTION_OK)
		return result;

	*instruction = (struct instruction){
		.length = decoded.instruction.length,
		.operation = INSTRUCTION_OTHER,
		.general_register = INSTRUCTION_NO_REGISTER,
		.memory = { .base = INSTRUCTION_NO_REGISTER, .index = INSTRUCTION_NO_REGISTER, .scale = 1 },
	};
	switch (decoded.instruction.mnemonic) {
	case ZYDIS_MNEMONIC_CPUID:
		instruction->operation = INSTRUCTION_CPUID;
		break;
	case ZYDIS_MNEMONIC_RDMSR:
		instruction->operation = INSTRUCTION_RDMSR;
		break;
	case ZYDIS_MNEMONIC_WRMSR:
		instruction->operation = INSTRUCTION_WRMSR;
		break;
	case ZYDIS_MNEMONIC_HLT:
		instruction->operation = INSTRUCTION_HLT;
		break;
	case ZYDIS_MNEMONIC_PAUSE:
		instruction->operation = INSTRUCTION_PAUSE;
		break;
	case ZYDIS_MNEMONIC_VMMCALL:
	case ZYDIS_MNEMONIC_VMCALL:
		instruction->operation = INSTRUCTION_VMMCALL;
		break;
	case ZYDIS_MNEMONIC_XSETBV:
		instruction->operation = INSTRUCTION_XSETBV;
		break;
	case ZYDIS_MNEMONIC_RDTSC:
		instruction->operation = INSTRUCTION_RDTSC;
		break;
	case ZYDIS_MNEMONIC_RDTSCP:
		instruction->operation = INSTRUCTION_RDTSCP;
		break;
	case ZYDIS_MNEMONIC_RDPMC:
		instruction->operation = INSTRUCTION_RDPMC;
		break;
	case ZYDIS_MNEMONIC_INVD:
		instruction->operation = INSTRUCTION_INVD;
		break;
	case ZYDIS_MNEMONIC_WBINVD:
		instruction->operation = INSTRUCTION_WBINVD;
		break;
	case ZYDIS_MNEMONIC_MONITOR:
	case ZYDIS_MNEMONIC_MONITORX:
		instruction->operation = INSTRUCTION_MONITOR;
		break;
	case ZYDIS_MNEMONIC_MWAIT:
	case ZYDIS_MNEMONIC_MWAITX:
		instruction->operation = INSTRUCTION_MWAIT;
		break;
	case ZYDIS_MNEMONIC_CLTS:
		instruction->operation = INSTRUCTION_CLTS;
		break;
	case ZYDIS_MNEMONIC_INVLPG:
		return decode_one_operand(&decoded, INSTRUCTION_INVLPG, instruction);
	case ZYDIS_MNEMONIC_LMSW:
		return decode_one_operand(&decoded, INSTRUCTION_LMSW, instruction);
	case ZYDIS_MNEMONIC_SMSW:
		return decode_one_operand(&decoded, INSTRUCTION_SMSW, instruction);
	case ZYDIS_MNEMONIC_MOV:
		decode_move(&decoded, instruction);
		break;
	case ZYDIS_MNEMONIC_IN:
		decode_port(&decoded, INSTRUCTION_IN, instruction);
		break;
	case ZYDIS_MNEMONIC_OUT:
		decode_port(&decoded, INSTRUCTION_OUT, instruction);
		break;
	case ZYDIS_MNEMONIC_INSB:
	case ZYDIS_MNEMONIC_INSW:
	case ZYDIS_MNEMONIC_INSD:
		return decode_string(&decoded, INSTRUCTION_INS, instruction);
	case ZYDIS_MNEMONIC_OUTSB:
	case ZYDIS_MNEMONIC_OUTSW:
	case ZYDIS_MNEMONIC_OUTSD:
		return decode_string(&decoded, INSTRUCTION_OUTS, instruction);
	default:
		break;
	}
	return INSTRUCTION_OK;
}

uint64_t instruction_offset(
	const struct memory_operand *memory, const struct bh_vcpu_state *state, unsigned length)
{
	uint64_t offset = (uint64_t)memory->displacement;
	if (memory->base < INSTRUCTION_NO_REGISTER)
		offset += state->registers[memory->base];
	else if (memory->base == INSTRUCTION_RIP)
		offset += state->rip + length;
	if (memory->index < INSTRUCTION_NO_REGISTER)
		offset += state->registers[memory->index] * memory->scale;
	if (memory->address_width == 8)
		return offset;
	return offset & (memory->address_width == 4 ? UINT32_MAX : UINT16_MAX);
}
