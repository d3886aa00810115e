/* SPDX-License-Identifier: MIT */
/* Where the ISA interrupts of a PC arrive, as the firmware's tables say. Pure; no system calls. */
#pragma once

#include "acpi_power.h"

#include <stdint.h>

struct isa_line {
	uint32_t line;  /* global system interrupt */
	uint32_t flags; /* BH_IRQ_LEVEL, BH_IRQ_ACTIVE_LOW */
};

/* ISA interrupt `isa` by the MADT: the line of its own number, edge and high, unless that overrides it (ACPI 6.4 section 5.2.12.5). */
struct isa_line isa_line_read(struct acpi_table madt, uint32_t isa);
