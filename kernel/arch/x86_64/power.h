/* SPDX-License-Identifier: MIT */
/* Ends the machine: reset by port 0xcf9 or triple fault. Powering off is the root task's. */
#pragma once

_Noreturn void machine_reset(void);

/* Stops this CPU for good, interrupts off. */
_Noreturn void machine_halt(void);
