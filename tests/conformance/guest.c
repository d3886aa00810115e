/* SPDX-License-Identifier: MIT */
/* A bare guest in real mode: exits, routed ports, doorbells, notification. */
#include "harness.h"

/* 16-bit code at guest-physical 0: out 0x80, al; in al, 0x81; cpuid; out 0x90, al (doorbell); hlt; jmp hlt */
static const uint8_t program[] = {
	0xb0, 0x5a, 0xe6, 0x80,       /* mov al, 5a; out 80, al */
	0xe4, 0x81,                   /* in al, 81 */
	0x88, 0xc3,                   /* mov bl, al */
	0x66, 0x31, 0xc0,             /* xor eax, eax */
	0x0f, 0xa2,                   /* cpuid */
	0xe6, 0x90,                   /* out 90, al */
	0xf4, 0xeb, 0xfd,             /* hlt; jmp -3 */
};

void group_guest(void)
{
	uint64_t frame, guest, vcpu, vmm, vmm_reply, context, notification, bell, state_slot, port_endpoint, frame_copy;
	volatile struct bh_vcpu_state *state;
	struct bh_message message;
	uint64_t word;
	uint8_t *memory;

	case_begin("guest.exits", "a real-mode guest's CPUID, HLT, routed ports and doorbell arrive where they are bound");
	memory = page_new(&frame);
	for (unsigned int i = 0; i < sizeof(program); i++) {
		memory[i] = program[i];
	}
	frame_copy = slot_new();
	REQUIRE_OK(bh_cnode_copy(SELF, frame_copy, 0, frame, BH_RIGHTS_ALL));
	guest = object_new(BH_OBJECT_GUEST_SPACE, 0);
	for (uint64_t level = 3; level >= 1; level--) {
		REQUIRE_OK(bh_invoke(object_new(BH_OBJECT_PAGE_TABLE, 0), BH_PAGE_TABLE_MAP, guest, 0, level, 0, 0, 0, 0));
	}
	REQUIRE_OK(bh_invoke(frame_copy, BH_FRAME_MAP, guest, 0, BH_MAP_READ | BH_MAP_WRITE | BH_MAP_EXECUTE, 0, 0, 0, 0));
	vcpu = object_new(BH_OBJECT_VCPU, 0);
	vmm = object_new(BH_OBJECT_ENDPOINT, 0);
	vmm_reply = object_new(BH_OBJECT_REPLY, 0);
	port_endpoint = slot_new();
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	bell = slot_new();
	REQUIRE_OK(bh_cnode_mint(SELF, port_endpoint, 0, vmm, BH_RIGHTS_ALL, 77));
	REQUIRE_OK(bh_cnode_mint(SELF, bell, 0, notification, BH_RIGHTS_ALL, 8));
	REQUIRE_OK(bh_invoke(guest, BH_GUEST_SPACE_ROUTE, 0, 0x80, 2, 0, 0, 0, 0));
	REQUIRE_OK(bh_invoke(guest, BH_GUEST_SPACE_ROUTE, 1, 0x90, 1, 0, 0, 0, 0));
	REQUIRE_OK(bh_invoke(vcpu, BH_VCPU_CONFIGURE, guest, 3 | 100 << 8, 0, 0, 0, 0, 0));
	REQUIRE_OK(bh_invoke(vcpu, BH_VCPU_BIND, BH_BIND_ALL_EXITS, vmm, BH_GROUPS_ALL, 0, 0, 0, 0));
	REQUIRE_OK(bh_invoke(vcpu, BH_VCPU_BIND, BH_BIND_ROUTE + 0, port_endpoint, 0, 0, 0, 0, 0));
	REQUIRE_OK(bh_invoke(vcpu, BH_VCPU_BIND, BH_BIND_ROUTE + 1, bell, 0, 0, 0, 0, 0));
	context = object_new(BH_OBJECT_SCHED_CONTEXT, 0);
	REQUIRE_OK(bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, context, 10000, 10000));
	REQUIRE_OK(bh_sched_context_bind(context, vcpu));
	state_slot = slot_new();
	REQUIRE_OK(bh_invoke(vcpu, BH_VCPU_STATE_FRAME, 0, state_slot, 0, 0, 0, 0, 0));
	{
		uint64_t ignored;
		void *near = page_new(&ignored);

		REQUIRE_OK(bh_invoke(ignored, BH_FRAME_UNMAP, 0, 0, 0, 0, 0, 0, 0));
		REQUIRE_OK(bh_invoke(state_slot, BH_FRAME_MAP, BH_BOOT_ADDRESS_SPACE, (uint64_t)near,
				     BH_MAP_READ | BH_MAP_WRITE, 0, 0, 0, 0));
		state = near;
	}
	CHECK_EQUAL(BH_ABI_VERSION, state->abi_version);
	CHECK_EQUAL(0xfff0, state->rip);
	state->rip = 0;
	state->segment[BH_CS].base = 0;
	state->segment[BH_CS].selector = 0;
	REQUIRE_OK(bh_invoke(vcpu, BH_VCPU_WRITE_STATE, BH_GROUPS_ALL, 0, 0, 0, 0, 0, 0));
	REQUIRE_OK(bh_invoke(vcpu, BH_VCPU_RUN, 0, 0, 0, 0, 0, 0, 0));

	REQUIRE_OK(bh_receive(vmm, vmm_reply, &message));
	CHECK_EQUAL(77, message.badge);
	CHECK_EQUAL(BH_LABEL_PORT, BH_MESSAGE_LABEL(message.info));
	CHECK_EQUAL(BH_PORT_WORD(0, 1, 0, 3), message.word[0]);
	CHECK_EQUAL(0x5a, message.word[1]);
	REQUIRE_OK(bh_reply_receive(vmm, vmm_reply, &message));
	CHECK_EQUAL(BH_PORT_WORD(1, 1, 1, 3), message.word[0]);
	message.word[0] = 0x1c3;
	REQUIRE_OK(bh_reply_receive(vmm, vmm_reply, &message));
	CHECK_EQUAL(BH_LABEL_EXIT, BH_MESSAGE_LABEL(message.info));
	CHECK_EQUAL(BH_EXIT_CPUID, message.word[0] & 0xff);
	CHECK_EQUAL(0xc3, state->registers[BH_RBX] & 0xff);
	CHECK_EQUAL(11, state->rip);
	state->rip = state->rip + 2;
	message.word[0] = 0;
	REQUIRE_OK(bh_reply_receive(vmm, vmm_reply, &message));
	CHECK_EQUAL(BH_EXIT_HLT, message.word[0] & 0xff);
	REQUIRE_OK(bh_poll(notification, &word));
	CHECK_EQUAL(8, word);
	state->rip = state->rip + 1;
	message.word[0] = BH_RESUME_STOP;
	REQUIRE_OK(bh_reply(vmm_reply, &message));
	message.word[0] = 0;
	CHECK_EQUAL(BH_VCPU_STOPPED, ({ struct bh_results r; (void)!bh_invoke(vcpu, BH_VCPU_INSPECT, 0, 0, 0, 0, 0, 0, &r); r.r[0]; }));
}
