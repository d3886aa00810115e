/* SPDX-License-Identifier: MIT */
/* Port accesses that come to the VMM (port.h). Touches fabric, PCI, the reset register, and models by
 * message. */
#include "vcpu/port.h"

#include "instruction/string_io.h"
#include "vcpu/functions.h"
#include "vcpu/model.h"

#define CR4_DE UINT64_C(0x8)

enum {
	PORT_PIC_MASTER = 0x20,
	PORT_PIC_SLAVE = 0xa0,
	PORT_ELCR = 0x4d0,
	PORT_RESET_CONTROL = 0xcf9,
	RESET_CONTROL_HARD = 1u << 1, /* kind of reset that the next one will be; kept */
	RESET_CONTROL_NOW = 1u << 2,
};

static uint32_t all_ones(uint32_t width) { return width == 4 ? UINT32_MAX : (1u << (8 * width)) - 1; }

/* Bytes of an access: 1, 2 or 4, whatever the word says. */
static uint32_t access_width(uint64_t access)
{
	uint32_t width = BH_PORT_WIDTH(access);

	return width == 2 || width == 4 ? width : 1;
}

/* ---- Device models ---- */

static const struct vmm_port_range *find_range(const struct vmm *vmm, uint32_t port, uint32_t width)
{
	for (uint32_t i = 0; i < vmm->port_count; i++) {
		const struct vmm_port_range *range = &vmm->ports[i];

		if (port >= range->first && port - range->first < range->count &&
			width <= range->count - (port - range->first)) {
			return range;
		}
	}
	return NULL;
}

/* ---- What the VMM serves itself ---- */

static bool is_interrupt_controller(uint32_t port)
{
	return (port & ~1u) == PORT_PIC_MASTER || (port & ~1u) == PORT_PIC_SLAVE || (port & ~1u) == PORT_ELCR;
}

static void write_reset_control(struct vmm *vmm, uint32_t value)
{
	vmm->reset_control = value & RESET_CONTROL_HARD;
	if ((value & RESET_CONTROL_NOW) != 0) {
		lifecycle_end(
			&vmm->lifecycle, VM_STATE_RESET, VM_RESET_PORT_CF9, "guest reset by port 0xcf9");
	}
}

static bool is_pci(uint32_t port, uint32_t width)
{
	return port >= PCI_PORT_BASE && port - PCI_PORT_BASE + width <= PCI_PORT_COUNT;
}

/* An access of `width` bytes that lies in one owner's range. False if it does not. */
static bool owned_access(
	struct vmm *vmm, struct vcpu *vcpu, bool in, uint32_t port, uint32_t width, uint32_t *value)
{
	const struct vmm_port_range *range;

	if (width == 1 && is_interrupt_controller(port)) {
		if (in) {
			*value = fabric_pic_read(&vmm->fabric, (uint16_t)port);
		} else {
			fabric_pic_write(&vmm->fabric, (uint16_t)port, (uint8_t)*value);
		}
		return true;
	}
	if (width == 1 && port == PORT_RESET_CONTROL) {
		if (in) {
			*value = vmm->reset_control;
		} else {
			write_reset_control(vmm, *value);
		}
		return true;
	}
	if (is_pci(port, width)) {
		if (in) {
			*value = functions_config_read(vmm, vcpu, port - PCI_PORT_BASE, width);
		} else {
			functions_config_write(vmm, vcpu, port - PCI_PORT_BASE, width, *value);
		}
		return true;
	}
	range = find_range(vmm, port, width);
	if (range != NULL) {
		uint32_t answer = model_access(vmm, vcpu, range->endpoint, in, port - range->first, width,
			*value, model_sequence(vcpu));

		if (in) {
			*value = answer;
		}
		return true;
	}
	return functions_port(vmm, in, port, width, value);
}

static bool overlap(uint32_t port, uint32_t width, uint32_t first, uint32_t count)
{
	return port < first + count && first < port + width;
}

/* Whether any of the bytes has an owner. */
static bool touches_owner(const struct vmm *vmm, uint32_t port, uint32_t width)
{
	for (uint32_t i = 0; i < vmm->port_count; i++) {
		if (overlap(port, width, vmm->ports[i].first, vmm->ports[i].count)) {
			return true;
		}
	}
	return overlap(port, width, PORT_PIC_MASTER, 2) || overlap(port, width, PORT_PIC_SLAVE, 2) ||
	       overlap(port, width, PORT_ELCR, 2) || overlap(port, width, PCI_PORT_BASE, PCI_PORT_COUNT) ||
	       functions_touch(vmm, port, width);
}

/* Any access. One that crosses owners goes to each of them byte by byte, as the ISA bus does it for 8-bit
 * devices. */
static uint32_t any_access(
	struct vmm *vmm, struct vcpu *vcpu, bool in, uint32_t port, uint32_t width, uint32_t value)
{
	uint32_t result = 0;

	if (owned_access(vmm, vcpu, in, port, width, &value)) {
		return value;
	}
	if (width == 1 || !touches_owner(vmm, port, width)) {
		unowned_note(&vmm->unowned, vmm_status(vmm), UNOWNED_PORT, port, !in, vcpu->state->rip);
		return all_ones(width);
	}
	for (uint32_t i = 0; i < width; i++) {
		uint32_t byte = value >> (8 * i) & 0xff;

		if (!owned_access(vmm, vcpu, in, (port + i) & 0xffff, 1, &byte)) {
			byte = 0xff;
		}
		result |= (byte & 0xff) << (8 * i);
	}
	return result;
}

/* ---- The instruction's end ---- */

/* I/O breakpoints (AMD APM vol. 2 section 13.1.1): R/W field 2 in DR7, with CR4.DE, is a trap after the
 * access. */
static void io_breakpoints(struct vcpu *vcpu, uint32_t port, uint32_t width)
{
	static const uint8_t lengths[] = { 1, 2, 8, 4 };
	const struct bh_vcpu_state *state = vcpu->state;
	uint64_t hits = 0;

	vcpu_need(vcpu, BH_GROUP_DEBUG);
	if ((state->dr7 & 0xff) == 0) {
		return;
	}
	vcpu_need(vcpu, BH_GROUP_CONTROL);
	for (uint32_t i = 0; i < 4; i++) {
		uint64_t length = lengths[state->dr7 >> (18 + 4 * i) & 3];
		uint64_t first = state->dr[i] & ~(length - 1);

		if ((state->dr7 >> (2 * i) & 3) != 0 && (state->dr7 >> (16 + 4 * i) & 3) == 2 &&
			port < first + length && first < port + width) {
			hits |= UINT64_C(1) << i;
		}
	}
	if (hits != 0 && (state->cr4 & CR4_DE) != 0) {
		vcpu->state->dr6 |= hits;
		vcpu_change(vcpu, BH_GROUP_DEBUG);
		vcpu_raise(vcpu, BH_EVENT_EXCEPTION(VECTOR_DB));
	}
}

static void finish(struct vcpu *vcpu, uint64_t access, uint64_t next_rip, uint32_t length, uint32_t value)
{
	uint32_t width = access_width(access);

	if ((access & BH_PORT_IN) != 0) {
		vcpu->state->registers[BH_RAX] = port_merge(vcpu->state->registers[BH_RAX], width, value);
	}
	if (next_rip != 0) {
		vcpu_complete_at(vcpu, next_rip);
	} else {
		vcpu_complete(vcpu, length);
	}
	io_breakpoints(vcpu, BH_PORT_OFFSET(access), width);
}

/* ---- String forms ---- */

/* Whether a REP has more to do: RCX, cut to the address size, counts. */
static bool iterations_left(const struct bh_vcpu_state *state, const struct instruction *instruction)
{
	uint64_t count = state->registers[BH_RCX];

	if (instruction->memory.address_width < 8) {
		count &= (UINT64_C(1) << (8 * instruction->memory.address_width)) - 1;
	}
	return instruction->repeat && count != 0;
}

static void string_access(struct vmm *vmm, struct vcpu *vcpu)
{
	struct instruction scratch;
	const struct instruction *instruction = vcpu_instruction(vcpu, &vmm->memory, &scratch);
	uint64_t flags = vcpu->state->rflags;
	struct string_io io;

	vcpu_need(vcpu, BH_GROUP_CONTROL | BH_GROUP_SEGMENTS);
	if (instruction == NULL || !string_io_start(&io, instruction, vcpu->state)) {
		return;
	}
	for (;;) {
		uint32_t value;

		switch (string_io_element(&io, &vmm->memory, vcpu->state)) {
		case STRING_IO_ELEMENT:
			value = any_access(vmm, vcpu, io.in, io.port, io.width, io.value);
			string_io_commit(&io, vcpu->state, value);
			io_breakpoints(vcpu, io.port, io.width);
			break;
		case STRING_IO_DONE:
			vcpu_trap(vcpu, flags);
			return;
		case STRING_IO_PAUSE:
			vcpu->state->interrupt_shadow = 0;
			return;
		case STRING_IO_FAULT:
			vcpu_raise_fault(vcpu, &io.fault);
			return;
		case STRING_IO_OUTSIDE:
			unowned_note(&vmm->unowned, vmm_status(vmm), UNOWNED_INSTRUCTION, vcpu->state->rip,
				true, vcpu->state->rip);
			vcpu_raise_invalid_opcode(vcpu);
			return;
		}
		if (vmm->lifecycle.over) {
			return;
		}
		/* A single-stepped or watched REP traps after each element, with rip at the instruction while
		 * some are left. */
		if (((flags & RFLAGS_TF) != 0 || vcpu->exception != 0) &&
			iterations_left(vcpu->state, instruction)) {
			vcpu->state->interrupt_shadow = 0;
			vcpu_trap(vcpu, flags);
			return;
		}
	}
}

/* ---- Exits ---- */

void port_exit(struct vmm *vmm, struct vcpu *vcpu, uint64_t access, uint64_t next_rip)
{
	bool in = (access & BH_PORT_IN) != 0;
	uint32_t width = access_width(access);
	uint32_t length = 0;
	uint32_t value;

	if ((access & BH_PORT_STRING) != 0) {
		string_access(vmm, vcpu);
		return;
	}
	/* Before the access: once it is done, the instruction must end. */
	if (next_rip == 0 && !vcpu_instruction_length(
				     vcpu, &vmm->memory, in ? INSTRUCTION_IN : INSTRUCTION_OUT, 0, &length)) {
		return;
	}
	value = any_access(vmm, vcpu, in, BH_PORT_OFFSET(access), width,
		(uint32_t)vcpu->state->registers[BH_RAX] & all_ones(width));
	finish(vcpu, access, next_rip, length, value);
}

void port_route_failed(struct vmm *vmm, struct vcpu *vcpu, uint64_t access, uint32_t value, uint64_t sequence,
	uint32_t length)
{
	bool in = (access & BH_PORT_IN) != 0;
	uint32_t width = access_width(access);
	uint32_t port = BH_PORT_OFFSET(access);
	const struct vmm_port_range *range = find_range(vmm, port, width);
	uint32_t answer = all_ones(width);

	/* A doorbell or a model that was not declared to us has nobody to ask again. */
	if (range != NULL) {
		vmm_status(vmm)->routes_redone++;
		answer = model_access(
			vmm, vcpu, range->endpoint, in, port - range->first, width, value, sequence);
	}
	if (length == 0 && !vcpu_instruction_length(
				   vcpu, &vmm->memory, in ? INSTRUCTION_IN : INSTRUCTION_OUT, 0, &length)) {
		return;
	}
	finish(vcpu, access, 0, length, answer);
}
