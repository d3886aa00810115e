/* SPDX-License-Identifier: MIT */
/*
 * From an appliance to a whole system: which tasks there are, which objects, who holds what. All templates of VMs, device models and
 * backends live here, none in the root task.
 */
#pragma once

#include "appliance.h"
#include "values.h"

#include <stddef.h>

/* A file that goes into the machine with the kernel. */
struct system_module {
	char name[MANIFEST_NAME_SIZE]; /* in the manifest */
	char *path;                    /* on the host */
};

/* An uplink's network card, as the machine has it. */
struct system_uplink {
	enum uplink_driver driver;
	char place[FUNCTION_PLACE_SIZE]; /* "BB:DD.F"; empty: anywhere */
};

/* An appliance made ready to run. */
struct system_image {
	void *manifest; /* as manifest_open() takes it */
	size_t manifest_size;
	struct system_module modules[MANIFEST_MAX_MODULES]; /* in the manifest's order */
	unsigned module_count;
	char *kernel_elf64; /* for GRUB */
	char *kernel_elf32; /* for QEMU's -kernel */
	char *root_task;
	uint64_t memory_needed; /* bytes of the machine's RAM */
	bool has_iommu;
	struct system_uplink uplinks[NETWORK_MAX_UPLINKS];
	unsigned uplink_count;
	const char *command_line; /* the kernel's */
};

/*
 * Expands a checked appliance. False, after a message, if a part of Bulkhead itself is missing in `folder` (the build's out/), or the
 * result would not fit the manifest's limits. Reads the sizes of files, writes nothing.
 */
__attribute__((warn_unused_result)) bool system_expand(
	const struct appliance *appliance, const char *folder, struct system_image *image);

void system_free(struct system_image *image);
