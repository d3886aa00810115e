/* SPDX-License-Identifier: MIT */
/* The door to Zydis: see zydis.h. */
#include "instruction/zydis.h"

enum instruction_result zydis_decode(
	const uint8_t *bytes, size_t count, enum instruction_mode mode, struct zydis_decoded *decoded)
{
	static const struct {
		ZydisMachineMode machine;
		ZydisStackWidth stack;
	} modes[] = {
		[INSTRUCTION_MODE_16] = { ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16 },
		[INSTRUCTION_MODE_32] = { ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32 },
		[INSTRUCTION_MODE_64] = { ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64 },
	};
	if (count == 0)
		return INSTRUCTION_TRUNCATED;
	if (count > INSTRUCTION_BYTES_MAX)
		count = INSTRUCTION_BYTES_MAX;

	ZydisDecoder decoder;
	if (!ZYAN_SUCCESS(ZydisDecoderInit(&decoder, modes[mode].machine, modes[mode].stack)))
		return INSTRUCTION_INVALID;
	ZyanStatus status =
		ZydisDecoderDecodeFull(&decoder, bytes, count, &decoded->instruction, decoded->operands);
	if (status == ZYDIS_STATUS_NO_MORE_DATA)
		return count == INSTRUCTION_BYTES_MAX ? INSTRUCTION_INVALID : INSTRUCTION_TRUNCATED;
	return ZYAN_SUCCESS(status) ? INSTRUCTION_OK : INSTRUCTION_INVALID;
}

uint8_t zydis_general_register(ZydisRegister name, bool *high_byte)
{
	bool high = false;
	uint8_t number = INSTRUCTION_NO_REGISTER;
	/* Within a width, Zydis numbers them as the encoding does; bytes have AH..BH in between. */
	if (name >= ZYDIS_REGISTER_AL && name <= ZYDIS_REGISTER_BL) {
		number = (uint8_t)(name - ZYDIS_REGISTER_AL);
	} else if (name >= ZYDIS_REGISTER_AH && name <= ZYDIS_REGISTER_BH) {
		number = (uint8_t)(name - ZYDIS_REGISTER_AH);
		high = true;
	} else if (name >= ZYDIS_REGISTER_SPL && name <= ZYDIS_REGISTER_R15B) {
		number = (uint8_t)(name - ZYDIS_REGISTER_SPL + BH_RSP);
	} else if (name >= ZYDIS_REGISTER_AX && name <= ZYDIS_REGISTER_R15W) {
		number = (uint8_t)(name - ZYDIS_REGISTER_AX);
	} else if (name >= ZYDIS_REGISTER_EAX && name <= ZYDIS_REGISTER_R15D) {
		number = (uint8_t)(name - ZYDIS_REGISTER_EAX);
	} else if (name >= ZYDIS_REGISTER_RAX && name <= ZYDIS_REGISTER_R15) {
		number = (uint8_t)(name - ZYDIS_REGISTER_RAX);
	}
	if (high_byte != NULL)
		*high_byte = high;
	return number;
}

_Static_assert(ZYDIS_REGISTER_R15B - ZYDIS_REGISTER_AL == 19, "Zydis: AL CL DL BL, AH CH DH BH, SPL .. R15B");
_Static_assert(ZYDIS_REGISTER_R15W - ZYDIS_REGISTER_AX == 15, "Zydis: encoding order");
_Static_assert(ZYDIS_REGISTER_R15D - ZYDIS_REGISTER_EAX == 15, "Zydis: encoding order");
_Static_assert(ZYDIS_REGISTER_R15 - ZYDIS_REGISTER_RAX == 15, "Zydis: encoding order");
_Static_assert(ZYDIS_REGISTER_GS - ZYDIS_REGISTER_ES == BH_GS - BH_ES, "Zydis: encoding order");

bool zydis_memory_operand(const struct zydis_decoded *decoded, const ZydisDecodedOperand *operand,
	struct memory_operand *memory)
{
	if (operand->type != ZYDIS_OPERAND_TYPE_MEMORY || operand->mem.type == ZYDIS_MEMOP_TYPE_VSIB)
		return false;
	if (operand->mem.segment < ZYDIS_REGISTER_ES || operand->mem.segment > ZYDIS_REGISTER_GS)
		return false;
	uint8_t base = zydis_general_register(operand->mem.base, NULL);
	uint8_t index = zydis_general_register(operand->mem.index, NULL);
	if (operand->mem.base == ZYDIS_REGISTER_RIP || operand->mem.base == ZYDIS_REGISTER_EIP)
		base = INSTRUCTION_RIP;
	else if (operand->mem.base != ZYDIS_REGISTER_NONE && base == INSTRUCTION_NO_REGISTER)
		return false;
	if (operand->mem.index != ZYDIS_REGISTER_NONE && index == INSTRUCTION_NO_REGISTER)
		return false;
	*memory = (struct memory_operand){
		.displacement = operand->mem.disp.has_displacement ? operand->mem.disp.value : 0,
		.segment = (uint8_t)(operand->mem.segment - ZYDIS_REGISTER_ES + BH_ES),
		.base = base,
		.index = index,
		.scale = operand->mem.scale ? operand->mem.scale : 1,
		.address_width = (uint8_t)(decoded->instruction.address_width / 8),
	};
	return true;
}

bool zydis_has_repeat(const struct zydis_decoded *decoded)
{
	for (unsigned i = 0; i < decoded->instruction.raw.prefix_count; i++) {
		uint8_t prefix = decoded->instruction.raw.prefixes[i].value;
		if (prefix == 0xf2 || prefix == 0xf3)
			return true;
	}
	return false;
}
