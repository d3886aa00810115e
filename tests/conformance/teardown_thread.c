/* SPDX-License-Identifier: MIT */
/* As teardown.c does for vCPUs: in each state that a thread can be in, each object that it has to do with goes (all of its capabilities,
 * or only the first). Who waits is told, contexts come home, the thread runs again with what it lacks made anew, and all the memory
 * comes back. */
#include "scripted.h"

#define WORLD_BITS 20
#define LABEL BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0)

enum situation {
	RUNNING, /* taken off the CPU by who outranks it */
	READY,   /* never ran yet */
	EXHAUSTED,
	SENDING, /* a Call in the endpoint's queue */
	RECEIVING,
	WAITING_REPLY,
	WAITING_SIGNAL,
	SERVING, /* passive, on its caller's context, in Wait */
	MIDDLE,  /* passive, has called on: the last of the chain is in Wait */
	SUSPENDED,
	FAULTED, /* its message is in a handler's hands */
	FAULT_QUEUED,
	SITUATIONS
};
enum victim { THREAD, CONTEXT, ENDPOINT, REPLY, NOTIFICATION, CNODE, SPACE, BUFFER, VICTIMS };

/* The subject's own CNode. */
enum { AT_ENDPOINT = 1, AT_REPLY, AT_NOTIFICATION, AT_NEXT };

static struct scripted subject, client, last;
static uint64_t endpoint, reply, notification, next_endpoint, next_reply, next_hold, fault_endpoint;
static uint64_t spare_endpoint, spare_reply, spare_signal, other_reply, next_signal;
static uint64_t memory, whole;

static bool on_lent_context(enum situation situation) { return situation == SERVING || situation == MIDDLE; }

static bool at_fault(enum situation situation) { return situation == FAULTED || situation == FAULT_QUEUED; }

/* Steps of a passive server: after message 0 one more call, then the answer, with the endpoint or without it. */
static void write_service(const struct scripted *server, uint64_t call, uint64_t capability,
	uint64_t own_endpoint, uint64_t own_reply)
{
	scripted_step(server, 1, call, capability, LABEL, 0, 0);
	scripted_step(server, 2, BH_SYS_REPLY_RECV, own_endpoint, LABEL, 7, own_reply);
	scripted_step(server, 3, BH_SYS_REPLY, own_reply, LABEL, 8, 0);
	scripted_special(server, 4, STEP_SPIN);
}

static void write_script(enum situation situation)
{
	scripted_special(&subject, 1, STEP_SPIN);
	switch (situation) {
	case SENDING:
	case WAITING_REPLY:
		scripted_step(&subject, 0, BH_SYS_CALL, AT_ENDPOINT, LABEL, 0, 0);
		break;
	case RECEIVING:
		scripted_step(&subject, 0, BH_SYS_RECV, AT_ENDPOINT, 0, 0, AT_REPLY);
		scripted_step(&subject, 1, BH_SYS_REPLY, AT_REPLY, LABEL, 7, 0);
		break;
	case WAITING_SIGNAL:
		scripted_step(&subject, 0, BH_SYS_WAIT, AT_NOTIFICATION, 0, 0, 0);
		break;
	case SERVING:
		write_service(&subject, BH_SYS_WAIT, AT_NOTIFICATION, AT_ENDPOINT, AT_REPLY);
		break;
	case MIDDLE:
		write_service(&subject, BH_SYS_CALL, AT_NEXT, AT_ENDPOINT, AT_REPLY);
		break;
	case FAULTED:
	case FAULT_QUEUED:
		scripted_special(&subject, 0, STEP_FAULT);
		break;
	default:
		scripted_special(&subject, 0, STEP_SPIN);
		break;
	}
}

static bool make_world(enum situation situation)
{
	whole = pool;
	memory = object_new(BH_OBJECT_UNTYPED, WORLD_BITS);
	pool = memory;
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	reply = object_new(BH_OBJECT_REPLY, 0);
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	next_endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	next_reply = object_new(BH_OBJECT_REPLY, 0);
	next_hold = object_new(BH_OBJECT_NOTIFICATION, 0);
	fault_endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	other_reply = object_new(BH_OBJECT_REPLY, 0);
	spare_endpoint = copy_new(endpoint, BH_RIGHTS_ALL);
	spare_reply = copy_new(reply, BH_RIGHTS_ALL);
	spare_signal = mint_new(notification, BH_RIGHT_WRITE, 1);
	next_signal = mint_new(next_hold, BH_RIGHT_WRITE, 1);
	subject = (struct scripted){ .apart = true,
		.fault_endpoint = at_fault(situation) ? endpoint : fault_endpoint,
		.budget = situation == EXHAUSTED ? 50 : 0,
		.period = situation == EXHAUSTED ? 20000 : 0 };
	client = last = (struct scripted){ 0 };
	if (on_lent_context(situation) ? !scripted_passive(&subject, OWN_PRIORITY - 10, endpoint, reply)
				       : !scripted_new(&subject, OWN_PRIORITY - 10, true)) {
		return false;
	}
	write_script(situation);
	return bh_cnode_copy(subject.cnode, AT_ENDPOINT, 0, endpoint, BH_RIGHTS_ALL) == BH_OK &&
	       bh_cnode_copy(subject.cnode, AT_REPLY, 0, reply, BH_RIGHTS_ALL) == BH_OK &&
	       bh_cnode_copy(subject.cnode, AT_NOTIFICATION, 0, notification, BH_RIGHTS_ALL) == BH_OK &&
	       bh_cnode_copy(subject.cnode, AT_NEXT, 0, next_endpoint, BH_RIGHTS_ALL) == BH_OK;
}

/* A caller of the subject, and behind it a last server where there is a chain. */
static bool make_chain(enum situation situation)
{
	if (situation == MIDDLE) {
		if (!scripted_passive(&last, OWN_PRIORITY - 8, next_endpoint, next_reply)) {
			return false;
		}
		write_service(&last, BH_SYS_WAIT, next_hold, next_endpoint, next_reply);
	}
	if (!scripted_new(&client, OWN_PRIORITY - 9, true)) {
		return false;
	}
	scripted_step(&client, 0, BH_SYS_CALL, spare_endpoint, LABEL, 1, 0);
	scripted_special(&client, 1, STEP_SPIN);
	if (bh_thread_resume(client.thread) != BH_OK) {
		return false;
	}
	pause_us(200);
	return subject.steps[0].done == 1 && subject.steps[1].done == 0 &&
	       (situation == SERVING || last.steps[0].done == 1);
}

static bool bring(enum situation situation)
{
	struct bh_message message = { 0 };

	if (!make_world(situation)) {
		return false;
	}
	if (on_lent_context(situation)) {
		return make_chain(situation);
	}
	if (bh_thread_resume(subject.thread) != BH_OK) {
		return false;
	}
	switch (situation) {
	case READY:
		return subject.steps[0].done == 0;
	case WAITING_REPLY:
	case FAULTED:
		return bh_receive(endpoint, reply, &message) == BH_OK && subject.steps[0].done == 0;
	case RUNNING:
		pause_us(200);
		return subject.steps[0].done > 0;
	case EXHAUSTED:
		pause_us(2000);
		return subject.steps[0].done > 0;
	case SUSPENDED:
		pause_us(200);
		return subject.steps[0].done > 0 && bh_thread_suspend(subject.thread) == BH_OK;
	default:
		pause_us(200);
		return subject.steps[0].done == 0;
	}
}

/* Does it count on, within 50 ms? */
static bool counts(const struct scripted *scripted, unsigned int step)
{
	uint64_t seen = scripted->steps[step].done;

	for (unsigned int i = 0; i < 50 && scripted->steps[step].done == seen; i++) {
		pause_us(1000);
	}
	return scripted->steps[step].done != seen;
}

/* The step that it stands in. */
static volatile struct step *standing(enum situation situation)
{
	return &subject.steps[on_lent_context(situation) ? 1 : 0];
}

/* Without its address space a thread that is to run faults. */
static void faults_without_space(void)
{
	struct bh_message message = { 0 };

	CHECK_EQUAL(BH_OK, bh_receive_if_waiting(fault_endpoint, other_reply, &message));
	CHECK_EQUAL(BH_LABEL_FAULT, BH_MESSAGE_LABEL(message.info));
	CHECK_EQUAL(BH_FAULT_NO_SPACE, message.word[0]);
}

/* What the end of all of the victim's capabilities does at once. */
static void look(enum situation situation, enum victim victim)
{
	bool gone = victim == THREAD || victim == CONTEXT || victim == SPACE;
	bool cancelled = (victim == ENDPOINT && (situation == SENDING || situation == RECEIVING)) ||
			 (victim == REPLY && situation == WAITING_REPLY) ||
			 (victim == NOTIFICATION && (situation == WAITING_SIGNAL || situation == SERVING));
	struct bh_message message = { 0 };

	switch (situation) {
	case RUNNING:
	case READY:
	case EXHAUSTED:
		CHECK_EQUAL(!gone, counts(&subject, 0));
		if (victim == SPACE) {
			faults_without_space();
		}
		return;
	case SUSPENDED:
		CHECK(!counts(&subject, 0));
		return;
	case FAULTED:
	case FAULT_QUEUED:
		pause_us(200);
		CHECK_EQUAL(0, subject.steps[1].done);
		if (victim ==
			(situation == FAULTED ? REPLY : ENDPOINT)) { /* it stopped; the fault is forgotten */
			REQUIRE_OK(bh_thread_resume(subject.thread));
			CHECK(counts(&subject, 1));
		}
		return;
	default:
		pause_us(200);
		CHECK_EQUAL(cancelled ? 1 : 0, standing(situation)->done);
		if (cancelled) {
			CHECK_EQUAL(BH_ERROR_CANCELLED, standing(situation)->result);
		}
		break;
	}
	/* Nobody is left where it stood: its endpoint is empty, its Reply free. */
	if (victim == THREAD && (situation == SENDING || situation == RECEIVING)) {
		CHECK_EQUAL(BH_ERROR_WOULD_BLOCK, bh_receive_if_waiting(endpoint, other_reply, &message));
	}
	if ((victim == THREAD || victim == ENDPOINT) && situation == RECEIVING) {
		CHECK_EQUAL(BH_ERROR_WOULD_BLOCK, bh_receive_if_waiting(next_endpoint, reply, &message));
	}
}

/* The Reply of a chain's first server ends last: whoever was not answered is told, has its context, and can call somebody else. */
static void end_client(enum situation situation, enum victim victim)
{
	bool answered = victim == ENDPOINT || victim == NOTIFICATION || victim == BUFFER;
	uint64_t probe = object_new(BH_OBJECT_ENDPOINT, 0);
	struct bh_message message = { 0 };

	CHECK_EQUAL(victim == REPLY || (victim == NOTIFICATION && situation == SERVING) ? 1 : 0,
		client.steps[0].done);
	(void)!bh_signal(situation == SERVING ? spare_signal : next_signal); /* may be gone */
	pause_us(300);
	CHECK_EQUAL(answered || victim == REPLY ? 1 : 0, client.steps[0].done);
	if (victim == SPACE) {
		faults_without_space();
	}
	if (victim != REPLY) {
		CHECK_EQUAL(BH_OK, bh_cnode_revoke(SELF, reply));
		CHECK_EQUAL(BH_OK, bh_cnode_delete(SELF, reply));
	}
	if (victim == CONTEXT) {
		CHECK(scripted_bind(&client));
	}
	pause_us(300);
	CHECK_EQUAL(1, client.steps[0].done);
	CHECK_EQUAL(answered ? BH_OK : BH_ERROR_CANCELLED, client.steps[0].result);
	CHECK(counts(&client, 1));
	CHECK_EQUAL(BH_OK, bh_thread_suspend(client.thread));
	scripted_step(&client, 9, BH_SYS_CALL, probe, LABEL, 1, 0);
	scripted_special(&client, 10, STEP_SPIN);
	CHECK(scripted_restart(&client, 9));
	CHECK_EQUAL(BH_OK, bh_thread_resume(client.thread));
	REQUIRE_OK(bh_receive(probe, object_new(BH_OBJECT_REPLY, 0), &message));
}

/* With what it lacks made anew, the thread runs. A deleted one's context serves another. */
static bool runs_again(enum situation situation, enum victim victim)
{
	scripted_special(&subject, 20, STEP_SPIN);
	if (victim == THREAD) {
		subject.thread = object_new(BH_OBJECT_THREAD, 0);
	} else if (bh_thread_suspend(subject.thread) != BH_OK) {
		return false;
	}
	if (victim == CONTEXT || on_lent_context(situation)) {
		subject.budget = subject.period = 0;
		if (!scripted_bind(&subject)) {
			return false;
		}
	} else if (victim == THREAD && bh_sched_context_bind(subject.context, subject.thread) != BH_OK) {
		return false;
	}
	subject.fault_endpoint = 0;
	if (victim == CNODE) {
		subject.cnode = object_new(BH_OBJECT_CNODE, 4);
	}
	if (victim == BUFFER) {
		subject.buffer_frame = object_new(BH_OBJECT_FRAME, 12);
	}
	if (victim == SPACE) {
		subject.space = object_new(BH_OBJECT_ADDRESS_SPACE, 0);
		if (!scripted_map(&subject)) {
			return false;
		}
	}
	return scripted_restart(&subject, 20) && bh_thread_resume(subject.thread) == BH_OK &&
	       counts(&subject, 20);
}

static void unmake_world(void)
{
	pool = whole;
	REQUIRE_OK(bh_cnode_revoke(SELF, memory));
	REQUIRE_OK(bh_untyped_retype(memory, BH_OBJECT_UNTYPED, WORLD_BITS, 0, slot_new(), 1));
	REQUIRE_OK(bh_cnode_revoke(SELF, memory));
	REQUIRE_OK(bh_cnode_delete(SELF, memory));
}

static uint64_t slot_of(enum situation situation, enum victim victim)
{
	const uint64_t slots[VICTIMS] = { subject.thread,
		on_lent_context(situation) ? client.context : subject.context, endpoint, reply, notification,
		subject.cnode, subject.space, subject.buffer_frame };

	return slots[victim];
}

/* The last capability of the victim goes. */
static void end_all(enum situation situation, enum victim victim)
{
	REQUIRE(bring(situation));
	REQUIRE_OK(bh_cnode_revoke(SELF, slot_of(situation, victim)));
	REQUIRE_OK(bh_cnode_delete(SELF, slot_of(situation, victim)));
	look(situation, victim);
	if (on_lent_context(situation)) {
		end_client(situation, victim);
	}
	CHECK(runs_again(situation, victim));
	unmake_world();
}

/* What it waits for comes. */
static void complete(enum situation situation)
{
	struct bh_message message = { .info = LABEL };

	switch (situation) {
	case SENDING:
	case FAULT_QUEUED:
		REQUIRE_OK(bh_receive(spare_endpoint, other_reply, &message));
		REQUIRE_OK(bh_reply(other_reply, &message));
		break;
	case RECEIVING:
		REQUIRE_OK(bh_call(spare_endpoint, &message));
		CHECK_EQUAL(7, message.word[0]);
		return;
	case WAITING_REPLY:
	case FAULTED:
		REQUIRE_OK(bh_reply(spare_reply, &message));
		break;
	case WAITING_SIGNAL:
		REQUIRE_OK(bh_signal(spare_signal));
		break;
	case SERVING:
	case MIDDLE:
		REQUIRE_OK(bh_signal(situation == SERVING ? spare_signal : next_signal));
		CHECK(counts(&client, 1));
		CHECK_EQUAL(BH_OK, client.steps[0].result);
		CHECK_EQUAL(7, client.steps[0].got_word);
		return;
	case SUSPENDED:
		REQUIRE_OK(bh_thread_resume(subject.thread));
		CHECK(counts(&subject, 0));
		return;
	default:
		CHECK(counts(&subject, 0));
		return;
	}
	CHECK(counts(&subject, 1));
	CHECK_EQUAL(at_fault(situation) ? STEP_FAULT : BH_OK, subject.steps[0].result);
}

/* Another capability is left, the thread's own copy at least: nothing happens to it. */
static void end_one(enum situation situation, enum victim victim)
{
	REQUIRE(bring(situation));
	REQUIRE_OK(bh_cnode_delete(SELF, slot_of(situation, victim)));
	pause_us(200);
	if (situation != RUNNING && situation != READY && situation != EXHAUSTED && situation != SUSPENDED) {
		CHECK_EQUAL(0, standing(situation)->done);
	}
	complete(situation);
	unmake_world();
}

void group_teardown_thread(void)
{
	static const char *const names[] = { "teardown.thread.running", "teardown.thread.ready",
		"teardown.thread.exhausted", "teardown.thread.sending", "teardown.thread.receiving",
		"teardown.thread.waiting_reply", "teardown.thread.waiting_signal", "teardown.thread.serving",
		"teardown.thread.middle", "teardown.thread.suspended", "teardown.thread.faulted",
		"teardown.thread.fault_queued" };

	for (enum situation situation = RUNNING; situation < SITUATIONS; situation++) {
		case_begin(names[situation],
			"in that state each of thread, context, endpoint, Reply, notification, CNode, address space and IPC buffer goes: "
			"who waits is told, contexts come home, it runs again with a new one, all memory comes back; where a copy is "
			"left nothing happens");
		for (enum victim victim = THREAD; victim < VICTIMS; victim++) {
			print("  number %u\n", (uint64_t)victim); /* should this fail */
			end_all(situation, victim);
			if (victim > CONTEXT) {
				end_one(situation, victim);
			}
		}
	}
}
