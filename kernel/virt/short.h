/* SPDX-License-Identifier: MIT */
/* The short ways of a vCPU: from its exit to a handler that waits, and back into the guest (ipc/open_call.h says why nothing is
 * written down). Inline: a back end's exit goes to the handler without a call. The way back names the one back end that there is
 * (svm_short.h); a second one is a branch in vcpu_resume. */
#pragma once

#include "ipc/fastpath.h"
#include "virt/backend.h"
#include "virt/svm_short.h"
#include "virt/vcpu.h"

/* To a handler that waits: its call is left open, and this does not come back. Else nothing was done. */
static ALWAYS_INLINE void send_short(struct cpu *cpu, struct vcpu *vcpu, const struct capability *slot,
	uint32_t reason_or_route, bool routed, uint64_t info, uint64_t word0, uint64_t word1, uint64_t word2,
	uint64_t word3)
{
	struct endpoint *endpoint = (struct endpoint *)slot->object;
	struct thread *receiver;

	if (slot->type != BH_OBJECT_ENDPOINT || !open_call_is_ready(cpu, endpoint)) {
		return;
	}
	receiver = (struct thread *)endpoint->queue.head;

	/* commit */
	vcpu->message.reason_or_route = reason_or_route;
	vcpu->message.routed = routed;
	vcpu->waiting_since = rdtsc();
	open_call_begin(cpu, endpoint, &vcpu->execution, receiver);
	user_state_enter(cpu, receiver);
	fast_run(cpu, receiver, NULL, slot->badge, info, word0, word1, word2, word3);
}

/* The back end: the guest left. Registers, rip, rflags, events and what the exit's mask names are in the state page. */
static ALWAYS_INLINE _Noreturn void vcpu_exited(struct cpu *cpu, struct vcpu *vcpu, uint32_t reason,
	uint32_t length, uint64_t qualification, uint64_t information)
{
	uint64_t word0 = reason | (uint64_t)length << 8;

	vcpu->exits++;
	send_short(cpu, vcpu, &vcpu->slots[VCPU_EXIT_FIRST + reason], reason, false,
		BH_MESSAGE_INFO(BH_LABEL_EXIT, 4, 0), word0, qualification, information, ++vcpu->sequence);
	vcpu_exited_long(cpu, vcpu, reason, word0, qualification, information);
}

/* The same of a port access that the kernel may complete: nothing follows it (single step, breakpoint), and memory has no part in it
 * (string forms). `access` is qualification of BH_EXIT_PORT; only the registers are in the page. Who owns the whole range that is
 * accessed gets it. */
static ALWAYS_INLINE _Noreturn void vcpu_port_exited(
	struct cpu *cpu, struct vcpu *vcpu, uint64_t access, uint64_t next_rip)
{
	const struct guest_space *guest =
		guest_space_of((struct space *)vcpu->slots[VCPU_GUEST_SPACE].object);
	uint64_t port = BH_PORT_OFFSET(access), width = BH_PORT_WIDTH(access), number = guest->ports[port];
	const struct port_route *route = &guest->routes[number - 1];
	const struct capability *slot = &vcpu->slots[VCPU_ROUTE_FIRST + number - 1];

	vcpu->exits++;
	if (number == 0 || port + width > route->first + route->count) {
		vcpu_port_exited_long(cpu, vcpu, access, next_rip, 0);
	}
	if (slot->type != BH_OBJECT_ENDPOINT) {
		vcpu_port_exited_long(cpu, vcpu, access, next_rip, number);
	}
	vcpu->access_value = (access & BH_PORT_IN) != 0
				     ? 0
				     : state_of(vcpu)->registers[BH_RAX] & (0xffffffff >> (32 - width * 8));
	vcpu->access_word = access - ((uint64_t)route->first << 16) + ((uint64_t)vcpu->number << 32);
	vcpu->access_port = port;
	vcpu->access_next_rip = next_rip;
	send_short(cpu, vcpu, slot, (uint32_t)number - 1, true, BH_MESSAGE_INFO(BH_LABEL_PORT, 3, 0),
		vcpu->access_word, vcpu->access_value, ++vcpu->sequence, 0);
	vcpu_routed_long(cpu, vcpu, slot, (uint32_t)number - 1);
}

/* The value that was read goes where an IN of that width puts it. */
static ALWAYS_INLINE void vcpu_merge(struct vcpu *vcpu, uint64_t value)
{
	uint64_t *rax = &state_of(vcpu)->registers[BH_RAX];
	uint64_t access = vcpu->access_word;

	if ((access & BH_PORT_IN) == 0) {
		return;
	}
	if (BH_PORT_WIDTH(access) == 1) {
		*(uint8_t *)rax = (uint8_t)value;
	} else if (BH_PORT_WIDTH(access) == 2) {
		*(uint16_t *)rax = (uint16_t)value;
	} else {
		*rax = value & 0xffffffff;
	}
}

/* The answer to an open call of current, a vCPU, whose handler has gone back to wait; it resumes. */
static ALWAYS_INLINE _Noreturn void vcpu_resume(struct cpu *cpu, struct vcpu *vcpu, uint64_t word)
{
	if (vcpu->message.routed) {
		vcpu_merge(vcpu, word);
		complete_port(vmcb_of(vcpu), vcpu->access_next_rip);
		svm_resume(cpu, vcpu, false);
	} else {
		if (word == 0) {
			svm_resume(cpu, vcpu, true);
		}
		if (word != 0 || !backend_load_base(vcpu)) {
			vcpu_answer_deliver(vcpu, word);
		}
	}
	vcpu_run(cpu, vcpu);
	kernel_exit();
}

/* The doorbell that a plain OUT of `width` bytes goes to, or NULL. One that is bound to somebody may end the vCPU's run: that is none. */
static ALWAYS_INLINE const struct capability *vcpu_doorbell(
	const struct vcpu *vcpu, uint64_t port, uint64_t width)
{
	const struct guest_space *guest =
		guest_space_of((struct space *)vcpu->slots[VCPU_GUEST_SPACE].object);
	uint64_t number = guest->ports[port];
	const struct port_route *route = &guest->routes[number - 1];
	const struct capability *slot = &vcpu->slots[VCPU_ROUTE_FIRST + number - 1];

	__asm__("" : "+r"(slot)); /* gcc would make this address again at each use */
	if (number == 0 || slot->type != BH_OBJECT_NOTIFICATION ||
		port + width > route->first + route->count ||
		((const struct notification *)slot->object)->bound != NULL) {
		return NULL;
	}
	return slot;
}
