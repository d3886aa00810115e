/* SPDX-License-Identifier: MIT */
/* Chains of passive servers, one to eight deep, that all run on one caller's context, and their end in every order: whatever goes
 * first, nobody hangs, the context comes back to its caller, and the memory can be used again. */
#include "harness.h"

#define DEEPEST 8
#define OWN_BITS 20 /* memory of one chain */

/* What is taken away of a server: its thread and its Reply, one of them only, or the endpoint that it serves. */
enum part { PART_ALL, PART_REPLY, PART_THREAD, PART_ENDPOINT, PARTS };

struct link {
	struct test_thread thread;
	uint64_t endpoint, reply, next, hold;
};
static struct link links[DEEPEST];
static struct actor caller;
static uint64_t memory, whole, release;

static void serve(struct bh_message *first, uint64_t argument)
{
	const struct link *link = (const struct link *)argument;
	struct bh_message message = *first;
	uint64_t word;

	for (;;) {
		message.word[0]++;
		if (link->next != 0) {
			(void)!bh_call(link->next, &message);
		} else if (link->hold != 0) {
			(void)!bh_wait(link->hold, &word);
		}
		message.info = BH_MESSAGE_INFO(70, 1, 0);
		if (bh_reply_receive(link->endpoint, link->reply, &message) != BH_OK) {
			(void)!bh_reply(link->reply, &message); /* nothing to receive from any more */
			(void)!bh_thread_suspend(link->thread.thread);
		}
	}
}

/* A chain of that depth in memory of its own; the last one holds where it was called, if asked. */
static bool make(unsigned int depth, bool hold)
{
	whole = pool;
	memory = object_new(BH_OBJECT_UNTYPED, OWN_BITS);
	pool = memory;
	caller = (struct actor){ 0 };
	caller.message = (struct bh_message){ .info = BH_MESSAGE_INFO(70, 1, 0) };
	for (unsigned int i = 0; i < depth; i++) {
		links[i] = (struct link){ .endpoint = object_new(BH_OBJECT_ENDPOINT, 0),
			.reply = object_new(BH_OBJECT_REPLY, 0) };
	}
	if (hold) {
		links[depth - 1].hold = object_new(BH_OBJECT_NOTIFICATION, 0);
		release = mint_new(links[depth - 1].hold, BH_RIGHT_WRITE, 1);
	}
	for (unsigned int i = 0; i < depth; i++) {
		links[i].next = i + 1 < depth ? links[i + 1].endpoint : 0;
		if (!passive_new(&links[i].thread, serve, (uint64_t)&links[i], OWN_PRIORITY + 10,
			    links[i].endpoint, links[i].reply)) {
			return false;
		}
	}
	return actor_new(&caller, DO_CALL, links[0].endpoint, OWN_PRIORITY + 1);
}

/* All its memory comes back. */
static void unmake(void)
{
	pool = whole;
	REQUIRE_OK(bh_cnode_revoke(SELF, memory));
	REQUIRE_OK(bh_untyped_retype(memory, BH_OBJECT_UNTYPED, OWN_BITS, 0, slot_new(), 1));
	REQUIRE_OK(bh_cnode_revoke(SELF, memory));
	REQUIRE_OK(bh_cnode_delete(SELF, memory));
}

static void take(unsigned int index, enum part part)
{
	if (part == PART_ALL || part == PART_THREAD) {
		REQUIRE_OK(bh_cnode_delete(SELF, links[index].thread.thread));
	}
	if (part == PART_ALL || part == PART_REPLY) {
		REQUIRE_OK(bh_cnode_delete(SELF, links[index].reply));
	}
	if (part == PART_ENDPOINT) {
		REQUIRE_OK(bh_cnode_delete(SELF, links[index].endpoint));
	}
}

/* The caller is there again, on its own context: it can call somebody else. */
static void caller_is_whole(void)
{
	struct bh_message message = { 0 };
	uint64_t endpoint = object_new(BH_OBJECT_ENDPOINT, 0), reply = object_new(BH_OBJECT_REPLY, 0);

	REQUIRE(caller.done == 1);
	caller.capability = endpoint;
	REQUIRE_OK(bh_thread_resume(caller.thread.thread));
	REQUIRE_OK(bh_receive(endpoint, reply, &message));
	REQUIRE_OK(bh_reply(reply, &message));
	CHECK_EQUAL(2, caller.done);
	CHECK_EQUAL(BH_OK, caller.error);
}

/* One chain, whose servers lose that part in that order. */
static void take_in_order(unsigned int depth, const uint8_t *order, enum part part)
{
	REQUIRE(make(depth, true));
	CHECK_EQUAL(0, caller.done);
	for (unsigned int i = 0; i < depth; i++) {
		take(order[i], part);
	}
	if (part == PART_THREAD) {
		/* nobody can answer: the Replies are left, and their end frees the caller */
		for (unsigned int i = 0; i < depth; i++) {
			REQUIRE_OK(bh_cnode_delete(SELF, links[i].reply));
		}
	} else if (part == PART_ENDPOINT) {
		/* who is served already gets its answer */
		CHECK_EQUAL(0, caller.done);
		REQUIRE_OK(bh_signal(release));
		CHECK_EQUAL(BH_OK, caller.error);
		CHECK_EQUAL(depth, caller.message.word[0]);
	}
	caller_is_whole();
	unmake();
}

/* The next order in lexicographic sequence; false after the last. */
static bool next_order(uint8_t *order, unsigned int count)
{
	unsigned int i = count - 1, j = count - 1;

	while (i > 0 && order[i - 1] >= order[i]) {
		i--;
	}
	if (i == 0) {
		return false;
	}
	while (order[j] <= order[i - 1]) {
		j--;
	}
	uint8_t kept = order[i - 1];
	order[i - 1] = order[j];
	order[j] = kept;
	for (j = count - 1; i < j; i++, j--) {
		kept = order[i];
		order[i] = order[j];
		order[j] = kept;
	}
	return true;
}

static void every_order(unsigned int depth, enum part part)
{
	uint8_t order[DEEPEST];

	for (unsigned int i = 0; i < depth; i++) {
		order[i] = (uint8_t)i;
	}
	do {
		take_in_order(depth, order, part);
	} while (next_order(order, depth));
}

/* Forwards, backwards, from the middle, and each server first. */
static void some_orders(unsigned int depth, enum part part)
{
	uint8_t order[DEEPEST];

	for (unsigned int first = 0; first < depth; first++) {
		for (unsigned int i = 0; i < depth; i++) {
			order[i] = (uint8_t)((first + i) % depth);
		}
		take_in_order(depth, order, part);
		for (unsigned int i = 0; i < depth; i++) {
			order[i] = (uint8_t)((first + depth - i) % depth);
		}
		take_in_order(depth, order, part);
		for (unsigned int i = 0; i < depth; i++) {
			order[i] = (uint8_t)((first + i * 3) % depth);
		}
		if (depth % 3 != 0) {
			take_in_order(depth, order, part);
		}
	}
}

void group_chain(void)
{
	static const char *const names[] = { "chain.all.short", "chain.reply.short", "chain.thread.short",
		"chain.endpoint.short" };
	static const char *const deep_names[] = { "chain.all.deep", "chain.reply.deep", "chain.thread.deep",
		"chain.endpoint.deep" };

	case_begin("chain.depth",
		"a context goes down chains of one to eight passive servers and comes back with the answer");
	for (unsigned int depth = 1; depth <= DEEPEST; depth++) {
		REQUIRE(make(depth, false));
		CHECK_EQUAL(BH_OK, caller.error);
		CHECK_EQUAL(depth, caller.message.word[0]);
		caller_is_whole();
		unmake();
	}

	case_begin("chain.charged", "what the eighth server of a chain uses is charged to the first caller");
	uint64_t before, after;
	REQUIRE(make(DEEPEST, true));
	REQUIRE_OK(bh_sched_context_consumed(caller.thread.context, &before));
	REQUIRE_OK(bh_signal(release));
	REQUIRE_OK(bh_sched_context_consumed(caller.thread.context, &after));
	CHECK(after > before);
	CHECK_EQUAL(DEEPEST, caller.message.word[0]);
	unmake();

	for (enum part part = PART_ALL; part < PARTS; part++) {
		case_begin(names[part],
			"chains of one to four servers lose them (thread and Reply, Replies, threads, endpoints) in every order: the "
			"caller ends up with its context, all memory comes back");
		for (unsigned int depth = 1; depth <= 4; depth++) {
			every_order(depth, part);
		}
		case_begin(deep_names[part],
			"chains of five to eight servers lose them likewise, each server first once, upwards, downwards and by leaps");
		for (unsigned int depth = 5; depth <= DEEPEST; depth++) {
			some_orders(depth, part);
		}
	}

	case_begin("chain.caller.deleted",
		"the caller of a chain is deleted at each depth: the servers finish on its context, which dies with nobody on it");
	for (unsigned int depth = 1; depth <= DEEPEST; depth++) {
		REQUIRE(make(depth, true));
		REQUIRE_OK(bh_cnode_delete(SELF, caller.thread.thread));
		REQUIRE_OK(bh_signal(release));
		unmake();
	}

	case_begin("chain.context.deleted",
		"the context of a chain is deleted at each depth: all stand still, and can be taken apart");
	for (unsigned int depth = 1; depth <= DEEPEST; depth++) {
		REQUIRE(make(depth, true));
		REQUIRE_OK(bh_cnode_delete(SELF, caller.thread.context));
		REQUIRE_OK(bh_signal(release));
		CHECK_EQUAL(0, caller.done);
		unmake();
	}
}
