/* SPDX-License-Identifier: MIT */
/* The checks of a whole appliance, after its single values were read: check.c, and check_*.c for one subject each. All report to `diagnostics`. */
#pragma once

#include "appliance.h"

/* All of them. */
void appliance_check(struct appliance *appliance, struct diagnostics *diagnostics);

/* Those of its disks and volumes (check_disks.c). */
void disks_check(struct appliance *appliance, struct diagnostics *diagnostics);

/* Those of its network (check_network.c). */
void network_check(const struct appliance *appliance, struct diagnostics *diagnostics);

/* Without an IOMMU a device reads and writes what its driver tells it to, anywhere in memory: reports the driver of `what` ("disk", "uplink") `name` where nobody
 * allowed that (check_functions.c). */
void check_dma(const struct appliance *appliance, const char *what, const char *name,
	const struct host_function *function, struct diagnostics *diagnostics);

/* The name of that one of the first disks and uplinks which is the function in the same place; NULL if there is none (check_functions.c). */
const char *function_owner(const struct appliance *appliance, const struct host_function *function,
	unsigned disk_count, unsigned uplink_count);
