/* SPDX-License-Identifier: MIT */
/* A file that the appliance file names: of a VM, or of a disk. */
#pragma once

#include <stdint.h>

struct guest_file {
	char *path;    /* as opened */
	char *text;    /* a multiboot module's string: what stands after the file's name */
	unsigned line; /* 0: not given */
	uint64_t size; /* filled by the checks */
};
