/* SPDX-License-Identifier: MIT */
/* Call and ReplyRecv, the short way (fastpath.h), and its end: the general way, with all registers in the thread. */
#include "ipc/fastpath.h"

#include "ipc/ipc.h"
#include "object/invocation.h"
#include "virt/vcpu.h"

/* Nothing was done: the same system call, the general way. */
_Noreturn static __attribute__((noinline)) void general(uint64_t index, uint64_t info, uint64_t word0,
	uint64_t word1, uint64_t word2, uint64_t word3, uint64_t number)
{
	struct thread *thread = (struct thread *)this_cpu()->current;

	thread->registers.rax = BH_SYSCALL | number;
	thread->registers.rdi = index;
	thread->registers.rsi = info;
	thread->registers.rdx = word0;
	thread->registers.r10 = word1;
	thread->registers.r8 = word2;
	thread->registers.r9 = word3;
	system_call(thread);
	kernel_exit();
}

/* That capability, if it has that type and right; else NULL, whatever the error. */
static ALWAYS_INLINE const struct capability *find(
	const struct thread *thread, uint64_t index, enum bh_object_type type, uint64_t right)
{
	const struct capability *space = &thread->slots[THREAD_CSPACE], *slot;

	if (space->type != BH_OBJECT_CNODE) {
		return NULL;
	}
	slot = cnode_slot((struct cnode *)space->object, index);
	if (slot == NULL || slot->type != type || (slot->rights & right) == 0) {
		return NULL;
	}
	return slot;
}

/* Words beyond the registers, no capabilities: that takes a copy between the buffers. */
static inline bool is_short(uint64_t info) { return (info & 0xffff) <= BH_MESSAGE_REGISTERS; }

static inline bool has_capabilities(uint64_t info) { return (info & 0xff80) != 0; }

_Noreturn static __attribute__((noinline)) void run_long(struct cpu *cpu, struct thread *to,
	struct thread *from, uint64_t badge, uint64_t info, const uint64_t words[BH_MESSAGE_REGISTERS])
{
	fast_run(cpu, to, from, badge, message_transfer_long(from, to, info, false), words[0], words[1],
		words[2], words[3]);
	kernel_exit();
}

void fast_call(uint64_t index, uint64_t info, uint64_t word0, uint64_t word1, uint64_t word2, uint64_t word3)
{
	struct cpu *cpu = this_cpu();
	struct thread *caller = (struct thread *)cpu->current, *receiver = NULL;
	const struct capability *slot = find(caller, index, BH_OBJECT_ENDPOINT, BH_RIGHT_WRITE);
	struct endpoint *endpoint;

	if (slot != NULL) {
		endpoint = (struct endpoint *)slot->object;
		receiver = fast_receiver(cpu, endpoint);
	}
	if (receiver == NULL || (!is_short(info) && has_capabilities(info))) {
		general(index, info, word0, word1, word2, word3, BH_SYS_CALL);
	}

	/* commit */
	fast_lend(cpu, endpoint, &caller->execution, receiver);
	if (!is_short(info)) {
		run_long(cpu, receiver, caller, slot->badge, info,
			(const uint64_t[]){ word0, word1, word2, word3 });
	}
	fast_run(cpu, receiver, caller, slot->badge, info, word0, word1, word2, word3);
	kernel_exit();
}

void fast_reply_receive(
	uint64_t index, uint64_t info, uint64_t word0, uint64_t word1, uint64_t word2, uint64_t word3)
{
	struct cpu *cpu = this_cpu();
	struct thread *server = (struct thread *)cpu->current;
	const struct capability *slot = find(server, index, BH_OBJECT_ENDPOINT, BH_RIGHT_READ);
	const struct capability *reply_slot =
		find(server, server->registers.r12, BH_OBJECT_REPLY, BH_RIGHT_WRITE);
	struct sched_context *context = server->execution.context;
	struct endpoint *endpoint;
	struct execution *caller;
	struct reply *reply;

	/* The caller waits for the context that runs, which is a lent one, and nobody else has a claim on server or CPU. */
	if (slot == NULL || reply_slot == NULL) {
		goto general;
	}
	endpoint = (struct endpoint *)slot->object;
	reply = (struct reply *)reply_slot->object;
	caller = reply->caller;
	if (caller == NULL || reply->holder != server || caller->context != NULL ||
		context == server->execution.own_context || endpoint->state != ENDPOINT_IDLE ||
		server->execution.bound != NULL || cpu->ready_top > caller->priority ||
		!context_is_due(context, caller)) {
		goto general;
	}
	if (caller->kind == EXECUTION_VCPU ? !vcpu_answer_resumes((const struct vcpu *)caller, word0)
					   : ((const struct thread *)caller)->pending_fault != 0 ||
						     (!is_short(info) && has_capabilities(info))) {
		goto general;
	}

	/* commit */
	endpoint->queue.head = &server->execution;
	endpoint->queue.tail = &server->execution;
	endpoint->state = ENDPOINT_RECEIVERS;
	server->receive_reply = reply;
	server->execution.queued_on = endpoint;
	server->execution.holding = NULL;
	server->execution.context = NULL;
	server->execution.state = EXECUTION_RECEIVING;
	reply->receiver = server;
	reply->holder = NULL;
	reply->caller = NULL;
	context->holder = caller;
	caller->context = context;
	caller->waiting_reply = NULL;
	caller->state = EXECUTION_READY;
	cpu->current = caller;
	if (caller->kind == EXECUTION_VCPU) {
		vcpu_answer_deliver((struct vcpu *)caller, word0);
		vcpu_run(cpu, (struct vcpu *)caller);
		kernel_exit();
	}
	if (!is_short(info)) {
		run_long(cpu, (struct thread *)caller, server, 0, info,
			(const uint64_t[]){ word0, word1, word2, word3 });
	}
	fast_run(cpu, (struct thread *)caller, server, 0, info, word0, word1, word2, word3);
	kernel_exit();

general:
	general(index, info, word0, word1, word2, word3, BH_SYS_REPLY_RECV);
}
