/* SPDX-License-Identifier: MIT */
/* Operands in guest RAM: see guest_operand.h. */
#include "instruction/guest_operand.h"

#include "instruction/instruction.h"

enum { PAGE = 4096 };

static enum guest_operand_result find_part(const struct guest_memory *memory,
	const struct bh_vcpu_state *state, uint64_t linear, unsigned count, bool write, uint8_t **host,
	struct guest_fault *fault)
{
	struct guest_translation translation;
	uint32_t access =
		(write ? GUEST_ACCESS_WRITE : GUEST_ACCESS_READ) | (state->cpl == 3 ? GUEST_ACCESS_USER : 0);
	switch (guest_translate(memory, state, linear, access, &translation, NULL)) {
	case GUEST_PAGING_OK:
		*host = guest_memory_pointer(memory, translation.guest_physical, count);
		return *host ? GUEST_OPERAND_OK : GUEST_OPERAND_OUTSIDE;
	case GUEST_PAGING_FAULT:
		*fault = (struct guest_fault){ GUEST_FAULT_PF, translation.error_code, linear };
		return GUEST_OPERAND_FAULT;
	case GUEST_PAGING_NOT_CANONICAL:
		*fault = (struct guest_fault){ GUEST_FAULT_GP, 0, 0 };
		return GUEST_OPERAND_FAULT;
	case GUEST_PAGING_OUTSIDE:
		break;
	}
	return GUEST_OPERAND_OUTSIDE;
}

enum guest_operand_result guest_operand_find(const struct guest_memory *memory,
	const struct bh_vcpu_state *state, uint64_t linear, unsigned width, bool write,
	struct guest_operand *operand, struct guest_fault *fault)
{
	unsigned left = PAGE - (unsigned)(linear & (PAGE - 1));
	unsigned first = left < width ? left : width;
	*operand = (struct guest_operand){ .first_count = (uint8_t)first, .width = (uint8_t)width };
	enum guest_operand_result result =
		find_part(memory, state, linear, first, write, &operand->first, fault);
	if (result != GUEST_OPERAND_OK || first == width)
		return result;
	uint64_t next = linear + first;
	if (instruction_mode(state) != INSTRUCTION_MODE_64)
		next = (uint32_t)next;
	return find_part(memory, state, next, width - first, write, &operand->second, fault);
}

static volatile uint8_t *byte_of(const struct guest_operand *operand, unsigned i)
{
	return i < operand->first_count ? &operand->first[i] : &operand->second[i - operand->first_count];
}

uint64_t guest_operand_read(const struct guest_operand *operand)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < operand->width; i++)
		value |= (uint64_t)*byte_of(operand, i) << 8 * i;
	return value;
}

void guest_operand_write(const struct guest_operand *operand, uint64_t value)
{
	for (unsigned i = 0; i < operand->width; i++)
		*byte_of(operand, i) = (uint8_t)(value >> 8 * i);
}
