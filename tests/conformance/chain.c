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
	volatile uint64_t error, done; /* of its last call; how many ended */
};
static struct link links[DEEPEST];
static struct actor caller;
static uint64_t memory, whole, release;

static void serve(struct bh_message *first, uint64_t argument)
{
	struct link *link = (struct link *)argument;
	struct bh_message message = *first;
	uint64_t word;

	for (;;) {
		message.word[0]++;
		if (link->next != 0) {
			link->error = bh_call(link->next, &message);
			link->done = link->done + 1;
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

/* --- something happens in the middle of a chain, and its last server, which held there, goes on --- */

enum event {
	ANSWERED, /* by a third party that has the Reply */
	TWICE,
	REPLY_DELETED,
	REPLY_MOVED,
	SUSPENDED, /* the server, and resumed */
	KILLED,
	RESTARTED, /* suspended, put into Recv with a new Reply */
	BOUND,     /* to a context of its own */
	UNBOUND,   /* likewise, and from that again: it has none, and no claim to its caller's */
	EVENTS
};

/* It happens to server `index`, or to the Reply that it received with. */
static void happen(enum event event, unsigned int index)
{
	struct bh_message answer = { .info = BH_MESSAGE_INFO(70, 1, 0), .word = { 500 } };
	uint64_t slot;

	switch (event) {
	case ANSWERED:
	case TWICE:
		REQUIRE_OK(bh_reply(links[index].reply, &answer));
		if (event == TWICE) {
			answer.word[0] = 600;
			REQUIRE_OK(bh_reply(links[index].reply, &answer)); /* nobody there */
		}
		break;
	case REPLY_DELETED:
		REQUIRE_OK(bh_cnode_delete(SELF, links[index].reply));
		break;
	case REPLY_MOVED:
		slot = slot_new();
		REQUIRE_OK(bh_cnode_move(SELF, slot, 0, links[index].reply));
		REQUIRE_OK(bh_cnode_move(SELF, links[index].reply, 0, slot));
		break;
	case SUSPENDED:
		REQUIRE_OK(bh_thread_suspend(links[index].thread.thread));
		REQUIRE_OK(bh_thread_resume(links[index].thread.thread));
		break;
	case KILLED:
		REQUIRE_OK(bh_cnode_delete(SELF, links[index].thread.thread));
		break;
	case RESTARTED:
		REQUIRE_OK(bh_thread_suspend(links[index].thread.thread));
		REQUIRE_OK(bh_thread_receive(
			links[index].thread.thread, links[index].endpoint, object_new(BH_OBJECT_REPLY, 0)));
		break;
	default:
		slot = object_new(BH_OBJECT_SCHED_CONTEXT, 0);
		REQUIRE_OK(bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, slot, 10000, 10000));
		/* who runs on its caller's is refused */
		(void)!bh_sched_context_bind(slot, links[index].thread.thread);
		if (event == UNBOUND) {
			REQUIRE_OK(bh_sched_context_unbind(slot));
		}
		break;
	}
}

/* Nobody serves the Reply any more: its end is what ends the call. */
static bool needs_end(enum event event) { return event == KILLED || event == RESTARTED || event == UNBOUND; }

/* A chain of that depth, one event, and the end: the caller is told, and runs on its own context. */
static void interfere(unsigned int depth, unsigned int index, enum event event, bool end_first)
{
	bool last = index == depth - 1;
	bool told = event == ANSWERED || event == TWICE;
	bool cancelled = event == REPLY_DELETED || needs_end(event);

	REQUIRE(make(depth, true));
	happen(event, index);
	if (needs_end(event) && end_first) {
		REQUIRE_OK(bh_cnode_delete(SELF, links[index].reply));
	}
	/* Where the context is its own, or is free, who is told has it back at once. */
	if (told || event == REPLY_DELETED || (needs_end(event) && end_first)) {
		CHECK_EQUAL(index == 0 || last ? 1 : 0, caller.done);
	} else {
		CHECK_EQUAL(
			last && event == SUSPENDED ? 1 : 0, caller.done); /* what it waited for has ended */
	}
	REQUIRE_OK(bh_signal(release));
	if (needs_end(event) && !end_first) {
		CHECK_EQUAL(0, caller.done);
		REQUIRE_OK(bh_cnode_delete(SELF, links[index].reply));
	}
	CHECK_EQUAL(1, caller.done);
	CHECK_EQUAL(index == 0 && cancelled ? BH_ERROR_CANCELLED : BH_OK, caller.error);
	if (index > 0) {
		CHECK_EQUAL(1, links[index - 1].done);
		CHECK_EQUAL(cancelled ? BH_ERROR_CANCELLED : BH_OK, links[index - 1].error);
		if (told) {
			CHECK_EQUAL(500, caller.message.word[0]);
		}
	} else if (told) {
		CHECK_EQUAL(500, caller.message.word[0]);
	}
	/* Servers below are done, and serve others; but for who was served by one that lost its context. */
	if (!last && (index > 0 || !(told || cancelled))) {
		struct bh_message message = { .info = BH_MESSAGE_INFO(70, 1, 0) };

		REQUIRE_OK(bh_signal(release));
		REQUIRE_OK(bh_call(links[index + 1].endpoint, &message));
		CHECK_EQUAL(depth - index - 1, message.word[0]);
	}
	/* And the whole chain, where none of it was taken away. */
	if (!told && !cancelled) {
		struct bh_message message = { .info = BH_MESSAGE_INFO(70, 1, 0) };

		REQUIRE_OK(bh_signal(release));
		REQUIRE_OK(bh_call(links[0].endpoint, &message));
		CHECK_EQUAL(depth, message.word[0]);
	}
	caller_is_whole();
	unmake();
}

/* Two events, in chains of four: when the Replies are gone as well, the caller is whole, and so is the memory. */
static void interfere_twice(
	unsigned int first, enum event event, unsigned int second, enum event other, bool between)
{
	REQUIRE(make(4, true));
	happen(event, first);
	if (between) {
		REQUIRE_OK(bh_signal(release));
	}
	happen(other, second);
	REQUIRE_OK(bh_signal(release));
	for (unsigned int i = 0; i < 4; i++) {
		REQUIRE_OK(bh_cnode_delete(SELF, links[i].reply));
	}
	caller_is_whole();
	unmake();
}

static void interferences(void)
{
	static const char *const event_names[] = { "chain.middle.answered", "chain.middle.answered_twice",
		"chain.middle.reply_deleted", "chain.middle.reply_moved", "chain.middle.suspended",
		"chain.middle.killed", "chain.middle.restarted", "chain.middle.bound",
		"chain.middle.unbound" };
	static const char *const pair_names[] = { "chain.pair.answered", "chain.pair.answered_twice",
		"chain.pair.reply_deleted", "chain.pair.reply_moved", "chain.pair.suspended",
		"chain.pair.killed", "chain.pair.restarted", "chain.pair.bound", "chain.pair.unbound" };

	for (enum event event = ANSWERED; event < EVENTS; event++) {
		case_begin(event_names[event],
			"that happens to each server of chains of one to eight while the last one works: whoever called it is told, has the "
			"context back when those below are done with it, and everybody up to the first caller goes on");
		for (unsigned int depth = 1; depth <= DEEPEST; depth++) {
			for (unsigned int index = 0; index < depth; index++) {
				if (event == UNBOUND && index == depth - 1) {
					continue; /* Bind is refused there */
				}
				print("  depth %u, server %u\n", (uint64_t)depth, (uint64_t)index);
				interfere(depth, index, event, false);
				if (needs_end(event)) {
					interfere(depth, index, event, true);
				}
			}
		}
	}

	for (enum event event = ANSWERED; event < EVENTS; event++) {
		case_begin(pair_names[event],
			"that and any other of these events happen to two servers of a chain of four, before and after the last one goes "
			"on: the caller ends up with its context, all memory comes back");
		for (unsigned int pair = 0; pair < EVENTS * 32; pair++) {
			enum event other = (enum event)(pair / 32);
			unsigned int first = pair / 2 % 4, second = pair / 8 % 4;

			if (first != second) {
				print("  to server %u, event %u to %u\n", (uint64_t)first, (uint64_t)other,
					(uint64_t)second);
				interfere_twice(first, event, second, other, pair % 2 == 1);
			}
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

	interferences();
}
