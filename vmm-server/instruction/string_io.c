/* SPDX-License-Identifier: MIT */
/* String I/O: see string_io.h. */
#include "instruction/string_io.h"

#include "instruction/index_register.h"
#include "instruction/segment_check.h"

#define RFLAGS_DF (UINT64_C(1) << 10)

bool string_io_start(
	struct string_io *io, const struct instruction *instruction, const struct bh_vcpu_state *state)
{
	if (instruction->operation != INSTRUCTION_INS && instruction->operation != INSTRUCTION_OUTS)
		return false;
	*io = (struct string_io){
		.in = instruction->operation == INSTRUCTION_INS,
		.width = instruction->width,
		.port = (uint16_t)state->registers[BH_RDX],
		.address_width = instruction->memory.address_width,
		.segment = instruction->operation == INSTRUCTION_INS ? (uint8_t)BH_ES
								     : instruction->memory.segment,
		.length = instruction->length,
		.repeat = instruction->repeat,
	};
	return true;
}

enum string_io_result string_io_element(
	struct string_io *io, const struct guest_memory *memory, struct bh_vcpu_state *state)
{
	bool finished = io->repeat ? index_register_get(state->registers[BH_RCX], io->address_width) == 0
				   : io->elements > 0;
	if (finished) {
		instruction_advance(state, io->length);
		return STRING_IO_DONE;
	}
	if (io->elements == STRING_IO_ELEMENTS_MAX)
		return STRING_IO_PAUSE;

	uint64_t offset = index_register_get(state->registers[io->in ? BH_RDI : BH_RSI], io->address_width);
	uint64_t linear;
	if (!segment_check(state, io->segment, offset, io->width, io->in, &linear, &io->fault))
		return STRING_IO_FAULT;
	switch (guest_operand_find(memory, state, linear, io->width, io->in, &io->operand, &io->fault)) {
	case GUEST_OPERAND_OK:
		break;
	case GUEST_OPERAND_FAULT:
		return STRING_IO_FAULT;
	case GUEST_OPERAND_OUTSIDE:
		return STRING_IO_OUTSIDE;
	}
	if (!io->in)
		io->value = (uint32_t)guest_operand_read(&io->operand);
	return STRING_IO_ELEMENT;
}

void string_io_commit(struct string_io *io, struct bh_vcpu_state *state, uint32_t value)
{
	if (io->in)
		guest_operand_write(&io->operand, value);
	uint64_t change = state->rflags & RFLAGS_DF ? -(uint64_t)io->width : io->width;
	uint64_t *index = &state->registers[io->in ? BH_RDI : BH_RSI];
	*index = index_register_add(*index, change, io->address_width);
	if (io->repeat)
		state->registers[BH_RCX] =
			index_register_add(state->registers[BH_RCX], -UINT64_C(1), io->address_width);
	io->elements++;
}
