/* SPDX-License-Identifier: MIT */
/* Work that users can make long, besides that of Retype and Revoke: an interrupt that comes inside is taken there, and what others
 * see half-way is in order. */
#include "harness.h"

#define SWARM 600

/* A thread without a stack: makes the system call in its registers, counts in *rbx if the result is rcx's, waits for ever. */
extern const char swarm_entry[];
__asm__(".text\n"
	"swarm_entry:\n"
	"	movq %r14, %rax\n"
	"	syscall\n"
	"	cmpq %r15, %rax\n"
	"	jne 1f\n"
	"	lock incq (%rbx)\n"
	"1:	movabsq $0x8000000000000008, %rax\n" /* BH_SYS_WAIT */
	"	movq %rbp, %rdi\n"
	"	syscall\n"
	"	ud2\n");
_Static_assert((BH_SYSCALL | BH_SYS_WAIT) == 0x8000000000000008, "swarm_entry");

static volatile uint64_t refused;

/* Many threads of low priority that call or send: they stand in the endpoint's queue when this returns. */
static bool swarm_start(uint64_t endpoint, uint64_t system_call)
{
	uint64_t threads = slot_run(SWARM), contexts = slot_run(SWARM);
	uint64_t never = object_new(BH_OBJECT_NOTIFICATION, 0);

	refused = 0;
	for (uint64_t i = 0; i < SWARM; i += 100) {
		if (bh_untyped_retype(pool, BH_OBJECT_THREAD, 0, 0, threads + i, 100) != BH_OK ||
			bh_untyped_retype(pool, BH_OBJECT_SCHED_CONTEXT, 0, 0, contexts + i, 100) != BH_OK) {
			return false;
		}
	}
	for (uint64_t i = 0; i < SWARM; i++) {
		struct bh_thread_registers registers = { .rip = (uint64_t)swarm_entry,
			.rdi = endpoint,
			.rbx = (uint64_t)&refused,
			.rbp = never,
			.r14 = BH_SYSCALL | system_call,
			.r15 = BH_ERROR_STATE };

		if (bh_thread_configure(threads + i, SELF, OWN_SPACE, 0, 0, 50, 50, BH_THREAD_NO_FPU, 0, 0) !=
				BH_OK ||
			bh_thread_write_registers(threads + i, OWN_BUFFER, &registers) != BH_OK ||
			bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, contexts + i, 10000, 10000) !=
				BH_OK ||
			bh_sched_context_bind(contexts + i, threads + i) != BH_OK ||
			bh_thread_resume(threads + i) != BH_OK) {
			return false;
		}
	}
	pause_us(5000);
	return true;
}

static uint64_t go, endpoint, reply;
static volatile uint64_t ticks_before, ticks_after, answered, served;

static void slow_server(struct bh_message *message, uint64_t argument)
{
	uint64_t word;

	(void)argument;
	(void)!bh_wait(go, &word);
	for (;;) {
		message->word[0] += 1000;
		served = served + 1;
		ticks_before = ticks;
		if (bh_reply_receive(endpoint, reply, message) != BH_OK) {
			__asm__ volatile("ud2");
		}
	}
}

static void client(uint64_t argument)
{
	struct bh_message message = { .info = BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0), .word = { argument } };

	if (bh_call(endpoint, &message) == BH_OK && message.word[0] == argument + 1000) {
		ticks_after = ticks;
		answered = answered + 1;
	}
	__asm__ volatile("ud2");
}

static void refusals(void)
{
	static struct test_thread server, first, second;
	struct bh_message message = { 0 };
	uint64_t thread_endpoint;

	case_begin("preempt.receive.refuse",
		"refusing 600 calls in one Recv without a Reply lets a thread of higher priority run meanwhile; all 600 are told");
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	REQUIRE(swarm_start(endpoint, BH_SYS_CALL));
	REQUIRE(ticker_start(20));
	ticks = 0;
	REFUSED(BH_ERROR_WOULD_BLOCK, bh_receive_if_waiting(endpoint, 0, &message));
	CHECK(ticks >= 2);
	CHECK(wait_until(&refused, SWARM));

	case_begin("preempt.reply_receive.refuse",
		"a passive server that is interrupted while its ReplyRecv refuses 600 sends still answers its caller, once, and "
		"receives the next one");
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	reply = object_new(BH_OBJECT_REPLY, 0);
	go = object_new(BH_OBJECT_NOTIFICATION, 0);
	answered = served = 0;
	server = first = second = (struct test_thread){ 0 };
	REQUIRE(passive_new(&server, slow_server, 0, 120, endpoint, reply));
	REQUIRE(thread_new(&first, client, 1, 120, true));
	REQUIRE(thread_new(&second, client, 2, 120, true));
	REQUIRE_OK(bh_thread_resume(first.thread));
	pause_us(100);
	REQUIRE(swarm_start(endpoint, BH_SYS_SEND));
	CHECK_EQUAL(0, refused);
	REQUIRE(ticker_start(20));
	REQUIRE_OK(bh_signal(mint_new(go, BH_RIGHTS_ALL, 1)));
	REQUIRE(wait_until(&answered, 1));
	CHECK(ticks_after >= ticks_before + 2);
	CHECK_EQUAL(1, served);
	REQUIRE_OK(bh_thread_resume(second.thread));
	REQUIRE(wait_until(&answered, 2));
	CHECK(wait_until(&refused, SWARM));

	case_begin("preempt.thread_receive.refuse",
		"so does BH_THREAD_RECEIVE, which puts another thread in Recv");
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	thread_endpoint = object_new(BH_OBJECT_REPLY, 0);
	server = (struct test_thread){ 0 };
	REQUIRE(thread_new(&server, client, 0, 120, false));
	REQUIRE(swarm_start(endpoint, BH_SYS_SEND));
	REQUIRE(ticker_start(20));
	ticks = 0;
	REQUIRE_OK(bh_thread_receive(server.thread, endpoint, thread_endpoint));
	CHECK(ticks >= 2);
	CHECK(wait_until(&refused, SWARM));
	REFUSED(BH_ERROR_STATE, bh_thread_receive(server.thread, endpoint, thread_endpoint)); /* it waits */
}

/* A capability with that many children, behind a sibling: TSC ticks that its Delete took. */
static uint64_t time_of_delete(uint64_t parent, uint64_t children, uint64_t *sibling)
{
	uint64_t middle = copy_new(parent, BH_RIGHTS_ALL), first = slot_run(children), start;

	*sibling = copy_new(parent, BH_RIGHTS_ALL); /* stands in front of middle: newest first */
	for (uint64_t i = 0; i < children; i++) {
		if (bh_cnode_copy(SELF, first + i, 0, i % 2 == 0 ? middle : first + i - 1, BH_RIGHTS_ALL) !=
			BH_OK) {
			return UINT64_MAX;
		}
	}
	start = rdtsc();
	if (bh_cnode_delete(SELF, middle) != BH_OK) {
		return UINT64_MAX;
	}
	return rdtsc() - start;
}

static void deletion(void)
{
	uint64_t parent, sibling, few = UINT64_MAX, many = UINT64_MAX, first, last;

	case_begin("delete.many_children",
		"deleting a capability takes as long with 4000 descendants as with two; they are its parent's then, and not those of the "
		"sibling in front");
	for (unsigned int i = 0; i < 3; i++) { /* the shortest of three: an interrupt may come */
		uint64_t time;

		parent = object_new(BH_OBJECT_NOTIFICATION, 0);
		time = time_of_delete(parent, 2, &sibling);
		few = time < few ? time : few;
		first = slot_run(0);
		time = time_of_delete(parent, 4000, &sibling);
		last = slot_run(0);
		many = time < many ? time : many;
		REQUIRE_OK(bh_cnode_revoke(SELF, sibling));
		CHECK_EQUAL(BH_OBJECT_NOTIFICATION, facts_of(first + 1).type);
		CHECK_EQUAL(BH_OBJECT_NOTIFICATION, facts_of(last - 2).type);
		REQUIRE_OK(bh_cnode_revoke(SELF, parent));
		for (uint64_t slot = first; slot < last; slot++) {
			CHECK_EQUAL(BH_OBJECT_NULL, facts_of(slot).type);
		}
	}
	CHECK(many < 3 * few + 1000);
}

static uint64_t guest, wake;
static volatile uint64_t looks, partly;

/* Woken by a timer: is the last port free, and the first one taken? Then a route of all is half-way. */
static void look(uint64_t argument)
{
	uint64_t word;

	(void)argument;
	for (;;) {
		if (bh_wait(wake, &word) != BH_OK) {
			__asm__ volatile("ud2");
		}
		if (INVOKE(guest, BH_GUEST_SPACE_ROUTE, 2, 0, 1) == BH_ERROR_MAPPED &&
			INVOKE(guest, BH_GUEST_SPACE_ROUTE, 2, 0xffff, 1) == BH_OK) {
			partly = partly + 1;
		}
		looks = looks + 1;
	}
}

static void routes(void)
{
	static struct test_thread looker;
	uint64_t timer;
	enum bh_error error = BH_OK;

	case_begin("preempt.route",
		"giving a route all ports lets a thread of higher priority run meanwhile: it finds ports that the route has, and takes "
		"one that it has not; the route is refused then and keeps what it has; made again after that, it gets all");
	guest = object_new(BH_OBJECT_GUEST_SPACE, 0);
	wake = object_new(BH_OBJECT_NOTIFICATION, 0);
	timer = object_new(BH_OBJECT_TIMER, 0);
	REQUIRE_OK(bh_timer_bind(timer, mint_new(wake, BH_RIGHTS_ALL, 1)));
	looker = (struct test_thread){ 0 };
	looks = partly = 0;
	REQUIRE(thread_new(&looker, look, 0, OWN_PRIORITY + 10, true));
	REQUIRE_OK(bh_thread_resume(looker.thread));
	for (uint64_t delay = 0; partly == 0 && delay < 40000; delay += 100) {
		REQUIRE_OK(bh_timer_arm(timer, rdtsc() + delay * boot_info->tsc_khz / 1000000));
		error = INVOKE(guest, BH_GUEST_SPACE_ROUTE, 1, 0, 65536);
		REQUIRE(wait_until(&looks, delay / 100 + 1));
		if (partly == 0) {
			/* too early: the first port was the looker's; or too late */
			CHECK(error == BH_OK || error == BH_ERROR_MAPPED);
			REQUIRE_OK(INVOKE(guest, BH_GUEST_SPACE_ROUTE, 1, 0, 0));
			REQUIRE_OK(INVOKE(guest, BH_GUEST_SPACE_ROUTE, 2, 0, 0));
		}
	}
	CHECK_EQUAL(1, partly);
	CHECK_EQUAL(BH_ERROR_MAPPED, error);
	REFUSED(BH_ERROR_MAPPED, INVOKE(guest, BH_GUEST_SPACE_ROUTE, 3, 0, 1));
	REFUSED(BH_ERROR_MAPPED, INVOKE(guest, BH_GUEST_SPACE_ROUTE, 3, 0xffff, 1));
	REQUIRE_OK(INVOKE(guest, BH_GUEST_SPACE_ROUTE, 3, 0xfffe, 1)); /* nobody's */
	REQUIRE_OK(INVOKE(guest, BH_GUEST_SPACE_ROUTE, 3, 0, 0));
	REQUIRE_OK(INVOKE(guest, BH_GUEST_SPACE_ROUTE, 2, 0, 0));
	REQUIRE_OK(INVOKE(guest, BH_GUEST_SPACE_ROUTE, 1, 0, 65536));
	REFUSED(BH_ERROR_MAPPED, INVOKE(guest, BH_GUEST_SPACE_ROUTE, 3, 0xfffe, 1));

	case_begin("preempt.route.replaced",
		"a route is replaced in pieces, too: nothing of the old range is left behind when the clock ticks inside");
	REQUIRE(ticker_start(5));
	guest = object_new(BH_OBJECT_GUEST_SPACE, 0);
	for (uint64_t i = 0; i < 20; i++) {
		REQUIRE_OK(INVOKE(guest, BH_GUEST_SPACE_ROUTE, 1, 0, 60000 + i));
		REFUSED(BH_ERROR_MAPPED, INVOKE(guest, BH_GUEST_SPACE_ROUTE, 2, 59999 + i, 1));
		REQUIRE_OK(INVOKE(guest, BH_GUEST_SPACE_ROUTE, 2, 60000 + i, 1));
		REQUIRE_OK(INVOKE(guest, BH_GUEST_SPACE_ROUTE, 1, 0, 20000)); /* shorter, at the same place */
		REQUIRE_OK(INVOKE(guest, BH_GUEST_SPACE_ROUTE, 2, 20000, 40000));
		REQUIRE_OK(INVOKE(guest, BH_GUEST_SPACE_ROUTE, 1, 60000, 5536)); /* elsewhere */
		REQUIRE_OK(INVOKE(guest, BH_GUEST_SPACE_ROUTE, 2, 0, 60000));
		REQUIRE_OK(INVOKE(guest, BH_GUEST_SPACE_ROUTE, 2, 0, 0));
		REQUIRE_OK(INVOKE(guest, BH_GUEST_SPACE_ROUTE, 1, 0, 0));
	}
	CHECK(ticks >= 1);
}

void group_preempt(void)
{
	refusals();
	deletion();
	routes();
}
