/* SPDX-License-Identifier: MIT */
/* Accesses to what nothing owns: counted, and the first 64 distinct places of a VM logged, so that a guest
 * can't flood the log. */
#ifndef VMM_UNOWNED_H
#define VMM_UNOWNED_H

#include <stdbool.h>
#include <stdint.h>

#include <bulkhead/vm_status.h>

#define UNOWNED_LOGGED_MAX 64u

enum unowned_kind { UNOWNED_PORT, UNOWNED_MEMORY, UNOWNED_MSR, UNOWNED_INSTRUCTION };

struct unowned {
	uint32_t count; /* entries in use */
	bool told;      /* the line "there are more" was written */
	struct {
		enum unowned_kind kind;
		uint64_t place;
	} entries[UNOWNED_LOGGED_MAX];
};

/* Notes an access to `place` (port, guest-physical address, MSR index, or rip of an instruction that gets
 * #UD) and counts it in `status`; `rip` is for the log line. Handler threads. */
void unowned_note(struct unowned *unowned, struct vm_status *status, enum unowned_kind kind, uint64_t place,
	bool write, uint64_t rip);

#endif
