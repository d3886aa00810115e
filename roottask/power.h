/* SPDX-License-Identifier: MIT */
/* The machine's end, its date, and the serial port in an emergency: the few host ports that the root task touches itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Finds out how the machine is powered off. To be called once, before power_off. */
void power_init(void);

/* Unix time by the machine's clock chip; 0 if that shows no date. To be called once: nobody else may have its ports (0x70, 0x71). */
uint64_t wall_clock_read(void);

/* Switches the machine off by ACPI S5 (ACPI 6.4 section 4.8.3.2). Returns only if the machine does not say how, or does not obey. */
void power_off(void);

/* Resets the machine by the reset control register of PC chip sets (port 0xCF9). Returns only if it does not obey. */
void power_reset(void);

/* Writes to COM1 by polling. False if another task owns that port. */
bool emergency_write(const char *text, size_t length);
