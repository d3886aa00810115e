/* SPDX-License-Identifier: MIT */
/* Time where several wait for each other: who is more important is not held up by who is less, an empty budget is no hang, and a hang
 * is found by its deadline and costs its guest alone. */
#include "guest.h"

GUEST_CODE(in8);

#define SERVICE_US 2000

static uint64_t endpoint, reply;
static volatile uint64_t entered, counted;

static void spin_us(uint64_t microseconds)
{
	uint64_t end = rdtsc() + ticks_of_us(microseconds);

	while (rdtsc() < end) {}
}

/* Each request takes a while. */
static void serve(struct bh_message *first, uint64_t argument)
{
	struct bh_message message = *first;

	(void)argument;
	for (;;) {
		entered = entered + 1;
		spin_us(SERVICE_US);
		message.info = BH_MESSAGE_INFO(60, 1, 0);
		if (bh_reply_receive(endpoint, reply, &message) != BH_OK) {
			__asm__ volatile("ud2");
		}
	}
}

static void hang(struct bh_message *first, uint64_t argument)
{
	(void)first;
	(void)argument;
	entered = entered + 1;
	for (;;) {}
}

static void count(uint64_t argument)
{
	(void)argument;
	for (;;) {
		counted = counted + 1;
	}
}

static void servers(void)
{
	static struct actor low, high;
	static struct test_thread server, middle;

	case_begin("inversion.server",
		"a low caller is served at the server's priority: a thread between the two, which never stops, does not hold up a "
		"high caller that waits for the same server");
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	reply = object_new(BH_OBJECT_REPLY, 0);
	entered = counted = 0;
	server = middle = (struct test_thread){ 0 };
	low = high = (struct actor){ .message = { .info = BH_MESSAGE_INFO(60, 1, 0) } };
	REQUIRE(passive_new(&server, serve, 0, OWN_PRIORITY - 2, endpoint, reply));
	REQUIRE(actor_new(&low, DO_CALL, endpoint, OWN_PRIORITY - 60));
	pause_us(SERVICE_US / 4);
	CHECK_EQUAL(1, entered); /* in the middle, on the low one's context */
	REQUIRE(thread_new(&middle, count, 0, OWN_PRIORITY - 30, true));
	REQUIRE_OK(bh_thread_resume(middle.thread));
	REQUIRE(actor_new(&high, DO_CALL, endpoint, OWN_PRIORITY - 10));
	CHECK_EQUAL(0, high.done);
	pause_us(3 * SERVICE_US); /* the rest of the first request, and the second */
	CHECK_EQUAL(2, entered);
	CHECK_EQUAL(1, high.done);
	CHECK_EQUAL(BH_OK, high.error);
	CHECK(counted > 0);
	CHECK_EQUAL(0, low.done); /* it is answered, but less important than the one that never stops */
	REQUIRE_OK(bh_thread_suspend(middle.thread));
	CHECK(wait_until(&low.done, 1));
	CHECK_EQUAL(BH_OK, low.error);

	case_begin("inversion.server.high",
		"a server works for a low caller; a thread above the server's priority that wakes runs at once");
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	reply = object_new(BH_OBJECT_REPLY, 0);
	entered = 0;
	server = (struct test_thread){ 0 };
	low = (struct actor){ .message = { .info = BH_MESSAGE_INFO(60, 1, 0) } };
	REQUIRE(ticker_start(100)); /* above all */
	REQUIRE(passive_new(&server, serve, 0, OWN_PRIORITY - 2, endpoint, reply));
	REQUIRE(actor_new(&low, DO_CALL, endpoint, OWN_PRIORITY - 60));
	ticks = 0;
	CHECK(wait_until(&low.done, 1));
	CHECK(ticks >= 10);
}

/* A vCPU with a tenth of the time, whose port access goes to that passive model. */
static bool access(
	struct test_guest *guest, void (*model)(struct bh_message *, uint64_t), struct test_thread *thread)
{
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	reply = object_new(BH_OBJECT_REPLY, 0);
	entered = counted = 0;
	*thread = (struct test_thread){ 0 };
	return passive_new(thread, model, 0, OWN_PRIORITY - 5, endpoint, reply) &&
	       guest_new_open(guest, GUEST(in8)) &&
	       bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, guest->context, 500, 5000) == BH_OK &&
	       INVOKE(guest->space, BH_GUEST_SPACE_ROUTE, 0, 0x60, 1) == BH_OK &&
	       bh_vcpu_bind(guest->vcpu, BH_BIND_ROUTE, endpoint, 0) == BH_OK &&
	       bh_vcpu_run(guest->vcpu) == BH_OK;
}

static void hangs(void)
{
	struct test_guest guest;
	struct test_thread model, worker = { 0 };
	struct bh_vcpu_facts facts;
	uint64_t limit = ticks_of_us(100000), since;

	case_begin("hang.empty_budget",
		"a model that needs more than the vCPU's budget waits for the next ones and answers, long before the supervisor's limit");
	REQUIRE(access(&guest, serve, &model));
	REQUIRE(wait_until(&entered, 1));
	REQUIRE_OK(bh_vcpu_inspect(guest.vcpu, &facts));
	CHECK_EQUAL(BH_VCPU_WAITING_ROUTE, facts.status);
	since = facts.waiting_since;
	CHECK_EQUAL(BH_EXIT_HLT, guest_exit(&guest)); /* the access is done, and the next instruction */
	CHECK(rdtsc() - since > ticks_of_us(2 * SERVICE_US)); /* it had to wait for budget */
	CHECK(rdtsc() - since < limit);

	case_begin("hang.deadline",
		"a model that never answers is found by how long the vCPU waits: CancelAccess gives ROUTE_FAILED; meanwhile a thread of "
		"lower priority has all the time that is not the vCPU's");
	REQUIRE(access(&guest, hang, &model));
	REQUIRE(thread_new(&worker, count, 0, 10, true));
	REQUIRE_OK(bh_thread_resume(worker.thread));
	REQUIRE(wait_until(&entered, 1));
	do {
		pause_us(1000); /* the supervisor looks now and then */
		REQUIRE_OK(bh_vcpu_inspect(guest.vcpu, &facts));
		REQUIRE(facts.status == BH_VCPU_WAITING_ROUTE);
	} while (rdtsc() - facts.waiting_since < limit);
	CHECK(counted > 1000);
	REQUIRE_OK(bh_sched_context_consumed(guest.context, &since));
	CHECK(since < limit / 5); /* a tenth, and what meets at the borders of periods */
	REQUIRE_OK(bh_vcpu_cancel_access(guest.vcpu));
	REQUIRE_OK(bh_cnode_delete(SELF, model.thread)); /* as a supervisor does */
	CHECK_EQUAL(BH_EXIT_ROUTE_FAILED, guest_exit(&guest));
}

void group_inversion(void)
{
	servers();
	hangs();
}
