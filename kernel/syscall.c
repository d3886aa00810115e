/* SPDX-License-Identifier: MIT */
/* System calls: decode everything, then act. */
#include "arch/x86_64/entry.h"
#include "ipc/ipc.h"
#include "ipc/open_call.h"
#include "object/invocation.h"
#include "sched/scheduler.h"
#include "trace.h"

#define SYSCALL_INSTRUCTION_LENGTH 2

static enum bh_error do_send(struct thread *thread, bool is_call, bool blocking)
{
	struct capability *slot;
	enum bh_error error =
		capability_find(thread, thread->registers.rdi, BH_OBJECT_ENDPOINT, BH_RIGHT_WRITE, &slot);

	if (error != BH_OK) {
		return error;
	}
	return endpoint_send((struct endpoint *)slot->object, &thread->execution, slot->badge,
		(slot->rights & BH_RIGHT_GRANT) != 0, is_call, blocking);
}

static enum bh_error do_receive(struct thread *thread, bool answer, bool blocking)
{
	struct capability *endpoint, *reply_slot;
	struct reply *reply = NULL;
	enum bh_error error;

	error = capability_find(thread, thread->registers.rdi, BH_OBJECT_ENDPOINT, BH_RIGHT_READ, &endpoint);
	if (error != BH_OK) {
		return error;
	}
	if (thread->registers.r12 != 0 || answer) {
		error = capability_find(
			thread, thread->registers.r12, BH_OBJECT_REPLY, BH_RIGHT_WRITE, &reply_slot);
		if (error != BH_OK) {
			return error;
		}
		reply = (struct reply *)reply_slot->object;
	}
	if (answer) {
		/* Before the answer, after which a passive server has no context to go on with if it is preempted. */
		if (!endpoint_refuse((struct endpoint *)endpoint->object, thread, reply)) {
			return INVOCATION_RESTART;
		}
		reply_answer(reply, thread);
	}
	return endpoint_receive((struct endpoint *)endpoint->object, thread, reply, blocking);
}

static enum bh_error do_reply(struct thread *thread)
{
	struct capability *slot;
	enum bh_error error =
		capability_find(thread, thread->registers.rdi, BH_OBJECT_REPLY, BH_RIGHT_WRITE, &slot);

	if (error == BH_OK) {
		reply_answer((struct reply *)slot->object, thread);
	}
	return error;
}

static enum bh_error do_wait(struct thread *thread)
{
	struct capability *slot;
	enum bh_error error =
		capability_find(thread, thread->registers.rdi, BH_OBJECT_NOTIFICATION, BH_RIGHT_READ, &slot);

	if (error == BH_OK) {
		notification_wait((struct notification *)slot->object, thread);
	}
	return error;
}

static enum bh_error do_invoke(struct thread *thread)
{
	struct bh_thread_registers *registers = &thread->registers;
	struct invocation invocation = {
		.caller = thread,
		.slot = capability_lookup(thread, registers->rdi),
		.label = registers->rsi,
		.argument = { registers->rdx, registers->r10, registers->r8, registers->r9, registers->r12,
			registers->r13 },
	};
	enum bh_error error;

	if (invocation.slot == NULL) {
		return BH_ERROR_CAPABILITY;
	}
	thread->execution.cpu->invocations++;
	trace_record(BH_TRACE_CAPABILITY, (uint32_t)registers->rsi, thread);
	error = invoke(&invocation);
	if (error == BH_OK) {
		registers->rdx = invocation.result[0];
		registers->r10 = invocation.result[1];
		registers->r8 = invocation.result[2];
		registers->r9 = invocation.result[3];
	}
	return error;
}

/* A number that is not ours: the task's own runtime serves it, with the registers as they were; rcx and r11 hold return
 * address and flags as SYSCALL put them there. */
static void upcall(struct thread *thread)
{
	if (thread->upcall == 0) {
		thread_fault(thread, BH_FAULT_SYSCALL, 0, thread->registers.rax);
		return;
	}
	thread->registers.rip = thread->upcall;
	thread->execution.return_by_iret = true;
}

static enum bh_error dispatch(struct thread *thread, uint64_t number)
{
	switch (number) {
	case BH_SYS_CALL:
		return do_send(thread, true, true);
	case BH_SYS_REPLY_RECV:
		return do_receive(thread, true, true);
	case BH_SYS_SEND:
		return do_send(thread, false, true);
	case BH_SYS_NB_SEND:
		return do_send(thread, false, false);
	case BH_SYS_RECV:
		return do_receive(thread, false, true);
	case BH_SYS_NB_RECV:
		return do_receive(thread, false, false);
	case BH_SYS_REPLY:
		return do_reply(thread);
	case BH_SYS_WAIT:
		return do_wait(thread);
	case BH_SYS_INVOKE:
		return do_invoke(thread);
	case BH_SYS_YIELD:
		scheduler_yield(thread->execution.cpu);
		return BH_OK;
	default:
		return BH_ERROR_SYSCALL;
	}
}

void system_call(struct thread *thread)
{
	uint64_t number = thread->registers.rax;
	enum bh_error error;

	kernel_entered(thread->execution.cpu);
	if ((number & BH_SYSCALL) == 0) {
		upcall(thread);
		return;
	}
	/* Operations that block write rax themselves when they end. */
	thread->registers.rax = BH_OK;
	error = dispatch(thread, number & ~BH_SYSCALL);
	if (error == INVOCATION_RESTART) {
		thread->registers.rax = number;
		thread->registers.rip -= SYSCALL_INSTRUCTION_LENGTH;
	} else if (error != BH_OK) {
		thread->registers.rax = error;
	}
}

/* Signal and Poll. Where somebody may be woken, what is open is written down first. Else only the word changes, at which no short way
 * looks. */
static enum bh_error notification_light(struct cpu *cpu, struct light_registers *registers, uint64_t number)
{
	struct notification *notification;
	struct capability *slot;
	enum bh_error error = capability_find((const struct thread *)cpu->current, registers->rdi,
		BH_OBJECT_NOTIFICATION, number == BH_SYS_SIGNAL ? BH_RIGHT_WRITE : BH_RIGHT_READ, &slot);

	if (error != BH_OK) {
		return error;
	}
	notification = (struct notification *)slot->object;
	if (notification->waiters.head != NULL || notification->bound != NULL) {
		kernel_entered(cpu);
	}
	if (number == BH_SYS_SIGNAL) {
		notification_signal(notification, slot->badge, (registers->rsi & BH_SIGNAL_PATIENT) != 0);
	} else {
		registers->rsi = BH_MESSAGE_SIGNAL;
		registers->rdi = notification->word;
		notification->word = 0;
	}
	return BH_OK;
}

/* Arm of a timer, to a deadline that is still to come: changes nothing but when the next interrupt comes. */
static bool timer_arm_light(struct cpu *cpu, struct light_registers *registers)
{
	struct capability *slot;

	if (cpu->tracing ||
		capability_find((const struct thread *)cpu->current, registers->rdi, BH_OBJECT_TIMER,
			BH_RIGHT_WRITE, &slot) != BH_OK ||
		!timer_arm((struct timer *)slot->object, registers->rdx)) {
		return false;
	}
	registers->rdx = 0; /* results, as of every invocation */
	registers->r10 = 0;
	registers->r8 = 0;
	registers->r9 = 0;
	return true;
}

uint64_t system_call_light(struct light_registers *registers, uint64_t number)
{
	struct cpu *cpu = this_cpu();

	if (number != BH_SYS_INVOKE) {
		return notification_light(cpu, registers, number);
	}
	return timer_arm_light(cpu, registers) ? BH_OK : BH_SYSCALL | number;
}
