/* SPDX-License-Identifier: MIT */
/* Virtual CPUs: from an exit to a message, from an answer to an entry. Vendor-neutral. */
#pragma once

#include "object/objects.h"
#include "ipc/ipc.h"
#include "sched/cpu.h"
#include "trace.h"

/* current is a vCPU: loads what the VMM answered, looks at the bound notification, and enters. Returns when there is
 * something else to do: pick again. */
void vcpu_run(struct cpu *cpu, struct vcpu *vcpu);

/* The back end: the guest left. Turns that into a message, and goes on with who is to run. */
_Noreturn void vcpu_exited(struct cpu *cpu, struct vcpu *vcpu, uint32_t reason, uint32_t length,
	uint64_t qualification, uint64_t information);

/* The handler's answer: word 0 of its message. The vCPU has its context back. */
void vcpu_answer(struct vcpu *vcpu, uint64_t word);

/* The same in two steps: does the answer let the vCPU run (rather than stop it)? Then: takes it. */
static inline bool vcpu_answer_resumes(const struct vcpu *vcpu, uint64_t word)
{
	return vcpu->message.routed || (word & BH_RESUME_STOP) == 0;
}
void vcpu_answer_deliver(struct vcpu *vcpu, uint64_t word);

/* Nobody will answer: a routed access becomes the exit ROUTE_FAILED, an exit stops the vCPU. */
void vcpu_send_failed(struct vcpu *vcpu);

/* The back end, with the guest's state still loaded: an OUT of `width` bytes. Is that a doorbell that nobody of higher priority
 * waits for? Then: rings it, and the guest may go on at once. Else nothing is done. */
static inline bool vcpu_ring_doorbell(struct vcpu *vcpu, uint64_t port, uint64_t width)
{
	struct guest_space *guest = guest_space_of((struct space *)vcpu->slots[VCPU_GUEST_SPACE].object);
	uint64_t number = guest->ports[port];
	const struct capability *slot;
	const struct port_route *route;
	struct notification *notification;

	if (number-- == 0) {
		return false;
	}
	route = &guest->routes[number];
	slot = &vcpu->slots[VCPU_ROUTE_FIRST + number];
	/* One that is bound to somebody may end this vCPU's run. */
	notification = (struct notification *)slot->object;
	if (slot->type != BH_OBJECT_NOTIFICATION || port + width > route->first + route->count ||
		notification->bound != NULL || trace_ring.enabled != 0) {
		return false;
	}
	if (notification->waiters.head == NULL) {
		notification->word |= slot->badge;
	} else if (notification->waiters.head->priority <= vcpu->execution.priority) {
		notification_signal(notification, slot->badge);
	} else {
		return false;
	}
	vcpu->exits++;
	return true;
}
