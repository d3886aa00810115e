/* SPDX-License-Identifier: MIT */
/* System calls and invocations as inline functions: the register convention of abi.h, and nothing else.
 * No libc, no FPU, no stack beyond the caller's frame: usable in handler threads and before any runtime is up. */
#pragma once

#include <bulkhead/abi.h>
#include <bulkhead/invocation.h>

#include <stdint.h>

#define BH_MUST_USE __attribute__((warn_unused_result))
#define BH_INLINE static inline __attribute__((always_inline))

/* A message as it travels in registers. In: info (BH_MESSAGE_INFO) and words are sent. Out: what was received, badge too.
 * Words from 4 on stand in the thread's IPC buffer. Only words below BH_MESSAGE_WORDS(info) mean anything. */
struct bh_message {
	uint64_t info;
	uint64_t word[BH_MESSAGE_REGISTERS];
	uint64_t badge;
};

/* Results of an invocation: r0..r3 of invocation.h. */
struct bh_results {
	uint64_t r[BH_MESSAGE_REGISTERS];
};

/* The one place that executes SYSCALL. Everything but rcx, r11 and the registers listed as results is kept by the kernel. */
BH_INLINE enum bh_error bh_system_call(
	uint64_t number, struct bh_message *message, uint64_t capability, uint64_t a4, uint64_t a5)
{
	uint64_t rax = BH_SYSCALL | number;
	uint64_t rdi = capability;
	uint64_t rsi = message->info;
	uint64_t rdx = message->word[0];
	register uint64_t r10 __asm__("r10") = message->word[1];
	register uint64_t r8 __asm__("r8") = message->word[2];
	register uint64_t r9 __asm__("r9") = message->word[3];
	register uint64_t r12 __asm__("r12") = a4;
	register uint64_t r13 __asm__("r13") = a5;

	__asm__ volatile("syscall"
			 : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8), "+r"(r9)
			 : "r"(r12), "r"(r13)
			 : "rcx", "r11", "memory");
	message->badge = rdi;
	message->info = rsi;
	message->word[0] = rdx;
	message->word[1] = r10;
	message->word[2] = r8;
	message->word[3] = r9;
	return (enum bh_error)rax;
}

/* ---- Messages ------------------------------------------------------------------------------------------------------ */

/* Sends `message` on `endpoint` (needs write) and blocks for the answer, which replaces it. CANCELLED: the receiver went
 * away in the middle, or the endpoint was deleted. Any error of decoding: nothing was sent. */
BH_INLINE BH_MUST_USE enum bh_error bh_call(uint64_t endpoint, struct bh_message *message)
{
	return bh_system_call(BH_SYS_CALL, message, endpoint, 0, 0);
}

/* As bh_call() with a message of three words or fewer, `info` says how many; *answer is word 0 of the answer. */
BH_INLINE BH_MUST_USE enum bh_error bh_call_words(
	uint64_t endpoint, uint64_t info, uint64_t word0, uint64_t word1, uint64_t word2, uint64_t *answer)
{
	uint64_t rax = BH_SYSCALL | BH_SYS_CALL;
	uint64_t rdi = endpoint;
	uint64_t rsi = info;
	uint64_t rdx = word0;
	register uint64_t r10 __asm__("r10") = word1;
	register uint64_t r8 __asm__("r8") = word2;
	register uint64_t r9 __asm__("r9");

	__asm__ volatile("syscall"
			 : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8), "=r"(r9)
			 :
			 : "rcx", "r11", "memory");
	*answer = rdx;
	return (enum bh_error)rax;
}

/* Answers the caller that waits in `reply` (if any) with `message`, then waits on `endpoint` for the next one. */
BH_INLINE BH_MUST_USE enum bh_error bh_reply_receive(
	uint64_t endpoint, uint64_t reply, struct bh_message *message)
{
	return bh_system_call(BH_SYS_REPLY_RECV, message, endpoint, reply, 0);
}

/* As bh_reply_receive() with an answer of one word, `value`, label BH_LABEL_NONE: what loops use that answer the same
 * few questions for ever. Words 1 to 3 of the answer are whatever these registers hold: they are no part of it. */
BH_INLINE BH_MUST_USE enum bh_error bh_reply_word_receive(
	uint64_t endpoint, uint64_t reply, uint64_t value, struct bh_message *message)
{
	uint64_t rax = BH_SYSCALL | BH_SYS_REPLY_RECV;
	uint64_t rdi = endpoint;
	uint64_t rsi = BH_MESSAGE_INFO(BH_LABEL_NONE, 1, 0);
	uint64_t rdx = value;
	register uint64_t r10 __asm__("r10");
	register uint64_t r8 __asm__("r8");
	register uint64_t r9 __asm__("r9");
	register uint64_t r12 __asm__("r12") = reply;

	__asm__ volatile("syscall"
			 : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "=r"(r10), "=r"(r8), "=r"(r9)
			 : "r"(r12)
			 : "rcx", "r11", "memory");
	message->badge = rdi;
	message->info = rsi;
	message->word[0] = rdx;
	message->word[1] = r10;
	message->word[2] = r8;
	message->word[3] = r9;
	return (enum bh_error)rax;
}

/* Waits on `endpoint` (needs read) for a message, or for a signal of the bound notification (info BH_MESSAGE_SIGNAL). */
BH_INLINE BH_MUST_USE enum bh_error bh_receive(uint64_t endpoint, uint64_t reply, struct bh_message *message)
{
	message->info = 0;
	return bh_system_call(BH_SYS_RECV, message, endpoint, reply, 0);
}

/* As bh_receive; WOULD_BLOCK where nothing waits. */
BH_INLINE BH_MUST_USE enum bh_error bh_receive_if_waiting(
	uint64_t endpoint, uint64_t reply, struct bh_message *message)
{
	message->info = 0;
	return bh_system_call(BH_SYS_NB_RECV, message, endpoint, reply, 0);
}

/* Blocks until a receiver takes the message; no answer. */
BH_INLINE BH_MUST_USE enum bh_error bh_send(uint64_t endpoint, const struct bh_message *message)
{
	struct bh_message copy = *message;

	return bh_system_call(BH_SYS_SEND, &copy, endpoint, 0, 0);
}

/* As bh_send, but the message is dropped where no receiver waits. */
BH_INLINE BH_MUST_USE enum bh_error bh_send_if_waiting(uint64_t endpoint, const struct bh_message *message)
{
	struct bh_message copy = *message;

	return bh_system_call(BH_SYS_NB_SEND, &copy, endpoint, 0, 0);
}

/* Answers the caller that waits in `reply`, without receiving. */
BH_INLINE BH_MUST_USE enum bh_error bh_reply(uint64_t reply, const struct bh_message *message)
{
	struct bh_message copy = *message;

	return bh_system_call(BH_SYS_REPLY, &copy, reply, 0, 0);
}

/* ---- Notifications ------------------------------------------------------------------------------------------------- */

/* ORs the capability's badge into the notification (needs write). */
BH_INLINE BH_MUST_USE enum bh_error bh_signal(uint64_t notification)
{
	struct bh_message message = { 0 };

	return bh_system_call(BH_SYS_SIGNAL, &message, notification, 0, 0);
}

/* The same, but a vCPU that is woken by it goes behind the others of its priority, not before them: nobody waits for what it is told. */
BH_INLINE BH_MUST_USE enum bh_error bh_signal_patiently(uint64_t notification)
{
	struct bh_message message = { .info = BH_SIGNAL_PATIENT };

	return bh_system_call(BH_SYS_SIGNAL, &message, notification, 0, 0);
}

/* Blocks until the notification's word is not zero (needs read); *word = that word, which is cleared. */
BH_INLINE BH_MUST_USE enum bh_error bh_wait(uint64_t notification, uint64_t *word)
{
	struct bh_message message = { 0 };
	enum bh_error error = bh_system_call(BH_SYS_WAIT, &message, notification, 0, 0);

	*word = message.badge;
	return error;
}

/* As bh_wait, but *word = 0 at once where nothing was signalled. */
BH_INLINE BH_MUST_USE enum bh_error bh_poll(uint64_t notification, uint64_t *word)
{
	struct bh_message message = { 0 };
	enum bh_error error = bh_system_call(BH_SYS_POLL, &message, notification, 0, 0);

	*word = message.badge;
	return error;
}

/* Goes to the end of its own priority's queue. */
BH_INLINE void bh_yield(void)
{
	struct bh_message message = { 0 };

	(void)bh_system_call(BH_SYS_YIELD, &message, 0, 0, 0);
}

/* ---- Invocations: arguments, results and errors as invocation.h lists them ------------------------------------------- */

/* Any invocation, with all arguments; `results` may be NULL. */
BH_INLINE BH_MUST_USE enum bh_error bh_invoke(uint64_t capability, enum bh_invocation invocation, uint64_t a0,
	uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5, struct bh_results *results)
{
	struct bh_message message = { .info = (uint64_t)invocation, .word = { a0, a1, a2, a3 } };
	enum bh_error error = bh_system_call(BH_SYS_INVOKE, &message, capability, a4, a5);

	if (results != 0) {
		for (unsigned int i = 0; i < BH_MESSAGE_REGISTERS; i++) {
			results->r[i] = message.word[i];
		}
	}
	return error;
}

BH_INLINE BH_MUST_USE enum bh_error bh_untyped_retype(uint64_t untyped, enum bh_object_type type,
	uint64_t size_bits, uint64_t cnode, uint64_t first_slot, uint64_t count)
{
	return bh_invoke(
		untyped, BH_UNTYPED_RETYPE, (uint64_t)type, size_bits, cnode, first_slot, count, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_cnode_copy(
	uint64_t cnode, uint64_t slot, uint64_t source_cnode, uint64_t source_slot, uint64_t rights)
{
	return bh_invoke(cnode, BH_CNODE_COPY, slot, source_cnode, source_slot, rights, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_cnode_mint(uint64_t cnode, uint64_t slot, uint64_t source_cnode,
	uint64_t source_slot, uint64_t rights, uint64_t badge)
{
	return bh_invoke(cnode, BH_CNODE_MINT, slot, source_cnode, source_slot, rights, badge, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_cnode_move(
	uint64_t cnode, uint64_t slot, uint64_t source_cnode, uint64_t source_slot)
{
	return bh_invoke(cnode, BH_CNODE_MOVE, slot, source_cnode, source_slot, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_cnode_delete(uint64_t cnode, uint64_t slot)
{
	return bh_invoke(cnode, BH_CNODE_DELETE, slot, 0, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_cnode_revoke(uint64_t cnode, uint64_t slot)
{
	return bh_invoke(cnode, BH_CNODE_REVOKE, slot, 0, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_cnode_rotate(
	uint64_t cnode, uint64_t destination, uint64_t pivot, uint64_t source)
{
	return bh_invoke(cnode, BH_CNODE_ROTATE, destination, pivot, source, 0, 0, 0, 0);
}

/* What CNODE_INSPECT tells of a slot; type BH_OBJECT_NULL for an empty one (where the kernel answers BH_OK for it). */
struct bh_capability_facts {
	enum bh_object_type type;
	uint32_t rights;
	uint32_t size_bits;
	uint64_t badge;
	uint64_t identity;
	uint64_t depth;
};

BH_INLINE BH_MUST_USE enum bh_error bh_cnode_inspect(
	uint64_t cnode, uint64_t slot, struct bh_capability_facts *facts)
{
	struct bh_results results;
	enum bh_error error = bh_invoke(cnode, BH_CNODE_INSPECT, slot, 0, 0, 0, 0, 0, &results);

	facts->type = (enum bh_object_type)(results.r[0] & 0xff);
	facts->rights = (uint32_t)(results.r[0] >> 8) & 0xff;
	facts->size_bits = (uint32_t)(results.r[0] >> 16) & 0xff;
	facts->badge = results.r[1];
	facts->identity = results.r[2];
	facts->depth = results.r[3];
	return error;
}

/* `priority` and `maximum` 0..255, flags BH_THREAD_*, runtime_block: user address, later the user GS base. */
BH_INLINE BH_MUST_USE enum bh_error bh_thread_configure(uint64_t thread, uint64_t cnode,
	uint64_t address_space, uint64_t buffer_frame, uint64_t fault_endpoint, uint64_t priority,
	uint64_t maximum, uint64_t flags, uint64_t trust_domain, uint64_t runtime_block)
{
	return bh_invoke(thread, BH_THREAD_CONFIGURE, cnode, address_space, buffer_frame, fault_endpoint,
		priority | maximum << 8 | flags << 16 | trust_domain << 32, runtime_block, 0);
}

/* `buffer` is the calling thread's own IPC buffer, which carries the registers. */
BH_INLINE BH_MUST_USE enum bh_error bh_thread_read_registers(
	uint64_t thread, const struct bh_ipc_buffer *buffer, struct bh_thread_registers *registers)
{
	enum bh_error error = bh_invoke(thread, BH_THREAD_READ_REGISTERS, 0, 0, 0, 0, 0, 0, 0);

	for (unsigned int i = 0; i < sizeof(*registers) / sizeof(uint64_t); i++) {
		((uint64_t *)registers)[i] = buffer->words[i];
	}
	return error;
}

/* `buffer` is the calling thread's own IPC buffer, which carries the registers. */
BH_INLINE BH_MUST_USE enum bh_error bh_thread_write_registers(
	uint64_t thread, struct bh_ipc_buffer *buffer, const struct bh_thread_registers *registers)
{
	for (unsigned int i = 0; i < sizeof(*registers) / sizeof(uint64_t); i++) {
		buffer->words[i] = ((const uint64_t *)registers)[i];
	}
	return bh_invoke(thread, BH_THREAD_WRITE_REGISTERS, 0, 0, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_thread_suspend(uint64_t thread)
{
	return bh_invoke(thread, BH_THREAD_SUSPEND, 0, 0, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_thread_resume(uint64_t thread)
{
	return bh_invoke(thread, BH_THREAD_RESUME, 0, 0, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_thread_bind_notification(uint64_t thread, uint64_t notification)
{
	return bh_invoke(thread, BH_THREAD_BIND_NOTIFICATION, notification, 0, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_thread_unbind_notification(uint64_t thread)
{
	return bh_invoke(thread, BH_THREAD_UNBIND_NOTIFICATION, 0, 0, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_thread_receive(uint64_t thread, uint64_t endpoint, uint64_t reply)
{
	return bh_invoke(thread, BH_THREAD_RECEIVE, endpoint, reply, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_thread_set_upcall(uint64_t thread, uint64_t address)
{
	return bh_invoke(thread, BH_THREAD_SET_UPCALL, address, 0, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_thread_set_priority(
	uint64_t thread, uint64_t priority, uint64_t maximum)
{
	return bh_invoke(thread, BH_THREAD_SET_PRIORITY, priority | maximum << 8, 0, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_sched_context_bind(uint64_t sched_context, uint64_t thread_or_vcpu)
{
	return bh_invoke(sched_context, BH_SCHED_CONTEXT_BIND, thread_or_vcpu, 0, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_sched_context_unbind(uint64_t sched_context)
{
	return bh_invoke(sched_context, BH_SCHED_CONTEXT_UNBIND, 0, 0, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_sched_context_consumed(uint64_t sched_context, uint64_t *tsc_ticks)
{
	struct bh_results results;
	enum bh_error error = bh_invoke(sched_context, BH_SCHED_CONTEXT_CONSUMED, 0, 0, 0, 0, 0, 0, &results);

	*tsc_ticks = results.r[0];
	return error;
}

BH_INLINE BH_MUST_USE enum bh_error bh_sched_control_configure(
	uint64_t sched_control, uint64_t sched_context, uint64_t budget_us, uint64_t period_us)
{
	return bh_invoke(
		sched_control, BH_SCHED_CONTROL_CONFIGURE, sched_context, budget_us, period_us, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_endpoint_cancel_badged(uint64_t endpoint, uint64_t badge)
{
	return bh_invoke(endpoint, BH_ENDPOINT_CANCEL_BADGED, badge, 0, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_timer_bind(uint64_t timer, uint64_t notification)
{
	return bh_invoke(timer, BH_TIMER_BIND, notification, 0, 0, 0, 0, 0, 0);
}

/* Absolute deadline in TSC ticks. */
BH_INLINE BH_MUST_USE enum bh_error bh_timer_arm(uint64_t timer, uint64_t deadline_tsc)
{
	return bh_invoke(timer, BH_TIMER_ARM, deadline_tsc, 0, 0, 0, 0, 0, 0);
}

/* *was_armed may be NULL. */
BH_INLINE BH_MUST_USE enum bh_error bh_timer_cancel(uint64_t timer, uint64_t *was_armed)
{
	struct bh_results results;
	enum bh_error error = bh_invoke(timer, BH_TIMER_CANCEL, 0, 0, 0, 0, 0, 0, &results);

	if (was_armed != 0) {
		*was_armed = results.r[0];
	}
	return error;
}

BH_INLINE BH_MUST_USE enum bh_error bh_frame_map(
	uint64_t frame, uint64_t space, uint64_t address, uint64_t flags)
{
	return bh_invoke(frame, BH_FRAME_MAP, space, address, flags, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_frame_unmap(uint64_t frame)
{
	return bh_invoke(frame, BH_FRAME_UNMAP, 0, 0, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_page_table_map(
	uint64_t page_table, uint64_t space, uint64_t address, uint64_t level)
{
	return bh_invoke(page_table, BH_PAGE_TABLE_MAP, space, address, level, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_page_table_unmap(uint64_t page_table)
{
	return bh_invoke(page_table, BH_PAGE_TABLE_UNMAP, 0, 0, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_guest_space_route(
	uint64_t guest_space, uint64_t route, uint64_t first_port, uint64_t count)
{
	return bh_invoke(guest_space, BH_GUEST_SPACE_ROUTE, route, first_port, count, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_vcpu_configure(
	uint64_t vcpu, uint64_t guest_space, uint64_t number, uint64_t priority, uint64_t trust_domain)
{
	return bh_invoke(vcpu, BH_VCPU_CONFIGURE, guest_space, number | priority << 8 | trust_domain << 32, 0,
		0, 0, 0, 0);
}

/* `what`: an exit reason, BH_BIND_ALL_EXITS, or BH_BIND_ROUTE + route number. */
BH_INLINE BH_MUST_USE enum bh_error bh_vcpu_bind(
	uint64_t vcpu, uint64_t what, uint64_t target, uint64_t groups)
{
	return bh_invoke(vcpu, BH_VCPU_BIND, what, target, groups, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_vcpu_bind_notification(uint64_t vcpu, uint64_t notification)
{
	return bh_invoke(vcpu, BH_VCPU_BIND_NOTIFICATION, notification, 0, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_vcpu_state_frame(uint64_t vcpu, uint64_t cnode, uint64_t slot)
{
	return bh_invoke(vcpu, BH_VCPU_STATE_FRAME, cnode, slot, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_vcpu_read_state(uint64_t vcpu, uint64_t groups)
{
	return bh_invoke(vcpu, BH_VCPU_READ_STATE, groups, 0, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_vcpu_write_state(uint64_t vcpu, uint64_t groups)
{
	return bh_invoke(vcpu, BH_VCPU_WRITE_STATE, groups, 0, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_vcpu_run(uint64_t vcpu)
{
	return bh_invoke(vcpu, BH_VCPU_RUN, 0, 0, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_vcpu_stop(uint64_t vcpu)
{
	return bh_invoke(vcpu, BH_VCPU_STOP, 0, 0, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_vcpu_cancel_access(uint64_t vcpu)
{
	return bh_invoke(vcpu, BH_VCPU_CANCEL_ACCESS, 0, 0, 0, 0, 0, 0, 0);
}

struct bh_vcpu_facts {
	uint32_t status;        /* enum bh_vcpu_status */
	uint32_t waits_for;     /* route number, or exit reason */
	uint64_t waiting_since; /* TSC */
	uint64_t sequence;
	uint64_t exits;
};

BH_INLINE BH_MUST_USE enum bh_error bh_vcpu_inspect(uint64_t vcpu, struct bh_vcpu_facts *facts)
{
	struct bh_results results;
	enum bh_error error = bh_invoke(vcpu, BH_VCPU_INSPECT, 0, 0, 0, 0, 0, 0, &results);

	facts->status = (uint32_t)(results.r[0] & 0xff);
	facts->waits_for = (uint32_t)(results.r[0] >> 8);
	facts->waiting_since = results.r[1];
	facts->sequence = results.r[2];
	facts->exits = results.r[3];
	return error;
}

BH_INLINE BH_MUST_USE enum bh_error bh_irq_control_configure(
	uint64_t irq_control, uint64_t irq_handler, uint64_t line, uint64_t flags)
{
	return bh_invoke(irq_control, BH_IRQ_CONTROL_CONFIGURE, irq_handler, line, flags, 0, 0, 0, 0);
}

/* The MSI number `index` (0 to 255) of PCI function `function` (bus << 8 | device << 3 | function). What is to be written to the
 * function's MSI-X table or MSI capability comes back: message address (at most 32 bits) and data. Message data is of this MSI alone:
 * a function that has MSI only can be given one message. */
BH_INLINE BH_MUST_USE enum bh_error bh_irq_control_configure_msi(uint64_t irq_control, uint64_t irq_handler,
	uint64_t function, uint64_t index, uint64_t *address, uint32_t *data)
{
	struct bh_results results;
	enum bh_error error = bh_invoke(
		irq_control, BH_IRQ_CONTROL_CONFIGURE_MSI, irq_handler, function, index, 0, 0, 0, &results);

	*address = results.r[0];
	*data = (uint32_t)results.r[1];
	return error;
}

BH_INLINE BH_MUST_USE enum bh_error bh_irq_bind(uint64_t irq_handler, uint64_t notification)
{
	return bh_invoke(irq_handler, BH_IRQ_BIND, notification, 0, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_irq_acknowledge(uint64_t irq_handler)
{
	return bh_invoke(irq_handler, BH_IRQ_ACK, 0, 0, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_io_port_control_configure(
	uint64_t io_port_control, uint64_t io_ports, uint64_t first, uint64_t count)
{
	return bh_invoke(io_port_control, BH_IO_PORT_CONTROL_CONFIGURE, io_ports, first, count, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_io_ports_map(uint64_t io_ports, uint64_t address_space)
{
	return bh_invoke(io_ports, BH_IO_PORTS_MAP, address_space, 0, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_io_ports_unmap(uint64_t io_ports)
{
	return bh_invoke(io_ports, BH_IO_PORTS_UNMAP, 0, 0, 0, 0, 0, 0, 0);
}

/* The DMA of PCI function `function` (bus << 8 | device << 3 | function) goes by this IoSpace from now on, until that is deleted. */
BH_INLINE BH_MUST_USE enum bh_error bh_io_space_control_configure(
	uint64_t io_space_control, uint64_t io_space, uint64_t function)
{
	return bh_invoke(io_space_control, BH_IO_SPACE_CONTROL_CONFIGURE, io_space, function, 0, 0, 0, 0, 0);
}

BH_INLINE BH_MUST_USE enum bh_error bh_io_space_bind(uint64_t io_space, uint64_t notification)
{
	return bh_invoke(io_space, BH_IO_SPACE_BIND, notification, 0, 0, 0, 0, 0, 0);
}

struct bh_io_space_fault {
	uint32_t function;     /* bus << 8 | device << 3 | function */
	enum bh_io_fault kind; /* BH_IO_FAULT_NONE: none so far */
	uint64_t address;      /* that the function used */
	uint64_t count; /* faults told so far; what a function does after one is not, until this is called */
};

/* The last access that the IOMMU refused to a function of this IoSpace. */
BH_INLINE BH_MUST_USE enum bh_error bh_io_space_fault(uint64_t io_space, struct bh_io_space_fault *fault)
{
	struct bh_results results = { { 0 } };
	enum bh_error error = bh_invoke(io_space, BH_IO_SPACE_FAULT, 0, 0, 0, 0, 0, 0, &results);

	fault->function = (uint32_t)results.r[0];
	fault->address = results.r[1];
	fault->kind = (enum bh_io_fault)results.r[2];
	fault->count = results.r[3];
	return error;
}

/* ---- Time ------------------------------------------------------------------------------------------------------------ */

/* The CPU's time-stamp counter, in ticks; the base of every deadline. */
BH_INLINE uint64_t bh_tsc(void)
{
	uint32_t low;
	uint32_t high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* The English name of an error, never NULL. */
BH_INLINE const char *bh_error_text(enum bh_error error)
{
	static const char *const text[BH_ERROR_COUNT] = {
		[BH_OK] = "no error",
		[BH_ERROR_SYSCALL] = "no such system call",
		[BH_ERROR_CAPABILITY] = "no capability in that slot",
		[BH_ERROR_TYPE] = "capability of another type",
		[BH_ERROR_RIGHTS] = "missing right",
		[BH_ERROR_INVOCATION] = "no such invocation",
		[BH_ERROR_ARGUMENT] = "argument out of range or misaligned",
		[BH_ERROR_SLOT_OCCUPIED] = "destination slot is occupied",
		[BH_ERROR_SLOT_EMPTY] = "source slot is empty",
		[BH_ERROR_MEMORY] = "not enough room in the Untyped",
		[BH_ERROR_STATE] = "the object's state forbids it",
		[BH_ERROR_NOT_MAPPED] = "a page table is missing",
		[BH_ERROR_MAPPED] = "mapped already",
		[BH_ERROR_EMPTY_OBJECT] = "the object was not configured",
		[BH_ERROR_PRIORITY] = "priority above the maximum",
		[BH_ERROR_DEPTH] = "derivation too deep",
		[BH_ERROR_WOULD_BLOCK] = "nothing waits",
		[BH_ERROR_CANCELLED] = "cancelled",
		[BH_ERROR_NO_BUFFER] = "no IPC buffer",
		[BH_ERROR_RANGE] = "outside the control capability's range",
		[BH_ERROR_IN_USE] = "in use by somebody else",
	};

	return (unsigned int)error < BH_ERROR_COUNT && text[error] != 0 ? text[error] : "unknown error";
}
