/* SPDX-License-Identifier: MIT */
/* Messages, answers and signals between threads of one space. */
#include "harness.h"

static uint64_t endpoint, reply;

static void echo_server(uint64_t argument)
{
	struct bh_message message = { .word = { 0 } };

	(void)argument;
	for (;;) {
		if (message.word[0] != 0) {
			message.word[0] += message.badge;
		}
		message.info = BH_MESSAGE_INFO(7, 4, 0);
		if (bh_reply_receive(endpoint, reply, &message) != BH_OK) {
			__asm__ volatile("ud2");
		}
	}
}

static void echo_passive(uint64_t argument)
{
	struct bh_message message;

	(void)argument;
	/* begins as a return from Recv: the first message is in the registers, which this C function can't see */
	__asm__ volatile("" : : : "memory");
	message.word[0] = 99;
	message.info = BH_MESSAGE_INFO(9, 1, 0);
	for (;;) {
		if (bh_reply_receive(endpoint, reply, &message) != BH_OK) {
			__asm__ volatile("ud2");
		}
		message.word[0] += 1000;
		message.info = BH_MESSAGE_INFO(9, 1, 0);
	}
}

void group_ipc(void)
{
	struct test_thread server = { 0 };
	struct bh_message message = { .info = BH_MESSAGE_INFO(5, 4, 0), .word = { 1, 2, 3, 4 } };
	uint64_t minted;

	case_begin("ipc.call.active", "a call to a server with its own context carries 4 words and the badge there and back");
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	reply = object_new(BH_OBJECT_REPLY, 0);
	minted = slot_new();
	REQUIRE_OK(bh_cnode_mint(SELF, minted, 0, endpoint, BH_RIGHTS_ALL, 41));
	CHECK(thread_new(&server, echo_server, 0, 201 - 1, true));
	REQUIRE_OK(bh_thread_resume(server.thread));
	REQUIRE_OK(bh_call(minted, &message));
	CHECK_EQUAL(42, message.word[0]);
	CHECK_EQUAL(2, message.word[1]);
	CHECK_EQUAL(4, message.word[3]);
	CHECK_EQUAL(7, BH_MESSAGE_LABEL(message.info));
	message.info = BH_MESSAGE_INFO(5, 4, 0);
	REQUIRE_OK(bh_call(minted, &message));
	CHECK_EQUAL(42 + 41, message.word[0]);

	case_begin("ipc.call.passive", "a passive server begins in Recv and runs on its caller's context");
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	reply = object_new(BH_OBJECT_REPLY, 0);
	CHECK(thread_new(&server, echo_passive, 0, 200, false));
	REQUIRE_OK(bh_thread_receive(server.thread, endpoint, reply));
	message = (struct bh_message){ .info = BH_MESSAGE_INFO(5, 1, 0), .word = { 1 } };
	REQUIRE_OK(bh_call(endpoint, &message));
	message.info = BH_MESSAGE_INFO(5, 1, 0);
	message.word[0] = 5;
	REQUIRE_OK(bh_call(endpoint, &message));
	CHECK_EQUAL(1005, message.word[0]);
	CHECK_EQUAL(BH_ERROR_STATE, bh_send(endpoint, &message));

	case_begin("ipc.timer", "a timer signals its notification at its deadline");
	uint64_t before = rdtsc();
	pause_us(1000);
	CHECK(rdtsc() - before >= boot_info->tsc_khz);
}
