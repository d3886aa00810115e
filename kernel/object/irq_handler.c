/* SPDX-License-Identifier: MIT */
/* Interrupts: IrqControl makes an IrqHandler usable for one line or one message-signalled interrupt (MSI) of a PCI
 * function. A fired line is masked until acknowledged; an MSI comes once for each message. */
#include "object/invocation.h"

#include "arch/x86_64/ioapic.h"
#include "arch/x86_64/iommu.h"
#include "arch/x86_64/vectors.h"
#include "ipc/ipc.h"
#include "sched/cpu.h"

static struct irq_handler *owners[INTERRUPTS];

void interrupt_fired(uint32_t interrupt)
{
	const struct irq_handler *handler;

	if (interrupt == INTERRUPTS) {
		iommu_interrupt();
		return;
	}
	handler = owners[interrupt];
	interrupt_line_mask(interrupt); /* ignores what is no line */
	if (handler != NULL && handler->target.type == BH_OBJECT_NOTIFICATION) {
		notification_signal(
			(struct notification *)handler->target.object, handler->target.badge, false);
	}
}

void irq_handler_end(struct irq_handler *handler)
{
	if (handler->configured) {
		interrupt_line_mask(handler->interrupt);
		if (handler->interrupt >= INTERRUPT_LINES) {
			iommu_message_clear(handler->function, handler->index);
		}
		owners[handler->interrupt] = NULL;
		handler->configured = false;
	}
}

static void own(struct irq_handler *handler, uint32_t interrupt)
{
	handler->configured = true;
	handler->interrupt = interrupt;
	owners[interrupt] = handler;
}

static enum bh_error bind(const struct invocation *invocation, struct irq_handler *handler)
{
	enum bh_error error =
		handler->configured ? target_bind(invocation, &handler->target) : BH_ERROR_EMPTY_OBJECT;

	if (error == BH_OK) {
		interrupt_line_unmask(handler->interrupt);
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
			interrupt_line_unmask(handler->interrupt);
		}
		return BH_OK;
	default:
		return BH_ERROR_INVOCATION;
	}
}

/* Do the interrupts that the control capability was narrowed to include that one? */
static bool is_allowed(const struct capability *control, uint64_t number)
{
	uint64_t first = control->badge & 0xffffffff, count = control->badge >> 32;

	return control->badge == 0 || (number >= first && number < first + count);
}

static enum bh_error configure_line(const struct invocation *invocation, struct irq_handler *handler)
{
	uint64_t line = invocation->argument[1], flags = invocation->argument[2];

	if ((flags & ~(uint64_t)(BH_IRQ_LEVEL | BH_IRQ_ACTIVE_LOW)) != 0 || line >= INTERRUPT_LINES ||
		!interrupt_line_exists((uint32_t)line)) {
		return BH_ERROR_ARGUMENT;
	}
	if (!is_allowed(invocation->slot, line)) {
		return BH_ERROR_RANGE;
	}
	if (owners[line] != NULL) {
		return BH_ERROR_IN_USE;
	}
	own(handler, (uint32_t)line);
	interrupt_line_route((uint32_t)line, (flags & BH_IRQ_LEVEL) != 0, (flags & BH_IRQ_ACTIVE_LOW) != 0,
		this_cpu()->apic_id);
	return BH_OK;
}

/* Results: the message's address and data. */
static enum bh_error configure_msi(struct invocation *invocation, struct irq_handler *handler)
{
	uint64_t function = invocation->argument[1], index = invocation->argument[2];
	uint32_t interrupt = INTERRUPTS;

	if (function >= BH_PCI_FUNCTIONS || index >= BH_MSI_INDEXES) {
		return BH_ERROR_ARGUMENT;
	}
	if (!is_allowed(invocation->slot, BH_IRQ_MSI_FIRST + function)) {
		return BH_ERROR_RANGE;
	}
	for (uint32_t i = INTERRUPTS; i-- > INTERRUPT_LINES;) {
		if (owners[i] == NULL) {
			interrupt = i;
		} else if (owners[i]->function == function && owners[i]->index == index) {
			return BH_ERROR_IN_USE;
		}
	}
	if (interrupt == INTERRUPTS) {
		return BH_ERROR_MEMORY;
	}
	handler->function = (uint32_t)function;
	handler->index = (uint32_t)index;
	own(handler, interrupt);
	iommu_message_set(handler->function, handler->index, VECTOR_INTERRUPT_FIRST + interrupt,
		&invocation->result[0], &invocation->result[1]);
	return BH_OK;
}

enum bh_error irq_control_invoke(struct invocation *invocation)
{
	bool is_msi = invocation->label == BH_IRQ_CONTROL_CONFIGURE_MSI;
	void *object;
	enum bh_error error =
		control_find(invocation, is_msi ? BH_IRQ_CONTROL_CONFIGURE_MSI : BH_IRQ_CONTROL_CONFIGURE,
			BH_OBJECT_IRQ_HANDLER, &object);

	if (error != BH_OK) {
		return error;
	}
	if (((struct irq_handler *)object)->configured) {
		return BH_ERROR_STATE;
	}
	return is_msi ? configure_msi(invocation, object) : configure_line(invocation, object);
}
