/* SPDX-License-Identifier: MIT */
/* MOV to and from control and debug registers, LMSW, SMSW, CLTS, XSETBV (control.h). The rules are AMD APM
 * vol. 2 sections 3.1.1 to 3.1.3 and 13.1.1, APM vol. 3 MOV CRn, LMSW. Touches the state page and the
 * fabric's TPR. */
#include "vcpu/control.h"

#include "instruction/guest_operand.h"

#define CR0_PE UINT64_C(0x1)
#define CR0_ET UINT64_C(0x10)
#define CR0_TS UINT64_C(0x8)
#define CR0_NW UINT64_C(0x20000000)
#define CR0_CD UINT64_C(0x40000000)
#define CR0_PG UINT64_C(0x80000000)
#define CR0_WRITABLE UINT64_C(0xe005003f)
#define CR4_DE UINT64_C(0x8)
#define CR4_PAE UINT64_C(0x20)
#define CR4_PCIDE UINT64_C(0x20000)
/* VME PVI TSD DE PSE PAE MCE PGE PCE OSFXSR OSXMMEXCPT UMIP FSGSBASE PCIDE OSXSAVE SMEP SMAP PKE: what AMD
 * defines and 4-level paging leaves */
#define CR4_WRITABLE UINT64_C(0x770fff)
#define CR3_PCID_KEEP (UINT64_C(1) << 63)

#define DR6_FIXED UINT64_C(0xffff0ff0)
#define DR6_WRITABLE UINT64_C(0xe00f)
#define DR6_BD UINT64_C(0x2000)
#define DR7_FIXED UINT64_C(0x400)
#define DR7_WRITABLE UINT64_C(0xffff2bff)
#define DR7_GD UINT64_C(0x2000)

#define CODE_LONG (1u << 9)

static bool is_long_code(const struct bh_vcpu_state *state)
{
	return instruction_mode(state) == INSTRUCTION_MODE_64;
}

/* ---- CR0, CR3, CR4: false is #GP(0), and nothing changed. ---- */

static bool write_cr0(struct bh_vcpu_state *state, uint64_t value)
{
	bool paging = (value & CR0_PG) != 0;
	bool was_paging = (state->cr0 & CR0_PG) != 0;

	if (value >> 32 != 0 || (paging && (value & CR0_PE) == 0) ||
		((value & CR0_NW) != 0 && (value & CR0_CD) == 0)) {
		return false;
	}
	if (paging && !was_paging && (state->efer & EFER_LME) != 0) {
		if ((state->cr4 & CR4_PAE) == 0 || (state->segment[BH_CS].attributes & CODE_LONG) != 0) {
			return false;
		}
		state->efer |= EFER_LMA;
	}
	if (!paging && was_paging) {
		if (is_long_code(state) || (state->cr4 & CR4_PCIDE) != 0) {
			return false;
		}
		state->efer &= ~EFER_LMA;
	}
	state->cr0 = (value & CR0_WRITABLE) | CR0_ET;
	return true;
}

static bool write_cr3(const struct vmm *vmm, struct bh_vcpu_state *state, uint64_t value)
{
	uint64_t keep = (state->cr4 & CR4_PCIDE) != 0 ? CR3_PCID_KEEP : 0;

	if ((state->efer & EFER_LMA) != 0 && ((value & ~keep) >> vmm->cpuid.physical_bits) != 0) {
		return false;
	}
	state->cr3 = value & ~keep;
	return true;
}

static bool write_cr4(struct bh_vcpu_state *state, uint64_t value)
{
	bool long_mode = (state->efer & EFER_LMA) != 0;

	if ((value & ~CR4_WRITABLE) != 0 || (long_mode && (value & CR4_PAE) == 0)) {
		return false;
	}
	if ((value & CR4_PCIDE) != 0 && (state->cr4 & CR4_PCIDE) == 0 &&
		(!long_mode || (state->cr3 & 0xfff) != 0)) {
		return false;
	}
	state->cr4 = value;
	return true;
}

static bool write_cr(struct vmm *vmm, struct vcpu *vcpu, uint32_t number, uint64_t value)
{
	struct bh_vcpu_state *state = vcpu->state;
	bool done;

	switch (number) {
	case 0:
		done = write_cr0(state, value);
		break;
	case 2:
		state->cr2 = value;
		done = true;
		break;
	case 3:
		done = write_cr3(vmm, state, value);
		break;
	case 4:
		done = write_cr4(state, value);
		break;
	default: /* 8 */
		if (value > 15) {
			return false;
		}
		fabric_set_cr8(&vmm->fabric, vcpu->number, (uint8_t)value);
		return true;
	}
	vcpu_change(vcpu, BH_GROUP_CONTROL);
	return done;
}

static uint64_t read_cr(const struct vmm *vmm, const struct vcpu *vcpu, uint32_t number)
{
	const struct bh_vcpu_state *state = vcpu->state;

	switch (number) {
	case 0:
		return state->cr0;
	case 2:
		return state->cr2;
	case 3:
		return state->cr3;
	case 4:
		return state->cr4;
	default: /* 8 */
		return fabric_cr8(&vmm->fabric, vcpu->number);
	}
}

static bool is_control_register(uint32_t number)
{
	return number == 0 || number == 2 || number == 3 || number == 4 || number == 8;
}

/* MOV to and from control and debug registers takes 64 bits in 64-bit code, else 32 (APM vol. 3). */
static uint64_t cut(const struct bh_vcpu_state *state, uint64_t value)
{
	return is_long_code(state) ? value : (uint32_t)value;
}

/* LMSW sets MP, EM, TS, and PE, which it can't clear. */
static bool load_machine_status(struct bh_vcpu_state *state, uint64_t value)
{
	uint64_t changed = (state->cr0 & ~UINT64_C(0xe)) | (value & 0xf);

	return write_cr0(state, changed);
}

/* The 16-bit memory operand of LMSW and SMSW. False: a fault was raised. */
static bool find_operand(struct vmm *vmm, struct vcpu *vcpu, const struct instruction *instruction,
	bool write, struct guest_operand *operand)
{
	const struct bh_vcpu_state *state = vcpu->state;
	uint64_t offset = instruction_offset(&instruction->memory, state, instruction->length);
	uint64_t linear = instruction_linear(state, instruction->memory.segment, offset);
	struct guest_fault fault;

	switch (guest_operand_find(&vmm->memory, state, linear, 2, write, operand, &fault)) {
	case GUEST_OPERAND_OK:
		return true;
	case GUEST_OPERAND_FAULT:
		vcpu_raise_fault(vcpu, &fault);
		return false;
	case GUEST_OPERAND_OUTSIDE:
		break;
	}
	unowned_note(&vmm->unowned, vmm_status(vmm), UNOWNED_INSTRUCTION, state->rip, write, state->rip);
	vcpu_raise_invalid_opcode(vcpu);
	return false;
}

static void write_register(struct bh_vcpu_state *state, uint32_t number, uint32_t width, uint64_t value)
{
	uint64_t old = state->registers[number];

	state->registers[number] = width == 8   ? value
				   : width == 4 ? (uint32_t)value
						: (old & ~UINT64_C(0xffff)) | (value & 0xffff);
}

/* LMSW and SMSW. False: an exception was raised. */
static bool machine_status(struct vmm *vmm, struct vcpu *vcpu, const struct instruction *instruction)
{
	struct bh_vcpu_state *state = vcpu->state;
	bool store = instruction->operation == INSTRUCTION_SMSW;
	struct guest_operand operand;
	uint64_t value;

	if (instruction->general_register == INSTRUCTION_NO_REGISTER) {
		if (!find_operand(vmm, vcpu, instruction, store, &operand)) {
			return false;
		}
		if (store) {
			guest_operand_write(&operand, state->cr0);
			return true;
		}
		value = guest_operand_read(&operand);
	} else if (store) {
		write_register(state, instruction->general_register, instruction->width, state->cr0);
		return true;
	} else {
		value = state->registers[instruction->general_register];
	}
	if (!load_machine_status(state, value)) {
		vcpu_raise_protection(vcpu);
		return false;
	}
	vcpu_change(vcpu, BH_GROUP_CONTROL);
	return true;
}

/* Does what `instruction` says. False: an exception was raised, or it is none of this kind: rip stays. */
static bool do_control(struct vmm *vmm, struct vcpu *vcpu, const struct instruction *instruction)
{
	struct bh_vcpu_state *state = vcpu->state;

	/* SMSW is allowed everywhere (UMIP is the CPU's own check). */
	if (instruction->operation != INSTRUCTION_SMSW && state->cpl != 0) {
		vcpu_raise_protection(vcpu);
		return false;
	}
	switch (instruction->operation) {
	case INSTRUCTION_MOV_TO_CR:
	case INSTRUCTION_MOV_FROM_CR:
		if (!is_control_register(instruction->number)) {
			vcpu_raise_invalid_opcode(vcpu);
			return false;
		}
		if (instruction->operation == INSTRUCTION_MOV_FROM_CR) {
			write_register(state, instruction->general_register, is_long_code(state) ? 8 : 4,
				read_cr(vmm, vcpu, instruction->number));
		} else if (!write_cr(vmm, vcpu, instruction->number,
				   cut(state, state->registers[instruction->general_register]))) {
			vcpu_raise_protection(vcpu);
			return false;
		}
		return true;
	case INSTRUCTION_LMSW:
	case INSTRUCTION_SMSW:
		return machine_status(vmm, vcpu, instruction);
	case INSTRUCTION_CLTS:
		state->cr0 &= ~CR0_TS;
		vcpu_change(vcpu, BH_GROUP_CONTROL);
		return true;
	default: /* another CPU changed the code: the guest executes it anew */
		return false;
	}
}

void control_register_exit(struct vmm *vmm, struct vcpu *vcpu)
{
	struct instruction scratch;
	const struct instruction *instruction = vcpu_instruction(vcpu, &vmm->memory, &scratch);

	if (instruction != NULL && do_control(vmm, vcpu, instruction)) {
		vcpu_complete(vcpu, instruction->length);
	}
}

/* ---- Debug registers ---- */

static bool write_dr(struct bh_vcpu_state *state, uint32_t number, uint64_t value)
{
	if (number < 4) {
		state->dr[number] = value;
		return true;
	}
	if (value >> 32 != 0) {
		return false;
	}
	if (number == 6) {
		state->dr6 = (value & DR6_WRITABLE) | DR6_FIXED;
	} else {
		state->dr7 = (value & DR7_WRITABLE) | DR7_FIXED;
	}
	return true;
}

static uint64_t read_dr(const struct bh_vcpu_state *state, uint32_t number)
{
	return number < 4 ? state->dr[number] : number == 6 ? state->dr6 : state->dr7;
}

static bool do_debug(struct vcpu *vcpu, const struct instruction *instruction)
{
	struct bh_vcpu_state *state = vcpu->state;
	bool write = instruction->operation == INSTRUCTION_MOV_TO_DR;
	uint32_t number = instruction->number;

	if (!write && instruction->operation != INSTRUCTION_MOV_FROM_DR) {
		return false;
	}
	/* DR4 and DR5 are DR6 and DR7, or nothing, with CR4.DE. */
	if (number > 7 || ((number & 6) == 4 && (state->cr4 & CR4_DE) != 0)) {
		vcpu_raise_invalid_opcode(vcpu);
		return false;
	}
	number |= (number & 4) >> 1;
	if (state->cpl != 0) {
		vcpu_raise_protection(vcpu);
		return false;
	}
	if ((state->dr7 & DR7_GD) != 0) {
		state->dr6 |= DR6_BD;
		state->dr7 &= ~DR7_GD;
		vcpu_change(vcpu, BH_GROUP_DEBUG);
		vcpu_raise(vcpu, BH_EVENT_EXCEPTION(VECTOR_DB));
		return false;
	}
	if (!write) {
		write_register(state, instruction->general_register, is_long_code(state) ? 8 : 4,
			read_dr(state, number));
		return true;
	}
	if (!write_dr(state, number, cut(state, state->registers[instruction->general_register]))) {
		vcpu_raise_protection(vcpu);
		return false;
	}
	vcpu_change(vcpu, BH_GROUP_DEBUG);
	return true;
}

void debug_register_exit(struct vmm *vmm, struct vcpu *vcpu)
{
	struct instruction scratch;
	const struct instruction *instruction = vcpu_instruction(vcpu, &vmm->memory, &scratch);

	vcpu_need(vcpu, BH_GROUP_DEBUG);
	if (instruction != NULL && do_debug(vcpu, instruction)) {
		vcpu_complete(vcpu, instruction->length);
	}
}

/* ---- XCR0 ---- */

void xsetbv_exit(struct vmm *vmm, struct vcpu *vcpu, uint32_t length)
{
	struct bh_vcpu_state *state = vcpu->state;
	uint64_t value = state->registers[BH_RDX] << 32 | (uint32_t)state->registers[BH_RAX];

	if (!vcpu_instruction_length(vcpu, &vmm->memory, INSTRUCTION_XSETBV, length, &length)) {
		return;
	}
	vcpu_need(vcpu, BH_GROUP_CONTROL | BH_GROUP_MSRS);
	if (state->cpl != 0 || (uint32_t)state->registers[BH_RCX] != 0 ||
		!cpuid_xcr0_valid(&vmm->cpuid, value)) {
		vcpu_raise_protection(vcpu);
		return;
	}
	state->xcr0 = value;
	vcpu_change(vcpu, BH_GROUP_MSRS);
	vcpu_complete(vcpu, length);
}
