/* SPDX-License-Identifier: MIT */
/* Making the manifest's objects, their bindings, and mapping their memory; a scope at a time. */
#pragma once

#include "root.h"
#include "space.h"

/* Makes all objects of a scope (enum manifest_scope, index), and then what the manifest binds to them. Reports what fails. */
BH_MUST_USE enum bh_error objects_make(uint32_t scope, uint32_t index);

/* Binds what a binding of a TIMER, IRQ_HANDLER or VCPU names, which has been made; its copy of the notification goes to `owner`. */
BH_MUST_USE enum bh_error object_bind(const struct manifest_binding *binding, uint16_t owner);

/* Forgets the objects of a scope after its arena was revoked. */
void objects_forget(uint32_t scope, uint32_t index);

/* The frames of a module, made at the first call. MEMORY, ARGUMENT (the boot loader's module is not there or has another size). */
BH_MUST_USE enum bh_error module_frames(uint32_t module);

/* The module's bytes in the root task's space, mapped at the first call. Errors as module_frames(), or of mapping. */
BH_MUST_USE enum bh_error module_map(uint32_t module);

/* The same for the manifest itself, before it can be opened: its bytes and their number. */
BH_MUST_USE enum bh_error manifest_module_map(const void **bytes, size_t *size);

/* Maps [offset, offset + length) of a MEMORY or VCPU object near `base`, a multiple of 2 MiB with room for the whole object;
 * *address is where `offset` then is. `rights` are MANIFEST_RIGHT_READ and perhaps _WRITE; `execute` is for guests. */
BH_MUST_USE enum bh_error object_map(const struct space *space, uint32_t object, uint64_t offset,
	uint64_t length, uint64_t base, uint32_t rights, bool execute, uint64_t *address);

/* Puts the root task's own capabilities and mappings of objects of a scope in place. Reports what fails. */
BH_MUST_USE enum bh_error root_shares_make(uint32_t scope, uint32_t index);

/* The slot of the root task's own capability of that name; 0: the manifest has none, or its object does not exist now. */
uint32_t root_capability(const char *name);
