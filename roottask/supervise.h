/* SPDX-License-Identifier: MIT */
/* The supervisor: what happens when tasks die or hang and when VMs end, and the loop that the root task lives in. */
#pragma once

#include "root.h"

/* Makes the tick timer and arms it. */
BH_MUST_USE enum bh_error supervise_init(void);

/* Receives faults and signals for ever. */
_Noreturn void supervise_loop(void);

/* A task came to its end for `reason` (English, part of the event's line): restarts it, gives it up, or ends its VM. */
void task_died(uint32_t task, const char *reason);

/* The administrator's orders; each reports the event. */
void order_vm_stop(uint32_t vm);
void order_vm_start(uint32_t vm);
void order_vm_restart(uint32_t vm);

/* Milliseconds since the root task started. */
uint64_t now_ms(void);
