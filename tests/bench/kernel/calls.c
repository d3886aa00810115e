/* SPDX-License-Identifier: MIT */
/* System calls and messages: the shortest system call, a call and its answer between two address spaces, and both again with few and
 * many capabilities around. */
#include "paths.h"

#define NO_SYSTEM_CALL 0x7f /* a number that means nothing: entry, decoding, return */
#define CAPABILITY_BITS 14  /* of the CNode that is filled */

static void null_calls(uint64_t argument)
{
	struct bh_message message = { 0 };

	(void)argument;
	for (unsigned int i = 0; i < SAMPLES; i++) {
		uint64_t start = path_tsc();
		(void)bh_system_call(NO_SYSTEM_CALL, &message, 0, 0, 0);
		sample[i] = (uint32_t)(path_tsc() - start);
	}
	for (unsigned int i = 0; i < MARKED_ROUNDS; i++) {
		MARK(ID_NULL);
		(void)bh_system_call(NO_SYSTEM_CALL, &message, 0, 0, 0);
		MARK(ID_NULL + 1);
	}
}

/* The number of words is a constant to the compiler, so that both loops are straight code. */
#define CALLS(name, words, id)                                                                          \
	static void name(uint64_t endpoint)                                                             \
	{                                                                                               \
		const uint64_t info = BH_MESSAGE_INFO(BH_LABEL_USER, words, 0);                         \
		enum bh_error error = BH_OK;                                                            \
                                                                                                        \
		for (unsigned int i = 0; i < SAMPLES; i++) {                                            \
			struct bh_message message = { .info = info, .word = { 1, 2, 3, 4 } };           \
			uint64_t start = path_tsc();                                                    \
			error |= bh_call(endpoint, &message);                                           \
			sample[i] = (uint32_t)(path_tsc() - start);                                     \
			error |= message.info != info || message.word[3] != 4 ? BH_ERROR_STATE : BH_OK; \
		}                                                                                       \
		for (unsigned int i = 0; i < MARKED_ROUNDS; i++) {                                      \
			struct bh_message message = { .info = info, .word = { 1, 2, 3, 4 } };           \
			MARK(id);                                                                       \
			error |= bh_call(endpoint, &message);                                           \
			MARK((id) + 1);                                                                 \
		}                                                                                       \
		NEED(error == BH_OK);                                                                   \
	}
CALLS(calls_4, 4, ID_CALL_4)
CALLS(calls_64, 64, ID_CALL_64)

/* Makes and deletes one more copy. */
static void mints(uint64_t source)
{
	uint64_t slot = source + 1;
	enum bh_error error = BH_OK;

	for (unsigned int i = 0; i < SAMPLES; i++) {
		uint64_t start = path_tsc();
		error |= bh_cnode_mint(SELF, slot, 0, source, BH_RIGHT_WRITE, 7);
		error |= bh_cnode_delete(SELF, slot);
		sample[i] = (uint32_t)(path_tsc() - start);
	}
	for (unsigned int i = 0; i < MARKED_ROUNDS; i++) {
		MARK(ID_MINT);
		error |= bh_cnode_mint(SELF, slot, 0, source, BH_RIGHT_WRITE, 7);
		error |= bh_cnode_delete(SELF, slot);
		MARK(ID_MINT + 1);
	}
	NEED(error == BH_OK);
}

/* A CSpace with that many capabilities, all derived from one; the call names the last. */
static void with_capabilities(uint64_t count, const char *suffix)
{
	struct test_thread client;
	struct echo echo;
	uint64_t cnode, last = (UINT64_C(1) << CAPABILITY_BITS) - 8;

	slots_reset();
	echo_new(&echo);
	cnode = object_new(BH_OBJECT_CNODE, CAPABILITY_BITS);
	NEED(cnode != 0);
	NEED(bh_cnode_copy(cnode, SELF, 0, cnode, BH_RIGHTS_ALL) == BH_OK);
	for (uint64_t i = 0; i < count; i++) {
		NEED(bh_cnode_copy(cnode, last - i, 0, echo.endpoint, BH_RIGHTS_ALL) == BH_OK);
	}
	client_run(calls_4, last, cnode, &client);
	path_report("call-4-caps-", suffix, ID_CALL_4);
	client_run(mints, last, cnode, &client);
	path_report("mint-delete-caps-", suffix, ID_MINT);
}

void measure_calls(void)
{
	struct test_thread client;
	struct echo echo;

	client_run(null_calls, 0, 0, &client);
	path_report("null", "", ID_NULL);
	echo_new(&echo);
	client_run(calls_4, echo.endpoint, 0, &client);
	path_report("call-4", "", ID_CALL_4);
	client_run(calls_64, echo.endpoint, 0, &client);
	path_report("call-64", "", ID_CALL_64);
	with_capabilities(1, "1");
	with_capabilities(100, "100");
	with_capabilities(10000, "10000");
}
