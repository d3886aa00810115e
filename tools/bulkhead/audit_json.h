/* SPDX-License-Identifier: MIT */
/* The audit for programs: the same facts as audit.h, as JSON. Reads the manifest, writes to `output`, nothing else. */
#pragma once

#include <bulkhead/manifest.h>

#include <stdio.h>

/* Prints one object: "appliance", and the lists "tasks", "capabilities", "regions", "reach" and "guests". `manifest` is an opened one. */
void audit_print_json(const struct manifest *manifest, FILE *output);
