/* SPDX-License-Identifier: MIT */
/* A memory operand of 1 to 8 bytes in guest RAM, at a linear address: found first, moved later, so that an
 * access with side effects can stand between the check and the move. */
#ifndef VMM_INSTRUCTION_GUEST_OPERAND_H
#define VMM_INSTRUCTION_GUEST_OPERAND_H

#include <bulkhead/guest_memory.h>

#include "instruction/guest_fault.h"
#include "memory/guest_paging.h"

#include <stdbool.h>

enum guest_operand_result {
	GUEST_OPERAND_OK,
	GUEST_OPERAND_FAULT,   /* the guest must get *fault */
	GUEST_OPERAND_OUTSIDE, /* the operand or a page table is not in RAM */
};

struct guest_operand {
	uint8_t *first; /* `first_count` bytes here, the others (operand crosses a page) at `second` */
	uint8_t *second;
	uint8_t first_count;
	uint8_t width;
};

/* Finds the `width` bytes (1..8) at `linear`, with the rights of `state`'s CPL. `write`: they will be
 * written. Exit handlers. */
__attribute__((warn_unused_result)) enum guest_operand_result guest_operand_find(
	const struct guest_memory *memory, const struct bh_vcpu_state *state, uint64_t linear, unsigned width,
	bool write, struct guest_operand *operand, struct guest_fault *fault);

/* Reads the operand, zero-extended; writes its low bytes. */
uint64_t guest_operand_read(const struct guest_operand *operand);
void guest_operand_write(const struct guest_operand *operand, uint64_t value);

#endif
