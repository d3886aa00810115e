/* SPDX-License-Identifier: MIT */
/* Segment checks: see segment_check.h. */
#include "instruction/segment_check.h"

#include "instruction/instruction.h"

/* Attributes as struct bh_segment_register has them; type bits of data and code descriptors: AMD APM vol.
 * 2 section 4.8. */
enum {
	TYPE_WRITABLE_READABLE = 1u << 1, /* data: writable, code: readable */
	TYPE_EXPAND_DOWN = 1u << 2,
	TYPE_CODE = 1u << 3,
	PRESENT = 1u << 7,
	DEFAULT_32 = 1u << 10,
};
#define RFLAGS_VM (UINT64_C(1) << 17)

bool segment_check(const struct bh_vcpu_state *state, unsigned segment, uint64_t offset, unsigned width,
	bool write, uint64_t *linear, struct guest_fault *fault)
{
	*fault = (struct guest_fault){ segment == BH_SS ? GUEST_FAULT_SS : GUEST_FAULT_GP, 0, 0 };
	*linear = instruction_linear(state, segment, offset);
	if (instruction_mode(state) == INSTRUCTION_MODE_64) {
		uint64_t last = *linear + width - 1;
		return (uint64_t)((int64_t)(*linear << 16) >> 16) == *linear &&
		       (uint64_t)((int64_t)(last << 16) >> 16) == last;
	}

	const struct bh_segment_register *descriptor = &state->segment[segment];
	uint32_t attributes = descriptor->attributes;
	if ((state->cr0 & 1) && !(state->rflags & RFLAGS_VM)) {
		if (!(attributes & PRESENT)) /* a null selector was loaded */
			return false;
		bool code = attributes & TYPE_CODE;
		if (write ? (code || !(attributes & TYPE_WRITABLE_READABLE))
			  : (code && !(attributes & TYPE_WRITABLE_READABLE)))
			return false;
		if (!code && (attributes & TYPE_EXPAND_DOWN)) {
			uint64_t top = attributes & DEFAULT_32 ? UINT32_MAX : UINT16_MAX;
			return offset > descriptor->limit && offset + width - 1 <= top;
		}
	}
	return offset + width - 1 <= descriptor->limit;
}
