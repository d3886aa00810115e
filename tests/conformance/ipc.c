/* SPDX-License-Identifier: MIT */
/* Messages between threads of one space: who meets whom, what arrives, what is refused, what ends a wait. */
#include "harness.h"

static uint64_t endpoint, reply;
static struct actor actors[4];

static void fresh(void)
{
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	reply = object_new(BH_OBJECT_REPLY, 0);
	for (unsigned int i = 0; i < 4; i++) {
		actors[i] = (struct actor){ 0 };
	}
}

static void echo_server(uint64_t argument)
{
	struct bh_ipc_buffer *buffer = *(struct bh_ipc_buffer *volatile *)argument;
	struct bh_message message = { 0 };

	for (;;) {
		if (bh_reply_receive(endpoint, reply, &message) != BH_OK) {
			__asm__ volatile("ud2");
		}
		for (unsigned int i = 0; i < 4; i++) {
			message.word[i] += message.badge;
		}
		for (unsigned int i = 4; i < BH_MESSAGE_WORDS_MAX; i++) {
			buffer->words[i] = i < BH_MESSAGE_WORDS(message.info)
						   ? buffer->words[i] + message.badge
						   : 0xdead;
		}
	}
}

static void calls(void)
{
	static struct test_thread server;
	struct bh_message message;
	uint64_t minted;

	case_begin("ipc.call", "a call carries label, words and badge there, and label and words back");
	fresh();
	server = (struct test_thread){ 0 };
	minted = mint_new(endpoint, BH_RIGHT_WRITE, 41);
	REQUIRE(thread_new(&server, echo_server, (uint64_t)&server.buffer, OWN_PRIORITY - 1, true));
	REQUIRE_OK(bh_thread_resume(server.thread));
	message =
		(struct bh_message){ .info = BH_MESSAGE_INFO(0xabcdef012345, 4, 0), .word = { 1, 2, 3, 4 } };
	REQUIRE_OK(bh_call(minted, &message));
	CHECK_EQUAL(BH_MESSAGE_INFO(0xabcdef012345, 4, 0), message.info);
	for (unsigned int i = 0; i < 4; i++) {
		CHECK_EQUAL(42 + i, message.word[i]);
	}
	CHECK_EQUAL(0, message.badge); /* an answer has none */

	case_begin("ipc.words",
		"messages of 0 to 120 words arrive whole and bring nothing else; a longer length is cut to 120");
	fresh();
	server = (struct test_thread){ 0 };
	minted = mint_new(endpoint, BH_RIGHT_WRITE, 1000);
	REQUIRE(thread_new(&server, echo_server, (uint64_t)&server.buffer, OWN_PRIORITY + 1, true));
	REQUIRE_OK(bh_thread_resume(server.thread));
	for (unsigned int words = 0; words <= 127; words++) {
		unsigned int expected = words > 120 ? 120 : words;

		for (unsigned int i = 0; i < BH_MESSAGE_WORDS_MAX; i++) {
			OWN_BUFFER->words[i] = i;
		}
		message =
			(struct bh_message){ .info = BH_MESSAGE_INFO(16, words, 0), .word = { 0, 1, 2, 3 } };
		REQUIRE_OK(bh_call(minted, &message));
		CHECK_EQUAL(expected, BH_MESSAGE_WORDS(message.info));
		for (unsigned int i = 0; i < 4; i++) {
			CHECK_EQUAL(1000 + i, message.word[i]);
		}
		for (unsigned int i = 4; i < BH_MESSAGE_WORDS_MAX; i++) {
			CHECK_EQUAL(i < expected ? 1000 + i : i, OWN_BUFFER->words[i]);
		}
		CHECK_EQUAL(0, OWN_BUFFER->caps[0] | OWN_BUFFER->caps[3] | OWN_BUFFER->receive_index);
	}

	case_begin("ipc.words.no_buffer",
		"a thread without an IPC buffer sends and gets the four register words, no more");
	fresh();
	actors[0].thread.no_buffer = true;
	actors[0].message = (struct bh_message){ .info = BH_MESSAGE_INFO(20, 50, 2), .word = { 5, 6, 7, 8 } };
	REQUIRE(actor_new(&actors[0], DO_CALL, endpoint, OWN_PRIORITY + 1));
	OWN_BUFFER->words[4] = 99;
	REQUIRE_OK(bh_receive(endpoint, reply, &message));
	CHECK_EQUAL(BH_MESSAGE_INFO(20, 4, 0), message.info);
	CHECK_EQUAL(8, message.word[3]);
	CHECK_EQUAL(99, OWN_BUFFER->words[4]);
	message = (struct bh_message){ .info = BH_MESSAGE_INFO(21, 60, 0), .word = { 9 } };
	REQUIRE_OK(bh_reply(reply, &message));
	CHECK_EQUAL(1, actors[0].done);
	CHECK_EQUAL(BH_MESSAGE_INFO(21, 4, 0), actors[0].message.info);
	CHECK_EQUAL(9, actors[0].message.word[0]);
}

static void sends(void)
{
	struct bh_message message = { .info = BH_MESSAGE_INFO(30, 1, 0), .word = { 1 } };

	case_begin("ipc.send",
		"Send blocks until the message is taken; senders are served in their order; nobody answers them");
	fresh();
	for (unsigned int i = 0; i < 3; i++) {
		actors[i].message =
			(struct bh_message){ .info = BH_MESSAGE_INFO(40 + i, 1, 0), .word = { i } };
		REQUIRE(actor_new(
			&actors[i], DO_SEND, mint_new(endpoint, BH_RIGHT_WRITE, i + 1), OWN_PRIORITY + 1));
		CHECK_EQUAL(0, actors[i].done);
	}
	for (unsigned int i = 0; i < 3; i++) {
		REQUIRE_OK(bh_receive(endpoint, 0, &message));
		CHECK_EQUAL(i + 1, message.badge);
		CHECK_EQUAL(40 + i, BH_MESSAGE_LABEL(message.info));
		CHECK_EQUAL(1, actors[i].done);
		CHECK_EQUAL(BH_OK, actors[i].error);
	}

	case_begin("ipc.receive", "Recv blocks until a message comes; receivers are served in their order");
	fresh();
	for (unsigned int i = 0; i < 3; i++) {
		REQUIRE(actor_new(&actors[i], DO_RECEIVE, endpoint, OWN_PRIORITY + 1));
	}
	for (unsigned int i = 0; i < 3; i++) {
		message = (struct bh_message){ .info = BH_MESSAGE_INFO(50 + i, 1, 0), .word = { i } };
		CHECK_EQUAL(0, actors[i].done);
		REQUIRE_OK(bh_send(endpoint, &message));
		CHECK_EQUAL(1, actors[i].done);
		CHECK_EQUAL(BH_MESSAGE_INFO(50 + i, 1, 0), actors[i].message.info);
		CHECK_EQUAL(i, actors[i].message.word[0]);
	}

	case_begin("ipc.nonblocking",
		"NBSend drops the message where nobody waits, NBRecv says WOULD_BLOCK; both work where somebody waits");
	fresh();
	REQUIRE_OK(bh_send_if_waiting(endpoint, &message));
	REFUSED(BH_ERROR_WOULD_BLOCK, bh_receive_if_waiting(endpoint, reply, &message));
	REQUIRE(actor_new(&actors[0], DO_RECEIVE, endpoint, OWN_PRIORITY + 1));
	message.word[0] = 77;
	message.info = BH_MESSAGE_INFO(30, 1, 0);
	REQUIRE_OK(bh_send_if_waiting(endpoint, &message));
	CHECK_EQUAL(77, actors[0].message.word[0]);
	actors[1].message = (struct bh_message){ .info = BH_MESSAGE_INFO(30, 1, 0), .word = { 78 } };
	REQUIRE(actor_new(&actors[1], DO_CALL, endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_receive_if_waiting(endpoint, reply, &message));
	CHECK_EQUAL(78, message.word[0]);
	REQUIRE_OK(bh_reply(reply, &message));
	CHECK_EQUAL(1, actors[1].done);
	REFUSED(BH_ERROR_WOULD_BLOCK, bh_receive_if_waiting(endpoint, reply, &message));

	case_begin("ipc.refused",
		"endpoints need write to send and read to receive, Replies need write; each says what is missing");
	fresh();
	uint64_t read_only = copy_new(endpoint, BH_RIGHT_READ | BH_RIGHT_GRANT);
	uint64_t write_only = copy_new(endpoint, BH_RIGHT_WRITE | BH_RIGHT_GRANT);
	uint64_t weak_reply = copy_new(reply, BH_RIGHT_READ);
	REFUSED(BH_ERROR_RIGHTS, bh_call(read_only, &message));
	REFUSED(BH_ERROR_RIGHTS, bh_send(read_only, &message));
	REFUSED(BH_ERROR_RIGHTS, bh_send_if_waiting(read_only, &message));
	REFUSED(BH_ERROR_RIGHTS, bh_receive(write_only, reply, &message));
	REFUSED(BH_ERROR_RIGHTS, bh_receive_if_waiting(write_only, reply, &message));
	REFUSED(BH_ERROR_RIGHTS, bh_reply_receive(write_only, reply, &message));
	REFUSED(BH_ERROR_RIGHTS, bh_receive(endpoint, weak_reply, &message));
	REFUSED(BH_ERROR_RIGHTS, bh_reply(weak_reply, &message));
	REFUSED(BH_ERROR_TYPE, bh_call(reply, &message));
	REFUSED(BH_ERROR_TYPE, bh_receive(reply, reply, &message));
	REFUSED(BH_ERROR_TYPE, bh_receive(endpoint, endpoint, &message));
	REFUSED(BH_ERROR_CAPABILITY, bh_receive(endpoint, NO_SLOT, &message));
	REFUSED(BH_ERROR_CAPABILITY, bh_reply_receive(endpoint, 0, &message));
	REFUSED(BH_ERROR_CAPABILITY, bh_call(NO_SLOT, &message));
	REFUSED(BH_ERROR_CAPABILITY, bh_reply(NO_SLOT, &message));
}

static void replies(void)
{
	struct bh_message message = { .info = BH_MESSAGE_INFO(30, 1, 0), .word = { 1 } };

	case_begin("ipc.reply",
		"an answer reaches its caller once: a second one, or one that nobody waits for, is nothing");
	fresh();
	REQUIRE_OK(bh_reply(reply, &message));
	actors[0].message = message;
	REQUIRE(actor_new(&actors[0], DO_CALL, endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_receive(endpoint, reply, &message));
	message.word[0] = 5;
	REQUIRE_OK(bh_reply(reply, &message));
	CHECK_EQUAL(1, actors[0].done);
	CHECK_EQUAL(5, actors[0].message.word[0]);
	message.word[0] = 6;
	REQUIRE_OK(bh_reply(reply, &message));
	CHECK_EQUAL(1, actors[0].done);
	CHECK_EQUAL(5, actors[0].message.word[0]);

	case_begin("ipc.reply.own",
		"each Reply keeps its own caller: two calls are answered in the other order");
	fresh();
	uint64_t second = object_new(BH_OBJECT_REPLY, 0);
	for (unsigned int i = 0; i < 2; i++) {
		actors[i].message = (struct bh_message){ .info = BH_MESSAGE_INFO(30, 1, 0), .word = { i } };
		REQUIRE(actor_new(&actors[i], DO_CALL, endpoint, OWN_PRIORITY + 1));
	}
	REQUIRE_OK(bh_receive(endpoint, reply, &message));
	CHECK_EQUAL(0, message.word[0]);
	REFUSED(BH_ERROR_STATE, bh_receive(endpoint, reply, &message)); /* it holds a caller */
	REQUIRE_OK(bh_receive(endpoint, second, &message));
	CHECK_EQUAL(1, message.word[0]);
	REFUSED(BH_ERROR_WOULD_BLOCK,
		bh_receive_if_waiting(endpoint, object_new(BH_OBJECT_REPLY, 0), &message));
	REFUSED(BH_ERROR_STATE, bh_receive_if_waiting(endpoint, second, &message));
	message.word[0] = 100;
	REQUIRE_OK(bh_reply(second, &message));
	CHECK_EQUAL(0, actors[0].done);
	CHECK_EQUAL(100, actors[1].message.word[0]);
	message.word[0] = 101;
	REQUIRE_OK(bh_reply(reply, &message));
	CHECK_EQUAL(101, actors[0].message.word[0]);

	case_begin("ipc.reply.busy", "a Reply that another thread receives with can't be used by a second");
	fresh();
	actors[0].reply = reply;
	REQUIRE(actor_new(&actors[0], DO_RECEIVE, endpoint, OWN_PRIORITY + 1));
	REFUSED(BH_ERROR_STATE, bh_receive(object_new(BH_OBJECT_ENDPOINT, 0), reply, &message));
	REFUSED(BH_ERROR_STATE, bh_reply_receive(object_new(BH_OBJECT_ENDPOINT, 0), reply, &message));
	CHECK_EQUAL(0, actors[0].done);

	case_begin("ipc.call.no_reply",
		"a call to who receives without a Reply is refused, in either order of coming; a Send is taken");
	fresh();
	REQUIRE(actor_new(&actors[0], DO_RECEIVE, endpoint, OWN_PRIORITY + 1));
	REFUSED(BH_ERROR_STATE, bh_call(endpoint, &message));
	CHECK_EQUAL(0, actors[0].done);
	message.info = BH_MESSAGE_INFO(30, 1, 0);
	REQUIRE_OK(bh_send(endpoint, &message));
	CHECK_EQUAL(1, actors[0].done);
	REQUIRE(actor_new(&actors[1], DO_CALL, endpoint, OWN_PRIORITY + 1));
	REQUIRE(actor_new(&actors[2], DO_SEND, endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_receive(endpoint, 0, &message));
	CHECK_EQUAL(BH_ERROR_STATE, actors[1].error);
	CHECK_EQUAL(BH_OK, actors[2].error);

	case_begin("ipc.reply_receive", "ReplyRecv answers the last caller and takes the next in one call");
	fresh();
	for (unsigned int i = 0; i < 2; i++) {
		actors[i].message = (struct bh_message){ .info = BH_MESSAGE_INFO(30, 1, 0), .word = { i } };
		REQUIRE(actor_new(&actors[i], DO_CALL, endpoint, OWN_PRIORITY + 1));
	}
	REQUIRE_OK(bh_reply_receive(endpoint, reply, &message)); /* nobody to answer yet */
	message.word[0] = 50;
	REQUIRE_OK(bh_reply_receive(endpoint, reply, &message));
	CHECK_EQUAL(50, actors[0].message.word[0]);
	CHECK_EQUAL(1, message.word[0]);
	message.word[0] = 51;
	REQUIRE_OK(bh_reply(reply, &message));
	CHECK_EQUAL(51, actors[1].message.word[0]);
}

static void ends(void)
{
	struct bh_message message = { 0 };

	case_begin("ipc.endpoint.deleted",
		"the end of an endpoint cancels whoever waits there: senders, callers, receivers");
	for (unsigned int kind = 0; kind < 2; kind++) {
		fresh();
		REQUIRE(actor_new(&actors[0], kind == 0 ? DO_SEND : DO_RECEIVE, endpoint, OWN_PRIORITY + 1));
		REQUIRE(actor_new(&actors[1], kind == 0 ? DO_CALL : DO_RECEIVE, endpoint, OWN_PRIORITY + 1));
		REQUIRE_OK(bh_cnode_delete(SELF, endpoint));
		for (unsigned int i = 0; i < 2; i++) {
			CHECK_EQUAL(1, actors[i].done);
			CHECK_EQUAL(BH_ERROR_CANCELLED, actors[i].error);
		}
	}

	case_begin("ipc.endpoint.deleted.served",
		"a caller that is being served outlives the endpoint: its answer comes by the Reply");
	fresh();
	REQUIRE(actor_new(&actors[0], DO_CALL, endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_receive(endpoint, reply, &message));
	REQUIRE_OK(bh_cnode_delete(SELF, endpoint));
	CHECK_EQUAL(0, actors[0].done);
	REQUIRE_OK(bh_reply(reply, &message));
	CHECK_EQUAL(BH_OK, actors[0].error);

	case_begin("ipc.reply.deleted", "the end of a Reply cancels its caller");
	fresh();
	REQUIRE(actor_new(&actors[0], DO_CALL, endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_receive(endpoint, reply, &message));
	REQUIRE_OK(bh_cnode_delete(SELF, reply));
	CHECK_EQUAL(1, actors[0].done);
	CHECK_EQUAL(BH_ERROR_CANCELLED, actors[0].error);

	case_begin("ipc.reply.deleted.receiving",
		"a server whose Reply is deleted while it receives refuses calls and takes Sends");
	fresh();
	actors[0].reply = reply;
	REQUIRE(actor_new(&actors[0], DO_RECEIVE, endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_cnode_delete(SELF, reply));
	REFUSED(BH_ERROR_STATE, bh_call(endpoint, &message));
	REQUIRE_OK(bh_send(endpoint, &message));
	CHECK_EQUAL(BH_OK, actors[0].error);

	case_begin("ipc.caller.deleted",
		"an answer to a caller that is gone is nothing, and the Reply is free again");
	fresh();
	REQUIRE(actor_new(&actors[0], DO_CALL, endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_receive(endpoint, reply, &message));
	REQUIRE_OK(bh_cnode_delete(SELF, actors[0].thread.thread));
	REQUIRE_OK(bh_reply(reply, &message));
	REQUIRE(actor_new(&actors[1], DO_CALL, endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_receive(endpoint, reply, &message));
	REQUIRE_OK(bh_reply(reply, &message));
	CHECK_EQUAL(BH_OK, actors[1].error);
}

static void cancel_badged(void)
{
	static struct actor many[70];
	struct bh_message message = { 0 };
	uint64_t badged;

	case_begin("ipc.cancel_badged",
		"CancelBadged ends the waiting sends of one badge; the others keep their order");
	fresh();
	for (unsigned int i = 0; i < 4; i++) {
		REQUIRE(actor_new(&actors[i], i == 2 ? DO_CALL : DO_SEND,
			mint_new(endpoint, BH_RIGHT_WRITE, i % 2 + 1), OWN_PRIORITY + 1));
	}
	REQUIRE_OK(bh_endpoint_cancel_badged(endpoint, 1));
	CHECK_EQUAL(BH_ERROR_CANCELLED,
		actors[0].error); /* covers BH_ENDPOINT_CANCEL_BADGED BH_ERROR_CANCELLED */
	CHECK_EQUAL(BH_ERROR_CANCELLED, actors[2].error);
	CHECK_EQUAL(0, actors[1].done | actors[3].done);
	REQUIRE_OK(bh_endpoint_cancel_badged(endpoint, 7)); /* nobody */
	REQUIRE_OK(bh_receive(endpoint, 0, &message));
	CHECK_EQUAL(1, actors[1].done);
	REQUIRE_OK(bh_receive(endpoint, 0, &message));
	CHECK_EQUAL(1, actors[3].done);

	case_begin("ipc.cancel_badged.many",
		"among 70 senders, more than one step of it, exactly the right ones are cancelled, and it ends "
		"though the others stay");
	fresh();
	REQUIRE(ticker_start(100));
	for (unsigned int i = 0; i < 70; i++) {
		many[i] = (struct actor){ 0 };
		REQUIRE(actor_new(&many[i], DO_SEND,
			mint_new(endpoint, BH_RIGHT_WRITE, i % 7 == 3 ? 9 : i + 100), OWN_PRIORITY + 1));
	}
	REQUIRE_OK(bh_endpoint_cancel_badged(endpoint, 9));
	for (unsigned int i = 0; i < 70; i++) {
		CHECK_EQUAL(i % 7 == 3 ? 1 : 0, many[i].done);
	}
	for (unsigned int i = 0; i < 70; i++) {
		if (i % 7 != 3) {
			REQUIRE_OK(bh_receive_if_waiting(endpoint, 0, &message));
			CHECK_EQUAL(i + 100, message.badge);
		}
	}

	case_begin("ipc.cancel_badged.refused",
		"CancelBadged needs all rights, on a capability without a badge; receivers are left alone");
	fresh();
	badged = mint_new(endpoint, BH_RIGHTS_ALL, 3);
	REQUIRE(actor_new(&actors[0], DO_RECEIVE, endpoint, OWN_PRIORITY + 1));
	REFUSED(BH_ERROR_ARGUMENT, bh_endpoint_cancel_badged(badged, 3));
	REFUSED(BH_ERROR_RIGHTS,
		bh_endpoint_cancel_badged(copy_new(endpoint, BH_RIGHT_READ | BH_RIGHT_WRITE), 3));
	REFUSED(BH_ERROR_RIGHTS,
		bh_endpoint_cancel_badged(copy_new(endpoint, BH_RIGHT_WRITE | BH_RIGHT_GRANT), 3));
	REQUIRE_OK(bh_endpoint_cancel_badged(endpoint, 0));
	CHECK_EQUAL(0, actors[0].done);
}

void group_ipc(void)
{
	calls();
	sends();
	replies();
	ends();
	cancel_badged();
}
