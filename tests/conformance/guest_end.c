/* SPDX-License-Identifier: MIT */
/* The end of a VCPU and of what it lives on, in every state; and that nothing of one guest shows in another. */
#include "guest.h"

GUEST_CODE(hlt);
GUEST_CODE(spin);
GUEST_CODE(cpuid);
GUEST_CODE(in8);
GUEST_CODE(pattern);
GUEST_CODE(xmm);
GUEST_CODE(reader);
GUEST_CODE(read_memory);

static uint32_t word_at(const struct test_guest *guest, unsigned int offset)
{
	return *(const volatile uint32_t *)(guest->memory + offset);
}

static bool reaches(struct test_guest *guest, enum bh_vcpu_status status)
{
	for (unsigned int i = 0; i < 10000; i++) {
		if (guest_status(guest) == status) {
			return true;
		}
		pause_us(100);
	}
	return false;
}

static bool counts(struct test_guest *guest)
{
	uint32_t seen = word_at(guest, 0x800);

	for (unsigned int i = 0; i < 10000; i++) {
		if (word_at(guest, 0x800) != seen) {
			return true;
		}
		pause_us(100);
	}
	return false;
}

static void deleted(void)
{
	struct test_guest guest;
	static const char *const names[] = { "vcpu.delete.stopped", "vcpu.delete.running",
		"vcpu.delete.halted", "vcpu.delete.queued", "vcpu.delete.waiting", "vcpu.delete.route" };

	for (unsigned int kind = 0; kind < 6; kind++) {
		struct bh_message message = { 0 };
		uint64_t untyped = pool;

		case_begin(names[kind],
			"a VCPU is deleted in that state; its memory is usable again, a late answer is nothing");
		pool = object_new(BH_OBJECT_UNTYPED, 19);
		bool made = kind == 1   ? guest_new_open(&guest, GUEST(spin))
			    : kind == 5 ? guest_new_open(&guest, GUEST(in8))
					: guest_new_open(&guest, GUEST(hlt));
		uint64_t own = pool;
		pool = untyped;
		REQUIRE(made);
		if (kind == 5) {
			REQUIRE_OK(INVOKE(guest.space, BH_GUEST_SPACE_ROUTE, 0, 0x60, 2));
			REQUIRE_OK(bh_vcpu_bind(guest.vcpu, BH_BIND_ROUTE, guest.endpoint, 0));
		}
		if (kind != 0) {
			REQUIRE_OK(bh_vcpu_run(guest.vcpu));
		}
		if (kind == 1) {
			CHECK(counts(&guest));
		} else if (kind == 2) {
			CHECK_EQUAL(BH_EXIT_HLT, guest_exit(&guest));
			REQUIRE(guest_answer(&guest, BH_RESUME_HALT));
			CHECK(reaches(&guest, BH_VCPU_HALTED));
		} else if (kind == 3) {
			CHECK(reaches(&guest, BH_VCPU_WAITING_EXIT));
		} else if (kind >= 4) {
			REQUIRE_OK(bh_receive(guest.endpoint, guest.reply, &message));
		}
		REQUIRE_OK(bh_cnode_revoke(SELF, guest.vcpu));
		REQUIRE_OK(bh_cnode_delete(SELF, guest.vcpu));
		REQUIRE_OK(bh_signal(guest.doorbell));
		REQUIRE(guest_answer(&guest, 0));
		REFUSED(BH_ERROR_WOULD_BLOCK, bh_receive_if_waiting(guest.endpoint, guest.reply, &message));
		REQUIRE_OK(bh_sched_context_bind(
			guest.context, object_new(BH_OBJECT_VCPU, 0))); /* the context is free again */
		REQUIRE_OK(bh_cnode_revoke(SELF, own));
		REQUIRE_OK(bh_untyped_retype(own, BH_OBJECT_UNTYPED, 19, 0, slot_new(), 1));
	}
}

static void foundations(void)
{
	struct test_guest guest;

	case_begin("vcpu.reply.deleted",
		"the VMM dies with an exit in its hands: the vCPU stops, and can be looked at and started again");
	seen_elsewhere("a VMM that dies in the middle of an exit: left the virtual CPU hanging in others");
	REQUIRE(guest_new_open(&guest, GUEST(cpuid)));
	CHECK_EQUAL(BH_EXIT_CPUID, guest_run(&guest));
	REQUIRE_OK(bh_cnode_delete(SELF, guest.reply));
	CHECK_EQUAL(BH_VCPU_STOPPED, guest_status(&guest));
	guest.reply = object_new(BH_OBJECT_REPLY, 0);
	CHECK_EQUAL(BH_EXIT_CPUID, guest_run(&guest));

	case_begin("vcpu.endpoint.revoked",
		"the VMM's endpoint is revoked with an exit in its queue: the vCPU stops");
	REQUIRE(guest_new_open(&guest, GUEST(cpuid)));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	CHECK(reaches(&guest, BH_VCPU_WAITING_EXIT));
	REQUIRE_OK(bh_cnode_revoke(SELF, guest.endpoint));
	REQUIRE_OK(bh_cnode_delete(SELF, guest.endpoint));
	CHECK_EQUAL(BH_VCPU_STOPPED, guest_status(&guest));

	case_begin("vcpu.space.revoked",
		"the guest space is revoked under a running vCPU: it stops; Run is refused until it has another");
	REQUIRE(guest_new_open(&guest, GUEST(spin)));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	CHECK(counts(&guest));
	REQUIRE_OK(bh_cnode_revoke(SELF, guest.space));
	CHECK(reaches(&guest, BH_VCPU_STOPPED));
	REFUSED(BH_ERROR_STATE, bh_vcpu_run(guest.vcpu));
	REQUIRE_OK(INVOKE(
		guest.vcpu, BH_VCPU_CONFIGURE, guest.space, 3 | 180 << 8)); /* the space itself was kept */
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	CHECK(counts(&guest));

	case_begin("vcpu.memory.revoked",
		"a Frame of guest RAM is revoked while the vCPU reads through it: MEMORY exit, although the translation "
		"was in the TLB");
	seen_elsewhere(
		"several kernels: guest RAM taken away while the vCPU runs, its translations still cached");
	REQUIRE(guest_new_open(&guest, GUEST(reader)));
	uint64_t frame;
	volatile uint32_t *shared = page_new(&frame);
	*shared = 0x600d;
	REQUIRE_OK(map_with_tables(copy_new(frame, BH_RIGHT_READ), guest.space, 0x2000, BH_MAP_READ));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	for (unsigned int i = 0; i < 10000 && word_at(&guest, 0x800) != 0x600d; i++) {
		pause_us(100);
	}
	CHECK_EQUAL(0x600d, word_at(&guest, 0x800));
	REQUIRE_OK(bh_cnode_revoke(SELF, frame));
	*shared = 0xbad;
	CHECK_EQUAL(BH_EXIT_MEMORY, guest_exit(&guest));
	CHECK_EQUAL(0x2000, guest.message.word[1]);
	CHECK_EQUAL(0x600d, word_at(&guest, 0x800));

	case_begin("vcpu.tables.revoked",
		"the guest's own page tables' memory (the PageTable objects) is taken away under it: MEMORY exit");
	REQUIRE(guest_new_bare(&guest, GUEST(spin)));
	uint64_t untyped = object_new(BH_OBJECT_UNTYPED, 14), tables = slot_run(3), space;
	REQUIRE_OK(bh_untyped_retype(untyped, BH_OBJECT_PAGE_TABLE, 0, 0, tables, 3));
	space = object_new(BH_OBJECT_GUEST_SPACE, 0);
	for (unsigned int i = 0; i < 3; i++) {
		REQUIRE_OK(INVOKE(tables + i, BH_PAGE_TABLE_MAP, space, 0, 3 - i));
	}
	REQUIRE_OK(INVOKE(copy_new(guest.memory_frame, BH_RIGHTS_ALL), BH_FRAME_MAP, space, 0, MAP_ALL));
	guest.endpoint = object_new(BH_OBJECT_ENDPOINT, 0);
	guest.reply = object_new(BH_OBJECT_REPLY, 0);
	guest.context = object_new(BH_OBJECT_SCHED_CONTEXT, 0);
	REQUIRE_OK(INVOKE(guest.vcpu, BH_VCPU_CONFIGURE, space, 100 << 8));
	guest.state->rflags |= 0x200; /* see guest_new_open */
	REQUIRE(guest_write_state(&guest));
	REQUIRE_OK(bh_vcpu_bind(guest.vcpu, BH_BIND_ALL_EXITS, guest.endpoint, 0));
	REQUIRE_OK(bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, guest.context, 2000, 2000));
	REQUIRE_OK(bh_sched_context_bind(guest.context, guest.vcpu));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	CHECK(counts(&guest));
	REQUIRE_OK(bh_cnode_revoke(SELF, untyped));
	CHECK_EQUAL(BH_EXIT_MEMORY, guest_exit(&guest));

	case_begin("vcpu.space.same_place",
		"a new guest space in the memory of a dead one is another space: nothing of the old one is seen");
	REQUIRE(guest_new_open(&guest, GUEST(read_memory)));
	untyped = object_new(BH_OBJECT_UNTYPED, BH_GUEST_SPACE_BITS);
	space = slot_new();
	for (unsigned int round = 0; round < 2; round++) {
		volatile uint8_t *other = page_new(&frame);

		*other = (uint8_t)(0x30 + round);
		REQUIRE_OK(bh_untyped_retype(untyped, BH_OBJECT_GUEST_SPACE, 0, 0, space, 1));
		REQUIRE_OK(map_with_tables(copy_new(guest.memory_frame, BH_RIGHTS_ALL), space, 0, MAP_ALL));
		REQUIRE_OK(map_with_tables(copy_new(frame, BH_RIGHTS_ALL), space, 0x2000, MAP_RW));
		REQUIRE_OK(INVOKE(guest.vcpu, BH_VCPU_CONFIGURE, space, 3 | 180 << 8));
		guest.state->rip = 0;
		REQUIRE(guest_write_state(&guest));
		CHECK_EQUAL(BH_EXIT_HLT, guest_run(&guest));
		CHECK_EQUAL(0x30 + round, guest.state->registers[BH_RAX] & 0xff);
		REQUIRE(guest_answer(&guest, BH_RESUME_STOP));
		REQUIRE_OK(bh_cnode_revoke(SELF, untyped));
	}

	case_begin("vcpu.notification.deleted",
		"a halted vCPU whose notification is deleted sleeps on, and can be stopped and bound anew");
	REQUIRE(guest_new_open(&guest, GUEST(hlt)));
	CHECK_EQUAL(BH_EXIT_HLT, guest_run(&guest));
	REQUIRE(guest_answer(&guest, BH_RESUME_HALT));
	CHECK(reaches(&guest, BH_VCPU_HALTED));
	REQUIRE_OK(bh_cnode_revoke(SELF, guest.notification));
	REQUIRE_OK(bh_cnode_delete(SELF, guest.notification));
	CHECK_EQUAL(BH_VCPU_HALTED, guest_status(&guest));
	REQUIRE_OK(bh_vcpu_bind_notification(guest.vcpu, object_new(BH_OBJECT_NOTIFICATION, 0)));
	REQUIRE_OK(bh_vcpu_stop(guest.vcpu));
	CHECK_EQUAL(BH_EXIT_HLT, guest_run(&guest));

	case_begin("vcpu.context.deleted",
		"the context of a running vCPU is deleted: it stands still; with a new one it goes on");
	REQUIRE(guest_new_open(&guest, GUEST(spin)));
	REQUIRE_OK(bh_vcpu_run(guest.vcpu));
	CHECK(counts(&guest));
	REQUIRE_OK(bh_cnode_delete(SELF, guest.context));
	uint32_t seen = word_at(&guest, 0x800);
	pause_us(2000);
	CHECK_EQUAL(seen, word_at(&guest, 0x800));
	guest.context = object_new(BH_OBJECT_SCHED_CONTEXT, 0);
	REQUIRE_OK(bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, guest.context, 2000, 2000));
	REQUIRE_OK(bh_sched_context_bind(guest.context, guest.vcpu));
	CHECK(counts(&guest));
}

static volatile uint64_t thread_rounds, thread_bad;

/* A thread with FPU state of its own. */
static void use_vectors(uint64_t pattern)
{
	for (;;) {
		uint64_t now = 0;

		__asm__ volatile("movq %1, %%xmm0\n\t"
				 "movl $2000, %%ecx\n"
				 "1: decl %%ecx\n\t"
				 "jnz 1b\n\t"
				 "movq %%xmm0, %0"
				 : "=r"(now)
				 : "r"(pattern)
				 : "ecx");
		thread_bad = thread_bad + (now != pattern ? 1 : 0);
		thread_rounds = thread_rounds + 1;
	}
}

static volatile uint64_t first_look[4];

static void look_at_vectors(uint64_t argument)
{
	uint64_t low, high;
	uint32_t control = 0;

	(void)argument;
	__asm__ volatile("movq %%xmm0, %0; psrldq $8, %%xmm0; movq %%xmm0, %1; stmxcsr %2"
			 : "=r"(low), "=r"(high), "=m"(control));
	first_look[0] = low | high;
	first_look[1] = control;
	first_look[2] = 1;
}

static void isolation(void)
{
	struct test_guest guests[2], third;
	struct test_thread thread = { .use_fpu = true };

	case_begin("vcpu.two",
		"two vCPUs and a thread with vector registers share the CPU by turns: none sees another's XMM or general registers");
	thread_rounds = 0;
	thread_bad = 0;
	for (unsigned int i = 0; i < 2; i++) {
		REQUIRE(guest_new_open(&guests[i], GUEST(pattern)));
		guests[i].state->cr4 = 0x600; /* OSFXSR, OSXMMEXCPT */
		guests[i].state->cr0 = 0x60000012;
		guests[i].state->registers[BH_RBX] = i == 0 ? 0xaaaa5555 : 0x12345678;
		REQUIRE(guest_write_state(&guests[i]));
		REQUIRE_OK(bh_sched_control_configure(BH_BOOT_SCHED_CONTROL, guests[i].context, 100, 100));
		REQUIRE_OK(bh_vcpu_run(guests[i].vcpu));
	}
	thread.budget = thread.period = 100;
	REQUIRE(thread_new(&thread, use_vectors, 0x1122334455667788, OWN_PRIORITY - 20, true));
	REQUIRE_OK(bh_thread_resume(thread.thread));
	for (unsigned int i = 0; i < 20; i++) {
		CHECK(counts(&guests[0]));
		CHECK(counts(&guests[1]));
		CHECK(wait_until(&thread_rounds, thread_rounds + 1));
	}
	CHECK_EQUAL(0, thread_bad);
	for (unsigned int i = 0; i < 2; i++) {
		struct bh_message message = { 0 };

		REFUSED(BH_ERROR_WOULD_BLOCK, bh_receive_if_waiting(guests[i].endpoint, guests[i].reply,
						      &message)); /* no OUT to 0xee */
	}

	case_begin("vcpu.fresh.fpu",
		"a fresh vCPU, and a fresh thread, find no vector register of who ran before");
	REQUIRE(guest_new_open(&guests[0], GUEST(pattern)));
	guests[0].state->cr4 = 0x600;
	guests[0].state->cr0 = 0x60000012;
	guests[0].state->registers[BH_RBX] = 0x5ec2e7;
	REQUIRE(guest_write_state(&guests[0]));
	REQUIRE_OK(bh_vcpu_run(guests[0].vcpu));
	CHECK(counts(&guests[0]));
	REQUIRE(guest_new_open(&third, GUEST(xmm)));
	third.state->cr4 = 0x600;
	third.state->cr0 = 0x60000012;
	REQUIRE(guest_write_state(&third));
	CHECK_EQUAL(BH_EXIT_HLT, guest_run(&third));
	CHECK_EQUAL(0, third.state->registers[BH_RCX]);
	CHECK(counts(&guests[0]));
	thread = (struct test_thread){ .use_fpu = true };
	first_look[2] = 0;
	REQUIRE(thread_new(&thread, look_at_vectors, 0, OWN_PRIORITY + 1, true));
	REQUIRE_OK(bh_thread_resume(thread.thread));
	CHECK_EQUAL(1, first_look[2]);
	CHECK_EQUAL(0, first_look[0]);
	CHECK_EQUAL(0x1f80, first_look[1]);
	REQUIRE_OK(bh_vcpu_stop(guests[0].vcpu));

	case_begin("vcpu.deleted.fpu", "nor of a vCPU that was deleted with its registers on the CPU");
	REQUIRE(guest_new_open(&guests[0], GUEST(pattern)));
	guests[0].state->cr4 = 0x600;
	guests[0].state->cr0 = 0x60000012;
	guests[0].state->registers[BH_RBX] = 0x5ec2e7;
	REQUIRE(guest_write_state(&guests[0]));
	REQUIRE_OK(bh_vcpu_run(guests[0].vcpu));
	CHECK(counts(&guests[0]));
	REQUIRE_OK(bh_cnode_revoke(SELF, guests[0].vcpu));
	REQUIRE_OK(bh_cnode_delete(SELF, guests[0].vcpu));
	thread = (struct test_thread){ .use_fpu = true };
	first_look[2] = 0;
	REQUIRE(thread_new(&thread, look_at_vectors, 0, OWN_PRIORITY + 1, true));
	REQUIRE_OK(bh_thread_resume(thread.thread));
	CHECK_EQUAL(1, first_look[2]);
	CHECK_EQUAL(0, first_look[0]);

	case_begin("vcpu.state.own",
		"control, debug and MSR state is each vCPU's own, although they share one CPU");
	for (unsigned int i = 0; i < 2; i++) {
		REQUIRE(guest_new_open(&guests[i], GUEST(cpuid)));
		guests[i].state->lstar = 0x1000 + i;
		guests[i].state->star = 0x2000 + i;
		guests[i].state->kernel_gs_base = 0x3000 + i;
		guests[i].state->sysenter_eip = 0x4000 + i;
		guests[i].state->sysenter_cs = 0x60 + i;
		guests[i].state->dr[0] = 0x5000 + i;
		guests[i].state->dr[3] = 0x6000 + i;
		guests[i].state->dr7 = 0x401;
		guests[i].state->segment[BH_FS].base = 0x8000 + i;
		guests[i].state->segment[BH_LDTR].base = 0x9000 + i;
		REQUIRE(guest_write_state(&guests[i]));
	}
	for (unsigned int i = 0; i < 2; i++) {
		CHECK_EQUAL(BH_EXIT_CPUID, guest_run(&guests[i]));
	}
	for (unsigned int i = 0; i < 2; i++) {
		guests[i].state->rip = 2;
		CHECK_EQUAL(BH_EXIT_HLT, guest_resume(&guests[i], 0));
		CHECK_EQUAL(0x1000 + i, guests[i].state->lstar);
		CHECK_EQUAL(0x2000 + i, guests[i].state->star);
		CHECK_EQUAL(0x3000 + i, guests[i].state->kernel_gs_base);
		CHECK_EQUAL(0x4000 + i, guests[i].state->sysenter_eip);
		CHECK_EQUAL(0x60 + i, guests[i].state->sysenter_cs);
		CHECK_EQUAL(0x5000 + i, guests[i].state->dr[0]);
		CHECK_EQUAL(0x6000 + i, guests[i].state->dr[3]);
		CHECK_EQUAL(0x8000 + i, guests[i].state->segment[BH_FS].base);
		CHECK_EQUAL(0x9000 + i, guests[i].state->segment[BH_LDTR].base);
	}
}

void group_guest_end(void)
{
	deleted();
	foundations();
	isolation();
}
