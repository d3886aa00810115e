/* SPDX-License-Identifier: MIT */
/* What an IoSpace is without an IOMMU. Also run on a machine that has none; where there is one, the same calls are allowed. */
#include "harness.h"

void group_no_iommu(void)
{
	case_begin("no_iommu.refused",
		"boot information says whether there is an IOMMU; without one no function gets an IoSpace, and nothing is mapped there");
	uint64_t space = object_new(BH_OBJECT_IO_SPACE, 0), frame = object_new(BH_OBJECT_FRAME, 12);

	if (boot_info->has_iommu == 0) {
		REFUSED(BH_ERROR_STATE, bh_io_space_control_configure(BH_BOOT_IO_SPACE_CONTROL, space, 0x20));
		REFUSED(BH_ERROR_EMPTY_OBJECT, INVOKE(frame, BH_FRAME_MAP, space, 0, MAP_RW));
	} else {
		CHECK_EQUAL(1, boot_info->has_iommu);
		REQUIRE_OK(bh_io_space_control_configure(BH_BOOT_IO_SPACE_CONTROL, space, 0x20));
		REQUIRE_OK(map_with_tables(frame, space, 0, MAP_RW));
	}
	REQUIRE_OK(bh_cnode_delete(SELF, space)); /* it ends like any other */
}
