/* SPDX-License-Identifier: MIT */
/* The log of accesses that nothing owns (unowned.h). */
#include "unowned.h"

#include "system.h"

static void count(struct vm_status *status, enum unowned_kind kind, bool write)
{
	switch (kind) {
	case UNOWNED_PORT:
	case UNOWNED_MEMORY:
		status->unowned_reads += !write;
		status->unowned_writes += write;
		break;
	case UNOWNED_MSR:
		status->unknown_msrs++;
		break;
	case UNOWNED_INSTRUCTION:
		status->invalid_opcodes++;
		break;
	}
}

void unowned_note(struct unowned *unowned, struct vm_status *status, enum unowned_kind kind, uint64_t place,
	bool write, uint64_t rip)
{
	static const char *const names[] = {
		[UNOWNED_PORT] = "port",
		[UNOWNED_MEMORY] = "guest-physical address",
		[UNOWNED_MSR] = "MSR",
		[UNOWNED_INSTRUCTION] = "instruction that is not emulated",
	};

	count(status, kind, write);
	for (uint32_t i = 0; i < unowned->count; i++) {
		if (unowned->entries[i].kind == kind && unowned->entries[i].place == place) {
			return;
		}
	}
	if (unowned->count < UNOWNED_LOGGED_MAX) {
		unowned->entries[unowned->count].kind = kind;
		unowned->entries[unowned->count].place = place;
		unowned->count++;
		if (kind == UNOWNED_INSTRUCTION) {
			system_log("%s at 0x%lx: invalid opcode", names[kind], (unsigned long)place);
		} else {
			system_log("%s of %s 0x%lx, which nothing owns (rip 0x%lx)", write ? "write" : "read",
				names[kind], (unsigned long)place, (unsigned long)rip);
		}
	} else if (!unowned->told) {
		unowned->told = true;
		system_log("%u unowned places were logged; there are more, which are only counted",
			UNOWNED_LOGGED_MAX);
	}
}
