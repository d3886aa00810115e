/* SPDX-License-Identifier: MIT */
/* Call and ReplyRecv, the short way (fastpath.h), and its end: the general way, with all registers in the thread. */
#include "ipc/fastpath.h"

#include "ipc/ipc.h"
#include "object/invocation.h"
#include "virt/short.h"

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
}

/* To another thread, with the message of `from`, whose bases the CPU holds. */
_Noreturn static ALWAYS_INLINE void run(struct cpu *cpu, struct thread *to, struct thread *from,
	uint64_t badge, uint64_t info, uint64_t word0, uint64_t word1, uint64_t word2, uint64_t word3)
{
	if (!is_short(info)) {
		run_long(cpu, to, from, badge, info, (const uint64_t[]){ word0, word1, word2, word3 });
	}
	fast_run(cpu, to, from, badge, info, word0, word1, word2, word3);
}

void fast_call(uint64_t index, uint64_t info, uint64_t word0, uint64_t word1, uint64_t word2, uint64_t word3)
{
	struct cpu *cpu = this_cpu();
	struct thread *caller = (struct thread *)cpu->current;
	const struct capability *slot = find(caller, index, BH_OBJECT_ENDPOINT, BH_RIGHT_WRITE);
	const struct execution *before = caller->execution.open_caller;
	struct endpoint *endpoint;

	/* At most two calls are open, so that writing them down is bounded. */
	if (slot == NULL || (before != NULL && before->open_caller != NULL) ||
		(!is_short(info) && has_capabilities(info)) ||
		!open_call_is_ready(cpu, (struct endpoint *)slot->object)) {
		general(index, info, word0, word1, word2, word3, BH_SYS_CALL);
	}
	endpoint = (struct endpoint *)slot->object;

	/* commit */
	struct thread *receiver = (struct thread *)endpoint->queue.head;

	open_call_begin(cpu, endpoint, &caller->execution, receiver);
	run(cpu, receiver, caller, slot->badge, info, word0, word1, word2, word3);
}

/* The server stands in a ReplyRecv with these. */
static ALWAYS_INLINE void found(
	const struct cpu *cpu, struct thread *server, uint64_t endpoint, uint64_t reply)
{
	server->found_after = cpu->invocations;
	server->found_endpoint = endpoint;
	server->found_reply = reply;
}

/* A call that was written down is answered, and nobody else has a claim on server or CPU: the caller waits for the context that runs,
 * which is a lent one. false: nothing was done. */
static ALWAYS_INLINE bool answer_written(
	struct cpu *cpu, struct thread *server, uint64_t index, uint64_t info, uint64_t word0)
{
	const struct capability *slot = find(server, index, BH_OBJECT_ENDPOINT, BH_RIGHT_READ);
	const struct capability *reply_slot =
		find(server, server->registers.r12, BH_OBJECT_REPLY, BH_RIGHT_WRITE);
	struct sched_context *context = server->execution.context;
	struct endpoint *endpoint;
	struct execution *caller;
	struct reply *reply;

	if (slot == NULL || reply_slot == NULL) {
		return false;
	}
	endpoint = (struct endpoint *)slot->object;
	reply = (struct reply *)reply_slot->object;
	caller = reply->caller;
	if (caller == NULL || reply->holder != server || caller->context != NULL ||
		context == server->execution.own_context || endpoint->state != ENDPOINT_IDLE ||
		server->execution.bound != NULL || cpu->ready_top > caller->priority ||
		!context_is_due(context, caller)) {
		return false;
	}
	if (caller->kind == EXECUTION_VCPU
			? !vcpu_answer_resumes((const struct vcpu *)caller, word0)
			: ((const struct thread *)caller)->pending_fault != 0 ||
				  (!is_short(info) && has_capabilities(info)) ||
				  caller->switch_key != cpu->switch_key ||
				  ((const struct thread *)caller)->slots[THREAD_VSPACE].type !=
					  BH_OBJECT_ADDRESS_SPACE) {
		return false;
	}

	/* commit */
	found(cpu, server, index, server->registers.r12);
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
	return true;
}

/* The same where the call was not open, or is not any more. */
_Noreturn static __attribute__((noinline)) void reply_receive_written(
	uint64_t index, uint64_t info, uint64_t word0, uint64_t word1, uint64_t word2, uint64_t word3)
{
	struct cpu *cpu = this_cpu();
	struct thread *server = (struct thread *)cpu->current;

	if (!answer_written(cpu, server, index, info, word0)) {
		general(index, info, word0, word1, word2, word3, BH_SYS_REPLY_RECV);
	}
	if (cpu->current->kind == EXECUTION_VCPU) {
		vcpu_answer_deliver((struct vcpu *)cpu->current, word0);
		vcpu_run(cpu, (struct vcpu *)cpu->current);
		kernel_exit();
	}
	run(cpu, (struct thread *)cpu->current, server, 0, info, word0, word1, word2, word3);
}

/* The answer to the server's open call; it receives again where and with what it received that. */
_Noreturn static ALWAYS_INLINE void answer_open(struct cpu *cpu, struct thread *server,
	struct execution *caller, uint64_t index, uint64_t info, uint64_t word0, uint64_t word1,
	uint64_t word2, uint64_t word3)
{
	if (caller->kind == EXECUTION_VCPU ? !vcpu_answer_resumes((const struct vcpu *)caller, word0)
					   : !is_short(info) && has_capabilities(info)) {
		general(index, info, word0, word1, word2, word3, BH_SYS_REPLY_RECV);
	}

	/* commit */
	open_call_end(cpu, server->execution.queued_on, caller, server);
	if (caller->kind == EXECUTION_VCPU) {
		vcpu_resume(cpu, (struct vcpu *)caller, word0);
	}
	run(cpu, (struct thread *)caller, server, 0, info, word0, word1, word2, word3);
}

/* The same where that is not known: else it goes the general way. */
_Noreturn static __attribute__((noinline)) void answer_open_first(
	uint64_t index, uint64_t info, uint64_t word0, uint64_t word1, uint64_t word2, uint64_t word3)
{
	struct cpu *cpu = this_cpu();
	struct thread *server = (struct thread *)cpu->current;
	const struct capability *endpoint = find(server, index, BH_OBJECT_ENDPOINT, BH_RIGHT_READ);
	const struct capability *reply = find(server, server->registers.r12, BH_OBJECT_REPLY, BH_RIGHT_WRITE);

	if (endpoint == NULL || reply == NULL || (void *)endpoint->object != server->execution.queued_on ||
		(struct reply *)reply->object != server->receive_reply) {
		general(index, info, word0, word1, word2, word3, BH_SYS_REPLY_RECV);
	}
	found(cpu, server, index, server->registers.r12);
	answer_open(cpu, server, server->execution.open_caller, index, info, word0, word1, word2, word3);
}

void fast_reply_receive(
	uint64_t index, uint64_t info, uint64_t word0, uint64_t word1, uint64_t word2, uint64_t word3)
{
	struct cpu *cpu = this_cpu();
	struct thread *server = (struct thread *)cpu->current;
	struct execution *caller = server->execution.open_caller;

	if (caller == NULL) {
		reply_receive_written(index, info, word0, word1, word2, word3);
	}
	if (server->found_after != cpu->invocations || server->found_endpoint != index ||
		server->found_reply != server->registers.r12) {
		answer_open_first(index, info, word0, word1, word2, word3);
	}
	answer_open(cpu, server, caller, index, info, word0, word1, word2, word3);
}
