/* SPDX-License-Identifier: MIT */
/* Anything may be deleted at any time: each object that a vCPU or a thread lives on, in each state that it can be in. What is left is
 * usable: what was deleted is made anew, and it runs again. */
#include "guest.h"

GUEST_CODE(hlt);
GUEST_CODE(spin);
GUEST_CODE(in8);

static uint64_t vmm_endpoint, vmm_reply, vmm_hold;
static volatile uint64_t vmm_entered, vmm_left;
static struct test_thread vmm;

/* A passive VMM or model: waits for a signal in the middle of each message. */
static void handle(struct bh_message *first, uint64_t argument)
{
	struct bh_message message = *first;
	uint64_t word;

	(void)argument;
	for (;;) {
		vmm_entered = vmm_entered + 1;
		if (bh_wait(vmm_hold, &word) != BH_OK) {
			__asm__ volatile("ud2");
		}
		vmm_left = vmm_left + 1;
		message.word[0] = 0;
		message.info = BH_MESSAGE_INFO(BH_LABEL_USER, 1, 0);
		if (bh_reply_receive(vmm_endpoint, vmm_reply, &message) != BH_OK) {
			__asm__ volatile("ud2");
		}
	}
}

static bool vmm_new(void)
{
	vmm_endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	vmm_reply = object_new(BH_OBJECT_REPLY, 0);
	vmm_hold = object_new(BH_OBJECT_NOTIFICATION, 0);
	vmm_entered = vmm_left = 0;
	vmm = (struct test_thread){ 0 };
	return passive_new(&vmm, handle, 0, OWN_PRIORITY - 5, vmm_endpoint, vmm_reply);
}

static bool release(void) { return bh_signal(mint_new(vmm_hold, BH_RIGHT_WRITE, 1)) == BH_OK; }

static bool reaches(struct test_guest *guest, enum bh_vcpu_status status)
{
	for (unsigned int i = 0; i < 1000; i++) {
		if (guest_status(guest) == status) {
			return true;
		}
		pause_us(100);
	}
	return false;
}

static void stopped(void)
{
	struct test_guest guest;

	case_begin("stop.passive",
		"Stop while a passive VMM handles the exit: the vCPU is stopped at once, the VMM finishes on what it borrowed and serves "
		"the next exit; what was started again meanwhile runs when its context is back");
	REQUIRE(guest_new(&guest, GUEST(in8)));
	REQUIRE(vmm_new());
	REQUIRE_OK(bh_vcpu_bind(guest.vcpu, BH_BIND_ALL_EXITS, vmm_endpoint, 0));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	REQUIRE(wait_until(&vmm_entered, 1));
	REQUIRE_OK(bh_vcpu_stop(guest.vcpu));
	CHECK_EQUAL(BH_VCPU_STOPPED, guest_status(&guest));
	REQUIRE(release());
	REQUIRE(wait_until(&vmm_left, 1));
	pause_us(100);
	CHECK_EQUAL(BH_VCPU_STOPPED, guest_status(&guest)); /* a late answer is nothing */
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	REQUIRE(wait_until(&vmm_entered, 2));
	REQUIRE_OK(bh_vcpu_stop(guest.vcpu));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	pause_us(1000);
	CHECK_EQUAL(2, vmm_entered);
	CHECK_EQUAL(BH_VCPU_READY, guest_status(&guest));
	REQUIRE(release());
	CHECK(wait_until(&vmm_entered, 3));
	CHECK_EQUAL(2, vmm_left);

	case_begin("stop.passive.deleted", "or is deleted: the VMM finishes, and serves another vCPU");
	REQUIRE(guest_new(&guest, GUEST(in8)));
	REQUIRE(vmm_new());
	REQUIRE_OK(bh_vcpu_bind(guest.vcpu, BH_BIND_ALL_EXITS, vmm_endpoint, 0));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	REQUIRE(wait_until(&vmm_entered, 1));
	REQUIRE_OK(bh_vcpu_stop(guest.vcpu));
	REQUIRE_OK(bh_cnode_revoke(SELF, guest.vcpu));
	REQUIRE_OK(bh_cnode_delete(SELF, guest.vcpu));
	REQUIRE(release());
	REQUIRE(wait_until(&vmm_left, 1));
	REQUIRE(guest_new(&guest, GUEST(in8)));
	REQUIRE_OK(bh_vcpu_bind(guest.vcpu, BH_BIND_ALL_EXITS, vmm_endpoint, 0));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	CHECK(wait_until(&vmm_entered, 2));
}

enum victim { CONTEXT, SPACE, FRAME, ENDPOINT, REPLY, HANDLER, NOTIFICATION, STATE_FRAME, VICTIMS };
enum situation {
	RUNNING,
	HALTED,
	QUEUED,
	IN_HANDS,
	IN_PASSIVE_HANDS,
	ROUTE_QUEUED,
	ROUTE_IN_PASSIVE_HANDS,
	SITUATIONS
};

/* Brings a new guest into that situation. */
static bool bring(struct test_guest *guest, enum situation situation)
{
	bool passive = situation == IN_PASSIVE_HANDS || situation == ROUTE_IN_PASSIVE_HANDS;
	bool routed = situation == ROUTE_QUEUED || situation == ROUTE_IN_PASSIVE_HANDS;
	bool made = situation == RUNNING  ? guest_new_open(guest, GUEST(spin))
		    : situation == HALTED ? guest_new_open(guest, GUEST(hlt))
					  : guest_new_open(guest, GUEST(in8));

	if (!made || !vmm_new()) {
		return false;
	}
	if (routed && INVOKE(guest->space, BH_GUEST_SPACE_ROUTE, 0, 0x60, 1) != BH_OK) {
		return false;
	}
	if ((passive || routed) && bh_vcpu_bind(guest->vcpu, routed ? BH_BIND_ROUTE : BH_BIND_ALL_EXITS,
					   passive ? vmm_endpoint : guest->endpoint, 0) != BH_OK) {
		return false;
	}
	switch (situation) {
	case RUNNING:
		if (bh_vcpu_run(guest->vcpu) != BH_OK) {
			return false;
		}
		pause_us(200);
		return guest_status(guest) == BH_VCPU_READY;
	case HALTED:
		return guest_run(guest) == BH_EXIT_HLT && guest_answer(guest, BH_RESUME_HALT) &&
		       reaches(guest, BH_VCPU_HALTED);
	case QUEUED:
		return bh_vcpu_run(guest->vcpu) == BH_OK && reaches(guest, BH_VCPU_WAITING_EXIT);
	case IN_HANDS:
		return guest_run(guest) == BH_EXIT_PORT;
	case ROUTE_QUEUED:
		return bh_vcpu_run(guest->vcpu) == BH_OK && reaches(guest, BH_VCPU_WAITING_ROUTE);
	case IN_PASSIVE_HANDS:
	case ROUTE_IN_PASSIVE_HANDS:
		return bh_vcpu_run(guest->vcpu) == BH_OK && wait_until(&vmm_entered, 1);
	case SITUATIONS:
		break;
	}
	return false;
}

static void end_of(uint64_t slot)
{
	CHECK_EQUAL(BH_OK, bh_cnode_revoke(SELF, slot));
	CHECK_EQUAL(BH_OK, bh_cnode_delete(SELF, slot));
}

/* Is that the next exit, within a second? */
static bool comes(struct test_guest *guest, unsigned int reason)
{
	for (unsigned int i = 0; i < 1000; i++) {
		if (bh_receive_if_waiting(guest->endpoint, guest->reply, &guest->message) == BH_OK) {
			return (guest->message.word[0] & 0xff) == reason;
		}
		pause_us(1000);
	}
	return false;
}

/* Makes anew what the vCPU lacks, and lets it begin with HLT: does that exit come? */
static bool recovers(struct test_guest *guest, enum victim victim, bool passive)
{
	enum bh_error error = bh_vcpu_stop(guest->vcpu);
	uint64_t address;

	guest->endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	guest->reply = object_new(BH_OBJECT_REPLY, 0);
	if (victim == CONTEXT) {
		guest->context = object_new(BH_OBJECT_SCHED_CONTEXT, 0);
		if (bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, guest->context, 2000, 2000) != BH_OK ||
			bh_sched_context_bind(guest->context, guest->vcpu) != BH_OK) {
			return false;
		}
	}
	if (victim == SPACE || victim == FRAME) {
		guest->space = object_new(BH_OBJECT_GUEST_SPACE, 0);
		guest->guest_frame = copy_new(guest->memory_frame, BH_RIGHTS_ALL);
		if (map_with_tables(guest->guest_frame, guest->space, 0, MAP_ALL) != BH_OK ||
			INVOKE(guest->vcpu, BH_VCPU_CONFIGURE, guest->space, 3 | (OWN_PRIORITY - 20) << 8) !=
				BH_OK) {
			return false;
		}
	}
	if (victim == STATE_FRAME) {
		guest->state_frame = slot_new();
		address = address_new(4096);
		if (bh_vcpu_state_frame(guest->vcpu, 0, guest->state_frame) != BH_OK ||
			map_with_tables(guest->state_frame, OWN_SPACE, address, MAP_RW) != BH_OK) {
			return false;
		}
		guest->state = (volatile struct bh_vcpu_state *)address;
	}
	/* Who works on the vCPU's context is let go, if it still stands there. Without its endpoint it faults: its supervisor deletes
	 * it then, and what it borrowed goes home. */
	if (passive && (!release() || (victim == ENDPOINT && bh_cnode_delete(SELF, vmm.thread) != BH_OK))) {
		return false;
	}
	guest->memory[0] = 0xf4;
	guest->state->rip = 0;
	return error == BH_OK && bh_vcpu_bind(guest->vcpu, BH_BIND_ALL_EXITS, guest->endpoint, 0) == BH_OK &&
	       guest_write_state(guest) && bh_vcpu_run(guest->vcpu) == BH_OK && comes(guest, BH_EXIT_HLT);
}

static void vcpus(void)
{
	static const char *const names[] = { "teardown.vcpu.running", "teardown.vcpu.halted",
		"teardown.vcpu.queued", "teardown.vcpu.in_hands", "teardown.vcpu.in_passive_hands",
		"teardown.vcpu.route_queued", "teardown.vcpu.route_in_passive_hands" };

	for (unsigned int situation = 0; situation < SITUATIONS; situation++) {
		case_begin(names[situation],
			"in that state each object that a vCPU needs is deleted (context, guest space, Frame, endpoint, Reply, handler, "
			"notification, state page's Frame): with a new one it runs again");
		for (unsigned int victim = 0; victim < VICTIMS; victim++) {
			bool passive = situation == IN_PASSIVE_HANDS || situation == ROUTE_IN_PASSIVE_HANDS;
			struct test_guest guest;

			REQUIRE(bring(&guest, situation));

			uint64_t slots[VICTIMS] = { guest.context, guest.space, guest.guest_frame,
				passive ? vmm_endpoint : guest.endpoint, passive ? vmm_reply : guest.reply,
				vmm.thread, guest.notification, guest.state_frame };

			end_of(slots[victim]);
			if (!recovers(&guest, victim, passive)) {
				print("  it does not run again without number %u\n", (uint64_t)victim);
				CHECK(false);
			}
			/* All of it goes, in a state that nobody thought of; the threads too. */
			end_of(guest.vcpu);
			(void)!bh_cnode_delete(SELF, vmm.thread);
		}
	}
}

void group_teardown(void)
{
	stopped();
	vcpus();
}
