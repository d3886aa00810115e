/* SPDX-License-Identifier: MIT */
/* Moves messages between threads: registers, IPC buffers, capabilities. Both buffers belong to users and may change at any
 * time; only lengths that were read once and clamped are used. */
#include "ipc/ipc.h"

#include "string.h"

struct bh_ipc_buffer *thread_buffer(const struct thread *thread)
{
	const struct capability *slot = &thread->slots[THREAD_BUFFER];

	return slot->type == BH_OBJECT_FRAME ? phys_to_virt(slot->object) : NULL;
}

void message_deliver(struct thread *receiver, uint64_t badge, uint64_t info)
{
	receiver->registers.rax = BH_OK;
	receiver->registers.rdi = badge;
	receiver->registers.rsi = info;
}

/* Copies as many of the named capabilities as find an empty slot at the receiver. */
static uint32_t transfer_capabilities(struct thread *sender, struct thread *receiver, uint32_t count)
{
	struct bh_ipc_buffer *from = thread_buffer(sender);
	struct bh_ipc_buffer *to = thread_buffer(receiver);
	const struct capability *from_space = &sender->slots[THREAD_CSPACE];
	const struct capability *to_space = &receiver->slots[THREAD_CSPACE];
	uint32_t moved = 0;
	uint64_t first;

	if (from == NULL || to == NULL || from_space->type != BH_OBJECT_CNODE ||
		to_space->type != BH_OBJECT_CNODE) {
		return 0;
	}
	first = *(volatile uint64_t *)&to->receive_index;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t index = *(volatile uint64_t *)&from->caps[i];
		struct capability *source = cnode_slot((struct cnode *)from_space->object, index);
		struct capability *target = cnode_slot((struct cnode *)to_space->object, first + moved);

		if (source == NULL || target == NULL || capability_is_empty(source) ||
			!capability_is_empty(target) ||
			capability_copy(source, target, BH_RIGHTS_ALL) != BH_OK) {
			break;
		}
		moved++;
	}
	return moved;
}

uint64_t message_transfer_long(struct thread *sender, struct thread *receiver, uint64_t info, bool may_grant)
{
	uint32_t words = BH_MESSAGE_WORDS(info);
	uint32_t caps = BH_MESSAGE_CAPS(info);

	if (words > BH_MESSAGE_WORDS_MAX) {
		words = BH_MESSAGE_WORDS_MAX;
	}
	if (words > BH_MESSAGE_REGISTERS) {
		struct bh_ipc_buffer *from = thread_buffer(sender);
		struct bh_ipc_buffer *to = thread_buffer(receiver);

		if (from == NULL || to == NULL) {
			words = BH_MESSAGE_REGISTERS;
		} else {
			memcpy(&to->words[BH_MESSAGE_REGISTERS], &from->words[BH_MESSAGE_REGISTERS],
				(words - BH_MESSAGE_REGISTERS) * sizeof(uint64_t));
		}
	}
	if (caps != 0) {
		if (caps > BH_MESSAGE_CAPS_MAX) {
			caps = BH_MESSAGE_CAPS_MAX;
		}
		caps = may_grant ? transfer_capabilities(sender, receiver, caps) : 0;
	}
	return BH_MESSAGE_INFO(BH_MESSAGE_LABEL(info), words, caps);
}

static void copy_words(struct thread *receiver, const uint64_t words[4])
{
	receiver->registers.rdx = words[0];
	receiver->registers.r10 = words[1];
	receiver->registers.r8 = words[2];
	receiver->registers.r9 = words[3];
}

void message_transfer(struct execution *sender, struct thread *receiver, uint64_t badge, bool may_grant)
{
	if (sender->kind == EXECUTION_VCPU) {
		const struct vcpu_message *message = &((struct vcpu *)sender)->message;

		copy_words(receiver, message->words);
		message_deliver(receiver, badge, BH_MESSAGE_INFO(message->label, message->word_count, 0));
		return;
	}

	struct thread *thread = (struct thread *)sender;

	if (thread->pending_fault != 0) {
		copy_words(receiver, thread->fault_words);
		message_deliver(receiver, badge, BH_MESSAGE_INFO(BH_LABEL_FAULT, 4, 0));
		return;
	}

	uint64_t info = thread->registers.rsi;

	if ((info & 0xffff) > BH_MESSAGE_REGISTERS) {
		info = message_transfer_long(thread, receiver, info, may_grant);
	}
	receiver->registers.rdx = thread->registers.rdx;
	receiver->registers.r10 = thread->registers.r10;
	receiver->registers.r8 = thread->registers.r8;
	receiver->registers.r9 = thread->registers.r9;
	message_deliver(receiver, badge, info);
}
