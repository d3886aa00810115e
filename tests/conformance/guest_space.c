/* SPDX-License-Identifier: MIT */
/* Guest spaces: nested tables built as the host's are, and the routes of ports. */
#include "harness.h"

static enum bh_error route(uint64_t guest, uint64_t number, uint64_t first, uint64_t count)
{
	return INVOKE(guest, BH_GUEST_SPACE_ROUTE, number, first, count);
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
