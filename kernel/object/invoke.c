/* SPDX-License-Identifier: MIT */
/* From an invoked capability to its object's function, and the look-ups that they share. */
#include "object/invocation.h"

#include "ipc/ipc.h"

#define CANCEL_CHUNK 64 /* waiting senders looked at between two preemption points */

enum bh_error cnode_find(const struct thread *thread, uint64_t index, uint64_t rights, struct cnode **found)
{
	const struct capability *own = &thread->slots[THREAD_CSPACE];
	struct capability *slot;

	if (index == 0) {
		if (own->type != BH_OBJECT_CNODE) {
			return BH_ERROR_CAPABILITY;
		}
		if ((own->rights & rights) != rights) {
			return BH_ERROR_RIGHTS;
		}
		*found = (struct cnode *)own->object;
		return BH_OK;
	}

	enum bh_error error = capability_find(thread, index, BH_OBJECT_CNODE, rights, &slot);

	if (error == BH_OK) {
		*found = (struct cnode *)slot->object;
	}
	return error;
}

enum bh_error slot_keep(struct capability *slot, struct capability *source)
{
	return capability_copy(source, slot, BH_RIGHTS_ALL);
}

enum bh_error execution_bind_notification(const struct invocation *invocation, struct execution *execution)
{
	struct capability *slot;
	struct notification *notification;
	enum bh_error error = capability_find(
		invocation->caller, invocation->argument[0], BH_OBJECT_NOTIFICATION, BH_RIGHT_READ, &slot);

	if (error != BH_OK) {
		return error;
	}
	notification = (struct notification *)slot->object;
	if (notification->bound != NULL || execution->bound != NULL) {
		return BH_ERROR_STATE;
	}
	notification->bound = execution;
	execution->bound = notification;
	return BH_OK;
}

enum bh_error target_bind(const struct invocation *invocation, struct capability *target)
{
	struct capability *slot;
	enum bh_error error = capability_find(
		invocation->caller, invocation->argument[0], BH_OBJECT_NOTIFICATION, BH_RIGHT_WRITE, &slot);

	if (error != BH_OK) {
		return error;
	}
	return capability_is_empty(target) ? slot_keep(target, slot) : BH_ERROR_STATE;
}

enum bh_error control_find(const struct invocation *invocation, enum bh_invocation label,
	enum bh_object_type type, void **object)
{
	struct capability *slot;
	enum bh_error error;

	if (invocation->label != label) {
		return BH_ERROR_INVOCATION;
	}
	if ((invocation->slot->rights & BH_RIGHT_WRITE) == 0) {
		return BH_ERROR_RIGHTS;
	}
	error = capability_find(invocation->caller, invocation->argument[0], type, BH_RIGHT_WRITE, &slot);
	if (error == BH_OK) {
		*object = (void *)slot->object;
	}
	return error;
}

enum bh_error endpoint_invoke(struct invocation *invocation)
{
	const struct capability *slot = invocation->slot;

	if (invocation->label != BH_ENDPOINT_CANCEL_BADGED) {
		return BH_ERROR_INVOCATION;
	}
	if ((slot->rights & BH_RIGHTS_ALL) != BH_RIGHTS_ALL) {
		return BH_ERROR_RIGHTS;
	}
	if (slot->badge != 0) {
		return BH_ERROR_ARGUMENT;
	}
	while (!endpoint_cancel_badged(
		(struct endpoint *)slot->object, invocation->argument[0], CANCEL_CHUNK)) {
		if (preemption_point()) {
			return INVOCATION_RESTART;
		}
	}
	return BH_OK;
}

enum bh_error invoke(struct invocation *invocation)
{
	switch ((enum bh_object_type)invocation->slot->type) {
	case BH_OBJECT_UNTYPED:
		return untyped_invoke(invocation);
	case BH_OBJECT_CNODE:
		return cnode_invoke(invocation);
	case BH_OBJECT_THREAD:
		return thread_invoke(invocation);
	case BH_OBJECT_SCHED_CONTEXT:
		return sched_context_invoke(invocation);
	case BH_OBJECT_ENDPOINT:
		return endpoint_invoke(invocation);
	case BH_OBJECT_TIMER:
		return timer_invoke(invocation);
	case BH_OBJECT_FRAME:
		return frame_invoke(invocation);
	case BH_OBJECT_PAGE_TABLE:
		return page_table_invoke(invocation);
	case BH_OBJECT_GUEST_SPACE:
		return guest_space_invoke(invocation);
	case BH_OBJECT_VCPU:
		return vcpu_invoke(invocation);
	case BH_OBJECT_IRQ_HANDLER:
		return irq_handler_invoke(invocation);
	case BH_OBJECT_IO_PORTS:
		return io_ports_invoke(invocation);
	case BH_OBJECT_SCHED_CONTROL:
		return sched_control_invoke(invocation);
	case BH_OBJECT_IRQ_CONTROL:
		return irq_control_invoke(invocation);
	case BH_OBJECT_IO_PORT_CONTROL:
		return io_port_control_invoke(invocation);
	case BH_OBJECT_IO_SPACE_CONTROL:
		return io_space_control_invoke(invocation);
	case BH_OBJECT_IO_SPACE:
		return io_space_invoke(invocation);
	case BH_OBJECT_NULL:
	case BH_OBJECT_REPLY:
	case BH_OBJECT_NOTIFICATION:
	case BH_OBJECT_ADDRESS_SPACE:
	case BH_OBJECT_TYPES:
		break;
	}
	return BH_ERROR_INVOCATION;
}
