/* SPDX-License-Identifier: MIT */
/* Operations that all exits share (vcpu.h). Touches the state page and the vCPU's own struct. */
#include "vcpu/vcpu.h"

#include "system.h"

#define DR6_BS UINT64_C(0x4000)
#define CR0_PE UINT64_C(1)

void vcpu_need(struct vcpu *vcpu, uint32_t groups)
{
	uint32_t missing = groups & ~vcpu->fresh;

	if (missing != 0 && system_read_state(vcpu->capability, missing) == BH_OK) {
		vcpu->fresh |= missing;
	}
}

/* How an exception behaves when it meets another one (AMD APM vol. 2 table 8-5). */
enum exception_class { CLASS_BENIGN, CLASS_CONTRIBUTORY, CLASS_PAGE_FAULT, CLASS_DOUBLE_FAULT };

static enum exception_class exception_class(uint64_t event)
{
	switch (EVENT_VECTOR(event)) {
	case VECTOR_DE:
	case VECTOR_TS:
	case VECTOR_NP:
	case VECTOR_SS:
	case VECTOR_GP:
		return CLASS_CONTRIBUTORY;
	case VECTOR_PF:
		return CLASS_PAGE_FAULT;
	case VECTOR_DF:
		return CLASS_DOUBLE_FAULT;
	default:
		return CLASS_BENIGN;
	}
}

/* An exception that was being delivered or waits, and a new one: what the guest gets. 0 is a shutdown. */
static uint64_t combine_exceptions(uint64_t first, uint64_t second)
{
	enum exception_class one = exception_class(first);
	enum exception_class two = exception_class(second);

	if (two == CLASS_BENIGN || one == CLASS_BENIGN ||
		(one == CLASS_CONTRIBUTORY && two == CLASS_PAGE_FAULT)) {
		return second; /* the first comes again when its instruction does */
	}
	return one == CLASS_DOUBLE_FAULT ? 0 : BH_EVENT_EXCEPTION_CODE(VECTOR_DF, 0);
}

void vcpu_raise(struct vcpu *vcpu, uint64_t event)
{
	struct bh_vcpu_state *state = vcpu->state;
	uint64_t first = vcpu->exception;

	if (first == 0 && (state->undelivered & BH_EVENT_VALID) != 0) {
		uint64_t undelivered = state->undelivered;

		state->undelivered = 0;
		switch (EVENT_TYPE(undelivered)) {
		case EVENT_TYPE_INTERRUPT:
			vcpu->held = undelivered & (BH_EVENT_VALID | 0xff);
			break;
		case EVENT_TYPE_NMI:
			vcpu->nmi = true;
			break;
		case EVENT_TYPE_EXCEPTION:
			first = undelivered;
			break;
		default: /* a software interrupt: rip is at its instruction, which the guest executes again */
			break;
		}
	}
	if (first != 0) {
		event = combine_exceptions(first, event);
		vcpu->shutdown |= event == 0;
	}
	vcpu->exception = event;
}

void vcpu_raise_fault(struct vcpu *vcpu, const struct guest_fault *fault)
{
	vcpu_need(vcpu, BH_GROUP_CONTROL);
	if (fault->vector == GUEST_FAULT_PF) {
		vcpu->state->cr2 = fault->address;
		vcpu_change(vcpu, BH_GROUP_CONTROL);
	}
	/* Real mode pushes no error codes (AMD APM vol. 2 section 8.4). */
	if (fault->vector == GUEST_FAULT_UD || (vcpu->state->cr0 & CR0_PE) == 0) {
		vcpu_raise(vcpu, BH_EVENT_EXCEPTION(fault->vector));
	} else {
		vcpu_raise(vcpu, BH_EVENT_EXCEPTION_CODE(fault->vector, fault->error_code));
	}
}

void vcpu_raise_invalid_opcode(struct vcpu *vcpu) { vcpu_raise(vcpu, BH_EVENT_EXCEPTION(VECTOR_UD)); }

void vcpu_raise_protection(struct vcpu *vcpu)
{
	vcpu_raise_fault(vcpu, &(struct guest_fault){ .vector = GUEST_FAULT_GP });
}

void vcpu_trap(struct vcpu *vcpu, uint64_t flags)
{
	if ((flags & RFLAGS_TF) == 0) {
		return;
	}
	vcpu_need(vcpu, BH_GROUP_DEBUG);
	vcpu->state->dr6 |= DR6_BS;
	vcpu_change(vcpu, BH_GROUP_DEBUG);
	vcpu_raise(vcpu, BH_EVENT_EXCEPTION(VECTOR_DB));
}

void vcpu_complete(struct vcpu *vcpu, uint32_t length)
{
	uint64_t flags = vcpu->state->rflags;

	vcpu_need_code(vcpu);
	instruction_advance(vcpu->state, length);
	vcpu_trap(vcpu, flags);
}

void vcpu_complete_at(struct vcpu *vcpu, uint64_t next_rip)
{
	uint64_t flags = vcpu->state->rflags;

	vcpu->state->rip = next_rip;
	vcpu->state->rflags = flags & ~RFLAGS_RF;
	vcpu->state->interrupt_shadow = 0;
	vcpu_trap(vcpu, flags);
}

const struct instruction *vcpu_instruction(
	struct vcpu *vcpu, const struct guest_memory *memory, struct instruction *scratch)
{
	const struct instruction *instruction = NULL;
	struct guest_fault fault;

	vcpu_need_code(vcpu);
	switch (exit_instruction(&vcpu->instructions, memory, vcpu->state, scratch, &instruction, &fault)) {
	case EXIT_INSTRUCTION_OK:
		return instruction;
	case EXIT_INSTRUCTION_FAULT:
		vcpu_raise_fault(vcpu, &fault);
		return NULL;
	case EXIT_INSTRUCTION_OUTSIDE:
		break;
	}
	/* Code outside of memory reads as all ones, which is no instruction. */
	vcpu_raise_invalid_opcode(vcpu);
	return NULL;
}

bool vcpu_instruction_length(struct vcpu *vcpu, const struct guest_memory *memory,
	enum instruction_operation operation, uint32_t known, uint32_t *length)
{
	struct instruction scratch;
	const struct instruction *instruction;

	*length = known;
	if (known != 0) {
		return true;
	}
	instruction = vcpu_instruction(vcpu, memory, &scratch);
	if (instruction == NULL || instruction->operation != operation) {
		return false;
	}
	*length = instruction->length;
	return true;
}
