/* SPDX-License-Identifier: MIT */
/* Proof: memory-is-not-authority
 * Property: no Retype makes a control capability, whatever type and size it is asked for; and a SchedContext, IrqHandler or IoPorts fresh from
 *	Retype stays without use whatever its holder invokes on it: it gives nobody time, no interrupt line is bound or unmasked, no port opened.
 *	Only the control capabilities' own invocations, which need such a capability, configure it.
 * Bound: none: any type and size; any rights, label and arguments of an invocation; the caller's capabilities are any.
 * Models: capability_find and capability_lookup find any capability of the type that was asked for, or none
 * Functions: kernel/object/untyped.c: object_size_bits
 * Functions: kernel/object/sched_context.c: sched_context_initialise sched_context_invoke bind
 * Functions: kernel/object/irq_handler.c: irq_handler_invoke
 * Functions: kernel/object/io_ports.c: io_ports_invoke map close_ports
 * Replaces: capability_find proof_capability_find
 * Replaces: capability_lookup proof_capability_lookup
 * Replaces: this_cpu proof_this_cpu
 * Options: --unwind 10
 */
#include "proof.h"

#include "object/invocation.h"

#include "arch/x86_64/acpi.h"
#include "arch/x86_64/ioapic.h"
#include "sched/scheduler.h"

static struct cpu cpu;
static struct capability found;
static struct execution thread;
static struct notification notification;
static struct space space;
static unsigned int given, unmasked, opened;

struct cpu *proof_this_cpu(void) { return &cpu; }

enum bh_error proof_capability_find(const struct thread *caller, uint64_t index, enum bh_object_type type,
	uint64_t rights, struct capability **slot)
{
	*slot = &found;
	found.type = type;
	found.object = type == BH_OBJECT_NOTIFICATION ? (uint64_t)&notification : (uint64_t)&space;
	return any_bool() ? BH_OK : BH_ERROR_CAPABILITY;
}

struct capability *proof_capability_lookup(const struct thread *caller, uint64_t index)
{
	found.type = any_u8();
	found.rights = any_u8();
	found.object = (uint64_t)&thread;
	return any_bool() ? &found : NULL;
}

#define context_give(context, execution) ((void)(given++))
void scheduler_update(struct execution *execution) {}
void context_charge(struct cpu *of) {}
void context_detach(struct sched_context *context) {}
void time_cancel(struct cpu *of, struct timeout *timeout) {}
uint64_t tsc_from_nanoseconds(uint64_t nanoseconds) { return nanoseconds; }
enum bh_error slot_keep(struct capability *slot, struct capability *source)
{
	opened++;
	return BH_OK;
}
void interrupt_line_unmask(uint32_t line) { unmasked++; }
void interrupt_line_mask(uint32_t line) {}
void io_bitmap_forget(const struct space *of) {}
bool preemption_point(void) { return any_bool(); }

#define bind bind_context
#include "object/sched_context.c"
#undef bind

#define bind bind_irq
#define inspect inspect_irq
#include "object/irq_handler.c"
#undef bind
#undef inspect

#include "object/io_ports.c"

#include "object/untyped.c"

int main(void)
{
	/* As Retype leaves them: zero, and what the initialising function writes. */
	static struct sched_context context;
	static struct irq_handler handler;
	static struct io_ports ports;
	static struct thread caller;
	struct invocation invocation;
	struct capability slot;
	uint64_t bits = object_size_bits(invocation.argument[0], invocation.argument[1]);

	PROVE(bits == 0 || (invocation.argument[0] >= BH_OBJECT_UNTYPED &&
				   invocation.argument[0] < BH_OBJECT_SCHED_CONTROL),
		"only types that are no control capability have a size");
	COVER_IF(bits != 0 && invocation.argument[0] == BH_OBJECT_IO_PORTS, "empty IoPorts are made");
	sched_context_initialise(&context);
	invocation.caller = &caller;
	invocation.slot = &slot;
	slot.rights = any_u8();
	slot.badge = any_u64();

	enum bh_error error;

	switch (any_u8() % 3) {
	case 0:
		slot.object = (uint64_t)&context;
		error = sched_context_invoke(&invocation);
		COVER_IF(error == BH_ERROR_EMPTY_OBJECT, "binding an empty SchedContext");
		PROVE(error != BH_OK || invocation.label != BH_SCHED_CONTEXT_BIND,
			"an empty SchedContext can't be bound");
		PROVE(context.budget == 0 && context.remaining == 0 && context.home == NULL &&
				context.holder == NULL && given == 0 && thread.own_context == NULL &&
				thread.context == NULL,
			"nobody gets time of it");
		break;
	case 1:
		slot.object = (uint64_t)&handler;
		error = irq_handler_invoke(&invocation);
		COVER_IF(error == BH_ERROR_EMPTY_OBJECT, "binding an empty IrqHandler");
		PROVE(error != BH_OK || (invocation.label != BH_IRQ_BIND && invocation.label != BH_IRQ_ACK),
			"an empty IrqHandler is of no use");
		PROVE(!handler.configured && handler.target.type == BH_OBJECT_NULL && unmasked == 0 &&
				opened == 0,
			"no line is touched");
		break;
	default:
		slot.object = (uint64_t)&ports;
		error = io_ports_invoke(&invocation);
		COVER_IF(error == BH_ERROR_EMPTY_OBJECT, "mapping empty IoPorts");
		PROVE(error != BH_OK || invocation.label != BH_IO_PORTS_MAP, "empty IoPorts can't be mapped");
		PROVE(ports.count == 0 && ports.space == NULL && space.io_ranges[0] == NULL &&
				space.io_ranges[IO_RANGES_PER_SPACE - 1] == NULL,
			"no port is opened");
		break;
	}
	return 0;
}
