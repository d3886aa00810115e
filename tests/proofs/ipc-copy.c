/* SPDX-License-Identifier: MIT */
/* Proof: ipc-copy
 * Property: a message stays inside both IPC buffers, whatever its sender's information word says and however both buffers change meanwhile:
 *	at most 120 words and 4 capabilities are read from the sender's and written to the receiver's, capabilities only with the right to
 *	grant and into empty slots of the receiver's CNode; the receiver is told no more than was copied.
 * Bound: every information word; CNodes of 5 usable slots; each reading of a buffer's index gives any value.
 * Assumes: sender and receiver are two threads, with CNodes or none, and buffers or none
 * Models: an IPC buffer is exactly as large as struct bh_ipc_buffer
 * Models: capability_copy succeeds or not (that rights only shrink by it: see rights-shrink)
 * Models: cnode_slot finds the slot of that number or nothing (see capability-lookup)
 * Functions: kernel/ipc/transfer.c: message_transfer_long transfer_capabilities thread_buffer message_transfer message_deliver copy_words
 * Replaces: cnode_slot proof_cnode_slot
 * Options: --unwind 6
 */
#include "proof.h"

#include "ipc/ipc.h"
#include "object/invocation.h"
#include "string.h"

static struct bh_ipc_buffer buffers[2];
static uint64_t copied;

/* Where a thread's buffer stands. */
static void *buffer_at(uint64_t physical)
{
	PROVE(physical == 0 || physical == 4096, "the frame that the thread's own capability names");
	return physical == 0 ? &buffers[0] : &buffers[1];
}
#define phys_to_virt(physical) buffer_at(physical)

static void words_copy(uint64_t *to, const uint64_t *from, size_t length)
{
	PROVE(to == &buffers[1].words[BH_MESSAGE_REGISTERS] &&
			from == &buffers[0].words[BH_MESSAGE_REGISTERS],
		"from the sender's words to the receiver's");
	PROVE(length % sizeof(uint64_t) == 0 &&
			length <= (BH_MESSAGE_WORDS_MAX - BH_MESSAGE_REGISTERS) * sizeof(uint64_t),
		"no more than there are");
	copied = length / sizeof(uint64_t);
}
#define memcpy(to, from, length) words_copy(to, from, length)

static struct capability sender_1, sender_2, sender_3, receiver_1, receiver_2, receiver_3, receiver_4,
	receiver_5; /* CNode slots */
static struct thread sender, receiver;
static bool granted;
static unsigned int given;

enum bh_error capability_copy(struct capability *from, struct capability *to, uint64_t rights)
{
	PROVE(granted, "capabilities travel only with the right to grant");
	PROVE(sender.slots[THREAD_BUFFER].type == BH_OBJECT_FRAME &&
			receiver.slots[THREAD_BUFFER].type == BH_OBJECT_FRAME &&
			sender.slots[THREAD_CSPACE].type == BH_OBJECT_CNODE &&
			receiver.slots[THREAD_CSPACE].type == BH_OBJECT_CNODE,
		"between threads with buffers and CNodes");
	PROVE(from == &sender_1 || from == &sender_2 || from == &sender_3, "a slot of the sender's");
	PROVE(to == &receiver_1 || to == &receiver_2 || to == &receiver_3 || to == &receiver_4 ||
			to == &receiver_5,
		"a slot of the receiver's");
	PROVE(!capability_is_empty(from) && capability_is_empty(to), "a capability into an empty slot");
	PROVE((rights & ~(uint64_t)BH_RIGHTS_ALL) == 0, "with rights that exist");
	if (any_bool()) {
		return BH_ERROR_DEPTH;
	}
	if (to == &receiver_1) {
		receiver_1.type = BH_OBJECT_ENDPOINT;
	} else if (to == &receiver_2) {
		receiver_2.type = BH_OBJECT_ENDPOINT;
	} else if (to == &receiver_3) {
		receiver_3.type = BH_OBJECT_ENDPOINT;
	} else if (to == &receiver_4) {
		receiver_4.type = BH_OBJECT_ENDPOINT;
	} else {
		receiver_5.type = BH_OBJECT_ENDPOINT;
	}
	given++;
	return BH_OK;
}

struct capability *proof_cnode_slot(struct cnode *cnode, uint64_t index)
{
	bool is_sender = (uint64_t)cnode == 1;

	PROVE((uint64_t)cnode == 1 || (uint64_t)cnode == 2, "the sender's or the receiver's CNode");
	switch (index) {
	case 1:
		return is_sender ? &sender_1 : &receiver_1;
	case 2:
		return is_sender ? &sender_2 : &receiver_2;
	case 3:
		return is_sender ? &sender_3 : &receiver_3;
	case 4:
		return is_sender ? &sender_1 : &receiver_4;
	case 5:
		return is_sender ? &sender_2 : &receiver_5;
	default:
		return NULL;
	}
}

#include "ipc/transfer.c"

static void any_thread(struct thread *thread, unsigned int number)
{
	thread->slots[THREAD_BUFFER].type = any_bool() ? BH_OBJECT_FRAME : BH_OBJECT_NULL;
	thread->slots[THREAD_BUFFER].object = number * 4096;
	thread->slots[THREAD_CSPACE].type = any_bool() ? BH_OBJECT_CNODE : BH_OBJECT_NULL;
	thread->slots[THREAD_CSPACE].object = number + 1;
	thread->registers.rax = any_u64();
	thread->registers.rdi = any_u64();
	thread->registers.rsi = any_u64();
	thread->registers.rdx = any_u64();
	thread->registers.r10 = any_u64();
	thread->registers.r8 = any_u64();
	thread->registers.r9 = any_u64();
}

int main(void)
{
	uint64_t badge = any_u64();

	sender_1.type = any_u8();
	sender_2.type = any_u8();
	sender_3.type = any_u8();
	receiver_1.type = any_u8();
	receiver_2.type = any_u8();
	receiver_3.type = any_u8();
	receiver_4.type = any_u8();
	receiver_5.type = any_u8();
	any_thread(&sender, 0);
	any_thread(&receiver, 1);
	COVER("assumption: sender and receiver are two threads, with CNodes or none, and buffers or none");
	sender.execution.kind = EXECUTION_THREAD;
	sender.pending_fault = any_bool() ? 1 : 0;
	for (unsigned int i = 0; i < 4; i++) {
		sender.fault_words[i] = any_u64();
	}
	granted = any_bool();

	uint64_t info = sender.registers.rsi;

	message_transfer(&sender.execution, &receiver, badge, granted);

	uint64_t told = receiver.registers.rsi;

	PROVE(receiver.registers.rax == BH_OK && receiver.registers.rdi == badge,
		"the receiver gets the badge");
	if (sender.pending_fault != 0) {
		PROVE(told == BH_MESSAGE_INFO(BH_LABEL_FAULT, 4, 0) && copied == 0 && given == 0,
			"a fault has four words and nothing else");
		PROVE(receiver.registers.rdx == sender.fault_words[0] &&
				receiver.registers.r10 == sender.fault_words[1] &&
				receiver.registers.r8 == sender.fault_words[2] &&
				receiver.registers.r9 == sender.fault_words[3],
			"the fault's words");
		return 0;
	}
	PROVE(receiver.registers.rdx == sender.registers.rdx &&
			receiver.registers.r10 == sender.registers.r10 &&
			receiver.registers.r8 == sender.registers.r8 &&
			receiver.registers.r9 == sender.registers.r9,
		"words 0 to 3 are the sender's");
	PROVE(BH_MESSAGE_LABEL(told) == BH_MESSAGE_LABEL(info), "the label is the sender's");
	PROVE(BH_MESSAGE_WORDS(told) <= BH_MESSAGE_REGISTERS + copied,
		"no more words are told than were copied");
	PROVE(BH_MESSAGE_CAPS(told) == given && given <= BH_MESSAGE_CAPS_MAX,
		"as many capabilities are told as were copied");
	PROVE(BH_MESSAGE_WORDS(told) <= BH_MESSAGE_WORDS(info) &&
			BH_MESSAGE_CAPS(told) <= BH_MESSAGE_CAPS(info),
		"no more than was sent");
	PROVE(sender.slots[THREAD_BUFFER].type != BH_OBJECT_FRAME ||
			receiver.slots[THREAD_BUFFER].type != BH_OBJECT_FRAME ||
			BH_MESSAGE_WORDS(told) == (BH_MESSAGE_WORDS(info) < BH_MESSAGE_WORDS_MAX
								  ? BH_MESSAGE_WORDS(info)
								  : BH_MESSAGE_WORDS_MAX),
		"with buffers, nothing is left out");
	PROVE(!((told & 0x80) != 0 && (info & 0xffff) > BH_MESSAGE_REGISTERS),
		"no bit of a long message's word that means nothing");
	COVER_IF(BH_MESSAGE_WORDS(told) == BH_MESSAGE_WORDS_MAX, "the longest message");
	COVER_IF(given == BH_MESSAGE_CAPS_MAX, "as many capabilities as there can be");
	return 0;
}
