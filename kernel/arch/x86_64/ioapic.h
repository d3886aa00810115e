/* SPDX-License-Identifier: MIT */
/* The I/O APICs: global system interrupts to vectors. Line n always arrives at VECTOR_INTERRUPT_FIRST + n. A level line
 * is masked by the kernel when it fires and unmasked when its owner acknowledges it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arch/x86_64/acpi.h"

/* Finds the I/O APICs' line counts and masks every line. Boot only. */
void ioapic_initialise(struct platform_information *platform);

/* Is there such a line (it belongs to an I/O APIC and is below INTERRUPT_LINES)? The others ignore lines that are not. */
bool interrupt_line_exists(uint32_t gsi);

/* Sends the line to its vector on the CPU with that APIC ID, fixed delivery, left masked. */
void interrupt_line_route(uint32_t gsi, bool level, bool active_low, uint8_t apic_id);

void interrupt_line_mask(uint32_t gsi);
void interrupt_line_unmask(uint32_t gsi);
