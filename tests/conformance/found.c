/* SPDX-License-Identifier: MIT */
/* What random calls found (tests/random), each as small as it can be. */
#include "harness.h"

static struct actor client;
static struct test_thread servers[3];
static uint64_t ends[3], replies[3], hold, last;
static volatile uint64_t turns;

/* Passes its caller's call on to the next endpoint; the last waits for a signal instead. Then answers. */
static void pass_on(struct bh_message *first, uint64_t number)
{
	struct bh_message message = *first;
	uint64_t word;

	for (;;) {
		if (number != last) {
			(void)!bh_call(ends[number + 1], &message);
		} else {
			(void)!bh_wait(hold, &word);
		}
		turns = turns + 1;
		message.info = BH_MESSAGE_INFO(62, 1, 0);
		(void)!bh_reply_receive(ends[number], replies[number], &message);
	}
}

/* A client that calls the first of these servers, numbered from `first` to `to`. */
static bool make(struct test_thread *servers, unsigned int first, unsigned int to)
{
	for (unsigned int i = 0; i < 3; i++) {
		ends[i] = object_new(BH_OBJECT_ENDPOINT, 0);
		replies[i] = object_new(BH_OBJECT_REPLY, 0);
	}
	hold = object_new(BH_OBJECT_NOTIFICATION, 0);
	turns = 0;
	last = to;
	client = (struct actor){ .message = { .info = BH_MESSAGE_INFO(62, 1, 0) } };
	for (unsigned int i = first; i <= to; i++) {
		servers[i] = (struct test_thread){ 0 };
		if (!passive_new(&servers[i], pass_on, i, OWN_PRIORITY + 10, ends[i], replies[i])) {
			return false;
		}
	}
	return actor_new(&client, DO_CALL, ends[first], OWN_PRIORITY + 10);
}

static void answered_by_another(void)
{
	struct bh_message answer = { .info = BH_MESSAGE_INFO(63, 1, 0) };

	case_begin("found.answered_by_another",
		"who is answered while its context is lent on along a chain has it back and goes on, whoever answered");
	REQUIRE(make(servers, 0, 1));
	CHECK_EQUAL(0, client.done);
	REQUIRE_OK(bh_reply(replies[0], &answer));
	pause_us(1000);
	CHECK_EQUAL(1, client.done);
	CHECK_EQUAL(BH_OK, client.error);
	/* It is nobody's but its own again. */
	client.operation = DO_WAIT;
	client.capability = hold;
	REQUIRE_OK(bh_thread_suspend(servers[1].thread));
	REQUIRE_OK(bh_thread_resume(client.thread.thread));
	REQUIRE_OK(bh_signal(mint_new(hold, BH_RIGHTS_ALL, 1)));
	CHECK(wait_until(&client.done, 2));
}

static void not_on_its_time(void)
{
	struct bh_message answer = { .info = BH_MESSAGE_INFO(63, 1, 0) };

	case_begin("found.not_on_its_time",
		"a server whose caller was answered by somebody else meanwhile does not run on that caller's time");
	REQUIRE(make(servers, 0, 2));
	REQUIRE_OK(bh_reply(replies[1], &answer)); /* the first server's call to the second */
	REQUIRE_OK(bh_signal(mint_new(hold, BH_RIGHTS_ALL, 1)));
	pause_us(1000);
	CHECK_EQUAL(2, turns); /* of the third, which answers the second, and of the first */
	CHECK_EQUAL(1, client.done);
}

static void own_context_is_kept(void)
{
	struct actor caller = { .message = { .info = BH_MESSAGE_INFO(62, 1, 0) } };
	struct bh_message message = { .info = BH_MESSAGE_INFO(62, 1, 0) };

	case_begin("found.own_context_is_kept",
		"a thread whose context is still used by a server takes no other one, and has its own when the server is done");
	REQUIRE(make(servers, 1, 1));
	/* The call is cancelled; the server still stands in Wait with the client's context. */
	REQUIRE_OK(bh_thread_suspend(client.thread.thread));
	client.operation = DO_WAIT; /* what it does when it has stopped again and goes on */
	client.capability = hold;
	REQUIRE_OK(bh_thread_receive(client.thread.thread, ends[2], replies[2]));
	REQUIRE(actor_new(&caller, DO_CALL, ends[2], OWN_PRIORITY + 10));
	CHECK_EQUAL(0, client.done);
	REQUIRE_OK(bh_signal(mint_new(hold, BH_RIGHTS_ALL, 1)));
	REQUIRE(wait_until(&client.done, 1));
	REQUIRE_OK(bh_reply(replies[2], &message));
	REQUIRE(wait_until(&caller.done, 1));
	/* It can take a message that brings no context. */
	REQUIRE_OK(bh_signal(mint_new(hold, BH_RIGHTS_ALL, 1)));
	REQUIRE_OK(bh_thread_receive(client.thread.thread, ends[2], replies[2]));
	CHECK_EQUAL(BH_OK, bh_send_if_waiting(ends[2], &message));
	CHECK(wait_until(&client.done, 2));
}

static void turn(uint64_t unused)
{
	(void)unused;
	for (;;) {
		turns = turns + 1;
	}
}

static void exhausted_and_bound_again(void)
{
	struct test_thread thread = { .budget = 100, .period = 5000 };
	uint64_t before;

	case_begin("found.exhausted_and_bound_again",
		"a context that is unbound while it is exhausted, and bound again, is filled up when its period ends");
	turns = 0;
	REQUIRE(thread_new(&thread, turn, 0, OWN_PRIORITY - 10, true));
	REQUIRE_OK(bh_thread_resume(thread.thread));
	pause_us(1000);
	before = turns;
	CHECK(before != 0);
	REQUIRE_OK(bh_sched_context_unbind(thread.context));
	REQUIRE_OK(bh_sched_context_bind(thread.context, thread.thread));
	pause_us(500);
	CHECK_EQUAL(before, turns);
	CHECK(wait_until(&turns, before + 1));
}

void group_found(void)
{
	answered_by_another();
	not_on_its_time();
	own_context_is_kept();
	exhausted_and_bound_again();
}
