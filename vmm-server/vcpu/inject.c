/* SPDX-License-Identifier: MIT */
/* Choice of the event to inject (inject.h). Touches the state page's event fields, the vCPU's waiting events
 * and the fabric.
 *
 * Order: an event whose delivery the exit interrupted goes first, and alone: the kernel injects it again by
 * itself. Then an exception that this exit raised, an NMI, an interrupt that gave way to an exception, the
 * fabric's interrupt. What can't go now, because of an event before it, IF or the interrupt shadow, stays where
 * it is, and an interrupt window brings us back as soon as it can. */
#include "vcpu/inject.h"

#include "vcpu/lines.h"

/* Reads the lines again that stand behind a pending interrupt: one that fell in the meantime raises nothing. */
static void read_lines(struct vmm *vmm)
{
	for (uint32_t left = vmm->fabric.asserted; left != 0; left &= left - 1) {
		uint32_t number = (uint32_t)__builtin_ctz(left);
		struct vmm_line *line = &vmm->lines[vmm->fabric_line[number]];

		line->word = lines_read(line->page, line->number);
		fabric_update_line(&vmm->fabric, number, lines_word(vmm, line, line->word));
	}
}

static void give(struct vcpu *vcpu, uint64_t event)
{
	vcpu->state->inject = event;
	vcpu->halted = false;
}

/* An interrupt that may go in now; 0 if there is none. */
static uint64_t take_interrupt(struct vmm *vmm, struct vcpu *vcpu, uint64_t now)
{
	uint64_t event = vcpu->held;
	int vector;

	if (event != 0) {
		vcpu->held = 0;
		return event;
	}
	vector = fabric_acknowledge(&vmm->fabric, vcpu->number, now);
	return vector >= 0 ? BH_EVENT_INTERRUPT((uint32_t)vector) : 0;
}

enum inject_result inject_choose(struct vmm *vmm, struct vcpu *vcpu, uint64_t now)
{
	struct bh_vcpu_state *state = vcpu->state;
	bool shadow = (state->interrupt_shadow & 1) != 0;
	uint8_t events = fabric_events_at(&vmm->fabric, vcpu->lapic);
	uint64_t event;

	if ((events & FABRIC_EVENT_INIT) != 0) {
		return INJECT_RESET;
	}
	if ((events & FABRIC_EVENT_INTERRUPT) != 0 && vmm->fabric.asserted != 0) {
		read_lines(vmm);
		events = fabric_events_at(&vmm->fabric, vcpu->lapic);
	}
	if ((events & FABRIC_EVENT_NMI) != 0 && !vcpu->nmi) {
		fabric_take_nmi(&vmm->fabric, vcpu->number);
		vcpu->nmi = true;
	}
	if ((state->undelivered & BH_EVENT_VALID) != 0) {
		/* goes in alone */
	} else if (vcpu->exception != 0) {
		give(vcpu, vcpu->exception);
		vcpu->exception = 0;
		vmm_status(vmm)->exceptions++;
	} else if (vcpu->nmi && !shadow) {
		give(vcpu, BH_EVENT_NMI);
		vcpu->nmi = false;
		vmm_status(vmm)->interrupts++;
	} else if ((state->rflags & RFLAGS_IF) != 0 && !shadow &&
		   (vcpu->held != 0 || (events & FABRIC_EVENT_INTERRUPT) != 0)) {
		event = take_interrupt(vmm, vcpu, now);
		if (event != 0) {
			give(vcpu, event);
			vmm_status(vmm)->interrupts++;
		}
	}
	events = fabric_events_at(&vmm->fabric, vcpu->lapic);
	if (vcpu->held != 0 || vcpu->nmi || (events & (FABRIC_EVENT_INTERRUPT | FABRIC_EVENT_NMI)) != 0) {
		state->interrupt_window = 1;
		vmm_status(vmm)->windows++;
	} else if (vcpu->exception == 0 && events == 0) {
		return INJECT_ALL;
	}
	return INJECT_SOME;
}
