/* SPDX-License-Identifier: MIT */
/* Host address spaces: tables and frames, what may be mapped where, and that nothing stays reachable that was taken away. */
#include "probe.h"

static void mapping(void)
{
	uint64_t frame, second, large, table, space, read_only, write_only, value = 0;

	case_begin("frame.map",
		"a mapped Frame can be read, and written where the flags say so; unmapped it is gone, although it was in the TLB");
	frame = object_new(BH_OBJECT_FRAME, 12);
	REQUIRE(make_tables(OWN_SPACE, HIGH, 1));
	CHECK_EQUAL(14, readable(HIGH_PAGE));
	REQUIRE_OK(INVOKE(frame, BH_FRAME_MAP, OWN_SPACE, HIGH_PAGE, MAP_RW));
	*(volatile uint64_t *)HIGH_PAGE = 0x1234;
	CHECK_EQUAL(6, probe(probe_read, HIGH_PAGE, &value));
	CHECK_EQUAL(0x1234, value);
	CHECK_EQUAL(6, writable(HIGH_PAGE));
	CHECK_EQUAL(0, *(volatile uint64_t *)HIGH_PAGE);
	REQUIRE_OK(INVOKE(frame, BH_FRAME_UNMAP, 0));
	CHECK_EQUAL(14, readable(HIGH_PAGE));
	REQUIRE_OK(INVOKE(frame, BH_FRAME_UNMAP, 0)); /* no error where it is not mapped */
	REQUIRE_OK(INVOKE(frame, BH_FRAME_MAP, OWN_SPACE, HIGH_PAGE, BH_MAP_READ));
	CHECK_EQUAL(6, readable(HIGH_PAGE));
	CHECK_EQUAL(14, writable(HIGH_PAGE));
	REQUIRE_OK(bh_cnode_delete(SELF, frame)); /* the capability's end unmaps */
	CHECK_EQUAL(14, readable(HIGH_PAGE));

	case_begin("frame.map.execute",
		"a Frame is executable where the flags say so, never writable at once (W^X)");
	frame = object_new(BH_OBJECT_FRAME, 12);
	second = copy_new(frame, BH_RIGHTS_ALL);
	REQUIRE(make_tables(OWN_SPACE, HIGH, 1));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(frame, BH_FRAME_MAP, OWN_SPACE, HIGH, MAP_ALL));
	REFUSED(BH_ERROR_ARGUMENT,
		INVOKE(frame, BH_FRAME_MAP, OWN_SPACE, HIGH, BH_MAP_WRITE | BH_MAP_EXECUTE));
	REQUIRE_OK(INVOKE(frame, BH_FRAME_MAP, OWN_SPACE, HIGH, MAP_RW));
	REQUIRE_OK(INVOKE(second, BH_FRAME_MAP, OWN_SPACE, HIGH + 4096, BH_MAP_READ | BH_MAP_EXECUTE));
	*(volatile uint16_t *)HIGH = 0x0b0f; /* ud2 */
	CHECK_EQUAL(14, probe(probe_jump, HIGH, &value));
	CHECK_EQUAL(6, probe(probe_jump, HIGH + 4096, &value));
	CHECK_EQUAL(14, writable(HIGH + 4096));

	case_begin("frame.map.refused",
		"wrong flags, addresses beyond the user's, misaligned ones, missing tables and rights, what is taken already");
	frame = object_new(BH_OBJECT_FRAME, 12);
	second = object_new(BH_OBJECT_FRAME, 12);
	large = object_new(BH_OBJECT_FRAME, 21);
	read_only = copy_new(frame, BH_RIGHT_READ);
	write_only = copy_new(frame, BH_RIGHT_WRITE);
	space = object_new(BH_OBJECT_ADDRESS_SPACE, 0);
	REFUSED(BH_ERROR_NOT_MAPPED, INVOKE(frame, BH_FRAME_MAP, space, HIGH, MAP_RW));
	REQUIRE(make_tables(space, HIGH, 2));
	REFUSED(BH_ERROR_NOT_MAPPED, INVOKE(frame, BH_FRAME_MAP, space, HIGH, MAP_RW));
	REQUIRE_OK(INVOKE(large, BH_FRAME_MAP, space, HIGH + 0x200000, MAP_RW));
	REFUSED(BH_ERROR_MAPPED,
		INVOKE(frame, BH_FRAME_MAP, space, HIGH + 0x200000, MAP_RW)); /* inside a large page */
	REFUSED(BH_ERROR_MAPPED,
		INVOKE(object_new(BH_OBJECT_PAGE_TABLE, 0), BH_PAGE_TABLE_MAP, space, HIGH + 0x200000, 1));
	REQUIRE_OK(INVOKE(object_new(BH_OBJECT_PAGE_TABLE, 0), BH_PAGE_TABLE_MAP, space, HIGH, 1));
	REFUSED(BH_ERROR_STATE, INVOKE(large, BH_FRAME_MAP, space, HIGH, MAP_RW)); /* mapped already */
	REQUIRE_OK(INVOKE(large, BH_FRAME_UNMAP, 0));
	REFUSED(BH_ERROR_MAPPED, INVOKE(large, BH_FRAME_MAP, space, HIGH, MAP_RW)); /* a table stands there */
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(large, BH_FRAME_MAP, space, HIGH + 0x1000, MAP_RW));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(frame, BH_FRAME_MAP, space, HIGH + 1, MAP_RW));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(frame, BH_FRAME_MAP, space, HIGH, 0));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(frame, BH_FRAME_MAP, space, HIGH, BH_MAP_WRITE));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(frame, BH_FRAME_MAP, space, HIGH, 0x10 | BH_MAP_READ));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(frame, BH_FRAME_MAP, space, HIGH, UINT64_C(1) << 63 | BH_MAP_READ));
	REFUSED(BH_ERROR_ARGUMENT,
		INVOKE(frame, BH_FRAME_MAP, space, UINT64_C(0x7ffffffff000), MAP_RW)); /* SYSRET's page */
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(frame, BH_FRAME_MAP, space, UINT64_C(0x800000000000), MAP_RW));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(frame, BH_FRAME_MAP, space, UINT64_C(0xffff800000000000), MAP_RW));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(frame, BH_FRAME_MAP, space, UINT64_C(0xfffffffffffff000), MAP_RW));
	REFUSED(BH_ERROR_RIGHTS, INVOKE(read_only, BH_FRAME_MAP, space, HIGH, MAP_RW));
	REFUSED(BH_ERROR_RIGHTS, INVOKE(write_only, BH_FRAME_MAP, space, HIGH, MAP_RW));
	REFUSED(BH_ERROR_RIGHTS, INVOKE(frame, BH_FRAME_MAP, copy_new(space, BH_RIGHT_READ), HIGH, MAP_RW));
	REFUSED(BH_ERROR_TYPE, INVOKE(frame, BH_FRAME_MAP, frame, HIGH, MAP_RW));
	REFUSED(BH_ERROR_CAPABILITY, INVOKE(frame, BH_FRAME_MAP, NO_SLOT, HIGH, MAP_RW));
	REQUIRE_OK(INVOKE(read_only, BH_FRAME_MAP, space, HIGH, BH_MAP_READ));
	REFUSED(BH_ERROR_STATE, INVOKE(read_only, BH_FRAME_MAP, space, HIGH + 4096,
					BH_MAP_READ)); /* one capability, one mapping */
	REFUSED(BH_ERROR_MAPPED, INVOKE(second, BH_FRAME_MAP, space, HIGH, MAP_RW));

	case_begin("frame.map.moved",
		"a mapping follows its capability when that is moved or rotated, and ends with it");
	frame = object_new(BH_OBJECT_FRAME, 12);
	REQUIRE(make_tables(OWN_SPACE, HIGH, 1));
	REQUIRE_OK(INVOKE(frame, BH_FRAME_MAP, OWN_SPACE, HIGH, MAP_RW));
	second = slot_new();
	table = object_new(BH_OBJECT_ENDPOINT, 0);
	REQUIRE_OK(bh_cnode_move(SELF, second, 0, frame));
	REQUIRE_OK(bh_cnode_rotate(SELF, table, second, table)); /* changes places with another capability */
	CHECK_EQUAL(BH_OBJECT_FRAME, facts_of(table).type);
	CHECK_EQUAL(6, readable(HIGH));
	REQUIRE_OK(bh_cnode_delete(SELF, table));
	CHECK_EQUAL(14, readable(HIGH));

	case_begin("frame.twice",
		"two capabilities to one Frame are two mappings, each its own; Revoke takes the derived one");
	frame = object_new(BH_OBJECT_FRAME, 12);
	second = copy_new(frame, BH_RIGHT_READ);
	REQUIRE(make_tables(OWN_SPACE, HIGH, 1));
	REQUIRE_OK(INVOKE(frame, BH_FRAME_MAP, OWN_SPACE, HIGH, MAP_RW));
	REQUIRE_OK(INVOKE(second, BH_FRAME_MAP, OWN_SPACE, HIGH + 8192, BH_MAP_READ));
	*(volatile uint64_t *)HIGH = 77;
	CHECK_EQUAL(77, *(volatile uint64_t *)(HIGH + 8192));
	CHECK_EQUAL(14, writable(HIGH + 8192));
	REQUIRE_OK(bh_cnode_revoke(SELF, frame));
	CHECK_EQUAL(14, readable(HIGH + 8192));
	CHECK_EQUAL(6, readable(HIGH));

	case_begin("frame.large", "a 2 MiB Frame is one mapping of 2 MiB");
	large = object_new(BH_OBJECT_FRAME, 21);
	REQUIRE(make_tables(OWN_SPACE, HIGH, 2));
	REQUIRE_OK(INVOKE(large, BH_FRAME_MAP, OWN_SPACE, HIGH, MAP_RW));
	*(volatile uint64_t *)(HIGH + 0x1ffff8) = 5;
	CHECK_EQUAL(6, readable(HIGH + 0x1ffff8));
	REQUIRE_OK(INVOKE(large, BH_FRAME_UNMAP, 0));
	CHECK_EQUAL(14, readable(HIGH + 0x1ffff8));
	CHECK_EQUAL(14, readable(HIGH));

	case_begin("frame.uncached", "a Frame can be mapped uncached");
	frame = object_new(BH_OBJECT_FRAME, 12);
	REQUIRE(make_tables(OWN_SPACE, HIGH, 1));
	REQUIRE_OK(INVOKE(frame, BH_FRAME_MAP, OWN_SPACE, HIGH, MAP_RW | BH_MAP_UNCACHED));
	CHECK_EQUAL(6, writable(HIGH));

	case_begin("page_table.refused",
		"tables have their levels and alignment, their place once, and need the tables above them");
	space = object_new(BH_OBJECT_ADDRESS_SPACE, 0);
	table = object_new(BH_OBJECT_PAGE_TABLE, 0);
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(table, BH_PAGE_TABLE_MAP, space, HIGH, 0));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(table, BH_PAGE_TABLE_MAP, space, HIGH, 4));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(table, BH_PAGE_TABLE_MAP, space, HIGH, UINT64_C(1) << 32 | 1));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(table, BH_PAGE_TABLE_MAP, space, HIGH + 0x1000, 1));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(table, BH_PAGE_TABLE_MAP, space, HIGH + 0x200000, 2));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(table, BH_PAGE_TABLE_MAP, space, HIGH + 0x40000000, 3));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(table, BH_PAGE_TABLE_MAP, space, UINT64_C(0xffff800000000000), 3));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(table, BH_PAGE_TABLE_MAP, space, UINT64_C(0x800000000000), 3));
	REFUSED(BH_ERROR_NOT_MAPPED, INVOKE(table, BH_PAGE_TABLE_MAP, space, HIGH, 1));
	REFUSED(BH_ERROR_NOT_MAPPED, INVOKE(table, BH_PAGE_TABLE_MAP, space, HIGH, 2));
	REFUSED(BH_ERROR_TYPE, INVOKE(table, BH_PAGE_TABLE_MAP, table, HIGH, 3));
	REFUSED(BH_ERROR_CAPABILITY, INVOKE(table, BH_PAGE_TABLE_MAP, NO_SLOT, HIGH, 3));
	REFUSED(BH_ERROR_RIGHTS, INVOKE(table, BH_PAGE_TABLE_MAP, copy_new(space, BH_RIGHT_READ), HIGH, 3));
	REQUIRE_OK(INVOKE(table, BH_PAGE_TABLE_MAP, space, HIGH, 3));
	REFUSED(BH_ERROR_STATE, INVOKE(table, BH_PAGE_TABLE_MAP, space, HIGH, 2));
	REFUSED(BH_ERROR_MAPPED,
		INVOKE(object_new(BH_OBJECT_PAGE_TABLE, 0), BH_PAGE_TABLE_MAP, space, HIGH, 3));
	REQUIRE_OK(INVOKE(table, BH_PAGE_TABLE_UNMAP, 0));
	REQUIRE_OK(INVOKE(table, BH_PAGE_TABLE_UNMAP, 0)); /* no error where it is not mapped */
	REQUIRE_OK(INVOKE(table, BH_PAGE_TABLE_MAP, space, HIGH, 3));
}

static void teardown(void)
{
	uint64_t tables[4], frame, second, space, address;

	case_begin("page_table.unmap",
		"a table that is taken away takes what it maps with it, and is empty at its next place");
	frame = object_new(BH_OBJECT_FRAME, 12);
	for (unsigned int level = 3; level >= 1; level--) {
		tables[level] = object_new(BH_OBJECT_PAGE_TABLE, 0);
		REQUIRE_OK(INVOKE(tables[level], BH_PAGE_TABLE_MAP, OWN_SPACE, HIGH, level));
	}
	REQUIRE_OK(INVOKE(frame, BH_FRAME_MAP, OWN_SPACE, HIGH_PAGE, MAP_RW));
	CHECK_EQUAL(6, readable(HIGH_PAGE));
	REQUIRE_OK(INVOKE(tables[2], BH_PAGE_TABLE_UNMAP, 0));
	CHECK_EQUAL(14, readable(HIGH_PAGE));
	REFUSED(BH_ERROR_STATE,
		INVOKE(tables[1], BH_PAGE_TABLE_MAP, OWN_SPACE, HIGH, 1)); /* it still counts as mapped */
	REQUIRE_OK(INVOKE(tables[2], BH_PAGE_TABLE_MAP, OWN_SPACE, HIGH, 2));
	CHECK_EQUAL(14, readable(HIGH_PAGE));
	REQUIRE_OK(INVOKE(tables[1], BH_PAGE_TABLE_UNMAP, 0));
	REQUIRE_OK(INVOKE(tables[1], BH_PAGE_TABLE_MAP, OWN_SPACE, HIGH, 1));
	CHECK_EQUAL(14, readable(HIGH_PAGE)); /* the old entry is not there */
	REQUIRE_OK(INVOKE(frame, BH_FRAME_UNMAP, 0));
	REQUIRE_OK(INVOKE(frame, BH_FRAME_MAP, OWN_SPACE, HIGH_PAGE, MAP_RW));
	CHECK_EQUAL(6, readable(HIGH_PAGE));

	case_begin("page_table.revoked",
		"memory of tables that were revoked comes back, and no access goes through it any more");
	address = object_new(BH_OBJECT_UNTYPED, 15);
	frame = object_new(BH_OBJECT_FRAME, 12);
	second = slot_run(3);
	REQUIRE_OK(bh_untyped_retype(address, BH_OBJECT_PAGE_TABLE, 0, 0, second, 3));
	for (unsigned int i = 0; i < 3; i++) {
		REQUIRE_OK(INVOKE(second + i, BH_PAGE_TABLE_MAP, OWN_SPACE, HIGH, 3 - i));
	}
	REQUIRE_OK(INVOKE(frame, BH_FRAME_MAP, OWN_SPACE, HIGH, MAP_RW));
	CHECK_EQUAL(6, readable(HIGH));
	REQUIRE_OK(bh_cnode_revoke(SELF, address));
	CHECK_EQUAL(14, readable(HIGH));
	REQUIRE_OK(bh_untyped_retype(address, BH_OBJECT_FRAME, 12, 0, second, 1));
	CHECK_EQUAL(14, readable(HIGH));
	REQUIRE_OK(INVOKE(frame, BH_FRAME_UNMAP, 0));
	REQUIRE(make_tables(OWN_SPACE, HIGH, 1));
	REQUIRE_OK(INVOKE(frame, BH_FRAME_MAP, OWN_SPACE, HIGH, MAP_RW));
	CHECK_EQUAL(6, readable(HIGH));

	case_begin("space.deleted",
		"the end of a space frees its tables and frames for other spaces, a mapping each");
	space = object_new(BH_OBJECT_ADDRESS_SPACE, 0);
	frame = object_new(BH_OBJECT_FRAME, 12);
	for (unsigned int level = 3; level >= 1; level--) {
		tables[level] = object_new(BH_OBJECT_PAGE_TABLE, 0);
		REQUIRE_OK(INVOKE(tables[level], BH_PAGE_TABLE_MAP, space, HIGH, level));
	}
	REQUIRE_OK(INVOKE(frame, BH_FRAME_MAP, space, HIGH, MAP_RW));
	REQUIRE_OK(bh_cnode_delete(SELF, space));
	for (unsigned int level = 3; level >= 1; level--) {
		REQUIRE_OK(INVOKE(tables[level], BH_PAGE_TABLE_MAP, OWN_SPACE, HIGH, level));
	}
	CHECK_EQUAL(14, readable(HIGH));
	REQUIRE_OK(INVOKE(frame, BH_FRAME_MAP, OWN_SPACE, HIGH, MAP_RW));
	CHECK_EQUAL(6, readable(HIGH));

	case_begin("space.deleted.many", "a space with 2000 mappings is taken apart while others run");
	space = object_new(BH_OBJECT_ADDRESS_SPACE, 0);
	frame = object_new(BH_OBJECT_FRAME, 12);
	REQUIRE(ticker_start(100));
	for (unsigned int i = 0; i < 2000; i++) {
		REQUIRE_OK(map_with_tables(
			copy_new(frame, BH_RIGHTS_ALL), space, HIGH + i * UINT64_C(4096), BH_MAP_READ));
	}
	ticks = 0;
	REQUIRE_OK(bh_cnode_delete(SELF, space));
	CHECK(ticks >= 1);
	CHECK_EQUAL(0, facts_of(frame).badge >> 12);
}

void group_space(void)
{
	mapping();
	teardown();
}
