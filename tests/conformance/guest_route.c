/* SPDX-License-Identifier: MIT */
/* Routed port accesses and doorbells: what goes to a device model, how it is completed, what goes to the VMM instead. */
#include "guest.h"

GUEST_CODE(ports);
GUEST_CODE(doorbell);
GUEST_CODE(in8);
GUEST_CODE(ins);
GUEST_CODE(out32);

static uint64_t model, model_reply;
static struct bh_message message;

/* Route 7 covers `count` ports from `first`; its messages come with badge 0x51 to `model`. */
static bool routed(
	struct test_guest *guest, const uint8_t *code, const uint8_t *end, uint64_t first, uint64_t count)
{
	model = object_new(BH_OBJECT_ENDPOINT, 0);
	model_reply = object_new(BH_OBJECT_REPLY, 0);
	message = (struct bh_message){ 0 };
	if (!guest_new(guest, code, end)) {
		return false;
	}
	guest->state->registers[BH_RDX] = 0xabc0;
	return guest_write_state(guest) &&
	       INVOKE(guest->space, BH_GUEST_SPACE_ROUTE, 7, first, count) == BH_OK &&
	       bh_vcpu_bind(guest->vcpu, BH_BIND_ROUTE + 7, mint_new(model, BH_RIGHT_WRITE, 0x51), 0) ==
		       BH_OK;
}

static bool answer(uint64_t value)
{
	struct bh_message reply = { .info = BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0), .word = { value } };

	return bh_reply(model_reply, &reply) == BH_OK;
}

static void completed(void)
{
	struct test_guest guest;

	case_begin("route.access",
		"a routed access brings {direction, width, offset, vCPU}, value and sequence to the model, nothing else of the "
		"guest; its answer is merged by width, 32 bits zero-extend");
	REQUIRE(routed(&guest, GUEST(ports), 0x7e, 6));
	guest.state->registers[BH_RAX] = 0xffffffffffffffff;
	REQUIRE(guest_write_state(&guest));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	for (unsigned int i = 0; i < 6; i++) {
		unsigned int width = 1u << i % 3;

		REQUIRE_OK(bh_receive(model, model_reply, &message));
		CHECK_EQUAL(0x51, message.badge);
		CHECK_EQUAL(BH_MESSAGE_INFO(BH_LABEL_PORT, 3, 0), message.info);
		CHECK_EQUAL(BH_PORT_WORD(i >= 3, width, 2, 3), message.word[0]);
		CHECK_EQUAL(i >= 3 ? 0
				   : 0x11223344 & (width == 1          ? 0xffu
							  : width == 2 ? 0xffffu
								       : 0xffffffffu),
			message.word[1]);
		CHECK_EQUAL(i + 1, message.word[2]);
		CHECK_EQUAL(0, message.word[3]);
		REQUIRE(answer(0xaabbccdd99887766));
	}
	CHECK_EQUAL(BH_EXIT_HLT, guest_exit(&guest));
	CHECK_EQUAL(0xffffff66, *(volatile uint32_t *)(guest.memory + 0x800));
	CHECK_EQUAL(0xffff7766, *(volatile uint32_t *)(guest.memory + 0x804));
	CHECK_EQUAL(0x99887766, *(volatile uint32_t *)(guest.memory + 0x808));
	CHECK_EQUAL(0x99887766, guest.state->registers[BH_RAX]); /* the upper half is 0 */

	case_begin("route.flags", "whoever advances rip clears RF");
	REQUIRE(routed(&guest, GUEST(in8), 0x60, 1));
	guest.state->rflags |= 0x10000;
	REQUIRE(guest_write_state(&guest));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	REQUIRE_OK(bh_receive(model, model_reply, &message));
	REQUIRE(answer(1));
	CHECK_EQUAL(BH_EXIT_HLT, guest_exit(&guest));
	CHECK_EQUAL(0, guest.state->rflags & 0x10000);
	CHECK_EQUAL(2, guest.state->rip);

	case_begin("doorbell",
		"an OUT of any width to a doorbell signals and the guest goes on; an IN there goes to the VMM");
	REQUIRE(routed(&guest, GUEST(doorbell), 0x90, 4));
	uint64_t bell = object_new(BH_OBJECT_NOTIFICATION, 0), word;
	REQUIRE_OK(bh_vcpu_bind(guest.vcpu, BH_BIND_ROUTE + 7, mint_new(bell, BH_RIGHT_WRITE, 0x100), 0));
	CHECK_EQUAL(BH_EXIT_PORT, guest_run(&guest));
	CHECK_EQUAL(BH_PORT_WORD(1, 1, 0x90, 0), guest.message.word[1]);
	REQUIRE_OK(bh_poll(bell, &word));
	CHECK_EQUAL(0x100, word);
	CHECK_EQUAL(7, guest.state->rip); /* behind three OUTs */
}

static void to_the_vmm(void)
{
	struct test_guest guest;

	case_begin("route.crossing", "an access across the range's end goes to the VMM");
	seen_elsewhere("device models of QEMU: offset and width not checked together at the end of a range");
	REQUIRE(routed(&guest, GUEST(out32), 0xabbe, 5)); /* four bytes from 0xabc0: the last is outside */
	CHECK_EQUAL(BH_EXIT_PORT, guest_run(&guest));

	case_begin("route.end",
		"an access that ends at the range's end goes to the model; one that begins before the range to the VMM");
	REQUIRE(routed(&guest, GUEST(out32), 0xabbe, 6));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	REQUIRE_OK(bh_receive(model, model_reply, &message));
	CHECK_EQUAL(BH_PORT_WORD(0, 4, 2, 3), message.word[0]);
	REQUIRE(answer(0));
	CHECK_EQUAL(BH_EXIT_HLT, guest_exit(&guest));
	REQUIRE(routed(&guest, GUEST(out32), 0xabc1, 8));
	CHECK_EQUAL(BH_EXIT_PORT, guest_run(&guest));

	case_begin("route.last_port", "an access of four bytes at port 0xffff is no access to port 0");
	REQUIRE(routed(&guest, GUEST(out32), 0, 65536));
	guest.state->registers[BH_RDX] = 0xffff;
	REQUIRE(guest_write_state(&guest));
	CHECK_EQUAL(BH_EXIT_PORT, guest_run(&guest));

	case_begin("route.string", "string forms go to the VMM");
	REQUIRE(routed(&guest, GUEST(ins), 0xabc0, 4));
	CHECK_EQUAL(BH_EXIT_PORT, guest_run(&guest));

	case_begin("route.single_step",
		"with TF set an access goes to the VMM: somebody has to raise the trap after it");
	REQUIRE(routed(&guest, GUEST(in8), 0x60, 1));
	guest.state->rflags |= 0x100;
	REQUIRE(guest_write_state(&guest));
	CHECK_EQUAL(BH_EXIT_PORT, guest_run(&guest));

	case_begin("route.io_breakpoint", "and with an I/O breakpoint that may be enabled");
	REQUIRE(routed(&guest, GUEST(in8), 0x60, 1));
	guest.state->cr4 = 1 << 3;
	guest.state->dr[0] = 0x60;
	guest.state->dr7 = 0x400 | 1 | 2 << 16;
	REQUIRE(guest_write_state(&guest));
	CHECK_EQUAL(BH_EXIT_PORT, guest_run(&guest));

	case_begin("route.breakpoint",
		"a breakpoint where I/O breakpoints are switched off (CR4.DE) does not keep an access from its owner");
	REQUIRE(routed(&guest, GUEST(in8), 0x60, 1));
	guest.state->dr[0] = 0x60;
	guest.state->dr7 = 0x400 | 1;
	REQUIRE(guest_write_state(&guest));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	REQUIRE_OK(bh_receive(model, model_reply, &message));
	CHECK_EQUAL(BH_LABEL_PORT, BH_MESSAGE_LABEL(message.info));
	REQUIRE(answer(0x5a));
	CHECK_EQUAL(BH_EXIT_HLT, guest_exit(&guest));
	CHECK_EQUAL(0x5a, guest.state->registers[BH_RAX] & 0xff);

	case_begin("route.unbound",
		"a route that this vCPU has no binding for goes to the VMM, and one that was removed");
	REQUIRE(guest_new(&guest, GUEST(in8)));
	REQUIRE_OK(INVOKE(guest.space, BH_GUEST_SPACE_ROUTE, 7, 0x60, 1));
	CHECK_EQUAL(BH_EXIT_PORT, guest_run(&guest));
	REQUIRE(routed(&guest, GUEST(in8), 0x60, 1));
	REQUIRE_OK(INVOKE(guest.space, BH_GUEST_SPACE_ROUTE, 7, 0, 0));
	CHECK_EQUAL(BH_EXIT_PORT, guest_run(&guest));
}

static void failures(void)
{
	struct test_guest guest;

	case_begin("route.cancel",
		"CancelAccess gives ROUTE_FAILED with route, port word, value and the access's sequence, before and after the "
		"model took it; the late answer is nothing");
	for (unsigned int taken = 0; taken < 2; taken++) {
		REQUIRE(routed(&guest, GUEST(out32), 0xabc0, 4));
		guest.state->registers[BH_RAX] = 0xffffffff12345678;
		REQUIRE(guest_write_state(&guest));
		REQUIRE_OK(bh_vcpu_run(guest.vcpu));
		if (taken != 0) {
			REQUIRE_OK(bh_receive(model, model_reply, &message));
		} else {
			for (unsigned int i = 0; i < 10000 && guest_status(&guest) != BH_VCPU_WAITING_ROUTE;
				i++) {
				pause_us(100);
			}
		}
		CHECK_EQUAL(BH_VCPU_WAITING_ROUTE, guest_status(&guest));
		REFUSED(BH_ERROR_STATE, bh_vcpu_read_state(guest.vcpu, 0)); /* it is not the VMM's turn */
		if (taken != 0) {
			REQUIRE_OK(INVOKE(
				guest.space, BH_GUEST_SPACE_ROUTE, 7, 0xfff0, 16)); /* elsewhere by now */
		}
		REQUIRE_OK(bh_vcpu_cancel_access(guest.vcpu));
		REFUSED(BH_ERROR_STATE, bh_vcpu_cancel_access(guest.vcpu));
		CHECK_EQUAL(BH_EXIT_ROUTE_FAILED, guest_exit(&guest));
		CHECK_EQUAL(BH_PORT_WORD(0, 4, 0xabc0, 3) | UINT64_C(7) << 40,
			guest.message.word[1]); /* the port, not the offset */
		CHECK_EQUAL(7, BH_PORT_ROUTE(guest.message.word[1]));
		CHECK_EQUAL(0x12345678, guest.message.word[2]);
		CHECK_EQUAL(1, guest.message.word[3]);
		CHECK_EQUAL(2, guest.message.word[0] >> 8 & 15); /* instruction length */
		CHECK_EQUAL(0, guest.state->rip);
		if (taken != 0) {
			REQUIRE(answer(5));
			CHECK_EQUAL(BH_VCPU_WAITING_EXIT, guest_status(&guest));
		} else {
			REFUSED(BH_ERROR_WOULD_BLOCK, bh_receive_if_waiting(model, model_reply, &message));
		}
		guest.state->rip = 2; /* the VMM completes it */
		CHECK_EQUAL(BH_EXIT_HLT, guest_resume(&guest, 0));
		CHECK_EQUAL(2, guest.state->rip);
	}

	case_begin("route.reply.deleted", "the end of the model's Reply gives ROUTE_FAILED: nothing is lost");
	REQUIRE(routed(&guest, GUEST(in8), 0x60, 1));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	REQUIRE_OK(bh_receive(model, model_reply, &message));
	REQUIRE_OK(bh_cnode_delete(SELF, model_reply));
	CHECK_EQUAL(BH_EXIT_ROUTE_FAILED, guest_exit(&guest));
	CHECK_EQUAL(message.word[2], guest.message.word[3]);

	case_begin("route.endpoint.revoked",
		"the end of the model's endpoint with an access in its queue, too; the next access is the VMM's");
	REQUIRE(routed(&guest, GUEST(in8), 0x60, 1));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	for (unsigned int i = 0; i < 10000 && guest_status(&guest) != BH_VCPU_WAITING_ROUTE; i++) {
		pause_us(100);
	}
	REQUIRE_OK(bh_cnode_revoke(SELF, model));
	REQUIRE_OK(bh_cnode_delete(SELF, model));
	CHECK_EQUAL(BH_EXIT_ROUTE_FAILED, guest_exit(&guest));
	CHECK_EQUAL(BH_EXIT_PORT, guest_resume(&guest, 0)); /* rip still there */

	case_begin("route.signal",
		"a signal does not disturb an access that waits: NOTIFY comes after its answer, and the access is done once");
	REQUIRE(routed(&guest, GUEST(in8), 0x60, 1));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	REQUIRE_OK(bh_receive(model, model_reply, &message));
	REQUIRE_OK(bh_signal(guest.doorbell));
	CHECK_EQUAL(BH_VCPU_WAITING_ROUTE, guest_status(&guest));
	REQUIRE(answer(0x77));
	CHECK_EQUAL(BH_EXIT_NOTIFY, guest_exit(&guest));
	CHECK_EQUAL(2, guest.state->rip);
	CHECK_EQUAL(0x77, guest.state->registers[BH_RAX]);
	CHECK_EQUAL(BH_EXIT_HLT, guest_resume(&guest, 0));
}

/* A passive device model: the value of an IN is 100 more than the last. */
static uint64_t hold, passive_endpoint, passive_reply;
static volatile uint64_t served;

static void serve_ports(struct bh_message *first, uint64_t argument)
{
	struct bh_message access = *first;
	uint64_t word;

	(void)argument;
	for (;;) {
		served = served + 1;
		if (hold != 0 && bh_wait(hold, &word) != BH_OK) {
			__asm__ volatile("ud2");
		}
		access.word[0] = 100 * served;
		access.info = BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0);
		if (bh_reply_receive(passive_endpoint, passive_reply, &access) != BH_OK) {
			__asm__ volatile("ud2");
		}
	}
}

static void passive(void)
{
	struct test_guest guest;
	struct test_thread thread = { 0 };
	static const uint8_t loop[] = { 0xe5, 0x60, 0xa3, 0x00, 0x08, 0xeb,
		0xf9 }; /* in ax, 60; mov [800], ax; jmp */
	uint64_t before, after;

	case_begin("route.passive", "a passive model's handler runs on the vCPU's context: the guest pays");
	passive_endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	passive_reply = object_new(BH_OBJECT_REPLY, 0);
	hold = 0;
	served = 0;
	REQUIRE(passive_new(&thread, serve_ports, 0, OWN_PRIORITY - 5, passive_endpoint, passive_reply));
	REQUIRE(guest_new(&guest, loop, loop + sizeof(loop)));
	REQUIRE_OK(INVOKE(guest.space, BH_GUEST_SPACE_ROUTE, 0, 0x60, 2));
	REQUIRE_OK(bh_vcpu_bind(guest.vcpu, BH_BIND_ROUTE, passive_endpoint, 0));
	REQUIRE_OK(bh_sched_context_consumed(guest.context, &before));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	CHECK(wait_until(&served, 1000));
	REQUIRE_OK(bh_sched_context_consumed(guest.context, &after));
	CHECK(after > before + 1000);
	CHECK(*(volatile uint16_t *)(guest.memory + 0x800) != 0);

	case_begin("route.passive.cancel",
		"a model that hangs on the vCPU's context: CancelAccess takes the context back, the VMM goes on with it");
	passive_endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	passive_reply = object_new(BH_OBJECT_REPLY, 0);
	hold = object_new(BH_OBJECT_NOTIFICATION, 0);
	uint64_t go = mint_new(hold, BH_RIGHT_WRITE, 1);
	served = 0;
	thread = (struct test_thread){ 0 };
	REQUIRE(passive_new(&thread, serve_ports, 0, OWN_PRIORITY - 5, passive_endpoint, passive_reply));
	REQUIRE(guest_new(&guest, GUEST(in8)));
	REQUIRE_OK(INVOKE(guest.space, BH_GUEST_SPACE_ROUTE, 0, 0x60, 2));
	REQUIRE_OK(bh_vcpu_bind(guest.vcpu, BH_BIND_ROUTE, passive_endpoint, 0));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	CHECK(wait_until(&served, 1));
	REQUIRE_OK(bh_vcpu_cancel_access(guest.vcpu));
	CHECK_EQUAL(BH_EXIT_ROUTE_FAILED, guest_exit(&guest));
	REQUIRE_OK(bh_signal(go)); /* the model has no context: it stands still */
	guest.state->rip = 2;
	CHECK_EQUAL(BH_EXIT_HLT, guest_resume(&guest, 0));
	REQUIRE_OK(bh_cnode_delete(
		SELF, thread.thread)); /* as a supervisor does: kill, delete the Reply, start anew */
	REQUIRE_OK(bh_cnode_delete(SELF, passive_reply));
	passive_reply = object_new(BH_OBJECT_REPLY, 0);
	hold = 0;
	thread = (struct test_thread){ 0 };
	REQUIRE(passive_new(&thread, serve_ports, 0, OWN_PRIORITY - 5, passive_endpoint, passive_reply));
	guest.state->rip = 0;
	CHECK_EQUAL(BH_EXIT_HLT, guest_resume(&guest, 0));
	CHECK_EQUAL(200 & 0xff, guest.state->registers[BH_RAX] & 0xff);

	case_begin("route.passive.killed",
		"a model's process is killed in the middle of an access: ROUTE_FAILED when its Reply goes");
	passive_endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	passive_reply = object_new(BH_OBJECT_REPLY, 0);
	hold = object_new(BH_OBJECT_NOTIFICATION, 0);
	served = 0;
	thread = (struct test_thread){ 0 };
	REQUIRE(passive_new(&thread, serve_ports, 0, OWN_PRIORITY - 5, passive_endpoint, passive_reply));
	REQUIRE(guest_new(&guest, GUEST(in8)));
	REQUIRE_OK(INVOKE(guest.space, BH_GUEST_SPACE_ROUTE, 0, 0x60, 2));
	REQUIRE_OK(bh_vcpu_bind(guest.vcpu, BH_BIND_ROUTE, passive_endpoint, 0));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	CHECK(wait_until(&served, 1));
	REQUIRE_OK(bh_cnode_delete(SELF, thread.thread));
	CHECK_EQUAL(BH_VCPU_WAITING_ROUTE, guest_status(&guest)); /* the context is parked in the Reply */
	REQUIRE_OK(bh_cnode_delete(SELF, passive_reply));
	CHECK_EQUAL(BH_EXIT_ROUTE_FAILED, guest_exit(&guest));
}

void group_guest_route(void)
{
	completed();
	to_the_vmm();
	failures();
	passive();
}
