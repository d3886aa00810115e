/* SPDX-License-Identifier: MIT */
/* ISA interrupts by the MADT's interrupt source overrides. */
#include "isa_line.h"

#include <bulkhead/invocation.h>

#include <string.h>

#define MADT_ENTRIES 44u
#define MADT_OVERRIDE 2u
#define OVERRIDE_LENGTH 10u
/* MPS INTI flags, table 5.26: bits 1:0 polarity, 3:2 trigger; 3 is low, and level. Zero: as the bus, ISA edge high. */
#define INTI_POLARITY(flags) ((flags)&3u)
#define INTI_TRIGGER(flags) ((flags) >> 2 & 3u)

struct isa_line isa_line_read(struct acpi_table madt, uint32_t isa)
{
	struct isa_line found = { isa, 0 };

	for (uint32_t at = MADT_ENTRIES, length; at + 2 <= madt.length; at += length) {
		const uint8_t *entry = madt.bytes + at;

		length = entry[1];
		if (length < 2 || length > madt.length - at) {
			break;
		}
		if (entry[0] == MADT_OVERRIDE && length >= OVERRIDE_LENGTH && entry[3] == isa) {
			uint16_t flags;

			memcpy(&found.line, entry + 4, sizeof(found.line));
			memcpy(&flags, entry + 8, sizeof(flags));
			found.flags = (INTI_TRIGGER(flags) == 3 ? BH_IRQ_LEVEL : 0) |
				      (INTI_POLARITY(flags) == 3 ? BH_IRQ_ACTIVE_LOW : 0);
		}
	}
	return found;
}
