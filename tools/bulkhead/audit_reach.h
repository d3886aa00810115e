/* SPDX-License-Identifier: MIT */
/* Questions about authority that both forms of the audit ask an opened manifest. Nothing is written, nothing allocated. A task is an
 * index in the manifest's table, or MANIFEST_ROOT. */
#pragma once

#include <bulkhead/manifest.h>

#include <stdbool.h>

#define NAME_OF(manifest, record) manifest_string(manifest, (record)->name)

/* The task's name; "roottask" for MANIFEST_ROOT. */
const char *audit_task_name(const struct manifest *manifest, uint32_t task);

/* How the PCI server finds function `number`: its argument of that place. "?" if there is none. */
const char *audit_function_name(const struct manifest *manifest, uint32_t number);

/* Three letters for MANIFEST_RIGHT_* bits, like "rw-". */
const char *audit_rights_text(uint32_t rights);

/* Task number i of all, 0 to task_count: the root task comes last. */
uint32_t audit_nth_task(const struct manifest *manifest, uint32_t i);

/* Whether a capability of `task` to `object` has one of the rights in `right`. A bound notification counts as read. */
bool audit_holds(const struct manifest *manifest, uint32_t task, uint32_t object, uint32_t right);

/* By what `from` can reach `to` through one object ("calls", "signals", "writes"); NULL if it cannot. */
const char *audit_reach(const struct manifest *manifest, uint32_t from, uint32_t to, uint32_t object);
