/* SPDX-License-Identifier: MIT */
/* No translation outlives its mapping: every way in which a mapping ends, while a TLB has it. QEMU's emulator forgets a guest's
 * translations at every entry and exit, so this group also runs in Bochs (bochs.py). */
#include "guest.h"
#include "probe.h"

GUEST_CODE(reread);
GUEST_CODE(rewrite);

#define OLD 0x600d
#define NEW 0xface
#define AT 0x2000 /* where the guest reads and writes */

/* --- host --- */

static uint64_t frame, derived;

/* A Frame, and one derived from it that is mapped at HIGH_PAGE, a large one at HIGH, in the own space, read by another thread just before. */
static bool host_mapped(unsigned int bits, uint64_t flags)
{
	uint64_t value = 0, at = bits == 12 ? HIGH_PAGE : HIGH;
	uint64_t *window = (uint64_t *)address_new(UINT64_C(1) << bits);

	frame = object_new(BH_OBJECT_FRAME, bits);
	derived = copy_new(frame, BH_RIGHTS_ALL);
	if (map_with_tables(frame, OWN_SPACE, (uint64_t)window, MAP_RW) != BH_OK ||
		map_with_tables(derived, OWN_SPACE, at, flags) != BH_OK) {
		return false;
	}
	*window = OLD;
	return probe(probe_read, at, &value) == WORKED && value == OLD;
}

/* A Frame at HIGH_PAGE, with contents NEW. */
static bool host_map_new(void)
{
	uint64_t other;
	uint64_t *window = page_new(&other);

	*window = NEW;
	return map_with_tables(copy_new(other, BH_RIGHTS_ALL), OWN_SPACE, HIGH_PAGE, MAP_RW) == BH_OK;
}

static void host_frames(void)
{
	uint64_t value = 0, other;

	case_begin("flush.host.unmap", "Unmap: the next access of a thread that had just read there faults");
	REQUIRE(host_mapped(12, MAP_RW));
	REQUIRE_OK(INVOKE(derived, BH_FRAME_UNMAP, 0));
	CHECK_EQUAL(PAGE_FAULT, readable(HIGH_PAGE));

	case_begin("flush.host.large", "Unmap of a 2 MiB Frame: likewise, at its first and its last page");
	REQUIRE(host_mapped(21, MAP_RW));
	CHECK_EQUAL(WORKED, readable(HIGH + 0x1ff000));
	REQUIRE_OK(INVOKE(derived, BH_FRAME_UNMAP, 0));
	CHECK_EQUAL(PAGE_FAULT, readable(HIGH));
	CHECK_EQUAL(PAGE_FAULT, readable(HIGH + 0x1ff000));

	case_begin("flush.host.delete", "the end of the Frame capability: likewise");
	REQUIRE(host_mapped(12, MAP_RW));
	REQUIRE_OK(bh_cnode_delete(SELF, derived));
	CHECK_EQUAL(PAGE_FAULT, readable(HIGH_PAGE));

	case_begin("flush.host.revoke", "Revoke of what the Frame capability was derived from: likewise");
	REQUIRE(host_mapped(12, MAP_RW));
	REQUIRE_OK(bh_cnode_revoke(SELF, frame));
	CHECK_EQUAL(PAGE_FAULT, readable(HIGH_PAGE));

	case_begin("flush.host.protect",
		"mapped again without write: a write faults, though one had just worked");
	REQUIRE(host_mapped(12, MAP_RW));
	CHECK_EQUAL(WORKED, writable(HIGH_PAGE));
	REQUIRE_OK(INVOKE(derived, BH_FRAME_UNMAP, 0));
	REQUIRE_OK(INVOKE(derived, BH_FRAME_MAP, OWN_SPACE, HIGH_PAGE, BH_MAP_READ));
	CHECK_EQUAL(PAGE_FAULT, writable(HIGH_PAGE));

	case_begin(
		"flush.host.replace", "another Frame at the address of one that went: its contents are seen");
	REQUIRE(host_mapped(12, MAP_RW));
	REQUIRE_OK(INVOKE(derived, BH_FRAME_UNMAP, 0));
	REQUIRE(host_map_new());
	CHECK_EQUAL(WORKED, probe(probe_read, HIGH_PAGE, &value));
	CHECK_EQUAL(NEW, value);

	case_begin("flush.host.moved",
		"a mapped capability moves to another slot and is deleted there: its translation goes, too");
	REQUIRE(host_mapped(12, MAP_RW));
	other = slot_new();
	REQUIRE_OK(bh_cnode_move(SELF, other, 0, derived));
	CHECK_EQUAL(WORKED, readable(HIGH_PAGE));
	REQUIRE_OK(bh_cnode_delete(SELF, other));
	CHECK_EQUAL(PAGE_FAULT, readable(HIGH_PAGE));
}

static void host_tables(void)
{
	static const char *const names[] = { "flush.host.table.1", "flush.host.table.2",
		"flush.host.table.3" };
	uint64_t tables, untyped, value = 0;

	for (unsigned int level = 1; level <= 3; level++) {
		case_begin(names[level - 1],
			"Unmap of the PageTable of that level: what was below it is out of reach at once, and another "
			"Frame at the address is seen");
		tables = slot_run(3);
		REQUIRE_OK(bh_untyped_retype(pool, BH_OBJECT_PAGE_TABLE, 0, 0, tables, 3));
		for (unsigned int at = 3; at >= 1; at--) {
			REQUIRE_OK(INVOKE(tables + at - 1, BH_PAGE_TABLE_MAP, OWN_SPACE, HIGH, at));
		}
		REQUIRE(host_mapped(12, MAP_RW));
		REQUIRE_OK(INVOKE(tables + level - 1, BH_PAGE_TABLE_UNMAP, 0));
		CHECK_EQUAL(PAGE_FAULT, readable(HIGH_PAGE));
		REQUIRE(host_map_new());
		CHECK_EQUAL(WORKED, probe(probe_read, HIGH_PAGE, &value));
		CHECK_EQUAL(NEW, value);
	}

	case_begin("flush.host.untyped",
		"Revoke of the Untyped that PageTables and Frame are made from: all at once, and the memory's next "
		"contents are not seen at the old address");
	untyped = object_new(BH_OBJECT_UNTYPED, 16);
	tables = slot_run(4);
	REQUIRE_OK(bh_untyped_retype(untyped, BH_OBJECT_PAGE_TABLE, 0, 0, tables, 3));
	REQUIRE_OK(bh_untyped_retype(untyped, BH_OBJECT_FRAME, 12, 0, tables + 3, 1));
	for (unsigned int i = 0; i < 3; i++) {
		REQUIRE_OK(INVOKE(tables + i, BH_PAGE_TABLE_MAP, OWN_SPACE, HIGH, 3 - i));
	}
	REQUIRE_OK(INVOKE(tables + 3, BH_FRAME_MAP, OWN_SPACE, HIGH_PAGE, MAP_RW));
	CHECK_EQUAL(WORKED, writable(HIGH_PAGE));
	REQUIRE_OK(bh_cnode_revoke(SELF, untyped));
	CHECK_EQUAL(PAGE_FAULT, readable(HIGH_PAGE));
}

/* --- guest --- */

static struct test_guest guest;

/* A guest with a page at AT that it has just read; `frame` is what its Frame was derived from. */
static bool guest_mapped_with(const uint8_t *code, const uint8_t *end, uint64_t flags)
{
	uint32_t *window;

	if (!guest_new(&guest, code, end)) {
		return false;
	}
	window = page_new(&frame);
	*window = OLD;
	derived = copy_new(frame, BH_RIGHTS_ALL);
	return map_with_tables(derived, guest.space, AT, flags) == BH_OK && guest_run(&guest) == BH_EXIT_HLT;
}

static bool guest_mapped(void)
{
	return guest_mapped_with(GUEST(reread), MAP_RW) && (uint32_t)guest.state->registers[BH_RAX] == OLD;
}

/* Lets it go on behind its HLT. */
static unsigned int guest_again(struct test_guest *one)
{
	one->state->rip = one->state->rip + 1;
	return guest_resume(one, 0);
}

static bool guest_map_new(void)
{
	uint64_t other;
	uint32_t *window = page_new(&other);

	*window = NEW;
	return map_with_tables(copy_new(other, BH_RIGHTS_ALL), guest.space, AT, MAP_RW) == BH_OK;
}

static void guest_misses(unsigned int protection)
{
	CHECK_EQUAL(BH_EXIT_MEMORY, guest_again(&guest));
	CHECK_EQUAL(AT, guest.message.word[1]);
	CHECK_EQUAL(protection, guest.message.word[2] & (BH_MEMORY_PRESENT | BH_MEMORY_WRITE));
}

static void guest_frames(void)
{
	case_begin("flush.guest.unmap", "Unmap: the guest that had just read there leaves by MEMORY");
	REQUIRE(guest_mapped());
	REQUIRE_OK(INVOKE(derived, BH_FRAME_UNMAP, 0));
	guest_misses(0);

	case_begin("flush.guest.delete", "the end of the Frame capability: likewise");
	REQUIRE(guest_mapped());
	REQUIRE_OK(bh_cnode_delete(SELF, derived));
	guest_misses(0);

	case_begin("flush.guest.revoke", "Revoke of what the Frame capability was derived from: likewise");
	REQUIRE(guest_mapped());
	REQUIRE_OK(bh_cnode_revoke(SELF, frame));
	guest_misses(0);

	case_begin("flush.guest.protect", "mapped again without write: a write leaves by MEMORY");
	REQUIRE(guest_mapped_with(GUEST(rewrite), MAP_RW));
	REQUIRE_OK(INVOKE(derived, BH_FRAME_UNMAP, 0));
	REQUIRE_OK(INVOKE(derived, BH_FRAME_MAP, guest.space, AT, BH_MAP_READ));
	guest_misses(BH_MEMORY_PRESENT | BH_MEMORY_WRITE);

	case_begin("flush.guest.replace",
		"another Frame at the address of one that went: its contents are seen");
	REQUIRE(guest_mapped());
	REQUIRE_OK(INVOKE(derived, BH_FRAME_UNMAP, 0));
	REQUIRE(guest_map_new());
	CHECK_EQUAL(BH_EXIT_HLT, guest_again(&guest));
	CHECK_EQUAL(NEW, (uint32_t)guest.state->registers[BH_RAX]);
}

static void guest_tables(void)
{
	static const char *const names[] = { "flush.guest.table.1", "flush.guest.table.2",
		"flush.guest.table.3" };
	uint64_t tables, space;

	for (unsigned int level = 1; level <= 3; level++) {
		case_begin(names[level - 1],
			"Unmap of the guest space's PageTable of that level: all below it is gone, its code too");
		REQUIRE(guest_mapped());
		REQUIRE(guest_answer(&guest, BH_RESUME_STOP));
		space = object_new(BH_OBJECT_GUEST_SPACE, 0);
		tables = slot_run(3);
		REQUIRE_OK(bh_untyped_retype(pool, BH_OBJECT_PAGE_TABLE, 0, 0, tables, 3));
		for (unsigned int at = 3; at >= 1; at--) {
			REQUIRE_OK(INVOKE(tables + at - 1, BH_PAGE_TABLE_MAP, space, 0, at));
		}
		REQUIRE_OK(
			INVOKE(copy_new(guest.memory_frame, BH_RIGHTS_ALL), BH_FRAME_MAP, space, 0, MAP_ALL));
		REQUIRE_OK(INVOKE(copy_new(frame, BH_RIGHTS_ALL), BH_FRAME_MAP, space, AT, MAP_RW));
		REQUIRE_OK(INVOKE(guest.vcpu, BH_VCPU_CONFIGURE, space, 3 | 180 << 8));
		guest.state->rip = 0;
		REQUIRE(guest_write_state(&guest));
		CHECK_EQUAL(BH_EXIT_HLT, guest_run(&guest));
		REQUIRE_OK(INVOKE(tables + level - 1, BH_PAGE_TABLE_UNMAP, 0));
		CHECK_EQUAL(BH_EXIT_MEMORY, guest_again(&guest));
		CHECK_EQUAL(BH_MEMORY_FETCH, guest.message.word[2] & (BH_MEMORY_FETCH | BH_MEMORY_PRESENT));
	}
}

/* Two guests whose page at AT is not the same. */
static bool two_guests(struct test_guest pair[2])
{
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t other;
		uint32_t *window;

		if (!guest_new(&pair[i], GUEST(reread))) {
			return false;
		}
		window = page_new(&other);
		*window = i == 0 ? OLD : NEW;
		if (map_with_tables(copy_new(other, BH_RIGHTS_ALL), pair[i].space, AT, MAP_RW) != BH_OK ||
			guest_run(&pair[i]) != BH_EXIT_HLT) {
			return false;
		}
	}
	return true;
}

static void guests(void)
{
	static struct test_guest pair[2];
	uint64_t other;

	case_begin("flush.guest.two",
		"two guests by turns, with other memory at the same address: each sees its own every time");
	REQUIRE(two_guests(pair));
	for (unsigned int i = 0; i < 20; i++) {
		CHECK_EQUAL(BH_EXIT_HLT, guest_again(&pair[i % 2]));
		CHECK_EQUAL(i % 2 == 0 ? OLD : NEW, (uint32_t)pair[i % 2].state->registers[BH_RAX]);
	}

	case_begin("flush.guest.two_vcpus",
		"two vCPUs of one guest space have both read a page: Unmap flushes the translations of both");
	REQUIRE(guest_mapped());
	REQUIRE(guest_new(&pair[1], GUEST(reread)));
	REQUIRE_OK(INVOKE(pair[1].vcpu, BH_VCPU_CONFIGURE, guest.space, 4 | 180 << 8));
	CHECK_EQUAL(BH_EXIT_HLT, guest_run(&pair[1]));
	REQUIRE_OK(INVOKE(derived, BH_FRAME_UNMAP, 0));
	guest_misses(0);
	CHECK_EQUAL(BH_EXIT_MEMORY, guest_again(&pair[1]));

	case_begin("flush.guest.moved",
		"a vCPU is given another guest space, and the first one again after a page changed there: it never sees "
		"what it had cached");
	REQUIRE(two_guests(pair));
	for (unsigned int i = 0; i < 4; i++) {
		REQUIRE(guest_answer(&pair[0], BH_RESUME_STOP));
		REQUIRE_OK(INVOKE(pair[0].vcpu, BH_VCPU_CONFIGURE, pair[(i + 1) % 2].space, 3 | 180 << 8));
		pair[0].state->rip = 0;
		REQUIRE(guest_write_state(&pair[0]));
		CHECK_EQUAL(BH_EXIT_HLT, guest_run(&pair[0]));
		CHECK_EQUAL(i % 2 == 0 ? NEW : OLD, (uint32_t)pair[0].state->registers[BH_RAX]);
	}

	case_begin("flush.guest.rollover",
		"more flushes than the CPU has ASIDs: when they begin anew, no guest sees what another had cached under "
		"the same number");
	REQUIRE(two_guests(pair));
	other = object_new(BH_OBJECT_FRAME, 12);
	for (unsigned int i = 0; i < asid_count() + 10; i++) {
		/* a mapping that goes makes the space's next entry take another ASID */
		REQUIRE_OK(INVOKE(other, BH_FRAME_MAP, pair[1].space, AT + 0x1000, MAP_RW));
		REQUIRE_OK(INVOKE(other, BH_FRAME_UNMAP, 0));
		REQUIRE(guest_again(&pair[1]) == BH_EXIT_HLT);
		REQUIRE((uint32_t)pair[1].state->registers[BH_RAX] == NEW);
	}
	CHECK_EQUAL(BH_EXIT_HLT, guest_again(&pair[0]));
	CHECK_EQUAL(OLD, (uint32_t)pair[0].state->registers[BH_RAX]);
}

void group_flush(void)
{
	host_frames();
	host_tables();
	guest_frames();
	guest_tables();
	guests();
}
