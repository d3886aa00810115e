/* SPDX-License-Identifier: MIT */
/* Guest spaces: nested tables built as the host's are, and the routes of ports. */
#include "harness.h"

static enum bh_error route(uint64_t guest, uint64_t number, uint64_t first, uint64_t count)
{
	return INVOKE(guest, BH_GUEST_SPACE_ROUTE, number, first, count);
}

/* PageTables of a guest space: as in host spaces, with other bounds. */
static void tables(void)
{
	uint64_t guest, other, table, frame, second, large, tables[4];

	case_begin("guest_space.table.refused",
		"tables have their levels and alignment, one place each, and need the tables above them");
	guest = object_new(BH_OBJECT_GUEST_SPACE, 0);
	table = object_new(BH_OBJECT_PAGE_TABLE, 0);
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(table, BH_PAGE_TABLE_MAP, guest, 0, 0));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(table, BH_PAGE_TABLE_MAP, guest, 0, 4));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(table, BH_PAGE_TABLE_MAP, guest, 0x1000, 1));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(table, BH_PAGE_TABLE_MAP, guest, 0x200000, 2));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(table, BH_PAGE_TABLE_MAP, guest, 0x40000000, 3));
	REFUSED(BH_ERROR_NOT_MAPPED, INVOKE(table, BH_PAGE_TABLE_MAP, guest, 0, 1));
	REFUSED(BH_ERROR_NOT_MAPPED, INVOKE(table, BH_PAGE_TABLE_MAP, guest, 0, 2));
	REFUSED(BH_ERROR_RIGHTS, INVOKE(table, BH_PAGE_TABLE_MAP, copy_new(guest, BH_RIGHT_READ), 0, 3));
	REQUIRE_OK(INVOKE(table, BH_PAGE_TABLE_MAP, guest, 0, 3));
	REFUSED(BH_ERROR_STATE, INVOKE(table, BH_PAGE_TABLE_MAP, guest, 0, 2));
	REFUSED(BH_ERROR_MAPPED, INVOKE(object_new(BH_OBJECT_PAGE_TABLE, 0), BH_PAGE_TABLE_MAP, guest, 0, 3));
	REQUIRE_OK(INVOKE(table, BH_PAGE_TABLE_UNMAP, 0));
	REQUIRE_OK(INVOKE(table, BH_PAGE_TABLE_MAP, guest, UINT64_C(1) << 39, 3));

	case_begin("guest_space.overlap",
		"a large page and a table do not stand in one place, nor a small page inside a large one");
	guest = object_new(BH_OBJECT_GUEST_SPACE, 0);
	frame = object_new(BH_OBJECT_FRAME, 12);
	large = object_new(BH_OBJECT_FRAME, 21);
	REQUIRE_OK(map_with_tables(large, guest, 0x200000, MAP_ALL));
	REFUSED(BH_ERROR_MAPPED, INVOKE(frame, BH_FRAME_MAP, guest, 0x200000, MAP_ALL));
	REFUSED(BH_ERROR_MAPPED, INVOKE(frame, BH_FRAME_MAP, guest, 0x3ff000, MAP_ALL));
	REFUSED(BH_ERROR_MAPPED,
		INVOKE(object_new(BH_OBJECT_PAGE_TABLE, 0), BH_PAGE_TABLE_MAP, guest, 0x200000, 1));
	REQUIRE_OK(map_with_tables(frame, guest, 0x400000, MAP_ALL));
	REQUIRE_OK(INVOKE(large, BH_FRAME_UNMAP, 0));
	REFUSED(BH_ERROR_MAPPED,
		INVOKE(large, BH_FRAME_MAP, guest, 0x400000, MAP_ALL)); /* a table is there */
	REQUIRE_OK(INVOKE(large, BH_FRAME_MAP, guest, 0x200000, MAP_ALL));

	case_begin("guest_space.deleted",
		"the end of a guest space leaves its Frames and PageTables unmapped: Unmap is no error, and they can be mapped in "
		"another space, of a guest or of the host");
	guest = object_new(BH_OBJECT_GUEST_SPACE, 0);
	other = object_new(BH_OBJECT_GUEST_SPACE, 0);
	frame = object_new(BH_OBJECT_FRAME, 12);
	second = object_new(BH_OBJECT_FRAME, 12);
	for (unsigned int level = 3; level >= 1; level--) {
		tables[level] = object_new(BH_OBJECT_PAGE_TABLE, 0);
		REQUIRE_OK(INVOKE(tables[level], BH_PAGE_TABLE_MAP, guest, 0, level));
	}
	REQUIRE_OK(INVOKE(frame, BH_FRAME_MAP, guest, 0, MAP_ALL));
	REQUIRE_OK(INVOKE(second, BH_FRAME_MAP, guest, 0x1000, MAP_ALL));
	REQUIRE_OK(bh_cnode_delete(SELF, guest));
	REQUIRE_OK(INVOKE(frame, BH_FRAME_UNMAP, 0));
	REQUIRE_OK(INVOKE(tables[1], BH_PAGE_TABLE_UNMAP, 0));
	for (unsigned int level = 3; level >= 1; level--) {
		REQUIRE_OK(INVOKE(tables[level], BH_PAGE_TABLE_MAP, other, 0, level));
	}
	REQUIRE_OK(INVOKE(second, BH_FRAME_MAP, other, 0, MAP_ALL)); /* the tables are empty */
	REQUIRE_OK(INVOKE(frame, BH_FRAME_MAP, other, 0x1000, MAP_ALL));
	REQUIRE_OK(INVOKE(frame, BH_FRAME_UNMAP, 0));
	REQUIRE_OK(map_with_tables(frame, OWN_SPACE, address_new(4096), MAP_RW));

	case_begin("guest_space.table.unmap",
		"a table that is taken away is empty at its next place; what it mapped counts as mapped until it is unmapped");
	guest = object_new(BH_OBJECT_GUEST_SPACE, 0);
	frame = object_new(BH_OBJECT_FRAME, 12);
	for (unsigned int level = 3; level >= 1; level--) {
		tables[level] = object_new(BH_OBJECT_PAGE_TABLE, 0);
		REQUIRE_OK(INVOKE(tables[level], BH_PAGE_TABLE_MAP, guest, 0, level));
	}
	REQUIRE_OK(INVOKE(frame, BH_FRAME_MAP, guest, 0, MAP_ALL));
	REQUIRE_OK(INVOKE(tables[1], BH_PAGE_TABLE_UNMAP, 0));
	REFUSED(BH_ERROR_STATE, INVOKE(frame, BH_FRAME_MAP, guest, 0, MAP_ALL));
	REQUIRE_OK(INVOKE(tables[1], BH_PAGE_TABLE_MAP, guest, 0, 1));
	REQUIRE_OK(INVOKE(object_new(BH_OBJECT_FRAME, 12), BH_FRAME_MAP, guest, 0, MAP_ALL));
	REQUIRE_OK(INVOKE(frame, BH_FRAME_UNMAP, 0));
	REFUSED(BH_ERROR_MAPPED,
		INVOKE(frame, BH_FRAME_MAP, guest, 0, MAP_ALL)); /* the other one was left alone */
}

void group_guest_space(void)
{
	uint64_t guest, frame, large;

	case_begin("guest_space.map.refused", "guest-physical space ends at 2^47; else as in host spaces");
	guest = object_new(BH_OBJECT_GUEST_SPACE, 0);
	frame = object_new(BH_OBJECT_FRAME, 12);
	large = object_new(BH_OBJECT_FRAME, 21);
	REFUSED(BH_ERROR_NOT_MAPPED, INVOKE(frame, BH_FRAME_MAP, guest, 0, MAP_ALL));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(frame, BH_FRAME_MAP, guest, UINT64_C(1) << 47, MAP_ALL));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(frame, BH_FRAME_MAP, guest, UINT64_C(0xfffffffffffff000), MAP_ALL));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(frame, BH_FRAME_MAP, guest, 8, MAP_ALL));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(large, BH_FRAME_MAP, guest, 4096, MAP_ALL));
	REFUSED(BH_ERROR_ARGUMENT,
		INVOKE(object_new(BH_OBJECT_PAGE_TABLE, 0), BH_PAGE_TABLE_MAP, guest, UINT64_C(1) << 47, 3));
	REFUSED(BH_ERROR_RIGHTS, INVOKE(copy_new(frame, BH_RIGHT_READ), BH_FRAME_MAP, guest, 0, MAP_ALL));
	REFUSED(BH_ERROR_RIGHTS, INVOKE(frame, BH_FRAME_MAP, copy_new(guest, BH_RIGHT_READ), 0, MAP_ALL));
	REQUIRE_OK(map_with_tables(
		frame, guest, 0, MAP_ALL)); /* writable and executable: the guest's own business */
	REQUIRE_OK(map_with_tables(large, guest, (UINT64_C(1) << 47) - 0x200000, MAP_ALL)); /* the very end */
	REFUSED(BH_ERROR_MAPPED, INVOKE(object_new(BH_OBJECT_FRAME, 12), BH_FRAME_MAP, guest, 0, MAP_ALL));
	REFUSED(BH_ERROR_STATE, INVOKE(frame, BH_FRAME_MAP, guest, 4096, MAP_ALL));

	tables();

	case_begin("route.overlap",
		"a port belongs to one route: overlapping ranges are refused, touching ones are not, a route may move");
	guest = object_new(BH_OBJECT_GUEST_SPACE, 0);
	REQUIRE_OK(route(guest, 0, 0x40, 4));
	REQUIRE_OK(route(guest, 1, 0x44, 1));
	REQUIRE_OK(route(guest, 63, 0x3f, 1));
	REFUSED(BH_ERROR_MAPPED, INVOKE(guest, BH_GUEST_SPACE_ROUTE, 2, 0x43, 1));
	REFUSED(BH_ERROR_MAPPED, INVOKE(guest, BH_GUEST_SPACE_ROUTE, 2, 0x3e, 2));
	REFUSED(BH_ERROR_MAPPED, INVOKE(guest, BH_GUEST_SPACE_ROUTE, 2, 0, 65536));
	REFUSED(BH_ERROR_MAPPED, INVOKE(guest, BH_GUEST_SPACE_ROUTE, 1, 0x40, 1));
	REQUIRE_OK(route(guest, 0, 0x41, 2)); /* within its own old range */
	REQUIRE_OK(route(guest, 2, 0x43, 1));
	REFUSED(BH_ERROR_MAPPED, INVOKE(guest, BH_GUEST_SPACE_ROUTE, 2, 0x42, 2));
	REQUIRE_OK(route(guest, 0, 0, 0)); /* removed */
	REQUIRE_OK(route(guest, 2, 0x40, 4));
	REQUIRE_OK(route(guest, 0, 0xffff, 1));

	case_begin("route.all", "one route may have all 65536 ports");
	guest = object_new(BH_OBJECT_GUEST_SPACE, 0);
	REQUIRE_OK(route(guest, 5, 0, 65536));
	REFUSED(BH_ERROR_MAPPED, INVOKE(guest, BH_GUEST_SPACE_ROUTE, 6, 0xffff, 1));
	REQUIRE_OK(route(guest, 5, 0, 0));
	REQUIRE_OK(route(guest, 6, 0xffff, 1));

	case_begin("route.refused", "route numbers end at 63, ranges at port 65535");
	guest = object_new(BH_OBJECT_GUEST_SPACE, 0);
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(guest, BH_GUEST_SPACE_ROUTE, 64, 0, 1));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(guest, BH_GUEST_SPACE_ROUTE, ~UINT64_C(0), 0, 1));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(guest, BH_GUEST_SPACE_ROUTE, 0, 65536, 1));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(guest, BH_GUEST_SPACE_ROUTE, 0, 65535, 2));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(guest, BH_GUEST_SPACE_ROUTE, 0, 0, 65537));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(guest, BH_GUEST_SPACE_ROUTE, 0, ~UINT64_C(0), 2));
	REFUSED(BH_ERROR_ARGUMENT, INVOKE(guest, BH_GUEST_SPACE_ROUTE, 0, 1, ~UINT64_C(0)));
	REFUSED(BH_ERROR_RIGHTS, INVOKE(copy_new(guest, BH_RIGHT_READ), BH_GUEST_SPACE_ROUTE, 0, 0, 1));
}
