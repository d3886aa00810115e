/* SPDX-License-Identifier: MIT */
/* This CPU's local APIC in xAPIC mode, by MMIO (AMD APM vol. 2 ch. 16). All functions act on the CPU that calls. */
#pragma once

#include <stdint.h>

/* Enables the APIC in xAPIC mode at the address that firmware gave it: LVTs masked, timer one-shot and stopped at VECTOR_TIMER, spurious VECTOR_SPURIOUS, TPR 0. Each CPU. */
void lapic_enable(void);

/* This CPU's APIC ID (xAPIC, 8 bits). */
uint8_t lapic_id(void);

/* Ends the interrupt in service. Not for VECTOR_SPURIOUS. */
void lapic_eoi(void);

/* Fires VECTOR_TIMER once, when the TSC reaches the deadline; at once if it has passed. It may fire early (a deadline
 * beyond the counter's 32 bits does): the caller compares the TSC and arms again. Replaces an earlier deadline. */
void lapic_timer_arm(uint64_t tsc_deadline);

/* For calibration only: starts the counter from its maximum, masked; reads what is left; back to a stopped timer. */
void lapic_timer_start_free_running(void);
uint32_t lapic_timer_current(void);
void lapic_timer_end_free_running(void);
