/* SPDX-License-Identifier: MIT */
/* Something happens while a server works on a call that came to it by the short way (kernel/ipc/fastpath.h), before it has entered the kernel
 * again: whatever the kernel put off till then, all states are those that the general way gives. Each case runs once by the short way and
 * once by the general one, with the same expectations. Client and server have an address space and a CNode of their own, no FPU
 * and no ports, so that nothing else keeps them off the short way. */
#include "scripted.h"

/* Slots of the client's and the server's CNodes. */
enum {
	AT_ENDPOINT = 1,
	AT_REPLY,
	AT_COPY,
	AT_REPLY_COPY,
	AT_UNREADABLE,
	AT_UNWRITABLE,
	AT_OTHER,
	AT_OTHER_REPLY,
	AT_SELF
};

static struct scripted client, second, server;
static uint64_t endpoint, reply, other_endpoint, other_reply, fault_endpoint, probe_endpoint, fresh_context;
static bool general; /* messages name a capability, which isn't there: too much for the short way */

static uint64_t info(void) { return BH_MESSAGE_INFO(BH_LABEL_USER, 1, general ? 1 : 0); }

/* Calls with 10 and with 20, then waits to be told; then calls with 30. */
static bool client_new(struct scripted *who, unsigned int priority)
{
	*who = (struct scripted){ .apart = true, .fault_endpoint = fault_endpoint };
	if (!scripted_new(who, priority, true) ||
		bh_cnode_copy(who->cnode, AT_ENDPOINT, 0, endpoint, BH_RIGHTS_ALL) != BH_OK ||
		bh_cnode_copy(who->cnode, AT_OTHER, 0, other_endpoint, BH_RIGHTS_ALL) != BH_OK) {
		return false;
	}
	for (unsigned int i = 0; i < 2; i++) {
		scripted_step(who, i, BH_SYS_CALL, AT_ENDPOINT, info(), 10 * (i + 1), 0);
	}
	scripted_special(who, 2, STEP_SPIN);
	scripted_step(who, 3, BH_SYS_CALL, AT_ENDPOINT, info(), 30, 0);
	scripted_special(who, 4, STEP_SPIN);
	return true;
}

/* Answers 10 with 110, then works on the second call until told; answers 120, then 130 to the third, and so on. */
static bool server_new(void)
{
	server = (struct scripted){ .apart = true, .fault_endpoint = fault_endpoint };
	if (!scripted_passive(&server, OWN_PRIORITY - 10, endpoint, reply) ||
		bh_cnode_copy(server.cnode, AT_ENDPOINT, 0, endpoint, BH_RIGHTS_ALL) != BH_OK ||
		bh_cnode_copy(server.cnode, AT_REPLY, 0, reply, BH_RIGHTS_ALL) != BH_OK ||
		bh_cnode_copy(server.cnode, AT_COPY, 0, endpoint, BH_RIGHT_READ) != BH_OK ||
		bh_cnode_copy(server.cnode, AT_REPLY_COPY, 0, reply, BH_RIGHT_WRITE) != BH_OK ||
		bh_cnode_copy(server.cnode, AT_UNREADABLE, 0, endpoint, BH_RIGHT_WRITE | BH_RIGHT_GRANT) !=
			BH_OK ||
		bh_cnode_copy(server.cnode, AT_UNWRITABLE, 0, reply, BH_RIGHT_READ) != BH_OK ||
		bh_cnode_copy(server.cnode, AT_OTHER, 0, other_endpoint, BH_RIGHTS_ALL) != BH_OK ||
		bh_cnode_copy(server.cnode, AT_OTHER_REPLY, 0, other_reply, BH_RIGHTS_ALL) != BH_OK) {
		return false;
	}
	scripted_step(&server, 1, BH_SYS_REPLY_RECV, AT_ENDPOINT, info(), 110, AT_REPLY);
	scripted_special(&server, 2, STEP_SPIN);
	scripted_step(&server, 3, BH_SYS_REPLY_RECV, AT_ENDPOINT, info(), 120, AT_REPLY);
	scripted_step(&server, 4, BH_SYS_REPLY_RECV, AT_ENDPOINT, info(), 130, AT_REPLY);
	scripted_special(&server, 5, STEP_SPIN);
	return true;
}

/* The server works on the second call; this thread came by a timer interrupt. */
static bool to_the_middle(void)
{
	/* who is left of the last time */
	(void)!bh_cnode_delete(SELF, client.thread);
	(void)!bh_cnode_delete(SELF, second.thread);
	(void)!bh_cnode_delete(SELF, server.thread);
	second = (struct scripted){ 0 };
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	reply = object_new(BH_OBJECT_REPLY, 0);
	other_endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	other_reply = object_new(BH_OBJECT_REPLY, 0);
	fault_endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	probe_endpoint = copy_new(endpoint, BH_RIGHTS_ALL);
	fresh_context = object_new(BH_OBJECT_SCHED_CONTEXT, 0);
	if (!server_new() || !client_new(&client, OWN_PRIORITY - 20) ||
		bh_thread_resume(client.thread) != BH_OK ||
		bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, fresh_context, 10000, 10000) != BH_OK) {
		return false;
	}
	pause_us(200);
	return client.steps[0].done == 1 && client.steps[0].got_word == 110 && client.steps[1].done == 0 &&
	       server.steps[1].done == 1 && server.steps[1].got_word == 20 && server.steps[2].done > 0;
}

static void go_on(struct scripted *who, unsigned int step) { scripted_loop(who, step, step + 1); }

static bool counts(const struct scripted *who, unsigned int step)
{
	uint64_t seen = who->steps[step].done;

	pause_us(300);
	return who->steps[step].done != seen;
}

/* A passive thread that waits in Recv is found by a Send, which it can't take. */
static bool server_receives(uint64_t at)
{
	struct bh_message message = { .info = BH_MESSAGE_INFO(BH_LABEL_USER, 0, 0) };

	return bh_send_if_waiting(at, &message) == BH_ERROR_STATE;
}

/* --- what others see in the middle --- */

static void states(void)
{
	struct bh_message message = { .info = BH_MESSAGE_INFO(BH_LABEL_USER, 0, 0) };
	struct bh_thread_registers registers = { 0 };
	const uint64_t threads[] = { client.thread, server.thread };
	uint64_t before, after;

	/* one waits for an answer, the other runs: neither is stopped nor at a fault */
	for (unsigned int i = 0; i < 2; i++) {
		REFUSED(BH_ERROR_STATE, bh_thread_read_registers(threads[i], OWN_BUFFER, &registers));
		REFUSED(BH_ERROR_STATE, bh_thread_write_registers(threads[i], OWN_BUFFER, &registers));
		REFUSED(BH_ERROR_STATE, bh_thread_receive(threads[i], other_endpoint, other_reply));
		REFUSED(BH_ERROR_STATE,
			bh_thread_configure(threads[i], SELF, OWN_SPACE, 0, 0, 1, 1, BH_THREAD_NO_FPU, 0, 0));
		CHECK_EQUAL(BH_OK, bh_thread_resume(threads[i]));
		/* one has a context of its own, the other runs on that */
		REFUSED(BH_ERROR_STATE, bh_sched_context_bind(fresh_context, threads[i]));
	}
	REFUSED(BH_ERROR_STATE, bh_sched_context_bind(client.context, object_new(BH_OBJECT_THREAD, 0)));
	/* nobody stands in the endpoint's queue, neither sender nor receiver; the Reply is in use */
	CHECK(!server_receives(endpoint));
	REFUSED(BH_ERROR_WOULD_BLOCK, bh_receive_if_waiting(endpoint, other_reply, &message));
	REFUSED(BH_ERROR_STATE, bh_receive_if_waiting(endpoint, reply, &message));
	REFUSED(BH_ERROR_STATE, bh_receive_if_waiting(other_endpoint, reply, &message));
	CHECK_EQUAL(BH_OK, INVOKE(endpoint, BH_ENDPOINT_CANCEL_BADGED, 0));
	/* the server's time is the client's */
	CHECK_EQUAL(BH_OK, bh_sched_context_consumed(client.context, &before));
	CHECK(counts(&server, 2));
	CHECK_EQUAL(BH_OK, bh_sched_context_consumed(client.context, &after));
	CHECK(after - before > ticks_of_us(200) && after - before < ticks_of_us(400));
	CHECK_EQUAL(0, client.steps[1].done);
}

/* --- events --- */

enum event {
	NOTHING,
	LOOKED_AT,
	RESUMED,
	SIGNALLED,
	BYSTANDER,
	PRIORITIES,
	CONFIGURED,
	SLOTS_MOVED,
	CLIENT_SLOT,
	CLIENT_CNODE,
	SERVER_BUFFER,
	SERVER_SUSPENDED,
	SECOND_CALLER,
	CLIENT_SUSPENDED,
	CLIENT_KILLED,
	CLIENT_SPACE,
	SERVER_KILLED,
	SERVER_SPACE,
	SERVER_CNODE,
	SERVER_ENDPOINT_SLOT,
	SERVER_REPLY_SLOT,
	ENDPOINT_REVOKED,
	REPLY_REVOKED,
	ANSWERED,
	UNBOUND,
	CONTEXT_KILLED,
	EVENTS
};

static void end_of(uint64_t slot)
{
	CHECK_EQUAL(BH_OK, bh_cnode_revoke(SELF, slot));
	CHECK_EQUAL(BH_OK, bh_cnode_delete(SELF, slot));
}

static volatile uint64_t woken;

static void bystander(uint64_t notification)
{
	uint64_t word;

	for (;;) {
		if (bh_wait(notification, &word) != BH_OK) {
			__asm__ volatile("ud2");
		}
		woken = woken + 1;
	}
}

static void wake_bystander(void)
{
	static struct test_thread thread;
	uint64_t notification = object_new(BH_OBJECT_NOTIFICATION, 0);

	thread = (struct test_thread){ 0 };
	woken = 0;
	REQUIRE(thread_new(&thread, bystander, notification, OWN_PRIORITY - 5, true));
	REQUIRE_OK(bh_thread_resume(thread.thread));
	pause_us(50);
	REQUIRE_OK(bh_signal(mint_new(notification, BH_RIGHT_WRITE, 1)));
	pause_us(50);
	CHECK_EQUAL(1, woken);
}

static void happen(enum event event)
{
	struct bh_message answer = { .info = BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0), .word = { 777 } };
	uint64_t notification;

	switch (event) {
	case LOOKED_AT:
		states();
		break;
	case RESUMED:
		CHECK_EQUAL(BH_OK, bh_thread_resume(client.thread));
		CHECK_EQUAL(BH_OK, bh_thread_resume(server.thread));
		break;
	case SIGNALLED: /* a passive thread gets no signals in Recv, pending ones neither */
		notification = object_new(BH_OBJECT_NOTIFICATION, 0);
		CHECK_EQUAL(BH_OK, bh_thread_bind_notification(server.thread, notification));
		CHECK_EQUAL(BH_OK, bh_signal(mint_new(notification, BH_RIGHT_WRITE, 1)));
		break;
	case BYSTANDER:
		wake_bystander();
		break;
	case PRIORITIES:
		CHECK_EQUAL(BH_OK, bh_thread_set_priority(client.thread, 20, 20));
		CHECK_EQUAL(BH_OK, bh_thread_set_priority(server.thread, 10, 10));
		break;
	case CONFIGURED:
		CHECK_EQUAL(
			BH_OK, bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, client.context, 4000, 5000));
		break;
	case SLOTS_MOVED: /* the capabilities that the call came by, elsewhere and back */
		CHECK_EQUAL(BH_OK, bh_cnode_move(server.cnode, 12, server.cnode, AT_ENDPOINT));
		CHECK_EQUAL(BH_OK, bh_cnode_move(server.cnode, AT_ENDPOINT, server.cnode, AT_COPY));
		CHECK_EQUAL(BH_OK, bh_cnode_move(server.cnode, 13, server.cnode, AT_REPLY));
		CHECK_EQUAL(BH_OK, bh_cnode_move(server.cnode, AT_REPLY, server.cnode, AT_REPLY_COPY));
		CHECK_EQUAL(BH_OK, bh_cnode_move(client.cnode, 12, client.cnode, AT_ENDPOINT));
		CHECK_EQUAL(BH_OK, bh_cnode_move(client.cnode, AT_ENDPOINT, client.cnode, 12));
		break;
	case CLIENT_SLOT:
		CHECK_EQUAL(BH_OK, bh_cnode_delete(client.cnode, AT_ENDPOINT));
		break;
	case CLIENT_CNODE:
		end_of(client.cnode);
		break;
	case SERVER_BUFFER:
		end_of(server.buffer_frame);
		break;
	case SERVER_SUSPENDED:
		CHECK_EQUAL(BH_OK, bh_thread_suspend(server.thread));
		CHECK(!counts(&server, 2));
		CHECK_EQUAL(0, client.steps[1].done);
		CHECK_EQUAL(BH_OK, bh_thread_resume(server.thread));
		CHECK(counts(&server, 2));
		break;
	case SECOND_CALLER:
		CHECK(client_new(&second, OWN_PRIORITY - 5));
		CHECK_EQUAL(BH_OK, bh_cnode_copy(second.cnode, AT_SELF, 0, second.thread, BH_RIGHTS_ALL));
		scripted_step(
			&second, 1, BH_SYS_INVOKE, AT_SELF, BH_THREAD_SUSPEND, 0, 0); /* after one call */
		CHECK_EQUAL(BH_OK, bh_thread_resume(second.thread));
		pause_us(100);
		CHECK_EQUAL(0, second.steps[0].done);
		break;
	case CLIENT_SUSPENDED:
		CHECK_EQUAL(BH_OK, bh_thread_suspend(client.thread));
		break;
	case CLIENT_KILLED:
		end_of(client.thread);
		break;
	case CLIENT_SPACE:
		end_of(client.space);
		break;
	case SERVER_KILLED:
		end_of(server.thread);
		break;
	case SERVER_SPACE:
		end_of(server.space);
		break;
	case SERVER_CNODE:
		end_of(server.cnode);
		break;
	case SERVER_ENDPOINT_SLOT:
		CHECK_EQUAL(BH_OK, bh_cnode_delete(server.cnode, AT_ENDPOINT));
		break;
	case SERVER_REPLY_SLOT:
		CHECK_EQUAL(BH_OK, bh_cnode_delete(server.cnode, AT_REPLY));
		break;
	case ENDPOINT_REVOKED:
		end_of(endpoint);
		break;
	case REPLY_REVOKED:
		end_of(reply);
		break;
	case ANSWERED:
		CHECK_EQUAL(BH_OK, bh_reply(reply, &answer));
		break;
	case UNBOUND:
		CHECK_EQUAL(BH_OK, bh_sched_context_unbind(client.context));
		break;
	case CONTEXT_KILLED:
		end_of(client.context);
		break;
	default:
		break;
	}
}

/* What came of it: of the client's call at once, and after the server's ReplyRecv; of that; and does a third call come through? */
enum end { WAITS = 100, STANDS, RECEIVES };
struct outcome {
	uint8_t at_once, client; /* WAITS or an error */
	uint8_t server;          /* STANDS: it never came to it; RECEIVES: it waits; or an error */
	bool third;
};

static const struct outcome outcomes[EVENTS] = {
	[NOTHING] = { WAITS, BH_OK, RECEIVES, true },
	[LOOKED_AT] = { WAITS, BH_OK, RECEIVES, true },
	[RESUMED] = { WAITS, BH_OK, RECEIVES, true },
	[SIGNALLED] = { WAITS, BH_OK, RECEIVES, true },
	[BYSTANDER] = { WAITS, BH_OK, RECEIVES, true },
	[PRIORITIES] = { WAITS, BH_OK, RECEIVES, true },
	[CONFIGURED] = { WAITS, BH_OK, RECEIVES, true },
	[SLOTS_MOVED] = { WAITS, BH_OK, RECEIVES, true },
	[CLIENT_SLOT] = { WAITS, BH_OK, RECEIVES, false },
	[CLIENT_CNODE] = { WAITS, BH_OK, RECEIVES, false },
	[SERVER_BUFFER] = { WAITS, BH_OK, RECEIVES, true },
	[SERVER_SUSPENDED] = { WAITS, BH_OK, RECEIVES, true },
	[SECOND_CALLER] = { WAITS, BH_OK, BH_OK, false },
	[CLIENT_SUSPENDED] = { WAITS, WAITS, RECEIVES, true },
	[CLIENT_KILLED] = { WAITS, WAITS, RECEIVES, false },
	[CLIENT_SPACE] = { WAITS, WAITS, RECEIVES, false },
	[SERVER_KILLED] = { WAITS, WAITS, STANDS, false },
	[SERVER_SPACE] = { WAITS, WAITS, STANDS, false },
	[SERVER_CNODE] = { WAITS, WAITS, BH_ERROR_CAPABILITY, false },
	[SERVER_ENDPOINT_SLOT] = { WAITS, WAITS, BH_ERROR_CAPABILITY, false },
	[SERVER_REPLY_SLOT] = { WAITS, WAITS, BH_ERROR_CAPABILITY, false },
	[ENDPOINT_REVOKED] = { WAITS, WAITS, BH_ERROR_CAPABILITY, false },
	[REPLY_REVOKED] = { BH_ERROR_CANCELLED, BH_ERROR_CANCELLED, STANDS, false },
	[ANSWERED] = { BH_OK, BH_OK, STANDS, false },
	[UNBOUND] = { WAITS, WAITS, STANDS, false },
	[CONTEXT_KILLED] = { WAITS, WAITS, STANDS, false },
};

static void client_is(unsigned int expected)
{
	if (expected == WAITS) {
		CHECK_EQUAL(0, client.steps[1].done);
		return;
	}
	CHECK_EQUAL(1, client.steps[1].done);
	CHECK_EQUAL(expected, client.steps[1].result);
	CHECK(counts(&client, 2)); /* on its own context */
}

static void server_is(unsigned int expected)
{
	CHECK_EQUAL(expected == RECEIVES || expected == BH_OK, server_receives(probe_endpoint)); /* again */
	CHECK_EQUAL(expected == RECEIVES || expected == STANDS ? 0 : 1, server.steps[3].done);
	if (expected != RECEIVES && expected != STANDS) {
		CHECK_EQUAL(expected, server.steps[3].result);
	}
	CHECK(expected != STANDS || !counts(&server, 2));
}

/* The last Reply goes: who waits is told. Where its context is gone it needs another. */
static void rescue(enum event event)
{
	struct bh_message answer = { .info = BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0), .word = { 888 } };
	bool answers = event == SERVER_ENDPOINT_SLOT || event == ENDPOINT_REVOKED;

	if (answers) {
		CHECK_EQUAL(BH_OK, bh_reply(reply, &answer));
	} else {
		end_of(reply);
	}
	if (event == UNBOUND || event == CONTEXT_KILLED) {
		pause_us(100);
		CHECK_EQUAL(0, client.steps[1].done);
		CHECK_EQUAL(BH_OK, bh_sched_context_bind(
					   event == UNBOUND ? client.context : fresh_context, client.thread));
	}
	pause_us(100);
	client_is(answers ? BH_OK : BH_ERROR_CANCELLED);
	if (answers) {
		CHECK_EQUAL(888, client.steps[1].got_word);
	}
}

/* What is special about some of them. */
static void look_closer(enum event event)
{
	struct bh_message message = { 0 };
	const struct step *third = (const struct step *)&client.steps[3];

	switch (event) {
	case CLIENT_SUSPENDED:
		CHECK(!counts(&client, 2));
		CHECK_EQUAL(BH_OK, bh_thread_resume(client.thread));
		pause_us(100);
		client_is(BH_ERROR_CANCELLED);
		break;
	case CLIENT_KILLED: /* its context is free, and another client is served */
		CHECK(client_new(&second, OWN_PRIORITY - 20));
		CHECK_EQUAL(BH_OK, bh_sched_context_unbind(second.context));
		CHECK_EQUAL(BH_OK, bh_sched_context_bind(client.context, second.thread));
		CHECK_EQUAL(BH_OK, bh_thread_resume(second.thread));
		pause_us(100);
		CHECK_EQUAL(1, second.steps[0].done);
		CHECK_EQUAL(130, second.steps[0].got_word);
		break;
	case CLIENT_SPACE:
	case SERVER_SPACE: /* it is to run without: a fault */
		CHECK_EQUAL(BH_OK, bh_receive_if_waiting(fault_endpoint, other_reply, &message));
		CHECK_EQUAL(BH_FAULT_NO_SPACE, message.word[0]);
		break;
	case SECOND_CALLER: /* it is in the server's hands, which answers it when it comes to its next step */
		CHECK_EQUAL(10, server.steps[3].got_word);
		CHECK_EQUAL(1, second.steps[0].done);
		CHECK_EQUAL(130, second.steps[0].got_word);
		break;
	case CLIENT_SLOT:
	case CLIENT_CNODE:
		go_on(&client, 2);
		pause_us(100);
		CHECK_EQUAL(1, third->done);
		CHECK_EQUAL(BH_ERROR_CAPABILITY, third->result);
		break;
	case ANSWERED:
		CHECK_EQUAL(777, client.steps[1].got_word);
		break;
	case SERVER_KILLED:
	case SERVER_CNODE:
	case SERVER_REPLY_SLOT:
	case SERVER_ENDPOINT_SLOT:
	case ENDPOINT_REVOKED:
	case UNBOUND:
	case CONTEXT_KILLED:
		rescue(event);
		break;
	default:
		break;
	}
	if (event == SERVER_SPACE) {
		rescue(event);
	}
}

static void interfere(enum event event)
{
	const struct outcome *outcome = &outcomes[event];

	REQUIRE(to_the_middle());
	happen(event);
	pause_us(100);
	client_is(outcome->at_once);
	go_on(&server, 2);
	pause_us(100);
	client_is(outcome->client);
	if (outcome->client == BH_OK && outcome->at_once == WAITS) {
		CHECK_EQUAL(120, client.steps[1].got_word);
	}
	server_is(outcome->server);
	look_closer(event);
	if (outcome->third) {
		go_on(&client, 2);
		pause_us(100);
		CHECK_EQUAL(1, client.steps[3].done);
		CHECK_EQUAL(BH_OK, client.steps[3].result);
		CHECK_EQUAL(130, client.steps[3].got_word);
		CHECK_EQUAL(30, server.steps[3].got_word);
		CHECK(server_receives(endpoint));
	}
}

static void events(void)
{
	static const char *const event_names[] = { "fast.middle.nothing", "fast.middle.looked_at",
		"fast.middle.resumed", "fast.middle.signalled", "fast.middle.bystander",
		"fast.middle.priorities", "fast.middle.configured", "fast.middle.slots_moved",
		"fast.middle.client_slot", "fast.middle.client_cnode", "fast.middle.server_buffer",
		"fast.middle.server_suspended", "fast.middle.second_caller", "fast.middle.client_suspended",
		"fast.middle.client_killed", "fast.middle.client_space", "fast.middle.server_killed",
		"fast.middle.server_space", "fast.middle.server_cnode", "fast.middle.server_endpoint_slot",
		"fast.middle.server_reply_slot", "fast.middle.endpoint_revoked", "fast.middle.reply_revoked",
		"fast.middle.answered", "fast.middle.unbound", "fast.middle.context_killed" };

	for (enum event event = NOTHING; event < EVENTS; event++) {
		case_begin(event_names[event],
			"that happens while a server works on a call of the short way: client, server, endpoint, Reply and context are as after "
			"the general way, at once and when the server answers and receives");
		for (unsigned int way = 0; way < 2; way++) {
			general = way == 1;
			interfere(event);
		}
	}
}

/* --- the answer by other capabilities than those that the call came by --- */

static void by_capabilities(void)
{
	struct bh_message message = { .info = BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0), .word = { 5 } };
	static const struct {
		uint8_t endpoint, reply, client, server;
	} ways[] = {
		{ AT_COPY, AT_REPLY_COPY, BH_OK, RECEIVES },
		{ AT_ENDPOINT, AT_REPLY_COPY, BH_OK, RECEIVES },
		{ AT_COPY, AT_REPLY, BH_OK, RECEIVES },
		{ AT_UNREADABLE, AT_REPLY, WAITS, BH_ERROR_RIGHTS },
		{ AT_ENDPOINT, AT_UNWRITABLE, WAITS, BH_ERROR_RIGHTS },
		{ AT_REPLY, AT_REPLY, WAITS, BH_ERROR_TYPE },
		{ AT_ENDPOINT, AT_ENDPOINT, WAITS, BH_ERROR_TYPE },
		{ AT_ENDPOINT, 15, WAITS, BH_ERROR_CAPABILITY },
		{ 15, AT_REPLY, WAITS, BH_ERROR_CAPABILITY },
		{ 200, AT_REPLY, WAITS, BH_ERROR_CAPABILITY },
		{ AT_ENDPOINT, 0, WAITS, BH_ERROR_CAPABILITY },
	};

	case_begin("fast.by_copies",
		"the answer goes by copies of the capabilities with just the rights that it takes, and not with less, another type, or none: "
		"then nothing is answered, and the server still has the call");
	for (unsigned int way = 0; way < 2 * sizeof(ways) / sizeof(ways[0]); way++) {
		unsigned int i = way / 2;

		general = way % 2 == 1;
		REQUIRE(to_the_middle());
		scripted_step(&server, 3, BH_SYS_REPLY_RECV, ways[i].endpoint, info(), 120, ways[i].reply);
		if (ways[i].client == WAITS) {
			scripted_special(&server, 4, STEP_SPIN); /* and then the right way */
			scripted_step(&server, 5, BH_SYS_REPLY_RECV, AT_ENDPOINT, info(), 121, AT_REPLY);
		}
		go_on(&server, 2);
		pause_us(100);
		client_is(ways[i].client);
		server_is(ways[i].server);
		if (ways[i].client == WAITS) {
			CHECK(counts(&server, 4)); /* on its client's time still */
			go_on(&server, 4);
			pause_us(100);
			client_is(BH_OK);
		}
		CHECK_EQUAL(ways[i].client == WAITS ? 121 : 120, client.steps[1].got_word);
		CHECK(server_receives(endpoint));
	}

	case_begin("fast.by_other_endpoint",
		"answers and receives at another endpoint: there it is found from then on, and not at the first");
	for (unsigned int way = 0; way < 2; way++) {
		general = way == 1;
		REQUIRE(to_the_middle());
		scripted_step(&server, 3, BH_SYS_REPLY_RECV, AT_OTHER, info(), 120, AT_REPLY);
		go_on(&server, 2);
		pause_us(100);
		client_is(BH_OK);
		CHECK(server_receives(other_endpoint));
		CHECK(!server_receives(endpoint));
		scripted_step(&client, 3, BH_SYS_CALL, AT_OTHER, info(), 30, 0);
		go_on(&client, 2);
		pause_us(100);
		CHECK_EQUAL(130, client.steps[3].got_word);
		CHECK(server_receives(endpoint)); /* its next one was at the first again */
	}

	case_begin("fast.by_other_reply",
		"receives with another Reply: nobody is answered, the client's context is parked, the server serves others, and answers the "
		"first one later");
	for (unsigned int way = 0; way < 2; way++) {
		general = way == 1;
		REQUIRE(to_the_middle());
		scripted_step(&server, 3, BH_SYS_REPLY_RECV, AT_ENDPOINT, info(), 120, AT_OTHER_REPLY);
		scripted_step(&server, 4, BH_SYS_REPLY, AT_REPLY, info(), 140, 0); /* the first one */
		scripted_step(&server, 5, BH_SYS_REPLY_RECV, AT_ENDPOINT, info(), 150, AT_OTHER_REPLY);
		go_on(&server, 2);
		pause_us(100);
		client_is(WAITS);
		server_is(RECEIVES);
		REFUSED(BH_ERROR_STATE, bh_receive_if_waiting(endpoint, reply, &message));
		REQUIRE_OK(bh_call(endpoint, &message));
		CHECK_EQUAL(150, message.word[0]);
		pause_us(100);
		client_is(BH_OK);
		CHECK_EQUAL(140, client.steps[1].got_word);
		CHECK(server_receives(endpoint));
	}
}

void group_fast_middle(void)
{
	events();
	by_capabilities();
}
