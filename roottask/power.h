/* SPDX-License-Identifier: MIT */
/* The machine's end, and the serial port in an emergency: the few host ports that the root task touches itself. */
#pragma once

#include "acpi_power.h"
#include "isa_line.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Maps the firmware's tables and finds out how the machine is powered off. To be called once, before power_off and isa_line. */
void power_init(void);

/* The register of the clock chip in which the century stands, as the firmware says; 0: none. */
uint8_t century_register(void);

/* Where ISA interrupt `isa` (0 to 15) arrives. */
struct isa_line isa_line(uint32_t isa);

/* Switches the machine off by ACPI S5 (ACPI 6.4 section 4.8.3.2). Returns only if the machine does not say how, or does not obey. */
void power_off(void);

/* Resets the machine by the reset control register of PC chip sets (port 0xCF9). Returns only if it does not obey. */
void power_reset(void);

/* Writes to COM1 by polling. False if another task owns that port. */
bool emergency_write(const char *text, size_t length);
