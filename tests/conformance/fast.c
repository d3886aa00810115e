/* SPDX-License-Identifier: MIT */
/* The short way of a call and its answer (kernel/ipc/fastpath.h): what is passed on, and what it must leave to the general way. The
 * server is passive and waits, alone, but where a case says otherwise. */
#include "harness.h"

static struct test_thread server;
static struct bh_message seen; /* as the server got it */
static uint64_t endpoint, reply, signal_at, answer_info;
static volatile uint64_t calls, order, server_order, middle_order;

static void serve(struct bh_message *first, uint64_t argument)
{
	struct bh_message message = *first;

	(void)argument;
	for (;;) {
		calls = calls + 1;
		seen = message;
		for (unsigned int i = BH_MESSAGE_REGISTERS; i < BH_MESSAGE_WORDS_MAX; i++) {
			server.buffer->words[i] += 1000;
		}
		if (signal_at != 0) {
			(void)!bh_signal(signal_at);
		}
		server_order = ++order;
		message.word[0]++;
		message.info = answer_info != 0 ? answer_info : message.info;
		if (bh_reply_receive(endpoint, reply, &message) != BH_OK) {
			__asm__ volatile("ud2");
		}
	}
}

static bool fresh(unsigned int priority)
{
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	reply = object_new(BH_OBJECT_REPLY, 0);
	server = (struct test_thread){ 0 };
	signal_at = answer_info = calls = order = 0;
	return passive_new(&server, serve, 0, priority, endpoint, reply);
}

static void middle(uint64_t argument)
{
	uint64_t word;

	for (;;) {
		if (bh_wait(argument, &word) != BH_OK) {
			__asm__ volatile("ud2");
		}
		middle_order = ++order;
	}
}

void group_fast(void)
{
	struct bh_message message;

	case_begin("fast.words",
		"a call and its answer carry 0 to the most words, each as it was, the badge, and nothing beyond the count");
	REQUIRE(fresh(OWN_PRIORITY));
	uint64_t badged = mint_new(endpoint, BH_RIGHT_WRITE, 0x77);
	for (unsigned int count = 0; count <= BH_MESSAGE_WORDS_MAX; count += count < 6 ? 1 : 19) {
		for (unsigned int i = BH_MESSAGE_REGISTERS; i < BH_MESSAGE_WORDS_MAX; i++) {
			OWN_BUFFER->words[i] = 100 * count + i;
			server.buffer->words[i] = 5;
		}
		message =
			(struct bh_message){ .info = BH_MESSAGE_INFO(61, count, 0), .word = { 1, 2, 3, 4 } };
		REQUIRE_OK(bh_call(badged, &message));
		CHECK_EQUAL(BH_MESSAGE_INFO(61, count, 0), seen.info);
		CHECK_EQUAL(0x77, seen.badge);
		CHECK_EQUAL(BH_MESSAGE_INFO(61, count, 0), message.info);
		CHECK_EQUAL(0, message.badge);
		CHECK(message.word[0] == 2 && message.word[1] == 2 && message.word[2] == 3 &&
			message.word[3] == 4);
		for (unsigned int i = BH_MESSAGE_REGISTERS; i < BH_MESSAGE_WORDS_MAX; i++) {
			CHECK_EQUAL(i < count ? 100 * count + i + 1000 : 1005, server.buffer->words[i]);
			CHECK_EQUAL(100 * count + i + (i < count ? 1000 : 0), OWN_BUFFER->words[i]);
		}
	}

	case_begin("fast.rights",
		"without write on the endpoint, with another type, an empty slot or one outside nothing reaches the server");
	REQUIRE(fresh(OWN_PRIORITY));
	message = (struct bh_message){ .info = BH_MESSAGE_INFO(61, 1, 0) };
	REFUSED(BH_ERROR_RIGHTS, bh_call(copy_new(endpoint, BH_RIGHT_READ | BH_RIGHT_GRANT), &message));
	REFUSED(BH_ERROR_TYPE, bh_call(reply, &message));
	REFUSED(BH_ERROR_CAPABILITY, bh_call(NO_SLOT, &message));
	REFUSED(BH_ERROR_CAPABILITY, bh_call(~UINT64_C(0), &message));
	REFUSED(BH_ERROR_CAPABILITY, bh_call(0, &message));
	CHECK_EQUAL(0, calls);
	REQUIRE_OK(bh_call(endpoint, &message));
	CHECK_EQUAL(1, calls);

	case_begin("fast.grant",
		"capabilities go with grant only, by a call to a passive server too, and come with its answer");
	REQUIRE(fresh(OWN_PRIORITY));
	uint64_t target = slot_run(2), back = slot_run(1);
	server.buffer->receive_index = target;
	OWN_BUFFER->caps[0] = endpoint;
	OWN_BUFFER->receive_index = back;
	message = (struct bh_message){ .info = BH_MESSAGE_INFO(61, 1, 1) };
	answer_info = BH_MESSAGE_INFO(61, 1, 0);
	REQUIRE_OK(bh_call(copy_new(endpoint, BH_RIGHT_WRITE), &message));
	CHECK_EQUAL(BH_MESSAGE_INFO(61, 1, 0), seen.info);
	CHECK_EQUAL(BH_OBJECT_NULL, facts_of(target).type);
	message.info = BH_MESSAGE_INFO(61, 1, 1);
	REQUIRE_OK(bh_call(endpoint, &message));
	CHECK_EQUAL(BH_MESSAGE_INFO(61, 1, 1), seen.info);
	CHECK_EQUAL(BH_OBJECT_ENDPOINT, facts_of(target).type);
	server.buffer->caps[0] = reply;
	answer_info = BH_MESSAGE_INFO(61, 1, 1);
	message.info = BH_MESSAGE_INFO(61, 1, 0);
	REQUIRE_OK(bh_call(endpoint, &message));
	CHECK_EQUAL(BH_MESSAGE_INFO(61, 1, 1), message.info);
	CHECK_EQUAL(BH_OBJECT_REPLY, facts_of(back).type);
	OWN_BUFFER->receive_index = 0;
	OWN_BUFFER->caps[0] = 0;

	case_begin("fast.outranked",
		"who is ready and outranks the caller runs before the caller has its answer back");
	REQUIRE(fresh(OWN_PRIORITY + 20));
	uint64_t notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	struct test_thread between = { 0 };
	signal_at = mint_new(notification, BH_RIGHT_WRITE, 1);
	REQUIRE(thread_new(&between, middle, notification, OWN_PRIORITY + 10, true));
	REQUIRE_OK(bh_thread_resume(between.thread));
	message = (struct bh_message){ .info = BH_MESSAGE_INFO(61, 1, 0) };
	REQUIRE_OK(bh_call(endpoint, &message));
	CHECK_EQUAL(2, order);
	CHECK_EQUAL(1, server_order);
	CHECK_EQUAL(2, middle_order);
}
