/* SPDX-License-Identifier: MIT */
/* Scheduling contexts: who may run, for how long, and what happens when the budget is gone. Shares are compared as the kernel
 * counted them, with wide margins. */
#include "harness.h"

static volatile uint64_t counter, second_counter;

static void spin(uint64_t argument)
{
	volatile uint64_t *count = (volatile uint64_t *)argument;

	for (;;) {
		*count = *count + 1;
	}
}

static uint64_t endpoint, reply;

static void spin_for_caller(struct bh_message *first, uint64_t argument)
{
	(void)first;
	spin(argument);
}

static void count_down(struct bh_message *first, uint64_t argument)
{
	struct bh_message message = *first;

	(void)argument;
	for (;;) {
		uint64_t end = rdtsc() + ticks_of_us(message.word[0]);

		while (rdtsc() < end) {
			counter = counter + 1;
		}
		message.info = BH_MESSAGE_INFO(60, 1, 0);
		if (bh_reply_receive(endpoint, reply, &message) != BH_OK) {
			__asm__ volatile("ud2");
		}
	}
}

static void budgets(void)
{
	struct test_thread thread = { .budget = 1000, .period = 10000 }, other = { 0 };
	uint64_t before, after, start;

	case_begin("sched.budget",
		"a thread that spins with 10 % of the time gets about 10 %, though nobody else wants to run");
	REQUIRE(thread_new(&thread, spin, (uint64_t)&counter, OWN_PRIORITY + 1, true));
	REQUIRE_OK(bh_thread_resume(thread.thread));
	pause_us(10000);
	REQUIRE_OK(bh_sched_context_consumed(thread.context, &before));
	start = rdtsc();
	pause_us(200000);
	REQUIRE_OK(bh_sched_context_consumed(thread.context, &after));
	uint64_t permille = (after - before) * 1000 / (rdtsc() - start);
	CHECK(permille >= 50 && permille <= 150);

	case_begin("sched.budget.full",
		"with budget equal to period a thread that spins runs on, and shares with its own priority by turns");
	counter = 0;
	second_counter = 0;
	thread = (struct test_thread){ 0 };
	REQUIRE(thread_new(&thread, spin, (uint64_t)&counter, 100, true));
	REQUIRE(thread_new(&other, spin, (uint64_t)&second_counter, 100, true));
	REQUIRE_OK(bh_thread_resume(thread.thread));
	REQUIRE_OK(bh_thread_resume(other.thread));
	CHECK(wait_until(&counter, 1));
	CHECK(wait_until(&second_counter, 1));
	uint64_t seen = counter;
	CHECK(wait_until(&counter, seen + 1));

	case_begin("sched.priority",
		"a thread of higher priority with budget left keeps a lower one out; when it is exhausted the lower one runs");
	counter = 0;
	second_counter = 0;
	thread = (struct test_thread){ .budget = 5000, .period = 1000000 };
	other = (struct test_thread){ 0 };
	REQUIRE(thread_new(&other, spin, (uint64_t)&second_counter, 100, true));
	REQUIRE(thread_new(&thread, spin, (uint64_t)&counter, 101, true));
	REQUIRE_OK(bh_thread_resume(other.thread));
	REQUIRE_OK(bh_thread_resume(thread.thread));
	CHECK(wait_until(&second_counter, 1));
	CHECK(counter > 0);
	seen = counter;
	pause_us(5000);
	CHECK_EQUAL(seen, counter); /* its period is a second long */
	REQUIRE_OK(bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, thread.context, 5000, 1000000));
	CHECK(wait_until(&counter, seen + 1)); /* configured again: a new period */

	case_begin("sched.passive.exhausted",
		"a budget that ends in a passive server is waited for: the call is answered, late, and no error "
		"comes of it (settled: a hang is not an empty budget)");
	static struct actor actor;
	struct test_thread server = { 0 };
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	reply = object_new(BH_OBJECT_REPLY, 0);
	actor = (struct actor){ .thread = { .budget = 500, .period = 2000 } };
	actor.message = (struct bh_message){ .info = BH_MESSAGE_INFO(60, 1, 0), .word = { 20000 } };
	REQUIRE(passive_new(&server, count_down, 0, OWN_PRIORITY + 10, endpoint, reply));
	REQUIRE(actor_new(&actor, DO_CALL, endpoint, OWN_PRIORITY + 1));
	CHECK_EQUAL(0, actor.done);
	CHECK(wait_until(&actor.done, 1));
	CHECK_EQUAL(BH_OK, actor.error);
	CHECK_EQUAL(20000, actor.message.word[0]);

	case_begin("sched.passive.share",
		"a server that spins on its caller's 10 % gets 10 %, at any priority: the rest of the system runs");
	counter = 0;
	second_counter = 0;
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	reply = object_new(BH_OBJECT_REPLY, 0);
	server = (struct test_thread){ 0 };
	other = (struct test_thread){ 0 };
	actor = (struct actor){ .thread = { .budget = 1000, .period = 10000 } };
	REQUIRE(passive_new(&server, spin_for_caller, (uint64_t)&counter, 255, endpoint, reply));
	REQUIRE(thread_new(&other, spin, (uint64_t)&second_counter, 10, true));
	REQUIRE_OK(bh_thread_resume(other.thread));
	REQUIRE(actor_new(&actor, DO_CALL, endpoint, OWN_PRIORITY + 1));
	pause_us(10000);
	REQUIRE_OK(bh_sched_context_consumed(actor.thread.context, &before));
	start = rdtsc();
	pause_us(100000);
	REQUIRE_OK(bh_sched_context_consumed(actor.thread.context, &after));
	permille = (after - before) * 1000 / (rdtsc() - start);
	CHECK(permille >= 50 && permille <= 150);
	CHECK(counter > 0);
	CHECK(second_counter > 0);
}

static void many(void)
{
	struct test_thread threads[20];
	static volatile uint64_t counts[20];

	case_begin("sched.many", "20 exhausted contexts with different periods are each filled up again");
	for (unsigned int i = 0; i < 20; i++) {
		counts[i] = 0;
		threads[i] = (struct test_thread){ .budget = 50, .period = 3000 + 170 * i };
		REQUIRE(thread_new(&threads[i], spin, (uint64_t)&counts[i], 100 + i, true));
		REQUIRE_OK(bh_thread_resume(threads[i].thread));
	}
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < 20; i++) {
			uint64_t seen = counts[i];

			CHECK(wait_until(&counts[i], seen + 1));
		}
	}
	for (unsigned int i = 0; i < 20; i += 2) {
		REQUIRE_OK(bh_cnode_delete(SELF, threads[i].context)); /* some of them exhausted */
	}
	for (unsigned int i = 1; i < 20; i += 2) {
		uint64_t seen = counts[i];

		CHECK(wait_until(&counts[i], seen + 1));
	}
}

/* Gives its own context a new period, then away. */
static void configure_own(uint64_t argument)
{
	const struct test_thread *self = (const struct test_thread *)argument;

	if (bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, self->context, 10000, 10000) == BH_OK) {
		counter = 1;
	}
	(void)!bh_sched_context_unbind(self->context);
	counter = 2;
	(void)!bh_thread_suspend(self->thread);
}

static void binding(void)
{
	struct test_thread thread = { 0 }, other = { 0 };
	uint64_t context, empty, consumed;

	case_begin("sched.bind.refused",
		"memory is not authority: a fresh SchedContext can't be bound; a bound one, or a bound thread, not again");
	REQUIRE(thread_new(&thread, spin, (uint64_t)&counter, 1, false));
	REQUIRE(thread_new(&other, spin, (uint64_t)&counter, 1, false));
	empty = object_new(BH_OBJECT_SCHED_CONTEXT, 0);
	context = object_new(BH_OBJECT_SCHED_CONTEXT, 0);
	REFUSED(BH_ERROR_EMPTY_OBJECT, bh_sched_context_bind(empty, thread.thread));
	REQUIRE_OK(bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, context, 1000, 1000));
	REQUIRE_OK(bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, empty, 1000, 1000));
	REFUSED(BH_ERROR_TYPE, bh_sched_context_bind(context, context));
	REFUSED(BH_ERROR_CAPABILITY, bh_sched_context_bind(context, NO_SLOT));
	REFUSED(BH_ERROR_RIGHTS, bh_sched_context_bind(context, copy_new(thread.thread, BH_RIGHT_READ)));
	REFUSED(BH_ERROR_RIGHTS, bh_sched_context_bind(copy_new(context, BH_RIGHT_READ), thread.thread));
	REQUIRE_OK(bh_sched_context_bind(context, thread.thread));
	REFUSED(BH_ERROR_STATE, bh_sched_context_bind(context, other.thread));
	REFUSED(BH_ERROR_STATE, bh_sched_context_bind(empty, thread.thread));
	REFUSED(BH_ERROR_RIGHTS, bh_sched_context_unbind(copy_new(context, BH_RIGHT_READ)));
	REQUIRE_OK(bh_sched_context_unbind(context));
	REQUIRE_OK(bh_sched_context_unbind(context));
	REQUIRE_OK(bh_sched_context_bind(context, other.thread));
	REQUIRE_OK(bh_cnode_delete(SELF, other.thread)); /* its end unbinds */
	REQUIRE_OK(bh_sched_context_bind(context, thread.thread));
	REFUSED(BH_ERROR_RIGHTS, bh_sched_context_consumed(copy_new(context, BH_RIGHT_WRITE), &consumed));
	REQUIRE_OK(bh_sched_context_consumed(copy_new(context, BH_RIGHT_READ), &consumed));
	CHECK_EQUAL(0, consumed);

	case_begin("sched.bind.lent", "a thread whose context is lent can't be bound to a second one");
	static struct actor actor;
	struct test_thread server = { 0 };
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	reply = object_new(BH_OBJECT_REPLY, 0);
	actor = (struct actor){ 0 };
	counter = 0;
	REQUIRE(passive_new(
		&server, spin_for_caller, (uint64_t)&counter, OWN_PRIORITY - 10, endpoint, reply));
	REQUIRE(actor_new(&actor, DO_CALL, endpoint, OWN_PRIORITY + 1));
	context = object_new(BH_OBJECT_SCHED_CONTEXT, 0);
	REQUIRE_OK(bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, context, 1000, 1000));
	REFUSED(BH_ERROR_STATE, bh_sched_context_bind(context, actor.thread.thread));
	REFUSED(BH_ERROR_STATE, bh_sched_context_bind(context, server.thread));
	CHECK(wait_until(&counter, 1));
	REQUIRE_OK(
		bh_sched_context_unbind(actor.thread.context)); /* takes it from the server that runs on it */
	uint64_t seen = counter;
	pause_us(2000);
	CHECK_EQUAL(seen, counter);

	case_begin("sched.unbind.running", "a context is unbound, and bound again, under a thread that runs");
	thread = (struct test_thread){ 0 };
	counter = 0;
	REQUIRE(thread_new(&thread, spin, (uint64_t)&counter, 100, true));
	REQUIRE_OK(bh_thread_resume(thread.thread));
	CHECK(wait_until(&counter, 1));
	REQUIRE_OK(bh_sched_context_unbind(thread.context));
	seen = counter;
	pause_us(1000);
	CHECK_EQUAL(seen, counter);
	REQUIRE_OK(bh_sched_context_bind(thread.context, thread.thread));
	CHECK(wait_until(&counter, seen + 1));
	REQUIRE_OK(bh_cnode_delete(SELF, thread.context)); /* or deleted */
	seen = counter;
	pause_us(1000);
	CHECK_EQUAL(seen, counter);

	case_begin("sched.unbind.own",
		"a thread unbinds and configures the context that it runs on: it stands still until another gives it back; time goes on");
	static struct test_thread self;
	self = (struct test_thread){ 0 };
	counter = 0;
	REQUIRE(thread_new(&self, configure_own, (uint64_t)&self, OWN_PRIORITY + 1, true));
	REQUIRE_OK(bh_thread_resume(self.thread));
	CHECK_EQUAL(1, counter); /* configured itself, unbound itself */
	REQUIRE_OK(bh_sched_context_bind(self.context, self.thread));
	CHECK_EQUAL(2, counter);

	case_begin("sched.unbind.waiting",
		"the context of a caller that waits for its answer is unbound: the answer comes, and is seen when it is bound again");
	struct bh_message parked = { 0 };
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	reply = object_new(BH_OBJECT_REPLY, 0);
	actor = (struct actor){ 0 };
	REQUIRE(actor_new(&actor, DO_CALL, endpoint, OWN_PRIORITY + 1));
	REQUIRE_OK(bh_receive(endpoint, reply, &parked));
	REQUIRE_OK(bh_sched_context_unbind(actor.thread.context));
	REQUIRE_OK(bh_reply(reply, &parked));
	CHECK_EQUAL(0, actor.done); /* answered, but nothing to run on */
	REQUIRE_OK(bh_sched_context_bind(actor.thread.context, actor.thread.thread));
	CHECK_EQUAL(1, actor.done);
	CHECK_EQUAL(BH_OK, actor.error);

	case_begin("sched.deleted.exhausted",
		"an exhausted context is deleted, bound ones and parked ones: its replenishment comes to nothing");
	thread = (struct test_thread){ .budget = 100, .period = 3000 };
	counter = 0;
	REQUIRE(thread_new(&thread, spin, (uint64_t)&counter, OWN_PRIORITY - 1, true));
	REQUIRE_OK(bh_thread_resume(thread.thread));
	CHECK(wait_until(&counter, 1));
	REQUIRE_OK(bh_cnode_delete(SELF, thread.context));
	seen = counter;
	pause_us(5000);
	CHECK_EQUAL(seen, counter);

	case_begin("sched.configure.refused",
		"budget and period have their ranges; who configures needs the control capability and the object");
	context = object_new(BH_OBJECT_SCHED_CONTEXT, 0);
	REFUSED(BH_ERROR_ARGUMENT, bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, context, 9, 1000));
	REFUSED(BH_ERROR_ARGUMENT, bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, context, 0, 0));
	REFUSED(BH_ERROR_ARGUMENT, bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, context, 1001, 1000));
	REFUSED(BH_ERROR_ARGUMENT,
		bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, context, 1000, 10000001));
	REFUSED(BH_ERROR_ARGUMENT,
		bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, context, 1000, ~UINT64_C(0)));
	REFUSED(BH_ERROR_ARGUMENT,
		bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, context, ~UINT64_C(0), ~UINT64_C(0)));
	REFUSED(BH_ERROR_TYPE, bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, BH_BOOT_THREAD, 1000, 1000));
	REFUSED(BH_ERROR_CAPABILITY, bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, NO_SLOT, 1000, 1000));
	REFUSED(BH_ERROR_RIGHTS, bh_sched_control_configure(BH_BOOT_SCHED_CONTROL,
					 copy_new(context, BH_RIGHT_READ), 1000, 1000));
	REFUSED(BH_ERROR_RIGHTS, bh_sched_control_configure(copy_new(BH_BOOT_SCHED_CONTROL, BH_RIGHT_READ),
					 context, 1000, 1000));
	REFUSED(BH_ERROR_INVOCATION, bh_sched_control_configure(context, context, 1000, 1000));
	REQUIRE_OK(bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, context, 10, 10));
	REQUIRE_OK(bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, context, 10000000, 10000000));

	case_begin("sched.configure.narrowed",
		"a narrowed SchedControl gives no larger share than its badge says");
	context = object_new(BH_OBJECT_SCHED_CONTEXT, 0);
	uint64_t tenth = mint_new(BH_BOOT_SCHED_CONTROL, BH_RIGHTS_ALL, 100);
	REFUSED(BH_ERROR_RANGE, bh_sched_control_configure(tenth, context, 1001, 10000));
	REFUSED(BH_ERROR_RANGE, bh_sched_control_configure(tenth, context, 10000, 10000));
	REQUIRE_OK(bh_sched_control_configure(tenth, context, 1000, 10000));
}

static volatile uint64_t turns[3];

static void take_turns(uint64_t argument)
{
	for (unsigned int i = 0; i < 10; i++) {
		turns[2] = turns[2] * 2 + argument;
		bh_yield();
	}
	turns[argument] = 1;
}

void group_sched(void)
{
	struct test_thread first = { 0 }, second = { 0 };

	budgets();
	many();
	binding();

	case_begin(
		"sched.yield", "Yield lets the others of the same priority go first: two threads take turns");
	turns[0] = turns[1] = 0;
	turns[2] = 1;
	REQUIRE(thread_new(&first, take_turns, 0, 100, true));
	REQUIRE(thread_new(&second, take_turns, 1, 100, true));
	REQUIRE_OK(bh_thread_resume(first.thread));
	REQUIRE_OK(bh_thread_resume(second.thread));
	CHECK(wait_until(&turns[0], 1));
	CHECK(wait_until(&turns[1], 1));
	/* 0 and 1 alternate, apart from a turn that the clock may have moved once */
	unsigned int same = 0;
	for (unsigned int i = 0; i < 19; i++) {
		same += (turns[2] >> i & 1) == (turns[2] >> (i + 1) & 1) ? 1 : 0;
	}
	CHECK(same <= 2);
}
