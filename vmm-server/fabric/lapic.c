/* SPDX-License-Identifier: MIT */
/* The local APIC's core: acceptance, priorities, acknowledge, EOI, local sources (Intel SDM vol. 3 §11.5, §11.8). */

#include "fabric/lapic_internal.h"

#include <string.h>

#define FIRST_LEGAL_VECTOR 16u

void lapic_clear_registers(struct lapic *lapic)
{
	lapic->irr = (struct vector_set){ 0 };
	lapic->isr = (struct vector_set){ 0 };
	lapic->tmr = (struct vector_set){ 0 };
	lapic->irr_highest = 0;
	lapic->isr_highest = 0;
	lapic->tpr = 0;
	lapic->ppr = 0;
	lapic->software_enabled = false;
	lapic->deadline = LAPIC_NEVER;
	lapic->tsc_deadline = 0;
	lapic->initial_count = 0;
	lapic->divide = 0;
	lapic->divide_shift = 1;
	for (uint32_t i = 0; i < LVT_COUNT; i++) {
		lapic->lvt[i] = LAPIC_LVT_MASKED;
	}
	lapic->spurious = 0xff;
	lapic->logical_destination = 0;
	lapic->destination_format = UINT32_MAX;
	lapic->icr_low = 0;
	lapic->icr_high = 0;
	lapic->error_status = 0;
	lapic->errors_so_far = 0;
	memset(lapic->source, 0, sizeof(lapic->source));
}

void lapic_init(struct lapic *lapic, uint8_t id, bool bootstrap, bool tsc_deadline)
{
	memset(lapic, 0, sizeof(*lapic));
	lapic->id = id;
	lapic->identification = (uint32_t)id << 24;
	lapic->version = LAPIC_VERSION_VALUE;
	lapic->bootstrap = bootstrap;
	lapic->tsc_deadline_allowed = tsc_deadline;
	lapic->base = LAPIC_DEFAULT_BASE;
	lapic->mode = LAPIC_MODE_XAPIC;
	lapic->wait_for_startup = !bootstrap;
	lapic_clear_registers(lapic);
}

void lapic_init_reset(struct lapic *lapic)
{
	lapic_clear_registers(lapic);
	/* A SIPI that came after the INIT, before the processor took that, still counts. */
	lapic->events &= LAPIC_EVENT_STARTUP;
	lapic->wait_for_startup = !lapic->bootstrap;
}

void lapic_firmware_state(struct lapic *lapic)
{
	lapic->spurious = LAPIC_SVR_ENABLED | 0xff;
	lapic->software_enabled = true;
	if (lapic->bootstrap) {
		lapic->lvt[LVT_LINT0] = (uint32_t)DELIVERY_EXTINT << 8;
		lapic->lvt[LVT_LINT1] = (uint32_t)DELIVERY_NMI << 8;
	}
}

void lapic_update_ppr(struct lapic *lapic)
{
	uint32_t in_service = lapic->isr_highest & 0xf0;

	lapic->ppr = (lapic->tpr & 0xf0) >= in_service ? lapic->tpr : in_service;
}

void lapic_note_error(struct lapic *lapic, uint32_t errors)
{
	lapic->errors_so_far |= errors;
	if ((lapic->lvt[LVT_ERROR] & LAPIC_LVT_MASKED) != 0) {
		return;
	}
	if (LVT_VECTOR(lapic->lvt[LVT_ERROR]) < FIRST_LEGAL_VECTOR) {
		/* An error of the error interrupt itself: noted, and no further. */
		lapic->errors_so_far |= LAPIC_ESR_RECEIVE_ILLEGAL_VECTOR;
		return;
	}
	lapic_local_interrupt(lapic, LVT_ERROR);
}

bool lapic_accept(struct lapic *lapic, uint8_t vector, bool level, uint8_t source)
{
	/* Software-disabled implies that nothing fixed is accepted (§11.4.7.2); so does a disabled APIC. */
	if (!lapic->software_enabled) {
		return false;
	}
	if (vector < FIRST_LEGAL_VECTOR) {
		lapic_note_error(lapic, LAPIC_ESR_RECEIVE_ILLEGAL_VECTOR);
		return false;
	}
	if (!vector_set_has(&lapic->irr, vector)) {
		vector_set_add(&lapic->irr, vector);
		lapic->source[vector] = source;
		if (vector > lapic->irr_highest) {
			lapic->irr_highest = vector;
		}
	} else if (lapic->source[vector] != source) {
		/* Two ask for it: neither may take it back. */
		lapic->source[vector] = 0;
	}
	if (level) {
		vector_set_add(&lapic->tmr, vector);
	} else {
		vector_set_remove(&lapic->tmr, vector);
	}
	return true;
}

bool lapic_withdraw(struct lapic *lapic, uint8_t vector, uint8_t source)
{
	if (source == 0 || lapic->source[vector] != source || !vector_set_has(&lapic->irr, vector)) {
		return false;
	}
	vector_set_remove(&lapic->irr, vector);
	lapic->source[vector] = 0;
	if (vector == lapic->irr_highest) {
		lapic->irr_highest = vector_set_highest(&lapic->irr);
	}
	return true;
}

bool lapic_matches(const struct lapic *lapic, const struct interrupt_message *message)
{
	uint32_t logical = lapic->logical_destination >> 24;

	if (lapic->mode == LAPIC_MODE_DISABLED) {
		return false;
	}
	if (message->broadcast) {
		return true;
	}
	if (!message->logical) {
		return message->destination == lapic->id;
	}
	if (lapic->mode == LAPIC_MODE_X2APIC) {
		/* Vol. 3 §11.12.10.2: cluster in the upper half, one bit for each of its 16 members in the lower. */
		return message->destination >> 16 == (uint32_t)lapic->id >> 4 &&
		       (message->destination >> (lapic->id & 15) & 1) != 0;
	}
	if (message->destination > 0xff) {
		return false;
	}
	switch (lapic->destination_format >> 28) {
	case 0xf: /* flat */
		return (message->destination & logical) != 0;
	case 0: /* cluster */
		return message->destination >> 4 == logical >> 4 &&
		       (message->destination & logical & 0xf) != 0;
	default:
		return false;
	}
}

void lapic_raise_nmi(struct lapic *lapic) { lapic->events |= LAPIC_EVENT_NMI; }

void lapic_raise_init(struct lapic *lapic)
{
	/* INIT drops what was pending before it. */
	lapic->events = LAPIC_EVENT_INIT;
}

void lapic_raise_startup(struct lapic *lapic, uint8_t vector)
{
	bool waits = lapic->wait_for_startup || (lapic->events & LAPIC_EVENT_INIT) != 0;

	if (lapic->bootstrap || !waits || (lapic->events & LAPIC_EVENT_STARTUP) != 0) {
		return;
	}
	lapic->events |= LAPIC_EVENT_STARTUP;
	lapic->startup_vector = vector;
}

void lapic_local_interrupt(struct lapic *lapic, enum lapic_lvt source)
{
	uint32_t lvt = lapic->lvt[source];

	if ((lvt & LAPIC_LVT_MASKED) != 0) {
		return;
	}
	switch (LVT_DELIVERY_MODE(lvt)) {
	case DELIVERY_FIXED:
		(void)lapic_accept(lapic, LVT_VECTOR(lvt), false, 0);
		break;
	case DELIVERY_NMI:
		lapic_raise_nmi(lapic);
		break;
	case DELIVERY_INIT:
		lapic_raise_init(lapic);
		break;
	default: /* SMI is not there, ExtINT is the 8259's, the rest is reserved */
		break;
	}
}

static bool lint_is_fixed_level(uint32_t lvt)
{
	return LVT_DELIVERY_MODE(lvt) == DELIVERY_FIXED && (lvt & LAPIC_LVT_LEVEL) != 0;
}

void lapic_service_lint(struct lapic *lapic, uint32_t input)
{
	uint32_t *lvt = &lapic->lvt[LVT_LINT0 + input];

	if ((lapic->lint_level >> input & 1) == 0 || !lint_is_fixed_level(*lvt) ||
		(*lvt & (LAPIC_LVT_MASKED | LAPIC_LVT_REMOTE_IRR)) != 0) {
		return;
	}
	if (lapic_accept(lapic, LVT_VECTOR(*lvt), true, 0)) {
		*lvt |= LAPIC_LVT_REMOTE_IRR;
	}
}

void lapic_set_lint(struct lapic *lapic, uint32_t input, bool level)
{
	uint8_t bit = (uint8_t)(1u << (input & 1));
	bool rises = level && (lapic->lint_level & bit) == 0;
	uint32_t lvt = lapic->lvt[LVT_LINT0 + (input & 1)];

	lapic->lint_level = (uint8_t)(level ? lapic->lint_level | bit : lapic->lint_level & ~bit);
	if (lapic->mode == LAPIC_MODE_DISABLED) {
		/* The inputs are the processor's INTR and NMI then (§11.4.3). */
		if ((input & 1) == 1 && rises) {
			lapic_raise_nmi(lapic);
		}
	} else if (lint_is_fixed_level(lvt)) {
		lapic_service_lint(lapic, input & 1);
	} else if (rises) {
		lapic_local_interrupt(lapic, (enum lapic_lvt)(LVT_LINT0 + (input & 1)));
	}
}

bool lapic_accepts_extint(const struct lapic *lapic)
{
	uint32_t lvt = lapic->lvt[LVT_LINT0];

	return lapic->mode == LAPIC_MODE_DISABLED ||
	       ((lvt & LAPIC_LVT_MASKED) == 0 && LVT_DELIVERY_MODE(lvt) == DELIVERY_EXTINT);
}

uint8_t lapic_acknowledge(struct lapic *lapic, uint64_t now)
{
	uint8_t vector = lapic_deliverable(lapic);

	if (vector == 0) {
		return 0;
	}
	if (vector == LVT_VECTOR(lapic->lvt[LVT_TIMER])) {
		lapic_advance(lapic, now);
	}
	vector_set_remove(&lapic->irr, vector);
	lapic->source[vector] = 0;
	lapic->irr_highest = vector_set_highest(&lapic->irr);
	vector_set_add(&lapic->isr, vector);
	/* Its class is above PPR's, so above all in service and above TPR. */
	lapic->isr_highest = vector;
	lapic->ppr = vector & 0xf0;
	return vector;
}

/* A level-triggered interrupt has ended: a LINT input may have been its source. */
static void end_lint(struct lapic *lapic, uint8_t vector)
{
	for (uint32_t input = 0; input < 2; input++) {
		uint32_t *lvt = &lapic->lvt[LVT_LINT0 + input];

		if ((*lvt & LAPIC_LVT_REMOTE_IRR) != 0 && LVT_VECTOR(*lvt) == vector) {
			*lvt &= ~LAPIC_LVT_REMOTE_IRR;
			lapic_service_lint(lapic, input);
		}
	}
}

uint8_t lapic_eoi(struct lapic *lapic)
{
	uint8_t vector = lapic->isr_highest;

	if (vector == 0) {
		return 0;
	}
	vector_set_remove(&lapic->isr, vector);
	lapic->isr_highest = vector_set_highest(&lapic->isr);
	lapic_update_ppr(lapic);
	if (!vector_set_has(&lapic->tmr, vector)) {
		return 0;
	}
	end_lint(lapic, vector);
	return vector;
}

void lapic_set_cr8(struct lapic *lapic, uint8_t cr8)
{
	lapic->tpr = (uint8_t)(cr8 << 4);
	lapic_update_ppr(lapic);
}
