/* SPDX-License-Identifier: MIT */
/* VCPU: each exit that a bare guest can make, and what the invocations refuse. */
#include "guest.h"

GUEST_CODE(cpuid);
GUEST_CODE(rdmsr);
GUEST_CODE(wrmsr);
GUEST_CODE(in8);
GUEST_CODE(in32);
GUEST_CODE(out8);
GUEST_CODE(out16);
GUEST_CODE(out32);
GUEST_CODE(ins);
GUEST_CODE(outs);
GUEST_CODE(hlt);
GUEST_CODE(invd);
GUEST_CODE(wbinvd);
GUEST_CODE(monitor);
GUEST_CODE(mwait);
GUEST_CODE(rdpmc);
GUEST_CODE(vmmcall);
GUEST_CODE(vmrun);
GUEST_CODE(vmload);
GUEST_CODE(vmsave);
GUEST_CODE(stgi);
GUEST_CODE(clgi);
GUEST_CODE(invlpga);
GUEST_CODE(read_cr8);
GUEST_CODE(write_cr8);
GUEST_CODE(write_dr0);
GUEST_CODE(read_dr7);
GUEST_CODE(nop);
GUEST_CODE(triple_fault);
GUEST_CODE(read_memory);
GUEST_CODE(write_memory);
GUEST_CODE(jump_memory);
GUEST_CODE(spin);

static const struct {
	const char *name, *proves;
	const uint8_t *code, *end;
	unsigned int reason, length; /* of the instruction; 0: not to be skipped */
	bool protected_mode, has_information;
	uint64_t qualification, information;
} exits[] = {
	{ "exit.cpuid", "CPUID", GUEST(cpuid), BH_EXIT_CPUID, 2, false, false, 0, 0 },
	{ "exit.msr.read", "RDMSR", GUEST(rdmsr), BH_EXIT_MSR_READ, 2, false, false, 0, 0 },
	{ "exit.msr.write", "WRMSR", GUEST(wrmsr), BH_EXIT_MSR_WRITE, 2, false, false, 0, 0 },
	{ "exit.port.in", "IN of a byte: direction, width, port, and the next rip", GUEST(in8), BH_EXIT_PORT,
		2, false, true, BH_PORT_WORD(1, 1, 0x60, 0), 2 },
	{ "exit.port.in32", "IN of four bytes", GUEST(in32), BH_EXIT_PORT, 2, false, true,
		BH_PORT_WORD(1, 4, 0xabc0, 0), 2 },
	{ "exit.port.out", "OUT of a byte", GUEST(out8), BH_EXIT_PORT, 2, false, true,
		BH_PORT_WORD(0, 1, 0x61, 0), 2 },
	{ "exit.port.out16", "OUT of two bytes", GUEST(out16), BH_EXIT_PORT, 1, false, true,
		BH_PORT_WORD(0, 2, 0xabc0, 0), 1 },
	{ "exit.port.out32", "OUT of four bytes", GUEST(out32), BH_EXIT_PORT, 2, false, true,
		BH_PORT_WORD(0, 4, 0xabc0, 0), 2 },
	{ "exit.port.ins", "INS says that it is a string instruction", GUEST(ins), BH_EXIT_PORT, 1, false,
		true, BH_PORT_WORD(1, 1, 0xabc0, 0) | BH_PORT_STRING, 1 },
	{ "exit.port.outs", "REP OUTS says both", GUEST(outs), BH_EXIT_PORT, 2, false, true,
		BH_PORT_WORD(0, 2, 0xabc0, 0) | BH_PORT_STRING | BH_PORT_REP, 2 },
	{ "exit.hlt", "HLT", GUEST(hlt), BH_EXIT_HLT, 1, false, false, 0, 0 },
	{ "exit.invd", "INVD, which would lose the host's dirty cache lines", GUEST(invd), BH_EXIT_CACHE, 2,
		false, false, 0, 0 },
	{ "exit.wbinvd", "WBINVD", GUEST(wbinvd), BH_EXIT_CACHE, 2, false, false, 0, 0 },
	{ "exit.monitor", "MONITOR", GUEST(monitor), BH_EXIT_MONITOR, 3, false, false, 0, 0 },
	{ "exit.mwait", "MWAIT", GUEST(mwait), BH_EXIT_MONITOR, 3, false, false, 0, 0 },
	{ "exit.rdpmc", "RDPMC", GUEST(rdpmc), BH_EXIT_COUNTER, 2, false, false, 0, 0 },
	{ "exit.vmmcall", "VMMCALL", GUEST(vmmcall), BH_EXIT_HYPERCALL, 3, false, false, 0, 0 },
	{ "exit.vmrun", "VMRUN: no guest starts a guest", GUEST(vmrun), BH_EXIT_VIRTUALIZATION, 3, true,
		false, 0, 0 },
	{ "exit.vmload", "VMLOAD, which would load the host's MSRs", GUEST(vmload), BH_EXIT_VIRTUALIZATION, 3,
		true, false, 0, 0 },
	{ "exit.vmsave", "VMSAVE, which would write host-physical memory", GUEST(vmsave),
		BH_EXIT_VIRTUALIZATION, 3, true, false, 0, 0 },
	{ "exit.stgi", "STGI", GUEST(stgi), BH_EXIT_VIRTUALIZATION, 3, true, false, 0, 0 },
	{ "exit.clgi", "CLGI, which would shut out the host's interrupts", GUEST(clgi),
		BH_EXIT_VIRTUALIZATION, 3, true, false, 0, 0 },
	{ "exit.invlpga", "INVLPGA", GUEST(invlpga), BH_EXIT_VIRTUALIZATION, 3, true, false, 0, 0 },
	{ "exit.cr8.read", "reading CR8", GUEST(read_cr8), BH_EXIT_CONTROL_REGISTER, 4, false, false, 8, 0 },
	{ "exit.cr8.write", "writing CR8", GUEST(write_cr8), BH_EXIT_CONTROL_REGISTER, 4, false, false,
		8 | 1 << 8, 0 },
	{ "exit.dr.write", "writing a debug register", GUEST(write_dr0), BH_EXIT_DEBUG_REGISTER, 3, false,
		false, 0 | 1 << 8, 0 },
	{ "exit.dr.read", "reading a debug register", GUEST(read_dr7), BH_EXIT_DEBUG_REGISTER, 3, false,
		false, 7, 0 },
	{ "exit.memory.read", "reading memory that is not mapped: address, and that it was a read",
		GUEST(read_memory), BH_EXIT_MEMORY, 3, false, true, 0x2000, 0 },
	{ "exit.memory.write", "writing there", GUEST(write_memory), BH_EXIT_MEMORY, 3, false, true, 0x2004,
		BH_MEMORY_WRITE },
};

static void table(void)
{
	struct test_guest guest;

	for (unsigned int i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
		static const uint64_t mask =
			BH_MEMORY_PRESENT | BH_MEMORY_WRITE | BH_MEMORY_FETCH | BH_MEMORY_PAGING;

		case_begin(exits[i].name, exits[i].proves);
		REQUIRE(guest_new(&guest, exits[i].code, exits[i].end));
		if (exits[i].protected_mode) {
			guest_protected_mode(&guest);
		}
		guest.state->registers[BH_RDX] = 0xabc0;
		guest.state->registers[BH_RCX] =
			exits[i].code == guest_outs ? 2 : 0; /* REP; MONITOR and MWAIT want 0 */
		guest.state->registers[BH_RBX] = 0x1111222233334444;
		guest.state->registers[BH_R15] = 0xfedcba9876543210;
		REQUIRE(guest_write_state(&guest));
		CHECK_EQUAL(exits[i].reason, guest_run(&guest));
		CHECK_EQUAL(0, guest.message.badge);
		CHECK_EQUAL(BH_MESSAGE_INFO(BH_LABEL_EXIT, 4, 0), guest.message.info);
		CHECK_EQUAL(exits[i].qualification, guest.message.word[1]);
		if (exits[i].has_information) {
			CHECK_EQUAL(exits[i].information, exits[i].reason == BH_EXIT_MEMORY
								  ? guest.message.word[2] & mask
								  : guest.message.word[2]);
		}
		CHECK_EQUAL(1, guest.message.word[3]);
		CHECK_EQUAL(0, guest.state->rip); /* not completed */
		CHECK_EQUAL(0x1111222233334444, guest.state->registers[BH_RBX]);
		CHECK_EQUAL(0xfedcba9876543210, guest.state->registers[BH_R15]);
		guest.state->rip = exits[i].length;
		CHECK_EQUAL(BH_EXIT_HLT, guest_resume(&guest, 0)); /* goes on behind it */
		CHECK_EQUAL(exits[i].length, guest.state->rip);
		CHECK_EQUAL(2, guest.message.word[3]);
	}
}

static void others(void)
{
	struct test_guest guest;

	case_begin("exit.memory.fetch", "fetching code where nothing is mapped");
	REQUIRE(guest_new(&guest, GUEST(jump_memory)));
	CHECK_EQUAL(BH_EXIT_MEMORY, guest_run(&guest));
	CHECK_EQUAL(0x2000, guest.message.word[1]);
	CHECK_EQUAL(BH_MEMORY_FETCH, guest.message.word[2] & BH_MEMORY_FETCH);
	CHECK_EQUAL(0x2000, guest.state->rip);

	case_begin("exit.memory.protection",
		"writing memory that is mapped read-only: present, write; executing where it is not executable");
	REQUIRE(guest_new(&guest, GUEST(write_memory)));
	uint64_t frame = object_new(BH_OBJECT_FRAME, 12);
	REQUIRE_OK(map_with_tables(frame, guest.space, 0x2000, BH_MAP_READ));
	CHECK_EQUAL(BH_EXIT_MEMORY, guest_run(&guest));
	CHECK_EQUAL(BH_MEMORY_PRESENT | BH_MEMORY_WRITE,
		guest.message.word[2] & (BH_MEMORY_PRESENT | BH_MEMORY_WRITE));
	REQUIRE_OK(INVOKE(frame, BH_FRAME_UNMAP, 0));
	REQUIRE_OK(INVOKE(frame, BH_FRAME_MAP, guest.space, 0x2000, MAP_RW));
	CHECK_EQUAL(BH_EXIT_HLT, guest_resume(&guest, 0)); /* mended, the access is done again */
	guest.state->rip = 0x2000;
	CHECK_EQUAL(BH_EXIT_MEMORY, guest_resume(&guest, 0));
	CHECK_EQUAL(BH_MEMORY_FETCH | BH_MEMORY_PRESENT,
		guest.message.word[2] & (BH_MEMORY_FETCH | BH_MEMORY_PRESENT));

	case_begin(
		"exit.exception.debug", "#DB goes to the VMM: its delivery can be made endless by a guest");
	seen_elsewhere(
		"KVM and Xen, CVE-2015-5307 and CVE-2015-8104: a guest that delivers #AC or #DB for ever");
	REQUIRE(guest_new(&guest, GUEST(nop)));
	guest.state->rflags |= 0x100;
	REQUIRE(guest_write_state(&guest));
	CHECK_EQUAL(BH_EXIT_EXCEPTION, guest_run(&guest));
	CHECK_EQUAL(1, guest.message.word[1]);
	CHECK_EQUAL(1, guest.state->rip);

	case_begin("exit.shutdown",
		"a triple fault is an exit, and the vCPU can be started again from a clean state");
	REQUIRE(guest_new(&guest, GUEST(triple_fault)));
	guest.state->idtr.limit = 0;
	REQUIRE(guest_write_state(&guest));
	CHECK_EQUAL(BH_EXIT_SHUTDOWN, guest_run(&guest));
	guest.memory[0] = 0xf4;
	guest.state->rip = 0;
	guest.state->idtr.limit = 0x3ff;
	CHECK_EQUAL(BH_EXIT_HLT, guest_resume(&guest, BH_GROUPS_ALL));

	case_begin("exit.groups", "at an exit just the groups of state are stored that its binding names");
	REQUIRE(guest_new(&guest, GUEST(cpuid)));
	REQUIRE_OK(bh_vcpu_bind(guest.vcpu, BH_EXIT_CPUID, guest.endpoint, BH_GROUP_CONTROL));
	REQUIRE_OK(bh_vcpu_bind(guest.vcpu, BH_EXIT_HLT, guest.endpoint, BH_GROUP_MSRS));
	guest.state->cr3 = 0x5000;
	guest.state->lstar = 0x6000;
	guest.state->segment[BH_FS].base = 0x7000;
	REQUIRE(guest_write_state(&guest));
	guest.state->cr3 = guest.state->lstar = guest.state->segment[BH_FS].base = 1;
	CHECK_EQUAL(BH_EXIT_CPUID, guest_run(&guest));
	CHECK_EQUAL(0x5000, guest.state->cr3);
	CHECK_EQUAL(1, guest.state->lstar);
	CHECK_EQUAL(1, guest.state->segment[BH_FS].base);
	guest.state->rip = 2;
	CHECK_EQUAL(
		BH_EXIT_HLT, guest_resume(&guest, 0)); /* loads no group: the ones in the page don't count */
	CHECK_EQUAL(0x6000, guest.state->lstar);
	REQUIRE_OK(bh_vcpu_read_state(guest.vcpu, BH_GROUP_SEGMENTS | BH_GROUP_CONTROL));
	CHECK_EQUAL(0x7000, guest.state->segment[BH_FS].base);
	CHECK_EQUAL(0x5000, guest.state->cr3);

	case_begin("exit.bind",
		"each exit reason goes to the endpoint and badge that it is bound to; one without stops the vCPU");
	REQUIRE(guest_new(&guest, GUEST(cpuid)));
	REQUIRE_OK(
		bh_vcpu_bind(guest.vcpu, BH_EXIT_CPUID, mint_new(guest.endpoint, BH_RIGHT_WRITE, 0xabc), 0));
	CHECK_EQUAL(BH_EXIT_CPUID, guest_run(&guest));
	CHECK_EQUAL(0xabc, guest.message.badge);
	guest.state->rip = 2;
	CHECK_EQUAL(BH_EXIT_HLT, guest_resume(&guest, 0));
	CHECK_EQUAL(0, guest.message.badge);
	REQUIRE(guest_new_bare(&guest, GUEST(hlt)));
	REQUIRE_OK(INVOKE(guest.vcpu, BH_VCPU_CONFIGURE, guest.space, 0));
	guest.context = object_new(BH_OBJECT_SCHED_CONTEXT, 0);
	REQUIRE_OK(bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, guest.context, 2000, 2000));
	REQUIRE_OK(bh_sched_context_bind(guest.context, guest.vcpu));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	for (unsigned int i = 0; i < 1000 && guest_status(&guest) != BH_VCPU_STOPPED; i++) {
		pause_us(100);
	}
	CHECK_EQUAL(BH_VCPU_STOPPED, guest_status(&guest));
}

static struct test_guest ceiling_guest;
static volatile uint64_t ceiling_results[3];

static void configure_above(uint64_t argument)
{
	(void)argument;
	ceiling_results[0] =
		INVOKE(ceiling_guest.vcpu, BH_VCPU_CONFIGURE, ceiling_guest.space, (OWN_PRIORITY + 5) << 8);
	ceiling_results[1] =
		INVOKE(ceiling_guest.vcpu, BH_VCPU_CONFIGURE, ceiling_guest.space, (OWN_PRIORITY + 6) << 8);
	ceiling_results[2] = 1;
}

static void refused(void)
{
	struct test_guest guest;
	struct test_thread thread = { 0 };
	uint64_t weak, slot, cnode;

	case_begin("vcpu.configure.refused",
		"Configure wants a GuestSpace to write, a stopped vCPU, a priority below the caller's ceiling");
	REQUIRE(guest_new(&guest, GUEST(spin)));
	weak = copy_new(guest.vcpu, BH_RIGHT_READ);
	REFUSED(BH_ERROR_TYPE, INVOKE(guest.vcpu, BH_VCPU_CONFIGURE, OWN_SPACE, 0));
	REFUSED(BH_ERROR_CAPABILITY, INVOKE(guest.vcpu, BH_VCPU_CONFIGURE, NO_SLOT, 0));
	REFUSED(BH_ERROR_RIGHTS,
		INVOKE(guest.vcpu, BH_VCPU_CONFIGURE, copy_new(guest.space, BH_RIGHT_READ), 0));
	REFUSED(BH_ERROR_RIGHTS, INVOKE(weak, BH_VCPU_CONFIGURE, guest.space, 0));
	ceiling_guest = guest;
	ceiling_results[2] = 0;
	REQUIRE(thread_new(
		&thread, configure_above, 0, OWN_PRIORITY + 5, true)); /* its maximum is that, too */
	REQUIRE_OK(bh_thread_resume(thread.thread));
	CHECK_EQUAL(1, ceiling_results[2]);
	CHECK_EQUAL(BH_OK, ceiling_results[0]);
	CHECK_EQUAL(BH_ERROR_PRIORITY, ceiling_results[1]); /* covers BH_VCPU_CONFIGURE BH_ERROR_PRIORITY */
	REQUIRE_OK(INVOKE(guest.vcpu, BH_VCPU_CONFIGURE, guest.space, 3 | 150 << 8));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	REFUSED(BH_ERROR_STATE, INVOKE(guest.vcpu, BH_VCPU_CONFIGURE, guest.space, 0));

	case_begin("vcpu.bind.refused",
		"Bind wants an endpoint to write (a notification for routes only), a known reason or route, known groups");
	REQUIRE(guest_new(&guest, GUEST(spin)));
	weak = copy_new(guest.vcpu, BH_RIGHT_READ);
	REFUSED(BH_ERROR_CAPABILITY, bh_vcpu_bind(guest.vcpu, BH_EXIT_HLT, NO_SLOT, 0));
	REFUSED(BH_ERROR_TYPE, bh_vcpu_bind(guest.vcpu, BH_EXIT_HLT, guest.notification, 0));
	REFUSED(BH_ERROR_TYPE, bh_vcpu_bind(guest.vcpu, BH_BIND_ALL_EXITS, guest.notification, 0));
	REFUSED(BH_ERROR_TYPE, bh_vcpu_bind(guest.vcpu, BH_BIND_ROUTE, guest.reply, 0));
	REFUSED(BH_ERROR_RIGHTS,
		bh_vcpu_bind(guest.vcpu, BH_EXIT_HLT, copy_new(guest.endpoint, BH_RIGHT_READ), 0));
	REFUSED(BH_ERROR_RIGHTS,
		bh_vcpu_bind(guest.vcpu, BH_BIND_ROUTE, copy_new(guest.notification, BH_RIGHT_READ), 0));
	REFUSED(BH_ERROR_RIGHTS, bh_vcpu_bind(weak, BH_EXIT_HLT, guest.endpoint, 0));
	REFUSED(BH_ERROR_ARGUMENT, bh_vcpu_bind(guest.vcpu, BH_EXIT_REASONS, guest.endpoint, 0));
	REFUSED(BH_ERROR_ARGUMENT, bh_vcpu_bind(guest.vcpu, BH_EXIT_HLT, guest.endpoint, 32));
	REFUSED(BH_ERROR_ARGUMENT, bh_vcpu_bind(guest.vcpu, BH_BIND_ROUTE + BH_ROUTES, guest.endpoint, 0));
	REFUSED(BH_ERROR_ARGUMENT, bh_vcpu_bind(guest.vcpu, ~UINT64_C(0), guest.endpoint, 0));

	case_begin("vcpu.bind_notification.refused", "one notification, one vCPU");
	REQUIRE(guest_new(&guest, GUEST(spin)));
	slot = object_new(BH_OBJECT_NOTIFICATION, 0);
	weak = object_new(BH_OBJECT_VCPU, 0);
	REFUSED(BH_ERROR_STATE, bh_vcpu_bind_notification(guest.vcpu, slot));
	REFUSED(BH_ERROR_STATE, bh_vcpu_bind_notification(weak, guest.notification));
	REFUSED(BH_ERROR_STATE, bh_thread_bind_notification(BH_BOOT_THREAD, guest.notification));
	REFUSED(BH_ERROR_RIGHTS, bh_vcpu_bind_notification(weak, copy_new(slot, BH_RIGHT_WRITE)));
	REFUSED(BH_ERROR_RIGHTS, bh_vcpu_bind_notification(copy_new(weak, BH_RIGHT_READ), slot));
	REFUSED(BH_ERROR_TYPE, bh_vcpu_bind_notification(weak, guest.endpoint));
	REFUSED(BH_ERROR_CAPABILITY, bh_vcpu_bind_notification(weak, NO_SLOT));
	REQUIRE_OK(bh_cnode_delete(SELF, guest.vcpu)); /* unbinds */
	REQUIRE_OK(bh_vcpu_bind_notification(weak, guest.notification));

	case_begin("vcpu.state_frame.refused",
		"StateFrame wants an empty slot of a CNode to write; the Frame dies with a Revoke of the VCPU");
	REQUIRE(guest_new_bare(&guest, GUEST(spin)));
	cnode = object_new(BH_OBJECT_CNODE, 2);
	slot = slot_new();
	REFUSED(BH_ERROR_SLOT_OCCUPIED, bh_vcpu_state_frame(guest.vcpu, 0, guest.space));
	REFUSED(BH_ERROR_ARGUMENT, bh_vcpu_state_frame(guest.vcpu, 0, 0));
	REFUSED(BH_ERROR_ARGUMENT, bh_vcpu_state_frame(guest.vcpu, cnode, 4));
	REFUSED(BH_ERROR_CAPABILITY, bh_vcpu_state_frame(guest.vcpu, NO_SLOT, slot));
	REFUSED(BH_ERROR_TYPE, bh_vcpu_state_frame(guest.vcpu, guest.space, slot));
	REFUSED(BH_ERROR_RIGHTS, bh_vcpu_state_frame(guest.vcpu, copy_new(cnode, BH_RIGHT_READ), 1));
	REFUSED(BH_ERROR_RIGHTS, bh_vcpu_state_frame(copy_new(guest.vcpu, BH_RIGHT_READ), 0, slot));
	CHECK_EQUAL(12, facts_of(guest.state_frame).size_bits);
	REQUIRE_OK(bh_cnode_revoke(SELF, guest.vcpu));
	CHECK_EQUAL(BH_OBJECT_NULL, facts_of(guest.state_frame).type);

	case_begin("vcpu.run.refused",
		"a vCPU without a guest space can't run, nor one that waits for an answer");
	REQUIRE(guest_new(&guest, GUEST(hlt)));
	slot = object_new(BH_OBJECT_VCPU, 0);
	REFUSED(BH_ERROR_STATE, bh_vcpu_run(slot));
	REFUSED(BH_ERROR_RIGHTS, bh_vcpu_run(copy_new(guest.vcpu, BH_RIGHT_READ)));
	REFUSED(BH_ERROR_RIGHTS, bh_vcpu_stop(copy_new(guest.vcpu, BH_RIGHT_READ)));
	REFUSED(BH_ERROR_RIGHTS, bh_vcpu_cancel_access(copy_new(guest.vcpu, BH_RIGHT_READ)));
	CHECK_EQUAL(BH_EXIT_HLT, guest_run(&guest));
	REFUSED(BH_ERROR_STATE, bh_vcpu_run(guest.vcpu));
	REFUSED(BH_ERROR_STATE, bh_vcpu_cancel_access(guest.vcpu)); /* an exit is no access */
	guest.state->rip = 1;
	CHECK_EQUAL(BH_EXIT_HLT, guest_resume(&guest, 0));

	case_begin("vcpu.inspect",
		"Inspect tells status, what is waited for, since when, the sequence and the number of exits; it needs read");
	struct bh_vcpu_facts facts;
	REQUIRE(guest_new(&guest, GUEST(hlt)));
	REFUSED(BH_ERROR_RIGHTS, bh_vcpu_inspect(copy_new(guest.vcpu, BH_RIGHT_WRITE), &facts));
	REQUIRE_OK(bh_vcpu_inspect(copy_new(guest.vcpu, BH_RIGHT_READ), &facts));
	CHECK_EQUAL(BH_VCPU_STOPPED, facts.status);
	CHECK_EQUAL(0, facts.exits);
	uint64_t before = rdtsc();
	CHECK_EQUAL(BH_EXIT_HLT, guest_run(&guest));
	REQUIRE_OK(bh_vcpu_inspect(guest.vcpu, &facts));
	CHECK_EQUAL(BH_VCPU_WAITING_EXIT, facts.status);
	CHECK_EQUAL(BH_EXIT_HLT, facts.waits_for);
	CHECK_EQUAL(1, facts.sequence);
	CHECK(facts.exits >= 1);
	CHECK(facts.waiting_since >= before && facts.waiting_since <= rdtsc());
}

void group_guest(void)
{
	table();
	others();
	refused();
}
