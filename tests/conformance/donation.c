/* SPDX-License-Identifier: MIT */
/* Passive servers: they run on their caller's scheduling context, which comes back by the answer, by the end of whoever is in
 * between, and never gets lost or mixed up. */
#include "harness.h"

/* A server: adds 1 to word 0; waits on `hold`, calls `next`, polls its endpoint, where those are set; answers. */
struct server {
	struct test_thread thread;
	uint64_t endpoint, reply, hold, next;
	bool poll;
	volatile uint64_t entered, left, error;
};
static struct server servers[4];
static struct actor actors[3];

static void serve(struct bh_message *first, uint64_t argument)
{
	struct server *server = (struct server *)argument;
	struct bh_message message = *first;
	uint64_t word;

	for (;;) {
		server->entered = server->entered + 1;
		message.word[0]++;
		if (server->hold != 0) {
			server->error = bh_wait(server->hold, &word);
		}
		if (server->next != 0) {
			server->error = bh_call(server->next, &message);
		}
		if (server->poll) {
			struct bh_message other = { 0 };

			server->error = bh_receive_if_waiting(server->endpoint, 0, &other);
		}
		message.info = BH_MESSAGE_INFO(60, 1, 0);
		server->left = server->left + 1;
		if (bh_reply_receive(server->endpoint, server->reply, &message) != BH_OK) {
			__asm__ volatile("ud2");
		}
	}
}

static void fresh(void)
{
	for (unsigned int i = 0; i < 4; i++) {
		servers[i] = (struct server){ .endpoint = object_new(BH_OBJECT_ENDPOINT, 0),
			.reply = object_new(BH_OBJECT_REPLY, 0) };
	}
	for (unsigned int i = 0; i < 3; i++) {
		actors[i] = (struct actor){ 0 };
		actors[i].message.info = BH_MESSAGE_INFO(61, 1, 0);
	}
}

static bool start(unsigned int index)
{
	struct server *server = &servers[index];

	return passive_new(
		&server->thread, serve, (uint64_t)server, OWN_PRIORITY + 10, server->endpoint, server->reply);
}

static bool start_held(unsigned int index, uint64_t *go)
{
	servers[index].hold = object_new(BH_OBJECT_NOTIFICATION, 0);
	*go = mint_new(servers[index].hold, BH_RIGHT_WRITE, 1);
	return *go != 0 && start(index);
}

static void calls(void)
{
	struct bh_message message;

	case_begin("donation.call",
		"a passive server begins in Recv and runs on its caller's context, call after call");
	fresh();
	REQUIRE(start(0));
	for (unsigned int i = 0; i < 3; i++) {
		message = (struct bh_message){ .info = BH_MESSAGE_INFO(61, 1, 0), .word = { i } };
		REQUIRE_OK(bh_call(servers[0].endpoint, &message));
		CHECK_EQUAL(i + 1, message.word[0]);
	}
	CHECK_EQUAL(3, servers[0].entered);

	case_begin("donation.chain", "a context goes down a chain of four passive servers and comes back up");
	fresh();
	for (unsigned int i = 0; i < 4; i++) {
		servers[i].next = i < 3 ? servers[i + 1].endpoint : 0;
		REQUIRE(start(i));
	}
	for (unsigned int i = 0; i < 2; i++) {
		message = (struct bh_message){ .info = BH_MESSAGE_INFO(61, 1, 0), .word = { 10 } };
		REQUIRE_OK(bh_call(servers[0].endpoint, &message));
		CHECK_EQUAL(14, message.word[0]);
	}

	case_begin("donation.no_context",
		"a passive thread takes no Send, in either order of coming: nobody would run it");
	fresh();
	REQUIRE(start(0));
	REFUSED(BH_ERROR_STATE, bh_send(servers[0].endpoint, &message));
	REFUSED(BH_ERROR_STATE, bh_send_if_waiting(servers[0].endpoint, &message));
	message.info = BH_MESSAGE_INFO(61, 1, 0);
	REQUIRE_OK(bh_call(servers[0].endpoint, &message));
	CHECK_EQUAL(1, servers[0].entered);
	actors[0].message.info = BH_MESSAGE_INFO(61, 1, 0);
	REQUIRE(actor_new(&actors[0], DO_SEND, servers[1].endpoint, OWN_PRIORITY + 1));
	REQUIRE(actor_new(&actors[1], DO_CALL, servers[1].endpoint, OWN_PRIORITY + 1));
	REQUIRE(start(1)); /* the Send was first in the queue */
	CHECK_EQUAL(BH_ERROR_STATE, actors[0].error);
	CHECK_EQUAL(BH_OK, actors[1].error);

	case_begin("donation.consumed", "what a passive server uses is charged to its caller's context");
	fresh();
	REQUIRE(start(0));
	uint64_t before, after;
	REQUIRE(actor_new(&actors[0], DO_CALL, servers[0].endpoint, OWN_PRIORITY - 1));
	REQUIRE_OK(bh_sched_context_consumed(actors[0].thread.context, &before));
	CHECK(wait_until(&actors[0].done, 1));
	REQUIRE_OK(bh_sched_context_consumed(actors[0].thread.context, &after));
	CHECK(after > before);
}

static volatile uint64_t order[4];

/* Takes two calls with two Replies, answers the first one first. */
static void serve_two(struct bh_message *first, uint64_t argument)
{
	struct bh_message message = *first;

	(void)argument;
	for (;;) {
		order[0] = bh_receive(servers[0].endpoint, servers[1].reply,
			&message); /* parks the first caller's context */
		message.word[0] = 500;
		message.info = BH_MESSAGE_INFO(60, 1, 0);
		order[1] = bh_reply(servers[0].reply, &message); /* on the second caller's context */
		message.word[0] = 600;
		order[2] = bh_reply_receive(servers[0].endpoint, servers[1].reply, &message);
		order[3] = order[3] + 1; /* a third call: 1 */
	}
}

static void parking(void)
{
	case_begin("donation.park",
		"a Recv while holding a lent context parks it with its Reply; each caller gets its own back (settled)");
	fresh();
	for (unsigned int i = 0; i < 4; i++) {
		order[i] = 0;
	}
	REQUIRE(passive_new(
		&servers[0].thread, serve_two, 0, OWN_PRIORITY + 10, servers[0].endpoint, servers[0].reply));
	REQUIRE(actor_new(&actors[0], DO_CALL, servers[0].endpoint, OWN_PRIORITY + 1));
	CHECK_EQUAL(0, actors[0].done);
	REQUIRE(actor_new(&actors[1], DO_CALL, servers[0].endpoint, OWN_PRIORITY + 1));
	CHECK_EQUAL(1, actors[0].done);
	CHECK_EQUAL(500, actors[0].message.word[0]);
	CHECK_EQUAL(1, actors[1].done);
	CHECK_EQUAL(600, actors[1].message.word[0]);
	CHECK_EQUAL(BH_OK, order[0] | order[1]);

	case_begin("donation.park.answered",
		"a parked caller can be answered by another thread that holds the Reply: it runs again");
	fresh();
	REQUIRE(passive_new(
		&servers[0].thread, serve_two, 0, OWN_PRIORITY + 10, servers[0].endpoint, servers[0].reply));
	REQUIRE(actor_new(&actors[0], DO_CALL, servers[0].endpoint, OWN_PRIORITY + 1));
	struct bh_message message = { .info = BH_MESSAGE_INFO(60, 1, 0), .word = { 700 } };
	REQUIRE_OK(bh_reply(servers[0].reply, &message));
	CHECK_EQUAL(1, actors[0].done);
	CHECK_EQUAL(700, actors[0].message.word[0]);

	case_begin("donation.park.cancelled",
		"a parked caller that is suspended takes its context along, and runs when resumed");
	fresh();
	REQUIRE(passive_new(
		&servers[0].thread, serve_two, 0, OWN_PRIORITY + 10, servers[0].endpoint, servers[0].reply));
	REQUIRE(actor_new(&actors[0], DO_CALL, servers[0].endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_thread_suspend(actors[0].thread.thread));
	REQUIRE_OK(bh_thread_resume(actors[0].thread.thread));
	CHECK_EQUAL(1, actors[0].done);
	CHECK_EQUAL(BH_ERROR_CANCELLED, actors[0].error);

	case_begin("donation.poll",
		"an NBRecv that finds nothing changes nothing: a passive server keeps its caller's context and answers");
	fresh();
	servers[0].poll = true;
	REQUIRE(start(0));
	REQUIRE(actor_new(&actors[0], DO_CALL, servers[0].endpoint, OWN_PRIORITY + 1));
	CHECK_EQUAL(1, actors[0].done);
	CHECK_EQUAL(BH_ERROR_WOULD_BLOCK, servers[0].error);
	CHECK_EQUAL(1, actors[0].message.word[0]);
}

/* The server stands in the middle of a call (on its caller's context, waiting), and something happens. */
static void ends(void)
{
	struct bh_message message = { 0 };
	uint64_t go, go_too;

	case_begin("donation.caller.suspended",
		"a caller is suspended while it is served: the server finishes, the context goes home, the "
		"next call works");
	fresh();
	REQUIRE(start_held(0, &go));
	REQUIRE(actor_new(&actors[0], DO_CALL, servers[0].endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_thread_suspend(actors[0].thread.thread));
	REQUIRE_OK(bh_thread_resume(actors[0].thread.thread));
	CHECK_EQUAL(0, actors[0].done); /* its context is still with the server */
	REQUIRE_OK(bh_signal(go));
	CHECK_EQUAL(1, servers[0].left);
	CHECK_EQUAL(1, actors[0].done);
	CHECK_EQUAL(BH_ERROR_CANCELLED, actors[0].error);
	REQUIRE(actor_new(&actors[1], DO_CALL, servers[0].endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_signal(go));
	CHECK_EQUAL(BH_OK, actors[1].error);

	case_begin("donation.caller.deleted",
		"a caller is deleted while it is served: the server finishes on what it lent, and serves the next");
	fresh();
	REQUIRE(start_held(0, &go));
	REQUIRE(actor_new(&actors[0], DO_CALL, servers[0].endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_cnode_delete(SELF, actors[0].thread.thread));
	REQUIRE_OK(bh_signal(go));
	CHECK_EQUAL(1, servers[0].left);
	REQUIRE(actor_new(&actors[1], DO_CALL, servers[0].endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_signal(go));
	CHECK_EQUAL(BH_OK, actors[1].error);
	CHECK_EQUAL(2, servers[0].left);

	case_begin("donation.server.deleted",
		"a server is deleted in the middle: its caller waits on for the Reply, and runs when that goes");
	fresh();
	REQUIRE(start_held(0, &go));
	REQUIRE(actor_new(&actors[0], DO_CALL, servers[0].endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_cnode_delete(SELF, servers[0].thread.thread));
	CHECK_EQUAL(0, actors[0].done);
	REQUIRE_OK(bh_cnode_delete(SELF, servers[0].reply));
	CHECK_EQUAL(1, actors[0].done);
	CHECK_EQUAL(BH_ERROR_CANCELLED, actors[0].error);

	case_begin("donation.server.replaced", "or another thread answers with the dead server's Reply");
	fresh();
	REQUIRE(start_held(0, &go));
	REQUIRE(actor_new(&actors[0], DO_CALL, servers[0].endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_cnode_delete(SELF, servers[0].thread.thread));
	message.info = BH_MESSAGE_INFO(60, 1, 0);
	message.word[0] = 321;
	REQUIRE_OK(bh_reply(servers[0].reply, &message));
	CHECK_EQUAL(1, actors[0].done);
	CHECK_EQUAL(321, actors[0].message.word[0]);

	case_begin("donation.reply.deleted",
		"a Reply is deleted in the middle: the caller has its context back at once, the server stands still");
	fresh();
	REQUIRE(start_held(0, &go));
	REQUIRE(actor_new(&actors[0], DO_CALL, servers[0].endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_cnode_delete(SELF, servers[0].reply));
	CHECK_EQUAL(1, actors[0].done);
	CHECK_EQUAL(BH_ERROR_CANCELLED, actors[0].error);
	REQUIRE_OK(bh_signal(go));
	CHECK_EQUAL(0, servers[0].left);

	case_begin("donation.chain.reply.deleted",
		"the first Reply of a chain is deleted: the context comes back from the chain's end");
	fresh();
	servers[0].next = servers[1].endpoint;
	REQUIRE(start(0));
	REQUIRE(start_held(1, &go));
	REQUIRE(actor_new(&actors[0], DO_CALL, servers[0].endpoint, OWN_PRIORITY + 1));
	CHECK_EQUAL(1, servers[1].entered);
	REQUIRE_OK(bh_cnode_delete(SELF, servers[0].reply));
	CHECK_EQUAL(1, actors[0].done);
	CHECK_EQUAL(BH_ERROR_CANCELLED, actors[0].error);
	REQUIRE_OK(bh_signal(go));
	CHECK_EQUAL(0, servers[1].left);

	case_begin("donation.chain.middle",
		"the middle server of a chain is deleted: the last finishes, the context goes home, the first Reply's "
		"end wakes the caller");
	fresh();
	servers[0].next = servers[1].endpoint;
	REQUIRE(start(0));
	REQUIRE(start_held(1, &go));
	REQUIRE(actor_new(&actors[0], DO_CALL, servers[0].endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_cnode_delete(SELF, servers[0].thread.thread));
	REQUIRE_OK(bh_signal(go));
	CHECK_EQUAL(1, servers[1].left);
	CHECK_EQUAL(0, actors[0].done);
	REQUIRE_OK(bh_cnode_delete(SELF, servers[0].reply));
	CHECK_EQUAL(1, actors[0].done);
	REQUIRE(actor_new(
		&actors[1], DO_CALL, servers[1].endpoint, OWN_PRIORITY + 1)); /* the last one serves on */
	REQUIRE_OK(bh_signal(go));
	CHECK_EQUAL(BH_OK, actors[1].error);

	case_begin("donation.chain.last",
		"the last server of a chain is deleted with its Reply: the one before it goes on with CANCELLED");
	fresh();
	servers[0].next = servers[1].endpoint;
	REQUIRE(start(0));
	REQUIRE(start_held(1, &go));
	REQUIRE(actor_new(&actors[0], DO_CALL, servers[0].endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_cnode_delete(SELF, servers[1].thread.thread));
	REQUIRE_OK(bh_cnode_delete(SELF, servers[1].reply));
	CHECK_EQUAL(BH_ERROR_CANCELLED, servers[0].error);
	CHECK_EQUAL(1, actors[0].done);
	CHECK_EQUAL(BH_OK, actors[0].error);

	case_begin("donation.context.deleted",
		"a lent context is deleted: nobody runs on it; the server is bound to one of its own, and keeps it "
		"when it answers");
	fresh();
	REQUIRE(start_held(0, &go));
	REQUIRE(actor_new(&actors[0], DO_CALL, servers[0].endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_cnode_delete(SELF, actors[0].thread.context));
	REQUIRE_OK(bh_signal(go));
	CHECK_EQUAL(0, servers[0].left);
	uint64_t context = object_new(BH_OBJECT_SCHED_CONTEXT, 0);
	REQUIRE_OK(bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, context, 10000, 10000));
	REQUIRE_OK(bh_sched_context_bind(context, servers[0].thread.thread));
	CHECK_EQUAL(1, servers[0].left);
	CHECK_EQUAL(0, actors[0].done); /* answered, but without a context: it did not get the server's */
	REQUIRE(actor_new(&actors[1], DO_CALL, servers[0].endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_signal(go));
	CHECK_EQUAL(BH_OK, actors[1].error);
	CHECK_EQUAL(0, actors[0].done);

	case_begin("donation.reply.shared",
		"a Reply whose server still runs on a lent context can't be taken by a second server");
	fresh();
	REQUIRE(start_held(0, &go));
	REQUIRE(actor_new(&actors[0], DO_CALL, servers[0].endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(
		bh_thread_suspend(actors[0].thread.thread)); /* no caller any more, but the context is out */
	REQUIRE(start_held(1, &go_too));
	REFUSED(BH_ERROR_STATE, bh_receive_if_waiting(servers[1].endpoint, servers[0].reply, &message));
	actors[1].reply = servers[0].reply;
	REQUIRE(actor_new(&actors[1], DO_RECEIVE, servers[0].endpoint, OWN_PRIORITY + 1));
	CHECK_EQUAL(BH_ERROR_STATE, actors[1].error);
	REQUIRE_OK(bh_signal(go));
	CHECK_EQUAL(1, servers[0].left);
	REQUIRE_OK(bh_thread_resume(actors[0].thread.thread));
	CHECK_EQUAL(1, actors[0].done);

	case_begin("donation.fault", "a passive fault handler runs on the context of who faulted");
	fresh();
	REQUIRE(start(0));
	actors[0].thread.fault_endpoint = servers[0].endpoint;
	REQUIRE(thread_new(&actors[0].thread, NULL, 0, OWN_PRIORITY + 1, true)); /* jumps to address 0 */
	servers[0].hold = object_new(BH_OBJECT_NOTIFICATION, 0);
	REQUIRE_OK(bh_thread_resume(actors[0].thread.thread));
	CHECK_EQUAL(1, servers[0].entered);
}

void group_donation(void)
{
	calls();
	parking();
	ends();
}
