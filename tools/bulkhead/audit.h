/* SPDX-License-Identifier: MIT */
/* Says in words what a manifest allows. Reads the manifest, writes to `output`, nothing else. */
#pragma once

#include <bulkhead/manifest.h>

#include <stdio.h>

/* Prints who holds what, who can reach whom and by what, and what lies between the VMs. `manifest` is an opened one. */
void audit_print(const struct manifest *manifest, FILE *output);
