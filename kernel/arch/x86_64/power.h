/* SPDX-License-Identifier: MIT */
/* Ends the machine: power-off by ACPI S5, reset by ACPI, port 0xcf9, keyboard controller, triple fault. */
#pragma once

/* Returns only if the platform has no known way to power off. */
void machine_power_off(void);

_Noreturn void machine_reset(void);

/* Stops this CPU for good, interrupts off. */
_Noreturn void machine_halt(void);
