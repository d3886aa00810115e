/* SPDX-License-Identifier: MIT */
/* Retype: types and sizes, room, reuse, zeroed memory, device memory, and that its long work lets others run. */
#include "harness.h"

static const struct {
	uint8_t type, size_bits, bytes_bits;
} kinds[] = {
	{ BH_OBJECT_UNTYPED, 6, 6 },
	{ BH_OBJECT_CNODE, 1, 7 },
	{ BH_OBJECT_THREAD, 0, BH_THREAD_BITS },
	{ BH_OBJECT_SCHED_CONTEXT, 0, BH_SCHED_CONTEXT_BITS },
	{ BH_OBJECT_ENDPOINT, 0, BH_ENDPOINT_BITS },
	{ BH_OBJECT_REPLY, 0, BH_REPLY_BITS },
	{ BH_OBJECT_NOTIFICATION, 0, BH_NOTIFICATION_BITS },
	{ BH_OBJECT_TIMER, 0, BH_TIMER_BITS },
	{ BH_OBJECT_ADDRESS_SPACE, 0, BH_ADDRESS_SPACE_BITS },
	{ BH_OBJECT_PAGE_TABLE, 0, BH_PAGE_TABLE_BITS },
	{ BH_OBJECT_FRAME, 12, 12 },
	{ BH_OBJECT_FRAME, 21, 21 },
	{ BH_OBJECT_GUEST_SPACE, 0, BH_GUEST_SPACE_BITS },
	{ BH_OBJECT_VCPU, 0, BH_VCPU_BITS },
	{ BH_OBJECT_IRQ_HANDLER, 0, BH_IRQ_HANDLER_BITS },
	{ BH_OBJECT_IO_PORTS, 0, BH_IO_PORTS_BITS },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void types(void)
{
	uint64_t untyped, slot, cnode;

	case_begin("retype.types",
		"each type is made with the size that the ABI says: exactly two fit in an Untyped of twice that");
	seen_elsewhere("seL4: a retype of a VCPU could crash the kernel");
	for (unsigned int i = 0; i < KINDS; i++) {
		unsigned int bits = kinds[i].bytes_bits + 1u;

		untyped = object_new(BH_OBJECT_UNTYPED, bits);
		slot = slot_run(3);
		CHECK_EQUAL(BH_OK, bh_untyped_retype(untyped, kinds[i].type, kinds[i].size_bits, 0, slot, 2));
		CHECK_EQUAL(kinds[i].type, facts_of(slot).type);
		CHECK_EQUAL(BH_RIGHTS_ALL, facts_of(slot + 1).rights);
		CHECK(facts_of(slot).identity != facts_of(slot + 1).identity);
		REFUSED(BH_ERROR_MEMORY,
			bh_untyped_retype(untyped, kinds[i].type, kinds[i].size_bits, 0, slot + 2, 1));
	}

	case_begin("retype.refused.type", "what can't be made, or not with that size, is refused");
	slot = slot_new();
	REFUSED(BH_ERROR_ARGUMENT, bh_untyped_retype(pool, BH_OBJECT_NULL, 0, 0, slot, 1));
	REFUSED(BH_ERROR_ARGUMENT, bh_untyped_retype(pool, BH_OBJECT_SCHED_CONTROL, 0, 0, slot, 1));
	REFUSED(BH_ERROR_ARGUMENT, bh_untyped_retype(pool, BH_OBJECT_IRQ_CONTROL, 0, 0, slot, 1));
	REFUSED(BH_ERROR_ARGUMENT, bh_untyped_retype(pool, BH_OBJECT_IO_PORT_CONTROL, 0, 0, slot, 1));
	REFUSED(BH_ERROR_ARGUMENT, bh_untyped_retype(pool, BH_OBJECT_IO_SPACE_CONTROL, 0, 0, slot, 1));
	REFUSED(BH_ERROR_ARGUMENT, bh_untyped_retype(pool, BH_OBJECT_TYPES, 0, 0, slot, 1));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(pool, BH_UNTYPED_RETYPE, ~UINT64_C(0), 0, 0, slot, 1));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(pool, BH_UNTYPED_RETYPE, 256 + BH_OBJECT_ENDPOINT, 0, 0, slot, 1));
	REFUSED(BH_ERROR_ARGUMENT, bh_untyped_retype(pool, BH_OBJECT_ENDPOINT, 6, 0, slot, 1));
	REFUSED(BH_ERROR_ARGUMENT, bh_untyped_retype(pool, BH_OBJECT_UNTYPED, 5, 0, slot, 1));
	REFUSED(BH_ERROR_ARGUMENT, bh_untyped_retype(pool, BH_OBJECT_UNTYPED, 48, 0, slot, 1));
	REFUSED(BH_ERROR_ARGUMENT, bh_untyped_retype(pool, BH_OBJECT_UNTYPED, 64 + 12, 0, slot, 1));
	REFUSED(BH_ERROR_ARGUMENT, bh_untyped_retype(pool, BH_OBJECT_CNODE, 0, 0, slot, 1));
	REFUSED(BH_ERROR_ARGUMENT, bh_untyped_retype(pool, BH_OBJECT_CNODE, 21, 0, slot, 1));
	REFUSED(BH_ERROR_ARGUMENT, bh_untyped_retype(pool, BH_OBJECT_FRAME, 13, 0, slot, 1));
	REFUSED(BH_ERROR_ARGUMENT, bh_untyped_retype(pool, BH_OBJECT_FRAME, 0, 0, slot, 1));
	REFUSED(BH_ERROR_MEMORY, bh_untyped_retype(pool, BH_OBJECT_FRAME, 30, 0, slot, 1));
	REFUSED(BH_ERROR_MEMORY, bh_untyped_retype(pool, BH_OBJECT_UNTYPED, 47, 0, slot, 1));

	case_begin("retype.refused.slots", "count and slots are checked before anything is made");
	cnode = object_new(BH_OBJECT_CNODE, 3);
	slot = slot_run(4);
	REFUSED(BH_ERROR_ARGUMENT, bh_untyped_retype(pool, BH_OBJECT_ENDPOINT, 0, 0, slot, 0));
	REFUSED(BH_ERROR_ARGUMENT, bh_untyped_retype(pool, BH_OBJECT_ENDPOINT, 0, 0, slot, 257));
	REFUSED(BH_ERROR_ARGUMENT,
		bh_untyped_retype(pool, BH_OBJECT_ENDPOINT, 0, 0, slot, UINT64_C(1) << 32 | 1));
	REFUSED(BH_ERROR_ARGUMENT, bh_untyped_retype(pool, BH_OBJECT_ENDPOINT, 0, cnode, 0, 1));
	REFUSED(BH_ERROR_ARGUMENT, bh_untyped_retype(pool, BH_OBJECT_ENDPOINT, 0, cnode, 6, 3));
	REFUSED(BH_ERROR_ARGUMENT, bh_untyped_retype(pool, BH_OBJECT_ENDPOINT, 0, cnode, ~UINT64_C(0), 2));
	REFUSED(BH_ERROR_CAPABILITY, bh_untyped_retype(pool, BH_OBJECT_ENDPOINT, 0, NO_SLOT, 1, 1));
	REFUSED(BH_ERROR_TYPE, bh_untyped_retype(pool, BH_OBJECT_ENDPOINT, 0, pool, 1, 1));
	REFUSED(BH_ERROR_RIGHTS,
		bh_untyped_retype(pool, BH_OBJECT_ENDPOINT, 0, copy_new(cnode, BH_RIGHT_READ), 1, 1));
	REQUIRE_OK(bh_untyped_retype(pool, BH_OBJECT_ENDPOINT, 0, cnode, 5, 1));
	REFUSED(BH_ERROR_SLOT_OCCUPIED, bh_untyped_retype(pool, BH_OBJECT_ENDPOINT, 0, cnode, 3, 4));
	struct bh_capability_facts facts;
	REFUSED(BH_ERROR_SLOT_EMPTY, bh_cnode_inspect(cnode, 3, &facts));
	REQUIRE_OK(bh_untyped_retype(pool, BH_OBJECT_ENDPOINT, 0, cnode, 6, 2)); /* the last slots */
}

static void room(void)
{
	uint64_t untyped, slot, identity, address, other;
	uint64_t *page;

	case_begin(
		"retype.room", "objects are aligned to their size, and an Untyped gives out its bytes once");
	untyped = object_new(BH_OBJECT_UNTYPED, 14);
	slot = slot_run(4);
	REQUIRE_OK(bh_untyped_retype(untyped, BH_OBJECT_ENDPOINT, 0, 0, slot, 1));
	REQUIRE_OK(bh_untyped_retype(untyped, BH_OBJECT_FRAME, 12, 0, slot + 1, 1)); /* second page */
	CHECK_EQUAL(facts_of(untyped).identity + 4096, facts_of(slot + 1).identity);
	REQUIRE_OK(bh_untyped_retype(untyped, BH_OBJECT_UNTYPED, 13, 0, slot + 2, 1)); /* second half */
	REFUSED(BH_ERROR_MEMORY, bh_untyped_retype(untyped, BH_OBJECT_ENDPOINT, 0, 0, slot + 3, 1));

	case_begin("retype.reuse",
		"memory comes back when the last descendant is gone, not before, and starts again from the beginning");
	untyped = object_new(BH_OBJECT_UNTYPED, 13);
	slot = slot_run(3);
	REQUIRE_OK(bh_untyped_retype(untyped, BH_OBJECT_FRAME, 12, 0, slot, 2));
	other = copy_new(slot, BH_RIGHT_READ);
	identity = facts_of(slot).identity < facts_of(slot + 1).identity ? facts_of(slot).identity
									 : facts_of(slot + 1).identity;
	REQUIRE_OK(bh_cnode_delete(SELF, slot));
	REQUIRE_OK(bh_cnode_delete(SELF, slot + 1));
	REFUSED(BH_ERROR_MEMORY,
		bh_untyped_retype(untyped, BH_OBJECT_FRAME, 12, 0, slot, 1)); /* the copy lives */
	REQUIRE_OK(bh_cnode_delete(SELF, other));
	REQUIRE_OK(bh_untyped_retype(untyped, BH_OBJECT_FRAME, 12, 0, slot, 1));
	CHECK_EQUAL(identity, facts_of(slot).identity);

	case_begin("retype.zeroed", "memory that had contents is zero in its next object");
	untyped = object_new(BH_OBJECT_UNTYPED, 13);
	slot = slot_run(2);
	address = address_new(4096);
	page = (uint64_t *)address;
	for (unsigned int round = 0; round < 2; round++) {
		uint64_t sum = 0;

		REQUIRE_OK(bh_untyped_retype(untyped, BH_OBJECT_FRAME, 12, 0, slot, 1));
		REQUIRE_OK(map_with_tables(slot, OWN_SPACE, address, MAP_RW));
		for (unsigned int i = 0; i < 512; i++) {
			sum |= page[i];
			page[i] = ~UINT64_C(0);
		}
		CHECK_EQUAL(0, sum);
		REQUIRE_OK(bh_cnode_revoke(SELF, untyped));
	}
	/* what an object left behind doesn't show either */
	REQUIRE_OK(bh_untyped_retype(untyped, BH_OBJECT_CNODE, 6, 0, slot, 1));
	REQUIRE_OK(bh_cnode_copy(slot, 1, 0, SELF, BH_RIGHTS_ALL));
	REQUIRE_OK(bh_cnode_revoke(SELF, untyped));
	REQUIRE_OK(bh_untyped_retype(untyped, BH_OBJECT_FRAME, 12, 0, slot, 1));
	REQUIRE_OK(map_with_tables(slot, OWN_SPACE, address, MAP_RW));
	for (unsigned int i = 0; i < 512; i++) {
		CHECK_EQUAL(0, page[i]);
	}

	case_begin("retype.nested", "Revoke of an Untyped takes the objects of its child Untypeds");
	untyped = object_new(BH_OBJECT_UNTYPED, 14);
	slot = slot_run(3);
	REQUIRE_OK(bh_untyped_retype(untyped, BH_OBJECT_UNTYPED, 13, 0, slot, 1));
	REQUIRE_OK(bh_untyped_retype(slot, BH_OBJECT_UNTYPED, 12, 0, slot + 1, 1));
	REQUIRE_OK(bh_untyped_retype(slot + 1, BH_OBJECT_ENDPOINT, 0, 0, slot + 2, 1));
	REQUIRE_OK(bh_cnode_revoke(SELF, untyped));
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQUAL(BH_OBJECT_NULL, facts_of(slot + i).type);
	}
	CHECK_EQUAL(BH_OBJECT_UNTYPED, facts_of(untyped).type);
}

static void device(void)
{
	uint64_t untyped = 0, slot;
	const uint8_t *page;

	case_begin("retype.device",
		"device memory becomes Untyped and Frame only, and is never zeroed: the module's own file shows in it");
	for (uint32_t i = 0; i < boot_info->untyped_count; i++) {
		if (boot_info->untyped[i].module == 1 &&
			boot_info->untyped[i].physical == boot_info->module[0].physical) {
			untyped = boot_info->untyped_first + i;
		}
	}
	REQUIRE(untyped != 0);
	slot = slot_run(2);
	for (unsigned int i = 0; i < KINDS; i++) {
		if (kinds[i].type != BH_OBJECT_UNTYPED && kinds[i].type != BH_OBJECT_FRAME) {
			REFUSED(BH_ERROR_ARGUMENT,
				bh_untyped_retype(untyped, kinds[i].type, kinds[i].size_bits, 0, slot, 1));
		}
	}
	REQUIRE_OK(bh_untyped_retype(untyped, BH_OBJECT_UNTYPED, 12, 0, slot, 1));
	REFUSED(BH_ERROR_ARGUMENT, bh_untyped_retype(slot, BH_OBJECT_ENDPOINT, 0, 0, slot + 1,
					   1)); /* the child is device, too */
	REQUIRE_OK(bh_untyped_retype(slot, BH_OBJECT_FRAME, 12, 0, slot + 1, 1));
	page = (const uint8_t *)address_new(4096);
	REQUIRE_OK(map_with_tables(slot + 1, OWN_SPACE, (uint64_t)page, BH_MAP_READ));
	CHECK_EQUAL(0x7f, page[0]);
	CHECK_EQUAL('E', page[1]);
	CHECK_EQUAL('L', page[2]);
	CHECK_EQUAL('F', page[3]);
	REQUIRE_OK(bh_cnode_revoke(SELF, untyped));
}

static struct test_thread watch;
static uint64_t watch_timer, watch_notification;
static volatile uint64_t latest, watched;

/* Outranks all and is woken each 20 us or so: by how much too late, at most? */
static void be_woken(uint64_t argument)
{
	uint64_t word, deadline, late;

	(void)argument;
	for (;;) {
		deadline = rdtsc() + ticks_of_us(20) +
			   watched % 64 * 31; /* not in step with what it interrupts */
		if (bh_timer_arm(watch_timer, deadline) != BH_OK ||
			bh_wait(watch_notification, &word) != BH_OK) {
			__asm__ volatile("ud2");
		}
		late = rdtsc() - deadline;
		latest = late > latest ? late : latest;
		watched = watched + 1;
	}
}

/* How late it was at most while so many of these objects were made; 0: never woken. */
static uint64_t latency(enum bh_object_type type, uint64_t size_bits, uint64_t count)
{
	uint64_t first = slot_run(count);

	latest = watched = 0;
	if (bh_untyped_retype(pool, type, size_bits, 0, first, count) != BH_OK || watched < 2) {
		return 0;
	}
	return latest;
}

static uint64_t shared, other_slot;
static volatile uint64_t other_error;

/* Woken in the middle of a Retype: makes a Frame of the same memory. */
static void retype_too(uint64_t notification)
{
	uint64_t word;

	for (;;) {
		if (bh_wait(notification, &word) != BH_OK) {
			__asm__ volatile("ud2");
		}
		other_error = bh_untyped_retype(shared, BH_OBJECT_FRAME, 12, 0, other_slot, 1);
		watched = watched + 1;
	}
}

#define MANY 32 /* VCPUs: half a megabyte */

static void mixed(void)
{
	struct test_thread other = { 0 };
	uint64_t notification, timer, first, page, address, state, sum = 0;

	case_begin("retype.preempted.kinds",
		"while a Retype of VCPUs is preempted another thread makes a Frame of the same memory: the Frame is zero, and each VCPU is "
		"that of a CPU after reset, wherever it was interrupted");
	notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	timer = object_new(BH_OBJECT_TIMER, 0);
	shared = object_new(BH_OBJECT_UNTYPED, 20);
	first = slot_run(MANY);
	page = slot_new();
	other_slot = slot_new();
	address = address_new(4096);
	state = address_new(4096);
	watched = 0;
	REQUIRE_OK(map_with_tables(
		object_new(BH_OBJECT_FRAME, 12), OWN_SPACE, address, MAP_RW)); /* the tables */
	REQUIRE_OK(bh_timer_bind(timer, mint_new(notification, BH_RIGHTS_ALL, 1)));
	REQUIRE(thread_new(&other, retype_too, notification, OWN_PRIORITY + 20, true));
	REQUIRE_OK(bh_thread_resume(other.thread));
	address = address_new(4096);
	for (uint64_t round = 0; round < 40; round++) {
		REQUIRE_OK(bh_timer_arm(timer, rdtsc() + 2000 + round * 2600));
		REQUIRE_OK(bh_untyped_retype(shared, BH_OBJECT_VCPU, 0, 0, first, MANY));
		REQUIRE(wait_until(&watched, round + 1));
		CHECK_EQUAL(BH_OK, other_error);
		REQUIRE_OK(map_with_tables(other_slot, OWN_SPACE, address, BH_MAP_READ));
		for (unsigned int i = 0; i < 512; i++) {
			sum |= ((const volatile uint64_t *)address)[i];
		}
		CHECK_EQUAL(0, sum);
		for (unsigned int i = 0; i < MANY; i++) {
			const volatile struct bh_vcpu_state *page_of =
				(const volatile struct bh_vcpu_state *)state;

			REQUIRE_OK(bh_vcpu_state_frame(first + i, 0, page));
			REQUIRE_OK(map_with_tables(page, OWN_SPACE, state, BH_MAP_READ));
			CHECK(page_of->size == sizeof(*page_of) && page_of->rip == 0xfff0 &&
				page_of->xcr0 == 1 && page_of->registers[BH_RAX] == 0 &&
				page_of->inject == 0);
			REQUIRE_OK(bh_cnode_delete(SELF, page));
		}
		REQUIRE_OK(bh_cnode_revoke(SELF, shared));
	}
}

static void interrupted(void)
{
	uint64_t frames, vcpus, spaces;

	case_begin("retype.latency",
		"an interrupt waits no longer while 256 VCPUs, or 32 guest spaces, are made and initialised than while Frames are");
	watch = (struct test_thread){ 0 };
	watch_timer = object_new(BH_OBJECT_TIMER, 0);
	watch_notification = object_new(BH_OBJECT_NOTIFICATION, 0);
	REQUIRE_OK(bh_timer_bind(watch_timer, mint_new(watch_notification, BH_RIGHTS_ALL, 1)));
	REQUIRE(thread_new(&watch, be_woken, 0, OWN_PRIORITY + 20, true));
	REQUIRE_OK(bh_thread_resume(watch.thread));
	frames = latency(BH_OBJECT_FRAME, 12, 256);
	vcpus = latency(BH_OBJECT_VCPU, 0, 256);
	spaces = latency(BH_OBJECT_GUEST_SPACE, 0, 32);
	CHECK(frames != 0 && vcpus != 0 && spaces != 0);
	CHECK(vcpus < frames + frames / 2);
	CHECK(spaces < frames + frames / 2);
	print("  late by %u, %u, %u\n", frames, vcpus, spaces);

	mixed();
}

static void preempted(void)
{
	uint64_t slot, first, address, untyped, sum = 0;

	case_begin("retype.preempted",
		"zeroing 32 MiB lets a thread of higher priority run meanwhile, and zeroes all of it "
		"(another kernel: one non-preemptible creation of a large object)");
	REQUIRE(ticker_start(300));
	slot = slot_run(16);
	ticks = 0;
	REQUIRE_OK(bh_untyped_retype(pool, BH_OBJECT_FRAME, 21, 0, slot, 16));
	CHECK(ticks >= 1);
	for (unsigned int i = 0; i < 16; i++) {
		address = address_new(1u << 21);
		REQUIRE_OK(map_with_tables(slot + i, OWN_SPACE, address, MAP_RW));
		for (unsigned int j = 0; j < 1u << 18; j += 16) {
			sum |= ((const volatile uint64_t *)address)[j];
			((volatile uint64_t *)address)[j] = 0x5a5a5a5a5a5a5a5a;
		}
	}
	CHECK_EQUAL(0, sum);
	REQUIRE_OK(bh_cnode_revoke(SELF, slot));

	seen_elsewhere("several L4 kernels: one non-preemptible creation of a large object");

	case_begin("retype.preempted.again",
		"the same memory, dirty, with the clock ticking: still zero in the next object");
	REQUIRE(ticker_start(300));
	slot = slot_run(16);
	REQUIRE_OK(bh_untyped_retype(pool, BH_OBJECT_FRAME, 21, 0, slot, 16));
	for (unsigned int i = 0; i < 16; i++) {
		address = address_new(1u << 21);
		REQUIRE_OK(map_with_tables(slot + i, OWN_SPACE, address, BH_MAP_READ));
		for (unsigned int j = 0; j < 1u << 18; j += 16) {
			sum |= ((const volatile uint64_t *)address)[j];
		}
	}
	CHECK_EQUAL(0, sum);

	case_begin("revoke.preempted",
		"Revoke of 8000 capabilities lets a thread of higher priority run meanwhile, and is complete");
	REQUIRE(ticker_start(100));
	slot = object_new(BH_OBJECT_ENDPOINT, 0);
	first = slot_run(8000);
	for (unsigned int i = 0; i < 8000; i++) {
		CHECK_EQUAL(BH_OK, bh_cnode_copy(SELF, first + i, 0, slot, BH_RIGHTS_ALL));
	}
	ticks = 0;
	REQUIRE_OK(bh_cnode_revoke(SELF, slot));
	CHECK(ticks >= 1);
	for (unsigned int i = 0; i < 8000; i++) {
		CHECK_EQUAL(BH_OBJECT_NULL, facts_of(first + i).type);
	}

	case_begin("teardown.preempted",
		"the end of a CNode of 65536 slots lets others run meanwhile, and its memory is usable after it");
	REQUIRE(ticker_start(100));
	untyped = object_new(BH_OBJECT_UNTYPED, 22);
	slot = slot_new();
	REQUIRE_OK(bh_untyped_retype(untyped, BH_OBJECT_CNODE, 16, 0, slot, 1));
	first = object_new(BH_OBJECT_ENDPOINT, 0);
	for (uint64_t i = 1; i < 65536; i += 16) {
		CHECK_EQUAL(BH_OK, bh_cnode_copy(slot, i, 0, first, BH_RIGHTS_ALL));
	}
	ticks = 0;
	REQUIRE_OK(bh_cnode_delete(SELF, slot));
	CHECK(ticks >= 1);
	REQUIRE_OK(bh_untyped_retype(untyped, BH_OBJECT_FRAME, 21, 0, slot, 1));
	REQUIRE_OK(bh_cnode_revoke(SELF, first)); /* nothing of the dead CNode is left in the list */
}

void group_untyped(void)
{
	types();
	room();
	device();
	preempted();
	interrupted();
}
