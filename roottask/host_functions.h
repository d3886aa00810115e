/* SPDX-License-Identifier: MIT */
/* PCI functions of the host, which the PCI server finds: their registers and messages become objects of the manifest, and their drivers start. See
 * bulkhead/host_pci.h for how the two talk. */
#pragma once

#include "root.h"
#include "space.h"

/* Says for each function who drives it. After the manifest was opened. */
void host_functions_init(void);

/* Looks at what the PCI server has found and done: makes what has become possible, starts the drivers that waited for it. At its signal. */
void host_functions_look(void);

/* Tells of what the IOMMU refused functions since the last time. At each tick: the kernel's signal may have come too soon after the last one, and a
 * function's events may wait until another's were asked for. */
void host_faults_look(void);

/* True if the task drives a function: then it is not started, but host_driver_begin() is called. */
bool host_is_driver(uint32_t task);

/* Starts a driver as soon as its function is found, and has fallen silent if a former life of the driver left it at work. */
void host_driver_begin(uint32_t task);

/* A driver will not be started again: its function falls silent for good. */
void host_driver_end(uint32_t task);

/* Maps a DEVICE_MEMORY object at `base`, a multiple of 2 MiB, with `rights` (MANIFEST_RIGHT_*), as far as the machine has it: *length is then how many
 * bytes the task may think of as its own; 0: it gets nothing. Of a BAR all but the pages of the MSI-X table and its pending bits; of a table
 * (flag TABLE) its pages, now or when the function has been found. */
BH_MUST_USE enum bh_error host_region_map(
	const struct space *space, uint32_t object, uint64_t base, uint32_t rights, uint64_t *length);
