/* SPDX-License-Identifier: MIT */
/* What the loaders share: see common.h. */
#include "loaders/common.h"

#include "memory/guest_layout.h"

uint64_t text_length(const char *text, uint64_t limit)
{
	uint64_t length = 0;
	while (text != NULL && length < limit && text[length] != 0)
		length++;
	return length;
}

bool prepare_low_memory(const struct loader_request *request)
{
	/* BIOS data area: serial ports at 0x400, segment of the EBDA at 0x40e, KiB of conventional memory
	 * at 0x413. */
	enum { BDA = 0x400, BDA_SIZE = 0x100, BDA_EBDA_SEGMENT = 0x0e, BDA_MEMORY_SIZE = 0x13 };
	uint8_t data[BDA_SIZE] = { 0 };
	const uint8_t ebda_size = (uint8_t)((GUEST_VGA_BASE - GUEST_EBDA_BASE) / 1024);
	store16(data, request->serial_port[0]);
	store16(data + 2, request->serial_port[1]);
	store16(data + BDA_EBDA_SEGMENT, (uint16_t)(GUEST_EBDA_BASE >> 4));
	store16(data + BDA_MEMORY_SIZE, (uint16_t)(GUEST_EBDA_BASE / 1024));
	return guest_memory_fill(request->memory, 0, 0, LOADER_AREA_END) &&
	       guest_memory_write(request->memory, BDA, data, sizeof data) &&
	       guest_memory_fill(request->memory, GUEST_EBDA_BASE, 0, GUEST_VGA_BASE - GUEST_EBDA_BASE) &&
	       guest_memory_write(request->memory, GUEST_EBDA_BASE, &ebda_size, 1);
}

bool start_state(const struct guest_memory *memory, bool long_mode, struct bh_vcpu_state *state)
{
	/* Attributes as struct bh_segment_register has them (AMD APM vol. 2 section 4.8): accessed, so
	 * that the CPU needs not write the table. */
	enum {
		CODE_32 = 0xc9b,
		CODE_64 = 0xa9b,
		DATA_32 = 0xc93,
		LDT = 0x082,
		TSS_BUSY = 0x08b,
		CR0_PE = 1u << 0,
		CR0_ET = 1u << 4,
		CR0_NE = 1u << 5,
	};
	uint16_t code_attributes = long_mode ? CODE_64 : CODE_32;
	uint32_t abi_version = state->abi_version, size = state->size;
	*state = (struct bh_vcpu_state){ .abi_version = abi_version, .size = size };
	state->rflags = 2; /* bit 1 is always 1 */
	state->cr0 = CR0_PE | CR0_ET | CR0_NE;
	state->dr6 = 0xffff0ff0;
	state->dr7 = 0x400;
	state->pat = UINT64_C(0x0007040600070406); /* reset value, AMD APM vol. 2 section 7.8.1 */
	state->xcr0 = 1;
	for (unsigned i = BH_ES; i <= BH_GS; i++)
		state->segment[i] = (struct bh_segment_register){
			.selector = LOADER_DATA_SELECTOR, .attributes = DATA_32, .limit = UINT32_MAX
		};
	state->segment[BH_CS] = (struct bh_segment_register){
		.selector = LOADER_CODE_SELECTOR, .attributes = code_attributes, .limit = UINT32_MAX
	};
	state->segment[BH_LDTR].attributes = LDT;
	state->segment[BH_TR].attributes = TSS_BUSY;
	state->segment[BH_TR].limit = 0xffff;
	state->gdtr = (struct bh_segment_register){ .base = LOADER_GDT, .limit = 4 * 8 - 1 };

	/* A flat descriptor: limit 0xfffff, base 0, attributes in bits 40-47 and 52-55. */
	uint8_t table[4 * 8] = { 0 };
	uint64_t flat = UINT64_C(0x000f00000000ffff);
	uint64_t code =
		flat | (uint64_t)(code_attributes & 0xff) << 40 | (uint64_t)(code_attributes >> 8) << 52;
	uint64_t data = flat | (uint64_t)(DATA_32 & 0xff) << 40 | (uint64_t)(DATA_32 >> 8) << 52;
	store64(table + LOADER_CODE_SELECTOR, code);
	store64(table + LOADER_DATA_SELECTOR, data);
	return guest_memory_write(memory, LOADER_GDT, table, sizeof table);
}
