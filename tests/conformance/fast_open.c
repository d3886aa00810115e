/* SPDX-License-Identifier: MIT */
/* Calls that nobody disturbs: from a message to its answer nobody else comes into the kernel (docs/decisions/023), so what all others see
 * in the middle (fast_middle.c, fast_guest.c) is not there. Whatever happens has to be as the general way has it. What a thread is sent
 * first goes the general way: so each case begins with one call more than it is about. */
#include "guest.h"
#include "scripted.h"

/* In everybody's CNode. */
enum { AT_ENDPOINT = 1, AT_REPLY, AT_WAKE, AT_SEEN, AT_NEVER, AT_OTHER };
#define LENT_PRIORITY 100 /* of clients; a guest's is OWN_PRIORITY - 20 (guest_new) */
#define ROUTE 5
#define BELL 6

static struct test_guest guest;
static struct scripted client, server, third;
static uint64_t endpoint, reply, other_reply, fault_endpoint, wake, seen, never;

static bool objects_new(void)
{
	endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	reply = object_new(BH_OBJECT_REPLY, 0);
	other_reply = object_new(BH_OBJECT_REPLY, 0);
	fault_endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	wake = mint_new(object_new(BH_OBJECT_NOTIFICATION, 0), BH_RIGHTS_ALL, 1);
	seen = mint_new(object_new(BH_OBJECT_NOTIFICATION, 0), BH_RIGHTS_ALL, 1);
	never = object_new(BH_OBJECT_NOTIFICATION, 0);
	return never != 0;
}

static bool give(const struct scripted *to, uint64_t slot, uint64_t capability)
{
	return bh_cnode_copy(to->cnode, slot, 0, capability, BH_RIGHTS_ALL) == BH_OK;
}

static bool give_all(const struct scripted *to)
{
	return give(to, AT_ENDPOINT, endpoint) && give(to, AT_WAKE, wake) && give(to, AT_SEEN, seen) &&
	       give(to, AT_NEVER, never);
}

/* Answers the first message; the steps from 2 on are the case's. */
static bool server_new(unsigned int priority)
{
	server = (struct scripted){ .apart = true, .fault_endpoint = fault_endpoint };
	if (!scripted_passive(&server, priority, endpoint, reply) || !give_all(&server) ||
		!give(&server, AT_REPLY, reply)) {
		return false;
	}
	scripted_step(&server, 1, BH_SYS_REPLY_RECV, AT_ENDPOINT, BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0), 0,
		AT_REPLY);
	return true;
}

static void server_answers(unsigned int step, uint64_t word)
{
	scripted_step(&server, step, BH_SYS_REPLY_RECV, AT_ENDPOINT, BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0),
		word, AT_REPLY);
}

/* Calls twice; the steps from 2 on are the case's. Not started. */
static bool client_new(void)
{
	client = (struct scripted){ .apart = true };
	if (!scripted_new(&client, LENT_PRIORITY, true) || !give_all(&client)) {
		return false;
	}
	for (unsigned int i = 0; i < 2; i++) {
		scripted_step(
			&client, i, BH_SYS_CALL, AT_ENDPOINT, BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0), i, 0);
	}
	return true;
}

/* Waits to be woken, and says that it was. */
static bool third_new(unsigned int priority)
{
	third = (struct scripted){ .apart = true };
	if (!scripted_new(&third, priority, true) || !give_all(&third)) {
		return false;
	}
	scripted_step(&third, 0, BH_SYS_WAIT, AT_WAKE, 0, 0, 0);
	scripted_step(&third, 1, BH_SYS_SIGNAL, AT_SEEN, 0, 0, 0);
	scripted_step(&third, 2, BH_SYS_WAIT, AT_NEVER, 0, 0, 0);
	if (bh_thread_resume(third.thread) != BH_OK) {
		return false;
	}
	pause_us(100);
	return true;
}

/* All exits to the server's endpoint, without groups. */
static bool guest_for_server(const uint8_t *code, size_t size)
{
	return guest_new(&guest, code, code + size) &&
	       bh_vcpu_bind(guest.vcpu, BH_BIND_ALL_EXITS, endpoint, 0) == BH_OK;
}

static bool route_to(uint64_t route, uint64_t port, uint64_t capability)
{
	return INVOKE(guest.space, BH_GUEST_SPACE_ROUTE, route, port, 1) == BH_OK &&
	       bh_vcpu_bind(guest.vcpu, BH_BIND_ROUTE + route, capability, 0) == BH_OK;
}

/* --- exits --- */

static const uint8_t cpuid_code[] = { 0x0f, 0xa2, 0xeb, 0xfc };
/* sti; 1: inc word [800h]; cmp byte [810h], 0; je 1b; cpuid; hlt */
static const uint8_t spin_code[] = { 0xfb, 0xff, 0x06, 0x00, 0x08, 0x80, 0x3e, 0x10, 0x08, 0x00, 0x74, 0xf5,
	0x0f, 0xa2, 0xf4 };

static void answers(void)
{
	/* mov byte [820h], 1; hlt */
	static const uint8_t handler[] = { 0xc6, 0x06, 0x20, 0x08, 0x01, 0xf4 };

	case_begin("open.answer", "an answer's groups are loaded, and its HALT halts");
	REQUIRE(objects_new() && server_new(90));
	server_answers(2, BH_GROUP_MSRS);
	server_answers(3, BH_RESUME_HALT);
	REQUIRE(guest_for_server(cpuid_code, sizeof(cpuid_code)));
	guest.state->star = 0x1234;
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	pause_us(200);
	CHECK_EQUAL(1, server.steps[2].done);
	CHECK_EQUAL(0, server.steps[3].done);
	CHECK_EQUAL(BH_VCPU_HALTED, guest_status(&guest));
	REQUIRE_OK(INVOKE(guest.vcpu, BH_VCPU_STOP, 0));
	guest.state->star = 0;
	REQUIRE_OK(bh_vcpu_read_state(guest.vcpu, BH_GROUP_MSRS));
	CHECK_EQUAL(0x1234, guest.state->star);

	case_begin("open.inject", "an event in the state page is injected with the answer");
	REQUIRE(objects_new() && server_new(90));
	server_answers(2, 0);
	REQUIRE(guest_for_server(spin_code, sizeof(spin_code)));
	for (unsigned int i = 0; i < sizeof(handler); i++) {
		guest.memory[0x100 + i] = handler[i];
	}
	guest.memory[0x21 * 4 + 1] = 1; /* vector 21h: 0:100h */
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	pause_us(100);
	REQUIRE_OK(bh_signal(guest.doorbell));
	pause_us(100);
	REQUIRE(server.steps[0].done == 1);
	guest.state->inject = BH_EVENT_INTERRUPT(0x21);
	guest.memory[0x810] = 1;
	pause_us(200);
	CHECK_EQUAL(1, guest.memory[0x820]);
	CHECK_EQUAL(0, guest.state->inject);
	CHECK_EQUAL(BH_EXIT_HLT, server.steps[2].got_word & 0xff);

	case_begin(
		"open.signal", "a handler that signals the vCPU before its answer: the next exit is NOTIFY");
	REQUIRE(objects_new() && server_new(90));
	REQUIRE(guest_for_server(cpuid_code, sizeof(cpuid_code)));
	REQUIRE(give(&server, AT_OTHER, guest.doorbell));
	scripted_step(&server, 2, BH_SYS_SIGNAL, AT_OTHER, 0, 0, 0);
	server_answers(3, 0);
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	pause_us(200);
	CHECK_EQUAL(1, server.steps[3].done);
	CHECK_EQUAL(BH_EXIT_NOTIFY, server.steps[3].got_word & 0xff);
}

/* A guest that spins until byte 810h is set, and whose handler has had its first message. */
static bool spinning_guest(uint64_t tsc_aux)
{
	if (!guest_for_server(spin_code, sizeof(spin_code))) {
		return false;
	}
	guest.state->tsc_aux = tsc_aux;
	if (!guest_write_state(&guest) || bh_vcpu_run(guest.vcpu) != BH_OK) {
		return false;
	}
	pause_us(100);
	if (bh_signal(guest.doorbell) != BH_OK) {
		return false;
	}
	pause_us(100);
	return server.steps[0].done == 1;
}

static void handlers(void)
{
	/* rdtscp; mov %rcx, 64(%rbx); incq 72(%rbx); 1: jmp 1b */
	static const uint8_t look[] = { 0x0f, 0x01, 0xf9, 0x48, 0x89, 0x4b, 0x40, 0x48, 0xff, 0x43, 0x48,
		0xeb, 0xfe };
	struct bh_results results;
	uint64_t before;

	case_begin("open.since", "INSPECT says since when a vCPU waits, not since when others know of it");
	REQUIRE(objects_new() && server_new(90));
	scripted_special(&server, 2, STEP_SPIN);
	REQUIRE(spinning_guest(0));
	before = rdtsc();
	guest.memory[0x810] = 1;
	pause_us(300);
	REQUIRE(server.steps[2].done > 0);
	REQUIRE_OK(bh_invoke(guest.vcpu, BH_VCPU_INSPECT, 0, 0, 0, 0, 0, 0, &results));
	CHECK(results.r[1] > before && results.r[1] < before + ticks_of_us(100));

	case_begin("open.tsc_aux", "a handler does not find its guest's TSC_AUX");
	REQUIRE(objects_new() && server_new(90));
	REQUIRE(spinning_guest(5));
	scripted_received(&server, look, sizeof(look));
	guest.memory[0x810] = 1;
	pause_us(300);
	CHECK_EQUAL(1, server.steps[1].done);
	CHECK_EQUAL(0, server.steps[1].got_word);
}

/* --- doorbells --- */

static void doorbells(void)
{
	/* in al, 60h three times; out 61h, al; in al, 60h; hlt */
	static const uint8_t code[] = { 0xe4, 0x60, 0xe4, 0x60, 0xe4, 0x60, 0xe6, 0x61, 0xe4, 0x60, 0xf4 };
	/* in al, 60h twice; out 61h, al; 1: jmp 1b */
	static const uint8_t spin[] = { 0xe4, 0x60, 0xe4, 0x60, 0xe6, 0x61, 0xeb, 0xfe };
	/* cpuid; out 61h, al; cpuid */
	static const uint8_t bound[] = { 0x0f, 0xa2, 0xe6, 0x61, 0x0f, 0xa2 };

	case_begin("open.bell",
		"a doorbell's waiter runs before a handler of lower priority that the guest calls next");
	REQUIRE(objects_new() && server_new(80) && third_new(90));
	server_answers(2, 0);
	server_answers(3, 0);
	scripted_step(&server, 4, BH_SYS_POLL, AT_SEEN, 0, 0, 0);
	REQUIRE(guest_for_server(code, sizeof(code)) && route_to(ROUTE, 0x60, endpoint) &&
		route_to(BELL, 0x61, wake));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	pause_us(300);
	CHECK_EQUAL(1, server.steps[4].done);
	CHECK_EQUAL(1, server.steps[4].badge);

	case_begin("open.bell.higher", "a waiter of higher priority than the vCPU's runs at once");
	REQUIRE(objects_new() && server_new(80) && third_new(OWN_PRIORITY - 10));
	server_answers(2, 0);
	REQUIRE(guest_for_server(spin, sizeof(spin)) && route_to(ROUTE, 0x60, endpoint) &&
		route_to(BELL, 0x61, wake));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	pause_us(300);
	CHECK_EQUAL(1, third.steps[1].done);

	case_begin("open.bell.bound", "a doorbell that is bound to its own vCPU: the next exit is NOTIFY");
	REQUIRE(guest_new(&guest, bound, bound + sizeof(bound)) && route_to(BELL, 0x61, guest.doorbell));
	CHECK_EQUAL(BH_EXIT_CPUID, guest_run(&guest));
	guest.state->rip = 2;
	CHECK_EQUAL(BH_EXIT_NOTIFY, guest_resume(&guest, 0));
	CHECK_EQUAL(4, guest.state->rip);

	case_begin("open.bell.step", "with TF set a doorbell's OUT goes to the VMM, too");
	REQUIRE(objects_new() && guest_new(&guest, bound, bound + sizeof(bound)) &&
		route_to(BELL, 0x61, wake));
	CHECK_EQUAL(BH_EXIT_CPUID, guest_run(&guest));
	guest.state->rip = 2;
	guest.state->rflags |= 0x100;
	CHECK_EQUAL(BH_EXIT_PORT, guest_resume(&guest, 0));
	CHECK_EQUAL(2, guest.state->rip);
}

/* --- threads --- */

static void order(void)
{
	case_begin("open.order.call",
		"a caller wakes somebody whose priority is between its own and the server's, and calls: the server comes after that");
	REQUIRE(objects_new() && server_new(80) && third_new(90) && client_new());
	server_answers(2, 0);
	scripted_step(&server, 3, BH_SYS_POLL, AT_SEEN, 0, 0, 0);
	scripted_step(&client, 2, BH_SYS_SIGNAL, AT_WAKE, 0, 0, 0);
	scripted_step(&client, 3, BH_SYS_CALL, AT_ENDPOINT, BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0), 0, 0);
	REQUIRE_OK(bh_thread_resume(client.thread));
	pause_us(200);
	CHECK_EQUAL(1, server.steps[3].done);
	CHECK_EQUAL(1, server.steps[3].badge);

	case_begin("open.order.answer",
		"a server wakes somebody whose priority is between its own and the caller's, and answers: the caller comes after that");
	REQUIRE(objects_new() && server_new(LENT_PRIORITY + 40) && third_new(LENT_PRIORITY + 20) &&
		client_new());
	scripted_step(&server, 2, BH_SYS_SIGNAL, AT_WAKE, 0, 0, 0);
	server_answers(3, 0);
	scripted_step(&client, 2, BH_SYS_POLL, AT_SEEN, 0, 0, 0);
	scripted_step(&client, 3, BH_SYS_WAIT, AT_NEVER, 0, 0, 0);
	REQUIRE_OK(bh_thread_resume(client.thread));
	pause_us(200);
	CHECK_EQUAL(1, client.steps[2].done);
	CHECK_EQUAL(1, client.steps[2].badge);
}

static void chains(void)
{
	struct bh_message message = { .info = BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0) };

	case_begin("open.own_endpoint",
		"a server that calls its own endpoint waits there, until it is cancelled");
	REQUIRE(objects_new() && server_new(90) && client_new());
	scripted_step(&server, 2, BH_SYS_CALL, AT_ENDPOINT, BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0), 0, 0);
	server_answers(3, 7);
	scripted_step(&client, 2, BH_SYS_WAIT, AT_NEVER, 0, 0, 0);
	REQUIRE_OK(bh_thread_resume(client.thread));
	pause_us(200);
	CHECK_EQUAL(0, server.steps[2].done);
	CHECK_EQUAL(0, client.steps[1].done);
	REQUIRE_OK(bh_endpoint_cancel_badged(endpoint, 0));
	pause_us(200);
	CHECK_EQUAL(BH_ERROR_CANCELLED, server.steps[2].result);
	CHECK_EQUAL(1, client.steps[1].done);
	CHECK_EQUAL(7, client.steps[1].got_word);

	case_begin("open.other_reply",
		"an answer with another Reply is none: the caller waits in the first one");
	REQUIRE(objects_new() && server_new(90) && client_new() && give(&server, AT_OTHER, other_reply));
	scripted_step(&server, 2, BH_SYS_REPLY_RECV, AT_ENDPOINT, BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0), 0,
		AT_OTHER);
	scripted_step(&client, 2, BH_SYS_WAIT, AT_NEVER, 0, 0, 0);
	REQUIRE_OK(bh_thread_resume(client.thread));
	pause_us(200);
	CHECK_EQUAL(0, client.steps[1].done);
	message.word[0] = 9;
	REQUIRE_OK(bh_reply(reply, &message));
	pause_us(200);
	CHECK_EQUAL(1, client.steps[1].done);
	CHECK_EQUAL(9, client.steps[1].got_word);
}

/* What a server receives with is not taken for granted once it has gone. */
static void slots(void)
{
	case_begin("open.slot",
		"the slot of the endpoint is emptied while the server waits: the answer to the next call is refused, and with "
		"another slot it is none");
	REQUIRE(objects_new() && server_new(90) && client_new() && give(&server, AT_OTHER, endpoint));
	server_answers(2, 0);
	server_answers(3, 0);
	scripted_step(
		&server, 4, BH_SYS_REPLY_RECV, AT_OTHER, BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0), 5, AT_REPLY);
	scripted_step(&client, 2, BH_SYS_WAIT, AT_WAKE, 0, 0, 0);
	scripted_step(&client, 3, BH_SYS_CALL, AT_ENDPOINT, BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0), 0, 0);
	scripted_step(&client, 4, BH_SYS_WAIT, AT_NEVER, 0, 0, 0);
	REQUIRE_OK(bh_thread_resume(client.thread));
	pause_us(200);
	REQUIRE(client.steps[1].done == 1);
	REQUIRE_OK(bh_cnode_delete(server.cnode, AT_ENDPOINT));
	REQUIRE_OK(bh_signal(wake));
	pause_us(200);
	CHECK_EQUAL(BH_ERROR_CAPABILITY, server.steps[3].result);
	CHECK_EQUAL(1, client.steps[3].done);
	CHECK_EQUAL(5, client.steps[3].got_word);
}

static void places(void)
{
	uint64_t second = 0;

	case_begin("open.places",
		"a server that went to another endpoint and is called there answers with the slots it had first: it receives at the "
		"first endpoint again");
	REQUIRE(objects_new() && server_new(90) && client_new());
	second = object_new(BH_OBJECT_ENDPOINT, 0);
	REQUIRE(give(&server, AT_OTHER, second) && give(&client, AT_OTHER, second));
	server_answers(2, 0);
	scripted_step(
		&server, 3, BH_SYS_REPLY_RECV, AT_OTHER, BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0), 0, AT_REPLY);
	server_answers(4, 0);
	server_answers(5, 0);
	for (unsigned int i = 2; i < 5; i++) {
		scripted_step(&client, i, BH_SYS_CALL, i == 3 ? AT_OTHER : AT_ENDPOINT,
			BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0), i, 0);
	}
	scripted_step(&client, 5, BH_SYS_WAIT, AT_NEVER, 0, 0, 0);
	REQUIRE_OK(bh_thread_resume(client.thread));
	pause_us(300);
	CHECK_EQUAL(1, client.steps[3].done);
	CHECK_EQUAL(1, client.steps[4].done);
}

static void call_with_fpu(uint64_t argument)
{
	struct bh_message message = { .info = BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0) };

	__asm__ volatile("fninit; fldpi");
	(void)!bh_call(argument, &message);
}

static void fpu(void)
{
	/* fninit; 1: jmp 1b */
	static const uint8_t touch[] = { 0xdb, 0xe3, 0xeb, 0xfe };
	struct test_thread with_fpu = { .use_fpu = true };
	struct bh_message message = { .info = 0 };

	case_begin("open.fpu",
		"a caller with an FPU state of its own, a server without: the server's first FPU instruction is a fault");
	REQUIRE(objects_new() && server_new(90) && client_new());
	server_answers(2, 0);
	scripted_step(&client, 2, BH_SYS_WAIT, AT_NEVER, 0, 0, 0);
	REQUIRE_OK(bh_thread_resume(client.thread));
	pause_us(200);
	REQUIRE(client.steps[1].done == 1);
	scripted_received(&server, touch, sizeof(touch));
	REQUIRE(thread_new(&with_fpu, call_with_fpu, endpoint, LENT_PRIORITY, true));
	REQUIRE_OK(bh_thread_resume(with_fpu.thread));
	pause_us(300);
	REQUIRE_OK(bh_receive_if_waiting(fault_endpoint, other_reply, &message));
	CHECK_EQUAL(BH_LABEL_FAULT, BH_MESSAGE_LABEL(message.info));
	CHECK_EQUAL(BH_FAULT_EXCEPTION | 7 << 8, message.word[0]);
}

void group_fast_open(void)
{
	answers();
	handlers();
	doorbells();
	order();
	chains();
	slots();
	places();
	fpu();
}
