/* SPDX-License-Identifier: MIT */
/* Thread invocations, and the end of executions. */
#include "object/invocation.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/entry.h"
#include "arch/x86_64/fpu.h"
#include "ipc/ipc.h"
#include "sched/scheduler.h"
#include "string.h"

#define USER_FLAGS                                                                                   \
	(RFLAGS_CF | 1ul << 2 | 1ul << 4 | 1ul << 6 | 1ul << 7 | RFLAGS_TF | RFLAGS_DF | 1ul << 11 | \
		RFLAGS_AC)

void thread_initialise(struct thread *thread)
{
	thread->execution.kind = EXECUTION_THREAD;
	thread->execution.state = EXECUTION_STOPPED;
	thread->execution.cpu = this_cpu();
	thread->registers.rflags = RFLAGS_IF | RFLAGS_FIXED;
	thread->execution.return_by_iret = true;
	fpu_area_initialise(thread->fpu);
}

static bool is_user_address(uint64_t address) { return address < USER_ADDRESS_END - PAGE_SIZE; }

/* The CPU may still hold the thread's FS and GS base. */
static void take_bases(const struct thread *thread)
{
	struct cpu *cpu = this_cpu();

	if (cpu->bases_owner == thread) {
		user_state_leave(cpu);
	}
}

static enum bh_error check_priorities(const struct thread *caller, uint64_t priority, uint64_t maximum)
{
	uint64_t ceiling = caller->execution.maximum_priority;

	return priority <= ceiling && maximum <= ceiling ? BH_OK : BH_ERROR_PRIORITY;
}

static enum bh_error configure(struct invocation *invocation, struct thread *thread)
{
	static const uint8_t types[THREAD_SLOTS] = { BH_OBJECT_CNODE, BH_OBJECT_ADDRESS_SPACE,
		BH_OBJECT_FRAME, BH_OBJECT_ENDPOINT };
	static const uint8_t rights[THREAD_SLOTS] = { BH_RIGHT_READ, BH_RIGHT_WRITE,
		BH_RIGHT_READ | BH_RIGHT_WRITE, BH_RIGHT_WRITE };
	const uint64_t *argument = invocation->argument;
	uint64_t priority = argument[4] & 0xff, maximum = argument[4] >> 8 & 0xff,
		 flags = argument[4] >> 16 & 0xffff;
	struct capability *source[THREAD_SLOTS];
	enum bh_error error;

	/* decode */
	if (thread->execution.state != EXECUTION_STOPPED) {
		return BH_ERROR_STATE;
	}
	for (unsigned int i = 0; i < THREAD_SLOTS; i++) {
		bool optional = i == THREAD_BUFFER || i == THREAD_FAULT;

		source[i] = NULL;
		if (argument[i] == 0 && optional) {
			continue;
		}
		error = capability_find(invocation->caller, argument[i], types[i], rights[i], &source[i]);
		if (error != BH_OK) {
			return error;
		}
	}
	if (source[THREAD_BUFFER] != NULL && (source[THREAD_BUFFER]->mapping.size_bits != PAGE_SHIFT ||
						     source[THREAD_BUFFER]->mapping.device)) {
		return BH_ERROR_ARGUMENT;
	}
	if ((flags & ~(uint64_t)BH_THREAD_NO_FPU) != 0 || !is_user_address(argument[5])) {
		return BH_ERROR_ARGUMENT;
	}
	error = check_priorities(invocation->caller, priority, maximum);
	if (error != BH_OK) {
		return error;
	}

	/* act; a copy can fail by depth only: the slot stays empty then */
	for (unsigned int i = 0; i < THREAD_SLOTS; i++) {
		if (!capability_is_empty(&thread->slots[i])) {
			capability_delete(&thread->slots[i]);
		}
		if (source[i] != NULL) {
			error = slot_keep(&thread->slots[i], source[i]);
			if (error != BH_OK) {
				return error;
			}
		}
	}
	thread->execution.priority = (uint8_t)priority;
	thread->execution.maximum_priority = (uint8_t)maximum;
	thread->execution.fpu_forbidden = (flags & BH_THREAD_NO_FPU) != 0;
	thread->execution.trust_domain = (uint32_t)(argument[4] >> 32);
	take_bases(thread);
	thread->registers.gs_base = argument[5];
	return teardown_run() ? BH_OK : INVOCATION_RESTART;
}

static enum bh_error read_registers(const struct invocation *invocation, const struct thread *thread)
{
	struct bh_ipc_buffer *buffer = thread_buffer(invocation->caller);

	if (buffer == NULL) {
		return BH_ERROR_NO_BUFFER;
	}
	if (thread->execution.state != EXECUTION_STOPPED && thread->pending_fault == 0) {
		return BH_ERROR_STATE;
	}
	take_bases(thread);
	memcpy(buffer->words, &thread->registers, sizeof(thread->registers));
	return BH_OK;
}

static enum bh_error write_registers(const struct invocation *invocation, struct thread *thread)
{
	const struct bh_ipc_buffer *buffer = thread_buffer(invocation->caller);
	struct bh_thread_registers registers;

	if (buffer == NULL) {
		return BH_ERROR_NO_BUFFER;
	}
	if (thread->execution.state != EXECUTION_STOPPED && thread->pending_fault == 0) {
		return BH_ERROR_STATE;
	}
	memcpy(&registers, buffer->words, sizeof(registers));
	if (!is_user_address(registers.rip) || !is_user_address(registers.fs_base) ||
		!is_user_address(registers.gs_base)) {
		return BH_ERROR_ARGUMENT;
	}
	registers.rflags = (registers.rflags & USER_FLAGS) | RFLAGS_IF | RFLAGS_FIXED;
	take_bases(thread);
	thread->registers = registers;
	thread->execution.return_by_iret = true;
	return BH_OK;
}

static enum bh_error receive(const struct invocation *invocation, struct thread *thread)
{
	struct capability *endpoint, *reply;
	enum bh_error error;

	error = capability_find(
		invocation->caller, invocation->argument[0], BH_OBJECT_ENDPOINT, BH_RIGHT_READ, &endpoint);
	if (error != BH_OK) {
		return error;
	}
	error = capability_find(
		invocation->caller, invocation->argument[1], BH_OBJECT_REPLY, BH_RIGHT_WRITE, &reply);
	if (error != BH_OK) {
		return error;
	}
	if (thread->execution.state != EXECUTION_STOPPED) {
		return BH_ERROR_STATE;
	}
	return endpoint_receive(
		(struct endpoint *)endpoint->object, thread, (struct reply *)reply->object, true);
}

static enum bh_error set_priority(const struct invocation *invocation, struct thread *thread)
{
	uint64_t priority = invocation->argument[0] & 0xff, maximum = invocation->argument[0] >> 8 & 0xff;
	enum bh_error error = check_priorities(invocation->caller, priority, maximum);

	if (error != BH_OK) {
		return error;
	}
	thread->execution.priority = (uint8_t)priority;
	thread->execution.maximum_priority = (uint8_t)maximum;
	if (thread->execution.in_ready_queue) {
		scheduler_update(&thread->execution);
	} else {
		this_cpu()->reschedule = true;
	}
	return BH_OK;
}

enum bh_error thread_invoke(struct invocation *invocation)
{
	struct thread *thread = (struct thread *)invocation->slot->object;

	if ((invocation->slot->rights & BH_RIGHT_WRITE) == 0) {
		return BH_ERROR_RIGHTS;
	}
	switch (invocation->label) {
	case BH_THREAD_CONFIGURE:
		return configure(invocation, thread);
	case BH_THREAD_READ_REGISTERS:
		return read_registers(invocation, thread);
	case BH_THREAD_WRITE_REGISTERS:
		return write_registers(invocation, thread);
	case BH_THREAD_SUSPEND:
		ipc_cancel(&thread->execution, BH_ERROR_CANCELLED);
		return BH_OK;
	case BH_THREAD_RESUME:
		if (thread->execution.state == EXECUTION_STOPPED) {
			scheduler_make_ready(&thread->execution);
		}
		return BH_OK;
	case BH_THREAD_BIND_NOTIFICATION:
		return execution_bind_notification(invocation, &thread->execution);
	case BH_THREAD_UNBIND_NOTIFICATION:
		notification_unbind(&thread->execution);
		return BH_OK;
	case BH_THREAD_RECEIVE:
		return receive(invocation, thread);
	case BH_THREAD_SET_UPCALL:
		if (!is_user_address(invocation->argument[0])) {
			return BH_ERROR_ARGUMENT;
		}
		thread->upcall = invocation->argument[0];
		return BH_OK;
	case BH_THREAD_SET_PRIORITY:
		return set_priority(invocation, thread);
	default:
		return BH_ERROR_INVOCATION;
	}
}

void execution_end(struct execution *execution)
{
	struct cpu *cpu = execution->cpu;

	ipc_cancel(execution, BH_ERROR_CANCELLED);
	notification_unbind(execution);
	/* A context that was lent to it waits in the Reply for whoever answers or deletes that. */
	if (execution->kind == EXECUTION_THREAD) {
		context_set_aside((struct thread *)execution);
	}
	(void)context_take(execution);
	if (execution->own_context != NULL) {
		execution->own_context->home = NULL;
		execution->own_context = NULL;
	}
	if (cpu->current == execution) {
		cpu->current = NULL;
		cpu->reschedule = true;
	}
	if (cpu->fpu_owner == execution) {
		cpu->fpu_owner = NULL;
	}
}

void thread_stop_for_good(struct thread *thread)
{
	if (this_cpu()->bases_owner == thread) {
		this_cpu()->bases_owner = NULL;
	}
	execution_end(&thread->execution);
}

void reply_end(struct reply *reply)
{
	reply_abandon(reply);
	if (reply->receiver != NULL) {
		reply->receiver->receive_reply = NULL;
		reply->receiver = NULL;
	}
}
