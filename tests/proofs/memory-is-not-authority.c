/* SPDX-License-Identifier: MIT */
/* Proof: memory-is-not-authority
 * Property: no Retype makes a control capability, whatever type and size it is asked for; and a SchedContext, IrqHandler, IoPorts or IoSpace fresh from
 *	Retype stays without use whatever its holder invokes on it: it gives nobody time, no interrupt line is bound or unmasked, no port opened.
 *	Only the control capabilities' own invocations, which need such a capability, configure it. One that is configured is of the use that
 *	its holder has the right to, once: what was asked for happens to what was named and to nothing else, and can be undone.
 * Bound: none: any type and size; any rights, label and arguments of an invocation; the caller's capabilities are any.
 * Models: target_bind binds an empty target, or refuses
 * Models: capability_find and capability_lookup find any capability of the type that was asked for, or none
 * Functions: kernel/object/untyped.c: object_size_bits
 * Functions: kernel/object/sched_context.c: sched_context_initialise sched_context_invoke bind
 * Functions: kernel/object/irq_handler.c: irq_handler_invoke
 * Functions: kernel/object/io_ports.c: io_ports_invoke map close_ports
 * Functions: kernel/object/io_space.c: io_space_invoke last_fault
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
static struct execution other;
static struct sched_context other_context;
static struct io_ports other_ports;
static unsigned int given, unmasked, opened, charged, listened;
static bool is_found;

struct cpu *proof_this_cpu(void) { return &cpu; }

enum bh_error proof_capability_find(const struct thread *caller, uint64_t index, enum bh_object_type type,
	uint64_t rights, struct capability **slot)
{
	*slot = &found;
	found.type = type;
	found.object = type == BH_OBJECT_NOTIFICATION ? (uint64_t)&notification : (uint64_t)&space;
	is_found = any_u8() > 127;
	return is_found ? BH_OK : BH_ERROR_CAPABILITY;
}

struct capability *proof_capability_lookup(const struct thread *caller, uint64_t index)
{
	found.type = any_u8();
	found.rights = any_u8();
	found.object = (uint64_t)&thread;
	is_found = any_u8() > 127;
	return is_found ? &found : NULL;
}

#define context_give(context, execution) ((void)(given++))
void scheduler_update(struct execution *execution) {}
void context_charge(struct cpu *of) { charged++; }
void context_stop(struct sched_context *context) {}
void context_recall(struct sched_context *context) {}
void context_set_aside(struct thread *server) {}
void time_cancel(struct cpu *of, struct timeout *timeout) {}
uint64_t tsc_from_nanoseconds(uint64_t nanoseconds) { return nanoseconds; }
enum bh_error slot_keep(struct capability *slot, struct capability *source)
{
	opened++;
	return BH_OK;
}
enum bh_error target_bind(const struct invocation *invocation, struct capability *target)
{
	bool is_good = capability_is_empty(target) && any_bool();

	opened += is_good ? 1 : 0;
	return is_good ? BH_OK : BH_ERROR_STATE;
}
void iommu_listen(uint32_t function) { listened += function; }
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

#include "object/io_space.c"

#include "object/untyped.c"

int main(void)
{
	/* As Retype leaves them: zero, and what the initialising function writes. */
	static struct sched_context context;
	static struct irq_handler handler;
	static struct io_ports ports;
	static struct io_space io;
	static struct thread caller;
	struct invocation invocation;
	struct capability slot;
	bool is_configured = any_u8() > 127, is_used = any_u8() > 127;
	uint64_t type = invocation.argument[0], size = invocation.argument[1];
	uint64_t bits = object_size_bits(type, size);

	PROVE(bits == 0 || (type >= BH_OBJECT_UNTYPED && type < BH_OBJECT_SCHED_CONTROL),
		"only types that are no control capability have a size");
	PROVE(type != BH_OBJECT_UNTYPED || bits == (size >= 6 && size <= 47 ? size : 0),
		"an Untyped is of 2^6 to 2^47 bytes");
	PROVE(type != BH_OBJECT_CNODE || bits == (size >= 1 && size <= 20 ? size + 6 : 0),
		"a CNode has 2 to 2^20 slots");
	PROVE(type != BH_OBJECT_FRAME || bits == (size == 12 || size == 21 || size == 30 ? size : 0),
		"a Frame has a page's size");
	PROVE(type == BH_OBJECT_UNTYPED || type == BH_OBJECT_CNODE || type == BH_OBJECT_FRAME || size == 0 ||
			bits == 0,
		"the others have one size");
	PROVE(type != BH_OBJECT_THREAD || bits == (size == 0 ? BH_THREAD_BITS : 0), "which is theirs");
	COVER_IF(bits != 0 && type == BH_OBJECT_IO_PORTS, "empty IoPorts are made");
	sched_context_initialise(&context);
	PROVE(context.cpu == &cpu && context.replenishment.kind == TIMEOUT_REPLENISHMENT,
		"a fresh SchedContext knows its CPU and its timer's kind");
	invocation.caller = &caller;
	invocation.slot = &slot;
	slot.rights = any_u8();
	slot.badge = any_u64();

	enum bh_error error;

	switch (any_u8() % 4) {
	case 0:
		slot.object = (uint64_t)&context;
		context.budget = is_configured ? 1 : 0;
		context.consumed = any_u64();
		switch (is_used ? any_u8() % 5 : 5) {
		case 0:
			context.home = &other;
			break;
		case 1:
			context.holder = &other;
			break;
		case 2:
			context.parked = (void *)&other;
			break;
		case 3:
			thread.own_context = &other_context;
			break;
		case 4:
			thread.context = &other_context;
			break;
		default:
			break;
		}
		cpu.context = any_u8() > 127 ? &context : NULL;

		uint64_t consumed = context.consumed;

		error = sched_context_invoke(&invocation);
		COVER_IF(error == BH_ERROR_EMPTY_OBJECT, "binding an empty SchedContext");
		COVER_IF(error == BH_OK && invocation.label == BH_SCHED_CONTEXT_BIND,
			"binding one that is configured");
		if (invocation.label == BH_SCHED_CONTEXT_BIND) {
			bool is_right = (slot.rights & BH_RIGHT_WRITE) != 0 && is_found &&
					(found.rights & BH_RIGHT_WRITE) != 0 &&
					(found.type == BH_OBJECT_THREAD || found.type == BH_OBJECT_VCPU);

			PROVE((error == BH_OK) == (is_right && is_configured && !is_used),
				"bound only if it is configured, with the rights, once");
			PROVE(!is_right || is_configured || error == BH_ERROR_EMPTY_OBJECT,
				"an empty SchedContext can't be bound");
		}
		if (error == BH_OK && invocation.label == BH_SCHED_CONTEXT_BIND) {
			PROVE(context.home == &thread && thread.own_context == &context && given == 1,
				"the thread that was named gets its time");
		} else {
			PROVE(given == 0 && (is_used || (context.home == NULL && context.holder == NULL &&
								thread.own_context == NULL &&
								thread.context == NULL)),
				"else nobody gets time of it");
		}
		if (invocation.label == BH_SCHED_CONTEXT_CONSUMED) {
			PROVE((error == BH_OK) == ((slot.rights & BH_RIGHT_READ) != 0),
				"CONSUMED needs the right to read only");
			PROVE(error != BH_OK || invocation.result[0] == consumed,
				"and tells what was consumed");
			PROVE(error != BH_OK || charged == (cpu.context == &context),
				"the current one up to now");
		}
		PROVE(context.budget == (is_configured ? 1 : 0) && context.remaining == 0,
			"its holder can't fill it");
		break;
	case 1:
		slot.object = (uint64_t)&handler;
		handler.configured = is_configured;
		handler.target.type = is_used ? BH_OBJECT_NOTIFICATION : BH_OBJECT_NULL;
		error = irq_handler_invoke(&invocation);
		COVER_IF(error == BH_ERROR_EMPTY_OBJECT, "binding an empty IrqHandler");
		COVER_IF(error == BH_OK && unmasked != 0, "acknowledging one that is configured");
		PROVE(error != BH_OK || (is_configured && (slot.rights & BH_RIGHT_WRITE) != 0),
			"an empty IrqHandler is of no use");
		PROVE(error == BH_OK || (unmasked == 0 && opened == 0), "refused: no line is touched");
		PROVE((invocation.label != BH_IRQ_ACK) || (slot.rights & BH_RIGHT_WRITE) == 0 ||
				error == (is_configured ? BH_OK : BH_ERROR_EMPTY_OBJECT),
			"one that is configured can be acknowledged");
		PROVE(invocation.label != BH_IRQ_ACK || unmasked == (error == BH_OK && is_used),
			"which opens the line if somebody listens");
		break;
	case 2:
		slot.object = (uint64_t)&io.space;
		io.domain = is_configured ? 1 : 0;
		io.function_count = is_configured ? 2 : 0;
		io.functions[0] = 0x10;
		io.functions[1] = 0x18;
		io.functions[2] = 0x20;
		io.fault_function = any_u32();
		io.fault_address = any_u64();
		io.fault_kind = any_u8();
		io.fault_count = any_u64();
		error = io_space_invoke(&invocation);

		bool is_bind = invocation.label == BH_IO_SPACE_BIND;
		bool is_question = invocation.label == BH_IO_SPACE_FAULT;
		bool may = (slot.rights & (is_bind ? BH_RIGHT_WRITE : BH_RIGHT_READ)) != 0;

		COVER_IF(error == BH_ERROR_EMPTY_OBJECT && is_bind, "binding an empty IoSpace");
		COVER_IF(error == BH_OK && is_bind, "binding one that is configured");
		PROVE(is_bind || is_question || error == BH_ERROR_INVOCATION, "an IoSpace knows two labels");
		PROVE(error != BH_OK || is_configured, "an empty IoSpace is of no use");
		PROVE(error != BH_OK || may, "one that is configured needs the right");
		PROVE(!is_question || !may || error == (is_configured ? BH_OK : BH_ERROR_EMPTY_OBJECT),
			"who may read it learns of its last fault");
		PROVE(!is_question || error != BH_OK ||
				(invocation.result[0] == io.fault_function &&
					invocation.result[1] == io.fault_address &&
					invocation.result[2] == io.fault_kind &&
					invocation.result[3] == io.fault_count),
			"as it was");
		PROVE(listened == (is_question && error == BH_OK ? 0x28 : 0),
			"then its functions may report the next one, and no other's");
		PROVE(opened == (is_bind && error == BH_OK ? 1 : 0), "refused: nothing is bound");
		break;
	default:
		slot.object = (uint64_t)&ports;
		ports.count = is_configured ? 1 : 0;
		if (is_used) {
			ports.space = &space;
			space.io_ranges[IO_RANGES_PER_SPACE - 1] = &ports;
		}
		space.io_ranges[0] = any_u8() > 127 ? &other_ports : NULL;

		bool is_first_taken = space.io_ranges[0] != NULL, is_full = any_u8() > 127;

		for (unsigned int i = 0; is_full && i < IO_RANGES_PER_SPACE; i++) {
			is_first_taken = true;
			if (space.io_ranges[i] != &ports) {
				space.io_ranges[i] = &other_ports;
			}
		}

		error = io_ports_invoke(&invocation);
		COVER_IF(error == BH_ERROR_EMPTY_OBJECT, "mapping empty IoPorts");
		COVER_IF(error == BH_ERROR_MEMORY, "a space that has no place for more");
		COVER_IF(error == BH_OK && invocation.label == BH_IO_PORTS_MAP,
			"mapping those that are configured");
		if (invocation.label == BH_IO_PORTS_MAP) {
			PROVE((error == BH_OK) == (is_configured && !is_used && !is_full && is_found &&
							  (slot.rights & BH_RIGHT_WRITE) != 0),
				"mapped only if configured, with the right to write, once");
			PROVE(error != BH_OK || (ports.space == &space &&
							space.io_ranges[is_first_taken ? 1 : 0] == &ports),
				"the space that was named gets them, in a place that was free");
		} else if (error == BH_OK) {
			PROVE(ports.space == NULL && space.io_ranges[IO_RANGES_PER_SPACE - 1] != &ports,
				"unmapped, they are open nowhere");
		}
		PROVE((space.io_ranges[0] == &other_ports) == is_first_taken, "other ports stay");
		PROVE(error == BH_OK || is_used || (ports.space == NULL && space.io_ranges[1] != &ports),
			"refused: no port is opened");
		break;
	}
	return 0;
}
