/* SPDX-License-Identifier: MIT */
/* A PCI function of the host that has a driver here, as the section of a disk or an uplink names it. */
#pragma once

#include <stdbool.h>

struct host_function {
	char *pci; /* as the PCI server takes it: "1af4:1042", "00:04.0"; NULL: none, or missing and reported */
	unsigned line;
	unsigned driver; /* enum disk_driver or uplink_driver */
	bool allow_dma;
};
