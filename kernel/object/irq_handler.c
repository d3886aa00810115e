/* SPDX-License-Identifier: MIT */
/* Interrupt lines: IrqControl makes an IrqHandler usable for one line; a fired line is masked until acknowledged. */
#include "object/invocation.h"

#include "arch/x86_64/acpi.h"
#include "arch/x86_64/ioapic.h"
#include "arch/x86_64/vectors.h"
#include "ipc/ipc.h"
#include "sched/cpu.h"

static struct irq_handler *line_owner[INTERRUPT_LINES];

void irq_line_fired(uint32_t line)
{
	struct irq_handler *handler = line < INTERRUPT_LINES ? line_owner[line] : NULL;

	interrupt_line_mask(line);
	if (handler != NULL && handler->target.type == BH_OBJECT_NOTIFICATION) {
		notification_signal((struct notification *)handler->target.object, handler->target.badge);
	}
}

void irq_handler_end(struct irq_handler *handler)
{
	if (handler->configured) {
		interrupt_line_mask(handler->line);
		line_owner[handler->line] = NULL;
		handler->configured = false;
	}
}

static enum bh_error bind(const struct invocation *invocation, struct irq_handler *handler)
{
	struct capability *slot;
	enum bh_error error = capability_find(
		invocation->caller, invocation->argument[0], BH_OBJECT_NOTIFICATION, BH_RIGHT_WRITE, &slot);

	if (error != BH_OK) {
		return error;
	}
	if (!handler->configured) {
		return BH_ERROR_EMPTY_OBJECT;
	}
	if (!capability_is_empty(&handler->target)) {
		return BH_ERROR_STATE;
	}
	error = slot_keep(&handler->target, slot);
	if (error == BH_OK) {
		interrupt_line_unmask(handler->line);
	}
	return error;
}

enum bh_error irq_handler_invoke(struct invocation *invocation)
{
	struct irq_handler *handler = (struct irq_handler *)invocation->slot->object;

	if ((invocation->slot->rights & BH_RIGHT_WRITE) == 0) {
		return BH_ERROR_RIGHTS;
	}
	switch (invocation->label) {
	case BH_IRQ_BIND:
		return bind(invocation, handler);
	case BH_IRQ_ACK:
		if (!handler->configured) {
			return BH_ERROR_EMPTY_OBJECT;
		}
		if (!capability_is_empty(&handler->target)) {
			interrupt_line_unmask(handler->line);
		}
		return BH_OK;
	default:
		return BH_ERROR_INVOCATION;
	}
}

enum bh_error irq_control_invoke(struct invocation *invocation)
{
	uint64_t line = invocation->argument[1], flags = invocation->argument[2];
	uint64_t first = invocation->slot->badge & 0xffffffff, count = invocation->slot->badge >> 32;
	struct interrupt_line wiring;
	struct irq_handler *handler;
	struct capability *slot;
	enum bh_error error;

	if (invocation->label != BH_IRQ_CONTROL_CONFIGURE) {
		return BH_ERROR_INVOCATION;
	}
	if ((invocation->slot->rights & BH_RIGHT_WRITE) == 0) {
		return BH_ERROR_RIGHTS;
	}
	error = capability_find(
		invocation->caller, invocation->argument[0], BH_OBJECT_IRQ_HANDLER, BH_RIGHT_WRITE, &slot);
	if (error != BH_OK) {
		return error;
	}
	handler = (struct irq_handler *)slot->object;
	if (handler->configured) {
		return BH_ERROR_STATE;
	}
	if ((flags & ~(uint64_t)(BH_IRQ_LEVEL | BH_IRQ_ACTIVE_LOW | BH_IRQ_ISA)) != 0 ||
		line >= ((flags & BH_IRQ_ISA) != 0 ? PLATFORM_ISA_LINES : INTERRUPT_LINES)) {
		return BH_ERROR_ARGUMENT;
	}
	wiring = (flags & BH_IRQ_ISA) != 0
			 ? platform_information.isa_lines[line]
			 : (struct interrupt_line){ (uint32_t)line, (flags & BH_IRQ_LEVEL) != 0,
				   (flags & BH_IRQ_ACTIVE_LOW) != 0 };
	if (!interrupt_line_exists(wiring.gsi)) {
		return BH_ERROR_ARGUMENT;
	}
	if (invocation->slot->badge != 0 && (wiring.gsi < first || wiring.gsi >= first + count)) {
		return BH_ERROR_RANGE;
	}
	if (line_owner[wiring.gsi] != NULL) {
		return BH_ERROR_IN_USE;
	}
	handler->configured = true;
	handler->line = wiring.gsi;
	line_owner[wiring.gsi] = handler;
	interrupt_line_route(wiring, this_cpu()->apic_id);
	return BH_OK;
}
