/* SPDX-License-Identifier: MIT */
/* INS and OUTS, with and without REP, done one element at a time: which memory, which registers move. The
 * port access itself is the caller's.
 *
 *	string_io_start -> DONE, or READY; then for each element:
 *	string_io_element -> ELEMENT (OUTS: io->value is what to write) -> port access -> string_io_commit
 *		... until DONE or PAUSE
 */
#ifndef VMM_INSTRUCTION_STRING_IO_H
#define VMM_INSTRUCTION_STRING_IO_H

#include "instruction/guest_operand.h"
#include "instruction/instruction.h"

/* Elements that one exit may do: bounds the time until the vCPU can take an interrupt again. The guest
 * simply exits anew at the same instruction. */
enum { STRING_IO_ELEMENTS_MAX = 64 };

enum string_io_result {
	STRING_IO_ELEMENT, /* do the port access, then string_io_commit */
	STRING_IO_DONE,    /* rip was moved behind the instruction; the caller looks at TF */
	STRING_IO_PAUSE,   /* enough for one exit: rip still at the instruction; enter the guest again */
	STRING_IO_FAULT,   /* inject io->fault; registers tell how far it came */
	STRING_IO_OUTSIDE, /* the memory side is not RAM: refused, nothing was moved for this element */
};

struct string_io {
	bool in;        /* INS */
	uint8_t width;  /* bytes: 1, 2 or 4 */
	uint16_t port;  /* from DX at the start */
	uint32_t value; /* OUTS: to write, after STRING_IO_ELEMENT */
	struct guest_fault fault;
	/* for string_io.c only */
	uint8_t address_width, segment, length;
	bool repeat;
	uint8_t elements;
	struct guest_operand operand;
};

/* Begins; `instruction` is INSTRUCTION_INS or INSTRUCTION_OUTS (anything else: a false result, which means
 * to resume without advancing). Needs BH_GROUP_CONTROL and BH_GROUP_SEGMENTS. Exit handlers. */
__attribute__((warn_unused_result)) bool string_io_start(
	struct string_io *io, const struct instruction *instruction, const struct bh_vcpu_state *state);

/* The next element: checks its memory (INS: that it can be written, before the device is asked) and reads
 * it (OUTS). */
__attribute__((warn_unused_result)) enum string_io_result string_io_element(
	struct string_io *io, const struct guest_memory *memory, struct bh_vcpu_state *state);

/* After the port access: stores `value` (INS; low `width` bytes) and moves RDI or RSI, and RCX. */
void string_io_commit(struct string_io *io, struct bh_vcpu_state *state, uint32_t value);

#endif
