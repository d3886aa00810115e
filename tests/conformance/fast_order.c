/* SPDX-License-Identifier: MIT */
/* The short way of a call and who else has a claim: budgets that end at any instruction of it, signals that are pending, Replies in use, several
 * receivers and queued senders, servers that call back. */
#include "guest.h"
#include "scripted.h"

enum { AT_ENDPOINT = 1, AT_REPLY, AT_OTHER, AT_OTHER_REPLY };

static struct scripted clients[4], servers[2];
static uint64_t endpoints[2], replies[2];
static bool general; /* messages name a capability, which isn't there: too much for the short way */

static uint64_t info(void) { return BH_MESSAGE_INFO(BH_LABEL_USER, 1, general ? 1 : 0); }

static void fresh(void)
{
	for (unsigned int i = 0; i < 4; i++) {
		(void)!bh_cnode_delete(SELF, clients[i].thread); /* who is left of the last time */
		clients[i] = (struct scripted){ .apart = true };
	}
	for (unsigned int i = 0; i < 2; i++) {
		(void)!bh_cnode_delete(SELF, servers[i].thread);
		servers[i] = (struct scripted){ .apart = true };
	}
	for (unsigned int i = 0; i < 2; i++) {
		endpoints[i] = object_new(BH_OBJECT_ENDPOINT, 0);
		replies[i] = object_new(BH_OBJECT_REPLY, 0);
	}
}

/* Its own endpoint and Reply first, then the other pair. */
static bool give(const struct scripted *to, unsigned int number)
{
	return bh_cnode_copy(to->cnode, AT_ENDPOINT, 0, endpoints[number], BH_RIGHTS_ALL) == BH_OK &&
	       bh_cnode_copy(to->cnode, AT_REPLY, 0, replies[number], BH_RIGHTS_ALL) == BH_OK &&
	       bh_cnode_copy(to->cnode, AT_OTHER, 0, endpoints[1 - number], BH_RIGHTS_ALL) == BH_OK &&
	       bh_cnode_copy(to->cnode, AT_OTHER_REPLY, 0, replies[1 - number], BH_RIGHTS_ALL) == BH_OK;
}

/* A passive one that waits at endpoint `at` and answers for ever, each time with 110 or 210. */
static bool server_new(unsigned int number, unsigned int at)
{
	struct scripted *server = &servers[number];

	if (!scripted_passive(server, OWN_PRIORITY - 10, endpoints[at], replies[number]) ||
		!give(server, number)) {
		return false;
	}
	scripted_step(server, 1, BH_SYS_REPLY_RECV, at == number ? AT_ENDPOINT : AT_OTHER, info(),
		110 + number * 100, AT_REPLY);
	scripted_loop(server, 2, 1);
	return true;
}

/* Calls endpoint `at` with that word, once, and spins; runs. */
static bool client_start(unsigned int number, unsigned int at, uint64_t word, unsigned int priority)
{
	struct scripted *client = &clients[number];

	if (!scripted_new(client, priority, true) || !give(client, at)) {
		return false;
	}
	scripted_step(client, 0, BH_SYS_CALL, AT_ENDPOINT, info(), word, 0);
	scripted_special(client, 1, STEP_SPIN);
	return bh_thread_resume(client->thread) == BH_OK;
}

/* --- budgets --- */

/* A kernel's step goes beyond a budget's end: so long at most, in one without optimization that tells the trace ring, too. */
#define STEP_TICKS 4000

/* A full budget of that many periods, at most, was used meanwhile, and some of it. */
static void is_within(uint64_t used, uint64_t budget, uint64_t period, uint64_t elapsed)
{
	uint64_t periods = elapsed / ticks_of_us(period) + 2;

	CHECK(used <= periods * (ticks_of_us(budget) + STEP_TICKS));
	CHECK(used * 4 >= (periods - 3) * ticks_of_us(budget));
}

static void budget_of_calls(uint64_t budget, uint64_t period)
{
	volatile struct step *calls, *answers;
	uint64_t before, after, start, seen;

	fresh();
	REQUIRE(server_new(0, 0));
	clients[0].budget = budget;
	clients[0].period = period;
	REQUIRE(client_start(0, 0, 1, OWN_PRIORITY - 20));
	calls = &clients[0].steps[0];
	answers = &servers[0].steps[1];
	scripted_loop(&clients[0], 1, 0);
	/* what is left of the time is another's */
	REQUIRE(scripted_new(&clients[1], OWN_PRIORITY - 30, true));
	scripted_special(&clients[1], 0, STEP_SPIN);
	REQUIRE_OK(bh_thread_resume(clients[1].thread));
	REQUIRE_OK(bh_sched_context_consumed(clients[0].context, &before));
	start = rdtsc();
	pause_us(30 * period);
	REQUIRE_OK(bh_sched_context_consumed(clients[0].context, &after));
	is_within(after - before, budget, period, rdtsc() - start);
	CHECK(calls->done > 30);
	CHECK(calls->done == answers->done || calls->done == answers->done + 1);
	CHECK_EQUAL(BH_OK, calls->result | answers->result);
	CHECK_EQUAL(110, calls->got_word);
	CHECK(clients[1].steps[0].done > 30);
	/* It stands somewhere: stopped and let go there it is cancelled or goes on, and with budget for all the way it does so too. */
	REQUIRE_OK(bh_thread_suspend(clients[0].thread));
	REQUIRE_OK(bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, clients[0].context, 1000, 1000));
	REQUIRE_OK(bh_thread_resume(clients[0].thread));
	seen = calls->done;
	pause_us(200);
	CHECK(calls->done > seen + 10);
	CHECK_EQUAL(BH_OK, calls->result);
}

static void budget_of_exits(uint64_t budget, uint64_t period)
{
	static const uint8_t code[] = { 0x0f, 0xa2, 0xeb, 0xfc }; /* cpuid, for ever */
	static struct test_guest guest;
	uint64_t before, after, start;

	fresh();
	(void)!bh_cnode_delete(SELF, guest.vcpu);
	REQUIRE(server_new(0, 0));
	scripted_step(&servers[0], 1, BH_SYS_REPLY_RECV, AT_ENDPOINT, BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0), 0,
		AT_REPLY);
	REQUIRE(guest_new(&guest, code, code + sizeof(code)));
	guest.state->tsc_aux = general ? 5 : 0;
	REQUIRE(guest_write_state(&guest));
	REQUIRE_OK(bh_vcpu_bind(guest.vcpu, BH_BIND_ALL_EXITS, endpoints[0], 0));
	REQUIRE_OK(bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, guest.context, budget, period));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	REQUIRE_OK(bh_sched_context_consumed(guest.context, &before));
	start = rdtsc();
	pause_us(30 * period);
	REQUIRE_OK(bh_sched_context_consumed(guest.context, &after));
	is_within(after - before, budget, period, rdtsc() - start);
	CHECK(servers[0].steps[1].done > 30);
	CHECK_EQUAL(BH_EXIT_CPUID, servers[0].steps[1].got_word & 0xff);
	/* stopped and started where it stands */
	REQUIRE_OK(bh_vcpu_stop(guest.vcpu));
	REQUIRE_OK(bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, guest.context, 1000, 1000));
	before = servers[0].steps[1].done;
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	pause_us(200);
	CHECK(servers[0].steps[1].done > before + 10);
}

static void budgets(void)
{
	case_begin("fast.budget.call",
		"budgets that end at any instruction of a call or its answer: client and server wait for the next period and go on, no time is "
		"used that is not there, others have the rest, and the client can be stopped and go on anywhere");
	for (uint64_t budget = 10; budget < 34; budget++) {
		general = budget % 4 == 3;
		budget_of_calls(budget, 2 * budget + 7);
	}

	case_begin("fast.budget.exit", "the same for a virtual CPU's exits to a passive handler");
	for (uint64_t budget = 10; budget < 34; budget++) {
		general = budget % 4 == 3;
		budget_of_exits(budget, 2 * budget + 7);
	}

	case_begin("fast.budget.turns",
		"two clients of one priority, each with a server: by full budgets they take turns, in the middle of calls as well");
	for (unsigned int way = 0; way < 2; way++) {
		general = way == 1;
		fresh();
		for (unsigned int i = 0; i < 2; i++) {
			REQUIRE(server_new(i, i));
			clients[i].budget = clients[i].period = 20 + i;
			REQUIRE(client_start(i, i, 1, OWN_PRIORITY - 10)); /* the servers' priority */
			scripted_loop(&clients[i], 1, 0);
		}
		pause_us(3000);
		uint64_t first = clients[0].steps[0].done, other = clients[1].steps[0].done;
		CHECK(first > 100 && other > 100);
		CHECK(first < other + other / 3 && other < first + first / 3);
	}
}

/* --- signals --- */

static void signals(void)
{
	case_begin("fast.bound.pending",
		"a server with a context of its own and a signal pending answers and has the signal, its client the answer; a signal for the "
		"client waits for its Recv");
	for (unsigned int way = 0; way < 2; way++) {
		uint64_t notification, to_client;

		general = way == 1;
		fresh();
		notification = object_new(BH_OBJECT_NOTIFICATION, 0);
		to_client = object_new(BH_OBJECT_NOTIFICATION, 0);
		REQUIRE(scripted_new(&servers[0], OWN_PRIORITY - 10, true) && give(&servers[0], 0));
		scripted_step(&servers[0], 0, BH_SYS_RECV, AT_ENDPOINT, 0, 0, AT_REPLY);
		scripted_special(&servers[0], 1, STEP_SPIN);
		scripted_step(&servers[0], 2, BH_SYS_REPLY_RECV, AT_ENDPOINT, info(), 120, AT_REPLY);
		scripted_step(&servers[0], 3, BH_SYS_RECV, AT_ENDPOINT, 0, 0, AT_REPLY);
		REQUIRE_OK(bh_thread_bind_notification(servers[0].thread, notification));
		REQUIRE_OK(bh_thread_resume(servers[0].thread));
		pause_us(100);
		REQUIRE(client_start(0, 0, 5, OWN_PRIORITY - 5));
		REQUIRE_OK(bh_thread_bind_notification(clients[0].thread, to_client));
		scripted_step(&clients[0], 1, BH_SYS_RECV, AT_OTHER, 0, 0, AT_OTHER_REPLY);
		scripted_step(&clients[0], 2, BH_SYS_RECV, AT_OTHER, 0, 0, AT_OTHER_REPLY);
		pause_us(100);
		CHECK_EQUAL(5, servers[0].steps[0].got_word);
		REQUIRE_OK(bh_signal(mint_new(notification, BH_RIGHT_WRITE, 0x40)));
		REQUIRE_OK(bh_signal(mint_new(to_client, BH_RIGHT_WRITE, 0x80)));
		pause_us(100);
		CHECK_EQUAL(0, clients[0].steps[0].done);
		scripted_loop(&servers[0], 1, 2);
		pause_us(100);
		CHECK_EQUAL(120, clients[0].steps[0].got_word);
		CHECK_EQUAL(BH_MESSAGE_SIGNAL, clients[0].steps[1].got_info);
		CHECK_EQUAL(0x80, clients[0].steps[1].badge);
		CHECK_EQUAL(0, clients[0].steps[2].done);
		CHECK_EQUAL(BH_MESSAGE_SIGNAL, servers[0].steps[2].got_info);
		CHECK_EQUAL(0x40, servers[0].steps[2].badge);
		CHECK_EQUAL(1, servers[0].steps[2].done);
		CHECK_EQUAL(0, servers[0].steps[3].done);
	}
}

/* --- Replies in use --- */

/* Two clients and their passive servers, both in the middle of a call. */
static bool two_calls(void)
{
	fresh();
	for (unsigned int i = 0; i < 2; i++) {
		if (!server_new(i, i)) {
			return false;
		}
		scripted_special(&servers[i], 1, STEP_SPIN);
		scripted_special(&servers[i], 2, STEP_SPIN);
		if (!client_start(i, i, 1 + i, OWN_PRIORITY - 20)) {
			return false;
		}
		pause_us(100);
		if (servers[i].steps[0].got_word != 1 + i || bh_thread_suspend(servers[i].thread) != BH_OK) {
			return false;
		}
	}
	return bh_thread_resume(servers[1].thread) == BH_OK;
}

static void replies_in_use(void)
{
	struct bh_message message = { .info = BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0), .word = { 300 } };

	case_begin("fast.reply.in_use",
		"Recv with a Reply in which another server's client waits is refused, and changes nothing: that client is answered by its "
		"server, and so is the own one");
	for (unsigned int way = 0; way < 2; way++) {
		general = way == 1;
		REQUIRE(two_calls());
		scripted_step(&servers[1], 2, BH_SYS_RECV, AT_ENDPOINT, 0, 0, AT_OTHER_REPLY);
		scripted_step(&servers[1], 3, BH_SYS_REPLY_RECV, AT_ENDPOINT, info(), 220, AT_REPLY);
		scripted_step(&servers[0], 2, BH_SYS_REPLY_RECV, AT_ENDPOINT, info(), 120, AT_REPLY);
		scripted_loop(&servers[1], 1, 2);
		pause_us(100);
		CHECK_EQUAL(1, servers[1].steps[2].done);
		CHECK_EQUAL(BH_ERROR_STATE, servers[1].steps[2].result);
		CHECK_EQUAL(220, clients[1].steps[0].got_word);
		CHECK_EQUAL(0, clients[0].steps[0].done);
		REQUIRE_OK(bh_thread_suspend(clients[1].thread));
		scripted_loop(&servers[0], 1, 2);
		REQUIRE_OK(bh_thread_resume(servers[0].thread));
		pause_us(100);
		CHECK_EQUAL(120, clients[0].steps[0].got_word);
	}

	case_begin("fast.reply.of_another",
		"ReplyRecv with the Reply of another server answers that one's client, which has its own context back; the server receives with "
		"it, its own client's context is parked until somebody answers that");
	for (unsigned int way = 0; way < 2; way++) {
		general = way == 1;
		REQUIRE(two_calls());
		scripted_step(&servers[1], 2, BH_SYS_REPLY_RECV, AT_ENDPOINT, info(), 220, AT_OTHER_REPLY);
		scripted_step(&servers[1], 3, BH_SYS_REPLY_RECV, AT_ENDPOINT, info(), 230, AT_OTHER_REPLY);
		scripted_special(&servers[1], 4, STEP_SPIN);
		scripted_loop(&servers[1], 1, 2);
		pause_us(100);
		CHECK_EQUAL(1, clients[0].steps[0].done);
		CHECK_EQUAL(220, clients[0].steps[0].got_word);
		uint64_t seen = clients[0].steps[1].done;
		pause_us(100);
		CHECK(clients[0].steps[1].done > seen);
		CHECK_EQUAL(0, clients[1].steps[0].done);
		REQUIRE_OK(bh_thread_resume(servers[0].thread)); /* stands: it has nobody's time */
		pause_us(100);
		CHECK_EQUAL(0, servers[0].steps[2].done);
		REQUIRE_OK(bh_call(endpoints[1], &message));
		CHECK_EQUAL(230, message.word[0]);
		CHECK_EQUAL(0, clients[1].steps[0].done);
		REQUIRE_OK(bh_thread_suspend(clients[0].thread));
		message.word[0] = 240;
		REQUIRE_OK(bh_reply(replies[1], &message));
		pause_us(100);
		CHECK_EQUAL(240, clients[1].steps[0].got_word);
	}
}

/* --- queues --- */

static void queues(void)
{
	struct bh_message message = { .info = BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0) };

	case_begin("fast.two_receivers",
		"two servers wait at one endpoint: calls go to them in the order in which they came, and each queues behind again");
	for (unsigned int way = 0; way < 2; way++) {
		general = way == 1;
		fresh();
		REQUIRE(server_new(0, 0) && server_new(1, 0));
		for (unsigned int i = 0; i < 6; i++) {
			message = (struct bh_message){ .info = info() };
			REQUIRE_OK(bh_call(endpoints[0], &message));
			CHECK_EQUAL(i % 2 == 0 ? 110 : 210, message.word[0]);
		}
		/* one is busy: all go to the other */
		scripted_special(&servers[0], 1, STEP_SPIN);
		message = (struct bh_message){ .info = info() };
		REQUIRE(client_start(0, 0, 1, OWN_PRIORITY - 20));
		pause_us(100);
		CHECK_EQUAL(0, clients[0].steps[0].done);
		for (unsigned int i = 0; i < 3; i++) {
			REQUIRE_OK(bh_call(endpoints[0], &message));
			CHECK_EQUAL(210, message.word[0]);
		}
	}

	case_begin("fast.queued_senders",
		"three clients queue while a server works: its ReplyRecv answers the first and takes the others one by one, in order");
	for (unsigned int way = 0; way < 2; way++) {
		general = way == 1;
		fresh();
		REQUIRE(server_new(0, 0));
		scripted_special(&servers[0], 1, STEP_SPIN);
		for (unsigned int i = 0; i < 4; i++) {
			scripted_step(&servers[0], 2 + i, BH_SYS_REPLY_RECV, AT_ENDPOINT, info(), 500 + i,
				AT_REPLY);
			REQUIRE(client_start(i, 0, 40 + i, i == 0 ? OWN_PRIORITY - 20 : OWN_PRIORITY - i));
			pause_us(100);
		}
		CHECK_EQUAL(40, servers[0].steps[0].got_word);
		for (unsigned int i = 1; i < 4; i++) {
			clients[i].steps[1].number = STEP_FAULT; /* no endpoint: it stops */
		}
		scripted_loop(&servers[0], 1, 2);
		pause_us(200);
		for (unsigned int i = 0; i < 4; i++) {
			CHECK_EQUAL(1, clients[i].steps[0].done);
			CHECK_EQUAL(500 + i, clients[i].steps[0].got_word);
			CHECK_EQUAL(i < 3 ? 41 + i : 0, servers[0].steps[2 + i].got_word);
		}
	}
}

/* --- servers that call back --- */

enum calling { THE_CLIENT, ITSELF, ITS_CALLER };

/* A server calls where nobody receives, because who would waits for it: it stands in the queue on its client's time until somebody takes the
 * call, or it is cancelled. */
static void call_back(enum calling whom, bool cancelled)
{
	struct bh_message message = { .info = BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0) };
	struct scripted *last = &servers[whom == ITS_CALLER ? 1 : 0];
	uint64_t called;

	fresh();
	called = whom == THE_CLIENT ? endpoints[1] : endpoints[0];
	REQUIRE(server_new(0, 0));
	if (whom == ITS_CALLER) {
		REQUIRE(server_new(1, 1));
		scripted_step(&servers[0], 1, BH_SYS_CALL, AT_OTHER, info(), 60, 0);
		scripted_step(&servers[0], 2, BH_SYS_REPLY_RECV, AT_ENDPOINT, info(), 120, AT_REPLY);
	}
	scripted_step(last, 1, BH_SYS_CALL, whom == ITSELF ? AT_ENDPOINT : AT_OTHER, info(), 70, 0);
	scripted_step(last, 2, BH_SYS_REPLY_RECV, AT_ENDPOINT, info(), 120, AT_REPLY);
	REQUIRE(client_start(0, 0, 1, OWN_PRIORITY - 20));
	pause_us(100);
	CHECK_EQUAL(0, last->steps[1].done);
	CHECK_EQUAL(0, clients[0].steps[0].done);
	if (cancelled) {
		REQUIRE_OK(INVOKE(called, BH_ENDPOINT_CANCEL_BADGED, 0));
	} else {
		REQUIRE_OK(bh_receive_if_waiting(called, object_new(BH_OBJECT_REPLY, 0), &message));
		CHECK_EQUAL(70, message.word[0]);
		message.word[0] = 71;
		REQUIRE_OK(bh_reply(slot_run(0) - 1, &message));
	}
	pause_us(100);
	CHECK_EQUAL(cancelled ? BH_ERROR_CANCELLED : BH_OK, last->steps[1].result);
	CHECK_EQUAL(1, clients[0].steps[0].done);
	CHECK_EQUAL(BH_OK, clients[0].steps[0].result);
	CHECK_EQUAL(120, clients[0].steps[0].got_word);
	uint64_t seen = clients[0].steps[1].done;
	pause_us(100);
	CHECK(clients[0].steps[1].done > seen);
}

static void call_backs(void)
{
	static const char *const call_back_names[] = { "fast.call_back.client", "fast.call_back.self",
		"fast.call_back.caller" };

	for (enum calling whom = THE_CLIENT; whom <= ITS_CALLER; whom++) {
		case_begin(call_back_names[whom],
			"a server calls the endpoint of its client, its own, or that of the server that waits for it: it waits there like anybody, "
			"on its client's time, and goes on when another takes the call or it is cancelled");
		for (unsigned int way = 0; way < 4; way++) {
			general = way % 2 == 1;
			call_back(whom, way / 2 == 1);
		}
	}
}

void group_fast_order(void)
{
	budgets();
	signals();
	replies_in_use();
	queues();
	call_backs();
}
