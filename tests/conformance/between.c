/* SPDX-License-Identifier: MIT */
/* Messages between two address spaces: a server that has nothing in common with its callers but an endpoint. It stands at its own
 * addresses, with its own CNode, and knows slot numbers of that only. */
#include "harness.h"

#define CODE_AT UINT64_C(0x400000)
#define BUFFER_AT UINT64_C(0x600000)
#define SECRET_AT UINT64_C(0x601000)
enum { SLOT_ENDPOINT = 1, SLOT_REPLY, SLOT_FREE, SERVER_CNODE_BITS = 4 };

/* Adds the badge to each word of a message and answers it, for ever. rbx endpoint, r12 Reply, rbp IPC buffer. At other_peek it puts
 * what stands at SECRET_AT into each answer's word 0 instead. */
extern const uint8_t other_start[], other_peek[], other_active[], other_end[];
__asm__(".section .rodata\n"
	"other_start:\n"
	"	movq %rsi, %rcx\n"
	"	andl $127, %ecx\n"
	"	addq %rdi, %rdx\n"
	"	addq %rdi, %r10\n"
	"	addq %rdi, %r8\n"
	"	addq %rdi, %r9\n"
	"	movl $4, %eax\n"
	"1:	cmpq %rcx, %rax\n"
	"	jae other_active\n"
	"	addq %rdi, (%rbp,%rax,8)\n"
	"	incq %rax\n"
	"	jmp 1b\n"
	"other_active:\n"
	"	movq %rbx, %rdi\n"
	"	movabsq $0x8000000000000001, %rax\n" /* ReplyRecv */
	"	syscall\n"
	"	testq %rax, %rax\n"
	"	jz other_start\n"
	"	ud2\n"
	"other_peek:\n"
	"	movq 0x601000, %rdx\n"
	"	movq %rbx, %rdi\n"
	"	movabsq $0x8000000000000001, %rax\n"
	"	syscall\n"
	"	testq %rax, %rax\n"
	"	jz other_peek\n"
	"	ud2\n"
	"other_end:\n"
	".text\n");

struct other {
	uint64_t space, cnode, endpoint, reply, thread, context, fault_endpoint;
	struct bh_ipc_buffer *buffer; /* as mapped here */
	uint64_t *secret;
};

/* Maps a new page there, and here; returns the address here. */
static void *share(const struct other *other, uint64_t address, uint64_t flags, uint64_t *frame)
{
	void *window = page_new(frame);
	uint64_t copy = copy_new(*frame, BH_RIGHTS_ALL);

	return window != NULL && map_with_tables(copy, other->space, address, flags) == BH_OK ? window : NULL;
}

static bool other_new(struct other *other, const uint8_t *entry, bool active)
{
	uint64_t frame, buffer;
	uint8_t *code;
	bool in_receive = entry != other_active;

	other->space = object_new(BH_OBJECT_ADDRESS_SPACE, 0);
	other->cnode = object_new(BH_OBJECT_CNODE, SERVER_CNODE_BITS);
	other->endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	other->reply = object_new(BH_OBJECT_REPLY, 0);
	other->thread = object_new(BH_OBJECT_THREAD, 0);
	code = share(other, CODE_AT, BH_MAP_READ | BH_MAP_EXECUTE, &frame);
	other->buffer = share(other, BUFFER_AT, MAP_RW, &buffer);
	other->secret = share(other, SECRET_AT, MAP_RW, &frame);
	if (code == NULL || other->buffer == NULL || other->secret == NULL) {
		return false;
	}
	for (size_t i = 0; i < (size_t)(other_end - other_start); i++) {
		code[i] = other_start[i];
	}
	if (bh_cnode_copy(other->cnode, SLOT_ENDPOINT, 0, other->endpoint, BH_RIGHT_READ) != BH_OK ||
		bh_cnode_copy(other->cnode, SLOT_REPLY, 0, other->reply, BH_RIGHTS_ALL) != BH_OK ||
		bh_thread_configure(other->thread, other->cnode, other->space, buffer, other->fault_endpoint,
			OWN_PRIORITY + 10, OWN_PRIORITY + 10, BH_THREAD_NO_FPU, 0, 0) != BH_OK) {
		return false;
	}
	struct bh_thread_registers registers = { .rip = CODE_AT + (uint64_t)(entry - other_start),
		.rbx = SLOT_ENDPOINT,
		.r12 = SLOT_REPLY,
		.rbp = BUFFER_AT };
	if (bh_thread_write_registers(other->thread, OWN_BUFFER, &registers) != BH_OK) {
		return false;
	}
	if (active) {
		other->context = object_new(BH_OBJECT_SCHED_CONTEXT, 0);
		if (bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, other->context, 10000, 10000) !=
				BH_OK ||
			bh_sched_context_bind(other->context, other->thread) != BH_OK) {
			return false;
		}
	}
	return in_receive ? bh_thread_receive(other->thread, other->endpoint, other->reply) == BH_OK
			  : bh_thread_resume(other->thread) == BH_OK;
}

/* Calls with each length; every word comes back with the badge added, and no other word changes on either side. */
static void all_lengths(const struct other *other)
{
	uint64_t badged = mint_new(other->endpoint, BH_RIGHT_WRITE, 1000);

	for (unsigned int words = 0; words <= 127; words++) {
		unsigned int expected = words > BH_MESSAGE_WORDS_MAX ? BH_MESSAGE_WORDS_MAX : words;
		struct bh_message message = { .info = BH_MESSAGE_INFO(16 + words, words, 0),
			.word = { 0, 1, 2, 3 } };

		for (unsigned int i = 0; i < BH_MESSAGE_WORDS_MAX; i++) {
			OWN_BUFFER->words[i] = i;
			other->buffer->words[i] = 0xdead;
		}
		REQUIRE_OK(bh_call(badged, &message));
		CHECK_EQUAL(BH_MESSAGE_INFO(16 + words, expected, 0), message.info);
		CHECK_EQUAL(0, message.badge);
		for (unsigned int i = 0; i < 4; i++) {
			CHECK_EQUAL(1000 + i, message.word[i]);
		}
		for (unsigned int i = 4; i < BH_MESSAGE_WORDS_MAX; i++) {
			CHECK_EQUAL(i < expected ? 1000 + i : i, OWN_BUFFER->words[i]);
			CHECK_EQUAL(i < expected ? 1000 + i : 0xdead, other->buffer->words[i]);
		}
		CHECK_EQUAL(0, other->buffer->caps[0] | other->buffer->receive_index);
	}
}

void group_between(void)
{
	static struct other one, two;
	static struct actor actor;
	struct bh_message message = { 0 };
	uint64_t endpoint, reply;

	case_begin("between.words.passive",
		"calls of 0 to 120 words (longer ones are cut) to a passive server in another address space and back: every "
		"word arrives, no other word of either buffer changes");
	one = (struct other){ 0 };
	REQUIRE(other_new(&one, other_start, false));
	all_lengths(&one);

	case_begin("between.words.active", "the same to a server with a context of its own");
	one = (struct other){ 0 };
	REQUIRE(other_new(&one, other_active, true));
	all_lengths(&one);

	case_begin("between.words.queued", "the same where the caller came first and stood in the queue");
	for (unsigned int words = 0; words <= BH_MESSAGE_WORDS_MAX; words += 30) {
		actor = (struct actor){ 0 };
		one = (struct other){ 0 };
		one.endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
		endpoint = one.endpoint;
		actor.message =
			(struct bh_message){ .info = BH_MESSAGE_INFO(20, words, 0), .word = { 5, 6, 7, 8 } };
		REQUIRE(actor_new(&actor, DO_CALL, mint_new(endpoint, BH_RIGHT_WRITE, 10), OWN_PRIORITY - 1));
		for (unsigned int i = 4; i < BH_MESSAGE_WORDS_MAX; i++) {
			actor.thread.buffer->words[i] = i;
		}
		pause_us(200);
		CHECK_EQUAL(0, actor.done);
		reply = object_new(BH_OBJECT_REPLY, 0);
		message = (struct bh_message){ 0 };
		REQUIRE_OK(bh_receive(endpoint, reply, &message));
		CHECK_EQUAL(BH_MESSAGE_INFO(20, words, 0), message.info);
		for (unsigned int i = 4; i < words; i++) {
			CHECK_EQUAL(i, OWN_BUFFER->words[i]);
			OWN_BUFFER->words[i] = 3 * i;
		}
		REQUIRE_OK(bh_reply(reply, &message));
		CHECK(wait_until(&actor.done, 1));
		for (unsigned int i = 4; i < BH_MESSAGE_WORDS_MAX; i++) {
			CHECK_EQUAL(i < words ? 3 * i : i, actor.thread.buffer->words[i]);
		}
	}

	case_begin("between.own_memory",
		"two servers at the same addresses of two spaces, called by turns: each reads its own memory every time");
	one = two = (struct other){ 0 };
	REQUIRE(other_new(&one, other_peek, false));
	REQUIRE(other_new(&two, other_peek, false));
	*one.secret = 0x111111;
	*two.secret = 0x222222;
	for (unsigned int i = 0; i < 10; i++) {
		message = (struct bh_message){ .info = BH_MESSAGE_INFO(30, 1, 0) };
		REQUIRE_OK(bh_call(i % 2 == 0 ? one.endpoint : two.endpoint, &message));
		CHECK_EQUAL(i % 2 == 0 ? 0x111111 : 0x222222, message.word[0]);
	}

	case_begin("between.capability",
		"a capability that is passed lands in the receiver's CNode, at the index that its buffer names, not in the sender's");
	one = (struct other){ 0 };
	REQUIRE(other_new(&one, other_start, false));
	one.buffer->receive_index = SLOT_FREE;
	OWN_BUFFER->caps[0] = one.space;
	message = (struct bh_message){ .info = BH_MESSAGE_INFO(30, 0, 1) };
	REQUIRE_OK(bh_call(one.endpoint, &message));
	struct bh_capability_facts facts;
	REQUIRE_OK(bh_cnode_inspect(one.cnode, SLOT_FREE, &facts));
	CHECK_EQUAL(BH_OBJECT_ADDRESS_SPACE, facts.type);
	CHECK_EQUAL(facts_of(one.space).identity, facts.identity);
	OWN_BUFFER->caps[0] = 0;

	case_begin("between.space.deleted",
		"a server's address space is deleted while it serves: it faults, its caller waits on, and runs when the Reply goes");
	one = (struct other){ 0 };
	actor = (struct actor){ 0 };
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	reply = object_new(BH_OBJECT_REPLY, 0);
	one.fault_endpoint = endpoint;
	REQUIRE(other_new(&one, other_peek, false));
	REQUIRE_OK(bh_cnode_revoke(SELF, one.space));
	REQUIRE_OK(bh_cnode_delete(SELF, one.space));
	actor.message = (struct bh_message){ .info = BH_MESSAGE_INFO(30, 1, 0) };
	REQUIRE(actor_new(&actor, DO_CALL, one.endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_receive(endpoint, reply, &message));
	CHECK_EQUAL(BH_FAULT_NO_SPACE, message.word[0]);
	CHECK_EQUAL(0, actor.done);
	REQUIRE_OK(bh_cnode_revoke(SELF, one.reply));
	REQUIRE_OK(bh_cnode_delete(SELF, one.reply));
	CHECK_EQUAL(1, actor.done);
	CHECK_EQUAL(BH_ERROR_CANCELLED, actor.error);
}
